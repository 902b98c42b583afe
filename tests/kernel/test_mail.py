"""Mail: queued with a transaction, sent through a real SMTP server on the loopback, retried, never forged."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from wame_box.kernel.clock import MINUTE, FakeClock
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.mail import MailSender, is_mail_address, queue_mail
from wame_box.kernel.migrations import migrate
from wame_box.kernel.settings import Mail
from wame_box.kernel.sql import Sql

START = 1_790_000_000_000


class PostOffice:
    """An SMTP server that keeps what it is given; `refuse` answers a command otherwise, once each time."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []
        self.refuse: dict[str, list[str]] = {}
        self.arrived = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        sender = recipient = ""
        writer.write(b"220 post office\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.split(":")[0].split(" ")[0].upper()
            if self.refuse.get(command):
                answer = self.refuse[command].pop(0)
            elif command == "DATA":
                writer.write(b"354 go on\r\n")
                content = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                self.mails.append((sender, recipient, content.decode()))
                self.arrived.set()
                answer = "250 kept"
            else:
                answer = "221 bye" if command == "QUIT" else "250 fine"
            sender = line if command == "MAIL" else sender
            recipient = line if command == "RCPT" else recipient
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
        writer.close()


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    made = PostOffice()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
async def db(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    migrate(tmp_path / "box.db", bytes(32))
    made = Database(tmp_path / "box.db", bytes(32), clock, readers=1)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def sender(db: Database, clock: FakeClock, office: PostOffice) -> MailSender:
    config = Mail(host="127.0.0.1", port=office.port, sender="WaMe Box <box@example.com>", tls="none")
    return MailSender(db, clock, config)


async def queue(db: Database, to: str = "alice@example.com", subject: str = "Hello", text: str = "A text") -> int:
    return await db.write(lambda tx: queue_mail(tx, to, subject, text, 7))


async def row(db: Database, mail_id: int) -> tuple[str, int, str | None, int | None]:
    def read(sql: Sql) -> tuple[str, int, str | None, int | None]:
        return sql.rows("SELECT status, attempts, error, sent_at FROM mails WHERE id = ?", mail_id)[0]

    return await db.read(read)


async def test_a_mail_arrives_whole(db: Database, sender: MailSender, office: PostOffice) -> None:
    mail_id = await queue(db, subject="Réinitialiser", text="Zoé, cliquez ici :\nhttps://box.example/x\n.\nFin")
    await sender.send_due()
    envelope_from, envelope_to, content = office.mails[0]
    assert envelope_from.startswith("MAIL FROM:<box@example.com>")
    assert envelope_to == "RCPT TO:<alice@example.com>"
    message = email.message_from_string(content, policy=email.policy.default)
    assert (message["from"], message["to"], message["subject"]) == (
        "WaMe Box <box@example.com>",
        "alice@example.com",
        "Réinitialiser",
    )
    assert message["message-id"] == f"<{mail_id}.{START}@example.com>"
    assert message["date"].datetime.timestamp() == START // 1000
    assert "https://box.example/x" in message.get_content()
    assert await row(db, mail_id) == ("sent", 1, None, START)
    assert await db.read(lambda sql: sql.value("SELECT body FROM mails")) == ""


async def test_nothing_is_sent_of_a_transaction_that_failed(db: Database, sender: MailSender, office: PostOffice) -> None:
    def fail(tx: Tx) -> None:
        queue_mail(tx, "alice@example.com", "Hello", "A text")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await db.write(fail)
    await sender.send_due()
    assert office.mails == []


async def test_a_busy_server_is_asked_again_later(db: Database, sender: MailSender, office: PostOffice, clock: FakeClock) -> None:
    office.refuse["RCPT"] = ["450 later", "451 later still"]
    mail_id = await queue(db)
    await sender.send_due()
    status, attempts, error, _sent = await row(db, mail_id)
    assert (status, attempts) == ("queued", 1)
    assert error is not None
    assert "later" in error
    await sender.send_due()
    assert office.mails == []
    clock.advance(MINUTE)
    await sender.send_due()
    clock.advance(5 * MINUTE - 1)
    await sender.send_due()
    assert (await row(db, mail_id))[:2] == ("queued", 2)
    clock.advance(1)
    await sender.send_due()
    assert (await row(db, mail_id))[:2] == ("sent", 3)
    assert len(office.mails) == 1


async def test_a_refused_recipient_is_final(db: Database, sender: MailSender, office: PostOffice) -> None:
    office.refuse["RCPT"] = ["550 nobody here"]
    mail_id = await queue(db)
    other = await queue(db, to="bob@example.com")
    await sender.send_due()
    assert (await row(db, mail_id))[:2] == ("failed", 1)
    assert (await row(db, other))[0] == "sent"


async def test_a_server_that_is_away_is_given_up_after_a_day(db: Database, clock: FakeClock, office: PostOffice) -> None:
    await office.stop()
    sender = MailSender(db, clock, Mail(host="127.0.0.1", port=office.port, sender="box@example.com", tls="none"))
    mail_id = await queue(db)
    await sender.send_due()
    while (found := await row(db, mail_id))[0] == "queued":
        clock.advance(MINUTE * 60)
        await sender.send_due()
    assert found[:2] == ("failed", 7)
    await office.start()


async def test_plain_text_is_never_fallen_back_to(db: Database, clock: FakeClock, office: PostOffice) -> None:
    config = Mail(host="127.0.0.1", port=office.port, sender="box@example.com", tls="starttls", user="u", password="p")
    await queue(db)
    await MailSender(db, clock, config).send_due()
    assert office.mails == []


async def test_without_a_server_mails_are_skipped(db: Database, clock: FakeClock) -> None:
    mail_id = await queue(db)
    await MailSender(db, clock, Mail()).send_due()
    assert await row(db, mail_id) == ("skipped", 1, "mail is not configured", None)


@pytest.mark.parametrize(
    "to",
    [
        "alice@example.com\r\nBcc: charlie@example.com",
        "alice@example.com, charlie@example.com",
        "Alice <alice@example.com>",
        "alice@example.com>",
        "alice",
        "",
        "a b@example.com",
        "alice@example.com\n",
    ],
)
async def test_only_one_bare_address(db: Database, to: str) -> None:
    assert not is_mail_address(to)
    with pytest.raises(ValueError, match="not one bare mail address"):
        await queue(db, to=to)


async def test_no_header_can_be_added(db: Database, sender: MailSender, office: PostOffice) -> None:
    await queue(db, subject="Hi\r\nBcc: charlie@example.com\u2028X: y\x00\n\nBody")
    await sender.send_due()
    message = email.message_from_string(office.mails[0][2], policy=email.policy.default)
    assert message["subject"] == "Hi Bcc: charlie@example.com X: y Body"
    assert "bcc" not in message
    assert message.get_content().strip() == "A text"


async def test_the_loop_wakes_for_a_new_mail_and_for_a_retry(
    db: Database, sender: MailSender, office: PostOffice, clock: FakeClock
) -> None:
    running = asyncio.create_task(sender.run())
    try:
        await queue(db)
        await asyncio.wait_for(office.arrived.wait(), 5)
        office.arrived.clear()
        office.refuse["DATA"] = ["451 later"]
        await queue(db, to="bob@example.com")
        while clock.next_wake() != START + MINUTE:  # it rests until the retry
            await asyncio.sleep(0)
        clock.advance(MINUTE)
        await asyncio.wait_for(office.arrived.wait(), 5)
        assert [envelope[1] for envelope in office.mails] == ["RCPT TO:<alice@example.com>", "RCPT TO:<bob@example.com>"]
    finally:
        running.cancel()  # while the server's answer is on its way
        await asyncio.wait({running}, timeout=5)
    assert running.cancelled()


async def test_a_full_disk_does_not_send_a_mail_twice(
    db: Database, sender: MailSender, office: PostOffice, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_id = await queue(db)
    write, refused = db.write, [StorageFailed(True, "full"), StorageFailed(True, "full")]

    async def full(*args: Any, **kwargs: Any) -> Any:
        if refused:
            raise refused.pop()
        return await write(*args, **kwargs)

    monkeypatch.setattr(db, "write", full)
    sending = asyncio.create_task(sender.send_due())
    async with asyncio.timeout(5):
        while not sending.done():
            clock.advance(MINUTE if clock.next_wake() else 0)
            await asyncio.sleep(0)
    assert len(office.mails) == 1
    assert (await row(db, mail_id))[0] == "sent"
