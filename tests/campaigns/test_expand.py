"""Expansion: everybody once, whatever is interrupted; who may not be written to is counted by reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.campaigns.conftest import Desk
from wame_box.campaigns import expand as expansion
from wame_box.campaigns import store, text
from wame_box.campaigns.models import CampaignStatus
from wame_box.campaigns.runner import Campaigns
from wame_box.contacts import list_store
from wame_box.kernel import ids
from wame_box.kernel.db import Sql
from wame_box.messaging.dispatch import Dispatcher

S = CampaignStatus


class NoSessions:
    """Every number is offline."""

    def engine(self, session_id: int) -> None:
        return None

    def account_of(self, session_id: int) -> int | None:
        return None


def runner(desk: Desk) -> Campaigns:
    return Campaigns(desk.kernel, Dispatcher(desk.kernel, NoSessions()))


async def settle(desk: Desk) -> None:
    """Until the runner has nothing to do."""
    async with asyncio.timeout(10):
        while await desk.read(store.unexpanded):
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "CHUNK", 5)


async def test_everybody_once(desk: Desk) -> None:
    await desk.people(12)
    row = await desk.launch(await desk.draft("Hi {{name}}"))
    assert await desk.expand(row) is False
    found = await desk.addresses(row)
    assert found == [f"+3363998{number:04d}" for number in range(12)]
    now, batch = await desk.row(row), await desk.batch(row)
    assert (now.expanded, now.audience, now.skipped_counts) == (True, 12, {})
    assert (batch.total, batch.complete, batch.waiting) == (12, True, 12)
    assert desk.woken == [desk.session_id] * 3

    def contents(sql: Sql) -> list[str]:
        return sql.values("SELECT c.content FROM messages m JOIN message_contents c ON c.message_id = m.id ORDER BY m.id LIMIT 2")

    assert await desk.kernel.db.read(contents) == ['{"body":"Hi Person 0"}', '{"body":"Hi Person 1"}']


@pytest.mark.parametrize("boundary", range(5))
async def test_a_crash_between_chunks_neither_skips_nor_doubles(desk: Desk, boundary: int) -> None:
    await desk.people(17)
    row = await desk.launch(await desk.draft())
    await desk.expand(row, chunks=boundary)  # then the box dies: only rows are left
    again = runner(desk)
    await again.start()
    await settle(desk)
    await again.stop()
    found = await desk.addresses(row)
    assert len(found) == len(set(found)) == 17
    now = await desk.row(row)
    assert (now.audience, now.expanded, (await desk.batch(row)).total) == (17, True, 17)


@pytest.mark.parametrize("boundary", range(4))
async def test_a_crash_within_a_chunk_leaves_nothing_of_it(desk: Desk, boundary: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.people(17)
    row = await desk.launch(await desk.draft())
    await desk.expand(row, chunks=boundary)

    def dies(*args: Any) -> bool:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store, "advance", dies)
        with pytest.raises(RuntimeError):
            await desk.expand(row, chunks=1)
    assert len(await desk.addresses(row)) == boundary * 5 == (await desk.batch(row)).total
    again = runner(desk)
    await again.start()
    await settle(desk)
    await again.stop()
    found = await desk.addresses(row)
    assert len(found) == len(set(found)) == 17


async def test_two_at_once_do_not_double(desk: Desk) -> None:
    await desk.people(30)
    row = await desk.launch(await desk.draft())
    first, second = runner(desk), runner(desk)
    await first.start()
    await second.start()
    await settle(desk)
    await first.stop()
    await second.stop()
    found = await desk.addresses(row)
    assert len(found) == len(set(found)) == 30
    assert (await desk.row(row)).audience == 30


async def test_who_may_not_be_written_to_is_counted(desk: Desk) -> None:
    people = await desk.people(4, city="Lyon")
    await desk.people(3, first=10)
    await desk.people(2, first=20, opted_in=False, city="Nice")
    await desk.opt_out(people[1])
    row = await desk.launch(await desk.draft("Hello in {{city}}"))
    await desk.expand(row)
    assert (await desk.row(row)).skipped_counts == {"opted_out": 1, "missing_variable": 3, "no_consent": 2}
    assert len(await desk.addresses(row)) == 3


async def test_a_text_that_becomes_too_long_is_skipped(desk: Desk) -> None:
    await desk.people(1, story="x" * 4090)
    await desk.people(1, first=1, story="short")
    row = await desk.launch(await desk.draft("Long {{story}} ago"))
    await desk.expand(row)
    assert (await desk.row(row)).skipped_counts == {"text_too_long": 1}
    assert await desk.addresses(row) == ["+33639980001"]


async def test_who_comes_after_the_launch_stays_out(desk: Desk) -> None:
    people = await desk.people(6)
    list_id = await desk.list_of(people[:3])
    whole, listed = await desk.draft(), await desk.draft(list=ids.show("lst", list_id))
    await desk.launch(whole)
    await desk.launch(listed)
    desk.clock.advance(1)
    await desk.people(2, first=50)
    await desk.write(list_store.add, list_id, people[3:])
    await desk.expand(whole)
    await desk.expand(listed)
    assert len(await desk.addresses(whole)) == 6
    assert len(await desk.addresses(listed)) == 3


async def test_somebody_who_opts_out_before_his_chunk_gets_nothing(desk: Desk) -> None:
    people = await desk.people(10)
    row = await desk.launch(await desk.draft())
    await desk.expand(row, chunks=1)
    await desk.opt_out(people[0])
    await desk.opt_out(people[9])
    await desk.expand(row)
    batch = await desk.batch(row)
    assert (batch.total, batch.cancelled, batch.waiting) == (9, 1, 8)
    assert (await desk.row(row)).skipped_counts == {"opted_out": 1}


async def test_nobody_left_finishes_at_once(desk: Desk) -> None:
    people = await desk.people(1)
    row = await desk.launch(await desk.draft())
    await desk.opt_out(people[0])
    await desk.expand(row)
    now = await desk.row(row)
    assert (now.status, now.skipped_counts, now.audience) == (S.FINISHED, {"opted_out": 1}, 1)


async def test_a_bug_over_one_campaign_does_not_hold_up_another(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.people(6)
    bad, good = await desk.launch(await desk.draft("bad")), await desk.launch(await desk.draft("good"))
    compose = text.compose

    def breaks(row: Any, *args: Any) -> Any:
        if row.id == bad.id:
            raise ValueError("a bug")
        return compose(row, *args)

    monkeypatch.setattr(text, "compose", breaks)
    again = runner(desk)
    await again.start()
    async with asyncio.timeout(10):
        while not (await desk.row(good)).expanded:
            await asyncio.sleep(0)
    await again.stop()
    assert (await desk.row(bad)).expanded is False
