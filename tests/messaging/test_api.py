"""Messages and batches over REST: one, many, filters, pages, cancelling."""

from __future__ import annotations

from typing import Any

import pytest

from tests.messaging.post import DIANE, ELENA, Post
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.sessions.engine import Connected, ReceiptStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")


def public(number: int) -> str:
    return ids.show("msg", number)


async def listed(post: Post, **params: Any) -> list[str]:
    answer = await post.api.get("/api/v1/messages", params=params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


async def test_a_message_tells_its_story(post: Post) -> None:
    number = await post.send(reference="order 7")
    await post.rest()
    sent_at = post.clock.now()
    await post.play(5_000)
    await post.receipt((await post.row(number)).wa_id, ReceiptStatus.READ)
    view = (await post.api.get(f"/api/v1/messages/{public(number)}")).json()
    assert view == {
        "id": public(number),
        "direction": "out",
        "session": post.session.public_id,
        "batch": None,
        "contact": None,
        "address": DIANE,
        "type": "text",
        "content": {"body": "Hello"},
        "status": "read",
        "error": None,
        "reference": "order 7",
        "waiting_for": None,
        "due_at": to_rfc3339(sent_at),
        "created_at": to_rfc3339(sent_at),
        "sent_at": to_rfc3339(sent_at),
        "delivered_at": to_rfc3339(sent_at + 5_000),
        "read_at": to_rfc3339(sent_at + 5_000),
        "failed_at": None,
    }


async def test_filters(post: Post) -> None:
    other = await post.session_named("Second")
    mine, hers = await post.send(DIANE), await post.send(ELENA)
    away = await post.send(DIANE, session=other)
    batch = await post.batch("+33639980099")
    await post.hear("Hi", ELENA)
    in_batch = public((await post.of_batch(batch))[0].id)
    (received,) = await listed(post, direction="in")
    contact = (await post.api.get("/api/v1/contacts")).json()["data"][0]["id"]
    assert await listed(post, session=other.public_id) == [public(away)]
    assert await listed(post, batch=ids.show("bat", batch)) == [in_batch]
    assert await listed(post, address=ELENA) == [received, public(hers)]
    assert await listed(post, contact=contact) == [received]
    assert await listed(post, status="sent", address=DIANE) == [public(away), public(mine)]
    assert await listed(post, status="failed") == []
    assert await listed(post) == [received, in_batch, public(away), public(hers), public(mine)]
    for params in ({"session": "x"}, {"batch": "msg_0000000000001"}, {"contact": "con_"}):
        assert (await post.api.get("/api/v1/messages", params=params)).status_code == 404


async def test_pages_of_messages(post: Post) -> None:
    await post.off()
    sent = [public(await post.send(text=str(n))) for n in range(7)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for size in (3, 3, 1):
        page = (await post.api.get("/api/v1/messages", params={"limit": "3", **cursor})).json()
        assert len(page["data"]) == size
        found += [row["id"] for row in page["data"]]
        cursor = {"cursor": page["next_cursor"]}
    assert cursor == {"cursor": None}
    assert found == sent[::-1]


async def test_cancelling_what_was_not_sent(post: Post) -> None:
    await post.off()
    number = await post.send()
    url = f"/api/v1/messages/{public(number)}/cancel"
    assert (await post.api.post(url)).status_code == 204
    row = await post.row(number)
    assert (row.status, row.error) == ("cancelled", "cancelled")
    again = await post.api.post(url)
    assert (again.status_code, again.json()["code"]) == (409, "state_changed")
    await post.say(Connected())
    assert post.wire.attempts == []


async def test_it_is_too_late_to_cancel(post: Post) -> None:
    number = await post.send()
    await post.rest()
    answer = await post.api.post(f"/api/v1/messages/{public(number)}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "state_changed")
    await post.hear("Hi")
    (received,) = await listed(post, direction="in")
    assert (await post.api.post(f"/api/v1/messages/{received}/cancel")).status_code == 409
    assert (await post.api.post("/api/v1/messages/msg_0000000000001/cancel")).status_code == 404


async def test_a_message_of_a_batch_is_cancelled_with_its_batch_only(post: Post) -> None:
    await post.off()
    batch = await post.batch(DIANE)
    (row,) = await post.of_batch(batch)
    assert (await post.api.post(f"/api/v1/messages/{row.public_id}/cancel")).status_code == 409
    assert await post.status(row.id) == "queued"


async def test_how_far_a_batch_is(post: Post) -> None:
    batch = await post.batch(DIANE, ELENA)
    await post.rest()
    view = (await post.api.get(f"/api/v1/batches/{ids.show('bat', batch)}")).json()
    assert (view["status"], view["total"], view["sent"], view["waiting"]) == ("finished", 2, 2, 0)
    assert view["finished_at"] == to_rfc3339(post.clock.now())
    assert (await post.api.get("/api/v1/batches/bat_0000000000001")).status_code == 404
