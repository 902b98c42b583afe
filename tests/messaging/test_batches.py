"""Batches: counters that always fit, one end, and guarded pauses, resumes and stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LOOPBACK, NOON, House
from tests.messaging.engine import HOLD, Wire
from tests.messaging.post import DIANE, ELENA, FARAH, Post, open_post, scripted
from tests.simulate import settle
from wame_box.app import Box
from wame_box.kernel.clock import SECOND, FakeClock
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import EngineError, Refused
from wame_box.kernel.paths import DataFolder
from wame_box.messaging import batch_store, batches
from wame_box.messaging.batches import Recipient
from wame_box.messaging.models import BatchFinished
from wame_box.sessions.engine import Connected, MessageKind, ReceiptStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = [f"+3363998{n:04d}" for n in range(2000, 2012)]


async def do(post: Post, action: Any, batch: int, *more: Any) -> Any:
    return await post.box.kernel.db.write(action, post.owner.account_id, batch, *more)


async def test_nobody_is_in_a_batch_twice(post: Post) -> None:
    await post.off()
    batch = await post.batch(DIANE, ELENA, DIANE, complete=False)

    def add(tx: Tx, *recipients: Recipient) -> int:
        row = batch_store.batch(tx, post.owner.account_id, batch)
        assert row is not None
        return batches.add(tx, row, MessageKind.TEXT, recipients, post.box.dispatcher.wake)

    assert (await post.row_of_batch(batch)).total == 2
    assert await post.box.kernel.db.write(add, Recipient(None, ELENA, "{}"), Recipient(7, FARAH, "{}")) == 1
    assert await post.box.kernel.db.write(add, Recipient(7, "+33639980077", "{}")) == 0
    assert (await post.row_of_batch(batch)).total == 3


async def test_it_finishes_once_and_not_before_it_is_full(post: Post) -> None:
    finished: list[int] = []
    core = post.box.kernel.db.reactions.core

    def note(tx: Tx, event: BatchFinished, event_id: int) -> None:
        finished.append(event.batch_id)

    core[BatchFinished].append(note)
    try:
        batch = await post.batch(*PEOPLE, complete=False)
        await post.rest()
        row = await post.row_of_batch(batch)
        assert (row.sent, row.total, row.status, finished) == (12, 12, "running", [])

        def fill(tx: Tx) -> None:
            batches.complete(tx, row)

        await post.box.kernel.db.write(fill)
        assert (await post.row_of_batch(batch)).status == "finished"
        for message in await post.of_batch(batch):
            await post.receipt(message.wa_id, ReceiptStatus.FAILED, "undeliverable")
            await post.receipt(message.wa_id, ReceiptStatus.READ)
        assert finished == [batch]
        empty = await post.batch()
        assert finished == [batch, empty]
    finally:
        core[BatchFinished].remove(note)


async def test_counters_fit_at_every_step(post: Post) -> None:
    """Some fail, some opt out, some are sent, one step after the other; `row_of_batch` checks the sums."""
    await post.pace(gap_min_ms=1_000, gap_max_ms=1_000)
    for address in PEOPLE[::3]:
        post.wire.script[address] = [EngineError("not_on_whatsapp", permanent=True)]
    batch = await post.batch(*PEOPLE)
    for step in range(14):
        await post.play(SECOND)
        if step == 4:
            await post.hear("STOP", PEOPLE[10])
        await post.row_of_batch(batch)
    row = await post.row_of_batch(batch)
    assert (row.status, row.sent, row.failed, row.cancelled, row.waiting) == ("finished", 7, 4, 1, 0)


async def test_pause_and_resume(post: Post) -> None:
    post.wire.otherwise = HOLD
    batch = await post.batch(*PEOPLE)
    await post.rest()
    await do(post, batches.pause, batch)
    post.wire.otherwise = "ok"
    for address in PEOPLE:
        post.wire.release(address)
    await post.rest()
    row = await post.row_of_batch(batch)
    assert (row.status, row.sent, len(post.wire.attempts)) == ("paused", 4, 4)  # what was in flight went out
    with pytest.raises(Refused, match="state_changed"):
        await do(post, batches.pause, batch)
    await do(post, batches.resume, batch, post.box.dispatcher.wake)
    await post.rest()
    assert (await post.row_of_batch(batch)).status == "finished"
    for action in (batches.pause, batches.stop):
        with pytest.raises(Refused, match="state_changed"):
            await do(post, action, batch)
    with pytest.raises(Refused, match="state_changed"):
        await do(post, batches.resume, batch, post.box.dispatcher.wake)


async def test_a_paused_batch_whose_last_message_went_out_finishes_on_resume(post: Post) -> None:
    post.wire.otherwise = HOLD
    batch = await post.batch(DIANE)
    await post.rest()
    await do(post, batches.pause, batch)
    post.wire.release(DIANE)
    await post.rest()
    assert (await post.row_of_batch(batch)).status == "paused"
    await do(post, batches.resume, batch, post.box.dispatcher.wake)
    assert (await post.row_of_batch(batch)).status == "finished"


async def test_stop_cancels_the_rest(post: Post) -> None:
    post.wire.otherwise = HOLD
    batch = await post.batch(*PEOPLE)
    await post.rest()
    await do(post, batches.stop, batch)
    post.box.dispatcher.cancel_rest(batch)
    await post.rest()
    row = await post.row_of_batch(batch)
    assert (row.status, row.cancelled, row.sent) == ("stopped", 8, 0)
    for address in PEOPLE:
        post.wire.release(address)
    await post.rest()
    row = await post.row_of_batch(batch)
    assert (row.status, row.cancelled, row.sent, row.waiting) == ("stopped", 8, 4, 0)
    assert {message.error for message in await post.of_batch(batch) if message.status == "cancelled"} == {"batch_stopped"}


async def test_another_account_can_not_touch_it(post: Post, post_house: Any) -> None:
    await post.off()
    batch = await post.batch(DIANE)
    other = await open_post(*post_house)
    for action in (batches.pause, batches.stop):
        with pytest.raises(Refused, match="state_changed"):
            await do(other, action, batch)
    assert (await post.row_of_batch(batch)).status == "running"


async def test_a_stop_that_a_kill_cut_short_goes_on_at_the_next_start(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    wire = Wire(clock)
    folder = DataFolder(tmp_path / "box")

    async def begin() -> Box:
        box = scripted(wire)(LOOPBACK, folder, bytes(32), clock)
        await box.start()
        await settle(box)
        return box

    box = await begin()
    post = await open_post(House(box), clock, wire)
    await post.off()
    batch = await post.batch(*PEOPLE)
    await do(post, batches.stop, batch)  # and here the power fails, before anything is cancelled
    await box.stop()
    post.house.box = again = await begin()
    try:
        await post.rest()
        row = await post.row_of_batch(batch)
        assert (row.status, row.cancelled, row.waiting) == ("stopped", 12, 0)
        await post.say(Connected())
        assert wire.attempts == []
    finally:
        await again.stop()
