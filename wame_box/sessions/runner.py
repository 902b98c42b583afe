"""Keeps one session's engine running: starts it, watches that it still hears, starts it again when it broke."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import structlog

from wame_box.kernel.clock import MINUTE, SECOND, Clock
from wame_box.kernel.db import Database
from wame_box.kernel.errors import StorageFailed
from wame_box.sessions import store
from wame_box.sessions.engine import Disconnected, Engine, EngineFactory, SessionContext
from wame_box.sessions.models import Session, SessionStatus
from wame_box.sessions.outlet import OnEvents, Presence, SessionOutlet
from wame_box.sessions.status import change_status

log = structlog.get_logger()

PROBE_EVERY = 30 * SECOND
PROBE_PATIENCE = 10 * SECOND
FIRST_PAUSE = 1 * SECOND
LONGEST_PAUSE = MINUTE
STEADY_AFTER = MINUTE  # an engine that ran this long begins again with the first pause


class Deaf(Exception):
    """The engine is connected, but the server does not answer it."""


class Runner:
    """One session's engine and what is known of it. `run` is the body of the supervisor's task."""

    def __init__(
        self, session_id: int, db: Database, clock: Clock, factory: EngineFactory, on_events: OnEvents, rng: random.Random
    ) -> None:
        self.session_id = session_id
        self.presence = Presence()
        self.outlet = SessionOutlet(db, session_id, self.presence, on_events)
        self._db = db
        self._clock = clock
        self._factory = factory
        self._rng = rng

    async def run(self, door: asyncio.Semaphore) -> None:
        """Until the session is not wanted any more. `door` lets a few engines in at a time."""
        failures = 0
        while True:
            began = self._clock.now()
            try:
                if not await self._live(door):
                    return
            except StorageFailed as error:  # the disk may be freed; nobody would start the session again but we
                log.error("session.not_stored", session_id=self.session_id, error=str(error)[:200])
            except Exception as error:  # nor after a bug
                log.error("session.runner_failed", session_id=self.session_id, exc_info=error)
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
            failures = 1 if self._clock.now() - began > STEADY_AFTER else failures + 1
            await self._clock.sleep(pause(failures, self._rng))

    async def _live(self, door: asyncio.Semaphore) -> bool:
        """Runs engines of the session as long as none breaks. Returns whether another must be started after a pause."""
        while (session := await self._db.write(_begin, self.session_id)) is not None:
            reason = await self._run_once(session, door)
            if reason is not None:
                await self.outlet.say(Disconnected(True, reason))
                return True
            # It came to its end: that is all, unless somebody wants the session on again already.
        return False

    async def _run_once(self, session: Session, door: asyncio.Semaphore) -> str | None:
        """One life of an engine. Returns why it must be started again, None when it came to its end by itself."""
        self.presence.over = self.presence.connected = False  # a late commit of the last engine may have set them
        self.presence.engine = engine = self._factory(context_of(session, self.outlet))
        try:
            async with door:
                await engine.start()
            await first_of(engine.wait(), self._listen(engine))
        except Deaf:
            log.warning("session.deaf", session_id=self.session_id)
            return "deaf"
        except Exception as error:
            log.error("engine.failed", session_id=self.session_id, exc_info=error)
            return "engine_failed"
        finally:
            self.presence.connected = False
            self.presence.qr = None
            self.presence.engine = None
            await engine.stop()
        return None if self.presence.over else "engine_failed"

    async def _listen(self, engine: Engine) -> None:
        """The self-probe of a connected engine.

        Raises: Deaf.
        """
        while True:
            await self._clock.sleep(PROBE_EVERY)
            if self.presence.connected and not await self._answers(engine):
                raise Deaf

    async def _answers(self, engine: Engine) -> bool:
        heard = False

        async def ask() -> None:
            nonlocal heard
            heard = await engine.alive()

        await first_of(ask(), self._clock.sleep(PROBE_PATIENCE))
        return heard


def context_of(session: Session, outlet: SessionOutlet) -> SessionContext:
    number = session.number if session.paired_at is not None else None
    return SessionContext(session.id, session.account_id, session.settings, number, outlet)


def pause(failures: int, rng: random.Random) -> int:
    """Milliseconds before the next attempt: doubling up to a minute, each jittered by half."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return int(longest * rng.uniform(0.5, 1.0))


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Runs them side by side until one is done; the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _begin(tx: Any, session_id: int) -> Session | None:
    """The session to start now, or None when it shall not run."""
    session = store.session_row(tx, session_id)
    if session is None or not session.wanted:
        return None
    if session.status is SessionStatus.DISCONNECTED:
        return session  # it says so until it is connected again
    return change_status(tx, session, SessionStatus.STARTING)
