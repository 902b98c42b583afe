"""Events reach receivers: signed, in order, again when it failed, and nobody waits for somebody else's slow server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.factories import until
from tests.webhooks.conftest import Happened, Post
from tests.webhooks.sink import Got, Reply, Sink
from wame_box.kernel import ids
from wame_box.kernel.clock import DAY, HOUR, SECOND
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import StorageFailed
from wame_box.kernel.events import Event
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import payloads, store
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.endpoints import change_endpoint
from wame_box.webhooks.models import DeliveryStatus, DisabledReason, EndpointChange, EndpointStatus
from wame_box.webhooks.outcomes import record
from wame_box.webhooks.schedule import LONGEST_PAUSE, PATIENCE, WAITS
from wame_box.webhooks.worker import FAILING_LANES, LANES

FAIL = Reply(500, body="out of order")


async def test_an_event_arrives_signed_and_is_noted(post: Post, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(7)
        got = await sink.next()
        await outcomes.stored()

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _clocked(post))
    payload = Webhook(endpoint.secret).verify(got.body, got.headers)
    [delivery] = await post.deliveries(endpoint)
    assert payload == {
        "id": ids.show("evt", delivery.event_id),
        "type": "message.received",
        "created_at": "2027-01-15T08:00:00.000Z",
        "account": ids.show("acc", post.alice.account_id),
        "session": None,
        "sequence": 1,
        "data": {"number": 7},
    }
    assert got.headers["webhook-id"] == payload["id"]
    assert got.headers["content-type"] == "application/json"
    assert (delivery.status, delivery.attempts, delivery.status_code) == (DeliveryStatus.DELIVERED, 1, 200)
    [attempt] = await post.kernel.db.read(store.attempts, delivery.id)
    assert (attempt.status_code, attempt.answer, attempt.created_at) == (200, "thanks", post.clock.now())
    assert (await post.row(endpoint)).last_code == 200


def _clocked(post: Post) -> type[datetime]:
    """`datetime` of the library under test, on the test's clock."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(post.clock.now() / 1000, tz)

    return Then


async def test_only_what_an_endpoint_asked_for(post: Post, sinks: Any) -> None:
    wanted, family, other = await sinks(), await sinks(), await sinks()
    await post.endpoint(wanted.url, "message.received")
    await post.endpoint(family.url, "message.*")
    unasked = await post.endpoint(other.url, "session.*")
    await post.emit(1)
    assert (await wanted.next()).number == 1
    assert (await family.next()).number == 1
    assert await post.deliveries(unasked) == []


async def test_another_account_hears_nothing(post: Post, sink: Sink) -> None:
    theirs = await post.endpoint(sink.url, caller=post.charlie)
    await post.emit(1)
    await post.emit(2, account_id=post.charlie.account_id)
    assert (await sink.next()).number == 2
    assert len(await post.deliveries(theirs)) == 1


async def test_nothing_is_queued_by_a_unit_that_is_rolled_back(post: Post, sink: Sink) -> None:
    endpoint = await post.endpoint(sink.url)

    def fail(tx: Tx) -> None:
        tx.emit(Happened(account_id=post.alice.account_id, number=1))
        raise RuntimeError("after all, no")

    with pytest.raises(RuntimeError):
        await post.kernel.db.write(fail)
    assert await post.deliveries(endpoint) == []


async def test_a_chat_arrives_in_order_and_chats_side_by_side(post: Post, sink: Sink) -> None:
    """Each answer is held back until the test lets it go, so what is in flight together is seen."""
    gate, flying, most = asyncio.Semaphore(0), set[int](), 0

    async def answer(got: Got) -> Reply:
        nonlocal most
        flying.add(got.number)
        most = max(most, len(flying))
        await gate.acquire()
        flying.discard(got.number)
        return Reply()

    sink.answer = answer
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        for number in range(5):
            for chat in range(4):
                await post.emit(chat * 100 + number, chat=f"chat:{chat}")
        first = await sink.take(4)
        assert {got.number for got in first} == {0, 100, 200, 300}  # one of each chat, and the second of none
        for _ in range(20):
            gate.release()
        await outcomes.stored(20)
    for chat in range(4):
        numbers = [got.number for got in sink.got if got.number // 100 == chat]
        assert numbers == [chat * 100 + number for number in range(5)]
    assert most == 4


async def test_after_a_failure_others_of_the_chat_overtake(post: Post, sink: Sink) -> None:
    sink.replies(FAIL, Reply())
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1, 2, 3)
        await outcomes.stored(3)
        assert [got.number for got in sink.got] == [1, 2, 3]
        post.clock.advance(5 * SECOND)
        await outcomes.stored()
    assert [got.number for got in sink.got] == [1, 2, 3, 1]
    assert sink.got[0].body == sink.got[3].body
    assert sink.got[0].headers["webhook-id"] == sink.got[3].headers["webhook-id"]
    assert int(sink.got[3].headers["webhook-timestamp"]) == int(sink.got[0].headers["webhook-timestamp"]) + 5
    assert {row.status for row in await post.deliveries(endpoint)} == {DeliveryStatus.DELIVERED}


