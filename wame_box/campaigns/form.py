"""The forms of a campaign's pages, read into what the API takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import UNSET

from wame_box.campaigns.models import Campaign, CampaignChange, CampaignText, Launch, NewCampaign
from wame_box.kernel import ids
from wame_box.kernel.errors import FieldError, Refused, invalid
from wame_box.messaging.local_time import zone
from wame_box.messaging.models import ImageContent
from wame_box.sessions.engine import MessageKind

# Where a refusal of the API belongs in the form.
FIELDS = {"text": "body", "text.body": "body", "image": "image_url", "image.url": "image_url", "image.caption": "body"}

EMPTY = {"name": "", "session": "", "list": "", "type": "text", "body": "", "image_url": ""}

EVERYBODY = "all"  # the list that is none


def read_draft(values: Mapping[str, str]) -> NewCampaign:
    """A draft as the form has it. Its time is chosen when it is launched."""
    is_image = values.get("type") == "image"
    body = values.get("body", "")
    return NewCampaign(
        name=values.get("name", ""),
        session=values.get("session") or None,
        list=None if values.get("list", "") in ("", EVERYBODY) else values["list"],
        type="image" if is_image else "text",
        text=None if is_image else CampaignText(body),
        image=ImageContent(values.get("image_url", ""), body) if is_image else None,
    )


def read_change(values: Mapping[str, str]) -> CampaignChange:
    """All that the form shows is changed; the time stays."""
    wish = read_draft(values)
    return CampaignChange(
        name=wish.name,
        session=wish.session,
        list=wish.list,
        type=wish.type,
        text=UNSET if wish.text is None else wish.text,
        image=UNSET if wish.image is None else wish.image,
    )


def filled(row: Campaign) -> dict[str, str]:
    """What the form shows of a draft."""
    return {
        "name": row.name,
        "session": ids.show("ses", row.session_id) if row.session_id else "",
        "list": ids.show("lst", row.list_id) if row.list_id else EVERYBODY,
        "type": "image" if row.kind is MessageKind.IMAGE else "text",
        "body": row.body,
        "image_url": row.image_url or "",
    }


def read_launch(values: Mapping[str, str], time_zone: str) -> Launch:
    """How to launch, from the confirm page. `time_zone`: where the given date and time are.

    Raises: Refused("invalid_input") naming `scheduled_at`.
    """
    moment = _moment(values.get("scheduled_at", ""), time_zone) if values.get("when") == "later" else None
    return Launch(include_unconsented=values.get("include_unconsented") == "1", scheduled_at=moment)


def _moment(text: str, time_zone: str) -> datetime:
    if not text:
        raise invalid("scheduled_at", "required")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("scheduled_at", "time_unreadable") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(time_zone, "UTC"))


def local_time(moment: int, time_zone: str) -> str:
    """A time as the browser's field for date and time takes it."""
    return datetime.fromtimestamp(moment / 1000, zone(time_zone, "UTC")).strftime("%Y-%m-%dT%H:%M")


def in_form(refused: Refused) -> Refused:
    """A refusal of the operation under the names of the form's fields."""
    fields = [FieldError(FIELDS.get(error.field, error.field), error.code, error.params) for error in refused.fields]
    return Refused(refused.code, fields=fields, **refused.params)
