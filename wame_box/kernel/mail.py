"""Mail that leaves the box: queued with the rows it belongs to, sent and retried by one loop."""

import asyncio
import email.policy
import email.utils
import re
from collections.abc import Callable
from email.message import EmailMessage
from weakref import WeakSet

import aiosmtplib
import structlog
from msgspec import Struct

from wame_box.kernel.clock import HOUR, MINUTE, SECOND, Clock
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.ids import new_id
from wame_box.kernel.settings import Mail
from wame_box.kernel.sql import Sql

# Waits after the first, second … failure; after the last one the mail is given up.
RETRIES = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR)
LONGEST_REST = HOUR
BATCH = 20
TIMEOUT = 30.0  # seconds, for each step with the server

# Deliberately narrow: one address, without names, comments, quotes, commas or anything invisible.
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+@[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+")

log = structlog.get_logger()
_senders: WeakSet["MailSender"] = WeakSet()


class QueuedMail(Struct, frozen=True):
    """A row of `mails` that is due."""

    id: int
    recipient: str
    subject: str
    body: str
    attempts: int
    created_at: int


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent there: what `queue_mail` takes."""
    return _ADDRESS.fullmatch(text) is not None


def queue_mail(tx: Tx, to: str, subject: str, text: str, account_id: int | None = None) -> int:
    """Send a mail once this unit of work is on disk. `to` is one bare address. Returns the mail's id.

    Raises ValueError for an address that is none: check what members type before.
    """
    if not is_mail_address(to):
        raise ValueError("not one bare mail address")
    mail_id = new_id()
    tx.run(
        "INSERT INTO mails (id, account_id, recipient, subject, body, status, next_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'queued', ?, ?)",
        mail_id, account_id, to, _one_line(subject), text, tx.now, tx.now,
    )  # fmt: skip
    tx.after_commit(_wake_senders)
    return mail_id


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _wake_senders() -> None:
    for sender in _senders:
        sender.wake()


class MailSender:
    """Sends what is queued through the configured server; without one, marks it skipped and says so in the log."""

    def __init__(self, db: Database, clock: Clock, config: Mail) -> None:
        self._db = db
        self._clock = clock
        self._config = config
        self._woken = asyncio.Event()
        _senders.add(self)

    def wake(self) -> None:
        """There may be something new. For the loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Send for ever; cancel it to stop. A mail in flight is sent again at the next start."""
        while True:
            self._woken.clear()
            try:
                await self.send_due()
                await self._rest()
            except Exception as error:  # such as a read that the disk refused: nobody else would send the others
                log.error("mail.loop_failed", exc_info=error)
                await self._clock.sleep(MINUTE)

    async def send_due(self) -> None:
        """Send everything that is due now."""
        while mails := await self._db.read(_due, self._clock.now()):
            for mail in mails:
                await self._handle(mail)
                _heed_cancellation()

    async def _rest(self) -> None:
        latest = self._clock.now() + LONGEST_REST
        until = min(await self._db.read(_next_due) or latest, latest)
        woken = asyncio.ensure_future(self._woken.wait())
        rested = asyncio.ensure_future(self._clock.sleep_until(until))
        try:
            await asyncio.wait({woken, rested}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            rested.cancel()

    async def _handle(self, mail: QueuedMail) -> None:
        if not self._config.host:
            log.warning("mail.skipped", mail=mail.id, reason="[mail] host is not set")
            await self._keep(_finish, mail.id, "skipped", "mail is not configured")
            return
        try:
            await self._send(mail)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            await self._note_failure(mail, error)
            return
        log.info("mail.sent", mail=mail.id)
        await self._keep(_finish, mail.id, "sent", None)

    async def _send(self, mail: QueuedMail) -> None:
        config = self._config
        await aiosmtplib.send(
            compose(mail, config.sender),
            sender=email.utils.parseaddr(config.sender)[1],
            recipients=[mail.recipient],
            hostname=config.host,
            port=config.port,
            username=config.user or None,
            password=config.password or None,
            use_tls=config.tls == "tls",
            start_tls=config.tls == "starttls",
            timeout=TIMEOUT,
        )

    async def _note_failure(self, mail: QueuedMail, error: Exception) -> None:
        # A server's answer may repeat the address: the row has it anyway, the log must not.
        reason = f"{type(error).__name__}: {error}"[:500]
        if _is_final(error) or mail.attempts >= len(RETRIES):
            log.error("mail.failed", mail=mail.id, error=type(error).__name__)
            await self._keep(_finish, mail.id, "failed", reason)
            return
        wait = RETRIES[mail.attempts]
        log.warning("mail.retry", mail=mail.id, error=type(error).__name__, in_seconds=wait // SECOND)
        await self._keep(_retry, mail.id, mail.attempts, self._clock.now() + wait, reason)

    async def _keep(self, fn: Callable[..., None], *args: object) -> None:
        """Until the disk takes it: a mail whose end is not kept would be sent again and again."""
        while True:
            try:
                await self._db.write(fn, *args)
            except StorageFailed as error:
                log.error("mail.storage_failed", error=str(error))
            else:
                return
            await self._clock.sleep(MINUTE)
            _heed_cancellation()


def _heed_cancellation() -> None:
    """Stop when asked to while sending: the wait_for of Python 3.11, which aiosmtplib uses, can swallow a cancellation."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def compose(mail: QueuedMail, sender: str) -> EmailMessage:
    """The message as sent. Its id is the mail's: a copy sent after a crash is recognised as the same.

    Raises ValueError when a header would break: nothing that a member typed can add one.
    """
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = email.utils.formatdate(mail.created_at / 1000)
    message["Message-ID"] = f"<{mail.id}.{mail.created_at}@{email.utils.parseaddr(sender)[1].partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    return message


def _is_final(error: Exception) -> bool:
    """Whether trying again is pointless: the server refused this mail or this recipient for good."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    final = (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused)
    return isinstance(error, ValueError) or (isinstance(error, final) and error.code >= 500)


def _due(sql: Sql, now: int) -> list[QueuedMail]:
    return sql.all(
        QueuedMail,
        "SELECT id, recipient, subject, body, attempts, created_at FROM mails"
        " WHERE status = 'queued' AND next_at <= ? ORDER BY next_at LIMIT ?",
        now, BATCH,
    )  # fmt: skip


def _next_due(sql: Sql) -> int:
    return int(sql.value("SELECT coalesce(min(next_at), 0) FROM mails WHERE status = 'queued'"))


def _finish(tx: Tx, mail_id: int, status: str, error: str | None) -> None:
    # What was sent is not ours to keep: it may hold a link that opens an account.
    tx.run(
        "UPDATE mails SET status = ?, error = ?, attempts = attempts + 1, sent_at = iif(? = 'sent', ?, NULL),"
        " body = iif(? = 'sent', '', body) WHERE id = ? AND status = 'queued'",
        status, error, status, tx.now, status, mail_id,
    )  # fmt: skip


def _retry(tx: Tx, mail_id: int, attempts: int, next_at: int, error: str) -> None:
    tx.run(
        "UPDATE mails SET attempts = attempts + 1, next_at = ?, error = ? WHERE id = ? AND status = 'queued' AND attempts = ?",
        next_at, error, mail_id, attempts,
    )  # fmt: skip
