"""What goes next: priorities, lanes, pauses, caps of new people, quiet hours, schedules, and the room that is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.messaging.engine import HOLD
from tests.messaging.post import DIANE, ELENA, FARAH, Post
from wame_box.kernel.clock import DAY, HOUR, MINUTE, SECOND, to_rfc3339
from wame_box.messaging import batches, pacing_store, policy_change, postponed
from wame_box.sessions.engine import Connected, Restricted

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONDON = "+447700900%03d"
TOKYO = "+8190123450%02d"


def at(hour: int, minute: int = 0, day: int = 1) -> int:
    """UTC, of January 2027."""
    return int(datetime(2027, 1, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


async def held(post: Post) -> tuple[int, str] | None:
    found: tuple[int, str] | None = await post.read(pacing_store.waiting, post.session.id)
    return found


async def one_by_one(post: Post) -> None:
    """A second between two messages, so that their order is the order in which they were chosen."""
    await post.pace(gap_min_ms=1_000, gap_max_ms=1_000)


# -- priorities and lanes ----------------------------------------------------------------------------------------------


async def test_replies_go_before_singles_before_batches(post: Post) -> None:
    await one_by_one(post)
    await post.hear("Hi", FARAH)
    await post.off()
    await post.batch(*(LONDON % n for n in range(3)))
    await post.send(ELENA)
    await post.send(FARAH)
    await post.send(DIANE)
    await post.say(Connected())
    await post.play(10 * SECOND)
    assert post.wire.addresses() == [FARAH, ELENA, DIANE, *(LONDON % n for n in range(3))]


async def test_a_single_overtakes_a_running_batch(post: Post) -> None:
    await one_by_one(post)
    await post.batch(*(LONDON % n for n in range(10)))
    await post.play(2 * SECOND)
    await post.send(DIANE)
    await post.play(SECOND)
    assert post.wire.addresses()[-1] == DIANE
    assert len(post.wire.attempts) == 4


async def test_paused_batches_are_left_out(post: Post) -> None:
    await one_by_one(post)
    paused = await post.batch(*(LONDON % n for n in range(5)))
    await post.play(SECOND)
    await post.box.kernel.db.write(batches.pause, post.owner.account_id, paused)
    await post.batch(*(LONDON % n for n in range(10, 13)))
    await post.play(20 * SECOND)
    assert sorted(post.wire.addresses()) == [LONDON % n for n in (0, 1, 10, 11, 12)]
    await post.box.kernel.db.write(batches.resume, post.owner.account_id, paused, post.box.dispatcher.wake)
    await post.play(20 * SECOND)
    assert len(post.wire.attempts) == 8
    assert (await post.row_of_batch(paused)).status == "finished"


# -- new people --------------------------------------------------------------------------------------------------------


async def test_the_cap_of_new_people_holds_only_them(post: Post) -> None:
    """Known people go on; the session says until when the others wait, and they go the next day."""
    await post.hear("Hi", DIANE)
    await post.pace(strangers_per_day=2)
    await post.batch(*(LONDON % n for n in range(5)), DIANE)
    await post.rest()
    assert sorted(post.wire.addresses()) == [DIANE, LONDON % 0, LONDON % 1]
    until, reason = await held(post) or (0, "")
    assert reason == "stranger_cap"
    midnight = to_rfc3339(until)
    assert midnight.endswith("T23:00:00.000Z")  # in Paris
    shown = await post.api.get(f"/api/v1/sessions/{post.session.public_id}/pacing")
    assert (shown.json()["waiting_until"], shown.json()["waiting_for"]) == (midnight, "stranger_cap")
    await post.send(DIANE)
    await post.rest()
    assert post.wire.addresses()[-1] == DIANE
    await post.play(until - post.clock.now())
    assert len(post.wire.attempts) == 6
    await post.play(DAY)
    assert sorted(set(post.wire.addresses())) == [DIANE, *(LONDON % n for n in range(5))]
    assert await held(post) is None


async def test_what_is_scheduled_does_not_shorten_the_wait_of_new_people(post: Post) -> None:
    await post.pace(strangers_per_day=1)
    await post.send(DIANE, scheduled_at=to_rfc3339(post.clock.now() + MINUTE))
    await post.batch(LONDON % 0, LONDON % 1)
    await post.rest()
    until, reason = await held(post) or (0, "")
    assert reason == "stranger_cap"
    assert to_rfc3339(until).endswith("T23:00:00.000Z")


async def test_two_messages_to_one_new_person_are_one_stranger(post: Post) -> None:
    await post.off()
    await post.pace(strangers_per_day=2)
    for address in (DIANE, DIANE, ELENA, FARAH):
        await post.send(address)
    await post.say(Connected())
    assert post.wire.addresses() == [DIANE, DIANE, ELENA]


async def test_one_who_writes_is_no_stranger_any_more(post: Post) -> None:
    await post.pace(strangers_per_day=1)
    for address in (DIANE, ELENA, FARAH):
        await post.send(address)
    await post.rest()
    assert post.wire.addresses() == [DIANE]
    await post.hear("Who is it?", FARAH)
    await post.play(MINUTE)
    assert post.wire.addresses() == [DIANE, FARAH]


# -- restrictions ------------------------------------------------------------------------------------------------------


async def test_a_restricted_number_only_answers(post: Post) -> None:
    await post.send(ELENA)
    await post.hear("Hi", DIANE)
    end = post.clock.now() + 3 * HOUR
    await post.say(Restricted(end, "too_many_strangers"))
    cold, new, warm = await post.send(ELENA), await post.send(FARAH), await post.send(DIANE)
    await post.play(HOUR)
    assert [await post.status(number) for number in (cold, new, warm)] == ["queued", "queued", "sent"]
    row = await post.row(cold)
    assert (row.wait_reason, row.due_at) == ("restricted", end)
    await post.hear("Hello?", ELENA)
    assert [await post.status(number) for number in (cold, new)] == ["sent", "queued"]
    await post.play(2 * HOUR)
    assert await post.status(new) == "sent"


# -- quiet hours -------------------------------------------------------------------------------------------------------


async def test_quiet_hours_hold_batches_and_nothing_else(post: Post) -> None:
    await post.pace(quiet_hours={"start": 21, "end": 8})
    post.clock.advance_to(at(22, day=2))
    await post.rest()
    number = await post.batch(LONDON % 1, TOKYO % 1)
    single = await post.send(LONDON % 2)
    await post.rest()
    assert await post.status(single) == "sent"
    tokyo, london = sorted(await post.of_batch(number), key=lambda row: row.address, reverse=True)
    assert london.status == "queued"
    assert (london.wait_reason, london.due_at) == ("quiet_hours", at(8, day=3))
    assert (tokyo.wait_reason, tokyo.due_at) == ("quiet_hours", at(23, day=2))  # 8 in the morning there
    assert await held(post) is None
    view = (await post.api.get(f"/api/v1/messages/{london.public_id}")).json()
    assert (view["waiting_for"], view["due_at"]) == ("quiet_hours", "2027-01-03T08:00:00.000Z")
    await post.play(HOUR)
    assert TOKYO % 1 in post.wire.addresses()
    await post.play(9 * HOUR)
    assert post.wire.addresses()[-1] == LONDON % 1
    row = next(row for row in await post.of_batch(number) if row.address == LONDON % 1)
    assert (row.status, row.wait_reason) == ("sent", None)


async def test_a_long_row_of_sleepers_hides_nobody_who_is_awake(post: Post) -> None:
    """More people whose night it is than one claim looks at, and one behind them whose day it is."""
    await post.pace(quiet_hours={"start": 21, "end": 8})
    post.clock.advance_to(at(22, day=5))
    await post.rest()
    asleep = [f"+4477009{n:05d}" for n in range(500)]
    awake = "+12025550143"
    await post.batch(*asleep, awake)
    await post.rest()
    assert post.wire.addresses() == [awake]


# -- schedules ---------------------------------------------------------------------------------------------------------


async def test_what_is_planned_goes_when_it_is_due(post: Post) -> None:
    due = post.clock.now() + 3 * HOUR
    number = await post.send(scheduled_at=to_rfc3339(due))
    await post.play(3 * HOUR - 1)
    assert (await post.status(number), post.wire.attempts) == ("queued", [])
    await post.play(1)
    assert await post.status(number) == "sent"
    assert (await post.row(number)).sent_at == due


async def test_something_sooner_is_not_late_for_something_later(post: Post) -> None:
    now = post.clock.now()
    later = await post.send(DIANE, scheduled_at=to_rfc3339(now + DAY))
    await post.rest()
    sooner = await post.send(ELENA, scheduled_at=to_rfc3339(now + HOUR))
    at_once = await post.send(FARAH)
    await post.play(HOUR)
    assert [await post.status(number) for number in (later, sooner, at_once)] == ["queued", "sent", "sent"]
    await post.play(DAY)
    assert await post.status(later) == "sent"


# -- pauses and room ---------------------------------------------------------------------------------------------------


async def test_the_session_says_why_it_waits(post: Post) -> None:
    await post.pace(per_minute=2)
    await post.batch(*(LONDON % n for n in range(3)))
    await post.rest()
    assert len(post.wire.attempts) == 2
    until, reason = await held(post) or (0, "")
    assert (until - post.clock.now(), reason) == (MINUTE, "minute_cap")
    await post.play(MINUTE)
    assert len(post.wire.attempts) == 3
    assert await held(post) is None


async def test_another_policy_holds_from_the_next_message_on(post: Post) -> None:
    await post.pace(gap_min_ms=600_000, gap_max_ms=600_000)
    await post.batch(LONDON % 0, LONDON % 1)
    await post.play(MINUTE)
    assert len(post.wire.attempts) == 1
    await post.pace()
    await post.rest()
    assert len(post.wire.attempts) == 2


async def test_typing_is_shown_before_a_text(post: Post) -> None:
    await post.pace(typing_ms_per_character=100, typing_min_ms=500, typing_max_ms=2_000)
    await post.send(DIANE, "x" * 10)
    await post.send(ELENA, "x" * 1_000)
    await post.play(SECOND)
    assert sorted(post.wire.typed) == [(DIANE, 1_000), (ELENA, 2_000)]


async def test_only_as_many_are_claimed_as_there_is_room(post: Post) -> None:
    post.wire.otherwise = HOLD
    people = [LONDON % n for n in range(9)]
    number = await post.batch(*people)
    await post.rest()
    states = [row.status.value for row in await post.of_batch(number)]
    assert (states.count("sending"), states.count("queued")) == (4, 5)
    post.wire.otherwise = "ok"
    for address in people:
        post.wire.release(address)
        await post.rest()
    assert post.wire.addresses() == people


async def test_a_session_takes_nothing_of_another(post: Post) -> None:
    other = await post.session_named("Second")
    await post.off()
    waiting = await post.send(DIANE)
    gone = await post.send(ELENA, session=other)
    await post.rest()
    assert (await post.status(waiting), await post.status(gone)) == ("queued", "sent")
    view: Any = await post.read(policy_change.show, post.owner.account_id, other.id)
    assert view.waiting_until is None


# -- what waited for rules that are others now -------------------------------------------------------------------------


async def in_the_night(post: Post, *addresses: str) -> int:
    """A batch that quiet hours hold until the morning."""
    await post.pace(quiet_hours={"start": 21, "end": 8})
    if post.clock.now() % DAY < 22 * HOUR:
        await post.play(22 * HOUR - post.clock.now() % DAY)
    number = await post.batch(*addresses)
    await post.rest()
    assert {(row.status, row.wait_reason) for row in await post.of_batch(number)} == {("queued", "quiet_hours")}
    return number


@pytest.mark.parametrize("path", ["/pacing", ""])
async def test_another_policy_lets_go_what_quiet_hours_held(post: Post, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(postponed, "CHUNK", 3)
    number = await in_the_night(post, *(LONDON % n for n in range(10)))
    later = await post.send(DIANE, scheduled_at=to_rfc3339(post.clock.now() + HOUR))
    address = f"/api/v1/sessions/{post.session.public_id}{path}"
    answer = await (post.api.post if path else post.api.patch)(address, json={"policy": "unpaced"})
    assert answer.status_code == 200, answer.text
    await post.rest()
    assert {(row.status, row.wait_reason) for row in await post.of_batch(number)} == {("sent", None)}
    assert await post.status(later) == "queued"


async def test_other_quiet_hours_hold_until_their_own_end(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postponed, "CHUNK", 3)
    number = await in_the_night(post, *(LONDON % n for n in range(10)))
    before = {row.due_at for row in await post.of_batch(number)}
    await post.pace(quiet_hours={"start": 21, "end": 6})
    await post.rest()
    rows = await post.of_batch(number)
    assert {(row.status, row.wait_reason) for row in rows} == {("queued", "quiet_hours")}
    assert {row.due_at + 2 * HOUR for row in rows} == before


@pytest.mark.parametrize("sooner", [None, 2 * HOUR])
async def test_a_restriction_that_ends_early_holds_nobody(post: Post, sooner: int | None) -> None:
    await post.send(ELENA)
    await post.rest()
    await post.say(Restricted(post.clock.now() + 20 * HOUR, "too_many_strangers"))
    numbers = [await post.send(address) for address in (ELENA, FARAH)]
    await post.rest()
    assert [await post.status(number) for number in numbers] == ["queued", "queued"]
    assert (await post.row(numbers[0])).wait_reason == "restricted"
    await post.say(Restricted(post.clock.now() + sooner if sooner else None, "over"))
    if sooner:
        assert [await post.status(number) for number in numbers] == ["queued", "queued"]
        await post.play(sooner)
    assert [await post.status(number) for number in numbers] == ["sent", "sent"]
