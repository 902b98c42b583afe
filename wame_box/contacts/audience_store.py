"""The SQL of audiences: who belongs to a list (or to the account), page by page in id order, and how many would be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wame_box.contacts.columns import MAX_VALUE
from wame_box.contacts.models import Consent
from wame_box.kernel.db import Sql

FOREVER = (1 << 63) - 1

_SPACES = "char(32, 9, 10, 13, 160)"


class Person(msgspec.Struct, frozen=True):
    """What a campaign needs to know of a contact. `attributes` is JSON; `consented`: consent is on record."""

    id: int
    address: str
    name: str
    attributes: str
    consented: bool
    opted_out_at: int | None


@dataclass(frozen=True)
class Bound:
    """Only who was there at a moment: contacts with an id below `before_id`, put on the list at `added_until` or earlier."""

    before_id: int = FOREVER
    added_until: int = FOREVER


@dataclass(frozen=True)
class Text:
    """What is to be said to everybody, as far as SQL can judge it: literal pieces count `characters`, each field is `name` or a
    fallback's length (None: there must be a value); longer than `limit` is too long."""

    characters: int = 0
    fields: tuple[tuple[str, int | None], ...] = ()
    limit: int = 1 << 30


class AudienceCounts(msgspec.Struct, frozen=True):
    """total = opted_out + the four others. `…_unfit`: consent is there (or not), but a value is missing or the text too long."""

    total: int = 0
    opted_out: int = 0
    consented: int = 0
    consented_missing: int = 0
    consented_too_long: int = 0
    unconsented: int = 0
    unconsented_missing: int = 0
    unconsented_too_long: int = 0


_WHOLE = "FROM contacts c WHERE c.account_id = ? AND c.id > ? AND c.id < ?"
# From the list to its people: SQLite by itself would look for the few of a short list among all contacts of the account.
_LISTED = (
    "FROM list_members l CROSS JOIN contacts c ON c.id = l.contact_id"
    " WHERE c.account_id = ? AND l.contact_id > ? AND l.contact_id < ? AND l.list_id = ? AND l.added_at <= ?"
)
_PERSON = f"c.id, c.address, c.name, c.attributes, c.consent = '{Consent.OPTED_IN}' AS consented, c.opted_out_at"

_STATE = (
    "CASE WHEN c.opted_out_at IS NOT NULL THEN 'opted_out'"
    f" WHEN c.consent = '{Consent.OPTED_IN}' THEN 'consented' ELSE 'unconsented' END"
)


def audience(sql: Sql, account_id: int, list_id: int | None, after_id: int, limit: int, bound: Bound = Bound()) -> list[Person]:
    """The next people after `after_id`, in id order. `list_id` None: all contacts of the account."""
    source, params = _source(account_id, list_id, after_id, bound)
    return sql.all(Person, f"SELECT {_PERSON} {source} ORDER BY {_place(list_id)} LIMIT ?", *params, limit)


def person(sql: Sql, account_id: int, list_id: int | None, contact_id: int) -> Person | None:
    """One contact, if it belongs to the audience."""
    found = audience(sql, account_id, list_id, contact_id - 1, 1, Bound(before_id=contact_id + 1))
    return found[0] if found else None


def person_before(sql: Sql, account_id: int, list_id: int | None, before_id: int) -> int | None:
    """The id of the last person before another one."""
    source, params = _source(account_id, list_id, 0, Bound(before_id=before_id))
    found: int | None = sql.value(f"SELECT c.id {source} ORDER BY {_place(list_id)} DESC LIMIT 1", *params)
    return found


def audience_counts(sql: Sql, account_id: int, list_id: int | None, text: Text = Text()) -> AudienceCounts:
    """How many people there are, by consent and by whether the text fits them."""
    source, params = _source(account_id, list_id, 0, Bound())
    fit, fit_params = _fit(text)
    rows = sql.rows(f"SELECT {_STATE}, {fit}, count(*) {source} GROUP BY 1, 2", *fit_params, *params)
    return _counted(rows)


def _counted(rows: list[tuple[Any, ...]]) -> AudienceCounts:
    counts: dict[str, int] = {}
    for state, fit, number in rows:
        key = state if state == "opted_out" or not fit else f"{state}_{fit}"
        counts[key] = counts.get(key, 0) + number
    return AudienceCounts(total=sum(counts.values()), **counts)


def _source(account_id: int, list_id: int | None, after_id: int, bound: Bound) -> tuple[str, tuple[Any, ...]]:
    if list_id is None:
        return _WHOLE, (account_id, after_id, bound.before_id)
    return _LISTED, (account_id, after_id, bound.before_id, list_id, bound.added_until)


def _place(list_id: int | None) -> str:
    """The contact's id, where the index has it in order."""
    return "c.id" if list_id is None else "l.contact_id"


def _fit(text: Text) -> tuple[str, list[Any]]:
    """An SQL expression that says `missing`, `too_long` or ''."""
    needed = [name for name, fallback in text.fields if fallback is None]
    missing, missing_params = _any_empty(dict.fromkeys(needed))
    if text.characters + len(text.fields) * MAX_VALUE <= text.limit:  # whatever the values are, it fits
        return f"CASE WHEN {missing} THEN 'missing' ELSE '' END", missing_params
    length, length_params = _length(text)
    return (
        f"CASE WHEN {missing} THEN 'missing' WHEN {length} > ? THEN 'too_long' ELSE '' END",
        [*missing_params, *length_params, text.limit],
    )


def _any_empty(names: Sequence[str] | dict[str, None]) -> tuple[str, list[Any]]:
    parts = [_value(name) for name in names]
    return " OR ".join(f"{value} = ''" for value, _ in parts) or "0", [param for _, params in parts for param in params]


def _length(text: Text) -> tuple[str, list[Any]]:
    parts, params = [str(text.characters)], []
    for name, fallback in text.fields:
        value, own = _value(name)
        parts.append(f"coalesce(nullif(length({value}), 0), {fallback or 0})")
        params.extend(own)
    return " + ".join(parts), params


def _value(name: str) -> tuple[str, list[Any]]:
    """The value of a field as text, '' when there is none. The same reading as `values_of` has."""
    if name == "name":
        return f"trim(c.name, {_SPACES})", []
    if name == "first_name":
        whole = f"trim(c.name, {_SPACES})"
        return f"substr({whole}, 1, instr({whole} || ' ', ' ') - 1)", []
    return f"trim(coalesce(json_extract(c.attributes, ?), ''), {_SPACES})", [f'$."{name}"']


def values_of(who: Person) -> dict[str, str]:
    """What a text may say of a person: `name`, `first_name` (the first word of it), and the attributes by their names."""
    attributes = msgspec.json.decode(who.attributes, type=dict[str, str], strict=False)
    words = who.name.split()
    return {**attributes, "name": who.name.strip(), "first_name": words[0] if words else ""}
