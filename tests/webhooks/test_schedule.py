"""When a failed delivery is tried again: the waits, their jitter, Retry-After, and the end."""

from __future__ import annotations

import pytest

from wame_box.kernel.clock import DAY, HOUR, MINUTE, SECOND
from wame_box.webhooks import schedule

NOW = 1_800_000_000_000


def test_the_waits_and_the_end() -> None:
    waits = [schedule.wait_after(failed, 0.5) for failed in range(1, 11)]
    assert waits == [
        *(5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR),
        *(10 * HOUR, 10 * HOUR, 14 * HOUR, 24 * HOUR, None),
    ]


def test_jitter_is_ten_percent_at_most() -> None:
    assert schedule.wait_after(2, 0.0) == 270 * SECOND
    assert schedule.wait_after(2, 1.0) == 330 * SECOND


def test_retry_after_only_lengthens_and_is_bounded() -> None:
    assert schedule.wait_after(1, 0.5, MINUTE) == MINUTE
    assert schedule.wait_after(3, 0.5, MINUTE) == 30 * MINUTE
    assert schedule.wait_after(1, 0.5, 400 * DAY) == DAY
    assert schedule.wait_after(10, 0.5, MINUTE) is None


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", 120 * SECOND),
        (" 0 ", 0),
        ("99999999999999999999", DAY),
        ("Fri, 15 Jan 2027 08:01:00 GMT", MINUTE),
        ("Thu, 14 Jan 2027 08:00:00 GMT", 0),
        ("Fri, 15 Jan 2027 08:01:00 -0000", MINUTE),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("Fri, 99 Jan 2027 08:01:00 GMT", None),
    ],
)
def test_reading_retry_after(text: str, wait: int | None) -> None:
    assert schedule.read_retry_after(text, NOW) == wait


def test_given_up_after_three_days_or_a_whole_series() -> None:
    assert not schedule.is_given_up(NOW, False, NOW + 3 * DAY - 1)
    assert schedule.is_given_up(NOW, False, NOW + 3 * DAY)
    assert schedule.is_given_up(NOW, True, NOW + round(sum(schedule.WAITS) * 0.9))
    assert not schedule.is_given_up(NOW, True, NOW + 2 * DAY)


def test_pauses_grow_only_after_a_few_failures() -> None:
    pauses = [schedule.pause_after(failures) for failures in (0, 1, 4, 5, 6, 7, 10, 11, 1_000_000)]
    assert pauses == [0, 0, 0, 100, 200, 400, 3200, 5000, 5000]
