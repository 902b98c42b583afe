"""How long a campaign would take under its session's pacing policy: a range, reckoned day by day.

It assumes that the session stays connected and sends nothing else; quiet hours are taken in the account's zone. People whom
the session knows don't count as new.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wame_box.messaging.local_time import next_midnight, quiet_until, zone
from wame_box.messaging.pacing import HOUR_MS, MINUTE_MS, PacingState
from wame_box.sessions.policy import DAY_MS, Policy, day_cap, stranger_cap

FASTEST_MS, SLOWEST_MS = 1, 10  # a message that nothing holds back: what the box itself needs
SIMULATED_DAYS = 400  # by then every ramp has ended; the rest is in proportion


class Estimate(msgspec.Struct, frozen=True):
    """Seconds from the launch to the last message: at least, at most."""

    at_least: int
    at_most: int


@dataclass(frozen=True)
class People:
    """Whom the campaign would reach: people the session never wrote to, and others."""

    strangers: int
    known: int


def estimate(policy: Policy, state: PacingState, people: People, *, now: int, account_zone: str, session_age_ms: int) -> Estimate:
    ends = [
        _finish(policy, state, people, now, account_zone, session_age_ms, pause)
        for pause in (
            max(FASTEST_MS, policy.gap_min_ms + _typing(policy.typing_min_ms, policy)),
            max(SLOWEST_MS, policy.gap_max_ms + _typing(policy.typing_max_ms, policy)),
        )
    ]
    return Estimate(*((end - now) // 1000 for end in ends))


def _typing(milliseconds: int, policy: Policy) -> int:
    return milliseconds if policy.typing_ms_per_character else 0


def _finish(policy: Policy, state: PacingState, people: People, now: int, account_zone: str, age_ms: int, pause: int) -> int:
    """When the last message goes, with `pause` milliseconds between two."""
    local = zone(account_zone, "UTC")
    strangers, known = people.strangers, people.known
    moment = max(now, state.restricted_until or 0)
    used, used_strangers = (state.day, state.strangers) if moment < state.day_until else (0, 0)
    for _ in range(SIMULATED_DAYS):
        midnight = next_midnight(moment, local)
        age_days = (age_ms + moment - now) // DAY_MS
        open_at = _opens(policy, moment, account_zone)
        room = _room(policy, open_at, midnight, account_zone, pause)
        cap = day_cap(policy, age_days)
        room = room if cap is None else min(room, max(0, cap - used))
        cap = stranger_cap(policy, age_days)
        new = min(strangers, room) if cap is None else min(strangers, room, max(0, cap - used_strangers))
        old = min(known, room - new)
        strangers, known = strangers - new, known - old
        if strangers + known == 0:
            return open_at + _time_for(policy, max(0, new + old - 1), pause)
        last_day = new + old
        moment, used, used_strangers = midnight, 0, 0
    return moment + (strangers + known) * DAY_MS // max(1, last_day)


def _opens(policy: Policy, moment: int, account_zone: str) -> int:
    quiet = policy.quiet_hours
    until = quiet_until(moment, zone(account_zone, "UTC"), quiet.start, quiet.end) if quiet else None
    return until or moment


def _room(policy: Policy, open_at: int, midnight: int, account_zone: str, pause: int) -> int:
    """How many messages fit into what is left of the day."""
    open_ms = max(0, midnight - open_at)
    quiet = policy.quiet_hours
    if quiet and open_ms:
        open_ms -= sum(
            HOUR_MS
            for hour in range(open_at, midnight, HOUR_MS)
            if quiet_until(hour, zone(account_zone, "UTC"), quiet.start, quiet.end)
        )
    if open_ms <= 0:
        return 0
    low, high = 0, open_ms // pause + 1
    while low < high:  # the most messages whose time fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _time_for(policy, middle - 1, pause) <= open_ms else (low, middle - 1)
    return low


def _time_for(policy: Policy, gaps: int, pause: int) -> int:
    """The time that so many pauses take, with the caps of minute and hour."""
    waits = [gaps * pause]
    for cap, length in ((policy.per_minute, MINUTE_MS), (policy.per_hour, HOUR_MS)):
        if cap is not None:
            waits.append(gaps // cap * length)
    return max(waits)
