"""Pacing policies for people: a sentence about each, and the form of one's own numbers, read and filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.i18n import show_number
from wame_box.messaging.pacing import CAREFUL, NORMAL, OFFICIAL, UNPACED, Policy, PolicyName, QuietHours, WarmUp
from wame_box.sessions.models import EngineKind

register(
    {
        "number_wanted": Problem(422, N_("Write a number from %(least)s to %(most)s.")),
        "gap_order": Problem(422, N_("The longest pause is shorter than the shortest one.")),
        "strangers_order": Problem(422, N_("This is less than the new people a day at the beginning.")),
        "quiet_same": Problem(422, N_("The quiet hours begin and end at the same time.")),
    }
)

NAMES = {
    PolicyName.CAREFUL: N_("Careful"),
    PolicyName.NORMAL: N_("Normal"),
    PolicyName.OFFICIAL: N_("Official"),
    PolicyName.CUSTOM: N_("Custom"),
    PolicyName.UNPACED: N_("Unpaced"),
}
REASONS = {
    PolicyName.CAREFUL: N_("For numbers that must not be lost: the pace of somebody who types."),
    PolicyName.NORMAL: N_("For numbers that have written to many people for months."),
    PolicyName.OFFICIAL: N_("The limits that Meta sets for its official API."),
    PolicyName.CUSTOM: N_("Your own numbers, below."),
    PolicyName.UNPACED: N_("As fast as it can. Only the sandbox accepts it: a real number would be banned."),
}
SECOND = 1_000
TYPING = CAREFUL.typing_ms_per_character


@dataclass(frozen=True)
class Choice:
    """A card of the editor. `numbers`: the policy's in one sentence."""

    name: PolicyName
    title: str
    reason: str
    numbers: str
    disabled: bool


@dataclass(frozen=True)
class NumberField:
    """A whole number of the form. `optional`: left empty it is no cap."""

    name: str
    least: int
    most: int
    optional: bool = False


FIELDS = (
    NumberField("per_minute", 1, 10_000, True),
    NumberField("per_hour", 1, 100_000, True),
    NumberField("per_day", 1, 1_000_000, True),
    NumberField("strangers_per_day", 1, 1_000_000, True),
    NumberField("strangers_more_each_week", 0, 10_000),
    NumberField("strangers_at_most", 1, 1_000_000),
)
WARM_UP = (NumberField("warm_up_days", 1, 365), NumberField("warm_up_percent", 1, 100))
HOURS = tuple((str(hour), f"{hour:02d}:00") for hour in range(24))


def choices(engine: EngineKind) -> list[Choice]:
    """The cards for a session of this engine, in the language spoken now."""
    official = engine is EngineKind.CLOUD
    offered = [OFFICIAL] if official else [CAREFUL, NORMAL]
    cards = [Choice(one.name, _(NAMES[one.name]), _(REASONS[one.name]), numbers_of(one), False) for one in offered]
    cards.append(Choice(PolicyName.CUSTOM, _(NAMES[PolicyName.CUSTOM]), _(REASONS[PolicyName.CUSTOM]), "", False))
    if not official:
        closed = engine is not EngineKind.SANDBOX
        name = UNPACED.name
        cards.append(Choice(name, _(NAMES[name]), _(REASONS[name]), "", closed))
    return cards


