"""The little WhatsApp: what it promises about messages, receipts, phones and its ledger, over kills too."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.sessions.stage import CUSTOMER, Stage, chat, lines, set_up, text, told
from wame_box.accounts.models import Caller
from wame_box.kernel import ids
from wame_box.kernel.clock import MINUTE
from wame_box.kernel.errors import EngineError, Refused
from wame_box.sessions.engine import Inbound, MessageKind, Receipt, ReceiptStatus
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.fate import fate_of, on_whatsapp
from wame_box.sessions.engines.sandbox.knobs import KnobChanges, Knobs, Network, knobs_of
from wame_box.sessions.engines.sandbox.models import Tick
from wame_box.sessions.models import SessionStatus as S

# -- sending -------------------------------------------------------------------------------------------------------------


async def test_the_ack_comes_after_the_line_in_the_ledger(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    sent = await stage.engine(session).send(text("A1", body="Hello"))
    assert (sent.wa_id, sent.at) == ("A1", stage.clock.now())
    [line] = lines(stage)
    recipient = line.pop("recipient")
    assert line == {
        "at": stage.clock.now(),
        "account": ids.show("acc", owner.account_id),
        "session": session.public_id,
        "wa_id": "A1",
        "reference": "ref-A1",
        "body_sha256": hashlib.sha256(b'{"body":"Hello"}').hexdigest(),
        "outcome": "accepted",
    }
    assert isinstance(recipient, str) and len(recipient) == 16 and CUSTOMER[1:] not in recipient


async def test_receipts_come_in_order_and_at_their_time(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, reply_rate=1.0, replies=["STOP"])
    began = stage.clock.now()
    await stage.engine(session).send(text("A1"))
    assert stage.said == []
    await stage.play(1_000)
    assert stage.said == [Receipt(("A1",), ReceiptStatus.DELIVERED, began + 1_000)]
    await stage.play(2_000)
    assert stage.said[1:] == [Receipt(("A1",), ReceiptStatus.READ, began + 3_000)]
    await stage.play(3_000)
    [reply] = stage.said[2:]
    assert isinstance(reply, Inbound)
    assert (reply.address, reply.kind, reply.content, reply.at) == (CUSTOMER, MessageKind.TEXT, {"body": "STOP"}, began + 6_000)
    assert [(one.outgoing, one.state) for one in await chat(stage, session.id)] == [(True, Tick.READ), (False, Tick.DELIVERED)]


async def test_a_resend_is_a_duplicate_and_is_delivered_once(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A1"))
    await stage.engine(session).send(text("A1"))
    await stage.play(MINUTE)
    await stage.engine(session).send(text("A1"))
    await stage.play(MINUTE)
    assert [line["outcome"] for line in lines(stage)] == ["accepted", "duplicate", "duplicate"]
    assert told(stage) == [("A1", "delivered"), ("A1", "read")]
    assert len(await chat(stage, session.id)) == 1


async def test_a_hundred_happenings_are_told_in_few_transactions(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    engine = stage.engine(session)
    await asyncio.gather(*(engine.send(text(f"A{n}", f"+4477009{n:05}")) for n in range(300)))
    await stage.play(MINUTE)
    assert stage.batches == [200, 100, 200, 100]


async def test_an_unanswered_message_is_accepted_and_its_resend_acked(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, unanswered_rate=1.0)
    sending = asyncio.create_task(stage.engine(session).send(text("A1")))
    await stage.play(MINUTE)
    assert not sending.done()
    sending.cancel()
    assert (await stage.engine(session).send(text("A1"))).wa_id == "A1"
    assert [line["outcome"] for line in lines(stage)] == ["accepted", "duplicate"]
    assert told(stage) == [("A1", "delivered"), ("A1", "read")]


async def test_refusals_are_final_and_in_the_ledger(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.turn(owner, session, failure_rate=1.0)
    with pytest.raises(EngineError) as failed:
        await stage.engine(session).send(text("A1"))
    await stage.turn(owner, session, not_on_whatsapp_rate=1.0)
    with pytest.raises(EngineError) as absent:
        await stage.engine(session).send(text("A2"))
    assert [(error.value.code, error.value.permanent) for error in (failed, absent)] == [
        ("server_refused", True),
        ("not_on_whatsapp", True),
    ]
    assert [line["outcome"] for line in lines(stage)] == ["failed", "not_on_whatsapp"]
    assert await chat(stage, session.id) == []


async def test_check_agrees_with_send(stage: Stage, owner: Caller) -> None:
    session, phone = await stage.linked(owner)
    await stage.turn(owner, session, not_on_whatsapp_rate=0.5)
    numbers = [f"+4477009{n:05}" for n in range(40)]
    checked = await stage.engine(session).check([*numbers, phone.number])
    assert checked[-1].on_whatsapp
    assert {one.on_whatsapp for one in checked[:-1]} == {True, False}
    for one in checked[:10]:
        if one.on_whatsapp:
            await stage.engine(session).send(text(one.address, one.address))
        else:
            with pytest.raises(EngineError, match="not_on_whatsapp"):
                await stage.engine(session).send(text(one.address, one.address))


async def test_media_are_gone_and_typing_takes_its_time(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    with pytest.raises(EngineError, match="media_gone"):
        stage.engine(session).fetch_media("anything")
    typing = asyncio.create_task(stage.engine(session).typing(CUSTOMER, 2_000))
    await stage.play(1_999)
    assert not typing.done()
    await stage.play(1)
    assert typing.done()


async def test_two_sessions_of_an_account_write_each_other(stage: Stage, owner: Caller) -> None:
    first, one = await stage.linked(owner, "First")
    second, other = await stage.linked(owner, "Second")
    await stage.engine(first).send(text("A1", other.number, "Are you there?"))
    await stage.play(MINUTE)
    inbound = [event for event in stage.said if isinstance(event, Inbound)]
    assert [(event.address, event.content) for event in inbound] == [(one.number, {"body": "Are you there?"})]
    assert told(stage) == [("A1", "delivered"), ("A1", "inbound")] or told(stage) == [("A1", "inbound"), ("A1", "delivered")]
    assert [row.outgoing for row in await chat(stage, second.id, one.number)] == [False]


# -- fate ----------------------------------------------------------------------------------------------------------------


def test_the_rates_hold_and_every_id_meets_its_fate_again() -> None:
    knobs = Knobs(unanswered_rate=0.05)
    wa_ids = [f"3EB0{n:016X}" for n in range(20_000)]
    fates = [fate_of(knobs, wa_id) for wa_id in wa_ids]
    counts = Counter(
        failed=sum(one.failed for one in fates),
        silent=sum(not one.answered for one in fates),
        read=sum(one.read is not None for one in fates),
        reply=sum(one.reply is not None for one in fates),
    )
    assert abs(counts["failed"] - 200) < 50
    assert abs(counts["silent"] - 1_000) < 110
    assert abs(counts["read"] - 20_000 * (1 - 0.4 * 0.92)) < 250  # who answers has read
    assert abs(counts["reply"] - 1_600) < 140
    assert all(20 <= one.ack <= 80 and 200 <= one.deliver <= 1_500 for one in fates)
    assert {one.reply_text for one in fates if one.reply is not None} == set(knobs.replies)
    assert fates[:100] == [fate_of(knobs, wa_id) for wa_id in wa_ids[:100]]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_of_none_and_all_are_exact(rate: float) -> None:
    knobs = Knobs(read_rate=rate, reply_rate=rate, failure_rate=rate, not_on_whatsapp_rate=rate, unanswered_rate=rate)
    for n in range(2_000):
        fate = fate_of(knobs, f"id{n}")
        assert (fate.read is not None, fate.reply is not None, fate.failed, not fate.answered) == (rate == 1.0,) * 4
        assert on_whatsapp(knobs, f"+4477009{n:05}") is (rate == 0.0)


def test_who_is_not_on_whatsapp_stays_so() -> None:
    numbers = [f"+1415555{n:04}" for n in range(10_000)]
    few = {number for number in numbers if not on_whatsapp(Knobs(not_on_whatsapp_rate=0.02), number)}
    more = {number for number in numbers if not on_whatsapp(Knobs(not_on_whatsapp_rate=0.1), number)}
    assert abs(len(few) - 200) < 50
    assert few < more


# -- kills and restarts --------------------------------------------------------------------------------------------------


async def test_pending_receipts_survive_a_restart(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A1"))
    await stage.play(1_500)
    assert told(stage) == [("A1", "delivered")]
    await stage.stop()
    again = await set_up(stage.folder, stage.key, stage.clock)
    await again.play(MINUTE)
    assert told(again) == [("A1", "read")]
    await again.stop()
    third = await set_up(stage.folder, stage.key, stage.clock)
    await third.play(MINUTE)
    assert told(third) == []
    await third.stop()


async def test_what_the_box_did_not_store_is_told_again(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A1"))
    stage.refuse = True
    await stage.play(1_000)
    assert stage.said == [] and (await chat(stage, session.id))[0].state is Tick.SENT
    stage.refuse = False
    await stage.play(MINUTE)
    assert told(stage) == [("A1", "delivered"), ("A1", "read")]


async def test_one_happening_that_is_not_taken_does_not_hold_up_the_others(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    hear = stage.hear

    def choosy(tx: object, row: object, events: list[Receipt | Inbound]) -> None:
        if any(isinstance(one, Receipt) and one.refs == ("A1",) for one in events):
            raise RuntimeError("this one breaks something")
        hear(tx, row, events)  # type: ignore[arg-type]

    stage.hear = choosy  # type: ignore[method-assign,assignment]
    for n in range(3):
        await stage.engine(session).send(text(f"A{n}", f"+44770090000{n}"))
    await stage.play(3_000)
    assert sorted(told(stage)) == [("A0", "delivered"), ("A0", "read"), ("A2", "delivered"), ("A2", "read")]
    stage.hear = hear  # type: ignore[method-assign]
    await stage.play(MINUTE)
    assert ("A1", "delivered") in told(stage) and ("A1", "read") in told(stage)


async def test_a_kill_between_commit_and_ledger_leaves_no_gap(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    for n in range(3):
        await stage.engine(session).send(text(f"A{n}"))
    await stage.stop()
    path = stage.folder / "sandbox" / "ledger.jsonl"
    written = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(written[:2]))
    again = await set_up(stage.folder, stage.key, stage.clock)
    assert path.read_bytes() == b"".join(written)
    await again.rest()
    await again.engine(session).send(text("A2"))
    assert lines(again)[-1]["outcome"] == "duplicate"
    await again.stop()


async def test_a_ledger_on_a_full_disk_holds_up_nothing(stage: Stage, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message was taken: what follows of it happens, and its line comes with the next one."""
    session, _ = await stage.linked(owner)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stage.world.ledger, "write", full)
        sent = await stage.engine(session).send(text("L1"))
        assert sent.wa_id == "L1" and lines(stage) == []
        await stage.play(MINUTE)
        assert told(stage) == [("L1", "delivered"), ("L1", "read")]
    await stage.engine(session).send(text("L2"))
    assert [line["wa_id"] for line in lines(stage)] == ["L1", "L2"]


