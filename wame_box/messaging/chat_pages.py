"""The pages of one conversation: what a session and a number wrote to each other, and a field to answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import store as contacts
from wame_box.contacts.phone import pretty
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.errors import Refused
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import enqueue, log_store, words
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.send_form import in_form, read_form
from wame_box.messaging.waiting import waiting
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import Session

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

BUBBLES = 60


def address_of(session_id: str, address: str) -> str:
    """The path of a conversation's page."""
    return f"/chats/{session_id}/{quote(address, safe='')}"


async def _conversation(session: Session, address: str, kernel: Kernel, caller: Caller, cursor: str | None) -> dict[str, Any]:
    window = paging.window(BUBBLES, cursor)
    found = await kernel.db.read(log_store.chat, caller.account_id, session.id, address, window.before, window.limit + 1)
    rows, after = paging.cut(found, window)
    path, now = address_of(session.public_id, address), kernel.clock.now()
    return {
        "lines": [(line, waiting(line, now)) for line in reversed(rows)],
        "now": now,
        "words": words,
        "path": path,
        "cursor": cursor,
        "older": f"{path}?{urlencode({'cursor': after})}" if after else "",
    }


async def _page(
    session_id: str, address: str, request: PageRequest, kernel: Kernel, caller: Caller, cursor: str | None = None, **more: Any
) -> Page:
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    contact = await kernel.db.read(contacts.by_address, caller.account_id, address)
    shown = await _conversation(session, address, kernel, caller, cursor)
    shown |= {"session": session, "contact": contact, "address": address, "number": pretty(address)}
    return pages.render(request, "messaging/chat.html", more.pop("status", 200), **(shown | more))


@get("/chats/{session_id:str}/{address:str}", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_chat(
    session_id: FromPath[str],
    address: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    cursor: FromQuery[str | None] = None,
) -> Page:
    return await _page(session_id, address, request, kernel, caller, cursor)


@get("/chats/{session_id:str}/{address:str}/bubbles", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_bubbles(
    session_id: FromPath[str],
    address: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
) -> Page:
    """The newest bubbles alone, for the live page."""
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    shown = await _conversation(session, address, kernel, caller, None)
    return pages.render(request, "messaging/bubbles.html", **shown)


@post("/chats/{session_id:str}/{address:str}", scope=Scope.MESSAGES_SEND, include_in_schema=False, status_code=200)
async def answer(
    session_id: FromPath[str],
    address: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    dispatcher: NamedDependency[Dispatcher],
) -> Page:
    values = {"session": session_id, "to": address, "text": (await pages.form(request)).get("text", "")}
    try:
        wish = read_form(values, caller.time_zone, kernel.clock.now())
        draft = enqueue.check(wish, caller.region, kernel.http.check_url)
        await kernel.db.write(enqueue.enqueue, caller, draft, dispatcher.wake)
    except Refused as error:
        shown: dict[str, Any] = {"errors": pages.form_errors(in_form(error)), "values": values, "status": error.problem.status}
        return await _page(session_id, address, request, kernel, caller, **shown)
    return pages.redirect(address_of(session_id, address))


HANDLERS = [show_chat, show_bubbles, answer]
