"""Why a running campaign sends nothing right now, and until when."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.campaigns import people_store
from wame_box.campaigns.models import Campaign, CampaignStatus, Progress
from wame_box.kernel.clock import SECOND
from wame_box.kernel.db import Sql
from wame_box.messaging import pacing_store
from wame_box.sessions import store as sessions
from wame_box.sessions.models import SessionStatus

WORTH_SAYING = 15 * SECOND  # shorter pauses are how pacing works, not news


@dataclass(frozen=True)
class Held:
    """`reason`: `offline`, or one of pacing's; `until` is None when nobody knows."""

    reason: str
    until: int | None = None


def held(sql: Sql, row: Campaign, progress: Progress, now: int) -> Held | None:
    """What holds the campaign up; None when it sends, or has nothing to send."""
    if row.status is not CampaignStatus.RUNNING or progress.waiting == 0 or not (row.session_id and row.batch_id):
        return None
    session = sessions.session_row(sql, row.session_id)
    if session is None or session.status is not SessionStatus.CONNECTED:
        return Held("offline")
    due = people_store.next_message(sql, row.session_id, row.batch_id)
    if due is not None and due[0] > now + WORTH_SAYING:
        return Held(due[1] or "scheduled", due[0])  # each of its messages waits for its own time, such as the morning
    found = pacing_store.waiting(sql, row.session_id)
    if found is not None and found[0] > now + WORTH_SAYING:
        return Held(found[1], found[0])
    return None