async def test_nothing_readable_lies_on_the_disk(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A1", body="a very secret text"))
    await phones.write(stage.world, owner.account_id, session.id, CUSTOMER, "a very secret answer")
    await stage.play(MINUTE)
    await stage.stop()
    for path in Path(stage.folder).rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            assert b"very secret" not in found and CUSTOMER[1:].encode() not in found, path


# -- knobs, network, ledger ----------------------------------------------------------------------------------------------


async def test_the_network_drops_and_comes_back(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    await stage.engine(session).send(text("A1"))
    await stage.turn(owner, session, network=Network.OFF)
    row = await stage.row(session.id)
    assert (row.status, row.reason) == (S.DISCONNECTED, "network_lost")
    assert stage.supervisor.engine(session.id) is None
    await stage.play(MINUTE)
    assert stage.said == []
    await stage.turn(owner, session, network=Network.ON)
    await stage.play(MINUTE)
    assert (await stage.row(session.id)).status is S.CONNECTED
    assert told(stage) == [("A1", "delivered"), ("A1", "read")]


async def test_a_send_into_a_lost_connection_may_be_tried_again(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    engine = stage.engine(session)
    await stage.turn(owner, session, ack_ms=(1_000, 1_000))
    sending = asyncio.create_task(engine.send(text("A1")))
    await stage.rest()
    await stage.turn(owner, session, network=Network.OFF)
    await stage.play(1_000)
    with pytest.raises(EngineError) as lost:
        await sending
    assert (lost.value.code, lost.value.permanent) == ("connection_lost", False)
    with pytest.raises(EngineError, match="connection_lost"):
        await engine.send(text("A1"))
    assert lines(stage) == []


async def test_knobs_are_kept_and_checked(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner, knobs=KnobChanges(read_rate=0.25))
    assert knobs_of((await stage.row(session.id)).settings) == Knobs(read_rate=0.25)
    with pytest.raises(Refused) as refused:
        await stage.turn(owner, session, ack_ms=(50, 20))
    assert refused.value.fields[0].field == "ack_ms"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"read_rate": 1.5}, KnobChanges)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"deliver_ms": [-1, 5]}, KnobChanges)


