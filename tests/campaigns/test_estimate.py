"""The estimate against pacing itself: what the rules would do, message by message, falls into the range that is shown."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from wame_box.campaigns.estimate import People, estimate
from wame_box.messaging import pacing
from wame_box.messaging.pacing import CAREFUL, NORMAL, OFFICIAL, UNPACED, Go, PacingState, Policy, PolicyName

PARIS = "Europe/Paris"
NOON = 1_800_010_800_000  # 2027-01-15 12:00 in Paris
DAY = 86_400_000


def by_the_rules(policy: Policy, people: People, now: int, age_ms: int) -> int:
    """Seconds until the last message, with everybody in the account's zone; strangers and others take turns."""
    rng, state, start, first_age = random.Random(7), PacingState(), now, age_ms
    left = [people.strangers, people.known]
    while sum(left):
        age_ms = first_age + now - start
        waits = []
        for kind in (0, 1):
            if not left[kind]:
                continue
            decision = pacing.decide(
                policy,
                state,
                now,
                stranger=kind == 0,
                warm=False,
                bulk=True,
                recipient_zone=PARIS,
                account_zone=PARIS,
                session_age_ms=age_ms,
            )
            if isinstance(decision, Go):
                busy = pacing.typing_ms(policy, rng.randint(20, 200))
                state = pacing.spend(policy, state, now, stranger=kind == 0, account_zone=PARIS, rng=rng, busy_ms=busy)
                left[kind] -= 1
                waits = [now]
                break
            waits.append(decision.until)
        if sum(left):
            now = max(now, min(waits))
    return (now - start) // 1000


@pytest.mark.parametrize("policy", [CAREFUL, NORMAL, OFFICIAL, replace(CAREFUL, name=PolicyName.CUSTOM, quiet_hours=None)])
@pytest.mark.parametrize("people", [People(5, 0), People(0, 150), People(40, 30), People(300, 0), People(100, 700)])
@pytest.mark.parametrize("age_days", [0, 30])
@pytest.mark.parametrize("start", [NOON, NOON + 11 * 3_600_000])
def test_the_rules_fall_into_the_range(policy: Policy, people: People, age_days: int, start: int) -> None:
    found = estimate(policy, PacingState(), people, now=start, account_zone=PARIS, session_age_ms=age_days * DAY)
    real = by_the_rules(policy, people, start, age_days * DAY)
    slack = 300  # the estimate begins each day with empty windows
    assert found.at_least - slack <= real <= found.at_most + slack, (found, real)


def test_a_thousand_new_people_take_weeks_under_careful() -> None:
    found = estimate(CAREFUL, PacingState(), People(1000, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert 28 * 86_400 < found.at_least <= found.at_most < 35 * 86_400


def test_unpaced_is_a_matter_of_seconds() -> None:
    found = estimate(UNPACED, PacingState(), People(1000, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert 0 <= found.at_least <= found.at_most <= 15


def test_what_was_used_today_counts() -> None:
    used = PacingState(day_until=NOON + 12 * 3_600_000, day=30, strangers=20)
    found = estimate(CAREFUL, used, People(1, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert found.at_least >= 12 * 3600


def test_a_restriction_is_waited_for() -> None:
    held = PacingState(restricted_until=NOON + 3_600_000)
    found = estimate(NORMAL, held, People(1, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert found.at_least == found.at_most == 3600


def test_a_million_people_are_reckoned_quickly() -> None:
    found = estimate(CAREFUL, PacingState(), People(1_000_000, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert 60 * 365 * 86_400 < found.at_least <= found.at_most < 75 * 365 * 86_400


def test_nobody_takes_no_time() -> None:
    found = estimate(CAREFUL, PacingState(), People(0, 0), now=NOON, account_zone=PARIS, session_age_ms=0)
    assert (found.at_least, found.at_most) == (0, 0)
