"""What a campaign says to one person: the text with its variables filled, or why there is nothing to say."""

from __future__ import annotations

import msgspec

from wame_box.campaigns.models import Campaign, SkipReason
from wame_box.contacts.audience_store import Person, Text, values_of
from wame_box.messaging import variables
from wame_box.messaging.models import ImageContent, TextContent
from wame_box.messaging.variables import MissingVariables, Variable
from wame_box.sessions.engine import MessageKind


def consent_gap(person: Person, include_unconsented: bool) -> SkipReason | None:
    """Why this person may not be written to, whatever the text says."""
    if person.opted_out_at is not None:
        return SkipReason.OPTED_OUT
    if not person.consented and not include_unconsented:
        return SkipReason.NO_CONSENT
    return None


def compose(row: Campaign, person: Person, include_unconsented: bool) -> str | SkipReason:
    """The message's content as JSON for this person, or why there is none."""
    gap = consent_gap(person, include_unconsented)
    if gap is not None:
        return gap
    try:
        text = variables.fill(row.body, values_of(person))
    except MissingVariables:
        return SkipReason.MISSING_VARIABLE
    gap = unfit(row, text)
    return gap if gap is not None else content_of(row, text)


def unfit(row: Campaign, text: str) -> SkipReason | None:
    """Why a filled text can't be sent."""
    if len(text) > row.text_limit:
        return SkipReason.TEXT_TOO_LONG
    if row.kind is MessageKind.TEXT and not text.strip():
        return SkipReason.MISSING_VARIABLE  # every fallback was empty
    return None


def content_of(row: Campaign, text: str) -> str:
    content = ImageContent(row.image_url or "", text) if row.kind is MessageKind.IMAGE else TextContent(text)
    return msgspec.json.encode(content).decode()


def draft_text(body: str, values: dict[str, str]) -> str:
    """The text as far as it can be filled; what has no value stays `{{name}}`."""
    shown = []
    for part in variables.parse(body):
        if isinstance(part, Variable):
            value = values.get(part.name, "").strip()
            shown.append(value or (part.fallback if part.fallback is not None else f"{{{{{part.name}}}}}"))
        else:
            shown.append(part)
    return "".join(shown)


def measure(row: Campaign) -> Text:
    """The text as SQL judges it for a whole audience."""
    parts = variables.parse(row.body)
    return Text(
        characters=sum(len(part) for part in parts if isinstance(part, str)),
        fields=tuple(
            (part.name, None if part.fallback is None else len(part.fallback)) for part in parts if isinstance(part, Variable)
        ),
        limit=row.text_limit,
    )
