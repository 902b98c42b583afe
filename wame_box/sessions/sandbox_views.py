"""The shapes of the sandbox's API: what programs send to it and read from it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.sessions.engines.sandbox.ledger import Counts
from wame_box.sessions.engines.sandbox.models import ChatMessage, Phone, PhoneState
from wame_box.sessions.engines.sandbox.world import SandboxWorld


class PhoneView(msgspec.Struct, frozen=True):
    """A virtual phone. `owner`: it belongs to the account and can scan. `sessions`: those linked to it."""

    number: str
    name: str
    owner: bool
    state: PhoneState
    sessions: list[str]

    @classmethod
    def of(cls, phone: Phone, world: SandboxWorld) -> PhoneView:
        linked = world.sessions_on(phone.account_id, phone.number)
        return cls(phone.number, phone.name, phone.owner, phone.state, [ids.show("ses", one) for one in linked])


class PhoneList(msgspec.Struct, frozen=True):
    data: list[PhoneView]


class NewPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phone to add. Without a number it gets a free one from a range kept for fiction."""

    name: str
    number: str | None = None


class Scan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the QR code says."""

    qr: str


class Scanned(msgspec.Struct, frozen=True):
    session: str
    number: str


class StateChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: PhoneState


class CustomerMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that a customer's phone sends to a session's number."""

    session: str
    number: Annotated[str, msgspec.Meta(description="The customer's number.")] = msgspec.field(name="from")
    text: str = ""


class ReadWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which chat to read; without a session all of them."""

    session: str | None = None


class ReadCount(msgspec.Struct, frozen=True):
    read: int


class PhoneMessage(msgspec.Struct, frozen=True):
    """`outgoing`: sent by the session to the customer. `state`: `sent`, `delivered` or `read`."""

    wa_id: str
    session: str
    number: str
    outgoing: bool
    kind: str
    content: dict[str, Any]
    reference: str | None
    state: str
    at: str

    @classmethod
    def of(cls, row: ChatMessage) -> PhoneMessage:
        session = ids.show("ses", row.session_id)
        state = row.state.name.lower()
        return cls(row.wa_id, session, row.number, row.outgoing, row.kind, row.body, row.reference, state, to_rfc3339(row.at))


class PhoneMessagePage(msgspec.Struct, frozen=True):
    data: list[PhoneMessage]
    next_cursor: str | None


class LedgerLine(msgspec.Struct, frozen=True):
    """One attempt to send. `recipient` is a keyed hash of the number, `body_sha256` the hash of the content's JSON."""

    at: str
    session: str
    wa_id: str
    reference: str | None
    recipient: str
    body_sha256: str
    outcome: str


class LedgerPage(msgspec.Struct, frozen=True):
    """`pending`: how many deliveries, readings and answers are still to come."""

    counts: Counts
    pending: int
    data: list[LedgerLine]
    next_cursor: str | None
