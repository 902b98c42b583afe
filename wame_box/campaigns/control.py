"""Pause, resume, stop: the campaign and its batch move together, in one transaction, from the state that was expected."""

from __future__ import annotations

from collections.abc import Callable

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.campaigns import draft, store
from wame_box.campaigns.announce import announce
from wame_box.campaigns.models import Campaign, CampaignPaused, CampaignResumed, CampaignStatus, CampaignStopped
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.messaging import batches

S = CampaignStatus


def pause(tx: Tx, caller: Caller, campaign_id: int) -> Campaign:
    """What is in flight goes out; nothing more does until it is resumed.

    Raises: Refused("not_found"), Refused("state_changed") unless it runs.
    """
    row, batch_id = _launched(tx, caller, campaign_id)
    _move(tx, row, (S.RUNNING,), S.PAUSED)
    batches.pause(tx, row.account_id, batch_id)
    announce(tx, row.id, CampaignPaused)
    audit.record(tx, caller, "campaign.paused", row.public_id)
    return draft.find(tx, caller, campaign_id)


def resume(tx: Tx, caller: Caller, campaign_id: int, wake: Callable[[int], None]) -> Campaign:
    """Goes on. `wake(session_id)` is called after the commit.

    Raises: Refused("not_found"), Refused("state_changed") unless it is paused.
    """
    row, batch_id = _launched(tx, caller, campaign_id)
    _move(tx, row, (S.PAUSED,), S.RUNNING)
    announce(tx, row.id, CampaignResumed)
    batches.resume(tx, row.account_id, batch_id, wake)  # may finish it, so the event above comes first
    audit.record(tx, caller, "campaign.resumed", row.public_id)
    return draft.find(tx, caller, campaign_id)


def stop(tx: Tx, caller: Caller, campaign_id: int, cancel_rest: Callable[[int], None]) -> Campaign:
    """Ends it for good. `cancel_rest(batch_id)` is called after the commit. One that was only scheduled sends nothing.

    Raises: Refused("not_found"), Refused("state_changed") when it has ended or was never launched.
    """
    row = draft.find(tx, caller, campaign_id)
    batch_id = row.batch_id
    old = (S.SCHEDULED,) if batch_id is None else (S.RUNNING, S.PAUSED)
    _move(tx, row, old, S.STOPPED, finished_at=tx.now)
    if batch_id is not None:
        batches.stop(tx, row.account_id, batch_id)
        tx.after_commit(lambda: cancel_rest(batch_id))
    announce(tx, row.id, CampaignStopped)
    audit.record(tx, caller, "campaign.stopped", row.public_id)
    return draft.find(tx, caller, campaign_id)


def _launched(tx: Tx, caller: Caller, campaign_id: int) -> tuple[Campaign, int]:
    row = draft.find(tx, caller, campaign_id)
    if row.batch_id is None:
        raise Refused("state_changed")
    return row, row.batch_id


def _move(tx: Tx, row: Campaign, old: tuple[CampaignStatus, ...], new: CampaignStatus, **columns: object) -> None:
    if not store.move(tx, row.id, old, new, **columns):
        raise Refused("state_changed")
