"""The pages of the sandbox: the virtual phones, and one of them as one would hold it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, pages
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.paging import Window
from wame_box.sessions import store, words
from wame_box.sessions.engines.sandbox import fate, phones
from wame_box.sessions.engines.sandbox.models import Chat, ChatMessage, Phone, PhoneState
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import EngineKind, Session, SessionStatus

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

BUBBLES = 60
RECENT = 12


class ChatLine(msgspec.Struct, frozen=True):
    """One chat in a phone's list."""

    session: Session
    number: str
    name: str
    last_at: int
    address: str


class OpenChat(msgspec.Struct, frozen=True):
    """The chat that a phone shows, its messages oldest first."""

    session: Session
    number: str
    name: str
    messages: list[ChatMessage]


def address_of(number: str, chat: Chat | None = None, session: str = "") -> str:
    """The path of a phone's page, with a chat open or the code of a session at hand."""
    path = f"/sandbox/{quote(number, safe='')}"
    if chat is not None:
        return f"{path}?{urlencode({'session': ids.show('ses', chat.session_id), 'chat': chat.number})}"
    return f"{path}?{urlencode({'session': session})}" if session else path


async def _sessions(kernel: Kernel, account_id: int) -> dict[int, Session]:
    """The account's sandbox sessions."""
    found = await kernel.db.read(store.sessions_of, account_id, Window(limit=500))
    return {session.id: session for session in found if session.engine is EngineKind.SANDBOX}


# -- all phones ----------------------------------------------------------------------------------------------------------


async def _index(
    request: PageRequest, kernel: Kernel, caller: Caller, world: SandboxWorld, status: int = 200, **more: Any
) -> Page:
    sessions = await _sessions(kernel, caller.account_id)
    found = await phones.list_phones(world, caller.account_id)
    linked = [session for session in sessions.values() if session.id in world.devices]
    recent: list[tuple[Chat, str]] = []
    for session in linked:
        chats = await phones.list_session_chats(world, session.id, RECENT)
        recent += [(chat, session.name) for chat in chats if not world.is_owned(caller.account_id, chat.number)]
    recent.sort(key=lambda pair: -pair[0].last_at)
    shown: dict[str, Any] = {
        "owned": [
            (phone, [sessions[one] for one in world.sessions_on(phone.account_id, phone.number) if one in sessions])
            for phone in found
            if phone.owner
        ],
        "customers": [(chat, name, world.state_of(caller.account_id, chat.number)) for chat, name in recent[:RECENT]],
        "linked": linked,
        "free": await phones.free_number(world, caller.account_id),
        "words": words,
        "name_of": fate.name_of,
        "address_of": address_of,
    }
    return pages.render(request, "sandbox/index.html", status, **(shown | more))


@get("/sandbox", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_phones(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]
) -> Page:
    return await _index(request, kernel, caller, world)


@post("/sandbox/phones", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def add_phone(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]
) -> Page:
    """With `session`, the new phone opens ready to scan that session's code."""
    values = await pages.form(request)
    try:
        phone = await phones.add_phone(world, caller.account_id, values.get("name", ""), values.get("number") or None)
    except Refused as error:
        return await _index(request, kernel, caller, world, error.problem.status, errors=pages.form_errors(error), values=values)
    return pages.redirect(address_of(phone.number, session=values.get("session", "")))


@post("/sandbox/messages", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def write_first(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]
) -> Page:
    """A customer writes, whether somebody wrote to him before or not."""
    values = await pages.form(request)
    try:
        session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", values.get("session", "")))
        sent = await phones.write(world, caller.account_id, session.id, values.get("from", ""), values.get("text", ""))
    except Refused as error:
        return await _index(request, kernel, caller, world, error.problem.status, errors=pages.form_errors(error), values=values)
    return pages.redirect(address_of(sent.number, Chat(sent.session_id, sent.number, 1, sent.at)))


# -- one phone -----------------------------------------------------------------------------------------------------------


async def _screen(number: str, request: PageRequest, kernel: Kernel, caller: Caller, world: SandboxWorld) -> dict[str, Any]:
    """What the phone shows: its chats, and the one that is open."""
    phone = await phones.need_phone(world, caller.account_id, number)
    sessions = await _sessions(kernel, caller.account_id)
    chats = [chat for chat in await phones.list_chats(world, phone) if chat.session_id in sessions]
    lines = [
        ChatLine(
            sessions[chat.session_id],
            chat.number,
            fate.name_of(chat.number),
            chat.last_at,
            address_of(phone.number, chat),
        )
        for chat in chats
    ]
    opened = await _open_chat(request, phone, chats, sessions, world)
    linked = [sessions[one] for one in world.sessions_on(phone.account_id, phone.number) if one in sessions]
    return {
        "phone": phone,
        "chats": lines,
        "open": opened,
        "linked": linked,
        "to_scan": [one for one in sessions.values() if one.status is SessionStatus.PAIRING],
        "path": address_of(phone.number),
        "query": request.url.query,
        "now": kernel.clock.now(),
        "words": words,
    }


