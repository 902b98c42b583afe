"""Telling what happened to a campaign: the event with its counts, and the open pages."""

from __future__ import annotations

from wame_box.campaigns import store
from wame_box.campaigns.models import (
    CampaignEvent,
    CampaignFinished,
    CampaignPaused,
    CampaignResumed,
    CampaignStarted,
    CampaignStopped,
    Progress,
)
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.events import Reaction
from wame_box.kernel.live import LiveHub
from wame_box.messaging import batch_store

CAMPAIGN_EVENTS: tuple[type[CampaignEvent], ...] = (
    CampaignStarted,
    CampaignPaused,
    CampaignResumed,
    CampaignStopped,
    CampaignFinished,
)


def announce(tx: Tx, campaign_id: int, kind: type[CampaignEvent]) -> None:
    """Emits the event with the campaign's state and counts as they are now."""
    row = store.any_campaign(tx, campaign_id)
    if row is None:
        return
    batch = batch_store.batch(tx, row.account_id, row.batch_id) if row.batch_id else None
    tx.emit(
        kind(
            account_id=row.account_id,
            session_id=row.session_id,
            campaign_id=row.id,
            batch_id=row.batch_id,
            name=row.name,
            status=row.status,
            reason=row.reason,
            progress=Progress.of(row, batch),
            skipped=row.skipped_counts,
            at=tx.now,
        )
    )


def tell_pages(live: LiveHub) -> Reaction:
    """The core reaction to CAMPAIGN_EVENTS: `campaign:cmp_…` and `campaigns` speak after the commit."""

    def tell(tx: Tx, event: CampaignEvent, event_id: int) -> None:
        del event_id
        news = {"campaign": ids.show("cmp", event.campaign_id), "status": event.status}

        def publish() -> None:
            live.publish(event.account_id, f"campaign:{news['campaign']}", news)
            live.publish(event.account_id, "campaigns", news)

        tx.after_commit(publish)

    return tell
