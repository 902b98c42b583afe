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

    @property
    def import_id(self) -> int:
        return self.lease.import_id


class Person(NamedTuple):
    """A usable row, ready to be stored. `source`: where this person agreed; None when no consent is known."""

    row: ParsedRow
    attributes: str
    search: str
    source: str | None


class Line(NamedTuple):
    """A row that becomes no contact, as `import_store.insert_lines` takes it. `raw`: its cells as JSON."""

    outcome: Outcome
    line: int
    reason: str
    first_line: int | None
    raw: str


Prepared = Person | Line


def prepare(options: Options, rows: Sequence[ParsedRow | RefusedRow]) -> list[Prepared]:
    return [_prepared(options, row) for row in rows]


def _prepared(options: Options, row: ParsedRow | RefusedRow) -> Prepared:
    if isinstance(row, RefusedRow):
        return Line(Outcome.REFUSED, row.line, row.reason, None, _encode(row.raw).decode())
    if row.first_line is not None:
        raw = _encode(cells(options.mapping, row)).decode()
        return Line(Outcome.DUPLICATE, row.line, "line_duplicate", row.first_line, raw)
    source = (row.consent_source or options.source) if options.agreed else ""
    attributes = _encode(row.attributes).decode() if row.attributes else "{}"
    return Person(row, attributes, folded(row.name, row.phone), source or None)


def store_chunk(tx: Tx, work: Work, chunk: Sequence[Prepared]) -> Import | None:
    """Stores the rows that are not stored yet. Returns the import as it is now, or None when this job must stop: the import
    was cancelled, or another job works on it."""
    row = import_store.by_id(tx, work.import_id)
    if row.status is not ImportStatus.RUNNING or not import_store.hold(tx, work.lease):
        return None
    todo = [one for one in chunk if _line_of(one) >= row.next_line]
    if not todo:
        return row
    people = [one for one in todo if isinstance(one, Person)]
    lines = [one for one in todo if isinstance(one, Line)]
    known = store.by_addresses(tx, work.account_id, [person.row.phone for person in people])
    _update_known(tx, work, [(person, known[person.row.phone]) for person in people if person.row.phone in known])
    made = _insert_new(tx, work, [person for person in people if person.row.phone not in known])
    _put_on_list(tx, work, [*made, *(contact.id for contact in known.values())])
    import_store.insert_lines(tx, work.import_id, lines)
    import_store.add_progress(
        tx,
        work.import_id,
        _line_of(todo[-1]) + 1,
        imported=len(people),
        updated=len(known),
        duplicates=sum(line.outcome is Outcome.DUPLICATE for line in lines),
        refused=sum(line.outcome is Outcome.REFUSED for line in lines),
    )
    return import_store.by_id(tx, work.import_id)


def _line_of(one: Prepared) -> int:
    return one.row.line if isinstance(one, Person) else one.line


def _insert_new(tx: Tx, work: Work, people: list[Person]) -> list[int]:
    rows = [
        NewPerson(row.phone, row.name, row.language, attributes, search, source, _proof(work, row))
        for row, attributes, search, source in people
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
    list_id = work.options.list_id
    if list_id is not None and list_store.find(tx, work.account_id, list_id):  # it may be deleted meanwhile
        list_store.add(tx, list_id, contact_ids)


def cells(mapping: Sequence[str], row: ParsedRow) -> list[str]:
    """A row as it was understood, in the order of the file's columns."""
    fixed = {PHONE: row.phone, NAME: row.name, LANGUAGE: row.language or "", CONSENT_SOURCE: row.consent_source or ""}
    return [fixed.get(field) or row.attributes.get(field.removeprefix(ATTRIBUTE), "") for field in mapping]
