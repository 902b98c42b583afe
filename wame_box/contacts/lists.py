"""Lists: hand-kept sets of contacts. Deleting a list leaves its contacts alone."""

from __future__ import annotations

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.accounts.setup import check_name
from wame_box.contacts import list_store, store
from wame_box.contacts.models import Added, ContactList
from wame_box.kernel import ids
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import N_, Problem, Refused, register

register(
    {
        "list_unknown": Problem(404, N_("There is no such list.")),
        "list_exists": Problem(409, N_("There is a list with this name already.")),
        "contacts_unknown": Problem(404, N_("Some of these contacts do not exist: %(ids)s.")),
    }
)

PART = 500


def create(tx: Tx, caller: Caller, name: str) -> ContactList:
    """Raises: Refused("invalid_input"), Refused("list_exists")."""
    return list_store.insert(tx, caller.account_id, _free_name(tx, caller, name, None))


def create_or_find(tx: Tx, caller: Caller, name: str) -> ContactList:
    """The list of this name, made if there is none. Raises: Refused("invalid_input")."""
    found = list_store.named(tx, caller.account_id, " ".join(name.split()))
    return found or create(tx, caller, name)


def rename(tx: Tx, caller: Caller, list_id: int, name: str) -> ContactList:
    """Raises: Refused("not_found"), Refused("invalid_input"), Refused("list_exists")."""
    find(tx, caller, list_id)
    list_store.rename(tx, caller.account_id, list_id, _free_name(tx, caller, name, list_id))
    return find(tx, caller, list_id)


async def delete(db: Database, caller: Caller, list_id: int) -> None:
    """Empties the list in small parts, so that nobody waits for a big one, then deletes it. Its contacts stay.

    Raises: Refused("not_found").
    """
    await db.write(find, caller, list_id)
    while await db.write_low(list_store.remove_some, list_id, PART) == PART:
        pass
    await db.write(_delete_row, caller, list_id)


def _delete_row(tx: Tx, caller: Caller, list_id: int) -> None:
    row = find(tx, caller, list_id)
    list_store.delete(tx, caller.account_id, list_id)
    audit.record(tx, caller, "list.deleted", row.public_id)


def add(tx: Tx, caller: Caller, list_id: int, contact_ids: list[int]) -> Added:
    """Puts contacts on a list; those on it already stay.

    Raises: Refused("not_found"), Refused("contacts_unknown").
    """
    find(tx, caller, list_id)
    known = list_store.known(tx, caller.account_id, contact_ids)
    strangers = [contact_id for contact_id in contact_ids if contact_id not in known]
    if strangers:
        raise Refused("contacts_unknown", ids=", ".join(ids.show("con", one) for one in strangers[:5]))
    added = list_store.add(tx, list_id, contact_ids)
    return Added(added, find(tx, caller, list_id).members)


def remove(tx: Tx, caller: Caller, list_id: int, contact_id: int) -> None:
    """Takes a contact off a list; one that is not on it is fine.

    Raises: Refused("not_found").
    """
    find(tx, caller, list_id)
    if store.contact(tx, caller.account_id, contact_id) is None:
        raise Refused("not_found")
    list_store.remove(tx, list_id, contact_id)


def check(tx: Tx, caller: Caller, list_id: int) -> None:
    """For a list named by something else. Raises: Refused("list_unknown")."""
    if list_store.find(tx, caller.account_id, list_id) is None:
        raise Refused("list_unknown")


def find(tx: Tx, caller: Caller, list_id: int) -> ContactList:
    row = list_store.find(tx, caller.account_id, list_id)
    if row is None:
        raise Refused("not_found")
    return row


def _free_name(tx: Tx, caller: Caller, name: str, own: int | None) -> str:
    name = " ".join(name.split())
    wrong = check_name("name", name)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    other = list_store.named(tx, caller.account_id, name)
    if other is not None and other.id != own:
        raise Refused("list_exists")
    return name
