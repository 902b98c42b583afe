"""The dispatcher against an engine that plays a script: acks, refusals, silence, lost connections, kills, a full disk."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import LOOPBACK, NOON, House
from tests.factories import until
from tests.messaging.engine import BUG, CAPABILITIES, HOLD, OK, SILENCE, Wire
from tests.messaging.post import DIANE, ELENA, FARAH, Post, open_post, scripted
from tests.simulate import settle
from wame_box.app import Box
from wame_box.kernel import ids
from wame_box.kernel.clock import SECOND, FakeClock
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import EngineError, StorageFailed
from wame_box.kernel.paths import DataFolder
from wame_box.messaging import receipts, store
from wame_box.messaging.dispatch import ATTEMPTS, BACKOFF
from wame_box.sessions.engine import Connected, ReceiptStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSY = EngineError("busy", permanent=False)


@contextmanager
def capable(wire: Wire, **changes: Any) -> Iterator[None]:
    """Engines that are made meanwhile can do other things."""
    before = wire.capabilities
    wire.capabilities = dataclasses.replace(CAPABILITIES, **changes)
    yield
    wire.capabilities = before


@pytest_asyncio.fixture(loop_scope="module")
async def cloudy(post_house: Any) -> AsyncIterator[Post]:
    """A session whose engine does not let the box choose WhatsApp's ids, and is given up after 30 ms."""
    with capable(post_house[2], own_ids=False, send_timeout=30):
        yield await open_post(*post_house)


# -- answers -----------------------------------------------------------------------------------------------------------


async def test_what_the_server_takes_is_sent(post: Post) -> None:
    number = await post.send(reference="order 7")
    await post.rest()
    row = await post.row(number)
    assert (row.status, row.attempts, row.sent_at, row.error) == ("sent", 1, post.clock.now(), None)
    (attempt,) = post.wire.attempts
    assert (attempt.wa_id, attempt.address, attempt.reference) == (row.wa_id, DIANE, "order 7")
    assert attempt.content == {"body": "Hello"}
    assert row.wa_id is not None and row.wa_id.startswith("3EB0") and len(row.wa_id) == 22
    assert await post.told(number) == ["message.sent"]


async def test_a_refusal_for_good(post: Post) -> None:
    post.wire.script[DIANE] = [EngineError("not_on_whatsapp", permanent=True)]
    number = await post.send()
    await post.play(3_600 * SECOND)
    row = await post.row(number)
    assert (row.status, row.error, row.failed_at is not None, row.sent_at) == ("failed", "not_on_whatsapp", True, None)
    assert len(post.wire.attempts) == 1
    assert await post.told(number) == ["message.failed"]
    ((_, data),) = await post.events()
    assert '"error":"not_on_whatsapp"' in data
    view = (await post.api.get(f"/api/v1/messages/{ids.show('msg', number)}")).json()
    assert (view["status"], view["error"]) == ("failed", "not_on_whatsapp")


async def test_a_refusal_counts_in_its_batch(post: Post) -> None:
    post.wire.script[DIANE] = [EngineError("server_refused", permanent=True)]
    number = await post.batch(DIANE, ELENA)
    await post.rest()
    batch = await post.row_of_batch(number)
    assert (batch.total, batch.sent, batch.failed, batch.status) == (2, 1, 1, "finished")


async def test_a_passing_error_is_tried_again_under_the_same_id(post: Post) -> None:
    post.wire.script[DIANE] = [BUSY, BUSY, OK]
    number = await post.send()
    await post.rest()
    assert (len(post.wire.attempts), await post.status(number)) == (1, "sending")
    await post.play(BACKOFF[0] - 1)
    assert len(post.wire.attempts) == 1
    await post.play(1)
    assert len(post.wire.attempts) == 2
    await post.play(BACKOFF[1] - 1)
    assert len(post.wire.attempts) == 2
    await post.play(1)
    row = await post.row(number)
    assert (row.status, row.attempts) == ("sent", 3)
    assert {message.wa_id for message in post.wire.attempts} == {row.wa_id}
    assert await post.told(number) == ["message.sent"]


async def test_whatsapp_says_when_to_try_again(post: Post) -> None:
    post.wire.script[DIANE] = [EngineError("busy", permanent=False, retry_after=123_000)]
    number = await post.send()
    await post.play(122_999)
    assert len(post.wire.attempts) == 1
    await post.play(1)
    assert await post.status(number) == "sent"


async def test_trying_has_an_end(post: Post) -> None:
    post.wire.script[DIANE] = [BUSY] * 20
    number = await post.send()
    await post.play(sum(BACKOFF) - 1)
    assert (len(post.wire.attempts), await post.status(number)) == (ATTEMPTS - 1, "sending")
    await post.play(1)
    row = await post.row(number)
    assert (row.status, row.error, row.attempts) == ("failed", "busy", ATTEMPTS)
    assert len(post.wire.attempts) == ATTEMPTS
    assert await post.told(number) == ["message.failed"]


