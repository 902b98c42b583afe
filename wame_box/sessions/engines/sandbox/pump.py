"""Tells one session what happens in the world when its time has come: a heap of what is due, told in batches.

A happening is deleted only after the box has it on disk, so that a kill between the two tells it again; the box's side of it is
forward-only and knows messages by their ids.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable

import msgspec
import structlog

from wame_box.kernel.clock import MINUTE, SECOND
from wame_box.kernel.errors import StorageFailed
from wame_box.sessions.engine import EngineEvent, Inbound, Outlet, Receipt, ReceiptStatus
from wame_box.sessions.engines.sandbox import fate, store
from wame_box.sessions.engines.sandbox.models import Due, Happening, PhoneState
from wame_box.sessions.engines.sandbox.world import SandboxWorld

log = structlog.get_logger()

BATCH = 200


class Pump:
    """The heap of one session. `turn` is called again and again while the session is linked."""

    def __init__(self, world: SandboxWorld, session_id: int, outlet: Outlet) -> None:
        self._world = world
        self._clock = world.clock
        self._session_id = session_id
        self._outlet = outlet
        self._heap: list[Due] = []
        self._known: set[int] = set()
        self._failures: dict[int, int] = {}
        self._changed = asyncio.Event()

    def news(self) -> None:
        """Wakes whoever waits: something changed."""
        self._changed.set()

    async def load(self) -> None:
        """Takes up what the world has for this session and the heap does not know yet."""
        self._push(await self._world.db.read(store.pending_of_session, self._session_id))

    async def expect(self, dues: list[Due]) -> None:
        """Takes up what a message just caused; what it causes for other sessions of the account, they take up."""
        self._push(due for due in dues if due.session_id == self._session_id)
        for session_id in {due.session_id for due in dues} - {self._session_id}:
            if (engine := self._world.engines.get(session_id)) is not None:
                await engine.reload()

    def _push(self, dues: Iterable[Due]) -> None:
        first = self._heap[0].due_at if self._heap else None
        for due in dues:
            if due.id not in self._known:
                self._known.add(due.id)
                heapq.heappush(self._heap, due)
        if self._heap and (first is None or self._heap[0].due_at < first):
            self._changed.set()

    async def wait_for_news(self, until: int | None = None) -> None:
        """Returns when something changed, or at a time."""
        if until is None:
            await self._changed.wait()
        elif not self._changed.is_set():
            news = asyncio.ensure_future(self._changed.wait())
            timer = asyncio.ensure_future(self._clock.sleep_until(until))
            try:
                await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
                timer.cancel()
        self._changed.clear()

    async def turn(self, *, open_: bool) -> None:
        """Tells one batch of what is due, or waits until something is. Not `open_`: nothing gets through, only news."""
        if not open_ or not self._heap:
            await self.wait_for_news()
            return
        if self._heap[0].due_at > self._clock.now():
            await self.wait_for_news(self._heap[0].due_at)
            return
        batch = self._take_due()
        away = [due for due in batch if not self._reaches(due)]
        if away:
            await self._world.db.write(store.hold, away)
            self._known.difference_update(due.id for due in away)
            batch = [due for due in batch if self._reaches(due)]
        if batch:
            await self._tell(batch)

    def _take_due(self) -> list[Due]:
        now = self._clock.now()
        batch: list[Due] = []
        while self._heap and self._heap[0].due_at <= now and len(batch) < BATCH:
            batch.append(heapq.heappop(self._heap))
        return batch

    def _reaches(self, due: Due) -> bool:
        return self._world.state_of(due.account_id, due.number) is not PhoneState.OFF

    async def _tell(self, batch: list[Due]) -> None:
        try:
            await self._outlet.commit(lambda _: [self._event(due) for due in batch])
        except StorageFailed:
            self._later(batch)
        except Exception as error:
            log.warning("sandbox.not_taken", session_id=self._session_id, count=len(batch), error=type(error).__name__)
            await self._tell_apart(batch)
        else:
            await self._happened(batch)

    async def _tell_apart(self, batch: list[Due]) -> None:
        """One of them is not taken: it alone must wait, not the others."""
        if len(batch) == 1:
            self._later(batch)
            return
        for due in batch:
            await self._tell([due])

    def _later(self, batch: list[Due]) -> None:
        for due in batch:
            failures = self._failures[due.id] = self._failures.get(due.id, 0) + 1
            pause = min(MINUTE, SECOND * 2 ** min(failures - 1, 10))
            heapq.heappush(self._heap, due._replace(due_at=self._clock.now() + pause))

    async def _happened(self, batch: list[Due]) -> None:
        await self._world.db.write(store.happened, batch)
        for due in batch:
            self._known.discard(due.id)
            self._failures.pop(due.id, None)
        for number in {due.number for due in batch}:
            self._world.show(batch[0].account_id, self._session_id, number)

    def _event(self, due: Due) -> EngineEvent:
        if due.kind is not Happening.INBOUND:
            return Receipt((due.wa_id,), ReceiptStatus(due.kind), due.due_at)
        message = store.inbound_message(due)
        name = fate.name_of(due.number)
        content = msgspec.json.decode(message.content)
        return Inbound(due.wa_id, due.number, name, message.kind, content, due.due_at)
