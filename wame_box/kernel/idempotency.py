"""`Idempotency-Key`: the same key and body get the same answer, and the deed is done once. Kept 24 hours.

`answer_once` is for deeds in the database: the lookup, the deed and the stored answer are one transaction, and a crash between
them can't do it twice. `do_once` is for deeds that reach beyond it: a crash after the deed and before its answer is stored
leaves the key free, and the repetition does it again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec
from weakref import WeakValueDictionary

import msgspec
import structlog
from litestar import Request, Response

from wame_box.kernel.clock import DAY
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import Refused, StorageFailed

log = structlog.get_logger()

P = ParamSpec("P")
KEY_LIMIT = 255
KEPT = DAY

_under_way: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True)
class Once:
    """One request that must be done once. Without a key it is simply done."""

    account_id: int
    route: str
    key: str | None
    body_hash: bytes

    def of(self, *content: bytes) -> Once:
        """For handlers with `streams=True`, once the body was read: what the request said, whatever its form."""
        parts = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in content))
        return replace(self, body_hash=parts.digest())


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    replayed: bool


class _Stored(msgspec.Struct, frozen=True):
    route: str
    body_hash: bytes
    status: int
    answer: str


async def once(request: Request[Any, Any, Any]) -> Once:
    """The dependency `once` of every POST that can be repeated safely. A handler that reads its body as it comes says so
    with `streams=True`, and tells with `Once.of` what came.

    Raises: Refused("idempotency_key_too_long").
    """
    account_id: int = request.scope["state"]["caller"].account_id
    key = request.headers.get("idempotency-key")
    if not key:
        return Once(account_id, request.url.path, None, b"")
    if len(key) > KEY_LIMIT:
        raise Refused("idempotency_key_too_long", limit=KEY_LIMIT)
    streams = request.scope["route_handler"].opt.get("streams", False)
    body = b"" if streams else await request.body()
    return Once(account_id, request.url.path, key, hashlib.sha256(body).digest())


async def answer_once(
    db: Database, wish: Once, status: int, fn: Callable[Concatenate[Tx, P], Any], *args: P.args, **kwargs: P.kwargs
) -> Response[Any]:
    """Runs `fn(tx, …)`, which returns the answer's struct, unless this key was answered before.

    Raises: Refused("idempotency_key_reused"), and whatever `fn` raises (then nothing is kept, and the key is free again).
    """
    return _response(await db.write(_run_once, wish, status, fn, *args, **kwargs))


async def do_once(db: Database, wish: Once, status: int, deed: Callable[[], Awaitable[Any]]) -> Response[Any]:
    """Runs `deed()`, which returns the answer's struct, unless this key was answered before. Requests with the same key wait
    for one another. An answer that can't be stored is given nevertheless: the deed is done.

    Raises: Refused("idempotency_key_reused"), and whatever `deed` raises (then nothing is kept, and the key is free again).
    """
    if not wish.key:
        return _response(Answer(status, _body(await deed()), False))
    async with _under_way.setdefault((wish.account_id, wish.key), asyncio.Lock()):
        known = await db.write(_look_up, wish)
        if known is not None:
            return _response(known)
        answer = Answer(status, _body(await deed()), False)
        try:
            await db.write(_keep, wish, answer)
        except StorageFailed as failure:
            log.warning("idempotency.answer_not_kept", route=wish.route, error=str(failure))
        return _response(answer)


def _response(answer: Answer) -> Response[Any]:
    headers = {"idempotent-replayed": "true"} if answer.replayed else {}
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=headers)


def _body(answer: Any) -> bytes:
    """JSON, or nothing at all."""
    return b"" if answer is None else msgspec.json.encode(answer)


def _run_once(tx: Tx, wish: Once, status: int, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer:
    known = _look_up(tx, wish)
    if known is not None:
        return known
    answer = Answer(status, _body(fn(tx, *args, **kwargs)), False)
    _keep(tx, wish, answer)
    return answer


def _look_up(tx: Tx, wish: Once) -> Answer | None:
    stored = _find(tx, wish) if wish.key else None
    if stored is None:
        return None
    if stored.body_hash != wish.body_hash or stored.route != wish.route:
        raise Refused("idempotency_key_reused")
    return Answer(stored.status, stored.answer.encode(), True)


def _keep(tx: Tx, wish: Once, answer: Answer) -> None:
    if wish.key:
        tx.run(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
            wish.account_id,
            wish.key,
            wish.route,
            wish.body_hash,
            answer.status,
            answer.body.decode(),
            tx.now,
        )


def _find(tx: Tx, wish: Once) -> _Stored | None:
    return tx.one(
        _Stored,
        "SELECT route, body_hash, status, answer FROM idempotency WHERE account_id = ? AND key = ? AND created_at >= ?",
        wish.account_id,
        wish.key,
        tx.now - KEPT,
    )


def purge(tx: Tx, limit: int = 500) -> int:
    """Deletes answers older than a day, some at a time. Returns how many."""
    return tx.run(
        "DELETE FROM idempotency WHERE (account_id, key) IN"
        " (SELECT account_id, key FROM idempotency WHERE created_at < ? LIMIT ?)",
        tx.now - KEPT,
        limit,
    )
