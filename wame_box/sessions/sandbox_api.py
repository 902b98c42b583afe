"""The sandbox over REST: its phones, its knobs and its ledger, so that tests of programs can play the other side."""

from __future__ import annotations

import asyncio

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, paging
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.errors import Refused
from wame_box.kernel.idempotency import Once, do_once
from wame_box.kernel.kernel import Kernel
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.knobs import KnobChanges, Knobs, knobs_of
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import EngineKind
from wame_box.sessions.sandbox_views import (
    CustomerMessage,
    LedgerLine,
    LedgerPage,
    NewPhone,
    PhoneList,
    PhoneMessage,
    PhoneMessagePage,
    PhoneView,
    ReadCount,
    ReadWish,
    Scan,
    Scanned,
    StateChange,
)
from wame_box.sessions.turn_knobs import turn_knobs

TAGS = ["Sandbox"]
LEDGER_PAGE = 1_000


@get("/api/v1/sandbox/phones", scope=Scope.SESSIONS_READ, tags=TAGS, summary="List virtual phones")
async def get_phones(caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]) -> PhoneList:
    """Your own phones, then customers' phones that were used by hand. Every other number is a customer's phone that is on."""
    return PhoneList([PhoneView.of(phone, world) for phone in await phones.list_phones(world, caller.account_id)])


@post("/api/v1/sandbox/phones", scope=Scope.SANDBOX_WRITE, tags=TAGS, summary="Add a virtual phone", status_code=201)
async def post_phone(
    data: JSONBody[NewPhone],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    world: NamedDependency[SandboxWorld],
) -> Response[PhoneView]:
    """A phone of your own, which can scan a session's QR code. 409 `phone_exists` when there is one with this number."""

    async def add() -> PhoneView:
        return PhoneView.of(await phones.add_phone(world, caller.account_id, data.name, data.number), world)

    return await do_once(kernel.db, once, 201, add)


@get("/api/v1/sandbox/phones/{number:str}", scope=Scope.SESSIONS_READ, tags=TAGS, summary="A virtual phone")
async def get_phone(number: FromPath[str], caller: NamedDependency[Caller], world: NamedDependency[SandboxWorld]) -> PhoneView:
    """Its state, and the sessions linked to it."""
    return PhoneView.of(await phones.need_phone(world, caller.account_id, number), world)


@post(
    "/api/v1/sandbox/phones/{number:str}/scan",
    scope=Scope.SANDBOX_WRITE,
    tags=TAGS,
    summary="Scan a QR code",
    status_code=200,
)
async def post_scan(
    number: FromPath[str],
    data: JSONBody[Scan],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    world: NamedDependency[SandboxWorld],
) -> Response[Scanned]:
    """The phone scans the code and links the session that shows it. The answer comes when it is linked."""

    async def scan() -> Scanned:
        session_id = await phones.scan(world, caller.account_id, number, data.qr)
        return Scanned(ids.show("ses", session_id), phones.check_number(number))

    return await do_once(kernel.db, once, 200, scan)


@post(
    "/api/v1/sandbox/phones/{number:str}/state",
    scope=Scope.SANDBOX_WRITE,
    tags=TAGS,
    summary="Switch a phone on or off, lose it, have it banned",
    status_code=200,
)
async def post_state(
    number: FromPath[str],
    data: JSONBody[StateChange],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    world: NamedDependency[SandboxWorld],
) -> Response[PhoneView]:
    """A customer's phone that is `off` gets nothing until it is `on` again. Your own phone may be off: linked devices go on.
    One that is `lost` removes them, one that is `banned` can't send; `on` restores it."""

    async def change() -> PhoneView:
        return PhoneView.of(await phones.set_state(world, caller.account_id, number, data.state), world)

    return await do_once(kernel.db, once, 200, change)


