"""The pages of lists: all of them, and one with its members."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import edit, list_store, lists, store, words
from wame_box.contacts.models import ContactFilter, ContactList
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, Problem, Refused, invalid, register
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel

register({"number_unknown": Problem(404, N_("No contact has the number %(address)s. Add it as a contact first."))})

PageRequest = Request[Any, Any, Any]
Page = Response[Any]


async def _index(
    request: PageRequest, kernel: Kernel, caller: Caller, cursor: str | None = None, status: int = 200, **more: Any
) -> Page:
    window = paging.window(None, cursor)
    rows, after = paging.cut(await kernel.db.read(list_store.lists, caller.account_id, window), window)
    older = f"/lists?{urlencode({'cursor': after})}" if after else ""
    return pages.render(request, "contacts/lists.html", status, rows=rows, cursor=cursor, older=older, **more)


@get("/lists", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_lists(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], cursor: FromQuery[str | None] = None
) -> Page:
    return await _index(request, kernel, caller, cursor)


@post("/lists", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def make_list(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    values = await pages.form(request)
    try:
        made = await kernel.db.write(lists.create, caller, values.get("name", ""))
    except Refused as error:
        return await _index(request, kernel, caller, status=error.problem.status, errors=_named(error), values=values)
    return pages.redirect(f"/lists/{made.public_id}", ("ok", _("The list is made. Now put people on it.")))


def _named(error: Refused) -> dict[str, str]:
    """A refusal of the whole form, under its one field."""
    found = pages.form_errors(error)
    return {"name": found[""]} if "" in found else found


async def _find(kernel: Kernel, caller: Caller, list_id: str) -> ContactList:
    row = await kernel.db.read(list_store.find, caller.account_id, ids.parse("lst", list_id))
    if row is None:
        raise Refused("not_found")
    return row


async def _list_page(
    request: PageRequest,
    kernel: Kernel,
    caller: Caller,
    list_id: str,
    q: str = "",
    cursor: str | None = None,
    status: int = 200,
    **more: Any,
) -> Page:
    row = await _find(kernel, caller, list_id)
    window = paging.window(None, cursor)
    wish = ContactFilter(q.strip(), row.id)
    rows, after = paging.cut(await kernel.db.read(store.contacts, caller.account_id, wish, window), window)
    path, chosen = f"/lists/{list_id}", {"q": wish.search} if wish.search else {}
    return pages.render(
        request,
        "contacts/list.html",
        status,
        row=row,
        rows=rows,
        q=wish.search,
        cursor=cursor,
        newest=path + (f"?{urlencode(chosen)}" if chosen else ""),
        older=f"{path}?{urlencode({**chosen, 'cursor': after})}" if after else "",
        words=words,
        **more,
    )


@get("/lists/{list_id:str}", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_list(
    list_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    q: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
) -> Page:
    return await _list_page(request, kernel, caller, list_id, q, cursor)


@post("/lists/{list_id:str}/add", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def add_by_number(
    list_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    values = await pages.form(request)
    try:
        await kernel.db.write(_add, caller, ids.parse("lst", list_id), values.get("address", ""))
    except Refused as error:
        if error.code == "not_found":
            raise
        return await _list_page(
            request, kernel, caller, list_id, status=error.problem.status, errors=pages.form_errors(error), values=values
        )
    return pages.redirect(f"/lists/{list_id}", ("ok", _("The contact is on the list.")))


def _add(tx: Tx, caller: Caller, list_id: int, number: str) -> None:
    address = edit.check_address(number, caller.region)
    contact = store.by_address(tx, caller.account_id, address)
    if contact is None:
        raise invalid("address", "number_unknown", address=address)
    lists.add(tx, caller, list_id, [contact.id])


@post("/lists/{list_id:str}/remove/{contact_id:str}", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def take_off(
    list_id: FromPath[str], contact_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    await kernel.db.write(lists.remove, caller, ids.parse("lst", list_id), ids.parse("con", contact_id))
    return pages.redirect(f"/lists/{list_id}", ("ok", _("Taken off the list.")))


@get("/lists/{list_id:str}/rename", scope=Scope.CONTACTS_WRITE, include_in_schema=False)
async def show_rename(
    list_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return pages.render(request, "contacts/list_rename.html", row=await _find(kernel, caller, list_id))


@post("/lists/{list_id:str}/rename", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def do_rename(
    list_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row, values = await _find(kernel, caller, list_id), await pages.form(request)
    try:
        await kernel.db.write(lists.rename, caller, row.id, values.get("name", ""))
    except Refused as error:
        shown = {"errors": _named(error), "values": values}
        return pages.render(request, "contacts/list_rename.html", error.problem.status, row=row, **shown)
    return pages.redirect(f"/lists/{list_id}", ("ok", _("The list is renamed.")))


@post("/lists/{list_id:str}/delete", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def delete_list(
    list_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _find(kernel, caller, list_id)
    if (await pages.form(request)).get("confirmed") != "1":
        return pages.render(request, "contacts/list_delete.html", row=row)
    await lists.delete(kernel.db, caller, row.id)
    return pages.redirect("/lists", ("ok", _("The list is deleted. Its contacts stay.")))


HANDLERS = [show_lists, make_list, show_list, add_by_number, take_off, show_rename, do_rename, delete_list]
