"""Consent: what a person said about getting messages. Every change is a row with its source, proof and time, and an event."""

from __future__ import annotations

from wame_box.contacts import store
from wame_box.contacts.models import Consent, Contact, ContactOptedIn, ContactOptedOut
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused

__all__ = ["ContactOptedIn", "ContactOptedOut", "opt_in", "opt_out"]


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
