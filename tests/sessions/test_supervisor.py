"""The supervisor: brings sessions back, starts what died again, notices what is deaf; and the outlet's one transaction."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.sessions.stage import Stage, set_up, text
from wame_box.accounts.models import Caller
from wame_box.kernel.clock import MINUTE, SECOND
from wame_box.kernel.errors import EngineError, Refused
from wame_box.sessions import store
from wame_box.sessions.create import create_session
from wame_box.sessions.engine import Disconnected, EngineEvent, Receipt, ReceiptStatus, Restricted
from wame_box.sessions.engines.sandbox.engine import SandboxEngine
from wame_box.sessions.engines.sandbox.knobs import Network
from wame_box.sessions.models import EngineKind, NewSession
from wame_box.sessions.models import SessionStatus as S
from wame_box.sessions.runner import pause
from wame_box.sessions.status import change_status
from wame_box.sessions.switch import delete_session, start_session, unlink_session


async def events_of(stage: Stage) -> list[str]:
    return await stage.kernel.db.read(lambda sql: sql.values("SELECT type FROM events ORDER BY sequence"))


async def test_an_engine_that_broke_is_started_again(stage: Stage, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = await stage.linked(owner)
    broken = True
    real = SandboxEngine._serve

    async def serve(self: SandboxEngine, device: object) -> None:
        if broken:
            raise RuntimeError("a bug in the engine")
        await real(self, device)  # type: ignore[arg-type]

    monkeypatch.setattr(SandboxEngine, "_serve", serve)
    await stage.supervisor.halt(session.id)
    await stage.supervisor.launch(session.id)
    await stage.rest()
    row = await stage.row(session.id)
    assert (row.status, row.reason) == (S.DISCONNECTED, "engine_failed")
    assert stage.supervisor.engine(session.id) is None
    await stage.play(10 * MINUTE)
    assert (await stage.row(session.id)).reason == "engine_failed"
    broken = False
    await stage.play(MINUTE)
    assert (await stage.row(session.id)).status is S.CONNECTED
    # While it kept failing, the status was announced once.
    assert [status for status, _ in await stage.history(session.id)].count(S.DISCONNECTED) == 1


def test_pauses_double_up_to_a_minute_and_are_jittered() -> None:
    rng = random.Random(7)
    for failures, longest in ((1, 1_000), (2, 2_000), (5, 16_000), (7, 60_000), (50, 60_000)):
        drawn = {pause(failures, rng) for _ in range(200)}
        assert longest / 2 <= min(drawn) and max(drawn) <= longest and len(drawn) > 50


async def test_a_deaf_session_is_noticed_and_comes_back(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, network=Network.DEAF)
    assert (await stage.row(session.id)).status is S.CONNECTED
    await stage.play(30 * SECOND)
    row = await stage.row(session.id)
    assert (row.status, row.reason) == (S.DISCONNECTED, "deaf")
    await stage.turn(owner, session, network=Network.ON)
    await stage.play(MINUTE)
    assert (await stage.row(session.id)).status is S.CONNECTED


async def test_all_wanted_sessions_come_back(stage: Stage, owner: Caller) -> None:
    linked = [(await stage.linked(owner, f"Number {n}"))[0] for n in range(12)]
    gone = linked.pop()
    await stage.kernel.db.write(delete_session, owner, gone.id, stage.supervisor)
    await stage.rest()
    await stage.stop()
    again = await set_up(stage.folder, stage.key, stage.clock)
    await again.rest()
    assert {(await again.row(session.id)).status for session in linked} == {S.CONNECTED}
    assert sorted(again.supervisor.running()) == [session.id for session in linked]
    await again.stop()


async def test_an_engine_halted_before_it_began_can_be_launched_again(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.supervisor.halt(session.id)
    await stage.supervisor.launch(session.id)
    await stage.supervisor.halt(session.id)
    assert stage.supervisor.running() == []
    await stage.supervisor.launch(session.id)
    await stage.rest()
    assert stage.supervisor.engine(session.id) is not None


async def test_an_engine_that_cannot_even_be_made_is_tried_again(
    stage: Stage, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await stage.linked(owner)
    await stage.supervisor.halt(session.id)
    with monkeypatch.context() as patch:
        patch.setattr(SandboxEngine, "__init__", lambda *_: 1 / 0)
        await stage.supervisor.launch(session.id)
        await stage.rest()
        assert stage.supervisor.running() == [session.id]
    await stage.play(MINUTE)
    assert stage.supervisor.engine(session.id) is not None


async def test_linking_again_right_after_unlinking(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    db, supervisor = stage.kernel.db, stage.supervisor
    unlinking = db.write(unlink_session, owner, session.id, supervisor)
    await asyncio.gather(unlinking, db.write(start_session, owner, session.id, supervisor))
    await stage.rest()
    assert (supervisor.running(), (await stage.row(session.id)).status) == ([session.id], S.PAIRING)


async def test_whoever_waits_for_a_connection_is_told_once(stage: Stage, owner: Caller) -> None:
    told: list[int] = []
    stage.supervisor.on_connected.append(told.append)
    session, _ = await stage.linked(owner)
    assert told == [session.id]
    await stage.turn(owner, session, network=Network.OFF)
    await stage.turn(owner, session, network=Network.ON)
    assert told == [session.id, session.id]


async def test_what_an_engine_writes_and_says_is_one_transaction(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    outlet = stage.supervisor._runners[session.id].outlet
    before = await events_of(stage)

    def write(tx: object) -> list[EngineEvent]:
        store.rename(tx, session.id, "written by the engine")  # type: ignore[arg-type]
        return [Disconnected(True, "network_lost"), Receipt(("A1",), ReceiptStatus.READ, 1)]

    stage.refuse = True
    with pytest.raises(RuntimeError, match="broken"):
        await outlet.commit(write)
    row = await stage.row(session.id)
    assert (row.name, row.status) == ("Shop", S.CONNECTED)
    assert await events_of(stage) == before
    assert stage.supervisor.engine(session.id) is not None  # nothing in memory moved either
    stage.refuse = False
    await outlet.commit(write)
    row = await stage.row(session.id)
    assert (row.name, row.status) == ("written by the engine", S.DISCONNECTED)
    assert len(stage.said) == 1


async def test_an_engine_of_a_stopped_session_changes_no_status(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    outlet = stage.supervisor._runners[session.id].outlet
    await stage.kernel.db.write(lambda tx: change_status(tx, session, S.STOPPED, "switched_off", wanted=False))
    await outlet.say(Disconnected(True, "network_lost"), Receipt(("A1",), ReceiptStatus.READ, 1))
    row = await stage.row(session.id)
    assert (row.status, row.reason) == (S.STOPPED, "switched_off")
    assert len(stage.said) == 1  # what became of messages is stored all the same


async def test_a_restriction_is_kept_and_announced(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    outlet = stage.supervisor._runners[session.id].outlet
    await outlet.say(Restricted(stage.clock.now() + MINUTE, "too many strangers"))
    assert (await stage.row(session.id)).restricted_until == stage.clock.now() + MINUTE
    assert (await events_of(stage))[-1] == "session.status"


async def test_a_status_that_changed_meanwhile_is_not_overwritten(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.kernel.db.write(lambda tx: change_status(tx, session, S.DISCONNECTED, "network_lost"))
    with pytest.raises(Refused, match="state_changed"):
        await stage.kernel.db.write(lambda tx: change_status(tx, session, S.STOPPED, "switched_off"))


async def test_an_unknown_engine_is_refused(stage: Stage, owner: Caller) -> None:
    with pytest.raises(Refused, match="engine_unavailable"):
        await stage.kernel.db.write(create_session, owner, NewSession("x", EngineKind.LINKED), stage.supervisor)


async def test_a_box_without_the_engine_starts_and_says_so(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.stop()
    bare = await set_up(stage.folder, stage.key, stage.clock, with_sandbox=False)
    row = await bare.row(session.id)
    assert (row.status, row.reason, row.wanted) == (S.DISCONNECTED, "engine_off", True)
    await bare.kernel.db.write(delete_session, owner, session.id, bare.supervisor)
    await bare.stop()


async def test_stopping_the_box_lets_sends_fail_for_now(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, unanswered_rate=1.0)
    sending = asyncio.create_task(stage.engine(session).send(text("A1")))
    await stage.rest()
    await stage.supervisor.stop()
    with pytest.raises(EngineError, match="connection_lost"):
        await sending
    assert (await stage.row(session.id)).wanted
