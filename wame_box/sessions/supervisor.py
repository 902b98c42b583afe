"""Runs the engines of all sessions that are wanted, and knows which are connected."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.sessions import store, words  # noqa: F401  words registers the codes
from wame_box.sessions.engine import Capabilities, Engine, EngineFactory
from wame_box.sessions.models import EngineKind, Qr, Session, SessionStatus
from wame_box.sessions.outlet import OnEvents
from wame_box.sessions.runner import Runner, context_of
from wame_box.sessions.status import change_status

if TYPE_CHECKING:
    from wame_box.kernel.kernel import Kernel

log = structlog.get_logger()

AT_ONCE = 8  # engines that connect at the same time: a start of 500 sessions is no stampede

CheckPolicy = Callable[[EngineKind, str | None], str]
"""Gives the JSON of a named pacing policy (None: the engine's default). Raises: Refused for a name the engine can't take."""


class Supervisor:
    """One a box. `start` before use, `stop` at the end; call on the loop's thread.

    `on_connected` holds functions that are called with a session's id each time it connects.
    """

    def __init__(
        self,
        kernel: Kernel,
        engines: Mapping[EngineKind, EngineFactory],
        on_events: OnEvents,
        check_policy: CheckPolicy,
        *,
        rng: random.Random | None = None,
    ) -> None:
        self.on_connected: list[Callable[[int], None]] = []
        self.check_policy = check_policy
        self._db = kernel.db
        self._clock = kernel.clock
        self._engines = engines
        self._on_events = on_events
        self._rng = rng or random.Random()  # noqa: S311  jitter
        self._door = asyncio.Semaphore(AT_ONCE)
        self._runners: dict[int, Runner] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._asked: set[asyncio.Task[None]] = set()
        self._locks: dict[int, asyncio.Lock] = {}
        self._stopping = False

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begins to start all wanted sessions, a few at a time; returns without waiting for them."""
        for session_id in await self._db.read(store.wanted_sessions):
            await self.launch(session_id)

    async def stop(self) -> None:
        """Stops every engine. The sessions stay wanted: the next start brings them back."""
        self._stopping = True
        for task in [*self._tasks.values(), *self._asked]:
            task.cancel()
        await asyncio.gather(*self._tasks.values(), *self._asked, return_exceptions=True)

    # -- one session ---------------------------------------------------------------------------------------------------

    async def launch(self, session_id: int) -> None:
        """Starts the session's engine, unless it runs or is not wanted."""
        async with self._locks.setdefault(session_id, asyncio.Lock()):
            session = await self._db.read(store.session_row, session_id)
            if session is None or not session.wanted or self._stopping or session_id in self._tasks:
                return
            if session.engine in self._engines:
                self._launch(session)
            else:
                await self._db.write(_without_engine, session_id)

    def _launch(self, session: Session) -> None:
        session_id = session.id
        factory = self.factory(session.engine)
        runner = Runner(session_id, self._db, self._clock, factory, self._on_events, self._rng)
        runner.presence.on_connected = self.on_connected
        self._runners[session_id] = runner
        self._tasks[session_id] = task = asyncio.create_task(runner.run(self._door), name=f"session:{session_id}")
        # Not in a `finally` of the task: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda done: self._ended(session_id, done))

    def _ended(self, session_id: int, task: asyncio.Task[None]) -> None:
        del self._runners[session_id], self._tasks[session_id]
        if not task.cancelled() and (error := task.exception()):
            log.error("session.runner_failed", session_id=session_id, exc_info=error)

    async def halt(self, session_id: int) -> None:
        """Stops the session's engine and waits until it has let go. Whether it is wanted stays as it is."""
        async with self._locks.setdefault(session_id, asyncio.Lock()):
            await self._end(session_id)

    async def unlink(self, session_id: int) -> None:
        """Takes the device off WhatsApp's list, whether the engine runs or not, and stops the engine."""
        # The lock comes first: a launch that was asked for later must find the old engine gone.
        async with self._locks.setdefault(session_id, asyncio.Lock()):
            session = await self._db.read(store.any_session_row, session_id)
            if session is None or session.engine not in self._engines:
                return
            if (runner := self._runners.get(session_id)) is not None:
                runner.outlet.retire()
            try:
                await (self._running_engine(session_id) or self._idle_engine(session)).logout()
            finally:
                await self._end(session_id)

    async def _end(self, session_id: int) -> None:
        task = self._tasks.get(session_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def launch_soon(self, session_id: int) -> None:
        """As `launch`, for callbacks after a commit."""
        self._soon(self.launch(session_id))

    def halt_soon(self, session_id: int) -> None:
        self._soon(self.halt(session_id))

    def unlink_soon(self, session_id: int) -> None:
        self._soon(self.unlink(session_id))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._asked.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("session.command_failed", exc_info=error)

    # -- what is known now ---------------------------------------------------------------------------------------------

    def engine(self, session_id: int) -> Engine | None:
        """The engine of a session that is connected, else None."""
        runner = self._runners.get(session_id)
        return runner.presence.engine if runner and runner.presence.connected else None

    def qr(self, session_id: int) -> Qr | None:
        """The code to scan now, else None."""
        runner = self._runners.get(session_id)
        shown = runner.presence.qr if runner else None
        return shown if shown and shown.expires_at > self._clock.now() else None

    def running(self) -> list[int]:
        """The sessions whose engines run, connected or not."""
        return list(self._runners)

    def capabilities(self, kind: EngineKind) -> Capabilities:
        """Raises: Refused("engine_unavailable")."""
        return self.factory(kind).capabilities

    def available(self) -> list[EngineKind]:
        """The engines that this box can run."""
        return list(self._engines)

    def factory(self, kind: EngineKind) -> EngineFactory:
        """Raises: Refused("engine_unavailable")."""
        found = self._engines.get(kind)
        if found is None:
            raise Refused("engine_unavailable", engine=kind)
        return found

    def _running_engine(self, session_id: int) -> Engine | None:
        runner = self._runners.get(session_id)
        return runner.presence.engine if runner else None

    def _idle_engine(self, session: Session) -> Engine:
        factory = self.factory(session.engine)
        runner = Runner(session.id, self._db, self._clock, factory, self._on_events, self._rng)
        return factory(context_of(session, runner.outlet))


def _without_engine(tx: Tx, session_id: int) -> None:
    """The box was started without the session's engine: it says so, and comes back when that does."""
    session = store.session_row(tx, session_id)
    if session is not None and session.wanted:
        change_status(tx, session, SessionStatus.DISCONNECTED, "engine_off")
