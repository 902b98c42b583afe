"""When a session may send: a pure function of its policy, its state, the time and chance.

`decide` answers for one message; `spend` gives the state after it was claimed. Nothing here reads a clock or a database. A
minute and an hour are sliding windows: in none of them, wherever it begins, are more messages than the cap. A day is a
calendar day of the account's time zone. All times are milliseconds UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from wame_box.kernel.errors import N_
from wame_box.messaging.local_time import next_midnight, quiet_until, zone
from wame_box.sessions.policy import (
    CAREFUL,
    DAY_MS,
    NORMAL,
    OFFICIAL,
    UNPACED,
    Policy,
    PolicyName,
    QuietHours,
    WarmUp,
    day_cap,
    policy_named,
    read_policy,
    stranger_cap,
    write_policy,
)

__all__ = [
    "CAREFUL",
    "GO",
    "NORMAL",
    "OFFICIAL",
    "UNPACED",
    "WAIT_TEXTS",
    "Decision",
    "Go",
    "PacingState",
    "Policy",
    "PolicyName",
    "QuietHours",
    "Wait",
    "WaitReason",
    "WarmUp",
    "day_cap",
    "decide",
    "decide_pair",
    "policy_named",
    "read_policy",
    "read_state",
    "spend",
    "spend_pair",
    "stranger_cap",
    "typing_ms",
    "write_policy",
]

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
SLICES = 12  # counts kept for a window: 5 seconds of a minute, 5 minutes of an hour

Scope = Literal["session", "strangers", "recipient"]
Counts = tuple[tuple[int, int], ...]  # (time of the last message, messages) of each slice, oldest first


class WaitReason(StrEnum):
    """Why a message waits. `scheduled` and `paused` are set by those who plan, not by pacing."""

    GAP = "gap"
    MINUTE_CAP = "minute_cap"
    HOUR_CAP = "hour_cap"
    DAY_CAP = "day_cap"
    STRANGER_CAP = "stranger_cap"
    QUIET_HOURS = "quiet_hours"
    RESTRICTED = "restricted"
    PAIR_LIMIT = "pair_limit"
    SCHEDULED = "scheduled"
    PAUSED = "paused"


WAIT_TEXTS = {
    WaitReason.GAP: N_("A short pause between two messages."),
    WaitReason.MINUTE_CAP: N_("This minute's messages are used up."),
    WaitReason.HOUR_CAP: N_("This hour's messages are used up."),
    WaitReason.DAY_CAP: N_("Today's messages are used up."),
    WaitReason.STRANGER_CAP: N_("Today's messages to new people are used up."),
    WaitReason.QUIET_HOURS: N_("It is night where the recipient is."),
    WaitReason.RESTRICTED: N_("WhatsApp has restricted this number; only replies are sent."),
    WaitReason.PAIR_LIMIT: N_("Too many messages to this person in a short time."),
    WaitReason.SCHEDULED: N_("It is planned for later."),
    WaitReason.PAUSED: N_("It was paused."),
}


class Rng(Protocol):
    """The one part of `random.Random` that is used."""

    def randint(self, a: int, b: int) -> int: ...


class PacingState(Struct, frozen=True, omit_defaults=True):
    """What a session has sent lately; JSON. `day_until`: when the calendar day ends that `day` and `strangers` count."""

    next_at: int = 0
    minute: Counts = ()
    hour: Counts = ()
    day_until: int = 0
    day: int = 0
    strangers: int = 0
    restricted_until: int | None = None


class Go(Struct, frozen=True):
    """Send it now."""


class Wait(Struct, frozen=True):
    """Not before `until`. `scope`: who else waits as long: all of the session, all new people, or this recipient alone."""

    until: int
    reason: WaitReason
    scope: Scope


Decision = Go | Wait
GO = Go()


def read_state(text: str | bytes) -> PacingState:
    """A state from its JSON."""
    return msgspec.json.decode(text, type=PacingState)


def decide(
    policy: Policy,
    state: PacingState,
    now: int,
    *,
    stranger: bool,
    warm: bool,
    bulk: bool,
    recipient_zone: str | None,
    account_zone: str,
    session_age_ms: int,
    rng: Rng | None = None,
) -> Decision:
    """Whether one message may go now, else the rule that holds it longest.

    `stranger`: the session never wrote to this person; `warm`: the person wrote to the session; `bulk`: part of a campaign,
    which quiet hours hold back in the recipient's zone (the account's when that is unknown).
    """
    age_days = session_age_ms // DAY_MS
    waits = [
        _restriction(state, now, stranger, warm),
        _gap(policy, state, now),
        _window(state.minute, MINUTE_MS, policy.per_minute, WaitReason.MINUTE_CAP, now),
        _window(state.hour, HOUR_MS, policy.per_hour, WaitReason.HOUR_CAP, now),
        *_day(policy, state, now, stranger and not warm, account_zone, age_days),
        _quiet(policy, now, recipient_zone, account_zone) if bulk else None,
    ]
    # With equal ends the widest scope tells most.
    return max((wait for wait in waits if wait), key=lambda wait: (wait.until, wait.scope == "session"), default=GO)


def _restriction(state: PacingState, now: int, stranger: bool, warm: bool) -> Wait | None:
    until = state.restricted_until
    if until is None or now >= until or warm:
        return None
    return Wait(until, WaitReason.RESTRICTED, "strangers" if stranger else "recipient")


def _gap(policy: Policy, state: PacingState, now: int) -> Wait | None:
    # Further away than any gap: the clock was set back, or the policy became faster. Neither may hold the session.
    within_reach = now < state.next_at <= now + policy.gap_max_ms + policy.typing_max_ms
    return Wait(state.next_at, WaitReason.GAP, "session") if within_reach else None


def _window(counts: Counts, length: int, cap: int | None, reason: WaitReason, now: int) -> Wait | None:
    if cap is None:
        return None
    inside = _inside(counts, length, now)
    left = sum(count for _, count in inside)
    until = now
    for last_at, count in inside:
        if left < cap:
            break
        left -= count
        until = last_at + length
    return Wait(until, reason, "session") if until > now else None


def _inside(counts: Counts, length: int, now: int) -> Counts:
    """The slices of the window that ends now. Those from the future are of a clock that was set back: they don't count."""
    return tuple(part for part in counts if now - length < part[0] <= now)


