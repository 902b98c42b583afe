"""The database: one writer thread that commits in groups, and a pool of read-only connections.

`await db.write(fn, …)` runs `fn(tx, …)`, plain synchronous SQL, on the writer's thread; when it returns, the rows are on disk.
The writer drains its queue, runs each unit of work in a SAVEPOINT, commits once and then resolves every caller, so that many
callers share one fsync. `fn` has no side effects but rows; a cancelled await still commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite
import structlog

from wame_box.kernel import events, ids
from wame_box.kernel.clock import Clock
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.events import Event, Reactions
from wame_box.kernel.sql import DatabaseError, IntegrityError, Sql, WritableSql, connect

__all__ = ["Database", "IntegrityError", "Sql", "Tx"]

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()

GROUP_UNITS = 256
GROUP_SECONDS = 0.02
WAL_PAGES = 4000  # 16 MB: what many commits change is copied back once; an import is a tenth faster than with 1000
LOW_EVERY = 20  # a low-priority unit is let through after this many groups, whatever waits above it


class Tx(WritableSql):
    """One unit of work on the write connection: SQL, events, and what to wake after the commit."""

    def __init__(self, connection: Any, now: int, reactions: Reactions) -> None:
        super().__init__(connection)
        self.now = now
        self._reactions = reactions
        self.wakes: list[Callable[[], None]] = []

    def after_commit(self, wake: Callable[[], None]) -> None:
        """Calls `wake` on the event loop's thread once this unit is on disk; never if it is rolled back."""
        self.wakes.append(wake)

    def emit(self, event: Event) -> int:
        """Stores the event and runs its reactions in this transaction. Returns the event's id."""
        event_id = ids.new_id()
        if event.stored:
            events.store_event(self, event, event_id)
        core, followers = self._reactions.of(event)
        for reaction in core:
            reaction(self, event, event_id)
        for reaction in followers:
            error = self.attempt(reaction, event, event_id)
            if error is not None:
                events.note_failure(self, event, event_id, reaction, error)
        return event_id

    def attempt(self, fn: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs) -> Exception | None:
        """Runs `fn` in a savepoint; what it raised is returned after its rows were rolled back.

        Errors that lost the whole transaction propagate, and those of the disk, which are no fault of `fn`.
        """
        before = len(self.wakes)
        self._connection.execute("SAVEPOINT attempt")
        try:
            fn(self, *args, **kwargs)
        except Exception as error:
            if not self._connection.in_transaction or isinstance(_as_storage_error(error), StorageFailed):
                raise
            self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
            del self.wakes[before:]
            log.warning("reaction.failed", fn=getattr(fn, "__qualname__", "?"), error=f"{type(error).__name__}: {error}"[:300])
            return error
        self._connection.execute("RELEASE attempt")
        return None


@dataclass
class _Unit:
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    low: bool
    settle: Callable[[Any, BaseException | None], None]
    result: Any = None
    error: BaseException | None = None
    wakes: list[Callable[[], None]] = field(default_factory=list)


