"""How a message's state, its waiting and its failure read: word, colour and icon, the same on every page and report."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.kernel.errors import CODES, N_
from wame_box.kernel.i18n import gettext
from wame_box.messaging.models import MessageStatus
from wame_box.messaging.pacing import WAIT_TEXTS, WaitReason

S = MessageStatus


@dataclass(frozen=True)
class Word:
    """A state as pages show it. `text` is English; `tone` and `icon` are names that `ui.status` knows."""

    text: str
    tone: str
    icon: str

    def __str__(self) -> str:
        return gettext(self.text)


STATUS_WORDS: dict[MessageStatus, Word] = {
    S.QUEUED: Word(N_("Queued"), "muted", "clock"),
    S.SENDING: Word(N_("Sending"), "busy", "send"),
    S.UNKNOWN: Word(N_("No answer"), "warn", "help-circle"),
    S.SENT: Word(N_("Sent"), "muted", "check"),
    S.DELIVERED: Word(N_("Delivered"), "busy", "checks"),
    S.READ: Word(N_("Read"), "ok", "eye"),
    S.PLAYED: Word(N_("Played"), "ok", "player-play"),
    S.FAILED: Word(N_("Failed"), "bad", "alert-circle"),
    S.CANCELLED: Word(N_("Cancelled"), "muted", "circle-x"),
    S.EXPIRED: Word(N_("Expired"), "muted", "hourglass"),
    S.RECEIVED: Word(N_("Received"), "accent", "inbox"),
}

# Why a message failed or was taken back. Other codes read as in the catalogue of errors.
ERROR_TEXTS: dict[str, str] = {
    "not_on_whatsapp": N_("This number is not on WhatsApp."),
    "banned": N_("WhatsApp has closed the sending number."),
    "server_refused": N_("WhatsApp's server refused the message."),
    "connection_lost": N_("The connection to WhatsApp was lost, and trying again did not help."),
    "timeout": N_("WhatsApp did not answer in time, and trying again did not help."),
    "engine_failed": N_("The engine broke down while sending. The server's log says more."),
    "recipient_opted_out": N_("This person asked not to get messages any more."),
    "batch_stopped": N_("The campaign was stopped before this message was sent."),
    "session_deleted": N_("Its session was deleted."),
    "cancelled": N_("It was cancelled before it was sent."),
    "expired": N_("It could not be sent in time."),
    "unknown": N_("WhatsApp gave no reason."),
}


def status_word(status: MessageStatus | str) -> Word:
    return STATUS_WORDS[MessageStatus(status)]


def error_text(code: str | None) -> str:
    """The sentence of a message's error code, in the language spoken now; empty without a code."""
    if not code:
        return ""
    if code in ERROR_TEXTS:
        return gettext(ERROR_TEXTS[code])
    problem = CODES.get(code)
    if problem is not None and "%(" not in problem.text:
        return gettext(problem.text)
    return gettext(N_("WhatsApp reported the error %(code)s."), code=code)


def wait_text(reason: str | None) -> str:
    """Why a message or a session waits, in the language spoken now; empty without a reason."""
    try:
        return gettext(WAIT_TEXTS[WaitReason(reason)]) if reason else ""
    except ValueError:
        return reason or ""


def bubble_state(status: MessageStatus) -> str:
    """The ticks below a bubble of a conversation: `queued`, `sent`, `delivered`, `read` or `failed`."""
    if status in (S.SENT, S.DELIVERED, S.READ, S.FAILED):
        return str(status)
    if status is S.PLAYED:
        return "read"
    return "failed" if status in (S.CANCELLED, S.EXPIRED) else "queued"
