"""The dispatcher: one worker a connected session that claims what may go, hands it to the engine, and stores the answer.

Nothing here is lost with the process: what is claimed is a row in the state `sending`, and a restart sends it again under the
same WhatsApp id where the engine allows that.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from wame_box.kernel.clock import SECOND
from wame_box.kernel.errors import EngineError, StorageFailed
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import batch_store, batches, postponed, receipts, session_end, store
from wame_box.messaging.claim import Claim, claim, unanswered
from wame_box.sessions.engine import Engine, OutboundMessage

log = structlog.get_logger()

ATTEMPTS = 6
ANSWER_SECONDS = 3  # what is in flight gets them at the end
BACKOFF = (2 * SECOND, 10 * SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND)
# After these nobody knows whether WhatsApp took the message.
DOUBTFUL = {"timeout", "engine_failed"}


class Sessions(Protocol):
    """What the dispatcher asks of the supervisor."""

    def engine(self, session_id: int) -> Engine | None:
        """The session's engine while it is connected, else None."""


@dataclass
class _Lane:
    """The worker of one session. `news` is for the worker, which clears it; `woken` is new after each wake, for all others.

    `over`: the session was deleted, nothing begins any more.
    """

    session_id: int
    news: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    sending: set[asyncio.Task[None]] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Dispatcher:
    def __init__(self, kernel: Kernel, sessions: Sessions) -> None:
        self._kernel = kernel
        self._sessions = sessions
        self._lanes: dict[int, _Lane] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[None]] = set()  # sends that wait for another attempt, or for a connection
        self._rng = random.Random()  # noqa: S311 (delays, no secret)
        self._stopping = False

    async def start(self) -> None:
        """Ends what deleted sessions and stopped batches left behind; sessions wake their workers when they connect."""
        for session_id in await self._kernel.db.read(store.of_deleted_sessions):
            self.end_session(session_id)
        for batch_id in await self._kernel.db.read(batch_store.stopped_with_rest):
            self.cancel_rest(batch_id)

    async def stop(self) -> None:
        """Lets no new message out. What is in flight gets a moment to be answered."""
        self._stopping = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task] + [*self._jobs, *self._resting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _let_finish([task for lane in self._lanes.values() for task in lane.sending])

    def wake(self, session_id: int) -> None:
        """Something changed for this session: a message was queued, it connected, a batch runs again."""
        if self._stopping:
            return
        lane = self._lanes.get(session_id)
        if lane is None:
            lane = self._lanes[session_id] = _Lane(session_id)
        if lane.over.is_set():
            return
        lane.news.set()
        lane.woken.set()
        lane.woken = asyncio.Event()
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._work(lane), name=f"dispatch:{session_id}")

    def cancel_rest(self, batch_id: int) -> None:
        """Cancels a stopped batch's queued messages in the background."""
        self._begin(self._until_done(batches.cancel_rest, batch_id))

    def release_rest(self, session_id: int, after: int) -> None:
        """Lets go in the background what was postponed, behind the message `after` (0: none is left), then wakes the session."""
        self._begin(self._release_rest(session_id, after))

    async def _release_rest(self, session_id: int, after: int) -> None:
        while after:
            try:
                after = await self._kernel.db.write_low(postponed.release_some, session_id, after)
            except StorageFailed:
                await self._kernel.clock.sleep(5 * SECOND)
        self.wake(session_id)

    def end_session(self, session_id: int) -> None:
        """The session was deleted: its tasks end now, and in the background all of its messages that have not come to an end."""
        lane = self._lanes.setdefault(session_id, _Lane(session_id))
        lane.over.set()
        self._begin(self._end_session(lane))

    async def _end_session(self, lane: _Lane) -> None:
        at_once = [task for task in (lane.task, *lane.sending) if task and (task is lane.task or task in self._resting)]
        for task in at_once:
            task.cancel()
        await asyncio.gather(*at_once, return_exceptions=True)
        await _let_finish(list(lane.sending))
        await self._until_done(session_end.end_some, lane.session_id)

    def _begin(self, job: Coroutine[Any, Any, None]) -> None:
        if self._stopping:  # the next start finds what is left
            job.close()
            return
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _until_done(self, fn: Callable[..., int], *args: object) -> None:
        """Units of work in the background, one after the other, until one says that nothing is left."""
        while True:
            with contextlib.suppress(StorageFailed):
                while await self._kernel.db.write_low(fn, *args):
                    pass
                return
            await self._kernel.clock.sleep(5 * SECOND)

    # -- one session's worker ------------------------------------------------------------------------------------------

    async def _work(self, lane: _Lane) -> None:
        try:
            await self._resend(lane)
            while True:
                lane.news.clear()
                engine = self._sessions.engine(lane.session_id)
                if engine is None:
                    if not lane.sending:
                        return  # the supervisor wakes us when it connects
                    await lane.news.wait()
                    continue
                await self._send_some(lane, engine)
        except StorageFailed:
            log.warning("dispatch.storage_failed", session=lane.session_id)
        except Exception as error:  # a bug must not end a session's sending in silence
            log.error("dispatch.failed", session=lane.session_id, exc_info=error)
        await self._kernel.clock.sleep(5 * SECOND)
        asyncio.get_running_loop().call_soon(self.wake, lane.session_id)

    async def _send_some(self, lane: _Lane, engine: Engine) -> None:
        """Claims and hands over what may go, then waits for room, time or news."""
        most = engine.capabilities.max_in_flight
        room = most - len(lane.sending)
        if room < max(1, most // 4):
            await lane.news.wait()
            return
        found = await self._kernel.db.write(claim, lane.session_id, room, engine.capabilities, self._rng)
        for message in found.messages:
            self._hand_over(lane, message)
        if not found.more:
            await self._wait(lane, found)

    async def _wait(self, lane: _Lane, found: Claim) -> None:
        if found.wait_until is None:
            await lane.news.wait()
            return
        news = asyncio.ensure_future(lane.news.wait())
        timer = asyncio.ensure_future(self._kernel.clock.sleep_until(found.wait_until))
        try:
            await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            timer.cancel()

    async def _resend(self, lane: _Lane) -> None:
        engine = self._sessions.engine(lane.session_id)
        if engine is None or lane.sending:
            return
        for message in await self._kernel.db.write(unanswered, lane.session_id, engine.capabilities):
            self._hand_over(lane, message)

    def _hand_over(self, lane: _Lane, message: OutboundMessage) -> None:
        task = asyncio.create_task(self._send(lane, message))
        lane.sending.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            lane.sending.discard(finished)
            lane.news.set()
            if not finished.cancelled() and (error := finished.exception()):  # its answer could not be stored: it goes out again
                log.error("dispatch.send_failed", session=lane.session_id, message=message.message_id, exc_info=error)

        task.add_done_callback(done)

    # -- one message ---------------------------------------------------------------------------------------------------

    async def _send(self, lane: _Lane, message: OutboundMessage) -> None:
        """Tries until the server took the message or refused it for good. While the session is away it waits."""
        session_id = lane.session_id
        for attempt in range(1, ATTEMPTS + 1):
            if lane.over.is_set():
                return
            engine = await self._connected(lane)
            error = await self._try(session_id, engine, message)
            if error is None:
                return
            if error.permanent or attempt == ATTEMPTS:
                await self._store(receipts.record_failed, session_id, message.message_id, str(error))
                return
            if not engine.capabilities.own_ids and str(error) in DOUBTFUL:
                await self._store(store.mark_unknown, session_id, message.message_id)
                return
            if lane.over.is_set():
                return
            await self._rest(self._kernel.clock.sleep(error.retry_after or BACKOFF[attempt - 1]))
            await self._store(store.count_attempt, message.message_id)

    async def _try(self, session_id: int, engine: Engine, message: OutboundMessage) -> EngineError | None:
        try:
            if message.typing_ms:
                await engine.typing(message.address, message.typing_ms)
            async with asyncio.timeout(engine.capabilities.send_timeout / 1000):
                sent = await engine.send(message)
        except EngineError as error:
            log.info("message.refused", session=session_id, message=message.message_id, error=str(error), final=error.permanent)
            return error
        except TimeoutError:
            return EngineError("timeout", permanent=False)
        except Exception as error:  # a bug in an engine must not stop the session's other messages
            log.error("engine.failed", session=session_id, message=message.message_id, exc_info=error)
            return EngineError("engine_failed", permanent=False)
        await self._store(receipts.record_sent, session_id, message.message_id, sent)
        return None

    async def _connected(self, lane: _Lane) -> Engine:
        while (engine := self._sessions.engine(lane.session_id)) is None:
            await self._rest(lane.woken.wait())
        return engine

    async def _rest(self, pause: Awaitable[object]) -> None:
        """A pause that a stop need not wait for."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  sends run in tasks of their own
        self._resting.add(task)
        try:
            await pause
        finally:
            self._resting.discard(task)

    async def _store(self, fn: Callable[..., object], *args: object) -> None:
        """An answer of WhatsApp must not be lost to a full disk: stored again until it is kept."""
        while True:
            with contextlib.suppress(StorageFailed):
                await self._kernel.db.write(fn, *args)
                return
            await self._kernel.clock.sleep(5 * SECOND)


async def _let_finish(tasks: list[asyncio.Task[None]]) -> None:
    """Sends under way get a moment for their answer, then they end."""
    if tasks:
        await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
