"""`Idempotency-Key`: the same key and body get the same answer, and the deed is done once. Kept 24 hours.

The lookup, the deed and the stored answer are one transaction: a crash between them can't do it twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

import msgspec
from litestar import Request, Response

from wame_box.kernel.clock import DAY
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import Refused

P = ParamSpec("P")
KEY_LIMIT = 255
KEPT = DAY


@dataclass(frozen=True)
class Once:
    """One request that must be done once. Without a key it is simply done."""

    account_id: int
    route: str
    key: str | None
    body_hash: bytes


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
    """The dependency `once` of every POST that can be repeated safely.

    Raises: Refused("idempotency_key_too_long").
    """
    account_id: int = request.scope["state"]["caller"].account_id
    key = request.headers.get("idempotency-key")
    if not key:
        return Once(account_id, request.url.path, None, b"")
    if len(key) > KEY_LIMIT:
        raise Refused("idempotency_key_too_long", limit=KEY_LIMIT)
    return Once(account_id, request.url.path, key, hashlib.sha256(await request.body()).digest())


async def answer_once(
    db: Database, wish: Once, status: int, fn: Callable[Concatenate[Tx, P], Any], *args: P.args, **kwargs: P.kwargs
) -> Response[Any]:
    """Runs `fn(tx, …)`, which returns the answer's struct, unless this key was answered before.

    Raises: Refused("idempotency_key_reused"), and whatever `fn` raises (then nothing is kept, and the key is free again).
    """
    answer = await db.write(_run_once, wish, status, fn, *args, **kwargs)
    headers = {"idempotent-replayed": "true"} if answer.replayed else {}
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=headers)


def _run_once(tx: Tx, wish: Once, status: int, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer:
    stored = _find(tx, wish) if wish.key else None
    if stored is not None:
        if stored.body_hash != wish.body_hash or stored.route != wish.route:
            raise Refused("idempotency_key_reused")
        return Answer(stored.status, stored.answer.encode(), True)
    body = msgspec.json.encode(fn(tx, *args, **kwargs))
    if wish.key:
        tx.run(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
            wish.account_id,
            wish.key,
            wish.route,
            wish.body_hash,
            status,
            body.decode(),
            tx.now,
        )
    return Answer(status, body, False)


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
