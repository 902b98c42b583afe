"""The one SSE stream of a browser, and the health check."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from wame_box.accounts.access import Gate
from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel.errors import N_, Problem, Refused, register
from wame_box.kernel.kernel import Kernel

TOPICS = 50

register({"too_many_topics": Problem(422, N_("A stream has at most %(limit)s topics."))})


@get("/live", scope=Scope.ACCOUNT_READ, include_in_schema=False)
async def live(
    request: Request[Any, Any, Any],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    gate: NamedDependency[Gate],
    topics: FromQuery[str] = "",
) -> Stream:
    """What changed, for the pages that are open. A topic is of the caller's account, whatever its name."""
    names = [name for name in topics.split(",") if name]
    if len(names) > TOPICS:
        raise Refused("too_many_topics", limit=TOPICS)
    stream = kernel.live.stream(caller.account_id, names, gate.still(request, Scope.ACCOUNT_READ))
    return Stream(stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"})


@get("/health", access="public", include_in_schema=False)
async def health(kernel: NamedDependency[Kernel]) -> dict[str, Any]:
    """For watchdogs: 200 once the box serves and its database answers."""
    await kernel.db.read(lambda sql: sql.value("SELECT 1"))
    return {"status": "ok"}


HANDLERS = [live, health]
