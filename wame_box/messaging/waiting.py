"""Why a message waits, and until when: what the queue's row, its batch and its session say, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.i18n import show_date, show_datetime, show_time
from wame_box.messaging.log_store import Line
from wame_box.messaging.models import BatchStatus, MessageStatus
from wame_box.messaging.pacing import WaitReason
from wame_box.messaging.words import wait_text
from wame_box.sessions.models import SessionStatus


@dataclass(frozen=True)
class Waiting:
    """A sentence on why, in the language spoken now, and when it ends (ms UTC), if that is known; `ends` says so."""

    text: str
    until: int | None = None
    ends: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.ends}".rstrip()


def until(text: str, moment: int, now: int) -> Waiting:
    """Waits until a moment: its time alone when that is today, in the zone of now."""
    today = show_date(moment) == show_date(now)
    return Waiting(text, moment, _("Until %(moment)s.", moment=show_time(moment) if today else show_datetime(moment, "short")))


def waiting(line: Line, now: int) -> Waiting | None:
    """None for a message that does not wait."""
    if line.status is not MessageStatus.QUEUED:
        return None
    if line.batch_status == BatchStatus.PAUSED:
        return Waiting(_("Its campaign is paused."))
    if line.due_at > now:
        return until(wait_text(line.wait_reason or WaitReason.SCHEDULED), line.due_at, now)
    if line.session_status is not SessionStatus.CONNECTED:
        return Waiting(_("The session is not connected."))
    held = (line.held_until or 0) > now
    if line.held_until and held and (line.held_reason != WaitReason.STRANGER_CAP or line.is_new):
        return until(wait_text(line.held_reason), line.held_until, now)
    return Waiting(_("It goes out as soon as its turn comes."))
