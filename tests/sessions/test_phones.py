"""The virtual phones of the sandbox: off, lost, banned; what customers write and read."""

from __future__ import annotations

import asyncio

import pytest

from tests.sessions.stage import CUSTOMER, Stage, chat, set_up, text, told
from wame_box.accounts.models import Caller
from wame_box.kernel.clock import MINUTE
from wame_box.kernel.errors import EngineError, Refused
from wame_box.sessions.engine import Inbound, Receipt, ReceiptStatus
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.models import PhoneState, Tick
from wame_box.sessions.models import SessionStatus as S
from wame_box.sessions.switch import start_session


async def test_a_customers_phone_that_is_off_gets_its_messages_later(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A0"))
    await stage.play(500)
    await phones.set_state(stage.world, owner.account_id, CUSTOMER, PhoneState.OFF)
    await stage.play(MINUTE)
    assert stage.said == []
    await phones.set_state(stage.world, owner.account_id, CUSTOMER, PhoneState.ON)
    on_at = stage.clock.now()
    await stage.play(MINUTE)
    assert [(one.status, one.at - on_at) for one in stage.said if isinstance(one, Receipt)] == [
        (ReceiptStatus.DELIVERED, 0),
        (ReceiptStatus.READ, 2_000),
    ]


async def test_an_off_phone_is_still_off_after_a_restart(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A0"))
    await stage.play(500)
    await phones.set_state(stage.world, owner.account_id, CUSTOMER, PhoneState.OFF)
    await stage.play(1_000)
    await stage.stop()
    again = await set_up(stage.folder, stage.key, stage.clock)
    await again.play(MINUTE)
    assert again.said == []
    await phones.set_state(again.world, owner.account_id, CUSTOMER, PhoneState.ON)
    await again.play(MINUTE)
    assert told(again) == [("A0", "delivered"), ("A0", "read")]
    await again.stop()


async def test_the_owners_phone_may_be_off(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.OFF)
    await stage.engine(session).send(text("A1"))
    await stage.play(MINUTE)
    assert told(stage) == [("A1", "delivered"), ("A1", "read")]


async def test_a_lost_phone_removes_its_devices(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.engine(session).send(text("A1"))
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.LOST)
    await stage.rest()
    row = await stage.row(session.id)
    assert (row.status, row.reason, row.wanted) == (S.LOGGED_OUT, "device_removed", False)
    assert stage.supervisor.engine(session.id) is None
    await stage.play(MINUTE)
    assert stage.said == []


async def test_a_device_removed_while_the_box_was_down_is_noticed(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.supervisor.halt(session.id)
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.LOST)
    await stage.supervisor.launch(session.id)
    await stage.rest()
    assert (await stage.row(session.id)).reason == "device_removed"


async def test_a_banned_number_sends_no_more_until_it_is_restored(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    engine = stage.engine(session)
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.BANNED)
    await stage.rest()
    row = await stage.row(session.id)
    assert (row.status, row.reason, row.wanted) == (S.BANNED, "number_banned", False)
    with pytest.raises(EngineError) as refused:
        await engine.send(text("A1"))
    assert (refused.value.code, refused.value.permanent) == ("banned", True)
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.ON)
    await stage.kernel.db.write(start_session, owner, session.id, stage.supervisor)
    await stage.rest()
    assert (await stage.row(session.id)).status is S.CONNECTED


async def test_a_message_in_flight_at_the_ban_is_refused_for_good(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.turn(owner, session, ack_ms=(1_000, 1_000))
    sending = asyncio.create_task(stage.engine(session).send(text("A1")))
    await stage.rest()
    await phones.set_state(stage.world, owner.account_id, phone.number, PhoneState.BANNED)
    await stage.play(1_000)
    with pytest.raises(EngineError, match="banned"):
        await sending


async def test_customers_phones_are_neither_lost_nor_banned(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await phones.write(stage.world, owner.account_id, session.id, CUSTOMER, "Hi")
    for state in (PhoneState.LOST, PhoneState.BANNED):
        with pytest.raises(Refused, match="phone_not_owned"):
            await phones.set_state(stage.world, owner.account_id, CUSTOMER, state)


async def test_a_customer_writes_and_the_box_reads(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, not_on_whatsapp_rate=1.0)
    message = await phones.write(stage.world, owner.account_id, session.id, "+44 7700 900-123", "Hello, are you open?")
    await stage.rest()
    [inbound] = stage.said
    assert isinstance(inbound, Inbound)
    assert (inbound.wa_id, inbound.address, inbound.content) == (message.wa_id, CUSTOMER, {"body": "Hello, are you open?"})
    assert inbound.push_name
    await stage.engine(session).mark_read(CUSTOMER, [message.wa_id])
    assert [one.state for one in await chat(stage, session.id)] == [Tick.READ]
    await stage.engine(session).send(text("A1"))  # who wrote is on WhatsApp, whatever the rate


async def test_what_a_customer_writes_waits_for_a_stopped_session(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.supervisor.halt(session.id)
    await phones.write(stage.world, owner.account_id, session.id, CUSTOMER, "Anybody there?")
    await stage.play(MINUTE)
    assert stage.said == []
    await stage.supervisor.launch(session.id)
    await stage.rest()
    assert len(stage.said) == 1


async def test_a_customer_reads_by_hand(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, read_rate=0.0)
    for n in range(3):
        await stage.engine(session).send(text(f"A{n}"))
    assert await phones.read_chats(stage.world, owner.account_id, CUSTOMER) == 0  # nothing is delivered yet
    await stage.play(1_000)
    assert await phones.read_chats(stage.world, owner.account_id, CUSTOMER, session.id) == 3
    await stage.rest()
    assert told(stage)[3:] == [("A0", "read"), ("A1", "read"), ("A2", "read")]
    assert await phones.read_chats(stage.world, owner.account_id, CUSTOMER) == 0


async def test_writing_is_refused_where_it_can_not_be(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    charlie = await stage.account("Café Charlie")
    with pytest.raises(Refused, match="session_not_linked"):
        await phones.write(stage.world, charlie.account_id, session.id, CUSTOMER, "Hi")
    with pytest.raises(Refused, match="invalid_input"):
        await phones.write(stage.world, owner.account_id, session.id, "0612345678", "Hi")
    with pytest.raises(Refused, match="invalid_input"):
        await phones.write(stage.world, owner.account_id, session.id, CUSTOMER, "  ")


async def test_accounts_do_not_see_each_others_phones(stage: Stage, owner: Caller) -> None:
    charlie = await stage.account("Café Charlie")
    mine = await phones.add_phone(stage.world, owner.account_id, "Mine")
    his = await phones.add_phone(stage.world, charlie.account_id, "His")
    assert mine.number == his.number  # each account is a world of its own
    with pytest.raises(Refused, match="phone_exists"):
        await phones.add_phone(stage.world, owner.account_id, "Again", mine.number)
    assert [phone.name for phone in await phones.list_phones(stage.world, charlie.account_id)] == ["His"]


async def test_a_long_chat_keeps_its_newest_messages(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    for n in range(560):
        await stage.engine(session).send(text(f"A{n:03}"))
    rows = await stage.world.db.read(lambda sql: sql.values("SELECT wa_id FROM messages ORDER BY id"))
    assert 500 <= len(rows) < 560 and rows[-1] == "A559"


async def test_a_week_old_is_forgotten(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A0"))
    await stage.play(MINUTE)
    await stage.supervisor.halt(session.id)  # its self-probe would wake every half minute of that week
    await stage.play(8 * 24 * 60 * MINUTE)
    assert await chat(stage, session.id) == []
    assert await stage.world.db.read(lambda sql: sql.value("SELECT count(*) FROM chats")) == 0
