"""What a measurement says: a figure beside its budget, and the table of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Line:
    """One figure. `met` is None for a figure that has no budget of its own."""

    what: str
    measured: str
    budget: str = ""
    met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str, digits: int = 1) -> Line:
    """A figure that should stay below its limit."""
    return Line(what, f"{value:.{digits}f} {unit}", f"< {limit:g} {unit}", value < limit)


def at_least(what: str, value: float, limit: float, unit: str, digits: int = 0) -> Line:
    """A figure that should reach its limit."""
    return Line(what, f"{value:,.{digits}f} {unit}".rstrip(), f"≥ {limit:g} {unit}".rstrip(), value >= limit)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all (0 to 1) do not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def spread(values: Sequence[float]) -> str:
    """The median with the least and the most, for figures of a noisy machine."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def show(title: str, lines: list[Line]) -> None:
    click.echo(f"\n{title}")
    width = max(len(line.what) for line in lines)
    for line in lines:
        verdict = {True: "met", False: "NOT MET", None: ""}[line.met]
        click.echo(f"  {line.what:<{width}}  {line.measured:>34}  {line.budget:>12}  {verdict}".rstrip())
