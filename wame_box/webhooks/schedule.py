"""When a failed delivery is tried again, and when an endpoint is given up: pure functions."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from wame_box.kernel.clock import DAY, HOUR, MINUTE, SECOND, from_datetime

# Waits after the first, second … failed attempt; one more failure after the last wait ends the series, within three days.
WAITS = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    10 * HOUR,
    14 * HOUR,
    24 * HOUR,
)
JITTER = 0.1
MOST_RETRY_AFTER = DAY
GIVE_UP_AFTER = 3 * DAY
SHORTEST_SERIES = round(sum(WAITS) * (1 - JITTER))

# An endpoint that fails again and again is asked ever more slowly, so that a dead one costs nothing and a sick one can rise.
PATIENCE = 5
FIRST_PAUSE = 100
LONGEST_PAUSE = 5 * SECOND


def wait_after(attempts: int, chance: float, retry_after: int | None = None) -> int | None:
    """Milliseconds until the next attempt, after `attempts` failed ones; None when that was the last.

    `chance` (0 to 1) spreads the waits by ±10 %; `retry_after` is what the receiver asked for, and only lengthens the wait.
    """
    if attempts > len(WAITS):
        return None
    wait = round(WAITS[attempts - 1] * (1 + JITTER * (2 * chance - 1)))
    return max(wait, min(retry_after or 0, MOST_RETRY_AFTER))


def pause_after(failures: int) -> int:
    """Milliseconds before an endpoint is asked anything again, after that many failures in a row."""
    if failures < PATIENCE:
        return 0
    return min(FIRST_PAUSE << min(failures - PATIENCE, 10), LONGEST_PAUSE)


def is_given_up(failing_since: int, ended: bool, now: int) -> bool:
    """Whether an endpoint that just failed is switched off: nothing succeeded for three days, or while a whole series `ended`."""
    return now - failing_since >= (SHORTEST_SERIES if ended else GIVE_UP_AFTER)


def read_retry_after(text: str, now: int) -> int | None:
    """Milliseconds of a `Retry-After` header (seconds or an HTTP date); None when it says nothing usable."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * SECOND, MOST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return max(0, from_datetime(moment.astimezone(UTC) if moment.tzinfo else moment) - now)