async def test_retries_come_at_their_times_then_the_endpoint_is_switched_off(post: Post, sink: Sink, sinks: Any) -> None:
    watcher = await sinks()
    sink.replies(FAIL)
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        others = await post.endpoint(watcher.url, "endpoint.disabled")
        for number, wait in enumerate(WAITS):
            [delivery] = await post.deliveries(endpoint)
            assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, number + 1)
            assert delivery.next_at == post.clock.now() + wait
            post.clock.advance(wait - 1)
            assert len(sink.got) == number + 1
            post.clock.advance(1)
            await outcomes.stored()
            assert len(sink.got) == number + 2
    [delivery] = await post.deliveries(endpoint)
    assert (delivery.status, delivery.attempts, delivery.status_code) == (DeliveryStatus.FAILED, 10, 500)
    row = await post.row(endpoint)
    assert (row.status, row.reason) == (EndpointStatus.DISABLED, DisabledReason.FAILING)
    told = (await watcher.next()).payload
    assert (told["type"], told["data"]["endpoint"], told["data"]["reason"]) == (
        "endpoint.disabled",
        endpoint.public_id,
        "failing",
    )
    mails = await post.kernel.db.read(lambda sql: sql.rows("SELECT account_id, recipient, subject FROM mails"))
    assert [mail[:2] for mail in mails] == [(post.alice.account_id, "alice@example.com")]
    assert "127.0.0.1" in mails[0][2]
    assert (await post.row(others)).status is EndpointStatus.ENABLED
    assert sum(WAITS) < 3 * DAY


async def test_three_days_without_success_end_it_also_while_events_go_on(post: Post, sink: Sink) -> None:
    sink.replies(FAIL)
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        post.clock.advance(HOUR)  # the retry fails
        await outcomes.stored()
        sink.replies(Reply())
        await post.emit(2)  # works: what was before counts no more
        await outcomes.stored()
        assert (await post.row(endpoint)).failing_since is None
        sink.replies(FAIL)
        await post.emit(3)
        await outcomes.stored()
        assert (await post.row(endpoint)).failing_since == post.clock.now()
        post.clock.advance(3 * DAY)
        await outcomes.stored(1)
    assert (await post.row(endpoint)).reason is DisabledReason.FAILING


@pytest.mark.parametrize("asked", ["90", "date"])
async def test_retry_after_is_honoured(post: Post, sink: Sink, asked: str) -> None:
    moment = datetime.fromtimestamp(post.clock.now() / 1000 + 90, UTC)
    sink.replies(Reply(429, {"retry-after": format_datetime(moment, usegmt=True) if asked == "date" else asked}), Reply())
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        [delivery] = await post.deliveries(endpoint)
        assert delivery.next_at == post.clock.now() + 90 * SECOND
        post.clock.advance(90 * SECOND)
        await outcomes.stored()
    assert len(sink.got) == 2


async def test_who_asks_to_wait_gets_nothing_else_meanwhile(post: Post, sink: Sink) -> None:
    sink.replies(Reply(503, {"retry-after": "20"}), Reply())
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        await post.emit(2)
        post.clock.advance(19 * SECOND)
        assert len(sink.got) == 1
        post.clock.advance(1 * SECOND)
        await outcomes.stored(2)
    assert sorted(got.number for got in sink.got) == [1, 1, 2]


async def test_gone_switches_off_at_once_and_enabling_goes_on(post: Post, sink: Sink) -> None:
    sink.replies(Reply(410), Reply())
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1, 2)  # one chat: the second waits for the first
        await outcomes.stored()
        row = await post.row(endpoint)
        assert (row.status, row.reason) == (EndpointStatus.DISABLED, DisabledReason.GONE)
        await post.emit(3)
        statuses = [delivery.status for delivery in await post.deliveries(endpoint)]
        assert statuses == [DeliveryStatus.FAILED, DeliveryStatus.PENDING]  # and nothing new is queued
        await change_endpoint(post.kernel, post.deliverer, post.alice, endpoint.id, EndpointChange(enabled=True))
        await post.emit(4)
        await outcomes.stored(2)
    assert [got.number for got in sink.got] == [1, 2, 4]
    assert (await post.row(endpoint)).status is EndpointStatus.ENABLED


async def test_a_redirect_is_a_failure_and_not_followed(post: Post, sink: Sink, sinks: Any) -> None:
    elsewhere = await sinks()
    sink.replies(Reply(302, {"location": elsewhere.url}))
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
    [delivery] = await post.deliveries(endpoint)
    assert (delivery.status, delivery.status_code, delivery.error) == (DeliveryStatus.PENDING, 302, "redirected")
    assert elsewhere.got == []


async def test_a_server_that_is_not_there(post: Post, sink: Sink) -> None:
    endpoint = await post.endpoint("http://127.0.0.1:9/")
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
    [delivery] = await post.deliveries(endpoint)
    assert (delivery.status, delivery.status_code, delivery.error) == (DeliveryStatus.PENDING, None, "connect")


