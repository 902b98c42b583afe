"""The report tells what the rows say; the export opens harmlessly in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from tests.campaigns.conftest import NOW, Desk
from wame_box.campaigns import export, people_store
from wame_box.campaigns import report as reports
from wame_box.campaigns.models import Campaign, Launch, Progress
from wame_box.campaigns.report import STEPS, ReportView, step_for
from wame_box.contacts import edit
from wame_box.contacts import store as contacts
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.paging import NEWEST
from wame_box.messaging import receipts
from wame_box.messaging import store as messages
from wame_box.messaging.models import MessageStatus
from wame_box.messaging.receive import receive
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import Inbound, MessageKind, Receipt, ReceiptStatus

MINUTE = 60_000


async def receipt(desk: Desk, status: ReceiptStatus, *message_ids: int, error: str | None = None) -> None:
    refs = tuple(f"WA{number}" for number in message_ids)
    await desk.write(receipts.apply, desk.session_id, Receipt(refs, status, desk.clock.now(), error=error))


async def campaign_with_a_past(desk: Desk) -> Campaign:
    """12 people: 1 opted out, 2 without consent; 9 accepted: 7 sent, 5 delivered, 3 read, 1 replied, 2 failed."""
    people = await desk.people(10)
    await desk.people(2, first=10, opted_in=False)
    await desk.opt_out(people[0])
    row = await desk.launch(await desk.draft())
    await desk.expand(row)
    sent = await desk.send(row, 4)
    desk.clock.advance(MINUTE)
    sent += await desk.send(row, 3)
    await desk.send(row, 1, fail="not_on_whatsapp")
    await desk.send(row, 1, fail="server_refused")
    desk.clock.advance(MINUTE)
    await receipt(desk, ReceiptStatus.DELIVERED, *sent[:2])
    await receipt(desk, ReceiptStatus.READ, *sent[2:5])
    desk.clock.advance(2 * MINUTE)

    def answer(tx: Tx) -> None:
        session = sessions.session_row(tx, desk.session_id)
        row = messages.message(tx, desk.alice.account_id, sent[2])
        assert session and row
        receive(tx, session, Inbound("WAIN", row.address, "Someone", MessageKind.TEXT, {"body": "Yes"}, tx.now))

    await desk.write(answer)
    return await desk.row(row)


async def test_the_funnel_is_what_the_rows_say(desk: Desk) -> None:
    row = await campaign_with_a_past(desk)
    found = await desk.read(reports.report, row)
    assert found.progress == Progress(
        audience=12, accepted=9, waiting=0, sent=7, delivered=5, read=3, replied=1, failed=2, cancelled=0, skipped=3
    )

    def rows(sql: Sql) -> tuple[int, ...]:
        return sql.rows(
            "SELECT count(*), sum(status IN ('sent', 'delivered', 'read')), sum(delivered_at IS NOT NULL),"
            " sum(read_at IS NOT NULL), sum(replied_at IS NOT NULL), sum(status = 'failed') FROM messages WHERE batch_id = ?",
            row.batch_id,
        )[0]

    p = found.progress
    assert await desk.kernel.db.read(rows) == (p.accepted, p.sent, p.delivered, p.read, p.replied, p.failed)
    assert sorted(found.failures) == [("not_on_whatsapp", 1), ("server_refused", 1)]
    assert found.skipped == {"opted_out": 1, "no_consent": 2}


async def test_shares_name_their_base(desk: Desk) -> None:
    view = ReportView.of(await desk.read(reports.report, await campaign_with_a_past(desk)))
    shown = {name: (share.count, share.share, share.of) for name, share in view.funnel.items()}
    assert shown == {
        "accepted": (9, 0.75, "audience"),
        "skipped": (3, 0.25, "audience"),
        "sent": (7, 0.7778, "accepted"),
        "failed": (2, 0.2222, "accepted"),
        "cancelled": (0, 0.0, "accepted"),
        "waiting": (0, 0.0, "accepted"),
        "delivered": (5, 0.7143, "sent"),
        "read": (3, 0.4286, "sent"),
        "replied": (1, 0.1429, "sent"),
    }


async def test_the_course_has_a_point_for_each_step(desk: Desk) -> None:
    found = await desk.read(reports.report, await campaign_with_a_past(desk))
    assert found.step == 5_000  # two minutes and no more than 100 points
    points = {point.at: (point.sent, point.delivered, point.read, point.failed) for point in found.series}
    assert len(points) == 2 * 60 // 5 + 1
    assert points[NOW] == (4, 0, 0, 0)
    assert points[NOW + MINUTE] == (3, 0, 0, 2)
    assert points[NOW + 2 * MINUTE] == (0, 5, 3, 0)
    assert points[NOW + 5_000] == (0, 0, 0, 0)
    assert [sum(column) for column in zip(*points.values(), strict=True)] == [7, 5, 3, 2]


def test_the_step_follows_the_duration() -> None:
    assert [step_for(duration) for duration in (0, 100_000, 100_001, 3_600_000, 86_400_000 * 60)] == [
        1_000,
        1_000,
        5_000,
        60_000,
        86_400_000,
    ]
    assert step_for(1 << 60) == STEPS[-1]


async def test_no_report_before_the_launch(desk: Desk) -> None:
    with pytest.raises(Refused, match="campaign_not_launched"):
        await desk.read(reports.report, await desk.draft())


async def test_a_report_without_anything_sent(desk: Desk) -> None:
    await desk.people(1)
    found = await desk.read(reports.report, await desk.launch(await desk.draft()))
    assert (found.series, found.failures, found.shares["sent"].share) == ([], [], 0.0)


# -- recipients ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "count"),
    [(None, 9), ("waiting", 0), ("sent", 7), ("delivered", 5), ("read", 3), ("replied", 1), ("failed", 2), ("cancelled", 0)],
)
async def test_recipients_by_status(desk: Desk, wanted: str | None, count: int) -> None:
    row = await campaign_with_a_past(desk)
    found = await desk.read(people_store.recipients, row.account_id, row.batch_id, NEWEST, 100, wanted)
    assert len(found) == count
    assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)
    nobody = await desk.read(people_store.recipients, desk.charlie.account_id, row.batch_id, NEWEST, 100, wanted)
    assert nobody == []


async def test_recipients_in_pages(desk: Desk) -> None:
    row = await campaign_with_a_past(desk)
    before, seen = NEWEST, []
    while found := await desk.read(people_store.recipients, row.account_id, row.batch_id, before, 4):
        seen += [one.address for one in found]
        before = found[-1].id
    assert len(seen) == len(set(seen)) == 9


async def test_somebody_who_was_deleted_stays_in_the_list_without_a_name(desk: Desk) -> None:
    people = await desk.people(1)
    row = await desk.launch(await desk.draft())
    await desk.expand(row)
    await desk.write(edit.delete, desk.alice, people[0])
    row = await desk.row(row)
    found = await desk.read(people_store.recipients, row.account_id, row.batch_id, NEWEST, 10)
    assert [(one.contact_name, one.status) for one in found] == [(None, MessageStatus.QUEUED)]


# -- the export ----------------------------------------------------------------------------------------------------------


async def exported(desk: Desk, row: Campaign, wanted: str | None = None) -> list[list[str]]:
    pieces = [piece async for piece in export.csv_rows(desk.kernel.db, await desk.row(row), wanted)]
    text = b"".join(pieces).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
async def test_no_cell_is_a_formula(desk: Desk, name: str) -> None:
    def insert(tx: Tx) -> int:
        return contacts.insert(tx, desk.alice.account_id, "+33639980001", name).id

    contact_id = await desk.write(insert)
    row = await desk.launch(await desk.draft("Hello"), Launch(include_unconsented=True))
    await desk.expand(row)
    head, line = await exported(desk, row)
    cells = dict(zip(head, line, strict=True))
    assert cells["name"] == f"'{name}"
    assert (cells["contact"], cells["number"], cells["status"]) == (ids.show("con", contact_id), "'+33639980001", "queued")
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line)


async def test_the_export_is_the_list_in_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS", 3)
    row = await campaign_with_a_past(desk)
    lines = await exported(desk, row)
    assert len(lines) == 10
    assert len({line[2] for line in lines[1:]}) == 9
    failed = await exported(desk, row, "failed")
    assert sorted(line[5] for line in failed[1:]) == ["not_on_whatsapp", "server_refused"]


async def test_the_export_of_a_draft_is_a_heading(desk: Desk) -> None:
    assert len(await exported(desk, await desk.draft())) == 1
