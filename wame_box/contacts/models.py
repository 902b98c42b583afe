"""Shapes of the contacts slice: contacts with their consent and activity, and lists. Imports have `import_models.py`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.i18n import N_


class Consent(StrEnum):
    """What a person said about getting messages. Campaigns reach `opted_in` only, nothing reaches `opted_out`."""

    NONE = "none"
    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"


CONSENT_WORDS = {
    Consent.NONE: N_("No consent known"),
    Consent.OPTED_IN: N_("Opted in"),
    Consent.OPTED_OUT: N_("Opted out"),
}

# Sources of consent that the box itself writes; all others are the customer's own words and shown as they are.
SOURCE_WORDS = {
    "keyword": N_("A word they sent, such as STOP or START"),
    "api": N_("The API"),
    "member": N_("A member of your team"),
}


class Contact(msgspec.Struct, frozen=True):
    """A row. `address` is E.164; `opted_out_at` is set while the person wants no messages."""

    id: int
    account_id: int
    address: str
    name: str
    language: str | None
    attributes_json: str
    consent: Consent
    consent_source: str | None
    consent_proof: str | None
    consent_at: int | None
    opted_out_at: int | None
    import_id: int | None
    created_at: int
    updated_at: int

    @property
    def attributes(self) -> dict[str, str]:
        return msgspec.json.decode(self.attributes_json, type=dict[str, str])

    @property
    def public_id(self) -> str:
        return ids.show("con", self.id)


class ConsentRecord(msgspec.Struct, frozen=True):
    id: int
    consent: Consent
    source: str
    proof: str | None
    created_at: int


class ActivityKind(StrEnum):
    """What happened between an account and a contact."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    REPLIED = "replied"
    CLICKED = "clicked"


ACTIVITY_WORDS = {
    ActivityKind.SENT: N_("A message was sent"),
    ActivityKind.DELIVERED: N_("A message arrived"),
    ActivityKind.READ: N_("A message was read"),
    ActivityKind.REPLIED: N_("Wrote to you"),
    ActivityKind.CLICKED: N_("Opened a link"),
}


class Activity(msgspec.Struct, frozen=True):
    """A line of a contact's timeline. `batch_id`: the campaign's batch, if any."""

    id: int
    kind: ActivityKind
    batch_id: int | None
    message_id: int | None
    created_at: int


class ContactList(msgspec.Struct, frozen=True):
    """A hand-kept set of contacts; `members` is their exact number."""

    id: int
    account_id: int
    name: str
    members: int
    created_at: int

    @property
    def public_id(self) -> str:
        return ids.show("lst", self.id)


class ContactFilter(msgspec.Struct, frozen=True):
    """Which contacts to show. `search`: a part of the name, or of the number in any spelling."""

    search: str = ""
    list_id: int | None = None
    consent: Consent | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.search or self.list_id or self.consent)


# -- what comes in -----------------------------------------------------------------------------------------------------

Attributes = Annotated[
    dict[str, str], Meta(description="Your own fields: at most 50. Keys of lower-case letters, digits and `_`, values of text.")
]
Changes = Annotated[
    dict[str, str | None], Meta(description="Fields to set; those that are null are removed, those left out stay.")
]
ConsentSource = Annotated[
    str, Meta(description="Where this person agreed to get messages, such as `web form`. Without it no consent is recorded.")
]


class NewContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact to make. `address`: a number in any spelling; without a country code the account's country is taken."""

    address: str
    name: str = ""
    language: str | None = None
    attributes: Attributes = {}
    consent_source: ConsentSource | None = None
    consent_proof: str | None = None


class ContactChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a contact; what is left out stays. The number can't change: it is the person."""

    name: str | None = None
    language: str | msgspec.UnsetType | None = msgspec.UNSET
    attributes: Changes = {}


class ConsentGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how somebody agreed, or asked for no messages. `proof`: what shows it, such as the address of a form."""

    source: Annotated[str, Meta(min_length=1, max_length=200)] = "api"
    proof: Annotated[str, Meta(max_length=1000)] | None = None


class NewList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list to make, or its new name."""

    name: str


class Members(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contacts by their ids, at most 1,000."""

    contacts: Annotated[list[str], Meta(min_length=1, max_length=1000)]


# -- what goes out -----------------------------------------------------------------------------------------------------


class ContactView(msgspec.Struct, frozen=True):
    """A contact as the API shows it. `consent`: none, opted_in or opted_out."""

    id: str
    address: str
    name: str
    language: str | None
    attributes: dict[str, str]
    consent: Consent
    consent_source: str | None
    consent_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, row: Contact) -> ContactView:
        return cls(
            row.public_id,
            row.address,
            row.name,
            row.language,
            row.attributes,
            row.consent,
            row.consent_source,
            to_rfc3339(row.consent_at) if row.consent_at else None,
            to_rfc3339(row.created_at),
            to_rfc3339(row.updated_at),
        )


class ConsentView(msgspec.Struct, frozen=True):
    consent: Consent
    source: str
    proof: str | None
    at: str

    @classmethod
    def of(cls, row: ConsentRecord) -> ConsentView:
        return cls(row.consent, row.source, row.proof, to_rfc3339(row.created_at))


class ActivityView(msgspec.Struct, frozen=True):
    kind: ActivityKind
    message: str | None
    at: str

    @classmethod
    def of(cls, row: Activity) -> ActivityView:
        return cls(row.kind, ids.show("msg", row.message_id) if row.message_id else None, to_rfc3339(row.created_at))


class ListView(msgspec.Struct, frozen=True):
    """A list as the API shows it, with the number of its members."""

    id: str
    name: str
    members: int
    created_at: str

    @classmethod
    def of(cls, row: ContactList) -> ListView:
        return cls(row.public_id, row.name, row.members, to_rfc3339(row.created_at))


class ContactDetail(ContactView, frozen=True):
    """A contact with the lists it is on, its consent history and its latest activity, both newest first."""

    lists: list[ListView]
    consent_history: list[ConsentView]
    activity: list[ActivityView]

    @classmethod
    def with_history(
        cls, row: Contact, lists: list[ContactList], history: list[ConsentRecord], activity: list[Activity]
    ) -> ContactDetail:
        return cls(
            **msgspec.structs.asdict(ContactView.of(row)),
            lists=[ListView.of(one) for one in lists],
            consent_history=[ConsentView.of(one) for one in history],
            activity=[ActivityView.of(one) for one in activity],
        )


class ContactPage(msgspec.Struct, frozen=True):
    data: list[ContactView]
    next_cursor: str | None


class ListPage(msgspec.Struct, frozen=True):
    data: list[ListView]
    next_cursor: str | None


class Added(msgspec.Struct, frozen=True):
    """`added`: how many were not on the list before; `members`: how many it has now."""

    added: int
    members: int
