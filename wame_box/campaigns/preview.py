"""The preview: what one person of the audience would get, and who comes before and after."""

from __future__ import annotations

import msgspec

from wame_box.campaigns import people_store, text
from wame_box.campaigns.models import Campaign, SkipReason
from wame_box.contacts.audience_store import Person, audience, person, person_before, values_of
from wame_box.kernel import ids
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.messaging import variables
from wame_box.sessions.engine import MessageKind


class Preview(msgspec.Struct, frozen=True):
    """The message as one contact would get it. `missing`: variables without a value, shown as `{{name}}` in the text.

    `skip`: why this contact gets nothing (`no_consent` can be overridden at the launch); null: it would be sent. `previous`
    and `next` are contacts of the same audience.
    """

    contact: str
    name: str
    address: str
    text: str
    image_url: str | None
    missing: list[str]
    skip: SkipReason | None
    previous: str | None
    next: str | None


def preview(sql: Sql, row: Campaign, contact_id: int | None = None) -> Preview | None:
    """The preview for this contact, or for the first of the audience; None when the audience is empty.

    Raises: Refused("campaign_contact_elsewhere").
    """
    who = _who(sql, row, contact_id)
    if who is None:
        return None
    after = audience(sql, row.account_id, row.list_id, who.id, 1)
    before = person_before(sql, row.account_id, row.list_id, who.id)
    shown, missing = _filled(row, who)
    return Preview(
        contact=ids.show("con", who.id),
        name=who.name,
        address=who.address,
        text=shown,
        image_url=row.image_url if row.kind is MessageKind.IMAGE else None,
        missing=missing,
        skip=_skip(row, who, shown, missing),
        previous=ids.show("con", before) if before else None,
        next=ids.show("con", after[0].id) if after else None,
    )


def first_reached(sql: Sql, row: Campaign, look_at: int = 200) -> Preview | None:
    """The preview for the first person who would get it, else for the first of the audience."""
    for who in audience(sql, row.account_id, row.list_id, 0, look_at):
        if not isinstance(text.compose(row, who, row.include_unconsented), SkipReason):
            return preview(sql, row, who.id)
    return preview(sql, row)


def offered_variables(sql: Sql, account_id: int, list_id: int | None) -> list[str]:
    """Names that a text for this audience can use: of the person, then those of its contacts' attributes."""
    own = ["first_name", "name"]
    return own + [name for name in people_store.attribute_names(sql, account_id, list_id) if name not in own]


def _who(sql: Sql, row: Campaign, contact_id: int | None) -> Person | None:
    if contact_id is None:
        first = audience(sql, row.account_id, row.list_id, 0, 1)
        return first[0] if first else None
    found = person(sql, row.account_id, row.list_id, contact_id)
    if found is None:
        raise Refused("campaign_contact_elsewhere")
    return found


def _filled(row: Campaign, who: Person) -> tuple[str, list[str]]:
    values = values_of(who)
    return text.draft_text(row.body, values), variables.missing(row.body, values)


def _skip(row: Campaign, who: Person, shown: str, missing: list[str]) -> SkipReason | None:
    gap = text.consent_gap(who, row.include_unconsented)
    if gap is not None:
        return gap
    return SkipReason.MISSING_VARIABLE if missing else text.unfit(row, shown)
