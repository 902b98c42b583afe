"""Every periodic or background job, on one screen.

huey is the clock and the thread pool; what a job works on is a row of `box.db`, and huey carries only its id. It drops what
was in flight at a crash, so each kind is swept at the start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from huey import SqliteHuey, crontab
from huey.consumer import Consumer

from wame_box.accounts import store as accounts
from wame_box.contacts import imports
from wame_box.kernel import events, idempotency
from wame_box.kernel.clock import HOUR
from wame_box.kernel.db import Sql
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import receipts

log = structlog.get_logger()

THREADS = 2
CHUNK = 500

KINDS: dict[str, Callable[[Kernel, int], None]] = {
    "contacts.import": imports.run,
}


class _Consumer(Consumer):  # type: ignore[misc]
    def _set_signal_handlers(self) -> None:
        """The box has its own."""


class Jobs:
    """`enqueue(kind, row_id)` once the row is committed; a thread runs it soon."""

    def __init__(self, kernel: Kernel, path: Path) -> None:
        self._kernel = kernel
        logging.getLogger("huey").setLevel(logging.WARNING)
        self._huey = SqliteHuey("wame-box", filename=str(path), results=False, timeout=30)
        self._run = self._huey.task()(self._run_kind)
        self._huey.periodic_task(crontab(minute="*"))(self._every_minute)
        self._huey.periodic_task(crontab(minute="7"))(self._every_hour)
        self._consumer: Any = None

    def start(self) -> None:
        """Starts the threads, and goes on with what a crash interrupted."""
        self._huey.flush()  # the rows are the truth, not the queue
        self._go_on(at_start=True)
        self._consumer = _Consumer(self._huey, workers=THREADS, worker_type="thread", initial_delay=0.05, max_delay=0.5)
        self._consumer.start()

    def stop(self) -> None:
        """Waits a little for running jobs. Blocks: never on the loop's thread."""
        if self._consumer is not None:
            self._consumer.shutdown_timeout = 5
            self._consumer.stop(graceful=True)

    def enqueue(self, kind: str, row_id: int) -> None:
        self._run(kind, row_id)

    def _run_kind(self, kind: str, row_id: int) -> None:
        try:
            KINDS[kind](self._kernel, row_id)
        except Exception as error:
            log.error("job.failed", kind=kind, row=row_id, exc_info=error)

    def _go_on(self, *, at_start: bool = False) -> None:
        """Imports that nobody works on: those of an earlier run, and those that a full disk or a dead child interrupted."""
        for import_id in imports.resume_open(self._kernel, at_start=at_start):
            self.enqueue("contacts.import", import_id)

    def _every_minute(self) -> None:
        self._go_on()
        database = self._kernel.db
        database.write_sync(events.retry_failed, database.reactions)

    def _every_hour(self) -> None:
        database = self._kernel.db
        for purge in (idempotency.purge, receipts.purge_parked):
            while database.write_sync(purge, CHUNK) == CHUNK:
                pass
        database.write_sync(accounts.delete_expired_logins)
        _sweep_files(self._kernel)


def _sweep_files(kernel: Kernel) -> None:
    """Deletes stored files that no row knows: a crash came between a file and its row. An hour is more than a row takes."""
    lost = [
        name
        for name in kernel.files.older_than(kernel.clock.now() - HOUR)
        if not kernel.db.read_sync(
            Sql.value, "SELECT EXISTS (SELECT 1 FROM files WHERE path = ? AND account_id = ?)", *_row(name)
        )
    ]
    for name in lost:
        kernel.files.delete(name)
    if lost:
        log.info("files.swept", files=len(lost))


def _row(name: str) -> tuple[str, int]:
    """What finds a file's row; a name begins with its account."""
    return name, int(name.partition("/")[0])
