"""One unit of work of an import: up to 200 rows, their counts and the place in the file, all in one transaction.

What needs no database is done before (`prepare`), so that the writer's thread is held for a few milliseconds only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from wame_box.contacts import bulk_store, import_store, list_store, store
from wame_box.contacts.bulk_store import NewPerson
from wame_box.contacts.columns import ATTRIBUTE, CONSENT_SOURCE, LANGUAGE, MAX_ATTRIBUTES, NAME, PHONE
from wame_box.contacts.import_models import Existing, Import, ImportStatus, Options, Outcome
from wame_box.contacts.import_store import Lease
from wame_box.contacts.models import Consent, Contact
from wame_box.contacts.parse import ParsedRow, RefusedRow
from wame_box.contacts.search import folded
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, Problem, register

register({"line_duplicate": Problem(422, N_("This number is in line %(line)s already."))})

CHUNK_ROWS = 200
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Work:
    """A running import in the hands of one job."""

    lease: Lease
    account_id: int
    options: Options
    list_id: int | None

    @property
    def import_id(self) -> int:
        return self.lease.import_id


class Person(NamedTuple):
    """A usable row, ready to be stored. `source`: where this person agreed; None when no consent is known."""

    row: ParsedRow
    number: int
    attributes: str
    search: str
    source: str | None


class Line(NamedTuple):
    """A refused row."""

    line: int
    reason: str
    raw: str


Prepared = Person | Line


def prepare(options: Options, rows: Sequence[ParsedRow | RefusedRow]) -> list[Prepared]:
    return [_person(options, row) if isinstance(row, ParsedRow) else _line(row) for row in rows]


def _person(options: Options, row: ParsedRow) -> Person:
    source = (row.consent_source or options.source) if options.agreed else ""
    attributes = _encode(row.attributes).decode() if row.attributes else "{}"
    return Person(row, int(row.phone[1:]), attributes, folded(row.name, row.phone), source or None)


def _line(row: RefusedRow) -> Line:
    return Line(row.line, row.reason, _encode(row.raw).decode())


def store_chunk(tx: Tx, work: Work, chunk: Sequence[Prepared]) -> Import | None:
    """Stores the rows that are not stored yet. Returns the import as it is now, or None when this job must stop: the import
    was cancelled, or another job works on it."""
    row = import_store.by_id(tx, work.import_id)
    if row.status is not ImportStatus.RUNNING or not import_store.hold(tx, work.lease):
        return None
    todo = [one for one in chunk if _line_of(one) >= row.next_line]
    if not todo:
        return row
    refused = [one for one in todo if isinstance(one, Line)]
    people, duplicates = _split(tx, work.import_id, [one for one in todo if isinstance(one, Person)])
    known = store.by_addresses(tx, work.account_id, [person.row.phone for person in people])
    _update_known(tx, work, [(person, known[person.row.phone]) for person in people if person.row.phone in known])
    made = _insert_new(tx, work, [person for person in people if person.row.phone not in known])
    _put_on_list(tx, work, [*made, *(contact.id for contact in known.values())])
    _note_lines(tx, work, refused, duplicates)
    import_store.add_progress(
        tx,
        work.import_id,
        _line_of(todo[-1]) + 1,
        imported=len(people),
        updated=len(known),
        duplicates=len(duplicates),
        refused=len(refused),
    )
    return import_store.by_id(tx, work.import_id)


def _line_of(one: Prepared) -> int:
    return one.row.line if isinstance(one, Person) else one.line


def _split(tx: Tx, import_id: int, people: list[Person]) -> tuple[list[Person], list[tuple[Person, int]]]:
    """Those whose number comes up for the first time in this file, and the others with the line of the first."""
    seen = import_store.seen(tx, import_id, [person.number for person in people])
    fresh: list[Person] = []
    duplicates: list[tuple[Person, int]] = []
    for person in people:
        first = seen.setdefault(person.number, person.row.line)
        if first == person.row.line:
            fresh.append(person)
        else:
            duplicates.append((person, first))
    import_store.insert_seen(tx, import_id, [(person.number, person.row.line) for person in fresh])
    return fresh, duplicates


def _insert_new(tx: Tx, work: Work, people: list[Person]) -> list[int]:
    rows = [
        NewPerson(row.phone, row.name, row.language, attributes, search, source, _proof(work, row))
        for row, _, attributes, search, source in people
    ]
    return bulk_store.insert(tx, work.account_id, work.import_id, rows)


def _proof(work: Work, row: ParsedRow) -> str:
    return f"{ids.show('imp', work.import_id)} line {row.line}"


def _update_known(tx: Tx, work: Work, pairs: list[tuple[Person, Contact]]) -> None:
    if work.options.existing is Existing.LEAVE:
        return
    for person, contact in pairs:
        name, language, attributes = _merged(work.options.existing, person.row, contact)
        if (name, language, attributes) != (contact.name, contact.language, contact.attributes):
            store.update(tx, contact, name, language, attributes)
        if person.source and contact.consent is Consent.NONE:  # opted out stays opted out, whatever a file says
            store.set_consent(tx, contact, Consent.OPTED_IN, person.source, _proof(work, person.row))


def _merged(existing: Existing, row: ParsedRow, contact: Contact) -> tuple[str, str | None, dict[str, str]]:
    """Empty cells never empty a field. Attributes beyond the limit are left out, those that are there stay."""
    if existing is Existing.OVERWRITE:
        name, language, attributes = (
            row.name or contact.name,
            row.language or contact.language,
            contact.attributes | row.attributes,
        )
    else:
        name, language, attributes = (
            contact.name or row.name,
            contact.language or row.language,
            row.attributes | contact.attributes,
        )
    if len(attributes) > MAX_ATTRIBUTES:
        kept = list(contact.attributes) + [key for key in attributes if key not in contact.attributes]
        attributes = {key: attributes[key] for key in kept[: max(MAX_ATTRIBUTES, len(contact.attributes))]}
    return name, language, attributes


def _put_on_list(tx: Tx, work: Work, contact_ids: list[int]) -> None:
    if work.list_id is not None and list_store.find(tx, work.account_id, work.list_id):  # it may be deleted meanwhile
        list_store.add(tx, work.list_id, contact_ids)


def _note_lines(tx: Tx, work: Work, refused: list[Line], duplicates: list[tuple[Person, int]]) -> None:
    import_store.insert_lines(tx, work.import_id, [(Outcome.REFUSED, one.line, one.reason, None, one.raw) for one in refused])
    import_store.insert_lines(
        tx,
        work.import_id,
        [
            (
                Outcome.DUPLICATE,
                person.row.line,
                "line_duplicate",
                first,
                _encode(cells(work.options.mapping, person.row)).decode(),
            )
            for person, first in duplicates
        ],
    )


def cells(mapping: Sequence[str], row: ParsedRow) -> list[str]:
    """A row as it was understood, in the order of the file's columns."""
    fixed = {PHONE: row.phone, NAME: row.name, LANGUAGE: row.language or "", CONSENT_SOURCE: row.consent_source or ""}
    return [fixed.get(field) or row.attributes.get(field.removeprefix(ATTRIBUTE), "") for field in mapping]
