"""Turns the knobs of a sandbox session: its settings in the database, and its engine if that runs."""

from __future__ import annotations

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.sessions import store
from wame_box.sessions.engines.sandbox.knobs import KnobChanges, Knobs, knobs_of, settings_with, turn
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import EngineKind


def turn_knobs(tx: Tx, caller: Caller, session_id: int, changes: KnobChanges, world: SandboxWorld) -> Knobs:
    """The knobs as they are after the changes.

    Raises: Refused("not_found") for another engine's session too, Refused("invalid_input").
    """
    session = need_session(tx, caller.account_id, session_id)
    if session.engine is not EngineKind.SANDBOX:
        raise Refused("not_found")
    knobs = turn(knobs_of(session.settings), changes)
    settings = settings_with(session.settings, knobs)
    store.set_settings(tx, session.id, settings)
    audit.record(tx, caller, "session.knobs_turned", session.public_id)

    def tell_engine() -> None:
        world.turned[session_id] = settings  # an engine that is just being made has read the older ones
        engine = world.engines.get(session_id)
        if engine is not None:
            engine.configure(settings)

    tx.after_commit(tell_engine)
    return knobs
