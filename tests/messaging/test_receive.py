"""Incoming messages: stored once, the sender made known once, opt-out words obeyed, replies counted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.messaging.post import DIANE, ELENA, FARAH, Post, open_post
from wame_box.contacts import store as contacts
from wame_box.contacts.models import Contact
from wame_box.kernel.clock import DAY, HOUR
from wame_box.kernel.db import Sql
from wame_box.sessions.engine import Inbound, MessageKind

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def received(post: Post) -> list[dict[str, Any]]:
    answer = await post.api.get("/api/v1/messages", params={"direction": "in"})
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


async def contact(post: Post, address: str = DIANE) -> Contact:
    found: Contact = await post.read(contacts.by_address, post.owner.account_id, address)
    assert found is not None
    return found


def text(wa_id: str, body: str, sender: str = DIANE, at: int = 0) -> Inbound:
    return Inbound(wa_id, sender, "Diane", MessageKind.TEXT, {"body": body}, at)


async def test_a_message_comes_in(post: Post) -> None:
    moment = post.clock.now() - 5_000
    await post.say(text("IN", "Hello?", at=moment))
    (row,) = await received(post)
    assert (row["status"], row["address"], row["content"], row["direction"]) == ("received", DIANE, {"body": "Hello?"}, "in")
    person = await contact(post)
    assert (person.name, person.consent, row["contact"]) == ("Diane", "none", person.public_id)
    ((kind, data),) = await post.events()
    told = json.loads(data)
    assert (kind, told["name"], told["text"], told["whatsapp_id"]) == ("message.received", "Diane", {"body": "Hello?"}, "IN")


async def test_a_copy_is_no_second_message(post: Post) -> None:
    for _ in range(3):
        await post.hear("Hello?", wa_id="SAME")
    await asyncio.gather(*(post.engine.say(text("SAME", "Hello?")) for _ in range(5)))
    await post.rest()
    assert len(await received(post)) == 1
    assert len(await post.events()) == 1
    other = await post.session_named("Second")
    await post.wire.engines[other.id].say(text("SAME", "Hello?"))  # ids are a session's own
    assert len(await received(post)) == 2


async def test_many_at_once_make_one_contact(post: Post) -> None:
    other = await post.session_named("Second")
    engines = [post.engine, post.wire.engines[other.id]]
    await asyncio.gather(*(engines[n % 2].say(text(f"C{n}", "Hi")) for n in range(20)))
    await post.rest()

    def work(sql: Sql) -> int:
        return int(sql.value("SELECT count(*) FROM contacts WHERE account_id = ?", post.owner.account_id))

    assert await post.read(work) == 1
    assert len(await received(post)) == 20


async def test_an_image_and_something_unknown(post: Post) -> None:
    await post.say(Inbound("I1", DIANE, "", MessageKind.IMAGE, {"url": "x", "caption": "STOP"}, 0))
    await post.say(Inbound("I2", DIANE, "", MessageKind.UNSUPPORTED, {}, 0))
    assert [row["type"] for row in await received(post)] == ["unsupported", "image"]
    assert (await contact(post)).opted_out_at is None


@pytest.mark.parametrize("word", ["STOP", "stop.", "Arrêt", "BAJA", " Unsubscribe! "])
async def test_stop_means_stop(post: Post, word: str) -> None:
    """Box-wide for the account: whatever waits for this person on any session is taken back."""
    other = await post.session_named("Second")
    await post.off()
    await post.wire.engines[other.id].drop()
    single, elsewhere = await post.send(DIANE), await post.send(DIANE, session=other)
    batch = await post.batch(DIANE, ELENA)
    kept = await post.send(FARAH)
    await post.hear(word)
    assert (await contact(post)).consent == "opted_out"
    for number in (single, elsewhere):
        row = await post.row(number)
        assert (row.status, row.error) == ("cancelled", "recipient_opted_out")
    assert await post.status(kept) == "queued"
    row_of_batch = await post.row_of_batch(batch)
    assert (row_of_batch.cancelled, row_of_batch.status) == (1, "running")
    assert (await post.api.post("/api/v1/messages", json=_wish(post))).json()["code"] == "recipient_opted_out"
    await post.hear("stop")
    assert [kind for kind, _ in await post.events("contact.%")] == ["contact.opted_out"]
    assert len(await received(post)) == 2


def _wish(post: Post) -> dict[str, Any]:
    return {"session": post.session.public_id, "to": DIANE, "text": {"body": "Hello"}}


async def test_the_last_one_of_a_batch_opts_out(post: Post) -> None:
    await post.off()
    batch = await post.batch(DIANE)
    await post.hear("stop")
    row = await post.row_of_batch(batch)
    assert (row.cancelled, row.status) == (1, "finished")


async def test_start_brings_back(post: Post) -> None:
    await post.hear("STOP")
    await post.hear("START")
    await post.hear("start")
    assert (await contact(post)).consent == "opted_in"
    assert [kind for kind, _ in await post.events("contact.%")] == ["contact.opted_out", "contact.opted_in"]
    assert (await post.api.post("/api/v1/messages", json=_wish(post))).status_code == 202


async def test_talk_is_no_opt_out(post: Post) -> None:
    await post.hear("Please don't stop writing me")
    assert (await contact(post)).consent == "none"


async def test_another_account_keeps_its_contact(post: Post, post_house: Any) -> None:
    await post.hear("STOP")
    second = await open_post(*post_house)
    await second.send(DIANE)
    await second.rest()
    assert second.wire.addresses() == [DIANE]


# -- replies -----------------------------------------------------------------------------------------------------------


async def test_a_reply_is_counted_once(post: Post) -> None:
    batch = await post.batch(DIANE, ELENA)
    await post.rest()
    await post.hear("Yes please")
    await post.hear("And two of them")
    assert (await post.row_of_batch(batch)).replied == 1
    assert [json.loads(data)["batch"] is not None for _, data in await post.events("message.received")] == [True, False]
    await post.hear("Me too", ELENA)
    assert (await post.row_of_batch(batch)).replied == 2


async def test_who_adds_something_does_not_answer_an_older_batch(post: Post) -> None:
    older, newer = await post.batch(DIANE), await post.batch(DIANE)
    await post.rest()
    await post.hear("Yes please")
    await post.hear("And two of them")
    assert [(await post.row_of_batch(batch)).replied for batch in (older, newer)] == [0, 1]


async def test_after_a_week_it_is_no_reply(post: Post) -> None:
    batch = await post.batch(DIANE, ELENA)
    await post.rest()
    post.clock.advance(7 * DAY - HOUR)
    await post.hear("Sorry, late", DIANE)
    assert (await post.row_of_batch(batch)).replied == 1
    post.clock.advance(2 * HOUR)
    await post.hear("Later still", ELENA)
    assert (await post.row_of_batch(batch)).replied == 1


async def test_what_was_not_sent_has_no_reply(post: Post) -> None:
    await post.off()
    batch = await post.batch(DIANE)
    await post.hear("Anything new?")
    assert (await post.row_of_batch(batch)).replied == 0