@post(
    "/api/v1/sandbox/phones/{number:str}/read",
    scope=Scope.SANDBOX_WRITE,
    tags=TAGS,
    summary="Read what came",
    status_code=200,
)
async def post_read(
    number: FromPath[str],
    data: JSONBody[ReadWish],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    world: NamedDependency[SandboxWorld],
) -> Response[ReadCount]:
    """The customer reads what was delivered, in the chat with one session or in all."""
    session_id = ids.parse("ses", data.session) if data.session else None
    if session_id is not None:
        await kernel.db.read(need_session, caller.account_id, session_id)

    async def read() -> ReadCount:
        return ReadCount(await phones.read_chats(world, caller.account_id, number, session_id))

    return await do_once(kernel.db, once, 200, read)


@get("/api/v1/sandbox/phones/{number:str}/messages", scope=Scope.MESSAGES_READ, tags=TAGS, summary="What is on a phone")
async def get_phone_messages(
    number: FromPath[str],
    session: FromQuery[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> PhoneMessagePage:
    """The chat of a customer's phone with a session, newest first. At most 500 messages a chat are kept, for a week."""
    found = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session))
    wanted = paging.window(limit, cursor)
    rows, after = await phones.list_messages(world, found.id, phones.check_number(number), wanted)
    return PhoneMessagePage([PhoneMessage.of(row) for row in rows], after)


@post("/api/v1/sandbox/messages", scope=Scope.SANDBOX_WRITE, tags=TAGS, summary="Write as a customer", status_code=201)
async def post_message(
    data: JSONBody[CustomerMessage],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    world: NamedDependency[SandboxWorld],
) -> Response[PhoneMessage]:
    """A customer's phone sends a text to a session's number; it comes in as any message does."""
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", data.session))

    async def write() -> PhoneMessage:
        return PhoneMessage.of(await phones.write(world, caller.account_id, session.id, data.number, data.text, once.key))

    return await do_once(kernel.db, once, 201, write)


@get("/api/v1/sessions/{session_id:str}/sandbox", scope=Scope.SESSIONS_READ, tags=TAGS, summary="The knobs of a session")
async def get_knobs(session_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Knobs:
    """How the little world of this session behaves."""
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    if session.engine is not EngineKind.SANDBOX:
        raise Refused("not_found")
    return knobs_of(session.settings)


@patch("/api/v1/sessions/{session_id:str}/sandbox", scope=Scope.SANDBOX_WRITE, tags=TAGS, summary="Turn the knobs")
async def patch_knobs(
    session_id: FromPath[str],
    data: JSONBody[KnobChanges],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
) -> Knobs:
    """Delays, rates, answers and the network of one session; what is left out stays. It holds for the next message."""
    return await kernel.db.write(turn_knobs, caller, ids.parse("ses", session_id), data, world)


@get("/api/v1/sandbox/ledger", scope=Scope.SESSIONS_READ, tags=TAGS, summary="The ledger")
async def get_ledger(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    world: NamedDependency[SandboxWorld],
    session: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> LedgerPage:
    """Every attempt to send, oldest first, as the server saw it: to count what was lost or sent twice. At most 1,000 a page."""
    session_id = ids.parse("ses", session) if session else None
    if session_id is not None:
        await kernel.db.read(need_session, caller.account_id, session_id)
    if limit is not None and not 1 <= limit <= LEDGER_PAGE:
        raise Refused("bad_limit", most=LEDGER_PAGE)
    offset = _offset(cursor)
    counts = await asyncio.to_thread(world.ledger.counts, caller.account_id, session_id)
    lines, after = await asyncio.to_thread(world.ledger.page, caller.account_id, session_id, offset, limit or paging.LIMIT)
    data = [
        LedgerLine(to_rfc3339(one.at), one.session, one.wa_id, one.reference, one.recipient, one.body_sha256, one.outcome)
        for one in lines
    ]
    pending = await phones.count_pending(world, caller.account_id, session_id)
    return LedgerPage(counts, pending, data, ids.show("cur", after) if after is not None else None)


def _offset(cursor: str | None) -> int:
    try:
        return ids.parse("cur", cursor) if cursor else 0
    except Refused:
        raise Refused("bad_cursor") from None


HANDLERS = [
    get_phones,
    post_phone,
    get_phone,
    post_scan,
    post_state,
    post_read,
    get_phone_messages,
    post_message,
    get_knobs,
    patch_knobs,
    get_ledger,
]
