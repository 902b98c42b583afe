"""Launching: from draft to running, at once or when its time comes. One transaction makes the batch and moves the campaign."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.campaigns import draft, store
from wame_box.campaigns.announce import announce
from wame_box.campaigns.audience import Audience, count
from wame_box.campaigns.models import Campaign, CampaignStarted, CampaignStatus, CampaignStopped, Launch
from wame_box.kernel import ids
from wame_box.kernel.clock import from_datetime
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused
from wame_box.messaging import batches

S = CampaignStatus
Wake = Callable[[], None]


def look(sql: Sql, caller: Caller, campaign_id: int) -> Audience:
    """Whom a launch would reach now. It reads the whole audience, so it comes before the launch, never inside of it.

    Raises: Refused("not_found").
    """
    return count(sql, draft.find(sql, caller, campaign_id))


def launch(tx: Tx, caller: Caller, campaign_id: int, wish: Launch, audience: Audience, wake: Wake) -> Campaign:
    """Starts or schedules a draft. `wake` is called after the commit: there is something to expand, or a new time to wait for.

    Raises: Refused("not_found"), Refused("state_changed") when it is no draft, Refused("campaign_no_session"),
    Refused("campaign_no_recipients"), Refused("invalid_input") naming `scheduled_at`.
    """
    row = draft.find(tx, caller, campaign_id)
    if row.status is not S.DRAFT:
        raise Refused("state_changed")
    if row.session_id is None or not store.owns_session(tx, caller.account_id, row.session_id):
        raise Refused("campaign_no_session")
    if row.list_id is not None and not store.owns_list(tx, caller.account_id, row.list_id):
        raise Refused("campaign_list_unknown")
    start_at = _start_at(row, wish, tx.now)
    if start_at is None and audience.reached(wish.include_unconsented) == 0:
        raise Refused("campaign_no_recipients")
    chosen = {"include_unconsented": int(wish.include_unconsented), "launched_by": caller.member_id}
    if start_at is not None:
        _move(tx, row, S.DRAFT, S.SCHEDULED, scheduled_at=start_at, **chosen)
    else:
        _begin(tx, row, S.DRAFT, row.session_id, scheduled_at=None, **chosen)
    _record(tx, caller, row, "campaign.scheduled" if start_at else "campaign.launched", wish, audience)
    tx.after_commit(wake)
    return draft.find(tx, caller, campaign_id)


def start_due(tx: Tx, campaign_id: int, wake: Wake) -> None:
    """Starts a scheduled campaign whose time has come; does nothing when it is not scheduled any more."""
    row = store.any_campaign(tx, campaign_id)
    if row is None or row.status is not S.SCHEDULED or (row.scheduled_at or 0) > tx.now:
        return
    if row.session_id is None or not store.owns_session(tx, row.account_id, row.session_id):
        _give_up(tx, row, "session_gone")
    elif row.list_id is not None and not store.owns_list(tx, row.account_id, row.list_id):
        _give_up(tx, row, "list_gone")
    else:
        _begin(tx, row, S.SCHEDULED, row.session_id)
        tx.after_commit(wake)


def _give_up(tx: Tx, row: Campaign, reason: str) -> None:
    _move(tx, row, S.SCHEDULED, S.STOPPED, reason=reason, finished_at=tx.now)
    announce(tx, row.id, CampaignStopped)


def unschedule(tx: Tx, caller: Caller, campaign_id: int) -> Campaign:
    """Makes a scheduled campaign a draft again.

    Raises: Refused("not_found"), Refused("state_changed").
    """
    row = draft.find(tx, caller, campaign_id)
    _move(tx, row, S.SCHEDULED, S.DRAFT, include_unconsented=0, launched_by=None)
    audit.record(tx, caller, "campaign.unscheduled", row.public_id)
    return draft.find(tx, caller, campaign_id)


def _start_at(row: Campaign, wish: Launch, now: int) -> int | None:
    """When to start; None is now. A draft's own time that has passed is refused: nobody meant "now" by it."""
    moment = row.scheduled_at
    if wish.scheduled_at is not UNSET:
        moment = from_datetime(wish.scheduled_at) if wish.scheduled_at else None
    if moment is not None and (late := draft.check_schedule(moment, now)):
        raise Refused("invalid_input", fields=[late])
    return moment


def _begin(tx: Tx, row: Campaign, old: CampaignStatus, session_id: int, **columns: object) -> None:
    batch_id = batches.create(tx, row.account_id, session_id, "campaign")
    _move(tx, row, old, S.RUNNING, batch_id=batch_id, launched_at=tx.now, **columns)
    announce(tx, row.id, CampaignStarted)


def _move(tx: Tx, row: Campaign, old: CampaignStatus, new: CampaignStatus, **columns: object) -> None:
    if not store.move(tx, row.id, (old,), new, **columns):
        raise Refused("state_changed")


def _record(tx: Tx, caller: Caller, row: Campaign, action: str, wish: Launch, audience: Audience) -> None:
    facts: dict[str, object] = {
        "session": ids.show("ses", row.session_id or 0),
        "recipients": audience.reached(wish.include_unconsented),
        "skipped": audience.skipped(wish.include_unconsented),
    }
    if wish.include_unconsented:
        facts["without_consent"] = audience.unconsented
    audit.record(tx, caller, action, row.public_id, **facts)