def numbers_of(policy: Policy) -> str:
    """The policy's numbers in one sentence, in the language spoken now."""
    parts = []
    if policy.gap_max_ms >= SECOND:
        gap = f"{_seconds(policy.gap_min_ms)}–{_seconds(policy.gap_max_ms)}"
        parts.append(_("%(gap)s s between messages", gap=gap))
    elif policy.gap_max_ms:
        parts.append(_("up to %(n)s messages a second", n=show_number(SECOND // policy.gap_max_ms)))
    if policy.per_day is not None:
        parts.append(_("%(n)s messages a day", n=show_number(policy.per_day)))
    if policy.strangers_per_day is not None:
        first, most = show_number(policy.strangers_per_day), show_number(policy.strangers_at_most)
        grows = policy.strangers_at_most > policy.strangers_per_day
        text = N_("%(first)s to %(most)s new people a day") if grows else N_("%(first)s new people a day")
        parts.append(_(text, first=first, most=most))
    if policy.quiet_hours is not None:
        parts.append(_("no campaigns from %(start)s to %(end)s h", start=policy.quiet_hours.start, end=policy.quiet_hours.end))
    return ", ".join(parts)


def _seconds(milliseconds: int) -> str:
    return show_number(milliseconds / SECOND)


# -- the form of one's own numbers -------------------------------------------------------------------------------------


def fill_form(policy: Policy) -> dict[str, str]:
    """The fields as the form shows them. Switches that are off are left out."""
    values = {
        "policy": str(policy.name),
        "gap_min": f"{policy.gap_min_ms / SECOND:g}",
        "gap_max": f"{policy.gap_max_ms / SECOND:g}",
        "quiet_from": str(policy.quiet_hours.start if policy.quiet_hours else 21),
        "quiet_to": str(policy.quiet_hours.end if policy.quiet_hours else 8),
        "warm_up_days": str(policy.warm_up.days if policy.warm_up else 14),
        "warm_up_percent": str(policy.warm_up.from_percent if policy.warm_up else 25),
    }
    for field in FIELDS:
        number = getattr(policy, field.name)
        values[field.name] = "" if number is None else str(number)
    on = {"quiet": policy.quiet_hours, "warm_up": policy.warm_up, "typing": policy.typing_ms_per_character}
    return values | {name: "1" for name, setting in on.items() if setting}


def read_custom(values: Mapping[str, str]) -> dict[str, Any]:
    """The form as `PolicyChange.custom`: every number that it has.

    Raises: Refused("invalid_input") naming the fields.
    """
    wrong: list[FieldError] = []
    numbers: dict[str, Any] = {field.name: _whole(values, field, wrong) for field in FIELDS}
    gap_min, gap_max = _gap(values, "gap_min", wrong), _gap(values, "gap_max", wrong)
    quiet, warm_up = _quiet(values, wrong), _warm_up(values, wrong)
    if not wrong:
        wrong = _disorder(gap_min, gap_max, numbers)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    typing = {} if "typing" in values else {"typing_ms_per_character": 0}
    return {**numbers, **typing, "gap_min_ms": gap_min, "gap_max_ms": gap_max, "quiet_hours": quiet, "warm_up": warm_up}


def _whole(values: Mapping[str, str], field: NumberField, wrong: list[FieldError]) -> int | None:
    text = values.get(field.name, "")
    if not text and field.optional:
        return None
    if text.isascii() and text.isdigit() and field.least <= int(text) <= field.most:
        return int(text)
    wrong.append(_number_wanted(field.name, field.least, field.most))
    return None


def _gap(values: Mapping[str, str], name: str, wrong: list[FieldError]) -> int:
    try:
        seconds = float(values.get(name, "").replace(",", "."))
    except ValueError:
        seconds = -1
    if 0 <= seconds <= 3_600:
        return round(seconds * SECOND)
    wrong.append(_number_wanted(name, 0, 3_600))
    return 0


def _number_wanted(name: str, least: int, most: int) -> FieldError:
    return FieldError(name, "number_wanted", {"least": show_number(least), "most": show_number(most)})


def _quiet(values: Mapping[str, str], wrong: list[FieldError]) -> dict[str, int] | None:
    if "quiet" not in values:
        return None
    hours = [_whole(values, NumberField(name, 0, 23), wrong) for name in ("quiet_from", "quiet_to")]
    if None not in hours and hours[0] == hours[1]:
        wrong.append(FieldError("quiet_to", "quiet_same", {}))
        return None
    return {name: hour for name, hour in zip(QuietHours.__struct_fields__, hours, strict=True) if hour is not None}


def _warm_up(values: Mapping[str, str], wrong: list[FieldError]) -> dict[str, int] | None:
    if "warm_up" not in values:
        return None
    found = [_whole(values, field, wrong) for field in WARM_UP]
    return {name: number for name, number in zip(WarmUp.__struct_fields__, found, strict=True) if number is not None}


def _disorder(gap_min: int, gap_max: int, numbers: Mapping[str, Any]) -> list[FieldError]:
    wrong = []
    if gap_min > gap_max:
        wrong.append(FieldError("gap_max", "gap_order", {}))
    if (numbers["strangers_per_day"] or 0) > numbers["strangers_at_most"]:
        wrong.append(FieldError("strangers_at_most", "strangers_order", {}))
    return wrong
