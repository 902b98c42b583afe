"""Launching: guarded, by consent, noted; and the audience counted in SQL agrees with what expansion does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.campaigns.conftest import NOW, Desk
from wame_box.campaigns import control, launch, store
from wame_box.campaigns.models import CampaignStarted, CampaignStatus, Launch
from wame_box.contacts import list_store
from wame_box.kernel import ids
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.messaging.models import ImageContent
from wame_box.sessions import store as sessions

S = CampaignStatus
TOMORROW = datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=1)


async def audit_of(desk: Desk, action: str) -> list[dict[str, object]]:
    def work(sql: Sql) -> list[str]:
        return sql.values("SELECT details FROM audit WHERE action = ? ORDER BY id", action)

    return [msgspec.json.decode(text) for text in await desk.kernel.db.read(work)]


async def test_a_launch_makes_a_batch_and_tells(desk: Desk) -> None:
    await desk.people(2)
    row = await desk.launch(await desk.draft())
    assert (row.status, row.launched_at, row.launched_by) == (S.RUNNING, NOW, desk.alice.member_id)
    batch = await desk.batch(row)
    assert (batch.kind, batch.session_id, batch.total, batch.complete) == ("campaign", desk.session_id, 0, False)
    assert [type(event) for event in desk.events] == [CampaignStarted]
    assert desk.events[0].data()["id"] == row.public_id
    assert desk.events[0].lane() == f"campaign:{row.id}"
    assert desk.news == 1
    assert await audit_of(desk, "campaign.launched") == [
        {"session": ids.show("ses", desk.session_id), "recipients": 2, "skipped": {}}
    ]


async def test_it_is_launched_once(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.draft()
    await desk.launch(row)
    with pytest.raises(Refused, match="state_changed"):
        await desk.launch(row)
    assert len(desk.events) == 1
    assert await desk.read(lambda sql: sql.value("SELECT count(*) FROM batches")) == 1


async def test_a_stopped_one_stays_stopped(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft())
    await desk.write(control.stop, desk.alice, row.id, lambda batch_id: None)
    with pytest.raises(Refused, match="state_changed"):
        await desk.launch(row)
    with pytest.raises(Refused, match="state_changed"):
        await desk.write(control.resume, desk.alice, row.id, desk.woken.append)
    assert (await desk.row(row)).status is S.STOPPED


async def test_a_session_is_needed(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.draft(session=None)
    with pytest.raises(Refused, match="campaign_no_session"):
        await desk.launch(row)
    row = await desk.draft()
    await desk.write(sessions.mark_deleted, desk.session_id)
    with pytest.raises(Refused, match="campaign_no_session"):
        await desk.launch(row)


async def test_somebody_must_be_reached(desk: Desk) -> None:
    await desk.people(3, opted_in=False)
    row = await desk.draft()
    with pytest.raises(Refused, match="campaign_no_recipients"):
        await desk.launch(row)
    assert (await desk.row(row)).status is S.DRAFT


async def test_including_people_without_consent_is_noted(desk: Desk) -> None:
    await desk.people(2)
    await desk.people(3, first=2, opted_in=False)
    await desk.opt_out((await desk.people(1, first=5))[0])
    row = await desk.launch(await desk.draft(), Launch(include_unconsented=True))
    assert await audit_of(desk, "campaign.launched") == [
        {
            "session": ids.show("ses", desk.session_id),
            "recipients": 5,
            "skipped": {"opted_out": 1},
            "without_consent": 3,
        }
    ]
    await desk.expand(row)
    assert (await desk.batch(row)).total == 5
    assert (await desk.row(row)).skipped_counts == {"opted_out": 1}


async def test_charlie_can_not_launch_it(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.draft()
    with pytest.raises(Refused, match="not_found"):
        await desk.launch(row, caller=desk.charlie)


# -- scheduling --------------------------------------------------------------------------------------------------------


async def test_scheduled_then_started_when_due(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=TOMORROW, include_unconsented=True))
    assert (row.status, row.scheduled_at, row.batch_id, row.include_unconsented) == (S.SCHEDULED, NOW + 86_400_000, None, True)
    await desk.write(launch.start_due, row.id, desk.noted)
    assert (await desk.row(row)).status is S.SCHEDULED
    desk.clock.advance(86_400_000)
    await desk.write(launch.start_due, row.id, desk.noted)
    await desk.write(launch.start_due, row.id, desk.noted)
    assert (await desk.row(row)).status is S.RUNNING
    assert [type(event) for event in desk.events] == [CampaignStarted]


async def test_the_drafts_own_time_counts_unless_it_is_overridden(desk: Desk) -> None:
    await desk.people(1)
    assert (await desk.launch(await desk.draft(scheduled_at=TOMORROW))).status is S.SCHEDULED
    assert (await desk.launch(await desk.draft(scheduled_at=TOMORROW), Launch(scheduled_at=None))).status is S.RUNNING


async def test_a_time_that_has_passed_is_not_taken_for_now(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.draft(scheduled_at=TOMORROW)
    desk.clock.advance(2 * 86_400_000)
    with pytest.raises(Refused) as caught:
        await desk.launch(row)
    assert [(error.field, error.code) for error in caught.value.fields] == [("scheduled_at", "campaign_schedule_past")]


async def test_unscheduled_it_is_a_draft_again(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=TOMORROW, include_unconsented=True))
    row = await desk.write(launch.unschedule, desk.alice, row.id)
    assert (row.status, row.include_unconsented) == (S.DRAFT, False)
    with pytest.raises(Refused, match="state_changed"):
        await desk.write(launch.unschedule, desk.alice, row.id)


async def test_without_its_session_a_scheduled_one_stops(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=TOMORROW))
    await desk.write(sessions.mark_deleted, desk.session_id)
    desk.clock.advance(86_400_000)
    await desk.write(launch.start_due, row.id, desk.noted)
    now = await desk.row(row)
    assert (now.status, now.reason) == (S.STOPPED, "session_gone")


async def test_without_its_list_it_is_not_sent_to_everybody(desk: Desk) -> None:
    list_id = await desk.list_of(await desk.people(2))
    later, now = [await desk.draft(list=ids.show("lst", list_id)) for _ in range(2)]
    await desk.launch(later, Launch(scheduled_at=TOMORROW))
    await desk.write(list_store.delete, desk.alice.account_id, list_id)
    with pytest.raises(Refused, match="campaign_list_unknown"):
        await desk.launch(now)
    desk.clock.advance(86_400_000)
    await desk.write(launch.start_due, later.id, desk.noted)
    stopped = await desk.row(later)
    assert (stopped.status, stopped.reason, stopped.batch_id) == (S.STOPPED, "list_gone", None)


async def test_a_scheduled_one_can_be_stopped(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft(), Launch(scheduled_at=TOMORROW))
    row = await desk.write(control.stop, desk.alice, row.id, lambda batch_id: pytest.fail("there is no batch"))
    assert row.status is S.STOPPED
    assert await desk.read(store.timetable) == []


# -- the count in SQL ----------------------------------------------------------------------------------------------------


async def mixed(desk: Desk) -> None:
    """Somebody of every kind."""
    people = await desk.people(4, city="Lyon")
    await desk.people(2, first=10)
    await desk.people(3, first=20, opted_in=False, city="Nice")
    await desk.people(2, first=30, opted_in=False)
    await desk.people(1, first=40, city="  ")
    await desk.people(1, first=50, city="x" * 1020)
    await desk.opt_out(people[0])


@pytest.mark.parametrize(
    "body",
    ["Hi", "Hi {{city}}", "Hi {{city|you}}", "{{name}} {{first_name}} {{city}} {{city|there}}", "Hi {{nickname}}", "{{ville|}}"],
)
@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("listed", [False, True])
async def test_the_count_before_the_launch_is_what_expansion_finds(desk: Desk, body: str, include: bool, listed: bool) -> None:
    await mixed(desk)
    everybody: list[int] = await desk.read(lambda sql: sql.values("SELECT id FROM contacts"))
    list_id = await desk.list_of(everybody[::2])
    image = ImageContent("https://example.com/a.png", body)
    row = await desk.draft(list=ids.show("lst", list_id) if listed else None, type="image", text=None, image=image)
    audience = await desk.read(launch.look, desk.alice, row.id)
    assert audience.total == len(everybody[::2] if listed else everybody)
    reached, skipped = audience.reached(include), audience.skipped(include)
    assert audience.total == reached + sum(skipped.values())
    if reached == 0:
        return
    row = await desk.launch(row, Launch(include_unconsented=include))
    await desk.expand(row)
    now, batch = await desk.row(row), await desk.batch(row)
    assert (batch.total, now.skipped_counts, now.audience) == (reached, skipped, audience.total)