async def test_a_bug_in_the_engine_stops_only_its_message(post: Post) -> None:
    post.wire.script[DIANE] = [BUG]
    first, second = await post.send(DIANE), await post.send(ELENA)
    await post.rest()
    assert (await post.status(first), await post.status(second)) == ("sending", "sent")
    await post.play(BACKOFF[0])
    assert await post.status(first) == "sent"


async def test_silence_is_given_up_and_tried_again(post_house: Any) -> None:
    with capable(post_house[2], send_timeout=30):
        post = await open_post(*post_house)
    post.wire.script[DIANE] = [SILENCE, OK]
    number = await post.send()
    await until(lambda: post.wire.in_flight == 0 and post.wire.attempts)
    await post.play(BACKOFF[0])
    row = await post.row(number)
    assert (row.status, row.attempts) == ("sent", 2)
    assert {message.wa_id for message in post.wire.attempts} == {row.wa_id}


# -- engines that choose the ids themselves ----------------------------------------------------------------------------


async def test_an_id_of_whatsapps_own_is_noted(cloudy: Post) -> None:
    number = await cloudy.send()
    await cloudy.rest()
    row = await cloudy.row(number)
    assert cloudy.wire.attempts[0].wa_id == ""
    assert row.status == "sent"
    assert row.wa_id is not None and row.wa_id.startswith("wamid.")
    assert row.wa_id in (await cloudy.events("message.sent"))[0][1]
    await cloudy.receipt(row.wa_id, ReceiptStatus.READ)
    assert await cloudy.status(number) == "read"


@pytest.mark.parametrize("step", [SILENCE, BUG])
async def test_in_doubt_it_is_unknown_and_never_sent_again(cloudy: Post, step: str) -> None:
    cloudy.wire.script[DIANE] = [step]
    number = await cloudy.send()
    await until(lambda: cloudy.wire.in_flight == 0 and cloudy.wire.attempts)
    await cloudy.play(3_600 * SECOND)
    assert (await cloudy.status(number), len(cloudy.wire.attempts)) == ("unknown", 1)
    await cloudy.off()
    await cloudy.say(Connected())
    await cloudy.send(ELENA)
    await cloudy.play(3_600 * SECOND)
    assert cloudy.wire.addresses() == [DIANE, ELENA]
    assert await cloudy.told(number) == []


async def test_without_doubt_it_is_tried_again(cloudy: Post) -> None:
    cloudy.wire.script[DIANE] = [BUSY]
    number = await cloudy.send()
    await cloudy.play(BACKOFF[0])
    assert (await cloudy.status(number), len(cloudy.wire.attempts)) == ("sent", 2)


# -- lost connections --------------------------------------------------------------------------------------------------


async def test_a_connection_lost_in_the_middle(post: Post) -> None:
    post.wire.script[DIANE] = [HOLD]
    number = await post.send()
    await post.rest()
    await post.off()
    later = await post.send(ELENA)
    await post.play(600 * SECOND)
    assert (await post.status(number), await post.status(later)) == ("sending", "queued")
    assert post.wire.addresses() == [DIANE]
    await post.say(Connected())
    await post.play(2 * SECOND)
    assert (await post.status(number), await post.status(later)) == ("sent", "sent")
    assert sorted(post.wire.addresses()) == [DIANE, DIANE, ELENA]
    assert len({message.wa_id for message in post.wire.to(DIANE)}) == 1


async def test_what_was_accepted_while_away_goes_out_on_return(post: Post) -> None:
    await post.off()
    numbers = [await post.send(address) for address in (DIANE, ELENA, FARAH)]
    await post.play(60 * SECOND)
    assert post.wire.attempts == []
    await post.say(Connected())
    assert [await post.status(number) for number in numbers] == ["sent"] * 3


# -- room --------------------------------------------------------------------------------------------------------------


async def test_never_more_in_flight_than_the_engine_takes(post: Post) -> None:
    post.wire.otherwise = HOLD
    people = [f"+33639982{n:03d}" for n in range(30)]
    number = await post.batch(*people)
    await post.rest()
    most = post.wire.capabilities.max_in_flight
    assert post.wire.in_flight == most
    while post.wire.held:
        for address in list(post.wire.held)[:2]:
            post.wire.release(address)
        await post.rest()
    assert post.wire.most_in_flight == most
    assert sorted(post.wire.addresses()) == people
    assert (await post.row_of_batch(number)).status == "finished"


