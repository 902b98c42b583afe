"""The pages of sessions: the list, adding one, and one session from its QR code to its history."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import FieldError, Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.sessions import sandbox_pages, store, words
from wame_box.sessions.create import change_session, create_session
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.knobs import knobs_of
from wame_box.sessions.engines.sandbox.models import Phone, PhoneState
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.knob_form import changes_of, fields_of
from wame_box.sessions.lookup import list_sessions, need_session
from wame_box.sessions.models import EngineKind, NewSession, Session, SessionChanges, SessionStatus
from wame_box.sessions.supervisor import Supervisor
from wame_box.sessions.switch import delete_session, start_session, stop_session, unlink_session
from wame_box.sessions.turn_knobs import turn_knobs

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

POLICIES = ("unpaced", "careful", "normal")


# -- the list and adding one ---------------------------------------------------------------------------------------------


async def _list(kernel: Kernel, caller: Caller, cursor: str | None) -> dict[str, Any]:
    rows, after = await kernel.db.read(list_sessions, caller.account_id, paging.window(None, cursor))
    return {"sessions": rows, "older": f"/sessions?cursor={after}" if after else "", "cursor": cursor, "words": words}


@get("/sessions", scope=Scope.SESSIONS_READ, include_in_schema=False)
async def show_sessions(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], cursor: FromQuery[str | None] = None
) -> Page:
    return pages.render(request, "sessions/index.html", **await _list(kernel, caller, cursor))


@get("/sessions/rows", scope=Scope.SESSIONS_READ, include_in_schema=False)
async def show_rows(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    """The table alone, for the live page."""
    return pages.render(request, "sessions/rows.html", **await _list(kernel, caller, None))


def _new_page(request: PageRequest, supervisor: Supervisor, status: int = 200, **more: Any) -> Page:
    return pages.render(request, "sessions/new.html", status, engines=supervisor.available(), words=words, **more)


@get("/sessions/new", scope=Scope.SESSIONS_WRITE, include_in_schema=False)
async def show_new(request: PageRequest, supervisor: NamedDependency[Supervisor]) -> Page:
    return _new_page(request, supervisor)


@post("/sessions", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def add_session(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Page:
    values = await pages.form(request)
    try:
        wish = NewSession(values.get("name", ""), _engine(values.get("engine", "")), values.get("policy") or None)
        session = await kernel.db.write(create_session, caller, wish, supervisor)
    except Refused as error:
        return _new_page(request, supervisor, error.problem.status, errors=pages.form_errors(error), values=values)
    return pages.redirect(f"/sessions/{session.public_id}")


def _engine(name: str) -> EngineKind:
    try:
        return EngineKind(name)
    except ValueError:
        raise Refused("invalid_input", fields=[FieldError("engine", "wrong_value", {})]) from None


# -- one session ---------------------------------------------------------------------------------------------------------


def _facts(sql: Sql, account_id: int, session_id: int) -> dict[str, Any]:
    session = need_session(sql, account_id, session_id)
    return {"session": session, "states": store.states_of(sql, session_id, 12)}


async def _state(session_id: str, kernel: Kernel, caller: Caller, supervisor: Supervisor, world: SandboxWorld) -> dict[str, Any]:
    """What the part of the page that changes shows."""
    number = ids.parse("ses", session_id)
    facts = await kernel.db.read(_facts, caller.account_id, number)
    session: Session = facts["session"]
    shown = supervisor.qr(number) if caller.may(Scope.SESSIONS_WRITE) else None
    spare = await _spare_phones(world, session) if session.status is SessionStatus.PAIRING else []
    return facts | {"qr": shown, "phones": spare, "words": words, "now": kernel.clock.now()}


async def _spare_phones(world: SandboxWorld, session: Session) -> list[Phone]:
    """Virtual phones that could scan the code of a sandbox session."""
    if session.engine is not EngineKind.SANDBOX:
        return []
    found = await phones.list_phones(world, session.account_id)
    return [
        phone
        for phone in found
        if phone.owner and phone.state is PhoneState.ON and not world.sessions_on(phone.account_id, phone.number)
    ]


async def _page(
    session_id: str,
    request: PageRequest,
    kernel: Kernel,
    caller: Caller,
    supervisor: Supervisor,
    world: SandboxWorld,
    status: int = 200,
    **more: Any,
) -> Page:
    shown = await _state(session_id, kernel, caller, supervisor, world)
    return pages.render(request, "sessions/session.html", status, **(shown | more))


@get("/sessions/{session_id:str}", scope=Scope.SESSIONS_READ, include_in_schema=False)
async def show_session(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
    world: NamedDependency[SandboxWorld],
) -> Page:
    return await _page(session_id, request, kernel, caller, supervisor, world)


@get("/sessions/{session_id:str}/state", scope=Scope.SESSIONS_READ, include_in_schema=False)
async def show_state(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
    world: NamedDependency[SandboxWorld],
) -> Page:
    """The part of a session's page that changes."""
    return pages.render(request, "sessions/state.html", **await _state(session_id, kernel, caller, supervisor, world))


