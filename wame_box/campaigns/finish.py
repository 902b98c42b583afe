"""The end of a campaign: its batch says that every message was sent, failed or was cancelled, or that it was stopped."""

from __future__ import annotations

from wame_box.campaigns import store
from wame_box.campaigns.announce import announce
from wame_box.campaigns.models import CampaignFinished, CampaignStatus, CampaignStopped
from wame_box.kernel.db import Tx
from wame_box.messaging.models import BatchFinished, BatchStopped


def batch_finished(tx: Tx, event: BatchFinished, event_id: int = 0) -> None:
    """The core reaction to `BatchFinished`. A batch of another kind is none of ours."""
    del event_id
    row = store.campaign_of_batch(tx, event.account_id, event.batch_id)
    if row is None:
        return
    if store.move(tx, row.id, (CampaignStatus.RUNNING,), CampaignStatus.FINISHED, finished_at=tx.now):
        announce(tx, row.id, CampaignFinished)


def batch_stopped(tx: Tx, event: BatchStopped, event_id: int = 0) -> None:
    """The core reaction to `BatchStopped`: nobody asked for it, so the campaign keeps the reason."""
    del event_id
    row = store.campaign_of_batch(tx, event.account_id, event.batch_id)
    if row is None:
        return
    old = (CampaignStatus.RUNNING, CampaignStatus.PAUSED)
    if store.move(tx, row.id, old, CampaignStatus.STOPPED, reason=event.reason, finished_at=tx.now):
        announce(tx, row.id, CampaignStopped)
