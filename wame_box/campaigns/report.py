"""The report of a campaign: the funnel with its shares, failures and skips by reason, and the course over time."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wame_box.campaigns import people_store
from wame_box.campaigns.models import Campaign, Progress
from wame_box.kernel.clock import DAY, HOUR, MINUTE, SECOND, to_rfc3339
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.messaging import batch_store
from wame_box.messaging.models import Batch

STEPS = (SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY)
POINTS = 100

# What each number is a share of.
BASES = {
    "accepted": "audience",
    "skipped": "audience",
    "sent": "accepted",
    "failed": "accepted",
    "cancelled": "accepted",
    "waiting": "accepted",
    "delivered": "sent",
    "read": "sent",
    "replied": "sent",
}


class Share(msgspec.Struct, frozen=True):
    """A number of people, and which share it is of another number of the report (`of`); 0 of nobody is 0."""

    count: int
    share: float
    of: str


class Point(msgspec.Struct, frozen=True):
    """What happened in one step of time, beginning at `at`."""

    at: int
    sent: int
    delivered: int
    read: int
    failed: int


class Report(msgspec.Struct, frozen=True):
    """How a campaign went. `step` is in milliseconds; the series has a point for each step, also where nothing happened."""

    progress: Progress
    shares: Mapping[str, Share]
    failures: list[tuple[str, int]]
    skipped: Mapping[str, int]
    step: int
    series: list[Point]


class Counted(msgspec.Struct, frozen=True):
    code: str
    count: int


class PointView(msgspec.Struct, frozen=True):
    at: str
    sent: int
    delivered: int
    read: int
    failed: int


class ReportView(msgspec.Struct, frozen=True):
    """The report as the API shows it. Each number of the funnel says what its share is of; `step_seconds` is the width of the
    points of `series`."""

    audience: int
    funnel: Mapping[str, Share]
    failures: list[Counted]
    skipped: list[Counted]
    step_seconds: int
    series: list[PointView]

    @classmethod
    def of(cls, report: Report) -> ReportView:
        return cls(
            report.progress.audience,
            report.shares,
            [Counted(code, count) for code, count in report.failures],
            [Counted(code, count) for code, count in report.skipped.items()],
            report.step // 1000,
            [PointView(to_rfc3339(p.at), p.sent, p.delivered, p.read, p.failed) for p in report.series],
        )


def report(sql: Sql, row: Campaign) -> Report:
    """Raises: Refused("campaign_not_launched")."""
    batch = batch_store.batch(sql, row.account_id, row.batch_id) if row.batch_id else None
    if batch is None:
        raise Refused("campaign_not_launched")
    progress = Progress.of(row, batch)
    step, series = course(sql, batch)
    return Report(progress, shares(progress), batch_store.failures(sql, batch.id), row.skipped_counts, step, series)


def shares(progress: Progress) -> dict[str, Share]:
    """Every number with its share of the base that it is part of."""
    return {name: _share(getattr(progress, name), getattr(progress, base), base) for name, base in BASES.items()}


def _share(count: int, base: int, name: str) -> Share:
    return Share(count, round(count / base, 4) if base else 0.0, name)


def course(sql: Sql, batch: Batch) -> tuple[int, list[Point]]:
    """(step in ms, a point for each step) with the smallest step that needs no more than about 100 points."""
    span = people_store.activity_span(sql, batch.id)
    if span is None:
        return STEPS[0], []
    step = step_for(span[1] - span[0])
    found = {at: Point(at, *counts) for at, *counts in people_store.course(sql, batch.id, step)}
    first, last = min(found), max(found)
    return step, [found.get(at, Point(at, 0, 0, 0, 0)) for at in range(first, last + 1, step)]


def step_for(duration: int) -> int:
    """The width of a point for a course of so many milliseconds."""
    return next((step for step in STEPS if duration <= step * POINTS), STEPS[-1])
