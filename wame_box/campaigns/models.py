"""Shapes of the campaigns slice: who gets what and when, how it went, what the API takes and shows, and the events."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.errors import N_
from wame_box.kernel.events import Event
from wame_box.messaging.models import CAPTION_LIMIT, TEXT_LIMIT, Batch, ImageContent, Moment, TextContent
from wame_box.sessions.engine import MessageKind

NAME_LIMIT = 100


class CampaignStatus(StrEnum):
    """draft → scheduled → running ⇄ paused → finished | stopped."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"


class SkipReason(StrEnum):
    """Why somebody of the audience gets no message. The first that applies is counted."""

    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    MISSING_VARIABLE = "missing_variable"
    TEXT_TOO_LONG = "text_too_long"
    DUPLICATE = "duplicate"


SKIP_TEXTS = {
    SkipReason.OPTED_OUT: N_("Asked not to get messages any more"),
    SkipReason.NO_CONSENT: N_("No consent on record"),
    SkipReason.MISSING_VARIABLE: N_("A variable of the text has no value"),
    SkipReason.TEXT_TOO_LONG: N_("The text becomes too long"),
    SkipReason.DUPLICATE: N_("In the campaign already"),
}

# Why a campaign was stopped by itself. The key is stored; the sentence is translated where it is shown.
STOP_TEXTS = {
    "session_gone": N_("Its session was deleted."),
    "list_gone": N_("Its list was deleted before it could start."),
}


class Campaign(msgspec.Struct, frozen=True):
    """A row. `list_id` None: all contacts. `cursor`: the last contact that expansion looked at; `audience`: how many it looked
    at so far; `expanded`: it looked at all; `skipped`: JSON, how many by reason. `body` is the text or the image's caption."""

    id: int
    account_id: int
    name: str
    status: CampaignStatus
    reason: str | None
    session_id: int | None
    list_id: int | None
    kind: MessageKind
    body: str
    image_url: str | None
    batch_id: int | None
    include_unconsented: bool
    cursor: int
    expanded: bool
    audience: int
    skipped: str
    scheduled_at: int | None
    launched_at: int | None
    launched_by: int | None
    finished_at: int | None
    created_at: int
    updated_at: int

    @property
    def public_id(self) -> str:
        return ids.show("cmp", self.id)

    @property
    def skipped_counts(self) -> dict[str, int]:
        return msgspec.json.decode(self.skipped, type=dict[str, int])

    @property
    def text_limit(self) -> int:
        return CAPTION_LIMIT if self.kind is MessageKind.IMAGE else TEXT_LIMIT


class Progress(msgspec.Struct, frozen=True):
    """How far a campaign is. audience = accepted + skipped; accepted = sent + failed + cancelled once it ended; delivered, read
    and replied are parts of sent; `waiting` are accepted and not yet sent."""

    audience: int = 0
    accepted: int = 0
    waiting: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    replied: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, campaign: Campaign, batch: Batch | None) -> Progress:
        skipped = sum(campaign.skipped_counts.values())
        if batch is None:
            return cls(audience=campaign.audience, skipped=skipped)
        return cls(
            campaign.audience,
            batch.total,
            batch.waiting,
            batch.sent,
            batch.delivered,
            batch.read,
            batch.replied,
            batch.failed,
            batch.cancelled,
            skipped,
        )

    @property
    def ended(self) -> int:
        """Messages that need nothing more: the share of the progress bar."""
        return self.sent + self.failed + self.cancelled


class CampaignRow(msgspec.Struct, frozen=True):
    """A campaign with what lists and pages show beside it."""

    campaign: Campaign
    progress: Progress
    session_name: str | None
    list_name: str | None

    @property
    def id(self) -> int:
        return self.campaign.id


# -- the API -----------------------------------------------------------------------------------------------------------

Name = Annotated[str, Meta(min_length=1, max_length=NAME_LIMIT, description="For you; recipients don't see it.")]
SESSION_MEANS = "The session that sends, `ses_…`. A draft may be without one."
LIST_MEANS = "The list whose contacts get it, `lst_…`; null: all contacts."
SCHEDULE_MEANS = "When to start (RFC 3339); null: at once when it is launched."


class CampaignText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: Annotated[
        str,
        Meta(max_length=TEXT_LIMIT, description="The text; `{{first_name|friend}}` is filled in for each contact."),
    ]


