from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sessions.stage import Stage, set_up
from wame_box.accounts.models import Caller


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    built = await set_up(tmp_path)
    yield built
    await built.stop()


@pytest.fixture
async def owner(stage: Stage) -> Caller:
    """Alice, as the operations see her."""
    return await stage.account("Atelier")
