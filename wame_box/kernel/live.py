"""The live hub: tells open pages what changed. One SSE stream a browser, many topics on it; nothing is stored here.

A stream outlives the request's check of its caller, so each brings a question, `allowed`, that is asked again every 20 s, and at
once when somebody's rights ended in this process (`recheck`). The answer no ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

QUEUE_LIMIT = 256
HEARTBEAT_SECONDS = 20.0
STILL_HERE = b": still here\n\n"

Allowed = Callable[[], Awaitable[bool]]


async def _always() -> bool:
    return True


@dataclass(eq=False)
class Subscription:
    """What one stream waits for. A slow reader loses its oldest news, never the box's memory."""

    topics: frozenset[tuple[int, str]]
    allowed: Allowed = _always
    queue: asyncio.Queue[tuple[str, Any] | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))
    check_at: float = field(default_factory=lambda: time.monotonic() + HEARTBEAT_SECONDS)

    def offer(self, topic: str, data: Any) -> None:
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait((topic, data))

    def doubt(self) -> None:
        """Asks at the next turn, which is now, whether the reader may still read."""
        self.check_at = 0.0
        if self.queue.empty():
            self.queue.put_nowait(None)

    async def is_allowed(self) -> bool:
        if time.monotonic() < self.check_at:
            return True
        self.check_at = time.monotonic() + HEARTBEAT_SECONDS
        return await self.allowed()


class LiveHub:
    """Topics belong to an account: `session:ses_…`, `campaign:cmp_…`, `messages`. Publish on the loop's thread."""

    def __init__(self) -> None:
        self._by_topic: dict[tuple[int, str], set[Subscription]] = {}
        self._open: set[Subscription] = set()
        self._closed = asyncio.Event()

    def publish(self, account_id: int, topic: str, data: Any = None) -> None:
        for subscription in self._by_topic.get((account_id, topic), ()):
            subscription.offer(topic, data)

    @contextmanager
    def subscribe(self, account_id: int, topics: list[str], allowed: Allowed = _always) -> Iterator[Subscription]:
        subscription = Subscription(frozenset((account_id, topic) for topic in topics), allowed)
        self._open.add(subscription)
        for topic in subscription.topics:
            self._by_topic.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._open.discard(subscription)
            for topic in subscription.topics:
                listeners = self._by_topic[topic]
                listeners.discard(subscription)
                if not listeners:
                    del self._by_topic[topic]

    def recheck(self) -> None:
        """Somebody signed out, or lost a key or a right: every stream asks again, and his ends."""
        for subscription in self._open:
            subscription.doubt()

    def close(self) -> None:
        """Ends every stream: a stopping box does not wait for browsers."""
        self._closed.set()

    async def follow(self, subscription: Subscription) -> AsyncIterator[tuple[str, Any] | None]:
        """(topic, data) as it comes, None at least every 20 s. Ends when the box stops, or the reader may no longer read."""
        while not self._closed.is_set():
            item = await self._next(subscription)
            if not await subscription.is_allowed():
                return
            if item is not None or not self._closed.is_set():
                yield item

    async def stream(self, account_id: int, topics: list[str], allowed: Allowed = _always) -> AsyncIterator[bytes]:
        """Server-sent events: `event: <topic>` with JSON data, and a comment every 20 s that keeps proxies calm."""
        with self.subscribe(account_id, topics, allowed) as subscription:
            yield b"retry: 3000\n: open\n\n"
            async for item in self.follow(subscription):
                yield sse(*item) if item is not None else STILL_HERE

    async def _next(self, subscription: Subscription) -> tuple[str, Any] | None:
        getter = asyncio.ensure_future(subscription.queue.get())
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            patience = max(0.0, subscription.check_at - time.monotonic())
            await asyncio.wait({getter, closed}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            return getter.result() if getter.done() else None
        finally:
            getter.cancel()
            closed.cancel()


def sse(event: str, data: Any) -> bytes:
    """One server-sent event; the data is JSON, so that it never holds a bare line break."""
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
