"""Pause, resume, stop, finish, and the clock that starts what was scheduled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.campaigns.conftest import NOW, Desk
from tests.campaigns.test_expand import runner
from wame_box.campaigns import control, store
from wame_box.campaigns.models import Campaign, CampaignStatus, Launch
from wame_box.kernel.errors import Refused
from wame_box.messaging import batches
from wame_box.messaging.claim import claim
from wame_box.sessions.engine import Capabilities, MessageKind

S = CampaignStatus
ENGINE = Capabilities(frozenset(MessageKind), own_ids=True, max_in_flight=50, send_timeout=1000, unpaced_allowed=True)


async def started(desk: Desk, people: int = 10) -> Campaign:
    await desk.people(people)
    row = await desk.launch(await desk.draft())
    await desk.expand(row)
    return row


async def claimed(desk: Desk) -> int:
    """How many messages the session would send now."""
    found = await desk.write(claim, desk.session_id, 50, ENGINE, random.Random(1))
    return len(found.messages)


async def stop(desk: Desk, row: Campaign) -> None:
    rest: list[int] = []
    await desk.write(control.stop, desk.alice, row.id, rest.append)
    assert rest == [(await desk.row(row)).batch_id]
    while await desk.write(batches.cancel_rest, rest[0]):
        pass


def types(desk: Desk) -> list[str]:
    return [event.type for event in desk.events]


async def test_a_paused_one_claims_nothing(desk: Desk) -> None:
    row = await started(desk)
    await desk.write(control.pause, desk.alice, row.id)
    assert (await desk.row(row)).status is S.PAUSED
    assert await claimed(desk) == 0
    await desk.write(control.resume, desk.alice, row.id, desk.woken.append)
    assert (await desk.row(row)).status is S.RUNNING
    assert desk.woken[-1] == desk.session_id
    assert await claimed(desk) == 10
    assert types(desk) == ["campaign.started", "campaign.paused", "campaign.resumed"]


async def test_a_paused_one_may_still_be_filled(desk: Desk) -> None:
    await desk.people(3)
    row = await desk.launch(await desk.draft())
    await desk.write(control.pause, desk.alice, row.id)
    await desk.expand(row)
    assert len(await desk.addresses(row)) == 3
    assert await claimed(desk) == 0


async def test_stop_cancels_the_rest_and_the_counts_add_up(desk: Desk) -> None:
    row = await started(desk)
    await desk.send(row, 4)
    await desk.send(row, 1, fail="not_on_whatsapp")
    await stop(desk, row)
    batch = await desk.batch(row)
    assert (batch.total, batch.sent, batch.failed, batch.cancelled, batch.waiting) == (10, 4, 1, 5, 0)
    now = await desk.row(row)
    assert (now.status, now.finished_at) == (S.STOPPED, NOW)
    assert await claimed(desk) == 0
    assert types(desk) == ["campaign.started", "campaign.stopped"]
    counts = desk.events[-1].data()["counts"]
    assert (counts.accepted, counts.sent, counts.failed) == (10, 4, 1)


async def test_stopped_while_it_is_filled_nobody_is_added(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wame_box.campaigns.expand.CHUNK", 4)
    await desk.people(10)
    row = await desk.launch(await desk.draft())
    await desk.expand(row, chunks=1)
    await stop(desk, row)
    assert await desk.expand(row) is False
    batch = await desk.batch(row)
    assert (batch.total, batch.cancelled) == (4, 4)
    assert await desk.read(store.unexpanded) == []


async def test_it_finishes_with_its_last_message(desk: Desk) -> None:
    row = await started(desk, 3)
    await desk.send(row, 2)
    assert (await desk.row(row)).status is S.RUNNING
    await desk.send(row, 1, fail="server_refused")
    now = await desk.row(row)
    assert (now.status, now.finished_at) == (S.FINISHED, NOW)
    assert types(desk) == ["campaign.started", "campaign.finished"]
    counts = desk.events[-1].data()["counts"]
    assert (counts.accepted, counts.sent, counts.failed, counts.waiting) == (3, 2, 1, 0)


async def test_sent_before_it_is_full_it_does_not_finish(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wame_box.campaigns.expand.CHUNK", 2)
    await desk.people(3)
    row = await desk.launch(await desk.draft())
    await desk.expand(row, chunks=1)
    await desk.send(row, 2)
    assert (await desk.row(row)).status is S.RUNNING
    await desk.expand(row)
    await desk.send(row, 1)
    assert (await desk.row(row)).status is S.FINISHED


async def test_what_ends_while_it_is_paused_finishes_when_it_is_resumed(desk: Desk) -> None:
    row = await started(desk, 2)
    await desk.write(control.pause, desk.alice, row.id)
    await desk.send(row, 2)  # they were in flight
    assert (await desk.row(row)).status is S.PAUSED
    await desk.write(control.resume, desk.alice, row.id, desk.woken.append)
    assert (await desk.row(row)).status is S.FINISHED
    assert types(desk)[-2:] == ["campaign.resumed", "campaign.finished"]


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (S.DRAFT, set[str]()),
        (S.SCHEDULED, {"stop"}),
        (S.RUNNING, {"pause", "stop"}),
        (S.PAUSED, {"resume", "stop"}),
        (S.FINISHED, set[str]()),
        (S.STOPPED, set[str]()),
    ],
)
@pytest.mark.parametrize("act", ["pause", "resume", "stop"])
async def test_every_move_is_guarded(desk: Desk, state: CampaignStatus, allowed: set[str], act: str) -> None:
    await desk.people(1)
    row = await desk.draft()
    if state is S.SCHEDULED:
        await desk.launch(row, Launch(scheduled_at=datetime(2027, 2, 1, tzinfo=UTC)))
    elif state is not S.DRAFT:
        await desk.launch(row)
        await desk.expand(row)
    if state is S.PAUSED:
        await desk.write(control.pause, desk.alice, row.id)
    elif state is S.STOPPED:
        await stop(desk, row)
    elif state is S.FINISHED:
        await desk.send(row, 1)
    assert (await desk.row(row)).status is state
    acts: dict[str, Callable[..., Campaign]] = {"pause": control.pause, "resume": control.resume, "stop": control.stop}
    more = () if act == "pause" else (desk.woken.append,)
    if act in allowed:
        await desk.write(acts[act], desk.alice, row.id, *more)
        assert (await desk.row(row)).status is not state
    else:
        with pytest.raises(Refused, match="state_changed"):
            await desk.write(acts[act], desk.alice, row.id, *more)
        assert (await desk.row(row)).status is state


async def test_charlie_controls_nothing(desk: Desk) -> None:
    row = await started(desk, 1)
    with pytest.raises(Refused, match="not_found"):
        await desk.write(control.pause, desk.charlie, row.id)
    with pytest.raises(Refused, match="not_found"):
        await desk.write(control.resume, desk.charlie, row.id, desk.woken.append)
    with pytest.raises(Refused, match="not_found"):
        await desk.write(control.stop, desk.charlie, row.id, desk.woken.append)


async def test_the_clock_starts_what_was_scheduled(desk: Desk) -> None:
    await desk.people(2)
    at_work = runner(desk)
    await at_work.start()
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=datetime.fromtimestamp(NOW / 1000 + 3600, UTC)))
    at_work.wake()
    async with asyncio.timeout(10):
        while desk.clock.next_wake() != NOW + 3_600_000:
            await asyncio.sleep(0)
        desk.clock.advance(3_599_999)
        await asyncio.sleep(0.01)
        assert (await desk.row(row)).status is S.SCHEDULED
        desk.clock.advance(1)
        while not (await desk.row(row)).expanded:
            await asyncio.sleep(0)
    await at_work.stop()
    now = await desk.row(row)
    assert (now.status, now.launched_at) == (S.RUNNING, NOW + 3_600_000)
    assert len(await desk.addresses(row)) == 2


async def test_what_became_due_while_the_box_was_off_starts_with_it(desk: Desk) -> None:
    await desk.people(2)
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=datetime.fromtimestamp(NOW / 1000 + 3600, UTC)))
    desk.clock.advance(7_200_000)
    at_work = runner(desk)
    await at_work.start()
    async with asyncio.timeout(10):
        while not (await desk.row(row)).expanded:
            await asyncio.sleep(0)
    await at_work.stop()
    assert (await desk.row(row)).launched_at == NOW + 7_200_000
