"""Time as the box sees it: milliseconds UTC, and waiting. Tests bring their own clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LONGEST_NAP = 30 * SECOND


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970, UTC. Callable from any thread."""

    async def sleep_until(self, moment: int) -> None:
        """Returns once `now() >= moment`."""

    async def sleep(self, milliseconds: int) -> None:
        """Returns after that many milliseconds."""


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep_until(self, moment: int) -> None:
        # In parts: the machine's clock may be set, or stand still with the machine, while the loop's own goes on.
        while (left := moment - self.now()) > 0:
            await self.sleep(min(left, LONGEST_NAP))

    async def sleep(self, milliseconds: int) -> None:
        await asyncio.sleep(max(0, milliseconds) / 1000)


class FakeClock:
    """A clock that stands still until it is told to go on.

    `advance` and `advance_to_next` wake whoever slept until then; they run on the event loop's thread.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def sleep_until(self, moment: int) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        await woken

    async def sleep(self, milliseconds: int) -> None:
        await self.sleep_until(self._now + milliseconds)

    def advance(self, milliseconds: int) -> None:
        self.advance_to(self._now + milliseconds)

    def advance_to(self, moment: int) -> None:
        self._now = max(self._now, moment)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    def next_wake(self) -> int | None:
        """When the first sleeper wants to wake, or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None


def to_rfc3339(moment: int) -> str:
    """`2026-01-02T03:04:05.678Z` of milliseconds UTC."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_datetime(moment: datetime) -> int:
    """Milliseconds UTC of an aware datetime (a naive one is taken as UTC)."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
