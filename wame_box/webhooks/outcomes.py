"""Keeping what attempts brought: many outcomes in one unit of work, and the health of their endpoints.

Deliveries in flight are known only in memory. Until an outcome is on disk its delivery is pending, and goes out again, under
the same id, should the box be killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog

from wame_box.kernel import ids
from wame_box.kernel.clock import SECOND
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import schedule, store
from wame_box.webhooks.attempt import GONE, Outcome
from wame_box.webhooks.disabling import disable
from wame_box.webhooks.models import DeliveryStatus, DisabledReason, Endpoint

log = structlog.get_logger()

Changed = Callable[[int], None]
MOST_AT_ONCE = 200
LINGER = 0.01  # seconds in which more outcomes may join: a unit of eight costs each a fifth of a unit of its own


@dataclass
class Recorder:
    """Collects outcomes while a write is on its way, then stores them together."""

    kernel: Kernel
    changed: Changed
    _waiting: list[tuple[Outcome, asyncio.Future[bool]]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, outcome: Outcome) -> bool:
        """Returns once the outcome is on disk. False: it could not be stored (a bug, logged); it must not be tried again now."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((outcome, kept))
        self._arrived.set()
        return await kept

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(LINGER)
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not self._waiting:
                self._arrived.clear()
            stored = await self._store([outcome for outcome, _ in batch])
            for outcome, kept in batch:
                if not kept.done():
                    kept.set_result(outcome.endpoint_id in stored)

    async def _store(self, outcomes: list[Outcome]) -> set[int]:
        """Until the disk takes it. Returns the endpoints whose outcomes were kept."""
        while True:
            try:
                kept = await self.kernel.db.write(record, outcomes, self.changed)
            except StorageFailed as error:
                log.error("webhook.outcomes_not_stored", outcomes=len(outcomes), error=str(error))
            except Exception:
                log.exception("webhook.outcomes_not_stored", outcomes=len(outcomes))
            else:
                for endpoint_id in {outcome.endpoint_id for outcome in outcomes} - kept:
                    log.error("webhook.outcomes_lost", endpoint=ids.show("end", endpoint_id))
                return kept
            await self.kernel.clock.sleep(SECOND)


def record(tx: Tx, outcomes: list[Outcome], changed: Changed) -> set[int]:
    """Each endpoint's outcomes in a savepoint of their own. Returns the endpoints where that worked."""
    by_endpoint: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        by_endpoint.setdefault(outcome.endpoint_id, []).append(outcome)
    return {one for one, theirs in by_endpoint.items() if tx.attempt(record_endpoint, one, theirs, changed) is None}


def record_endpoint(tx: Tx, endpoint_id: int, outcomes: list[Outcome], changed: Changed) -> None:
    store.insert_attempts(tx, [(o.due.id, o.status_code, o.error, o.answer, o.milliseconds, o.at) for o in outcomes])
    store.finish_deliveries(
        tx,
        [
            (
                o.status,
                o.next_at,
                o.status_code,
                o.error,
                None if o.status is DeliveryStatus.PENDING else tx.now,
                o.due.id,
            )
            for o in outcomes
        ],
    )
    endpoint = store.any_endpoint(tx, endpoint_id)
    if endpoint is None:
        return
    reason: DisabledReason | None = None
    for outcome in outcomes:
        endpoint = _after(endpoint, outcome)
        if outcome.delivered and reason is DisabledReason.FAILING:
            reason = None
        reason = _reason_to_disable(endpoint, outcome, tx.now) or reason
    store.note_result(tx, endpoint)
    if reason is not None and disable(tx, endpoint, reason):
        tx.after_commit(lambda: changed(endpoint_id))


def _after(endpoint: Endpoint, outcome: Outcome) -> Endpoint:
    """The endpoint with this outcome noted. A failed test does not count against it."""
    failing = None if outcome.delivered else endpoint.failing_since
    if failing is None and not outcome.delivered and not outcome.is_test:
        failing = outcome.at
    return msgspec.structs.replace(
        endpoint, failing_since=failing, last_at=outcome.at, last_code=outcome.status_code, last_error=outcome.error
    )


def _reason_to_disable(endpoint: Endpoint, outcome: Outcome, now: int) -> DisabledReason | None:
    if outcome.delivered or outcome.is_test or endpoint.failing_since is None:
        return None
    if outcome.status_code == GONE:
        return DisabledReason.GONE
    ended = outcome.status is DeliveryStatus.FAILED
    if schedule.is_given_up(endpoint.failing_since, ended, now):
        return DisabledReason.FAILING
    return None
