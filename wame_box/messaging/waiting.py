"""Why a message waits, and until when: what the queue's row, its batch and its session say, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.kernel.i18n import gettext as _
from wame_box.messaging.log_store import Line
from wame_box.messaging.models import BatchStatus, MessageStatus
from wame_box.messaging.pacing import WaitReason
from wame_box.messaging.words import wait_text
from wame_box.sessions.models import SessionStatus


@dataclass(frozen=True)
class Waiting:
    """A sentence in the language spoken now, and when it ends (ms UTC), if that is known."""

    text: str
    until: int | None = None


def waiting(line: Line, now: int) -> Waiting | None:
    """None for a message that does not wait."""
    if line.status is not MessageStatus.QUEUED:
        return None
    if line.batch_status == BatchStatus.PAUSED:
        return Waiting(_("Its campaign is paused."))
    if line.due_at > now:
        return Waiting(wait_text(line.wait_reason or WaitReason.SCHEDULED), line.due_at)
    if line.session_status is not SessionStatus.CONNECTED:
        return Waiting(_("The session is not connected."))
    held = line.held_until is not None and line.held_until > now
    if held and (line.held_reason != WaitReason.STRANGER_CAP or line.is_new):
        return Waiting(wait_text(line.held_reason), line.held_until)
    return Waiting(_("It goes out as soon as its turn comes."))
