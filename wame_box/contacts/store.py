"""The only SQL of contacts, their consent and their activity. Lists: `list_store.py`; imports: `import_store.py`."""

from __future__ import annotations

import msgspec

from wame_box.contacts.models import (
    Activity,
    ActivityKind,
    Consent,
    ConsentRecord,
    Contact,
    ContactFilter,
)
from wame_box.contacts.search import folded, wanted
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.paging import Window

COLUMNS = (
    "c.id, c.account_id, c.address, c.name, c.language, c.attributes AS attributes_json, c.consent, c.consent_source,"
    " c.consent_proof, c.consent_at, c.opted_out_at, c.import_id, c.created_at, c.updated_at"
)


def contact(sql: Sql, account_id: int, contact_id: int) -> Contact | None:
    return sql.one(Contact, f"SELECT {COLUMNS} FROM contacts c WHERE account_id = ? AND id = ?", account_id, contact_id)  # noqa: S608


def by_address(sql: Sql, account_id: int, address: str) -> Contact | None:
    return sql.one(Contact, f"SELECT {COLUMNS} FROM contacts c WHERE account_id = ? AND address = ?", account_id, address)  # noqa: S608


def by_addresses(sql: Sql, account_id: int, addresses: list[str]) -> dict[str, Contact]:
    """Those of the addresses that are contacts."""
    found = sql.all(
        Contact,
        f"SELECT {COLUMNS} FROM json_each(?) j CROSS JOIN contacts c ON c.account_id = ? AND c.address = j.value",  # noqa: S608
        msgspec.json.encode(addresses).decode(),
        account_id,
    )
    return {row.address: row for row in found}


def find_or_make(tx: Tx, account_id: int, address: str, name: str) -> Contact:
    """The contact of whoever wrote, made if new and without consent. A contact without a name gets the one they show."""
    found = by_address(tx, account_id, address)
    if found is None:
        return insert(tx, account_id, address, name)
    if name and not found.name:
        update(tx, found, name, found.language, found.attributes)
        return msgspec.structs.replace(found, name=name, updated_at=tx.now)
    return found


def insert(
    tx: Tx, account_id: int, address: str, name: str, language: str | None = None, attributes: dict[str, str] | None = None
) -> Contact:
    """A contact without consent. The address must be free."""
    contact_id = ids.new_id()
    encoded = msgspec.json.encode(attributes or {}).decode()
    search = folded(name, address)
    tx.run(
        "INSERT INTO contacts (id, account_id, address, name, language, attributes, search, consent, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        contact_id,
        account_id,
        address,
        name,
        language,
        encoded,
        search,
        Consent.NONE,
        tx.now,
        tx.now,
    )
    tx.run("INSERT INTO contact_search (rowid, search) VALUES (?, ?)", contact_id, search)
    add_to_count(tx, account_id, Consent.NONE, 1)
    nothing = (None, None, None, None, None)
    return Contact(contact_id, account_id, address, name, language, encoded, Consent.NONE, *nothing, tx.now, tx.now)


def update(tx: Tx, row: Contact, name: str, language: str | None, attributes: dict[str, str]) -> None:
    search = folded(name, row.address)
    tx.run(
        "UPDATE contacts SET name = ?, language = ?, attributes = ?, search = ?, updated_at = ? WHERE account_id = ? AND id = ?",
        name,
        language,
        msgspec.json.encode(attributes).decode(),
        search,
        tx.now,
        row.account_id,
        row.id,
    )
    if name != row.name:
        tx.run("INSERT OR REPLACE INTO contact_search (rowid, search) VALUES (?, ?)", row.id, search)


def delete(tx: Tx, row: Contact) -> None:
    """The contact with its consent history, activity and places on lists. Messages keep the address."""
    tx.run(
        "UPDATE lists SET members = members - 1 WHERE account_id = ? AND id IN"
        " (SELECT list_id FROM list_members WHERE contact_id = ?)",
        row.account_id,
        row.id,
    )
    if tx.run("DELETE FROM contacts WHERE account_id = ? AND id = ?", row.account_id, row.id):
        tx.run("DELETE FROM contact_search WHERE rowid = ?", row.id)
        add_to_count(tx, row.account_id, row.consent, -1)


def add_to_count(tx: Tx, account_id: int, consent: Consent, number: int) -> None:
    tx.run(
        "INSERT INTO contact_counts VALUES (?, ?, ?) ON CONFLICT (account_id, consent)"
        " DO UPDATE SET contacts = contacts + excluded.contacts",
        account_id,
        consent,
        number,
    )


# -- finding many ------------------------------------------------------------------------------------------------------