async def test_a_slow_endpoint_holds_up_nobody_else(post: Post, sinks: Any) -> None:
    slow, quick = await sinks(), await sinks()

    async def never(_: Got) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    slow.answer = never
    await post.endpoint(slow.url)
    endpoint = await post.endpoint(quick.url)
    with post.outcomes(endpoint) as outcomes:
        for number in range(50):
            await post.emit(number, chat=f"chat:{number}")
        await outcomes.stored(50)
    assert len(slow.got) == 8
    assert len(quick.got) == 50


async def test_slow_endpoints_give_their_places_to_the_others(
    kernel: Kernel, post: Post, sinks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One endpoint hangs and holds every place there is, until it turns out to be slow."""
    await post.deliverer.stop()
    monkeypatch.setattr("wame_box.webhooks.deliver.SLOTS", LANES)
    monkeypatch.setattr("wame_box.webhooks.worker.SLOW", 20)
    slow, quick = await sinks(), await sinks()

    async def never(_: Got) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    slow.answer = never
    await post.endpoint(slow.url, "message.received")
    few = Deliverer(kernel)
    kernel.db.reactions.core[Event] = [few.enqueue]
    await few.start()
    for number in range(LANES):
        await post.emit(number, chat=f"chat:{number}")
    await slow.take(LANES)
    endpoint = await post.endpoint(quick.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
    assert len(quick.got) == 1
    await few.stop()


async def test_outcomes_wait_for_a_disk_that_is_full(
    kernel: Kernel, post: Post, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await post.endpoint(sink.url)
    write, failed = kernel.db.write, asyncio.Event()

    async def full(fn: Any, *args: Any, **more: Any) -> Any:
        if fn is record and not failed.is_set():
            failed.set()
            raise StorageFailed(True, "database or disk is full")
        return await write(fn, *args, **more)

    monkeypatch.setattr(kernel.db, "write", full)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await failed.wait()
        assert [one.status for one in await post.deliveries(endpoint)] == [DeliveryStatus.PENDING]
        await until(lambda: post.clock.next_wake() is not None)
        post.clock.advance(SECOND)
        await outcomes.stored()
    assert [one.status for one in await post.deliveries(endpoint)] == [DeliveryStatus.DELIVERED]
    assert len(sink.got) == 1


async def test_a_restart_goes_on_with_what_was_pending(post: Post, sink: Sink) -> None:
    release = asyncio.Event()

    async def hang(_: Got) -> Reply:
        await release.wait()
        return Reply()

    sink.answer = hang
    endpoint = await post.endpoint(sink.url)
    await post.emit(1, 2)
    first = await sink.next()
    for worker in post.deliverer._workers.values():  # as a kill would end it: no outcome is stored
        await worker.stop(0)
    await post.deliverer.stop()
    sink.replies(Reply())
    again = Deliverer(post.kernel)
    with post.outcomes(endpoint) as outcomes:
        await again.start()
        await outcomes.stored(2)
    await again.stop()
    release.set()
    assert [got.number for got in sink.got] == [1, 1, 2]
    assert sink.got[1].body == first.body
    assert sink.got[1].headers["webhook-id"] == first.headers["webhook-id"]


async def test_a_dead_endpoint_is_asked_ever_more_slowly(post: Post, sink: Sink) -> None:
    sink.replies(FAIL)
    endpoint = await post.endpoint(sink.url)
    for number in range(40):
        await post.emit(number, chat=f"chat:{number}")
    worker = post.deliverer._workers[endpoint.id]
    await until(lambda: worker._holding and not worker._flights)
    before = len(sink.got)
    assert PATIENCE <= before <= PATIENCE + LANES
    post.clock.advance(LONGEST_PAUSE)
    await until(lambda: len(sink.got) > before and worker._holding and not worker._flights)
    assert len(sink.got) <= before + FAILING_LANES + 2  # two retries are due as well


async def test_too_long_a_backlog_loses_its_oldest(kernel: Any, post: Post, sink: Sink) -> None:
    await post.deliverer.stop()
    endpoint = await post.endpoint(sink.url)
    for start in range(0, 1200, 100):
        await post.emit(*range(start, start + 100))
    small = Deliverer(kernel, most_pending=1000)
    with post.outcomes(endpoint) as outcomes:
        await small.start()
        await outcomes.stored(1)
    await small.stop()
    rows = await kernel.db.read(lambda sql: sql.rows("SELECT status, count(*), min(id), max(id) FROM deliveries GROUP BY status"))
    counts = {status: count for status, count, _, _ in rows}
    assert counts["dropped"] == 200
    assert sink.got[0].number == 200
    assert sum(counts.values()) == 1200


async def test_a_request_that_can_not_be_built_is_a_failed_attempt(
    post: Post, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not stay pending until a restart."""
    endpoint = await post.endpoint(sink.url)

    def broken(*_: Any) -> Any:
        raise ValueError("a bug")

    monkeypatch.setattr(payloads, "headers", broken)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
    [delivery] = await post.deliveries(endpoint)
    assert (delivery.status, delivery.attempts, delivery.error) == (DeliveryStatus.PENDING, 1, "internal")
    assert delivery.next_at > post.clock.now()
