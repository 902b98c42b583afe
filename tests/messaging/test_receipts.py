"""What becomes of messages: forward only, each step counted and told once, whatever comes in whatever order."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.messaging.engine import CAPABILITIES, HOLD
from tests.messaging.post import DIANE, ELENA, Post, open_post
from wame_box.kernel.clock import DAY, HOUR
from wame_box.kernel.db import Sql
from wame_box.messaging.models import Message
from wame_box.sessions.engine import Receipt, ReceiptStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

D, R, P, F = ReceiptStatus.DELIVERED, ReceiptStatus.READ, ReceiptStatus.PLAYED, ReceiptStatus.FAILED
STEPS = ["message.sent", "message.delivered", "message.read"]


async def sent(post: Post, address: str = DIANE) -> tuple[int, str]:
    """A message of a batch of its own that the server took: its number and WhatsApp's id."""
    batch = await post.batch(address)
    await post.rest()
    (row,) = await post.of_batch(batch)
    assert row.wa_id is not None
    return row.id, row.wa_id


async def counts(post: Post, number: int) -> tuple[int, int, int, int]:
    """(sent, delivered, read, failed) of its batch."""
    batch = await post.row_of_batch((await post.row(number)).batch_id)
    return batch.sent, batch.delivered, batch.read, batch.failed


async def test_step_by_step(post: Post) -> None:
    number, wa_id = await sent(post)
    times = []
    for status in (D, R, P):
        await post.play(1_000)
        times.append(post.clock.now())
        await post.receipt(wa_id, status)
    row = await post.row(number)
    assert row.status == "played"
    assert [row.delivered_at, row.read_at, row.played_at] == times
    assert await post.told(number) == STEPS
    assert await counts(post, number) == (1, 1, 1, 0)


async def test_skipped_steps_are_counted_and_told(post: Post) -> None:
    number, wa_id = await sent(post)
    await post.receipt(wa_id, R)
    row = await post.row(number)
    assert (row.status, row.delivered_at, row.read_at) == ("read", post.clock.now(), post.clock.now())
    assert await post.told(number) == STEPS
    await post.receipt(wa_id, D)
    await post.receipt(wa_id, R)
    assert await post.status(number) == "read"
    assert await post.told(number) == STEPS
    assert await counts(post, number) == (1, 1, 1, 0)


async def test_a_receipt_before_the_ack(post: Post) -> None:
    post.wire.script[DIANE] = [HOLD]
    batch = await post.batch(DIANE)
    await post.rest()
    (row,) = await post.of_batch(batch)
    await post.receipt(row.wa_id, D)
    assert await post.status(row.id) == "delivered"
    post.wire.release(DIANE)
    await post.rest()
    assert await post.status(row.id) == "delivered"
    assert await post.told(row.id) == STEPS[:2]
    assert (await post.row_of_batch(batch)).status == "finished"


async def test_a_receipt_for_many(post: Post) -> None:
    pairs = [await sent(post, address) for address in (DIANE, ELENA)]
    await post.say(Receipt(tuple(wa_id for _, wa_id in pairs), R, post.clock.now()))
    assert [await post.status(number) for number, _ in pairs] == ["read", "read"]


async def test_a_failure_after_the_ack(post: Post) -> None:
    number, wa_id = await sent(post)
    await post.receipt(wa_id, F, "undeliverable")
    await post.receipt(wa_id, F, "undeliverable")
    row = await post.row(number)
    assert (row.status, row.error, row.failed_at) == ("failed", "undeliverable", post.clock.now())
    assert await post.told(number) == ["message.sent", "message.failed"]
    assert await counts(post, number) == (0, 0, 0, 1)


async def test_a_delivery_overrides_a_failure(post: Post) -> None:
    number, wa_id = await sent(post)
    sent_at = (await post.row(number)).sent_at
    await post.play(1_000)
    await post.receipt(wa_id, F, "undeliverable")
    await post.receipt(wa_id, D)
    row = await post.row(number)
    assert (row.status, row.error, row.failed_at, row.sent_at) == ("delivered", None, None, sent_at)
    assert await post.told(number) == ["message.sent", "message.failed", "message.delivered"]
    assert await counts(post, number) == (1, 1, 0, 0)
    await post.receipt(wa_id, F, "undeliverable")
    assert await post.status(number) == "delivered"


