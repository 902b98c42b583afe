"""What campaigns do by themselves: expanding what was launched, and starting what was scheduled when its time comes.

One task, nothing kept in memory: after a crash the rows tell where to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from wame_box.campaigns import launch, store
from wame_box.campaigns.expand import expand
from wame_box.kernel.clock import SECOND
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.kernel import Kernel
from wame_box.messaging.dispatch import Dispatcher

log = structlog.get_logger()
T = TypeVar("T")


class Campaigns:
    def __init__(self, kernel: Kernel, dispatcher: Dispatcher) -> None:
        self._kernel = kernel
        self._dispatcher = dispatcher
        self._news = asyncio.Event()
        self._broken: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Goes on with what a stop or crash interrupted, then waits for news and for the next scheduled time."""
        self._task = asyncio.create_task(self._work(), name="campaigns")

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    def wake(self) -> None:
        """A campaign was launched or scheduled."""
        self._news.set()

    async def _work(self) -> None:
        while True:
            self._news.clear()
            try:
                next_at = await self._start_due()
                if not await self._expand_some():
                    await self._wait(next_at)
            except StorageFailed:
                log.warning("campaigns.storage_failed")
                await self._kernel.clock.sleep(5 * SECOND)
            except Exception as error:  # such as a read that the disk refused: nobody else would go on
                log.error("campaigns.failed", exc_info=error)
                await self._kernel.clock.sleep(5 * SECOND)

    async def _start_due(self) -> int | None:
        """Starts what is due. Returns when the next one is."""
        for moment, campaign_id in await self._kernel.db.read(store.timetable):
            if campaign_id in self._broken:
                continue
            if moment > self._kernel.clock.now():
                return moment
            await self._attempt(campaign_id, self._kernel.db.write(launch.start_due, campaign_id, self.wake))
        return None

    async def _expand_some(self) -> bool:
        """One chunk of each campaign that is being expanded, so that a small one need not wait for a big one."""
        busy = False
        for campaign_id in await self._kernel.db.read(store.unexpanded):
            if campaign_id not in self._broken:
                chunk = self._kernel.db.write_low(expand, campaign_id, self._dispatcher.wake)
                busy = bool(await self._attempt(campaign_id, chunk)) or busy
        return busy

    async def _attempt(self, campaign_id: int, work: Awaitable[T]) -> T | None:
        try:
            return await work
        except StorageFailed:
            raise
        except Exception as error:  # a bug over one campaign must not hold up the others; a restart tries again
            log.error("campaign.failed", campaign=campaign_id, exc_info=error)
            self._broken.add(campaign_id)
            return None

    async def _wait(self, until: int | None) -> None:
        if until is None:
            await self._news.wait()
            return
        news = asyncio.ensure_future(self._news.wait())
        timer = asyncio.ensure_future(self._kernel.clock.sleep_until(until))
        try:
            await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            timer.cancel()
