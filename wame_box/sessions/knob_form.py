"""The form of a sandbox session's knobs: seconds and percent for people, milliseconds and shares inside."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.sessions.engines.sandbox.knobs import LONGEST, KnobChanges, Knobs, Network

register(
    {
        "percent_wrong": Problem(422, N_("Give a number from 0 to 100.")),
        "span_seconds": Problem(422, N_("Give the least and the most seconds, 0 to %(most)s, the least first.")),
        "replies_wrong": Problem(422, N_("At most 50 answers of 1,000 characters, one a line.")),
    }
)

SPANS = ("ack", "deliver", "read", "reply")
RATES = ("read", "reply", "failure", "not_on_whatsapp", "unanswered")


def fields_of(knobs: Knobs) -> dict[str, str]:
    """The knobs as the form shows them."""
    values = {"network": str(knobs.network), "replies": "\n".join(knobs.replies)}
    for name in SPANS:
        least, most = getattr(knobs, f"{name}_ms")
        values |= {f"{name}_min": f"{least / 1000:g}", f"{name}_max": f"{most / 1000:g}"}
    for name in RATES:
        values[f"{name}_rate"] = f"{getattr(knobs, f'{name}_rate') * 100:g}"
    return values


def changes_of(values: Mapping[str, str]) -> KnobChanges:
    """What a submitted form wishes.

    Raises: Refused("invalid_input") naming the fields.
    """
    wrong: list[FieldError] = []
    given: dict[str, object] = {"replies": [line.strip() for line in values.get("replies", "").splitlines() if line.strip()]}
    if values.get("network") in list(Network):
        given["network"] = values["network"]
    for name in SPANS:
        least, most = (_number(values.get(f"{name}_{end}", ""), 1000) for end in ("min", "max"))
        if least is None or most is None or not 0 <= least <= most <= LONGEST:
            wrong.append(FieldError(f"{name}_max", "span_seconds", {"most": LONGEST // 1000}))
        else:
            given[f"{name}_ms"] = (round(least), round(most))
    for name in RATES:
        percent = _number(values.get(f"{name}_rate", ""), 1)
        if percent is None or not 0 <= percent <= 100:
            wrong.append(FieldError(f"{name}_rate", "percent_wrong", {}))
        else:
            given[f"{name}_rate"] = percent / 100
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    try:
        return msgspec.convert(given, KnobChanges)
    except msgspec.ValidationError:
        raise Refused("invalid_input", fields=[FieldError("replies", "replies_wrong", {})]) from None


def _number(text: str, factor: int) -> float | None:
    try:
        return float(text.replace(",", ".")) * factor
    except ValueError:
        return None
