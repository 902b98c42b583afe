"""Messages and batches over REST."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, paging
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.idempotency import Once, answer_once
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import batch_store, enqueue, policy_change, store
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.models import (
    Accepted,
    Batch,
    BatchStatus,
    Direction,
    MessagePage,
    MessageStatus,
    MessageView,
    SendMessage,
)
from wame_box.messaging.policy_change import PolicyView

TAGS = ["Messages"]


class BatchView(msgspec.Struct, frozen=True):
    """A batch: sent + failed + cancelled = total once finished; delivered, read and replied are parts of sent."""

    id: str
    session: str
    kind: str
    status: BatchStatus
    total: int
    waiting: int
    sent: int
    delivered: int
    read: int
    replied: int
    failed: int
    cancelled: int
    created_at: str
    finished_at: str | None

    @classmethod
    def of(cls, row: Batch) -> BatchView:
        return cls(
            row.public_id,
            ids.show("ses", row.session_id),
            row.kind,
            row.status,
            row.total,
            row.waiting,
            row.sent,
            row.delivered,
            row.read,
            row.replied,
            row.failed,
            row.cancelled,
            to_rfc3339(row.created_at),
            to_rfc3339(row.finished_at) if row.finished_at else None,
        )


@post(
    "/api/v1/messages",
    scope=Scope.MESSAGES_SEND,
    tags=TAGS,
    summary="Send a message",
    status_code=202,
    responses={202: ResponseSpec(Accepted, generate_examples=False, description="Stored; it will be sent.")},
)
async def send_message(
    data: JSONBody[SendMessage],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    dispatcher: NamedDependency[Dispatcher],
) -> Response[Any]:
    """Takes one message in. When the answer is 202 the message is on disk and goes out as the session's pacing allows; what
    becomes of it comes as events. Send an `Idempotency-Key` and repeat the request until it is answered: it is sent once."""
    draft = enqueue.check(data, caller.region, kernel.http.check_url)
    return await answer_once(kernel.db, once, 202, enqueue.enqueue, caller, draft, dispatcher.wake)


@get("/api/v1/messages", scope=Scope.MESSAGES_READ, tags=TAGS, summary="List messages")
async def list_messages(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    session: FromQuery[str | None] = None,
    batch: FromQuery[str | None] = None,
    contact: FromQuery[str | None] = None,
    address: FromQuery[str | None] = None,
    direction: FromQuery[Direction | None] = None,
    status: FromQuery[MessageStatus | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> MessagePage:
    """Newest first, filtered by session, batch, contact, address, direction or status."""
    wanted = paging.window(limit, cursor)
    found = await kernel.db.read(
        store.messages,
        caller.account_id,
        wanted.before,
        wanted.limit + 1,
        session_id=ids.parse("ses", session) if session else None,
        batch_id=ids.parse("bat", batch) if batch else None,
        contact_id=ids.parse("con", contact) if contact else None,
        address=address,
        direction=direction,
        status=status,
    )
    rows, after = paging.cut(found, wanted)
    return MessagePage([MessageView.of(row) for row in rows], after)


@get("/api/v1/messages/{message_id:str}", scope=Scope.MESSAGES_READ, tags=TAGS, summary="Get a message")
async def get_message(message_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> MessageView:
    """One message with its state and, while it is kept, its content."""
    row = await kernel.db.read(store.message, caller.account_id, ids.parse("msg", message_id))
    if row is None:
        raise Refused("not_found")
    return MessageView.of(row)


@post(
    "/api/v1/messages/{message_id:str}/cancel", scope=Scope.MESSAGES_SEND, tags=TAGS, summary="Cancel a message", status_code=204
)
async def cancel_message(
    message_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[None]:
    """Takes back a message that was not sent yet; 409 when it is too late."""
    return await answer_once(kernel.db, once, 204, enqueue.cancel, caller, ids.parse("msg", message_id))


@get("/api/v1/batches/{batch_id:str}", scope=Scope.MESSAGES_READ, tags=TAGS, summary="Get a batch")
async def get_batch(batch_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> BatchView:
    """How far a batch is."""
    row = await kernel.db.read(batch_store.batch, caller.account_id, ids.parse("bat", batch_id))
    if row is None:
        raise Refused("not_found")
    return BatchView.of(row)


@get("/api/v1/sessions/{session_id:str}/pacing", scope=Scope.SESSIONS_READ, tags=["Sessions"], summary="Get the pacing policy")
async def get_pacing(session_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> PolicyView:
    """The session's policy with all its numbers, and why and until when it waits now."""
    return await kernel.db.read(policy_change.show, caller.account_id, ids.parse("ses", session_id))


@post(
    "/api/v1/sessions/{session_id:str}/pacing",
    scope=Scope.SESSIONS_WRITE,
    tags=["Sessions"],
    summary="Choose a pacing policy",
    status_code=200,
)
async def choose_pacing(
    session_id: FromPath[str],
    data: JSONBody[policy_change.PolicyChange],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
) -> Response[PolicyView]:
    """A named policy, or `custom` with its numbers. `unpaced` is for the sandbox alone."""
    number = ids.parse("ses", session_id)

    def change(tx: Tx) -> PolicyView:
        policy_change.change(tx, caller, number, data)
        return policy_change.show(tx, caller.account_id, number)

    return await answer_once(kernel.db, once, 200, change)


HANDLERS = [send_message, list_messages, get_message, cancel_message, get_batch, get_pacing, choose_pacing]
