"""How long a campaign would take under its session's pacing policy: a range, reckoned day by day.

It assumes that the session stays connected and sends nothing else; quiet hours are taken in the account's zone. People whom
the session knows don't count as new.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wame_box.messaging.local_time import next_midnight, quiet_until, zone
from wame_box.messaging.pacing import HOUR_MS, MINUTE_MS, SLICES, PacingState
from wame_box.sessions.policy import DAY_MS, Policy, day_cap, stranger_cap

FASTEST_MS, SLOWEST_MS = 1, 10  # a message that nothing holds back: what the box itself needs
ANY_NUMBER = 1 << 60
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


@dataclass(frozen=True)
class _Pace:
    """How fast messages follow each other: `pause` ms between two, windows of `minute` and `hour` ms for the caps."""

    policy: Policy
    pause: int
    minute: int
    hour: int

    def time_for(self, gaps: int) -> int:
        """The time from a first message to the one after so many gaps."""
        if self.policy.per_hour is None:
            return self._within_hour(gaps)
        hours, rest = divmod(gaps, self.policy.per_hour)
        return max(self._within_hour(gaps), hours * self.hour + self._within_hour(rest))

    def _within_hour(self, gaps: int) -> int:
        if self.policy.per_minute is None:
            return gaps * self.pause
        minutes, rest = divmod(gaps, self.policy.per_minute)
        return max(gaps * self.pause, minutes * self.minute + rest * self.pause)

    def room(self, milliseconds: int) -> int:
        """How many messages fit into so much time."""
        if milliseconds <= 0:
            return 0
        low, high = 1, milliseconds // self.pause + 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.time_for(middle - 1) < milliseconds else (low, middle - 1)
        return low


def estimate(policy: Policy, state: PacingState, people: People, *, now: int, account_zone: str, session_age_ms: int) -> Estimate:
    typing = policy.typing_ms_per_character > 0
    shortest = policy.gap_min_ms + (policy.typing_min_ms if typing else 0)
    longest = policy.gap_max_ms + (policy.typing_max_ms if typing else 0)
    paces = (
        _Pace(policy, max(FASTEST_MS, shortest), MINUTE_MS, HOUR_MS),
        # Pacing counts a window in slices, and holds a message for one of them more at most.
        _Pace(policy, max(SLOWEST_MS, longest), MINUTE_MS + MINUTE_MS // SLICES, HOUR_MS + HOUR_MS // SLICES),
    )
    ends = [_finish(pace, state, people, now, account_zone, session_age_ms) for pace in paces]
    return Estimate(*((end - now) // 1000 for end in ends))


def _finish(pace: _Pace, state: PacingState, people: People, now: int, account_zone: str, age_ms: int) -> int:
    """When the last message goes."""
    policy, local = pace.policy, zone(account_zone, "UTC")
    strangers, known, sent = people.strangers, people.known, 0
    moment = max(now, state.restricted_until or 0)
    used, used_strangers = (state.day, state.strangers) if moment < state.day_until else (0, 0)
    for _ in range(SIMULATED_DAYS):
        midnight = next_midnight(moment, local)
        age_days = (age_ms + moment - now) // DAY_MS
        open_at, open_ms = _open(policy, moment, midnight, account_zone)
        room = min(pace.room(open_ms), _left(day_cap(policy, age_days), used))
        new = min(strangers, room, _left(stranger_cap(policy, age_days), used_strangers))
        old = min(known, room - new)
        strangers, known, sent = strangers - new, known - old, new + old
        if strangers + known == 0:
            return open_at + pace.time_for(sent - 1) if sent else moment
        moment, used, used_strangers = midnight, 0, 0
    return moment + (strangers + known) * DAY_MS // max(1, sent)


def _left(cap: int | None, used: int) -> int:
    return ANY_NUMBER if cap is None else max(0, cap - used)


def _open(policy: Policy, moment: int, midnight: int, account_zone: str) -> tuple[int, int]:
    """When sending begins on this day, and for how many milliseconds it is not quiet until midnight."""
    quiet, local = policy.quiet_hours, zone(account_zone, "UTC")
    if quiet is None:
        return moment, midnight - moment
    begins = quiet_until(moment, local, quiet.start, quiet.end) or moment
    silent = sum(HOUR_MS for hour in range(begins, midnight, HOUR_MS) if quiet_until(hour, local, quiet.start, quiet.end))
    return begins, midnight - begins - silent
