"""The pages of messages: the log, one message, sending one. Conversations and pacing have files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts.phone import PhoneError, normalise
from wame_box.kernel import i18n, ids, pages, paging
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import chat_pages, enqueue, log_store, pacing_pages, words
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.models import Direction, MessageStatus
from wame_box.messaging.send_form import in_form, read_form
from wame_box.messaging.waiting import waiting
from wame_box.sessions import store as sessions
from wame_box.sessions.models import Session, SessionStatus

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

FILTERS = ("session", "status", "direction", "q", "batch")


# -- the log -----------------------------------------------------------------------------------------------------------


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of the address that are set."""
    return {name: query[name] for name in FILTERS if query.get(name)}


def _wanted(chosen: dict[str, str], region: str | None) -> dict[str, Any]:
    """The filters as `log_store.lines` takes them. A number that can't be one finds nothing.

    Raises: Refused("bad_id"), Refused("not_found") for a word that is no state.
    """
    wanted: dict[str, Any] = {}
    if "session" in chosen:
        wanted["session_id"] = ids.parse("ses", chosen["session"])
    if "batch" in chosen:
        wanted["batch_id"] = ids.parse("bat", chosen["batch"])
    try:
        if "status" in chosen:
            wanted["status"] = MessageStatus(chosen["status"])
        if "direction" in chosen:
            wanted["direction"] = Direction(chosen["direction"])
    except ValueError:
        raise Refused("not_found") from None
    if "q" in chosen:
        try:
            wanted["address"] = normalise(chosen["q"], region)
        except PhoneError:
            wanted["address"] = chosen["q"]
    return wanted


async def _log(request: PageRequest, kernel: Kernel, caller: Caller, cursor: str | None) -> dict[str, Any]:
    """What the table of messages shows."""
    chosen = _chosen(request.query_params)
    window = paging.window(None, cursor)
    found = await kernel.db.read(
        log_store.lines, caller.account_id, window.before, window.limit + 1, **_wanted(chosen, caller.region)
    )
    rows, after = paging.cut(found, window)
    now = kernel.clock.now()
    query = urlencode(chosen)
    return {
        "lines": [(line, waiting(line, now)) for line in rows],
        "words": words,
        "chosen": chosen,
        "query_string": query,
        "cursor": cursor,
        "older": "/messages?" + urlencode({**chosen, "cursor": after}) if after else "",
    }


@get("/messages", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_messages(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], cursor: FromQuery[str | None] = None
) -> Page:
    shown = await _log(request, kernel, caller, cursor)
    every = await kernel.db.read(sessions.sessions_of, caller.account_id, paging.Window(limit=paging.MOST))
    return pages.render(request, "messaging/messages.html", sessions=every, **shown)


@get("/messages/rows", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_rows(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    """The newest rows alone, for the live page."""
    return pages.render(request, "messaging/rows.html", **await _log(request, kernel, caller, None))


# -- one message -------------------------------------------------------------------------------------------------------


async def _message(message_id: str, kernel: Kernel, caller: Caller) -> dict[str, Any]:
    line = await kernel.db.read(log_store.line, caller.account_id, ids.parse("msg", message_id))
    if line is None:
        raise Refused("not_found")
    return {"line": line, "waiting": waiting(line, kernel.clock.now()), "words": words}


@get("/messages/{message_id:str}", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_message(
    message_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return pages.render(request, "messaging/message.html", **await _message(message_id, kernel, caller))


@get("/messages/{message_id:str}/state", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_state(
    message_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The part of a message's page that changes."""
    return pages.render(request, "messaging/state.html", **await _message(message_id, kernel, caller))


@post("/messages/{message_id:str}/cancel", scope=Scope.MESSAGES_SEND, include_in_schema=False, status_code=200)
async def cancel_message(
    message_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    path = f"/messages/{message_id}"
    if (await pages.form(request)).get("confirmed") != "1":
        return pages.render(request, "messaging/cancel.html", path=path)
    try:
        await kernel.db.write(enqueue.cancel, caller, ids.parse("msg", message_id))
    except Refused as error:
        if error.code != "state_changed":
            raise
        return pages.redirect(path, ("warn", _("It was too late: the message is on its way, or at its end.")))
    return pages.redirect(path, ("ok", _("The message is cancelled.")))


# -- sending one -------------------------------------------------------------------------------------------------------


def _connected_first(rows: list[Session]) -> list[Session]:
    return sorted(rows, key=lambda row: (row.status is not SessionStatus.CONNECTED, row.name.casefold()))


async def _send_page(request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, **more: Any) -> Page:
    every = await kernel.db.read(sessions.sessions_of, caller.account_id, paging.Window(limit=paging.MOST))
    shown: dict[str, Any] = {"sessions": _connected_first([row for row in every if row.number]), "zone": caller.time_zone}
    shown["country"] = dict(i18n.regions()).get(caller.region or "")
    return pages.render(request, "messaging/send.html", status, **(shown | more))


@get("/send", scope=Scope.MESSAGES_SEND, include_in_schema=False)
async def show_send(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    to: FromQuery[str] = "",
    session: FromQuery[str] = "",
) -> Page:
    return await _send_page(request, kernel, caller, to=to, session=session)


@post("/send", scope=Scope.MESSAGES_SEND, include_in_schema=False, status_code=200)
async def do_send(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    dispatcher: NamedDependency[Dispatcher],
) -> Page:
    values = await pages.form(request)
    try:
        wish = read_form(values, caller.time_zone, kernel.clock.now())
        draft = enqueue.check(wish, caller.region, kernel.http.check_url)
        accepted = await kernel.db.write(enqueue.enqueue, caller, draft, dispatcher.wake)
    except Refused as error:
        shown = {"errors": pages.form_errors(in_form(error)), "values": values, "to": "", "session": ""}
        return await _send_page(request, kernel, caller, error.problem.status, **shown)
    told = _("The message is planned.") if wish.scheduled_at else _("The message is stored and goes out as its turn comes.")
    return pages.redirect(f"/messages/{accepted.id}", ("ok", told))


HANDLERS = [
    show_messages,
    show_rows,
    show_message,
    show_state,
    cancel_message,
    show_send,
    do_send,
    *chat_pages.HANDLERS,
    *pacing_pages.HANDLERS,
]