@post("/sessions/{session_id:str}/name", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def rename(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
    world: NamedDependency[SandboxWorld],
) -> Page:
    values = await pages.form(request)
    changes = SessionChanges(name=values.get("name", ""))
    try:
        await kernel.db.write(change_session, caller, ids.parse("ses", session_id), changes, supervisor)
    except Refused as error:
        if not error.fields:
            raise
        shown: dict[str, Any] = {"status": error.problem.status, "errors": pages.form_errors(error), "values": values}
        return await _page(session_id, request, kernel, caller, supervisor, world, **shown)
    return pages.redirect(f"/sessions/{session_id}", ("ok", _("The name is changed.")))


async def _knobs_page(
    session_id: str, request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, **more: Any
) -> Page:
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    if session.engine is not EngineKind.SANDBOX:
        raise Refused("not_found")
    shown = {"session": session, "knobs": fields_of(knobs_of(session.settings))}
    return pages.render(request, "sessions/knobs.html", status, **(shown | more))


@get("/sessions/{session_id:str}/sandbox", scope=Scope.SANDBOX_WRITE, include_in_schema=False)
async def show_knobs(
    session_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _knobs_page(session_id, request, kernel, caller)


@post("/sessions/{session_id:str}/sandbox", scope=Scope.SANDBOX_WRITE, include_in_schema=False, status_code=200)
async def change_knobs(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Page:
    values = await pages.form(request)
    try:
        await kernel.db.write(turn_knobs, caller, ids.parse("ses", session_id), changes_of(values), world)
    except Refused as error:
        if not error.fields:
            raise
        shown: dict[str, Any] = {"errors": pages.form_errors(error), "values": values}
        return await _knobs_page(session_id, request, kernel, caller, error.problem.status, **shown)
    return pages.redirect(f"/sessions/{session_id}", ("ok", _("The sandbox behaves so from the next message on.")))


@post("/sessions/{session_id:str}/start", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def start(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Page:
    await kernel.db.write(start_session, caller, ids.parse("ses", session_id), supervisor)
    return pages.redirect(f"/sessions/{session_id}")


async def _confirmed(session_id: str, request: PageRequest, kernel: Kernel, caller: Caller, act: str) -> Page | None:
    """The page that asks first, for browsers without JavaScript; None when the answer is there."""
    if (await pages.form(request)).get("confirmed") == "1":
        return None
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    return pages.render(request, "sessions/confirm.html", session=session, act=act)


@post("/sessions/{session_id:str}/stop", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def stop(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Page:
    if (question := await _confirmed(session_id, request, kernel, caller, "stop")) is not None:
        return question
    await kernel.db.write(stop_session, caller, ids.parse("ses", session_id), supervisor)
    return pages.redirect(f"/sessions/{session_id}", ("ok", _("The session is stopped.")))


@post("/sessions/{session_id:str}/unlink", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def unlink(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Page:
    if (question := await _confirmed(session_id, request, kernel, caller, "unlink")) is not None:
        return question
    await kernel.db.write(unlink_session, caller, ids.parse("ses", session_id), supervisor)
    return pages.redirect(f"/sessions/{session_id}", ("ok", _("The number is unlinked.")))


@post("/sessions/{session_id:str}/delete", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def remove(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Page:
    if (question := await _confirmed(session_id, request, kernel, caller, "delete")) is not None:
        return question
    await kernel.db.write(delete_session, caller, ids.parse("ses", session_id), supervisor)
    return pages.redirect("/sessions", ("ok", _("The session is deleted.")))


HANDLERS = [
    show_sessions,
    show_rows,
    show_new,
    add_session,
    show_session,
    show_state,
    rename,
    show_knobs,
    change_knobs,
    start,
    stop,
    unlink,
    remove,
    *sandbox_pages.HANDLERS,
]
