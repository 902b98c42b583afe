"""Background jobs: what failed is tried again, what is old goes, what a stop interrupted goes on."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.conftest import House, MakeBox
from tests.factories import make_account
from tests.simulate import settle
from wame_box import jobs
from wame_box.app import Box
from wame_box.contacts import consent, import_store
from wame_box.contacts import store as contacts
from wame_box.contacts.consent import ContactOptedOut
from wame_box.kernel import events
from wame_box.kernel.clock import DAY, HOUR, MINUTE, FakeClock
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.events import Reaction
from wame_box.kernel.files import StoredFile


async def minute(box: Box) -> None:
    """What happens each minute, in a thread as ever."""
    await asyncio.to_thread(box.jobs._every_minute)


def failed(sql: Sql) -> list[tuple[Any, ...]]:
    return sql.rows("SELECT reaction, attempts, error FROM failed_reactions")


async def test_what_a_follower_failed_to_do_is_done_later(make_box: MakeBox, fake_clock: FakeClock) -> None:
    """A follower with a bug: the deed itself stands, and the follower runs again with growing pauses until it works."""
    box = await make_box(clock=fake_clock)
    person = await make_account(box, "Atelier", "Alice", "alice@example.com")
    broken, done = [True], []

    def follower(tx: Tx, event: ContactOptedOut, event_id: int) -> None:
        tx.run("INSERT INTO settings VALUES (?, '')", f"note {event_id}")
        if broken[0]:
            raise ValueError("a bug")
        done.append((event.address, event_id))

    followers: dict[Any, list[Reaction]] = box.kernel.db.reactions.followers
    followers.setdefault(ContactOptedOut, []).append(follower)

    def opt_out(tx: Tx) -> int:
        row = contacts.insert(tx, person.account_id, "+33639980001", "Ada", None, {})
        consent.opt_out(tx, person.account_id, row.id, source="form", proof=None)
        return row.id

    contact = await box.kernel.db.write(opt_out)
    row = await box.kernel.db.read(contacts.contact, person.account_id, contact)
    assert row is not None and row.consent == "opted_out"
    ((name, attempts, error),) = await box.kernel.db.read(failed)
    assert (name.endswith("follower"), attempts, error) == (True, 1, "ValueError: a bug")
    assert await box.kernel.db.read(lambda sql: sql.value("SELECT count(*) FROM settings WHERE name LIKE 'note%'")) == 0
    await minute(box)
    assert (await box.kernel.db.read(failed))[0][1] == 1  # not yet due
    fake_clock.advance(MINUTE)
    await minute(box)
    assert (await box.kernel.db.read(failed))[0][1] == 2
    broken[0] = False
    fake_clock.advance(MINUTE)
    await minute(box)
    assert done == []
    fake_clock.advance(MINUTE)
    await minute(box)
    assert await box.kernel.db.read(failed) == []
    assert [address for address, _ in done] == ["+33639980001"]
    await minute(box)
    assert len(done) == 1


async def test_old_answers_and_logins_are_purged(make_box: MakeBox, fake_clock: FakeClock) -> None:
    box = await make_box(clock=fake_clock)
    person = await make_account(box, "Atelier", "Alice", "alice@example.com")

    def fill(tx: Tx) -> None:
        rows = [(person.account_id, f"k{n}", "/x", b"", 200, "{}", tx.now - (n % 2) * (DAY + 1)) for n in range(1_500)]
        tx.many("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def left(sql: Sql) -> tuple[int, int]:
        return sql.value("SELECT count(*) FROM idempotency"), sql.value("SELECT count(*) FROM logins")

    await box.kernel.db.write(fill)
    await asyncio.to_thread(box.jobs._every_hour)
    assert await box.kernel.db.read(left) == (750, 1)
    fake_clock.advance(15 * DAY + HOUR)
    await asyncio.to_thread(box.jobs._every_hour)
    assert await box.kernel.db.read(left) == (0, 0)


async def test_a_follower_that_never_works_is_given_up(make_box: MakeBox, fake_clock: FakeClock) -> None:
    box = await make_box(clock=fake_clock)
    person = await make_account(box, "Atelier", "Alice", "alice@example.com")
    tried = []

    def follower(tx: Tx, event: ContactOptedOut, event_id: int) -> None:
        tried.append(event_id)
        raise ValueError("a bug")

    followers: dict[Any, list[Reaction]] = box.kernel.db.reactions.followers
    followers.setdefault(ContactOptedOut, []).append(follower)

    def opt_out(tx: Tx) -> None:
        row = contacts.insert(tx, person.account_id, "+33639980001", "Ada", None, {})
        consent.opt_out(tx, person.account_id, row.id, source="form", proof=None)

    await box.kernel.db.write(opt_out)
    with capture_logs() as logs:
        for _ in range(30):
            fake_clock.advance(6 * HOUR)
            await box.kernel.db.write(events.retry_failed, box.kernel.db.reactions)
    assert len(tried) == 20
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["reaction.given_up"]
    ((_, attempts, error),) = await box.kernel.db.read(failed)
    assert (attempts, error) == (20, "ValueError: a bug")


async def test_files_without_a_row_are_swept(make_box: MakeBox, fake_clock: FakeClock) -> None:
    """What a crash left between a file and its row goes after an hour; what a row knows stays."""
    box = await make_box(clock=fake_clock)
    person = await make_account(box, "Atelier", "Alice", "alice@example.com")
    files, now = box.kernel.files, fake_clock.now()

    def make(content: bytes, age: int) -> StoredFile:
        stored = files.save(person.account_id, [content], 1_000)
        os.utime(files.path(stored.name), ns=((now - age) * 1_000_000,) * 2)
        return stored

    kept, lost, fresh = make(b"kept", DAY), make(b"lost", HOUR + MINUTE), make(b"fresh", HOUR - MINUTE)
    await box.kernel.db.write(import_store.keep_file, person.account_id, kept, "people.csv")
    await asyncio.to_thread(box.jobs._every_hour)
    assert sorted(files.names()) == sorted([kept.name, fresh.name])
    assert not files.path(lost.name).exists()


async def test_both_are_on_the_clock(make_box: MakeBox) -> None:
    box = await make_box()
    tasks = {task.name: task for task in box.jobs._huey._registry.periodic_tasks}
    moment = datetime(2026, 1, 1, 12, 7)  # noqa: DTZ001  as huey asks
    due = [name for name, task in tasks.items() if task.validate_datetime(moment)]
    assert sorted(due) == ["_every_hour", "_every_minute"]
    assert [name for name, task in tasks.items() if task.validate_datetime(moment.replace(minute=8))] == ["_every_minute"]


async def test_an_import_that_a_stop_interrupted_goes_on(make_box: MakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box = await make_box()
    person = await make_account(box, "Atelier", "Alice", "alice@example.com")
    api = House(box).program(person)
    monkeypatch.setattr(box.jobs, "enqueue", lambda kind, row: None)  # the power fails before the job begins
    rows = "".join(f"+3363998{n:04d}\n" for n in range(300))
    started = await api.post("/api/v1/imports", files={"file": ("people.csv", f"phone\n{rows}")})
    assert (started.status_code, started.json()["status"]) == (202, "running")
    await api.aclose()
    await box.stop()
    again = House(await make_box())
    api = again.program(person)
    async with asyncio.timeout(20):
        while (found := (await api.get(f"/api/v1/imports/{started.json()['id']}")).json())["status"] == "running":
            await asyncio.sleep(0.02)
    assert (found["status"], found["imported"]) == ("finished", 300)
    await api.aclose()


async def test_a_job_that_breaks_stops_no_other(make_box: MakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box = await make_box()
    ran: list[int] = []

    def run(kernel: Any, row: int) -> None:
        ran.append(row)
        if row == 1:
            raise ValueError("a bug")

    monkeypatch.setitem(jobs.KINDS, "contacts.import", run)
    for row in (1, 2, 3):
        box.jobs.enqueue("contacts.import", row)
    async with asyncio.timeout(10):
        while len(ran) < 3:
            await asyncio.sleep(0.01)
    assert sorted(ran) == [1, 2, 3]
    await settle(box)