def contacts(sql: Sql, account_id: int, wish: ContactFilter, window: Window) -> list[Contact]:
    """Newest first, one more than the window's limit if there are."""
    source, conditions, params = _filtered(account_id, wish)
    place = _place(wish)
    return sql.all(
        Contact,
        f"SELECT {COLUMNS} FROM {source} WHERE {conditions} AND {place} < ? ORDER BY {place} DESC LIMIT ?",  # noqa: S608
        *params,
        window.before,
        window.limit + 1,
    )


def count(sql: Sql, account_id: int, wish: ContactFilter, most: int) -> int:
    """How many contacts match, at most `most`: counting on would only take time."""
    source, conditions, params = _filtered(account_id, wish)
    found: int = sql.value(
        f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {conditions} LIMIT ?)",  # noqa: S608
        *params,
        most,
    )
    return found


def _place(wish: ContactFilter) -> str:
    """The column whose order the query follows: that of the index it goes through."""
    search = wanted(wish.search)
    if search is not None and search.match:
        return "s.rowid"
    return "m.contact_id" if wish.list_id is not None else "c.id"


def _filtered(account_id: int, wish: ContactFilter) -> tuple[str, str, list[object]]:
    """(FROM, WHERE, parameters): through the search index if it helps, else through the list, else through all contacts."""
    search = wanted(wish.search)
    source, conditions = "contacts c", ""
    params: list[object] = []
    if search is not None and search.match:
        source, conditions, params = (
            "contact_search s CROSS JOIN contacts c ON c.id = s.rowid",
            "contact_search MATCH ? AND ",
            [search.match],
        )
        if wish.list_id is not None:
            source += " CROSS JOIN list_members m ON m.contact_id = c.id"
    elif wish.list_id is not None:
        source = "list_members m CROSS JOIN contacts c ON c.id = m.contact_id"
    conditions += "c.account_id = ?"
    params = [*params, account_id]
    if wish.list_id is not None:
        conditions += " AND m.list_id = ?"
        params.append(wish.list_id)
    if wish.consent is not None:
        conditions += " AND c.consent = ?"
        params.append(wish.consent)
    for like in search.likes if search else []:
        conditions += " AND c.search LIKE ? ESCAPE '\\'"
        params.append(like)
    return source, conditions, params


def consent_counts(sql: Sql, account_id: int) -> dict[Consent, int]:
    """How many contacts of the account have said what."""
    rows = sql.rows("SELECT consent, contacts FROM contact_counts WHERE account_id = ?", account_id)
    return dict.fromkeys(Consent, 0) | {Consent(name): number for name, number in rows}


# -- consent -----------------------------------------------------------------------------------------------------------


def set_consent(tx: Tx, row: Contact, consent: Consent, source: str, proof: str | None) -> bool:
    """Moves a contact from the consent that `row` has; False when it was changed meanwhile. Adds to the history."""
    changed = tx.run(
        "UPDATE contacts SET consent = ?, consent_source = ?, consent_proof = ?, consent_at = ?, opted_out_at = ?, updated_at = ?"
        " WHERE account_id = ? AND id = ? AND consent = ?",
        consent,
        source,
        proof,
        tx.now,
        tx.now if consent is Consent.OPTED_OUT else None,
        tx.now,
        row.account_id,
        row.id,
        row.consent,
    )
    if changed:
        add_to_count(tx, row.account_id, row.consent, -1)
        add_to_count(tx, row.account_id, consent, 1)
        tx.run(
            "INSERT INTO consent_records VALUES (?, ?, ?, ?, ?, ?, ?)",
            ids.new_id(),
            row.account_id,
            row.id,
            consent,
            source,
            proof,
            tx.now,
        )
    return changed == 1


def consent_history(sql: Sql, account_id: int, contact_id: int, limit: int = 100) -> list[ConsentRecord]:
    """Newest first."""
    return sql.all(
        ConsentRecord,
        "SELECT id, consent, source, proof, created_at FROM consent_records WHERE account_id = ? AND contact_id = ?"
        " ORDER BY id DESC LIMIT ?",
        account_id,
        contact_id,
        limit,
    )


# -- activity ----------------------------------------------------------------------------------------------------------


def insert_activity(
    tx: Tx, account_id: int, contact_id: int, kind: ActivityKind, batch_id: int | None, message_id: int | None
) -> None:
    """Nothing happens for a contact that was deleted meanwhile."""
    tx.run(
        "INSERT INTO contact_activity SELECT ?, account_id, id, ?, ?, ?, ? FROM contacts WHERE account_id = ? AND id = ?",
        ids.new_id(),
        kind,
        batch_id,
        message_id,
        tx.now,
        account_id,
        contact_id,
    )


def activity(sql: Sql, account_id: int, contact_id: int, limit: int) -> list[Activity]:
    """Newest first."""
    return sql.all(
        Activity,
        "SELECT id, kind, batch_id, message_id, created_at FROM contact_activity WHERE contact_id = ? AND account_id = ?"
        " ORDER BY id DESC LIMIT ?",
        contact_id,
        account_id,
        limit,
    )
