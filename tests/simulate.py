"""Lets a box live through simulated days: the clock jumps to the next moment somebody waits for, once all is quiet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from wame_box.app import Box
from wame_box.kernel.clock import FakeClock

QUIET_ROUNDS = 8
LOOK_EVERY = 25  # moments between two looks at the condition


async def settle(box: Box, rounds: int = QUIET_ROUNDS) -> None:
    """Returns when neither database has anything to do, so many looks in a row."""
    quiet = 0
    while quiet < rounds:
        await asyncio.sleep(0)
        quiet = quiet + 1 if box.kernel.db.idle() and box.world.db.idle() else 0


async def live_until(box: Box, clock: FakeClock, condition: Callable[[], Awaitable[bool]], *, latest: int) -> None:
    """Moves the clock from one awaited moment to the next until the condition holds.

    Raises: AssertionError when nobody waits any more, or the clock passes `latest` (ms UTC).
    """
    for count in itertools.count():
        await settle(box)
        if count % LOOK_EVERY == 0 and await condition():
            return
        moment = clock.next_wake()
        assert moment is not None, "nothing is waited for, and the condition does not hold"
        assert moment <= latest, "it takes longer than allowed"
        clock.advance_to(moment)
