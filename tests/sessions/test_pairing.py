"""Linking a number: codes that rotate and end, phones that prove they saw one, and what is refused."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.sessions.stage import Stage, set_up
from wame_box.accounts.models import Caller
from wame_box.kernel.clock import SECOND
from wame_box.kernel.errors import Refused
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.models import PhoneState
from wame_box.sessions.engines.sandbox.pairing import answer_of, decode
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.models import SessionStatus as S
from wame_box.sessions.switch import start_session, stop_session, unlink_session


def codes_of(stage: Stage, session_id: int) -> str:
    code = stage.supervisor.qr(session_id)
    assert code is not None
    return code.text


async def refusal(stage: Stage, caller: Caller, number: str, text: str) -> str:
    with pytest.raises(Refused) as refused:
        await phones.scan(stage.world, caller.account_id, number, text)
    return refused.value.code


async def test_a_scan_links_the_number_and_connects(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    assert session.status is S.PAIRING
    phone = await phones.add_phone(stage.world, owner.account_id, "Alice's phone")
    assert phone.number.startswith("+3363998")
    linked = await phones.scan(stage.world, owner.account_id, phone.number, codes_of(stage, session.id))
    await stage.rest()
    assert linked == session.id
    after = await stage.row(session.id)
    assert (after.status, after.number, after.push_name) == (S.CONNECTED, phone.number, "Alice's phone")
    assert after.paired_at == after.connected_at == stage.clock.now()
    assert stage.supervisor.qr(session.id) is None
    assert stage.supervisor.engine(session.id) is not None
    assert await stage.history(session.id) == [(S.STARTING, None), (S.PAIRING, None), (S.CONNECTED, None)]


async def test_the_code_carries_reference_keys_and_secret(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    text = codes_of(stage, session.id)
    version, _, rest = text.partition("@")
    ref, *keys = rest.split(",")
    assert version == "2" and len(ref) >= 20
    assert [len(base64.b64decode(key)) for key in keys] == [32, 32, 32]


async def test_codes_rotate_six_times_and_then_the_pairing_is_given_up(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    began = stage.clock.now()
    seen: list[tuple[str, int]] = []
    for _ in range(6):
        code = stage.supervisor.qr(session.id)
        assert code is not None
        seen.append((code.text, code.expires_at - began))
        await stage.play(code.expires_at - stage.clock.now())
    assert [at // SECOND for _, at in seen] == [60, 80, 100, 120, 140, 160]
    assert len({text for text, _ in seen}) == 6
    row = await stage.row(session.id)
    assert (row.status, row.reason, row.wanted) == (S.LOGGED_OUT, "qr_expired", False)
    assert stage.supervisor.qr(session.id) is None and stage.supervisor.running() == []
    events = await stage.kernel.db.read(lambda sql: sql.values("SELECT type FROM events ORDER BY sequence"))
    assert events.count("session.qr") == 6


async def test_starting_again_shows_new_codes(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    first = codes_of(stage, session.id)
    await stage.play(160 * SECOND)
    await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    assert (await stage.row(session.id)).status is S.PAIRING
    assert codes_of(stage, session.id) != first


async def test_wrong_codes_are_refused_by_name(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    phone = await phones.add_phone(stage.world, owner.account_id, "Phone")
    text = codes_of(stage, session.id)
    ref, public, identity, secret = text.removeprefix("2@").split(",")
    other = base64.b64encode(bytes(32)).decode()
    assert await refusal(stage, owner, phone.number, "https://example.com") == "qr_unreadable"
    assert await refusal(stage, owner, phone.number, f"2@{ref},{public},{identity}") == "qr_unreadable"
    assert await refusal(stage, owner, phone.number, f"2@nobody,{public},{identity},{secret}") == "qr_unknown"
    assert await refusal(stage, owner, phone.number, f"2@{ref},{other},{identity},{secret}") == "qr_wrong"
    assert await refusal(stage, owner, phone.number, f"2@{ref},{public},{identity},{other}") == "qr_wrong"
    assert (await stage.row(session.id)).status is S.PAIRING
    await stage.play(60 * SECOND)
    assert await refusal(stage, owner, phone.number, text) == "qr_expired"
    fresh = codes_of(stage, session.id)
    await stage.scan(owner, phone, session)
    assert await refusal(stage, owner, phone.number, fresh) == "qr_used"


async def test_a_proof_for_another_number_does_not_link(stage: Stage, owner: Caller) -> None:
    session = await stage.session(owner)
    answer = answer_of(decode(codes_of(stage, session.id)), "+33639980001", "Phone")
    forged = type(answer)(answer.ref, answer.public, answer.identity, "+33639980002", "Phone", answer.proof)
    with pytest.raises(Refused, match="qr_wrong"):
        await stage.world.answer(owner.account_id, forged)


async def test_only_an_owned_phone_that_is_on_can_scan(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await phones.write(stage.world, owner.account_id, session.id, "+447700900123", "Hi")
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.OFF)
    other = await stage.session(owner, "Second")
    text = codes_of(stage, other.id)
    assert await refusal(stage, owner, "+447700900123", text) == "phone_not_owned"
    assert await refusal(stage, owner, phone.number, text) == "phone_not_on"
    assert await refusal(stage, owner, "+33639989999", text) == "not_found"


async def test_another_accounts_phone_cannot_scan(stage: Stage, owner: Caller) -> None:
    charlie = await stage.account("Café Charlie")
    session = await stage.session(owner)
    phone = await phones.add_phone(stage.world, charlie.account_id, "Charlie's")
    assert await refusal(stage, charlie, phone.number, codes_of(stage, session.id)) == "qr_unknown"


async def test_a_number_is_linked_to_one_session_only(stage: Stage, owner: Caller) -> None:
    first, phone = await stage.linked(owner)
    second = await stage.session(owner, "Second")
    assert await refusal(stage, owner, phone.number, codes_of(stage, second.id)) == "number_taken"
    await stage.rest()
    row = await stage.row(second.id)
    assert (row.status, row.reason, row.number) == (S.LOGGED_OUT, "number_taken", None)
    assert stage.world.sessions_on(owner.account_id, phone.number) == [first.id]
    assert (await stage.row(first.id)).status is S.CONNECTED
    assert stage.supervisor.running() == [first.id]
    await stage.kernel.db.write(start_session, owner, second.id, stage.supervisor)
    await stage.rest()
    other = await phones.add_phone(stage.world, owner.account_id, "Other")
    await stage.scan(owner, other, second)
    assert (await stage.row(second.id)).number == other.number


async def test_a_phone_that_waits_for_its_answer_gets_one_when_the_box_stops(
    stage: Stage, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await stage.session(owner)
    phone = await phones.add_phone(stage.world, owner.account_id, "Phone")
    stuck = asyncio.Event()
    monkeypatch.setattr(SandboxWorld, "link", lambda *_: stuck.wait())
    scanning = asyncio.create_task(phones.scan(stage.world, owner.account_id, phone.number, codes_of(stage, session.id)))
    await stage.rest()
    assert not scanning.done()
    await stage.supervisor.halt(session.id)
    with pytest.raises(Refused, match="qr_expired"):
        await scanning


async def test_a_linked_session_comes_back_without_a_code(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.stop()
    again = await set_up(stage.folder, stage.key, stage.clock)
    await again.rest()
    row = await again.row(session.id)
    assert (row.status, row.number) == (S.CONNECTED, phone.number)
    types = await again.kernel.db.read(lambda sql: sql.values("SELECT type FROM events ORDER BY sequence"))
    assert types.count("session.qr") == 1
    await again.stop()


async def test_a_session_stopped_and_started_connects_again(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    stopped = await stage.kernel.db.write(stop_session, owner, session.id, stage.supervisor)
    assert (stopped.status, stopped.reason) == (S.STOPPED, "switched_off")
    await stage.rest()
    assert stage.supervisor.running() == []
    await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    assert (await stage.row(session.id)).status is S.CONNECTED


async def test_stop_and_start_in_one_breath_end_running(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    for _ in range(5):
        await stage.kernel.db.write(stop_session, owner, session.id, stage.supervisor)
        await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    assert (await stage.row(session.id)).status is S.CONNECTED
    assert stage.supervisor.running() == [session.id]


async def test_unlinking_takes_the_device_off_the_phone(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.kernel.db.write(unlink_session, owner, session.id, stage.supervisor)
    await stage.rest()
    row = await stage.row(session.id)
    assert (row.status, row.reason, row.paired_at) == (S.LOGGED_OUT, "unlinked", None)
    assert stage.world.sessions_on(owner.account_id, phone.number) == []
    await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    await stage.scan(owner, phone, session)
    assert (await stage.row(session.id)).status is S.CONNECTED


async def test_a_kill_before_the_engine_unlinked_leaves_no_link(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.supervisor.halt(session.id)
    # The row was changed, but the box died before the engine could tell WhatsApp.
    await stage.kernel.db.write(
        lambda tx: tx.run("UPDATE sessions SET status = 'logged_out', paired_at = NULL, wanted = 0 WHERE id = ?", session.id)
    )
    await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    assert (await stage.row(session.id)).status is S.PAIRING
    assert stage.world.devices == {}
