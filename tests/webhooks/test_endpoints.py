"""Endpoints: what is accepted, what changes do, the test button, sending again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.webhooks.conftest import Happened, Post
from tests.webhooks.sink import Got, Reply, Sink
from wame_box.kernel.clock import SECOND
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused
from wame_box.webhooks import catalogue, deliveries, endpoints, store
from wame_box.webhooks.models import DeliveryStatus, DisabledReason, EndpointChange, EndpointStatus, NewEndpoint
from wame_box.webhooks.trial import send_test


@pytest.mark.parametrize(
    ("wish", "field", "code"),
    [
        (NewEndpoint(""), "url", "required"),
        (NewEndpoint("ftp://example.com/"), "url", "url_scheme"),
        (NewEndpoint("http://10.0.0.3/hook"), "url", "url_private"),
        (NewEndpoint("http://169.254.169.254/latest"), "url", "url_private"),
        (NewEndpoint("https://me:secret@example.com/"), "url", "url_credentials"),
        (NewEndpoint("https://example.com/", types=[]), "types", "event_types_needed"),
        (NewEndpoint("https://example.com/", types=["message.*", "message.burned"]), "types", "event_type_unknown"),
        (NewEndpoint("https://example.com/", "x" * 101), "name", "too_long"),
    ],
)
async def test_what_is_refused(post: Post, wish: NewEndpoint, field: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        await endpoints.create_endpoint(post.kernel, post.alice, wish)
    assert [(error.field, error.code) for error in refused.value.fields] == [(field, code)]
    assert await post.kernel.db.read(store.endpoint_count, post.alice.account_id) == 0


async def test_at_most_twenty(post: Post) -> None:
    for number in range(20):
        await post.endpoint(f"https://example.com/{number}")
    with pytest.raises(Refused, match="endpoint_limit"):
        await post.endpoint("https://example.com/more")
    await post.endpoint("https://example.com/theirs", caller=post.charlie)


async def test_an_endpoint_is_named_after_its_host_and_noted_without_its_path(post: Post) -> None:
    row = await post.endpoint("https://shop.example.com/hook?token=abc")
    assert row.name == "shop.example.com"
    assert row.secret.startswith("whsec_")
    audits = await post.kernel.db.read(_audits, post.alice.account_id)
    assert audits[-1][:2] == ("endpoint.created", row.public_id)
    assert "abc" not in audits[-1][2]
    assert row.secret not in audits[-1][2]


async def test_showing_the_secret_is_noted(post: Post) -> None:
    row = await post.endpoint("https://example.com/")
    assert await post.kernel.db.write(endpoints.reveal_secret, post.alice, row.id) == row.secret
    audits = await post.kernel.db.read(_audits, post.alice.account_id)
    assert audits[-1][:2] == ("endpoint.secret_shown", row.public_id)
    with pytest.raises(Refused, match="not_found"):
        await post.kernel.db.write(endpoints.reveal_secret, post.charlie, row.id)


async def test_a_changed_address_is_used_from_the_next_event_on(post: Post, sink: Sink, sinks: Any) -> None:
    new = await sinks()
    endpoint = await post.endpoint(sink.url)
    await post.emit(1)
    await sink.next()
    await _change(post, endpoint.id, EndpointChange(url=new.url, types=["message.received"]))
    await post.emit(2)
    assert (await new.next()).number == 2
    assert len(sink.got) == 1


async def test_off_and_on_again(post: Post, sink: Sink) -> None:
    sink.replies(Reply(500))
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        await _change(post, endpoint.id, EndpointChange(enabled=False))
        row = await post.row(endpoint)
        assert (row.status, row.reason) == (EndpointStatus.DISABLED, DisabledReason.BY_MEMBER)
        await post.emit(2)  # is not kept for it
        sink.replies(Reply())
        post.clock.advance(5 * SECOND)
        await _change(post, endpoint.id, EndpointChange(enabled=True))
        await outcomes.stored()
    assert [got.number for got in sink.got] == [1, 1]
    assert [one.status for one in await post.deliveries(endpoint)] == [DeliveryStatus.DELIVERED]


async def test_what_waits_for_a_deleted_endpoint_is_dropped(post: Post, sink: Sink) -> None:
    sink.replies(Reply(500))
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1, 2)
        await outcomes.stored(2)
    await endpoints.delete_endpoint(post.kernel, post.deliverer, post.alice, endpoint.id)
    async with asyncio.timeout(10):
        while await post.kernel.db.read(store.pending, endpoint.id):
            await asyncio.sleep(0)
    assert {one.status for one in await post.deliveries(endpoint)} == {DeliveryStatus.DROPPED}
    with pytest.raises(Refused, match="not_found"):
        await _change(post, endpoint.id, EndpointChange(name="Back"))


async def test_a_test_goes_to_its_endpoint_alone_and_says_how_it_went(post: Post, sink: Sink, sinks: Any) -> None:
    other = await sinks()
    bystander = await post.endpoint(other.url)
    endpoint = await post.endpoint(sink.url, "session.qr")
    sink.replies(Reply(418, body="I'm a teapot"))
    result = await send_test(post.kernel, post.deliverer, post.alice, endpoint.id)
    assert (result.delivered, result.status_code, result.answer) == (False, 418, "I'm a teapot")
    assert result.milliseconds is not None
    got = sink.got[0].payload
    assert (got["type"], got["data"]) == ("webhook.test", {"endpoint": endpoint.public_id})
    [delivery] = await post.deliveries(endpoint)
    assert (delivery.status, delivery.public_id, delivery.attempts) == (DeliveryStatus.FAILED, result.delivery, 1)
    assert (await post.row(endpoint)).failing_since is None
    assert await post.deliveries(bystander) == []


async def test_a_test_reaches_an_endpoint_that_is_off(post: Post, sink: Sink) -> None:
    endpoint = await post.endpoint(sink.url)
    await _change(post, endpoint.id, EndpointChange(enabled=False))
    result = await send_test(post.kernel, post.deliverer, post.alice, endpoint.id)
    assert result.delivered is True


async def test_a_test_without_an_answer_says_so_after_ten_seconds(post: Post, sink: Sink) -> None:
    release = asyncio.Event()

    async def later(_: Got) -> Reply:
        await release.wait()
        return Reply()

    sink.answer = later
    endpoint = await post.endpoint(sink.url)
    waiting = asyncio.create_task(send_test(post.kernel, post.deliverer, post.alice, endpoint.id))
    await sink.next()
    post.clock.advance(10 * SECOND)
    assert (await waiting).delivered is None
    with post.outcomes(endpoint) as outcomes:
        release.set()
        await outcomes.stored()
    [delivery] = await post.deliveries(endpoint)
    assert delivery.status is DeliveryStatus.DELIVERED


async def test_sending_again_keeps_the_webhook_id(post: Post, sink: Sink) -> None:
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        [first] = await post.deliveries(endpoint)
        again = await post.kernel.db.write(deliveries.replay, post.deliverer, post.alice, first.id)
        await outcomes.stored()
    assert again.replay_of == first.public_id
    assert [one.status for one in await post.deliveries(endpoint)] == [DeliveryStatus.DELIVERED] * 2
    one, two = await sink.take(2)
    assert (one.body, one.headers["webhook-id"]) == (two.body, two.headers["webhook-id"])


async def test_sending_a_waiting_one_again_only_brings_it_forward(post: Post, sink: Sink) -> None:
    sink.replies(Reply(500), Reply())
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
        [first] = await post.deliveries(endpoint)
        again = await post.kernel.db.write(deliveries.replay, post.deliverer, post.alice, first.id)
        await outcomes.stored()
    assert again.id == first.public_id
    [only] = await post.deliveries(endpoint)
    assert (only.status, only.attempts) == (DeliveryStatus.DELIVERED, 2)


async def test_sending_again_is_refused_where_it_cannot_go(post: Post, sink: Sink) -> None:
    endpoint = await post.endpoint(sink.url)
    with post.outcomes(endpoint) as outcomes:
        await post.emit(1)
        await outcomes.stored()
    [first] = await post.deliveries(endpoint)
    with pytest.raises(Refused, match="not_found"):
        await post.kernel.db.write(deliveries.replay, post.deliverer, post.charlie, first.id)
    await _change(post, endpoint.id, EndpointChange(enabled=False))
    with pytest.raises(Refused, match="endpoint_disabled"):
        await post.kernel.db.write(deliveries.replay, post.deliverer, post.alice, first.id)


async def test_events_of_the_house_only_are_not_delivered(post: Post, sink: Sink) -> None:
    class Inner(Happened, frozen=True, kw_only=True):
        stored = False

    endpoint = await post.endpoint(sink.url)

    def work(tx: Tx) -> None:
        tx.emit(Inner(account_id=post.alice.account_id, number=1))

    await post.kernel.db.write(work)
    assert await post.deliveries(endpoint) == []


def test_the_catalogue() -> None:
    assert catalogue.is_known("*")
    assert catalogue.is_known("message.*")
    assert catalogue.is_known("session.qr")
    assert not catalogue.is_known("message")
    assert not catalogue.is_known("mess*")
    assert catalogue.wants('["message.*"]', "message.read")
    assert not catalogue.wants('["message.*"]', "messages.read")
    assert not catalogue.wants('["message.read"]', "message.sent")
    assert catalogue.wants('["*"]', "something.new")
    assert catalogue.expand(["contact.*", "session.qr"]) == ["session.qr", "contact.opted_out", "contact.opted_in"]


async def _change(post: Post, endpoint_id: int, wish: EndpointChange) -> None:
    await endpoints.change_endpoint(post.kernel, post.deliverer, post.alice, endpoint_id, wish)


def _audits(sql: Sql, account_id: int) -> list[tuple[str, str, str]]:
    return sql.rows("SELECT action, target, details FROM audit WHERE account_id = ? ORDER BY id", account_id)
