"""Sessions over REST: numbers connected to the box, and the QR codes that link them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from wame_box.accounts.access import Gate
from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, paging
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import EngineError, Refused, invalid
from wame_box.kernel.idempotency import Once, answer_once, do_once
from wame_box.kernel.kernel import Kernel
from wame_box.sessions import pairing, sandbox_api
from wame_box.sessions.create import change_session, create_session
from wame_box.sessions.engines.sandbox.phones import check_number
from wame_box.sessions.lookup import list_sessions, need_session
from wame_box.sessions.models import NewSession, SessionChanges, SessionPage, SessionView
from wame_box.sessions.pairing import QrView
from wame_box.sessions.supervisor import Supervisor
from wame_box.sessions.switch import delete_session, start_session, stop_session, unlink_session

TAGS = ["Sessions"]
CHECKS = 50
FRESH = {"cache-control": "no-store"}


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phone numbers with + and the country code."""

    numbers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=CHECKS)]


class CheckedNumber(msgspec.Struct, frozen=True):
    number: str
    on_whatsapp: bool


class CheckedNumbers(msgspec.Struct, frozen=True):
    data: list[CheckedNumber]


@post(
    "/api/v1/sessions",
    scope=Scope.SESSIONS_WRITE,
    tags=TAGS,
    summary="Add a session",
    status_code=201,
    responses={
        201: ResponseSpec(SessionView, generate_examples=False, description="Stored; its engine starts and shows a QR code.")
    },
)
async def post_session(
    data: JSONBody[NewSession],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    supervisor: NamedDependency[Supervisor],
) -> Response[Any]:
    """Adds a number to the box. Its QR code is at `/qr`, `/qr.png`, `/qr.svg` and on the stream `/qr/stream`, and comes as the
    event `session.qr`; scan it with the phone of the number."""

    def create(tx: Tx) -> SessionView:
        return SessionView.of(create_session(tx, caller, data, supervisor))

    return await answer_once(kernel.db, once, 201, create)


@get("/api/v1/sessions", scope=Scope.SESSIONS_READ, tags=TAGS, summary="List sessions")
async def get_sessions(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> SessionPage:
    """Newest first."""
    rows, after = await kernel.db.read(list_sessions, caller.account_id, paging.window(limit, cursor))
    return SessionPage([SessionView.of(row) for row in rows], after)


@get("/api/v1/sessions/{session_id:str}", scope=Scope.SESSIONS_READ, tags=TAGS, summary="A session")
async def get_session(session_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> SessionView:
    """Its state now; `reason` tells why it is in it."""
    return SessionView.of(await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id)))


