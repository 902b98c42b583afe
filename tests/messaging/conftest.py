"""A post office for the tests of messaging: the box is shared within a module, each test has an account of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import House
from tests.messaging.engine import Wire
from tests.messaging.post import Post, open_post, open_post_house
from wame_box.kernel.clock import FakeClock

Shared = tuple[House, FakeClock, Wire]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shared]:
    async with open_post_house(tmp_path_factory.mktemp("post") / "data") as shared:
        yield shared


@pytest_asyncio.fixture(loop_scope="module")
async def post(post_house: Shared) -> Post:
    """An account with a connected session that nothing paces."""
    return await open_post(*post_house)