async def test_messages_to_one_session_do_not_wait_for_another(post: Post) -> None:
    other = await post.session_named("Second")
    post.wire.script[DIANE] = [HOLD] * 4
    for _ in range(5):
        await post.send(DIANE)
    free = await post.send(ELENA, session=other)
    await post.rest()
    assert await post.status(free) == "sent"
    post.wire.release(DIANE)
    await post.rest()


# -- the disk ----------------------------------------------------------------------------------------------------------


async def test_an_ack_that_the_disk_refused_is_stored_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    write, refusals = Database.write, 2

    async def full(db: Database, fn: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal refusals
        if fn is receipts.record_sent and refusals:
            refusals -= 1
            raise StorageFailed(True, "database or disk is full")
        return await write(db, fn, *args, **kwargs)

    monkeypatch.setattr(Database, "write", full)
    number = await post.send()
    await post.rest()
    assert await post.status(number) == "sending"
    await post.play(10 * SECOND)
    assert (await post.status(number), len(post.wire.attempts)) == ("sent", 1)
    assert await post.told(number) == ["message.sent"]


@pytest.mark.parametrize("error", [StorageFailed(True, "full"), ValueError("a bug")])
async def test_a_claim_that_failed_is_made_again(post: Post, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    write, refusals = Database.write, 1

    async def broken(db: Database, fn: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal refusals
        if fn.__name__ == "claim" and refusals:
            refusals -= 1
            raise error
        return await write(db, fn, *args, **kwargs)

    monkeypatch.setattr(Database, "write", broken)
    number = await post.send()
    await post.rest()
    assert await post.status(number) == "queued"
    await post.play(5 * SECOND)
    assert await post.status(number) == "sent"


# -- the end and the next beginning ------------------------------------------------------------------------------------


class Life:
    """One box on one folder, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = DataFolder(folder / "life")
        self.clock = FakeClock(NOON)
        self.wire = Wire(self.clock)
        self.key = bytes(32)

    async def begin(self) -> Box:
        box = scripted(self.wire)(LOOPBACK, self.folder, self.key, self.clock)
        await box.start()
        await settle(box)
        return box


async def test_a_stop_lets_what_is_in_flight_finish(tmp_path: Path) -> None:
    life = Life(tmp_path)
    box = await life.begin()
    post = await open_post_on(box, life)
    life.wire.script = {DIANE: [HOLD], ELENA: [BUSY]}
    first, second = await post.send(DIANE), await post.send(ELENA)
    await post.rest()

    async def answer_soon() -> None:
        await until(lambda: box.dispatcher._stopping)
        life.wire.release(DIANE)

    answering = asyncio.create_task(answer_soon())
    await box.stop()
    await answering
    again = await life.begin()
    try:
        one, two = [await again.kernel.db.read(store.message_of_session, post.session.id, number) for number in (first, second)]
        assert one is not None and two is not None
        assert (one.status, len(life.wire.to(DIANE))) == ("sent", 1)
        # It waited for its second attempt: the next start makes it.
        assert (two.status, len(life.wire.to(ELENA))) == ("sent", 2)
        assert len({message.wa_id for message in life.wire.to(ELENA)}) == 1
    finally:
        await again.stop()


async def open_post_on(box: Box, life: Life) -> Post:
    return await open_post(House(box), life.clock, life.wire)


@pytest.mark.parametrize("own_ids", [True, False])
async def test_after_a_kill_what_was_in_flight(tmp_path: Path, own_ids: bool) -> None:
    """Rows in `sending` that nobody works on, as a kill leaves them: sent again under the same id, or unknown."""
    life = Life(tmp_path)
    life.wire.capabilities = dataclasses.replace(CAPABILITIES, own_ids=own_ids)
    box = await life.begin()
    post = await open_post_on(box, life)
    await post.off()
    killed = [await post.send(address) for address in (DIANE, ELENA)]
    waiting = await post.send(FARAH)

    def claim(tx: Tx) -> None:
        for number in killed:
            store.mark_claimed(tx, number, f"3EB0{number}" if own_ids else None)

    await box.kernel.db.write(claim)
    await box.stop()
    again = await life.begin()
    try:
        rows = {n: await again.kernel.db.read(store.message_of_session, post.session.id, n) for n in [*killed, waiting]}
        states = [row.status.value for row in rows.values() if row is not None]
        if own_ids:
            assert states == ["sent"] * 3
            assert [message.wa_id for message in life.wire.attempts[:2]] == [f"3EB0{number}" for number in killed]
            assert [row.attempts for row in rows.values() if row is not None] == [2, 2, 1]
        else:
            assert states == ["unknown", "unknown", "sent"]
            assert life.wire.addresses() == [FARAH]
    finally:
        await again.stop()