@patch("/api/v1/sessions/{session_id:str}", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="Change a session")
async def patch_session(
    session_id: FromPath[str],
    data: JSONBody[SessionChanges],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> SessionView:
    """Another name, or another pacing policy; what is left out stays."""
    changed = await kernel.db.write(change_session, caller, ids.parse("ses", session_id), data, supervisor)
    return SessionView.of(changed)


@delete("/api/v1/sessions/{session_id:str}", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="Delete a session")
async def remove_session(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> None:
    """Unlinks the number and takes the session from every list. Its campaigns stop, and what it has not sent is cancelled; its
    messages stay in the statistics."""
    await kernel.db.write(delete_session, caller, ids.parse("ses", session_id), supervisor)


@post("/api/v1/sessions/{session_id:str}/start", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="Start", status_code=202)
async def post_start(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    supervisor: NamedDependency[Supervisor],
) -> Response[Any]:
    """Switches the session on: it connects, or shows a QR code when it is not linked. One that runs goes on."""

    def start(tx: Tx) -> SessionView:
        return SessionView.of(start_session(tx, caller, ids.parse("ses", session_id), supervisor))

    return await answer_once(kernel.db, once, 202, start)


@post("/api/v1/sessions/{session_id:str}/stop", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="Stop", status_code=202)
async def post_stop(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    supervisor: NamedDependency[Supervisor],
) -> Response[Any]:
    """Switches the session off. It stays linked, and what waits to be sent waits on."""

    def stop(tx: Tx) -> SessionView:
        return SessionView.of(stop_session(tx, caller, ids.parse("ses", session_id), supervisor))

    return await answer_once(kernel.db, once, 202, stop)


@post("/api/v1/sessions/{session_id:str}/unlink", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="Unlink", status_code=202)
async def post_unlink(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    supervisor: NamedDependency[Supervisor],
) -> Response[Any]:
    """Takes this box off the phone's linked devices. Start the session to link it again."""

    def unlink(tx: Tx) -> SessionView:
        return SessionView.of(unlink_session(tx, caller, ids.parse("ses", session_id), supervisor))

    return await answer_once(kernel.db, once, 202, unlink)


# -- the QR code -------------------------------------------------------------------------------------------------------


@get("/api/v1/sessions/{session_id:str}/qr", scope=Scope.SESSIONS_WRITE, tags=TAGS, summary="The QR code as text")
async def get_qr(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> QrView:
    """The code to scan now; it changes every 20 to 60 seconds. 409 `not_pairing` when there is none."""
    return QrView.of(await pairing.current_qr(kernel, supervisor, caller.account_id, ids.parse("ses", session_id)))


@get(
    "/api/v1/sessions/{session_id:str}/qr.png",
    scope=Scope.SESSIONS_WRITE,
    tags=TAGS,
    summary="The QR code as PNG",
    media_type="image/png",
)
async def get_qr_png(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Response[bytes]:
    """A picture of the code to scan now. 409 `not_pairing` when there is none."""
    shown = await pairing.current_qr(kernel, supervisor, caller.account_id, ids.parse("ses", session_id))
    return Response(pairing.as_png(shown.text), media_type="image/png", headers=FRESH)


@get(
    "/api/v1/sessions/{session_id:str}/qr.svg",
    scope=Scope.SESSIONS_WRITE,
    tags=TAGS,
    summary="The QR code as SVG",
    media_type="image/svg+xml",
)
async def get_qr_svg(
    session_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    supervisor: NamedDependency[Supervisor],
) -> Response[bytes]:
    """A drawing of the code to scan now, crisp in every size. 409 `not_pairing` when there is none."""
    shown = await pairing.current_qr(kernel, supervisor, caller.account_id, ids.parse("ses", session_id))
    return Response(pairing.as_svg(shown.text), media_type="image/svg+xml", headers=FRESH)


@get(
    "/api/v1/sessions/{session_id:str}/qr/stream",
    scope=Scope.SESSIONS_WRITE,
    tags=TAGS,
    summary="The QR codes as a stream",
    media_type="text/event-stream",
)
async def stream_qr(
    session_id: FromPath[str],
    request: Request[Any, Any, Any],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    gate: NamedDependency[Gate],
    supervisor: NamedDependency[Supervisor],
) -> Stream:
    """Server-sent events: `qr` {qr, expires_at, svg} for each new code, `status` {status, reason, number} for each change. It
    ends once the session is connected, its pairing is over, or the key is revoked."""
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    stream = pairing.follow_pairing(kernel, supervisor, session, gate.still(request, Scope.SESSIONS_WRITE))
    return Stream(stream, media_type="text/event-stream", headers={**FRESH, "x-accel-buffering": "no"})


@post(
    "/api/v1/sessions/{session_id:str}/check",
    scope=Scope.SESSIONS_READ,
    tags=TAGS,
    summary="Are these numbers on WhatsApp?",
    status_code=200,
)
async def post_check(
    session_id: FromPath[str],
    data: JSONBody[Numbers],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    supervisor: NamedDependency[Supervisor],
) -> Response[CheckedNumbers]:
    """Asks WhatsApp through a connected session. At most 50 numbers at once. 409 `not_connected` when it is away."""
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    numbers = [_number(number, place) for place, number in enumerate(data.numbers)]
    return await do_once(kernel.db, once, 200, lambda: _check(supervisor, session.id, numbers))


async def _check(supervisor: Supervisor, session_id: int, numbers: list[str]) -> CheckedNumbers:
    engine = supervisor.engine(session_id)
    if engine is None:
        raise Refused("not_connected")
    try:
        checked = await engine.check(numbers)
    except EngineError:
        raise Refused("not_connected") from None
    return CheckedNumbers([CheckedNumber(one.address, one.on_whatsapp) for one in checked])


def _number(text: str, place: int) -> str:
    try:
        return check_number(text)
    except Refused:
        raise invalid(f"numbers.{place}", "number_wrong") from None


HANDLERS = [
    post_session,
    get_sessions,
    get_session,
    patch_session,
    remove_session,
    post_start,
    post_stop,
    post_unlink,
    get_qr,
    get_qr_png,
    get_qr_svg,
    stream_qr,
    post_check,
    *sandbox_api.HANDLERS,
]
