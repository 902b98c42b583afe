"""Calendar days and quiet hours in a time zone, right on the days when clocks change. Times are milliseconds UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_UTC = ZoneInfo("UTC")


@lru_cache(maxsize=512)
def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such zone, no valid name, the name of a folder
        return None


def zone(name: str | None, otherwise: str) -> ZoneInfo:
    """The zone of this name, else the other one, else UTC: a number's or a setting's bad zone must not stop sending."""
    return _zone(name) or _zone(otherwise) or _UTC


def day_start(now: int, local: ZoneInfo) -> int:
    """When the calendar day of `now` began there: not later than `now`."""
    today = _local(now, local).date()
    return min(now, _moment(datetime(today.year, today.month, today.day, tzinfo=local)))


def next_midnight(now: int, local: ZoneInfo) -> int:
    """When the calendar day of `now` ends there: later than `now`. Days have 23 to 25 hours, rarely others."""
    tomorrow = _local(now, local).date() + timedelta(days=1)
    end = _moment(datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=local))
    return end if end > now else end + 86_400_000


def quiet_until(now: int, local: ZoneInfo, start: int, end: int) -> int | None:
    """When the quiet hours around `now` end there; None outside of them."""
    here = _local(now, local)
    quiet = start <= here.hour < end if start < end else here.hour >= start or here.hour < end
    if not quiet:
        return None
    day = here.date() if here.hour < end else here.date() + timedelta(days=1)
    until = _moment(datetime(day.year, day.month, day.day, end, tzinfo=local))
    return until if until > now else now + 60_000


def _local(now: int, local: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(now / 1000, tz=local)


def _moment(local: datetime) -> int:
    return int(local.timestamp() * 1000)