async def test_any_order_ends_the_same(post: Post) -> None:
    """Every order of ack, receipts and copies of them: counters fit, nothing is told twice, the batch finishes once."""
    orders = list(itertools.permutations([D, R, D, R, F]))
    random.Random(7).shuffle(orders)
    for index, order in enumerate(orders[:25]):
        address = f"+336399830{index:02d}"
        post.wire.script[address] = [HOLD]
        batch = await post.batch(address)
        await post.rest()
        (row,) = await post.of_batch(batch)
        for place, status in enumerate(order):
            if place == index % 5:
                post.wire.release(address)
            await post.receipt(row.wa_id, status, "undeliverable" if status is F else None)
        assert await post.status(row.id) == "read"
        assert await counts(post, row.id) == (1, 1, 1, 0)
        told = await post.told(row.id)
        assert [kind for kind in told if kind != "message.failed"] == STEPS
        assert told.count("message.failed") <= 1
    finished = [kind for kind, _ in await post.events("batch%")]
    assert finished == []  # for the house only


async def test_the_contacts_activity_has_each_step_once(post: Post) -> None:
    await post.api.post("/api/v1/contacts", json={"address": DIANE})
    number = await post.send()
    await post.rest()
    wa_id = (await post.row(number)).wa_id
    for status in (F, D, R, R):
        await post.receipt(wa_id, status, "undeliverable" if status is F else None)

    def kinds(sql: Sql) -> list[str]:
        return sql.values("SELECT kind FROM contact_activity WHERE message_id = ? ORDER BY id", number)

    assert await post.read(kinds) == ["sent", "delivered", "read"]


# -- ids that WhatsApp chooses -----------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def cloudy(post_house: Any) -> AsyncIterator[Post]:
    wire = post_house[2]
    wire.capabilities = dataclasses.replace(CAPABILITIES, own_ids=False)
    yield await open_post(*post_house)
    wire.capabilities = CAPABILITIES


def parked(sql: Sql) -> list[tuple[str, str, int]]:
    return [(row[0], row[1], row[2]) for row in sql.rows("SELECT wa_id, status, at FROM parked_receipts ORDER BY id")]


async def test_a_parked_receipt_is_matched_by_the_ack(cloudy: Post) -> None:
    """A status for an id that nobody knows yet waits for the answer that names it."""
    cloudy.wire.script[DIANE] = [HOLD]
    batch = await cloudy.batch(DIANE)
    await cloudy.rest()
    expected = f"wamid.{cloudy.wire.numbered + 1}"
    early = cloudy.clock.now()
    await cloudy.receipt(expected, D)
    await cloudy.receipt(expected, R)
    assert await cloudy.read(parked) == [(expected, "delivered", early), (expected, "read", early)]
    (row,) = await cloudy.of_batch(batch)
    assert (row.status, row.wa_id) == ("sending", None)
    await cloudy.play(1_000)
    cloudy.wire.release(DIANE)
    await cloudy.rest()
    row = await cloudy.row(row.id)
    assert (row.status, row.wa_id, row.delivered_at) == ("read", expected, early)
    assert await cloudy.told(row.id) == STEPS
    assert all(json.loads(data)["whatsapp_id"] == expected for _, data in await cloudy.events())
    assert await cloudy.read(parked) == []
    assert (await cloudy.row_of_batch(batch)).status == "finished"


async def test_a_parked_failure_is_matched_too(cloudy: Post) -> None:
    cloudy.wire.script[DIANE] = [HOLD]
    number = await cloudy.send()
    await cloudy.rest()
    await cloudy.receipt(f"wamid.{cloudy.wire.numbered + 1}", F, "undeliverable")
    cloudy.wire.release(DIANE)
    await cloudy.rest()
    row: Message = await cloudy.row(number)
    assert (row.status, row.error) == ("failed", "undeliverable")


async def test_receipts_of_another_session_are_not_taken(cloudy: Post) -> None:
    other = await cloudy.session_named("Second")
    number = await cloudy.send()
    await cloudy.rest()
    wa_id = (await cloudy.row(number)).wa_id
    assert wa_id is not None
    await cloudy.wire.engines[other.id].say(Receipt((wa_id,), R, cloudy.clock.now()))
    await cloudy.rest()
    assert await cloudy.status(number) == "sent"


async def test_what_nobody_claims_is_forgotten_after_a_week(cloudy: Post) -> None:
    await cloudy.receipt("wamid.stray", D)
    jobs = cloudy.box.jobs
    await asyncio.to_thread(jobs._every_hour)
    assert "wamid.stray" in str(await cloudy.read(parked))
    cloudy.clock.advance(7 * DAY + HOUR)
    await cloudy.rest()
    await asyncio.to_thread(jobs._every_hour)
    assert "wamid.stray" not in str(await cloudy.read(parked))