async def _open_chat(
    request: PageRequest, phone: Phone, chats: list[Chat], sessions: dict[int, Session], world: SandboxWorld
) -> OpenChat | None:
    """The chat that the address names; a customer with one chat has it open anyway."""
    wanted, number = request.query_params.get("session", ""), request.query_params.get("chat", "")
    found = next((one for one in chats if (ids.show("ses", one.session_id), one.number) == (wanted, number)), None)
    if found is None and not phone.owner and len(chats) == 1:
        found = chats[0]
    if found is None:
        return None
    rows, _after = await phones.list_messages(world, found.session_id, found.number, Window(limit=BUBBLES))
    rows.reverse()
    if not phone.owner:
        rows = [row for row in rows if not row.outgoing or _is_on_phone(row, phone)]
    return OpenChat(sessions[found.session_id], found.number, fate.name_of(found.number), rows)


def _is_on_phone(message: ChatMessage, phone: Phone) -> bool:
    return message.state > 0 or phone.state is PhoneState.ON


@get("/sandbox/{number:str}", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_phone(
    number: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    return pages.render(request, "sandbox/phone.html", **await _screen(number, request, kernel, caller, world))


@get("/sandbox/{number:str}/screen", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_screen(
    number: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    """The part of a phone's page that changes."""
    return pages.render(request, "sandbox/screen.html", **await _screen(number, request, kernel, caller, world))


async def _refused(
    error: Refused, number: str, request: PageRequest, kernel: Kernel, caller: Caller, world: SandboxWorld
) -> Page:
    shown = await _screen(number, request, kernel, caller, world)
    return pages.render(request, "sandbox/phone.html", error.problem.status, errors=pages.form_errors(error), **shown)


@post("/sandbox/{number:str}/scan", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def scan(
    number: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    text = (await pages.form(request)).get("qr", "")
    try:
        session_id = await phones.scan(world, caller.account_id, number, text)
    except Refused as error:
        if error.code == "not_found":
            raise
        return await _refused(error, number, request, kernel, caller, world)
    return pages.redirect(f"/sessions/{ids.show('ses', session_id)}", ("ok", _("The phone is linked.")))


@post("/sandbox/{number:str}/messages", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def write(
    number: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    """The customer of the open chat writes: on his own phone, or looked at from the owner's."""
    values = await pages.form(request)
    session_id = ids.parse("ses", values.get("session", ""))
    await kernel.db.read(need_session, caller.account_id, session_id)
    customer = values.get("chat") or number
    try:
        await phones.write(world, caller.account_id, session_id, customer, values.get("text", ""))
    except Refused as error:
        return await _refused(error, number, request, kernel, caller, world)
    return pages.redirect(address_of(number, Chat(session_id, customer, 0, 0)))


@post("/sandbox/{number:str}/read", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def read(
    number: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    values = await pages.form(request)
    session_id = ids.parse("ses", values.get("session", ""))
    customer = values.get("chat") or number
    try:
        await phones.read_chats(world, caller.account_id, customer, session_id)
    except Refused as error:
        return await _refused(error, number, request, kernel, caller, world)
    return pages.redirect(address_of(number, Chat(session_id, customer, 0, 0)))


@post("/sandbox/{number:str}/state", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def change_state(
    number: FromPath[str], request: PageRequest, caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]
) -> Page:
    values = await pages.form(request)
    phone = await phones.need_phone(world, caller.account_id, number)
    try:
        state = PhoneState(values.get("state", ""))
    except ValueError:
        raise Refused("wrong_value") from None
    if state in (PhoneState.LOST, PhoneState.BANNED) and values.get("confirmed") != "1":
        return pages.render(request, "sandbox/confirm.html", phone=phone, state=state, path=address_of(phone.number), words=words)
    await phones.set_state(world, caller.account_id, number, state)
    return pages.redirect(address_of(phone.number), ("ok", _done(state)))


def _done(state: PhoneState) -> str:
    return {
        PhoneState.ON: _("The phone is on."),
        PhoneState.OFF: _("The phone is off."),
        PhoneState.LOST: _("The phone is lost. Its linked devices are removed."),
        PhoneState.BANNED: _("WhatsApp has banned this number."),
    }[state]


HANDLERS = [show_phones, add_phone, write_first, show_phone, show_screen, scan, write, read, change_state]
