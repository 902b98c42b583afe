"""The end of a campaign: its batch says that every message was sent, failed or was cancelled."""

from __future__ import annotations

from wame_box.campaigns import store
from wame_box.campaigns.announce import announce
from wame_box.campaigns.models import CampaignFinished, CampaignStatus
from wame_box.kernel.db import Tx
from wame_box.messaging.models import BatchFinished


def batch_finished(tx: Tx, event: BatchFinished, event_id: int = 0) -> None:
    """The core reaction to `BatchFinished`. A batch of another kind is none of ours."""
    del event_id
    row = store.campaign_of_batch(tx, event.account_id, event.batch_id)
    if row is None:
        return
    if store.move(tx, row.id, (CampaignStatus.RUNNING,), CampaignStatus.FINISHED, finished_at=tx.now):
        announce(tx, row.id, CampaignFinished)
