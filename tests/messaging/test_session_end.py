"""A session that is deleted while it sends: every message comes to an end, and nothing goes on behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import House
from tests.factories import until
from tests.messaging.engine import HOLD, SILENCE
from tests.messaging.post import DIANE, ELENA, FARAH, Post, open_post
from tests.messaging.test_dispatch import BUSY, Life
from wame_box.app import Box
from wame_box.campaigns import draft, launch, store
from wame_box.campaigns.models import Campaign, CampaignText, Launch, NewCampaign
from wame_box.contacts import consent
from wame_box.contacts import store as contacts
from wame_box.kernel.db import Sql, Tx
from wame_box.messaging import batch_store, dispatch, session_end
from wame_box.messaging import store as messages

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHERS = [f"+3363998{number:04d}" for number in range(100, 112)]


async def delete(post: Post) -> None:
    answer = await post.api.delete(f"/api/v1/sessions/{post.session.public_id}")
    assert answer.status_code == 204, answer.text


async def statuses(box: Box, session_id: int) -> list[tuple[str, str | None, int]]:
    """(status, error, how many) of the session's messages."""

    def work(sql: Sql) -> list[tuple[str, str | None, int]]:
        query = "SELECT status, error, count(*) FROM messages WHERE session_id = ? GROUP BY 1, 2 ORDER BY 1, 2"
        return sql.rows(query, session_id)

    return await box.kernel.db.read(work)


def idle(box: Box, session_id: int) -> bool:
    """Whether the dispatcher has no task left for the session."""
    lane = box.dispatcher._lanes.get(session_id)
    working = lane is not None and (lane.sending or (lane.task is not None and not lane.task.done()))
    return not working and not box.dispatcher._jobs


async def launched(post: Post) -> Campaign:
    """A campaign to twelve people, with all of its messages."""
    box, caller = post.box, post.owner.caller

    def work(tx: Tx) -> Campaign:
        for address in OTHERS:
            row = contacts.insert(tx, caller.account_id, address, "Somebody", None, {})
            consent.opt_in(tx, caller.account_id, row.id, source="web form", proof=None)
        wish = NewCampaign(name="Autumn", session=post.session.public_id, text=CampaignText("Hello"))
        return draft.create(tx, caller, wish, box.kernel.http.check_url)

    made = await box.kernel.db.write(work)
    audience = await box.kernel.db.read(launch.look, caller, made.id)
    await box.kernel.db.write(launch.launch, caller, made.id, Launch(), audience, box.campaigns.wake)
    await post.rest()
    return await campaign(box, made.id)


async def campaign(box: Box, campaign_id: int) -> Campaign:
    found = await box.kernel.db.read(store.any_campaign, campaign_id)
    assert found is not None
    return found


async def test_deleted_in_the_middle_of_a_campaign(post: Post) -> None:
    post.wire.otherwise = HOLD
    post.wire.script = {address: ["ok"] for address in OTHERS[:2]}
    row = await launched(post)
    single = [await post.send(address) for address in (DIANE, ELENA)]
    later = await post.send(FARAH, scheduled_at="2026-09-01T10:00:00Z")
    await post.rest()
    assert await statuses(post.box, post.session.id) == [("queued", None, 9), ("sending", None, 4), ("sent", None, 2)]
    await delete(post)
    await until(lambda: idle(post.box, post.session.id))
    assert await statuses(post.box, post.session.id) == [
        ("cancelled", "session_deleted", 9),
        ("failed", "session_deleted", 4),
        ("sent", None, 2),
    ]
    assert {await post.status(number) for number in (*single, later)} == {"cancelled"}
    assert row.batch_id is not None
    batch = await post.row_of_batch(row.batch_id)
    assert (batch.status, batch.total, batch.sent, batch.failed, batch.cancelled) == ("stopped", 12, 2, 4, 6)
    now = await campaign(post.box, row.id)
    assert (now.status, now.reason, now.finished_at) == ("stopped", "session_gone", post.clock.now())
    ((_, told),) = await post.events("campaign.stopped")
    assert '"reason":"session_gone"' in told
    assert len(await post.events("message.failed")) == 4
    page = await post.house.browser(post.owner).get(f"/campaigns/{row.public_id}")
    assert "Its session was deleted." in page.text
    # What wakes it afterwards begins nothing anew.
    post.box.dispatcher.wake(post.session.id)
    await post.play(3_600_000)
    assert idle(post.box, post.session.id)
    assert len(post.wire.attempts) == 6


async def test_deleted_while_it_is_away(post: Post) -> None:
    """Sends that wait for a connection, or for another attempt, end with the session; a paused campaign stops."""
    post.wire.otherwise = HOLD
    row = await launched(post)
    await post.api.post(f"/api/v1/campaigns/{row.public_id}/pause")
    await post.off()
    await post.play(2_000)
    assert len(post.box.dispatcher._resting) >= 4
    await delete(post)
    await until(lambda: idle(post.box, post.session.id))
    found = await statuses(post.box, post.session.id)
    assert found == [("cancelled", "session_deleted", 8), ("failed", "session_deleted", 4)]
    assert (await campaign(post.box, row.id)).status == "stopped"


async def test_deleted_while_whatsapp_is_silent(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "ANSWER_SECONDS", 0.05)
    post.wire.script = {DIANE: [SILENCE], ELENA: [BUSY]}
    numbers = [await post.send(address) for address in (DIANE, ELENA, FARAH)]
    await post.rest()
    await delete(post)
    await until(lambda: idle(post.box, post.session.id))
    assert [await post.status(number) for number in numbers] == ["failed", "failed", "sent"]


async def test_another_session_goes_on(post: Post) -> None:
    other = await post.session_named("Other")
    post.wire.script = {DIANE: [HOLD], ELENA: [HOLD]}
    mine, theirs = await post.send(DIANE), await post.send(ELENA, session=other)
    await post.rest()
    await delete(post)
    await until(lambda: idle(post.box, post.session.id))
    await post.play(2_000)
    assert (await post.status(mine), await post.status(theirs)) == ("failed", "sent")


async def test_a_restart_in_between_ends_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path)
    box = await life.begin()
    post = await open_post(House(box), life.clock, life.wire)
    life.wire.otherwise = HOLD
    row = await launched(post)
    for address in (DIANE, ELENA, FARAH):
        await post.send(address)
    monkeypatch.setattr(session_end, "CHUNK", 3)
    # As a kill leaves it: one unit of work was done, the others were not.
    monkeypatch.setattr(box.dispatcher, "end_session", lambda session_id: None)
    await delete(post)
    assert await box.kernel.db.write(session_end.end_some, post.session.id) == 6
    assert await box.kernel.db.read(messages.of_deleted_sessions) == [post.session.id]
    await box.stop()
    again = await life.begin()
    try:
        await until(lambda: idle(again, post.session.id))
        found = await statuses(again, post.session.id)
        assert [(status, number) for status, _, number in found] == [("cancelled", 11), ("failed", 4)]
        assert await again.kernel.db.read(messages.of_deleted_sessions) == []
        assert row.batch_id is not None
        batch = await again.kernel.db.read(batch_store.batch, post.owner.account_id, row.batch_id)
        assert batch is not None and batch.sent + batch.failed + batch.cancelled == batch.total == 12
        assert (await campaign(again, row.id)).status == "stopped"
    finally:
        await again.stop()
