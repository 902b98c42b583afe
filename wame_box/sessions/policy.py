"""Pacing policies: how fast and to whom a session may send. Plain values; `messaging/pacing.py` obeys them.

A session stores its policy as JSON: `{"name": "careful"}`, or `{"name": "custom", …}` with the fields that differ from Careful.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

DAY_MS = 86_400_000


class PolicyName(StrEnum):
    CAREFUL = "careful"
    NORMAL = "normal"
    CUSTOM = "custom"
    OFFICIAL = "official"
    UNPACED = "unpaced"


Hour = Annotated[int, Meta(ge=0, le=23)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]
Cap = Annotated[int, Meta(ge=1, le=1_000_000)]
Percent = Annotated[int, Meta(ge=1, le=100)]


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """No campaign messages from `start` to `end`, whole hours where the recipient is; it may pass midnight."""

    start: Hour
    end: Hour

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("quiet hours that begin and end together")


class WarmUp(Struct, frozen=True, forbid_unknown_fields=True):
    """A new session's daily cap: `from_percent` of it on the first day, growing in a straight line to all of it after `days`."""

    days: Annotated[int, Meta(ge=1, le=365)]
    from_percent: Percent


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All numbers of a policy; the defaults are Careful's. A cap of None is no cap.

    gap_min_ms, gap_max_ms: the random pause between two messages. per_minute, per_hour: in any minute, any hour. per_day: in a
    calendar day of the account's zone, less while the session warms up. strangers_per_day: people never written to before, on
    the first days; `strangers_more_each_week` are added for each full week of the session's age, up to `strangers_at_most`.
    typing_…: how long "typing…" is shown before a text, by its characters. pair_…: at most `pair_burst` messages at once to
    one person, then one in `pair_gap_ms`; 0: no such limit.
    """

    name: PolicyName = PolicyName.CAREFUL
    gap_min_ms: Milliseconds = 2_000
    gap_max_ms: Milliseconds = 8_000
    per_minute: Cap | None = 12
    per_hour: Cap | None = 120
    per_day: Cap | None = 200
    warm_up: WarmUp | None = WarmUp(days=14, from_percent=25)
    strangers_per_day: Cap | None = 20
    strangers_more_each_week: Annotated[int, Meta(ge=0, le=10_000)] = 5
    strangers_at_most: Cap = 40
    quiet_hours: QuietHours | None = QuietHours(start=21, end=8)
    typing_ms_per_character: Annotated[int, Meta(ge=0, le=1_000)] = 30
    typing_min_ms: Milliseconds = 800
    typing_max_ms: Milliseconds = 6_000
    pair_gap_ms: Milliseconds = 0
    pair_burst: Annotated[int, Meta(ge=0, le=10_000)] = 0

    def __post_init__(self) -> None:
        if self.gap_min_ms > self.gap_max_ms:
            raise ValueError("gap_min_ms is greater than gap_max_ms")
        if self.typing_min_ms > self.typing_max_ms:
            raise ValueError("typing_min_ms is greater than typing_max_ms")
        if self.strangers_per_day is not None and self.strangers_per_day > self.strangers_at_most:
            raise ValueError("strangers_per_day is greater than strangers_at_most")

    @property
    def sandbox_only(self) -> bool:
        """Whether a real number would be banned for it: no pause, or no daily cap. Unpaced, and a Custom that is like it."""
        if self.name == PolicyName.OFFICIAL:
            return False
        return self.gap_min_ms < 500 or self.per_day is None or self.strangers_per_day is None


CAREFUL = Policy()
NORMAL = Policy(
    name=PolicyName.NORMAL,
    gap_min_ms=1_000,
    gap_max_ms=4_000,
    per_minute=24,
    per_hour=400,
    per_day=1_000,
    warm_up=WarmUp(days=7, from_percent=30),
    strangers_per_day=60,
    strangers_more_each_week=0,
    strangers_at_most=60,
    typing_ms_per_character=15,
    typing_min_ms=500,
    typing_max_ms=3_000,
)
# Meta's limits: 80 messages a second; one in six seconds to the same person after a burst of 45. 250 people a day is the tier
# that a new business begins in.
OFFICIAL = Policy(
    name=PolicyName.OFFICIAL,
    gap_min_ms=12,
    gap_max_ms=13,
    per_minute=4_800,
    per_hour=None,
    per_day=None,
    warm_up=None,
    strangers_per_day=250,
    strangers_more_each_week=0,
    strangers_at_most=250,
    quiet_hours=QuietHours(start=21, end=8),
    typing_ms_per_character=0,
    pair_gap_ms=6_000,
    pair_burst=45,
)
UNPACED = Policy(
    name=PolicyName.UNPACED,
    gap_min_ms=0,
    gap_max_ms=0,
    per_minute=None,
    per_hour=None,
    per_day=None,
    warm_up=None,
    strangers_per_day=None,
    quiet_hours=None,
    typing_ms_per_character=0,
)
_NAMED = {policy.name: policy for policy in (CAREFUL, NORMAL, OFFICIAL, UNPACED)}


def policy_named(name: str) -> Policy:
    """The policy of this name; `custom` begins as Careful. Raises: KeyError for no name of a policy."""
    if name == PolicyName.CUSTOM:
        return msgspec.structs.replace(CAREFUL, name=PolicyName.CUSTOM)
    try:
        return _NAMED[PolicyName(name)]
    except ValueError:
        raise KeyError(name) from None


def read_policy(text: str | bytes) -> Policy:
    """A policy from its JSON. Of a named one only the name counts, so that it follows the box's version.

    Raises: msgspec.ValidationError, msgspec.DecodeError.
    """
    policy = msgspec.json.decode(text, type=Policy)
    return policy if policy.name == PolicyName.CUSTOM else _NAMED[policy.name]


def write_policy(policy: Policy) -> str:
    """The JSON that `read_policy` reads. `name` is always in it."""
    if policy.name != PolicyName.CUSTOM:
        return msgspec.json.encode({"name": policy.name}).decode()
    return msgspec.json.encode(policy).decode()


def day_cap(policy: Policy, age_days: int) -> int | None:
    """Messages a day at this age of the session, in whole days."""
    if policy.per_day is None or policy.warm_up is None:
        return policy.per_day
    ramp = policy.warm_up
    days = min(max(age_days, 0), ramp.days)
    percent_days = ramp.from_percent * ramp.days + (100 - ramp.from_percent) * days
    return max(1, policy.per_day * percent_days // (100 * ramp.days))


def stranger_cap(policy: Policy, age_days: int) -> int | None:
    """New people a day at this age of the session, in whole days."""
    if policy.strangers_per_day is None:
        return None
    grown = policy.strangers_per_day + policy.strangers_more_each_week * (max(age_days, 0) // 7)
    return min(grown, policy.strangers_at_most)
