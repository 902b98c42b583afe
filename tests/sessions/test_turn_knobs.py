"""Knobs that are turned in the moment in which an engine is being made."""

from __future__ import annotations

from typing import cast

from tests.sessions.stage import Stage
from wame_box.accounts.models import Caller
from wame_box.sessions.engine import Outlet, SessionContext
from wame_box.sessions.engines.sandbox.engine import SandboxEngine
from wame_box.sessions.engines.sandbox.knobs import Network


async def test_an_engine_made_from_older_settings_behaves_by_the_newer_ones(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    old = SessionContext(session.id, session.account_id, session.settings, session.number, cast(Outlet, None))
    await stage.turn(owner, session, network=Network.OFF)
    engine = SandboxEngine(stage.world, old)
    assert await engine.alive()  # as its settings say
    before = stage.world.engines[session.id]
    await engine.start()
    assert not await engine.alive()
    await engine.stop()
    stage.world.engines[session.id] = before
