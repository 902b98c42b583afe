"""Everything the box sends to one endpoint: in order within a lane, several lanes at once, more slowly while it fails."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from wame_box.kernel import ids
from wame_box.kernel.clock import MINUTE, SECOND
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import schedule, store
from wame_box.webhooks.attempt import GONE, Chance, Outcome, send
from wame_box.webhooks.models import DeliveryStatus, Endpoint, EndpointStatus
from wame_box.webhooks.outcomes import Recorder
from wame_box.webhooks.store import Due, Work

log = structlog.get_logger()

LANES = 8  # requests under way to one endpoint
FAILING_LANES = 2  # … while its last attempt failed
SLOW = 2 * SECOND
BUFFER = 200  # deliveries read at once
MOST_KNOWN = 2_000  # … and held in memory, when all of a few lanes wait for one another
MOST_FLIGHTS = 100  # requests of one endpoint whose outcome is not on disk yet
LONGEST_HOLD = MINUTE
COUNT_EVERY = 1_000  # new deliveries between two looks at the backlog
DROP_AT_ONCE = 500


@dataclass(frozen=True)
class Shared:
    """What all workers share. Slow and failing endpoints have slots of their own, so that they never take the others'."""

    kernel: Kernel
    recorder: Recorder
    chance: Chance
    most_pending: int
    slots: asyncio.Semaphore
    slow_slots: asyncio.Semaphore


