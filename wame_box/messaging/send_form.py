"""The form that sends one message, read into what the API takes: text, or an image by address with the text below it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.messaging.local_time import zone
from wame_box.messaging.models import CAPTION_LIMIT, TEXT_LIMIT, ImageContent, SendMessage, TextContent

register(
    {
        "time_unreadable": Problem(422, N_("This is not a date with a time.")),
        "time_past": Problem(422, N_("This time is over already.")),
        "message_empty": Problem(422, N_("Write a text, or give the address of an image.")),
    }
)

# Where a refusal of the API belongs in the form.
FIELDS = {"text.body": "text", "text": "text", "image": "image_url", "image.url": "image_url", "image.caption": "text"}


def read_form(values: Mapping[str, str], time_zone: str, now: int) -> SendMessage:
    """What the form wishes. `time_zone`: where the given date and time are; `now`: ms UTC.

    Raises: Refused("invalid_input") naming the fields of the form.
    """
    text, image = values.get("text", ""), values.get("image_url", "")
    wrong = [FieldError(name, "required", {}) for name in ("session", "to") if not values.get(name)]
    wrong += _check_content(text, image)
    moment: datetime | None = None
    try:
        moment = _moment(values.get("scheduled_at", ""), time_zone, now)
    except Refused as error:
        wrong += error.fields
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    return SendMessage(
        session=values["session"],
        to=values["to"],
        type="image" if image else "text",
        text=None if image else TextContent(text),
        image=ImageContent(image, text) if image else None,
        scheduled_at=moment,
    )


def _check_content(text: str, image: str) -> list[FieldError]:
    if not text and not image:
        return [FieldError("text", "message_empty", {})]
    limit = CAPTION_LIMIT if image else TEXT_LIMIT
    return [FieldError("text", "too_long", {"limit": limit})] if len(text) > limit else []


def _moment(text: str, time_zone: str, now: int) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("invalid_input", fields=[FieldError("scheduled_at", "time_unreadable", {})]) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(time_zone, "UTC"))
    # The form knows minutes only: the one that runs now is not over.
    if moment.timestamp() * 1000 < now - 60_000:
        raise Refused("invalid_input", fields=[FieldError("scheduled_at", "time_past", {})])
    return moment


def in_form(refused: Refused) -> Refused:
    """A refusal of the operation under the names of the form's fields."""
    if refused.code == "session_unknown":
        return Refused("invalid_input", fields=[FieldError("session", refused.code, {})])
    if refused.code == "recipient_opted_out":
        return Refused("invalid_input", fields=[FieldError("to", refused.code, {})])
    fields = [FieldError(FIELDS.get(error.field, error.field), error.code, error.params) for error in refused.fields]
    return Refused(refused.code, fields=fields, **refused.params)