def _day(policy: Policy, state: PacingState, now: int, stranger: bool, account_zone: str, age_days: int) -> list[Wait]:
    if now >= state.day_until:
        return []
    waits = []
    cap = day_cap(policy, age_days)
    if cap is not None and state.day >= cap:
        waits.append(Wait(_day_end(state, now, account_zone), WaitReason.DAY_CAP, "session"))
    cap = stranger_cap(policy, age_days) if stranger else None
    if cap is not None and state.strangers >= cap:
        waits.append(Wait(_day_end(state, now, account_zone), WaitReason.STRANGER_CAP, "strangers"))
    return waits


def _day_end(state: PacingState, now: int, account_zone: str) -> int:
    """The end of the day that is being counted; of today when the clock was set back."""
    return min(state.day_until, next_midnight(now, zone(account_zone, "UTC")))


def _quiet(policy: Policy, now: int, recipient_zone: str | None, account_zone: str) -> Wait | None:
    if policy.quiet_hours is None:
        return None
    until = quiet_until(now, zone(recipient_zone, account_zone), policy.quiet_hours.start, policy.quiet_hours.end)
    return Wait(until, WaitReason.QUIET_HOURS, "recipient") if until is not None else None


def spend(
    policy: Policy,
    state: PacingState,
    now: int,
    *,
    stranger: bool,
    account_zone: str,
    rng: Rng,
    warm: bool = False,
    busy_ms: int = 0,
) -> PacingState:
    """The state after a message was claimed now. `busy_ms`: how long sending it takes (typing), added to the gap."""
    same_day = now < state.day_until
    new_person = int(stranger and not warm)
    return PacingState(
        next_at=now + busy_ms + rng.randint(policy.gap_min_ms, policy.gap_max_ms),
        minute=() if policy.per_minute is None else _counted(state.minute, MINUTE_MS, now),
        hour=() if policy.per_hour is None else _counted(state.hour, HOUR_MS, now),
        day_until=_day_end(state, now, account_zone) if same_day else next_midnight(now, zone(account_zone, "UTC")),
        day=state.day + 1 if same_day else 1,
        strangers=(state.strangers if same_day else 0) + new_person,
        restricted_until=state.restricted_until if (state.restricted_until or 0) > now else None,
    )


def _counted(counts: Counts, length: int, now: int) -> Counts:
    inside = _inside(counts, length, now)
    width = length // SLICES
    if inside and inside[-1][0] // width == now // width:
        return (*inside[:-1], (now, inside[-1][1] + 1))
    return (*inside, (now, 1))


def typing_ms(policy: Policy, characters: int) -> int:
    """How long "typing…" is shown before a text of so many characters; 0 where the policy shows none."""
    if policy.typing_ms_per_character == 0:
        return 0
    return min(max(characters * policy.typing_ms_per_character, policy.typing_min_ms), policy.typing_max_ms)


def decide_pair(policy: Policy, paid_until: int, now: int) -> Decision:
    """The limit of messages to one person. `paid_until` is that person's state, 0 at first."""
    until = paid_until - policy.pair_gap_ms * (policy.pair_burst - 1)
    return Wait(until, WaitReason.PAIR_LIMIT, "recipient") if policy.pair_gap_ms and until > now else GO


def spend_pair(policy: Policy, paid_until: int, now: int) -> int:
    """The person's state after one more message: each one costs `pair_gap_ms` of time, the burst is credit."""
    return max(paid_until, now) + policy.pair_gap_ms