class Worker:
    """One endpoint. A task runs while there is something to send or to wait for; `wake` starts it."""

    def __init__(self, endpoint_id: int, shared: Shared) -> None:
        self._id = endpoint_id
        self._shared = shared
        self._endpoint: Endpoint | None = None
        self._lanes: dict[str, deque[Due]] = {}
        self._ready: deque[str] = deque()  # lanes where somebody waits and nobody is in flight
        self._busy: set[str] = set()
        self._known: set[int] = set()  # waiting here, in flight, or not stored yet
        self._flights: set[asyncio.Task[None]] = set()
        self._news = False  # there may be rows that were not read yet
        self._next_at: int | None = None  # when the first delivery that is not due will be
        self._version = 0
        self._failures = 0
        self._slow = False
        self._gone = False  # it answered 410; soon its row says so
        self._held_until = 0
        self._holding = False
        self._arrived = COUNT_EVERY
        self._woken = asyncio.Event()
        self._timer: tuple[int, asyncio.Task[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    # -- from outside --------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """There is a new delivery."""
        self._news = True
        self._arrived += 1
        self._woken.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"webhooks:{self._id}")

    def changed(self) -> None:
        """The endpoint's row is another one: forget what was read under the old one, and look again."""
        self._forget_waiting()
        self._failures, self._held_until, self._gone = 0, 0, False
        self.wake()

    def noted(self, outcome: Outcome) -> None:
        """Learns from an attempt, its own or a test, how to treat the endpoint."""
        now = self._shared.kernel.clock.now()
        if not outcome.is_test or outcome.delivered:
            self._failures = 0 if outcome.delivered else self._failures + 1
            self._held_until = now + schedule.pause_after(self._failures)
            self._gone = self._gone or outcome.status_code == GONE
        self._slow = outcome.milliseconds > SLOW
        if outcome.asks_to_wait:
            self._held_until = max(self._held_until, now + min(outcome.retry_after or 0, LONGEST_HOLD))
        self._woken.set()

    async def stop(self, grace: float) -> None:
        """Starts nothing more, and gives what is in flight `grace` seconds to end."""
        running = [task for task in (self._task, self._timer[1] if self._timer else None) if task]
        for task in running:
            task.cancel()
        self._forget_waiting()
        if self._flights:
            _, late = await asyncio.wait(self._flights, timeout=grace)
            for flight in late:
                flight.cancel()
            running += late
        await asyncio.gather(*running, return_exceptions=True)

    # -- its task ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._step()
            except Exception:
                log.exception("webhook.worker_failed", endpoint=ids.show("end", self._id))
                self._news = True
                await self._shared.kernel.clock.sleep(5 * SECOND)
                continue
            if self._is_idle():
                return
            self._arm()
            await self._woken.wait()

    async def _step(self) -> None:
        if self._arrived >= COUNT_EVERY:
            await self._bound_backlog()
        if self._wants_rows():
            await self._read()
        self._launch()

    def _wants_rows(self) -> bool:
        if self._next_at is not None and self._next_at <= self._now():
            self._news, self._next_at = True, None
        waiting = len(self._known) - len(self._flights)
        return self._news and (waiting < BUFFER // 2 or (not self._ready and len(self._known) < MOST_KNOWN))

    async def _read(self) -> None:
        version, self._news = self._version, False
        work = await self._shared.kernel.db.read(store.work, self._id, self._now(), list(self._known), BUFFER)
        if version != self._version:
            self._news = True
            return
        self._endpoint, self._next_at = work.endpoint, work.next_at
        if work.endpoint is None:
            await self._drop(self._shared.most_pending * 2)
        elif work.endpoint.status is EndpointStatus.ENABLED:
            self._take(work)

    def _take(self, work: Work) -> None:
        for due in work.due:
            self._known.add(due.id)
            self._lanes.setdefault(due.lane, deque()).append(due)
            if due.lane not in self._busy and len(self._lanes[due.lane]) == 1:
                self._ready.append(due.lane)
        self._news = self._news or len(work.due) == BUFFER

    def _launch(self) -> None:
        self._holding = bool(self._ready) and self._held_until > self._now()
        if self._endpoint is None or self._holding or self._gone:
            return
        room = FAILING_LANES if self._failures else LANES
        while self._ready and len(self._busy) < room and len(self._flights) < MOST_FLIGHTS:
            lane = self._ready.popleft()
            due = self._lanes[lane].popleft()
            self._busy.add(lane)
            flight = asyncio.create_task(self._fly(self._endpoint, due), name=f"delivery:{due.id}")
            self._flights.add(flight)
            flight.add_done_callback(self._ended)

    async def _fly(self, endpoint: Endpoint, due: Due) -> None:
        """From sending to the outcome on disk; the lane goes on as soon as the answer is there."""
        shared = self._shared
        try:
            async with self._slot():
                outcome = await send(shared.kernel, endpoint, due, shared.chance)
            self.noted(outcome)
        finally:
            self._free(due.lane)
        if await shared.recorder.keep(outcome):
            self._known.discard(due.id)
            publish(shared.kernel, due.account_id, self._id)
            if outcome.status is DeliveryStatus.PENDING and (self._next_at is None or outcome.next_at < self._next_at):
                self._next_at = outcome.next_at

    def _free(self, lane: str) -> None:
        self._busy.discard(lane)
        if self._lanes.get(lane):
            self._ready.append(lane)
        else:
            self._lanes.pop(lane, None)

    def _ended(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._woken.set()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """A place among the requests of all endpoints. Whoever turns out slow gives a good one back before the answer comes."""
        if self._slow or self._failures:
            async with self._shared.slow_slots:
                yield
            return
        slots = self._shared.slots
        await slots.acquire()
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if not given_back:
                given_back = True
                slots.release()

        def turns_out_slow() -> None:
            self._slow = True
            give_back()

        timer = asyncio.get_running_loop().call_later(SLOW / SECOND, turns_out_slow)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        enabled = self._endpoint is not None and self._endpoint.status is EndpointStatus.ENABLED
        return not (self._flights or self._news or (enabled and (self._ready or self._next_at is not None)))

    def _arm(self) -> None:
        """Makes sure that the task is woken when time alone brings something to do."""
        moments = [self._next_at, self._held_until if self._holding else None]
        moment = min((one for one in moments if one is not None), default=None)
        if moment is None:
            return
        if moment <= self._now():
            self._woken.set()
        elif self._timer is None or self._timer[0] != moment or self._timer[1].done():
            if self._timer:
                self._timer[1].cancel()
            self._timer = (moment, asyncio.create_task(self._ring(moment)))

    async def _ring(self, moment: int) -> None:
        await self._shared.kernel.clock.sleep_until(moment)
        self._woken.set()

    def _now(self) -> int:
        return self._shared.kernel.clock.now()

    # -- the backlog ---------------------------------------------------------------------------------------------------

    def _forget_waiting(self) -> None:
        self._version += 1
        for waiting in self._lanes.values():
            self._known.difference_update(due.id for due in waiting)
        self._lanes.clear()
        self._ready.clear()
        self._news = True

    async def _bound_backlog(self) -> None:
        self._arrived = 0
        excess = await self._shared.kernel.db.read(store.pending, self._id) - self._shared.most_pending
        if excess > 0:
            self._forget_waiting()
            dropped = await self._drop(excess)
            log.warning("webhook.backlog_dropped", endpoint=ids.show("end", self._id), dropped=dropped)

    async def _drop(self, count: int) -> int:
        """Gives up the oldest pending deliveries, in units that hold up nobody."""
        dropped = 0
        while dropped < count:
            some = await self._shared.kernel.db.write_low(store.drop_oldest, self._id, min(count - dropped, DROP_AT_ONCE))
            if not some:
                break
            dropped += some
        return dropped


def publish(kernel: Kernel, account_id: int, endpoint_id: int) -> None:
    """Tells open pages that deliveries of this endpoint moved."""
    kernel.live.publish(account_id, f"endpoint:{ids.show('end', endpoint_id)}")
