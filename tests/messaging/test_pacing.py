"""Pacing: caps hold in every window, gaps are kept, everybody who waits gets their turn, days follow the zone's clock."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from wame_box.messaging import pacing
from wame_box.messaging.local_time import next_midnight, quiet_until
from wame_box.messaging.pacing import (
    CAREFUL,
    GO,
    HOUR_MS,
    MINUTE_MS,
    NORMAL,
    OFFICIAL,
    UNPACED,
    Decision,
    PacingState,
    Policy,
    PolicyName,
    QuietHours,
    Wait,
    WaitReason,
    WarmUp,
    day_cap,
    decide,
    decide_pair,
    spend,
    spend_pair,
    stranger_cap,
)

DAY_MS = 86_400_000
PARIS = "Europe/Paris"
FREE = replace(UNPACED, name=PolicyName.CUSTOM)


def at(text: str, zone: str = PARIS) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NOON = at("2025-06-02T12:00")


def ask(policy: Policy, state: PacingState, now: int, **changes: Any) -> Decision:
    given: dict[str, Any] = {
        "stranger": False,
        "warm": False,
        "bulk": False,
        "recipient_zone": PARIS,
        "account_zone": PARIS,
        "session_age_ms": 0,
    }
    return decide(policy, state, now, **{**given, **changes})


def pay(
    policy: Policy, state: PacingState, now: int, rng: random.Random, stranger: bool = False, zone: str = PARIS
) -> PacingState:
    return spend(policy, state, now, stranger=stranger, account_zone=zone, rng=rng)


def most_in_any_window(times: list[int], length: int) -> int:
    """The most events in any half-open window of this length."""
    return max((bisect_right(times, start + length - 1) - index for index, start in enumerate(times)), default=0)


# -- policies ------------------------------------------------------------------------------------------------------------


def test_the_named_policies_are_what_the_manual_says() -> None:
    assert (CAREFUL.gap_min_ms, CAREFUL.gap_max_ms, CAREFUL.strangers_per_day, CAREFUL.per_day) == (2_000, 8_000, 20, 200)
    assert (NORMAL.gap_min_ms, NORMAL.gap_max_ms, NORMAL.strangers_per_day, NORMAL.per_day) == (1_000, 4_000, 60, 1_000)
    assert [policy.sandbox_only for policy in (CAREFUL, NORMAL, OFFICIAL, UNPACED)] == [False, False, False, True]
    assert [pacing.policy_named(name).name for name in PolicyName] == list(PolicyName)
    with pytest.raises(KeyError):
        pacing.policy_named("reckless")


def test_a_custom_policy_as_fast_as_unpaced_is_for_the_sandbox_too() -> None:
    custom = pacing.policy_named("custom")
    assert not custom.sandbox_only
    assert replace(custom, gap_min_ms=0).sandbox_only
    assert replace(custom, per_day=None).sandbox_only
    assert replace(custom, strangers_per_day=None).sandbox_only


def test_policies_and_states_survive_json() -> None:
    custom = replace(CAREFUL, name=PolicyName.CUSTOM, per_day=None, quiet_hours=QuietHours(22, 7))
    for policy in (CAREFUL, NORMAL, OFFICIAL, UNPACED, custom):
        text = pacing.write_policy(policy)
        assert msgspec.json.decode(text)["name"] == policy.name
        assert pacing.read_policy(text) == policy
    state = replace(pay(CAREFUL, PacingState(), NOON, random.Random(1), stranger=True), restricted_until=NOON)
    assert pacing.read_state(msgspec.json.encode(state)) == state


@pytest.mark.parametrize(
    "wrong",
    [
        {"gap_min_ms": 9_000},
        {"gap_min_ms": -1},
        {"per_day": 0},
        {"strangers_per_day": 41},
        {"quiet_hours": {"start": 8, "end": 8}},
        {"quiet_hours": {"start": 24, "end": 8}},
        {"typing_min_ms": 7_000},
        {"speed": "high"},
    ],
)
def test_wrong_custom_policies_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        pacing.read_policy(msgspec.json.encode({"name": "custom", **wrong}))


def test_the_caps_grow_with_the_sessions_age() -> None:
    assert [day_cap(CAREFUL, age) for age in (-1, 0, 7, 14, 400)] == [50, 50, 125, 200, 200]
    assert [stranger_cap(CAREFUL, age) for age in (0, 6, 7, 14, 28, 400)] == [20, 20, 25, 30, 40, 40]
    assert [day_cap(NORMAL, age) for age in (0, 7)] == [300, 1_000]
    assert (stranger_cap(NORMAL, 0), day_cap(UNPACED, 0), stranger_cap(UNPACED, 0)) == (60, None, None)


def test_every_reason_has_a_sentence() -> None:
    assert set(pacing.WAIT_TEXTS) == set(WaitReason)


# -- one rule at a time --------------------------------------------------------------------------------------------------


def test_unpaced_never_waits() -> None:
    state, rng = PacingState(), random.Random(1)
    for _ in range(100):
        assert ask(UNPACED, state, NOON, stranger=True, bulk=True) == GO
        state = pay(UNPACED, state, NOON, rng, stranger=True)
    assert (state.minute, state.hour, state.day, state.strangers) == ((), (), 100, 100)


def test_the_gap_is_random_between_its_bounds() -> None:
    rng = random.Random(1)
    ends = {pay(CAREFUL, PacingState(), NOON, rng).next_at - NOON for _ in range(300)}
    assert min(ends) >= 2_000
    assert max(ends) <= 8_000
    assert len(ends) > 200
    state = PacingState(next_at=NOON + 3_000)
    assert ask(CAREFUL, state, NOON) == Wait(NOON + 3_000, WaitReason.GAP, "session")
    assert ask(CAREFUL, state, NOON + 3_000) == GO


def test_typing_takes_part_of_the_time() -> None:
    state = spend(CAREFUL, PacingState(), NOON, stranger=False, account_zone=PARIS, rng=random.Random(1), busy_ms=5_000)
    assert NOON + 7_000 <= state.next_at <= NOON + 13_000
    assert [pacing.typing_ms(CAREFUL, size) for size in (0, 10, 100, 4096)] == [800, 800, 3_000, 6_000]
    assert pacing.typing_ms(UNPACED, 500) == 0


@pytest.mark.parametrize(
    ("policy", "length", "reason"),
    [
        (replace(FREE, per_minute=3), MINUTE_MS, WaitReason.MINUTE_CAP),
        (replace(FREE, per_hour=3), HOUR_MS, WaitReason.HOUR_CAP),
    ],
)
def test_a_full_window_waits_for_its_first_messages_to_leave(policy: Policy, length: int, reason: WaitReason) -> None:
    state, rng, step = PacingState(), random.Random(1), length // 6
    for number in range(3):
        assert ask(policy, state, NOON + number * step) == GO
        state = pay(policy, state, NOON + number * step, rng)
    assert ask(policy, state, NOON + 3 * step) == Wait(NOON + length, reason, "session")
    assert ask(policy, state, NOON + length) == GO


def test_a_days_messages_and_new_people() -> None:
    policy, state, rng = replace(FREE, per_day=3, strangers_per_day=2), PacingState(), random.Random(1)
    for _ in range(2):
        state = pay(policy, state, NOON, rng, stranger=True)
    midnight = at("2025-06-03T00:00")
    assert ask(policy, state, NOON, stranger=True) == Wait(midnight, WaitReason.STRANGER_CAP, "strangers")
    assert ask(policy, state, NOON, stranger=True, warm=True) == GO
    assert ask(policy, state, NOON) == GO
    state = pay(policy, state, NOON, rng)
    assert ask(policy, state, NOON, warm=True) == Wait(midnight, WaitReason.DAY_CAP, "session")
    assert ask(policy, state, midnight - 1) == Wait(midnight, WaitReason.DAY_CAP, "session")
    assert ask(policy, state, midnight, stranger=True) == GO


def test_quiet_hours_hold_campaigns_by_the_recipients_clock() -> None:
    night = at("2025-06-02T22:30")
    morning = at("2025-06-03T08:00")
    assert ask(CAREFUL, PacingState(), night, bulk=True) == Wait(morning, WaitReason.QUIET_HOURS, "recipient")
    assert ask(CAREFUL, PacingState(), night) == GO
    assert ask(CAREFUL, PacingState(), night, bulk=True, recipient_zone="America/New_York") == GO
    assert ask(CAREFUL, PacingState(), morning - 1, bulk=True) == Wait(morning, WaitReason.QUIET_HOURS, "recipient")
    assert ask(CAREFUL, PacingState(), morning, bulk=True) == GO
    tokyo = ask(CAREFUL, PacingState(), NOON, bulk=True, recipient_zone=None, account_zone="Asia/Tokyo")
    assert tokyo == GO  # 19:00 there
    for unknown in (None, "Mars/Olympus", "", "../etc"):
        assert ask(CAREFUL, PacingState(), night, bulk=True, recipient_zone=unknown) == Wait(
            morning, WaitReason.QUIET_HOURS, "recipient"
        )


def test_during_a_restriction_only_those_who_wrote_are_answered() -> None:
    end = NOON + 6 * HOUR_MS
    state = PacingState(restricted_until=end)
    assert ask(CAREFUL, state, NOON, warm=True) == GO
    assert ask(CAREFUL, state, NOON, stranger=True, warm=True) == GO
    assert ask(CAREFUL, state, NOON, stranger=True) == Wait(end, WaitReason.RESTRICTED, "strangers")
    assert ask(CAREFUL, state, NOON) == Wait(end, WaitReason.RESTRICTED, "recipient")
    assert ask(CAREFUL, state, end, stranger=True) == GO
    assert pay(CAREFUL, state, NOON, random.Random(1)).restricted_until == end
    assert pay(CAREFUL, state, end, random.Random(1)).restricted_until is None


def test_the_rule_that_holds_longest_is_named() -> None:
    night = at("2025-06-02T22:30")
    state = PacingState(next_at=night + 3_000, day_until=at("2025-06-03T00:00"), day=200)
    assert ask(CAREFUL, state, night) == Wait(at("2025-06-03T00:00"), WaitReason.DAY_CAP, "session")
    assert ask(CAREFUL, state, night, bulk=True) == Wait(at("2025-06-03T08:00"), WaitReason.QUIET_HOURS, "recipient")


def test_a_clock_set_back_does_not_stop_a_session() -> None:
    state, rng = PacingState(), random.Random(1)
    for number in range(12):
        state = pay(CAREFUL, state, NOON + number, rng)
    assert ask(CAREFUL, state, NOON + 10_000) == Wait(NOON + MINUTE_MS + 11, WaitReason.MINUTE_CAP, "session")
    before = NOON - 3 * DAY_MS
    assert ask(CAREFUL, state, before) == GO
    state = pay(CAREFUL, state, before, rng)
    assert state.day == 13
    assert state.day_until == next_midnight(before, ZoneInfo(PARIS))


def test_forty_five_at_once_to_one_person_then_one_in_six_seconds() -> None:
    paid = 0
    for _ in range(45):
        assert decide_pair(OFFICIAL, paid, NOON) == GO
        paid = spend_pair(OFFICIAL, paid, NOON)
    assert decide_pair(OFFICIAL, paid, NOON) == Wait(NOON + 6_000, WaitReason.PAIR_LIMIT, "recipient")
    assert decide_pair(OFFICIAL, paid, NOON + 6_000) == GO
    paid = spend_pair(OFFICIAL, paid, NOON + 6_000)
    assert decide_pair(OFFICIAL, paid, NOON + 6_000) == Wait(NOON + 12_000, WaitReason.PAIR_LIMIT, "recipient")
    assert decide_pair(CAREFUL, 10**15, NOON) == GO


# -- days and nights when clocks change --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2025-03-30", 23),
        ("Europe/Paris", "2025-10-26", 25),
        ("Europe/Paris", "2025-06-02", 24),
        ("America/Havana", "2025-03-09", 23),  # its midnight does not exist
        ("America/Havana", "2025-11-02", 25),  # its midnight comes twice
        ("Asia/Beirut", "2025-03-30", 23),
        ("Australia/Lord_Howe", "2025-04-06", 24.5),
        ("America/New_York", "2025-11-02", 25),
    ],
)
def test_calendar_days_have_their_own_length(zone: str, day: str, hours: float) -> None:
    local = ZoneInfo(zone)
    start = next_midnight(at(f"{day}T12:00", zone) - DAY_MS, local)
    assert next_midnight(start, local) - start == hours * HOUR_MS
    assert next_midnight(start - 1, local) == start
    assert datetime.fromtimestamp(start / 1000, local).date().isoformat() == day


def test_the_night_when_clocks_change_ends_at_eight() -> None:
    local = ZoneInfo(PARIS)
    assert quiet_until(at("2025-03-29T21:00"), local, 21, 8) == at("2025-03-30T08:00")
    assert at("2025-03-30T08:00") - at("2025-03-29T21:00") == 10 * HOUR_MS
    assert quiet_until(at("2025-10-25T21:00"), local, 21, 8) == at("2025-10-26T08:00")
    assert at("2025-10-26T08:00") - at("2025-10-25T21:00") == 12 * HOUR_MS


ZONES = st.sampled_from(
    [PARIS, "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "UTC"]
)
MOMENTS = st.integers(at("2008-01-01T00:00"), at("2030-01-01T00:00"))


@given(now=MOMENTS, zone=ZONES, start=st.integers(0, 23), end=st.integers(0, 23))
def test_quiet_hours_end_once_and_leave_no_gap(now: int, zone: str, start: int, end: int) -> None:
    if start == end:
        return
    local = ZoneInfo(zone)
    until = quiet_until(now, local, start, end)
    hour = datetime.fromtimestamp(now / 1000, local).hour
    assert (until is not None) == (start <= hour < end if start < end else hour >= start or hour < end)
    if until is not None:
        assert now < until <= now + 25 * HOUR_MS


@given(now=MOMENTS, zone=ZONES)
def test_a_day_ends_soon_and_on_another_date(now: int, zone: str) -> None:
    local = ZoneInfo(zone)
    end = next_midnight(now, local)
    assert now < end <= now + 26 * HOUR_MS
    assert datetime.fromtimestamp(end / 1000, local).date() > datetime.fromtimestamp(now / 1000, local).date()


# -- whole runs --------------------------------------------------------------------------------------------------------------


def run(
    policy: Policy, messages: Iterable[tuple[int, bool, bool]], zone: str, start: int, age_ms: int = 0
) -> list[tuple[int, bool, Policy]]:
    """Sends all messages one after the other: (pause before in ms, stranger, bulk) each. When each went, and to whom."""
    state, rng, now, sent = PacingState(), random.Random(5), start, []
    for pause, stranger, bulk in messages:
        now += pause
        for _ in range(50):
            decision = ask(
                policy,
                state,
                now,
                stranger=stranger,
                bulk=bulk,
                recipient_zone=zone,
                account_zone=zone,
                session_age_ms=age_ms + now - start,
            )
            if decision == GO:
                break
            assert isinstance(decision, Wait)
            assert decision.until > now, "a wait that is over must not be asked for"
            now = decision.until
        else:
            raise AssertionError("a message that never goes")
        before = state
        state = pay(policy, state, now, rng, stranger=stranger, zone=zone)
        assert state.next_at >= before.next_at or before.next_at <= now
        sent.append((now, stranger, policy))
    return sent


CUSTOM = st.builds(
    lambda low, more, minute, hour, day, strangers, warm, quiet: Policy(
        name=PolicyName.CUSTOM,
        gap_min_ms=low,
        gap_max_ms=low + more,
        per_minute=minute,
        per_hour=hour,
        per_day=day,
        strangers_per_day=strangers,
        warm_up=warm,
        quiet_hours=quiet,
    ),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.none() | st.integers(1, 20),
    st.none() | st.integers(1, 60),
    st.none() | st.integers(1, 100),
    st.none() | st.integers(1, 30),
    st.none() | st.builds(WarmUp, days=st.integers(1, 20), from_percent=st.integers(1, 100)),
    st.none() | st.sampled_from([QuietHours(21, 8), QuietHours(12, 14), QuietHours(0, 1)]),
)
QUEUE = st.lists(st.tuples(st.integers(0, 10 * MINUTE_MS), st.booleans(), st.booleans()), max_size=120)


@settings(max_examples=60, deadline=None)
@given(policy=CUSTOM, queue=QUEUE, zone=ZONES, start=MOMENTS)
def test_caps_hold_in_every_window_and_gaps_are_kept(
    policy: Policy, queue: list[tuple[int, bool, bool]], zone: str, start: int
) -> None:
    sent = run(policy, queue, zone, start)
    times = [when for when, _, _ in sent]
    assert times == sorted(times)
    assert all(after - before >= policy.gap_min_ms for before, after in pairwise(times))
    if policy.per_minute is not None:
        assert most_in_any_window(times, MINUTE_MS) <= policy.per_minute
    if policy.per_hour is not None:
        assert most_in_any_window(times, HOUR_MS) <= policy.per_hour
    for number, (day, count) in enumerate(_per_day(times, zone)):
        cap = day_cap(policy, (times[-1] - start) // DAY_MS)
        assert cap is None or count <= cap, (number, day)
    strangers = [when for when, stranger, _ in sent if stranger]
    for _, count in _per_day(strangers, zone):
        cap = stranger_cap(policy, (times[-1] - start) // DAY_MS)
        assert cap is None or count <= cap
    for when, (_, _, bulk) in zip(times, queue, strict=True):
        if bulk and policy.quiet_hours:
            assert quiet_until(when, ZoneInfo(zone), policy.quiet_hours.start, policy.quiet_hours.end) is None


def _per_day(times: list[int], zone: str) -> list[tuple[str, int]]:
    local = ZoneInfo(zone)
    return sorted(Counter(datetime.fromtimestamp(when / 1000, local).date().isoformat() for when in times).items())


@settings(max_examples=60, deadline=None)
@given(policy=CUSTOM, queue=QUEUE, later=st.integers(0, 2 * DAY_MS), stranger=st.booleans(), bulk=st.booleans())
def test_waiting_longer_never_brings_the_turn_forward(
    policy: Policy, queue: list[tuple[int, bool, bool]], later: int, stranger: bool, bulk: bool
) -> None:
    state, rng, now = PacingState(), random.Random(2), NOON
    for pause, new, _ in queue[:40]:
        now += pause // 10
        state = pay(policy, state, now, rng, stranger=new)
    first = ask(policy, state, now, stranger=stranger, bulk=bulk)
    second = ask(policy, state, now + later, stranger=stranger, bulk=bulk)
    assert (first.until if isinstance(first, Wait) else now) <= (second.until if isinstance(second, Wait) else now + later)


def test_careful_over_thirty_days() -> None:
    """A campaign to 840 new people by a number linked on 10 March at 9:30, in Paris, over the change of clocks."""
    start = at("2025-03-10T09:30")
    sent = run(CAREFUL, [(0, True, True)] * 840, PARIS, start)
    times = [when for when, _, _ in sent]
    days = _per_day(times, PARIS)
    # A week's growth counts from the first morning that begins with the week completed.
    weeks = [20] * 8 + [25] * 7 + [30] * 7 + [35] * 7 + [40]
    assert [count for _, count in days] == [*weeks, 10]
    assert (days[0][0], days[-1][0]) == ("2025-03-10", "2025-04-09")
    assert most_in_any_window(times, MINUTE_MS) <= 12
    assert min(after - before for before, after in pairwise(times)) >= 2_000
    assert all(8 <= datetime.fromtimestamp(when / 1000, ZoneInfo(PARIS)).hour < 21 for when in times)
    assert times[20] == at("2025-03-11T08:00")


def test_careful_to_people_it_knows_warms_up_to_two_hundred_a_day() -> None:
    start = at("2025-03-10T00:00")
    sent = run(CAREFUL, [(0, False, True)] * 2_500, PARIS, start)
    counts = [count for _, count in _per_day([when for when, _, _ in sent], PARIS)]
    assert counts[0] == 50
    assert counts[:14] == sorted(counts[:14])
    assert counts[15:-1] == [200] * (len(counts) - 16)
    assert max(counts) == 200


def test_times_are_whole_milliseconds_utc() -> None:
    state = pay(CAREFUL, PacingState(), NOON, random.Random(1))
    assert isinstance(state.day_until, int)
    assert datetime.fromtimestamp(state.day_until / 1000, UTC).isoformat() == "2025-06-02T22:00:00+00:00"