class NewCampaign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A draft: who, what, when. Nothing is sent before it is launched."""

    name: Name
    session: Annotated[str | None, Meta(description=SESSION_MEANS)] = None
    list: Annotated[str | None, Meta(description=LIST_MEANS)] = None
    type: Literal["text", "image"] = "text"
    text: CampaignText | None = None
    image: ImageContent | None = None
    scheduled_at: Annotated[Moment | None, Meta(description=SCHEDULE_MEANS)] = None


class CampaignChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a draft; fields left out stay."""

    name: Name | UnsetType = UNSET
    session: Annotated[str | UnsetType | None, Meta(description=SESSION_MEANS)] = UNSET
    list: Annotated[str | UnsetType | None, Meta(description=LIST_MEANS)] = UNSET
    type: Literal["text", "image"] | UnsetType = UNSET
    text: CampaignText | UnsetType = UNSET
    image: ImageContent | UnsetType = UNSET
    scheduled_at: Annotated[Moment | None, Meta(description=SCHEDULE_MEANS)] | UnsetType = UNSET


class Launch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to launch. `include_unconsented` also writes to contacts without consent on record (never to those who opted out);
    it is noted in the audit log. Without `scheduled_at` the draft's own time counts; null starts at once."""

    include_unconsented: bool = False
    scheduled_at: Annotated[Moment | None, Meta(description=SCHEDULE_MEANS)] | UnsetType = UNSET


class CampaignView(msgspec.Struct, frozen=True):
    """A campaign as the API shows it. `progress` counts people; `skipped` says how many got nothing, by reason."""

    id: str
    name: str
    status: CampaignStatus
    reason: str | None
    session: str | None
    list: str | None
    type: MessageKind
    text: TextContent | None
    image: ImageContent | None
    include_unconsented: bool
    batch: str | None
    progress: Progress
    skipped: Mapping[str, int]
    scheduled_at: str | None
    launched_at: str | None
    finished_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, row: Campaign, progress: Progress) -> CampaignView:
        is_image = row.kind is MessageKind.IMAGE
        return cls(
            row.public_id,
            row.name,
            row.status,
            row.reason,
            ids.show("ses", row.session_id) if row.session_id else None,
            ids.show("lst", row.list_id) if row.list_id else None,
            row.kind,
            None if is_image else TextContent(row.body),
            ImageContent(row.image_url or "", row.body) if is_image else None,
            row.include_unconsented,
            ids.show("bat", row.batch_id) if row.batch_id else None,
            progress,
            row.skipped_counts,
            _time(row.scheduled_at),
            _time(row.launched_at),
            _time(row.finished_at),
            to_rfc3339(row.created_at),
            to_rfc3339(row.updated_at),
        )


class CampaignPage(msgspec.Struct, frozen=True):
    data: list[CampaignView]
    next_cursor: str | None


def _time(moment: int | None) -> str | None:
    return to_rfc3339(moment) if moment is not None else None


# -- events ------------------------------------------------------------------------------------------------------------


class CampaignEvent(Event, frozen=True, kw_only=True):
    """Something happened to a campaign; its counts at that moment."""

    campaign_id: int
    batch_id: int | None = None
    name: str
    status: CampaignStatus
    reason: str | None = None
    progress: Progress
    skipped: dict[str, int]
    at: int

    def data(self) -> dict[str, Any]:
        return {
            "id": ids.show("cmp", self.campaign_id),
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "batch": ids.show("bat", self.batch_id) if self.batch_id else None,
            "counts": self.progress,
            "skipped": self.skipped,
            "at": to_rfc3339(self.at),
        }

    def lane(self) -> str:
        return f"campaign:{self.campaign_id}"


class CampaignStarted(CampaignEvent, frozen=True, kw_only=True):
    """`campaign.started`: it began to send; its counts are still zero."""

    type: ClassVar[str] = "campaign.started"


class CampaignPaused(CampaignEvent, frozen=True, kw_only=True):
    """`campaign.paused`: nothing more goes out until it is resumed."""

    type: ClassVar[str] = "campaign.paused"


class CampaignResumed(CampaignEvent, frozen=True, kw_only=True):
    """`campaign.resumed`: it goes on."""

    type: ClassVar[str] = "campaign.resumed"


class CampaignStopped(CampaignEvent, frozen=True, kw_only=True):
    """`campaign.stopped`: it ended early; what waited is being cancelled."""

    type: ClassVar[str] = "campaign.stopped"


class CampaignFinished(CampaignEvent, frozen=True, kw_only=True):
    """`campaign.finished`: every message was sent, failed or was cancelled. Receipts may still come."""

    type: ClassVar[str] = "campaign.finished"
