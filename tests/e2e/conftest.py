"""One Chromium for a module of browser tests. Not longer: while Playwright runs, asyncio's tests can't."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import chromium


@pytest.fixture(scope="module")
def browser_program() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
