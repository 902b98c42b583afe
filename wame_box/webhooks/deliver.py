"""The deliverer: sends what is queued, endpoint by endpoint, so that a slow one holds up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import random

from wame_box.kernel.db import Tx
from wame_box.kernel.events import Event
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import queue, store
from wame_box.webhooks.attempt import Chance, Outcome, send
from wame_box.webhooks.outcomes import Recorder
from wame_box.webhooks.worker import Shared, Worker, publish

SLOTS = 64
SLOW_SLOTS = 32
TEST_SLOTS = 8
MOST_PENDING = 100_000
STOP_SECONDS = 3.0


class Deliverer:
    """`start` it once the database is open; `enqueue` is the reaction that feeds it."""

    def __init__(self, kernel: Kernel, *, chance: Chance = random.random, most_pending: int = MOST_PENDING) -> None:
        self._kernel = kernel
        self._recorder = Recorder(kernel, self.changed)
        self._shared = Shared(
            kernel, self._recorder, chance, most_pending, asyncio.Semaphore(SLOTS), asyncio.Semaphore(SLOW_SLOTS)
        )
        self._test_slots = asyncio.Semaphore(TEST_SLOTS)
        self._workers: dict[int, Worker] = {}
        self._tests: set[asyncio.Task[Outcome | None]] = set()
        self._recording: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up what an earlier run left pending."""
        self._recording = asyncio.create_task(self._recorder.run(), name="webhooks:recorder")
        self.wake(await self._kernel.db.read(store.endpoints_with_work))

    async def stop(self) -> None:
        """What is in flight gets three seconds; the rest stays pending."""
        recording, self._recording = self._recording, None
        for test in self._tests:
            test.cancel()
        await asyncio.gather(*(worker.stop(STOP_SECONDS) for worker in self._workers.values()))
        self._workers.clear()
        if recording:
            recording.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await recording

    def enqueue(self, tx: Tx, event: Event, event_id: int) -> None:
        """The core reaction for all events."""
        queue.enqueue(tx, event, event_id, self.wake)

    def wake(self, endpoint_ids: list[int]) -> None:
        """These endpoints have new deliveries. On the loop's thread; nothing happens while stopped."""
        for endpoint_id in endpoint_ids if self._recording else ():
            self._worker(endpoint_id).wake()

    def changed(self, endpoint_id: int) -> None:
        """An endpoint was changed, disabled, enabled or deleted."""
        if self._recording:
            self._worker(endpoint_id).changed()

    def try_now(self, delivery_id: int) -> asyncio.Task[Outcome | None]:
        """Sends one delivery at once, past every queue and also to a disabled endpoint: for tests. None: it is gone."""
        task = asyncio.create_task(self._try(delivery_id), name=f"test:{delivery_id}")
        self._tests.add(task)
        task.add_done_callback(self._tests.discard)
        return task

    async def _try(self, delivery_id: int) -> Outcome | None:
        due, endpoint = await self._kernel.db.read(store.due_with_endpoint, delivery_id)
        if due is None or endpoint is None:
            return None
        async with self._test_slots:
            outcome = await send(self._kernel, endpoint, due, self._shared.chance)
        self._worker(endpoint.id).noted(outcome)
        await self._recorder.keep(outcome)
        publish(self._kernel, endpoint.account_id, endpoint.id)
        return outcome

    def _worker(self, endpoint_id: int) -> Worker:
        worker = self._workers.get(endpoint_id)
        if worker is None:
            worker = self._workers[endpoint_id] = Worker(endpoint_id, self._shared)
        return worker
