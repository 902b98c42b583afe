"""One box for the tests of accounts, on a clock that stands still; each test makes the people it needs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import NOON, House, open_house
from tests.factories import Person, make_account
from wame_box.kernel.clock import FakeClock

_numbers = itertools.count(1)
Town = tuple[House, FakeClock]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    clock = FakeClock(NOON)
    async with open_house(tmp_path_factory.mktemp("accounts") / "data", clock) as house:
        yield house, clock


@pytest_asyncio.fixture(loop_scope="module")
async def owner(town: Town) -> Person:
    """The owner of a new account; her clock is a quarter of an hour after that of the test before."""
    house, clock = town
    clock.advance(20 * 60_000)
    number = next(_numbers)
    return await make_account(house.box, f"Atelier {number}", "Alice", f"alice{number}@example.com")
