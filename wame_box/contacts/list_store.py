"""The only SQL of lists and their members. The number of members is kept with each change."""

from __future__ import annotations

import msgspec

from wame_box.contacts.models import ContactList
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.paging import Window

COLUMNS = "id, account_id, name, members, created_at"


def find(sql: Sql, account_id: int, list_id: int) -> ContactList | None:
    return sql.one(ContactList, f"SELECT {COLUMNS} FROM lists WHERE account_id = ? AND id = ?", account_id, list_id)  # noqa: S608


def named(sql: Sql, account_id: int, name: str) -> ContactList | None:
    """Case of ASCII letters does not matter."""
    return sql.one(ContactList, f"SELECT {COLUMNS} FROM lists WHERE account_id = ? AND name = ?", account_id, name)  # noqa: S608


def lists(sql: Sql, account_id: int, window: Window) -> list[ContactList]:
    """Newest first, one more than the window's limit if there are."""
    return sql.all(
        ContactList,
        f"SELECT {COLUMNS} FROM lists WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        account_id,
        window.before,
        window.limit + 1,
    )


def by_name(sql: Sql, account_id: int, limit: int = 500) -> list[ContactList]:
    """In the order of their names, for choosing one."""
    return sql.all(
        ContactList,
        f"SELECT {COLUMNS} FROM lists WHERE account_id = ? ORDER BY name LIMIT ?",  # noqa: S608
        account_id,
        limit,
    )


def of_contact(sql: Sql, account_id: int, contact_id: int) -> list[ContactList]:
    """In the order of their names."""
    return sql.all(
        ContactList,
        f"SELECT {COLUMNS} FROM lists WHERE account_id = ? AND id IN"  # noqa: S608
        " (SELECT list_id FROM list_members WHERE contact_id = ?) ORDER BY name",
        account_id,
        contact_id,
    )


def insert(tx: Tx, account_id: int, name: str) -> ContactList:
    list_id = ids.new_id()
    tx.run(
        "INSERT INTO lists (id, account_id, name, members, created_at) VALUES (?, ?, ?, 0, ?)", list_id, account_id, name, tx.now
    )
    return ContactList(list_id, account_id, name, 0, tx.now)


def rename(tx: Tx, account_id: int, list_id: int, name: str) -> bool:
    return tx.run("UPDATE lists SET name = ? WHERE account_id = ? AND id = ?", name, account_id, list_id) == 1


def delete(tx: Tx, account_id: int, list_id: int) -> bool:
    """The list must be empty of members, or the unit of work is as big as the list."""
    return tx.run("DELETE FROM lists WHERE account_id = ? AND id = ?", account_id, list_id) == 1


def known(sql: Sql, account_id: int, contact_ids: list[int]) -> set[int]:
    """Those of the ids that are contacts of the account."""
    found = sql.values(
        "SELECT c.id FROM json_each(?) j CROSS JOIN contacts c ON c.id = j.value WHERE c.account_id = ?",
        msgspec.json.encode(contact_ids).decode(),
        account_id,
    )
    return set(found)


def add(tx: Tx, list_id: int, contact_ids: list[int]) -> int:
    """Both must be of one account. Returns how many were not on the list before."""
    added = tx.many(
        "INSERT OR IGNORE INTO list_members (list_id, contact_id, added_at) VALUES (?, ?, ?)",
        [(list_id, contact_id, tx.now) for contact_id in contact_ids],
    )
    if added:
        tx.run("UPDATE lists SET members = members + ? WHERE id = ?", added, list_id)
    return added


def remove(tx: Tx, list_id: int, contact_id: int) -> bool:
    removed = tx.run("DELETE FROM list_members WHERE list_id = ? AND contact_id = ?", list_id, contact_id) == 1
    if removed:
        tx.run("UPDATE lists SET members = members - 1 WHERE id = ?", list_id)
    return removed


def remove_some(tx: Tx, list_id: int, limit: int) -> int:
    """Empties a list part by part. Returns how many it took off."""
    removed = tx.run(
        "DELETE FROM list_members WHERE list_id = ? AND contact_id IN"
        " (SELECT contact_id FROM list_members WHERE list_id = ? LIMIT ?)",
        list_id,
        list_id,
        limit,
    )
    if removed:
        tx.run("UPDATE lists SET members = members - ? WHERE id = ?", removed, list_id)
    return removed
