"""The pages of contacts: the table, one contact, making and changing it. Lists and imports have files of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import edit, import_pages, list_pages, list_store, lists, store, words
from wame_box.contacts.contact_form import attribute_lines, read_change, read_new
from wame_box.contacts.models import Consent, ConsentGiven, Contact, ContactFilter
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused, invalid
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

MOST_COUNTED = 1000
ACTIVITY_LINES = 50


# -- the table ---------------------------------------------------------------------------------------------------------


@get("/contacts", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_contacts(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    q: FromQuery[str] = "",
    list: FromQuery[str] = "",
    consent: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
) -> Page:
    wish = ContactFilter(
        q.strip(), ids.parse("lst", list) if list else None, Consent(consent) if consent in set(Consent) else None
    )
    shown = await kernel.db.read(_table, caller, wish, paging.window(None, cursor))
    chosen = {name: value for name, value in (("q", wish.search), ("list", list), ("consent", wish.consent or "")) if value}
    return pages.render(
        request,
        "contacts/contacts.html",
        wish=wish,
        chosen=chosen,
        chosen_list=list,
        cursor=cursor,
        newest=_address("/contacts", chosen),
        older=_address("/contacts", {**chosen, "cursor": shown["after"]}) if shown["after"] else "",
        words=words,
        **shown,
    )


def _address(path: str, query: dict[str, Any]) -> str:
    return path + (f"?{urlencode(query)}" if query else "")


def _table(sql: Sql, caller: Caller, wish: ContactFilter, window: paging.Window) -> dict[str, Any]:
    account_id = caller.account_id
    rows, after = paging.cut(store.contacts(sql, account_id, wish, window), window)
    total = sum(store.consent_counts(sql, account_id).values())
    return {
        "rows": rows,
        "after": after,
        "total": total,
        "found": store.count(sql, account_id, wish, MOST_COUNTED) if wish.is_set else total,
        "most_counted": MOST_COUNTED,
        "lists": list_store.by_name(sql, account_id),
    }


# -- making one --------------------------------------------------------------------------------------------------------


async def _new_page(request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, **more: Any) -> Page:
    every = await kernel.db.read(list_store.by_name, caller.account_id)
    return pages.render(request, "contacts/new.html", status, lists=every, words=words, **({"chosen_list": ""} | more))


@get("/contacts/new", scope=Scope.CONTACTS_WRITE, include_in_schema=False)
async def show_new(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], list: FromQuery[str] = ""
) -> Page:
    return await _new_page(request, kernel, caller, chosen_list=list)


@post("/contacts/new", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def do_new(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    values = await pages.form(request)
    try:
        list_id = ids.parse("lst", values["list"]) if values.get("list") else None
        made = await kernel.db.write(edit.create, caller, read_new(values), list_id)
    except Refused as error:
        return await _new_page(
            request, kernel, caller, error.problem.status, errors=_errors(error), values=values, chosen_list=values.get("list")
        )
    return pages.redirect(f"/contacts/{made.public_id}", ("ok", _("The contact is added.")))


def _errors(error: Refused) -> dict[str, str]:
    """Errors of single attributes belong to the one field that holds them all; a taken number to the number."""
    if error.code == "contact_exists":
        return {"address": pages.form_errors(error)[""]}
    found = pages.form_errors(error)
    return {name.partition(".")[0]: text for name, text in found.items()}


# -- one contact -------------------------------------------------------------------------------------------------------


@get("/contacts/{contact_id:str}", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_contact(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _contact_page(request, kernel, caller, contact_id)


async def _contact_page(
    request: PageRequest, kernel: Kernel, caller: Caller, contact_id: str, status: int = 200, **more: Any
) -> Page:
    shown = await kernel.db.read(_everything, caller, ids.parse("con", contact_id))
    return pages.render(request, "contacts/contact.html", status, words=words, **shown, **more)


def _everything(sql: Sql, caller: Caller, contact_id: int) -> dict[str, Any]:
    row = found(sql, caller, contact_id)
    account_id = caller.account_id
    on = list_store.of_contact(sql, account_id, contact_id)
    members = {one.id for one in on}
    return {
        "contact": row,
        "lists": on,
        "other_lists": [one for one in list_store.by_name(sql, account_id) if one.id not in members],
        "history": store.consent_history(sql, account_id, contact_id),
        "activity": store.activity(sql, account_id, contact_id, ACTIVITY_LINES),
    }


def found(sql: Sql, caller: Caller, contact_id: int) -> Contact:
    row = store.contact(sql, caller.account_id, contact_id)
    if row is None:
        raise Refused("not_found")
    return row


async def _read(kernel: Kernel, caller: Caller, contact_id: str) -> Contact:
    return await kernel.db.read(found, caller, ids.parse("con", contact_id))


@get("/contacts/{contact_id:str}/edit", scope=Scope.CONTACTS_WRITE, include_in_schema=False)
async def show_edit(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _read(kernel, caller, contact_id)
    return pages.render(request, "contacts/edit.html", contact=row, words=words, lines=attribute_lines(row.attributes))


@post("/contacts/{contact_id:str}/edit", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def do_edit(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    values = await pages.form(request)
    row = await _read(kernel, caller, contact_id)
    try:
        await kernel.db.write(edit.change, caller, row.id, read_change(values, row))
    except Refused as error:
        shown = {"errors": _errors(error), "values": values, "lines": ""}
        return pages.render(request, "contacts/edit.html", error.problem.status, contact=row, words=words, **shown)
    return pages.redirect(f"/contacts/{contact_id}", ("ok", _("The contact is changed.")))


# -- consent and deletion ----------------------------------------------------------------------------------------------


async def _confirmed(request: PageRequest) -> bool:
    return (await pages.form(request)).get("confirmed") == "1"


@post("/contacts/{contact_id:str}/opt-out", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def opt_out(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _read(kernel, caller, contact_id)
    if not await _confirmed(request):
        return pages.render(request, "contacts/confirm.html", act="opt-out", contact=row, words=words)
    await kernel.db.write(edit.opt_out, caller, row.id, ConsentGiven("member"))
    return pages.redirect(f"/contacts/{contact_id}", ("ok", _("Nothing is sent to this person any more.")))


@get("/contacts/{contact_id:str}/opt-in", scope=Scope.CONTACTS_WRITE, include_in_schema=False)
async def show_opt_in(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return pages.render(request, "contacts/opt_in.html", contact=await _read(kernel, caller, contact_id), words=words)


@post("/contacts/{contact_id:str}/opt-in", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def do_opt_in(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _read(kernel, caller, contact_id)
    values = await pages.form(request)
    try:
        pages.needed(values, "source")
        if len(values["source"]) > edit.MAX_SOURCE:
            raise invalid("source", "too_long", limit=edit.MAX_SOURCE)
        given = ConsentGiven(values["source"], values.get("proof", "")[:1000] or None)
        await kernel.db.write(edit.opt_in, caller, row.id, given)
    except Refused as error:
        shown = {"errors": pages.form_errors(error), "values": values}
        return pages.render(request, "contacts/opt_in.html", error.problem.status, contact=row, words=words, **shown)
    return pages.redirect(f"/contacts/{contact_id}", ("ok", _("The consent is noted.")))


@post("/contacts/{contact_id:str}/delete", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def delete_contact(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _read(kernel, caller, contact_id)
    if not await _confirmed(request):
        return pages.render(request, "contacts/confirm.html", act="delete", contact=row, words=words)
    await kernel.db.write(edit.delete, caller, row.id)
    return pages.redirect("/contacts", ("ok", _("The contact is deleted.")))


# -- lists of a contact ------------------------------------------------------------------------------------------------


@post("/contacts/{contact_id:str}/lists", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def put_on_list(
    contact_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    values = await pages.form(request)
    row = await _read(kernel, caller, contact_id)

    def put(tx: Tx) -> str:
        if values.get("list"):
            chosen = lists.find(tx, caller, ids.parse("lst", values["list"]))
        else:
            pages.needed(values, "name")
            chosen = lists.create_or_find(tx, caller, values["name"])
        lists.add(tx, caller, chosen.id, [row.id])
        return chosen.name

    try:
        name = await kernel.db.write(put)
    except Refused as error:
        shown = {"errors": pages.form_errors(error), "values": values}
        return await _contact_page(request, kernel, caller, contact_id, error.problem.status, **shown)
    return pages.redirect(f"/contacts/{contact_id}", ("ok", _("Put on the list %(name)s.", name=name)))


@post(
    "/contacts/{contact_id:str}/lists/{list_id:str}/remove",
    scope=Scope.CONTACTS_WRITE,
    include_in_schema=False,
    status_code=200,
)
async def take_off_list(
    contact_id: FromPath[str], list_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    await kernel.db.write(lists.remove, caller, ids.parse("lst", list_id), ids.parse("con", contact_id))
    return pages.redirect(f"/contacts/{contact_id}", ("ok", _("Taken off the list.")))


HANDLERS = [
    show_contacts,
    show_new,
    do_new,
    show_contact,
    show_edit,
    do_edit,
    opt_out,
    show_opt_in,
    do_opt_in,
    delete_contact,
    put_on_list,
    take_off_list,
    *list_pages.HANDLERS,
    *import_pages.HANDLERS,
]
