"""Contacts and lists over REST. Imports: `import_api.py`."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import edit, import_api, list_store, lists, store
from wame_box.contacts.models import (
    Added,
    Consent,
    ConsentGiven,
    Contact,
    ContactChange,
    ContactDetail,
    ContactFilter,
    ContactList,
    ContactPage,
    ContactView,
    ListPage,
    ListView,
    Members,
    NewContact,
    NewList,
)
from wame_box.kernel import ids, paging
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.idempotency import Once, answer_once
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.paging import Window

CONTACTS = ["Contacts"]
LISTS = ["Lists"]
ACTIVITY_LINES = 50


# -- contacts ----------------------------------------------------------------------------------------------------------


@get("/api/v1/contacts", scope=Scope.CONTACTS_READ, tags=CONTACTS, summary="List contacts")
async def list_contacts(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    search: FromQuery[str] = "",
    list: FromQuery[str | None] = None,
    consent: FromQuery[Consent | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> ContactPage:
    """Newest first. `search`: a part of the name or of the number; `list`: the id of a list; `consent`: none, opted_in or
    opted_out."""
    wish = ContactFilter(search, ids.parse("lst", list) if list else None, consent)
    if wish.list_id is not None:
        await kernel.db.read(_list, caller, wish.list_id)
    return await _page(kernel, caller, wish, paging.window(limit, cursor))


async def _page(kernel: Kernel, caller: Caller, wish: ContactFilter, wanted: Window) -> ContactPage:
    rows, after = paging.cut(await kernel.db.read(store.contacts, caller.account_id, wish, wanted), wanted)
    return ContactPage([ContactView.of(row) for row in rows], after)


@post(
    "/api/v1/contacts",
    scope=Scope.CONTACTS_WRITE,
    tags=CONTACTS,
    summary="Create a contact",
    status_code=201,
    responses={201: ResponseSpec(ContactView, description="The contact.")},
)
async def create_contact(
    data: JSONBody[NewContact], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[Any]:
    """409 `contact_exists` when the number is a contact already. With `consent_source` the person counts as opted in."""
    return await answer_once(kernel.db, once, 201, _create, caller, data)


def _create(tx: Tx, caller: Caller, data: NewContact) -> ContactView:
    return ContactView.of(edit.create(tx, caller, data))


@get("/api/v1/contacts/{contact_id:str}", scope=Scope.CONTACTS_READ, tags=CONTACTS, summary="Get a contact")
async def get_contact(
    contact_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> ContactDetail:
    """One contact with its lists, its consent history and what happened last."""
    return await kernel.db.read(_detail, caller, ids.parse("con", contact_id))


def _detail(sql: Sql, caller: Caller, contact_id: int) -> ContactDetail:
    account_id, row = caller.account_id, _contact(sql, caller, contact_id)
    return ContactDetail.with_history(
        row,
        list_store.of_contact(sql, account_id, contact_id),
        store.consent_history(sql, account_id, contact_id),
        store.activity(sql, account_id, contact_id, ACTIVITY_LINES),
    )


@patch("/api/v1/contacts/{contact_id:str}", scope=Scope.CONTACTS_WRITE, tags=CONTACTS, summary="Change a contact")
async def change_contact(
    contact_id: FromPath[str], data: JSONBody[ContactChange], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> ContactView:
    """What is left out stays; an attribute that is null is removed."""
    return ContactView.of(await kernel.db.write(edit.change, caller, ids.parse("con", contact_id), data))


@delete("/api/v1/contacts/{contact_id:str}", scope=Scope.CONTACTS_WRITE, tags=CONTACTS, summary="Delete a contact")
async def delete_contact(contact_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> None:
    """For good, with its consent history and activity: that the person opted out is forgotten too. Messages stay."""
    await kernel.db.write(edit.delete, caller, ids.parse("con", contact_id))


@post(
    "/api/v1/contacts/{contact_id:str}/opt-out",
    scope=Scope.CONTACTS_WRITE,
    tags=CONTACTS,
    summary="Note that a person wants no messages",
    status_code=200,
    responses={200: ResponseSpec(ContactView, description="The contact.")},
)
async def opt_out(
    contact_id: FromPath[str],
    data: JSONBody[ConsentGiven],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
) -> Response[Any]:
    """Nothing of the account reaches this person any more; what waits to be sent is taken back."""
    return await answer_once(kernel.db, once, 200, _opt_out, caller, ids.parse("con", contact_id), data)


def _opt_out(tx: Tx, caller: Caller, contact_id: int, data: ConsentGiven) -> ContactView:
    return ContactView.of(edit.opt_out(tx, caller, contact_id, data))


@post(
    "/api/v1/contacts/{contact_id:str}/opt-in",
    scope=Scope.CONTACTS_WRITE,
    tags=CONTACTS,
    summary="Note that a person agreed to get messages",
    status_code=200,
    responses={200: ResponseSpec(ContactView, description="The contact.")},
)
async def opt_in(
    contact_id: FromPath[str],
    data: JSONBody[ConsentGiven],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
) -> Response[Any]:
    """Only for somebody who said so: an earlier opt-out is undone."""
    return await answer_once(kernel.db, once, 200, _opt_in, caller, ids.parse("con", contact_id), data)


def _opt_in(tx: Tx, caller: Caller, contact_id: int, data: ConsentGiven) -> ContactView:
    return ContactView.of(edit.opt_in(tx, caller, contact_id, data))


def _contact(sql: Sql, caller: Caller, contact_id: int) -> Contact:
    row = store.contact(sql, caller.account_id, contact_id)
    if row is None:
        raise Refused("not_found")
    return row


# -- lists -------------------------------------------------------------------------------------------------------------


@get("/api/v1/lists", scope=Scope.CONTACTS_READ, tags=LISTS, summary="List lists")
async def list_lists(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> ListPage:
    """Newest first."""
    wanted = paging.window(limit, cursor)
    rows, after = paging.cut(await kernel.db.read(list_store.lists, caller.account_id, wanted), wanted)
    return ListPage([ListView.of(row) for row in rows], after)


@post(
    "/api/v1/lists",
    scope=Scope.CONTACTS_WRITE,
    tags=LISTS,
    summary="Create a list",
    status_code=201,
    responses={201: ResponseSpec(ListView, description="The list.")},
)
async def create_list(
    data: JSONBody[NewList], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[Any]:
    """409 `list_exists` when there is one of this name."""
    return await answer_once(kernel.db, once, 201, _create_list, caller, data)


def _create_list(tx: Tx, caller: Caller, data: NewList) -> ListView:
    return ListView.of(lists.create(tx, caller, data.name))


@get("/api/v1/lists/{list_id:str}", scope=Scope.CONTACTS_READ, tags=LISTS, summary="Get a list")
async def get_list(list_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> ListView:
    """One list with the number of its members."""
    return ListView.of(await kernel.db.read(_list, caller, ids.parse("lst", list_id)))


def _list(sql: Sql, caller: Caller, list_id: int) -> ContactList:
    row = list_store.find(sql, caller.account_id, list_id)
    if row is None:
        raise Refused("not_found")
    return row


@patch("/api/v1/lists/{list_id:str}", scope=Scope.CONTACTS_WRITE, tags=LISTS, summary="Rename a list")
async def rename_list(
    list_id: FromPath[str], data: JSONBody[NewList], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> ListView:
    """409 `list_exists` when another list has this name."""
    return ListView.of(await kernel.db.write(lists.rename, caller, ids.parse("lst", list_id), data.name))


@delete("/api/v1/lists/{list_id:str}", scope=Scope.CONTACTS_WRITE, tags=LISTS, summary="Delete a list")
async def delete_list(list_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> None:
    """Its contacts stay."""
    await lists.delete(kernel.db, caller, ids.parse("lst", list_id))


@get("/api/v1/lists/{list_id:str}/members", scope=Scope.CONTACTS_READ, tags=LISTS, summary="List a list's members")
async def list_members(
    list_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> ContactPage:
    """The contacts of a list, newest contacts first."""
    row = await kernel.db.read(_list, caller, ids.parse("lst", list_id))
    return await _page(kernel, caller, ContactFilter(list_id=row.id), paging.window(limit, cursor))


@post(
    "/api/v1/lists/{list_id:str}/members",
    scope=Scope.CONTACTS_WRITE,
    tags=LISTS,
    summary="Put contacts on a list",
    status_code=200,
    responses={200: ResponseSpec(Added, description="How many were added.")},
)
async def add_members(
    list_id: FromPath[str],
    data: JSONBody[Members],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
) -> Response[Any]:
    """Up to 1,000 contacts; those on the list already stay. One unknown contact refuses them all."""
    chosen = [ids.parse("con", contact) for contact in data.contacts]
    return await answer_once(kernel.db, once, 200, lists.add, caller, ids.parse("lst", list_id), chosen)


@delete(
    "/api/v1/lists/{list_id:str}/members/{contact_id:str}",
    scope=Scope.CONTACTS_WRITE,
    tags=LISTS,
    summary="Take a contact off a list",
)
async def remove_member(
    list_id: FromPath[str], contact_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> None:
    """A contact that is not on it is fine."""
    await kernel.db.write(lists.remove, caller, ids.parse("lst", list_id), ids.parse("con", contact_id))


HANDLERS = [
    list_contacts,
    create_contact,
    get_contact,
    change_contact,
    delete_contact,
    opt_out,
    opt_in,
    list_lists,
    create_list,
    get_list,
    rename_list,
    delete_list,
    list_members,
    add_members,
    remove_member,
    *import_api.HANDLERS,
]
