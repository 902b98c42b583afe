"""Consent: what a person said about getting messages. Every change is a row with its source, proof and time, and an event."""

from __future__ import annotations

from typing import ClassVar

from wame_box.contacts import store
from wame_box.contacts.models import Consent, Contact
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.events import Event


class _ConsentChanged(Event, frozen=True, kw_only=True):
    contact_id: int
    address: str
    name: str = ""
    source: str
    proof: str | None = None
    at: int

    def data(self) -> dict[str, object]:
        return {
            "contact": ids.show("con", self.contact_id),
            "address": self.address,
            "name": self.name,
            "source": self.source,
            "proof": self.proof,
            "at": to_rfc3339(self.at),
        }

    def lane(self) -> str:
        return ids.show("con", self.contact_id)


class ContactOptedOut(_ConsentChanged, frozen=True, kw_only=True):
    """`contact.opted_out`: this person wants no more messages."""

    type: ClassVar[str] = "contact.opted_out"


class ContactOptedIn(_ConsentChanged, frozen=True, kw_only=True):
    """`contact.opted_in`: this person agreed to get messages. An import of many tells only that it finished."""

    type: ClassVar[str] = "contact.opted_in"


def opt_out(tx: Tx, account_id: int, contact_id: int, *, source: str, proof: str | None) -> bool:
    """This person wants no messages any more, from the whole account. False when that was known.

    Raises: Refused("not_found").
    """
    return _change(tx, account_id, contact_id, Consent.OPTED_OUT, source, proof)


def opt_in(tx: Tx, account_id: int, contact_id: int, *, source: str, proof: str | None) -> bool:
    """This person agreed to get messages, maybe after having asked for none. False when that was known.

    Raises: Refused("not_found").
    """
    return _change(tx, account_id, contact_id, Consent.OPTED_IN, source, proof)


def _change(tx: Tx, account_id: int, contact_id: int, consent: Consent, source: str, proof: str | None) -> bool:
    row = store.contact(tx, account_id, contact_id)
    if row is None:
        raise Refused("not_found")
    if row.consent is consent:
        return False
    store.set_consent(tx, row, consent, source, proof)
    tx.emit(_event(tx, row, consent, source, proof))
    return True


def _event(tx: Tx, row: Contact, consent: Consent, source: str, proof: str | None) -> ContactOptedIn | ContactOptedOut:
    kind = ContactOptedOut if consent is Consent.OPTED_OUT else ContactOptedIn
    return kind(
        account_id=row.account_id,
        contact_id=row.id,
        address=row.address,
        name=row.name,
        source=source,
        proof=proof,
        at=tx.now,
    )
