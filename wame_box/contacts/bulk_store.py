"""SQL for many contacts at once, as an import makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wame_box.contacts import store
from wame_box.contacts.models import Consent
from wame_box.kernel import ids
from wame_box.kernel.db import Tx


class NewPerson(NamedTuple):
    """A contact to insert. `attributes`: JSON; `source`: where the person agreed, None when no consent is known."""

    address: str
    name: str
    language: str | None
    attributes: str
    search: str
    source: str | None
    proof: str


def insert(tx: Tx, account_id: int, import_id: int, people: Sequence[NewPerson]) -> list[int]:
    """Inserts people whose addresses are free, with their consent. Returns their ids."""
    rows = [(ids.new_id(), person) for person in people]
    tx.many(
        "INSERT INTO contacts (id, account_id, address, name, language, attributes, search, consent, consent_source,"
        " consent_proof, consent_at, import_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(account_id, import_id, tx.now, contact_id, *person) for contact_id, person in rows],
    )
    tx.many("INSERT INTO contact_search (rowid, search) VALUES (?, ?)", [(one, person.search) for one, person in rows])
    tx.many(
        "INSERT INTO consent_records (id, account_id, contact_id, consent, source, proof, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (ids.new_id(), account_id, contact_id, Consent.OPTED_IN, person.source, person.proof, tx.now)
            for contact_id, person in rows
            if person.source is not None
        ],
    )
    agreed = sum(person.source is not None for person in people)
    for consent, number in ((Consent.OPTED_IN, agreed), (Consent.NONE, len(people) - agreed)):
        if number:
            store.add_to_count(tx, account_id, consent, number)
    return [contact_id for contact_id, _ in rows]


def _row(
    account_id: int,
    import_id: int,
    now: int,
    contact_id: int,
    address: str,
    name: str,
    language: str | None,
    attributes: str,
    search: str,
    source: str | None,
    proof: str,
) -> tuple[object, ...]:
    consent = (Consent.OPTED_IN, source, proof, now) if source is not None else (Consent.NONE, None, None, None)
    return (contact_id, account_id, address, name, language, attributes, search, *consent, import_id, now, now)