async def test_the_ledger_counts_and_pages_by_account(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    charlie = await stage.account("Café Charlie")
    other, _ = await stage.linked(charlie)
    for n in range(5):
        await stage.engine(session).send(text(f"A{n}"))
    await stage.engine(session).send(text("A0"))
    await stage.engine(other).send(text("B0"))
    ledger = stage.world.ledger
    counts = ledger.counts(owner.account_id)
    assert (counts.attempts, counts.accepted, counts.duplicate) == (6, 5, 1)
    await stage.engine(session).send(text("A5"))
    assert ledger.counts(owner.account_id, session.id).attempts == 7
    assert ledger.counts(charlie.account_id).attempts == 1
    assert ledger.counts(charlie.account_id, session.id).attempts == 0
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page, offset = ledger.page(owner.account_id, None, offset, 3)
        seen += [line.wa_id for line in page]
    assert seen == ["A0", "A1", "A2", "A3", "A4", "A0", "A5"]
    with pytest.raises(Refused, match="bad_cursor"):
        ledger.page(owner.account_id, None, 7, 3)


async def test_many_who_ask_at_once_do_not_count_twice(stage: Stage, owner: Caller) -> None:
    session, _ = await stage.linked(owner)
    ledger = stage.world.ledger
    for n in range(10):
        await stage.engine(session).send(text(f"A{n}"))
        answers = await asyncio.gather(*(asyncio.to_thread(ledger.counts, owner.account_id) for _ in range(8)))
        assert {counts.attempts for counts in answers} == {n + 1}