class _ReadConnection(aiosqlite.Connection):
    async def run_sql(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """`fn(sql, …)` on this connection's thread, inside one read transaction: one snapshot for all its queries."""

        def work() -> T:
            return _in_snapshot(self._conn, fn, *args, **kwargs)

        result: T = await self._execute(work)  # type: ignore[no-untyped-call]
        return result


def _in_snapshot(connection: Any, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    connection.execute("BEGIN")
    try:
        return fn(Sql(connection), *args, **kwargs)
    finally:
        connection.execute("COMMIT")


class Database:
    """Owns `path`. `open` before use, `close` at the end; between them one thread writes and a few read."""

    def __init__(self, path: Path, key: bytes, clock: Clock, *, readers: int = 4, synchronous: str = "FULL") -> None:
        self.path = path
        self.reactions = Reactions()
        self._key = key
        self._clock = clock
        self._reader_count = readers
        self._synchronous = synchronous
        self._connection: Any = None
        self._high: deque[_Unit] = deque()
        self._low: deque[_Unit] = deque()
        self._queued = threading.Condition()
        self._closing = False
        self._busy = False
        self._groups_since_low = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers: asyncio.LifoQueue[_ReadConnection] = asyncio.LifoQueue()
        self._all_readers: list[_ReadConnection] = []
        self._of_thread = threading.local()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens the write connection (WAL, FULL) and the readers. The schema must be migrated already."""
        self._loop = asyncio.get_running_loop()
        self.open_writer()
        for _ in range(self._reader_count):
            reader = _ReadConnection(lambda: connect(self.path, self._key, read_only=True), iter_chunk_size=64)
            await reader
            self._all_readers.append(reader)
            self._readers.put_nowait(reader)

    def open_writer(self) -> None:
        """Only the writer: for commands that run without an event loop (`write_sync`)."""
        self._connection = connect(self.path, self._key)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA synchronous={self._synchronous}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        self._thread = threading.Thread(target=self._write_forever, name=f"writer:{self.path.name}", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Runs what is queued, then closes everything."""
        await asyncio.to_thread(self.close_writer)
        for reader in self._all_readers:
            await reader.close()
        self._all_readers.clear()

    def close_writer(self) -> None:
        with self._queued:
            self._closing = True
            self._queued.notify()
        if self._thread:
            self._thread.join()
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):
                self._connection.execute("PRAGMA optimize")
            self._connection.close()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def read(self, fn: Callable[Concatenate[Sql, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`fn(sql, …)` on a read-only connection, one consistent snapshot."""
        reader = await self._readers.get()
        try:
            return await reader.run_sql(fn, *args, **kwargs)
        finally:
            self._readers.put_nowait(reader)

    def read_sync(self, fn: Callable[Concatenate[Sql, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, for worker threads; each keeps a connection of its own."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = connect(self.path, self._key, read_only=True)
        return _in_snapshot(connection, fn, *args, **kwargs)

    # -- writing -------------------------------------------------------------------------------------------------------

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`fn(tx, …)` as one unit of work; on disk when this returns.

        Raises: what `fn` raised (its rows are rolled back), or StorageFailed when the disk refused the whole group.
        """
        return await self._submit(fn, args, kwargs, low=False)

    async def write_low(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, but behind everything that somebody waits for: imports, expansion, retention. Units of ≤ 20 ms."""
        return await self._submit(fn, args, kwargs, low=True)

    def write_sync(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write_low`, for worker threads. Never call it on the event loop's thread while the loop runs."""
        return self.write_soon(fn, *args, **kwargs).result()

    def write_soon(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As `write_sync`, but returns at once: a worker prepares its next unit while this one is written."""
        outcome: Future[T] = Future()

        def settle(result: Any, error: BaseException | None) -> None:
            outcome.set_exception(error) if error else outcome.set_result(result)

        self._enqueue(_Unit(fn, args, kwargs, True, settle))
        return outcome

    def idle(self) -> bool:
        """Whether no unit of work is queued or running, and nothing is being read on the loop's behalf."""
        with self._queued:
            return not (self._high or self._low or self._busy) and self._readers.qsize() == len(self._all_readers)

    async def _submit(self, fn: Callable[..., T], args: Any, kwargs: Any, *, low: bool) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():  # cancelled: the rows stay, nobody waits
                return
            future.set_exception(error) if error else future.set_result(result)

        self._enqueue(_Unit(fn, args, kwargs, low, settle))
        return await future

    def _enqueue(self, unit: _Unit) -> None:
        with self._queued:
            if self._closing:
                raise StorageFailed(False, "the database is closed")
            (self._low if unit.low else self._high).append(unit)
            self._queued.notify()

    # -- the writer's thread -------------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        while (first := self._wait_for_unit()) is not None:
            group = self._run_group(first)
            self._settle(group)
            with self._queued:
                self._busy = False

    def _wait_for_unit(self) -> _Unit | None:
        with self._queued:
            while not (self._high or self._low):
                if self._closing:
                    return None
                self._queued.wait()
            self._busy = True
            return self._pop()

    def _pop(self) -> _Unit | None:
        starving = self._low and self._groups_since_low >= LOW_EVERY
        if self._high and not starving:
            return self._high.popleft()
        if self._low:
            self._groups_since_low = 0
            return self._low.popleft()
        return None

    def _next_of_group(self) -> _Unit | None:
        with self._queued:
            return self._high.popleft() if self._high else None

    def _run_group(self, first: _Unit) -> list[_Unit]:
        group: list[_Unit] = []
        self._groups_since_low += 1
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            unit: _Unit | None = first
            while unit is not None:
                group.append(unit)
                self._run_unit(unit)
                full = len(group) >= GROUP_UNITS or unit.low or time.monotonic() - started > GROUP_SECONDS
                unit = None if full else self._next_of_group()
            self._connection.execute("COMMIT")
        except Exception as error:
            self._lose_group(group or [first], error)
            return group or [first]
        return group

    def _run_unit(self, unit: _Unit) -> None:
        """Raises only when the whole transaction is lost."""
        execute = self._connection.execute
        tx = Tx(self._connection, self._clock.now(), self.reactions)
        execute("SAVEPOINT unit")
        try:
            unit.result = unit.fn(tx, *unit.args, **unit.kwargs)
        except BaseException as error:
            if not self._connection.in_transaction:
                raise
            execute("ROLLBACK TO unit")
            execute("RELEASE unit")
            unit.error = _as_storage_error(error)
            return
        execute("RELEASE unit")
        unit.wakes = tx.wakes

    def _lose_group(self, group: list[_Unit], error: Exception) -> None:
        """Nothing of the group was kept: nobody is told yes."""
        with contextlib.suppress(DatabaseError):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        log.error("database.group_lost", units=len(group), error=f"{type(error).__name__}: {error}"[:300])
        failure = _as_storage_error(error)
        for unit in group:
            unit.error = failure if isinstance(failure, StorageFailed) else StorageFailed(False, str(error))
            unit.result, unit.wakes = None, []

    def _settle(self, group: list[_Unit]) -> None:
        if self._loop is None:
            _resolve(group)
            return
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, [unit for unit in group])
            return
        _resolve(group)


def _resolve(group: list[_Unit]) -> None:
    for unit in group:
        unit.settle(unit.result, unit.error)
    for wake in [wake for unit in group for wake in unit.wakes]:
        try:
            wake()
        except Exception:  # one that fails must not silence those of other callers
            log.exception("database.wake_failed")


def _as_storage_error(error: BaseException) -> BaseException:
    """Disk full and I/O errors under one name; everything else as it is."""
    if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError):
        text = str(error)
        if "full" in text:
            return StorageFailed(True, text)
        if "disk I/O" in text or "readonly" in text or "unable to open" in text:
            return StorageFailed(False, text)
    return error
