"""The machine's clock, which may be set while somebody sleeps."""

from __future__ import annotations

import pytest

from wame_box.kernel.clock import HOUR, MINUTE, SECOND, SystemClock


class _Set(SystemClock):
    """A machine whose clock is set by an hour during the first nap."""

    def __init__(self, by: int) -> None:
        self.time = 0
        self.naps: list[int] = []
        self._by = by

    def now(self) -> int:
        return self.time

    async def sleep(self, milliseconds: int) -> None:
        self.naps.append(milliseconds)
        self.time += milliseconds + self._by
        self._by = 0


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_moment_is_met_although_the_clock_is_set(by: int) -> None:
    clock = _Set(by)
    await clock.sleep_until(10 * MINUTE)
    assert clock.time >= 10 * MINUTE
    assert max(clock.naps) <= 30 * SECOND
    assert sum(clock.naps) == (30 * SECOND if by > 0 else 10 * MINUTE + HOUR)
