"""The database: groups, priorities, failures, reactions."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from wame_box.kernel import events
from wame_box.kernel.clock import FakeClock
from wame_box.kernel.db import Database, IntegrityError, Sql, Tx
from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.events import Event
from wame_box.kernel.migrations import migrate
from wame_box.kernel.sql import OperationalError, WrongKey, connect


class Happened(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "test.happened"
    word: str

    def data(self) -> dict[str, str]:
        return {"word": self.word}


@pytest.fixture
def key() -> bytes:
    return os.urandom(32)


@pytest.fixture
async def db(tmp_path: Path, key: bytes, fake_clock: FakeClock) -> AsyncIterator[Database]:
    migrate(tmp_path / "box.db", key)
    database = Database(tmp_path / "box.db", key, fake_clock)
    await database.open()
    yield database
    await database.close()


def put(tx: Tx, name: str) -> str:
    tx.run("INSERT INTO settings VALUES (?, 'x')", name)
    return name


def names(sql: Sql) -> list[str]:
    return sql.values("SELECT name FROM settings ORDER BY name")


def pragmas(tx: Tx) -> tuple[Any, ...]:
    return tuple(tx.value(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys", "auto_vacuum"))


async def test_the_live_write_connection_is_wal_and_full(db: Database) -> None:
    assert await db.write(pragmas) == ("wal", 2, 1, 2)


async def test_a_read_sees_what_a_finished_write_wrote(db: Database) -> None:
    assert await db.write(put, "a") == "a"
    assert await db.read(names) == ["a"]


async def test_a_unit_that_fails_is_rolled_back_alone(db: Database) -> None:
    def half(tx: Tx) -> None:
        put(tx, "half")
        raise Refused("not_found")

    results = await asyncio.gather(
        db.write(put, "a"), db.write(half), db.write(put, "a"), db.write(put, "b"), return_exceptions=True
    )
    assert [type(result) for result in results] == [str, Refused, IntegrityError, str]
    assert await db.read(names) == ["a", "b"]


async def test_units_queued_together_are_committed_together(db: Database) -> None:
    gate, entered = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        entered.set()
        gate.wait(5)

    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    holding = asyncio.create_task(db.write(hold))
    await asyncio.to_thread(entered.wait)
    db._connection.set_trace_callback(count)
    writes = [asyncio.create_task(db.write(put, f"n{i}")) for i in range(50)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(holding, *writes)
    assert len(await db.read(names)) == 50
    assert commits <= 3  # the holder's group, and one or two for the fifty


async def test_a_send_does_not_wait_behind_low_work(db: Database) -> None:
    order: list[str] = []
    gate, entered = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        entered.set()
        gate.wait(5)

    def note(tx: Tx, word: str) -> None:
        order.append(word)

    holding = asyncio.create_task(db.write_low(hold))
    await asyncio.to_thread(entered.wait)
    low = [asyncio.create_task(db.write_low(note, "low")) for _ in range(5)]
    await asyncio.sleep(0)
    high = asyncio.create_task(db.write(note, "high"))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(holding, high, *low)
    assert order[0] == "high"
    assert order.count("low") == 5


async def test_low_work_is_not_starved(db: Database) -> None:
    done = asyncio.Event()

    async def busy() -> None:
        n = 0
        while not done.is_set():
            n += 1
            await db.write(put, f"busy{n}")

    workers = [asyncio.create_task(busy()) for _ in range(1)]
    async with asyncio.timeout(10):
        await db.write_low(put, "low")
    done.set()
    await asyncio.gather(*workers)


async def test_a_cancelled_await_still_commits(db: Database) -> None:
    gate, entered = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        entered.set()
        gate.wait(5)

    holding = asyncio.create_task(db.write(hold))
    await asyncio.to_thread(entered.wait)
    cancelled = asyncio.create_task(db.write(put, "kept"))
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.set()
    await holding
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await db.write(put, "later")
    assert await db.read(names) == ["kept", "later"]


async def test_a_failed_commit_fails_every_caller_of_the_group(db: Database) -> None:
    connection = db._connection

    class Broken:
        """A connection whose next COMMIT meets a full disk."""

        def __init__(self) -> None:
            self.broken = True

        def __getattr__(self, name: str) -> Any:
            return getattr(connection, name)

        def execute(self, statement: str, *params: Any) -> Any:
            if statement == "COMMIT" and self.broken:
                self.broken = False
                from sqlcipher3 import OperationalError

                raise OperationalError("database or disk is full")
            return connection.execute(statement, *params)

    db._connection = Broken()
    results = await asyncio.gather(db.write(put, "a"), db.write(put, "b"), return_exceptions=True)
    lost = [result for result in results if isinstance(result, StorageFailed)]
    assert lost and all(failure.full for failure in lost)
    kept = [result for result in results if isinstance(result, str)]
    assert await db.read(names) == kept
    assert await db.write(put, "after") == "after"
    db._connection = connection


async def test_wakes_run_after_the_commit_and_never_for_what_was_rolled_back(db: Database) -> None:
    woken: list[str] = []

    def unit(tx: Tx, word: str, fails: bool) -> None:
        tx.after_commit(lambda: woken.append(word))
        if fails:
            raise ValueError(word)

    await asyncio.gather(db.write(unit, "a", False), db.write(unit, "b", True), return_exceptions=True)
    await asyncio.sleep(0)
    assert woken == ["a"]


async def test_a_full_disk_is_no_fault_of_a_follower(db: Database) -> None:
    def follower(tx: Tx) -> None:
        put(tx, "follower")
        raise OperationalError("database or disk is full")

    def unit(tx: Tx) -> None:
        put(tx, "unit")
        tx.attempt(follower)

    with pytest.raises(StorageFailed):
        await db.write(unit)
    await db.write(put, "after")
    assert await db.read(names) == ["after"]


async def test_a_wake_that_fails_silences_no_other(db: Database) -> None:
    woken: list[str] = []

    def broken() -> None:
        raise IndexError("a wake that fails")

    def unit(tx: Tx) -> None:
        tx.after_commit(lambda: woken.append("before"))
        tx.after_commit(broken)
        tx.after_commit(lambda: woken.append("after"))

    await db.write(unit)
    await asyncio.sleep(0)
    assert woken == ["before", "after"]


async def test_core_reactions_fall_with_the_transaction_and_followers_alone(db: Database, fake_clock: FakeClock) -> None:
    broken = True

    def core(tx: Tx, event: Happened, event_id: int) -> None:
        put(tx, f"core-{event.word}")

    def follower(tx: Tx, event: Happened, event_id: int) -> None:
        put(tx, f"follower-{event.word}")
        if broken:
            raise RuntimeError("a bug in a bot")

    db.reactions.core[Happened] = [core]
    db.reactions.followers[Happened] = [follower]
    await db.write(lambda tx: tx.emit(Happened(account_id=1, word="x")))
    assert await db.read(names) == ["core-x"]
    assert await db.read(lambda sql: sql.value("SELECT data FROM events")) == '{"word":"x"}'

    broken = False
    assert await db.write(events.retry_failed, db.reactions) == 0  # not due yet
    fake_clock.advance(61_000)
    assert await db.write(events.retry_failed, db.reactions) == 1
    assert await db.read(names) == ["core-x", "follower-x"]
    assert await db.read(lambda sql: sql.value("SELECT count(*) FROM failed_reactions")) == 0


async def test_a_broken_core_reaction_refuses_the_whole_unit(db: Database) -> None:
    def core(tx: Tx, event: Happened, event_id: int) -> None:
        raise RuntimeError("core")

    db.reactions.core[Happened] = [core]

    def unit(tx: Tx) -> None:
        put(tx, "a")
        tx.emit(Happened(account_id=1, word="x"))

    with pytest.raises(RuntimeError):
        await db.write(unit)
    assert await db.read(names) == []
    assert await db.read(lambda sql: sql.value("SELECT count(*) FROM events")) == 0


async def test_events_of_an_account_are_numbered_without_gaps(db: Database) -> None:
    def unit(tx: Tx, account: int, fails: bool) -> None:
        tx.emit(Happened(account_id=account, word="x"))
        if fails:
            raise ValueError

    await asyncio.gather(
        db.write(unit, 1, False), db.write(unit, 1, True), db.write(unit, 2, False), db.write(unit, 1, False),
        return_exceptions=True,
    )  # fmt: skip
    rows = await db.read(lambda sql: sql.rows("SELECT account_id, sequence FROM events ORDER BY id"))
    assert sorted(rows) == [(1, 1), (1, 2), (2, 1)]


async def test_readers_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match="readonly"):
        await db.read(lambda sql: sql.value("INSERT INTO settings VALUES ('a', 'b') RETURNING 1"))


async def test_the_file_is_encrypted_and_a_wrong_key_is_named(db: Database, tmp_path: Path) -> None:
    await db.write(put, "a secret name that must not be readable")
    content = (tmp_path / "box.db").read_bytes() + (tmp_path / "box.db-wal").read_bytes()
    assert b"secret name" not in content
    assert not content.startswith(b"SQLite format 3")
    with pytest.raises(WrongKey):
        connect(tmp_path / "box.db", os.urandom(32))


def test_an_upgrade_keeps_a_copy(tmp_path: Path, key: bytes) -> None:
    from sqlite_utils.migrations import Migrations

    path = tmp_path / "box.db"
    first = Migrations("test")
    first(name="one")(lambda database: database.execute("CREATE TABLE a (x)"))
    assert migrate(path, key, first) == ["one"]
    assert list(tmp_path.glob("*.before-*")) == []
    first(name="two")(lambda database: database.execute("CREATE TABLE b (x)"))
    assert migrate(path, key, first) == ["two"]
    copy = connect(tmp_path / "box.db.before-two", key)
    assert [row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE name IN ('a', 'b')")] == ["a"]
    copy.close()
    assert migrate(path, key, first) == []
