"""The overview, through the door."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import House
from tests.factories import Person
from wame_box.contacts import store as contacts
from wame_box.home import store
from wame_box.kernel import ids
from wame_box.kernel.clock import DAY
from wame_box.kernel.db import Tx
from wame_box.messaging import batch_store
from wame_box.sessions import store as sessions
from wame_box.sessions.models import EngineKind


async def test_a_new_account_is_told_what_to_do(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/")).text
    assert "Getting started" in page
    assert "1 of 4 done" in page  # a key
    assert 'href="/sessions/new"' in page


async def test_the_steps_tick_themselves_and_go(house: House, alice: Person, browser: httpx.AsyncClient) -> None:
    def work(tx: Tx) -> None:
        row = sessions.insert_session(tx, alice.account_id, "Shop", EngineKind.SANDBOX, '{"name": "unpaced"}')
        tx.run("UPDATE sessions SET paired_at = 1 WHERE id = ?", row.id)

    await house.box.kernel.db.write(work)
    assert "2 of 4 done" in (await browser.get("/dashboard/numbers")).text

    def finish(tx: Tx) -> None:
        tx.run(
            "INSERT INTO campaigns (id, account_id, name, status, kind, body, launched_at, created_at, updated_at)"
            " VALUES (?, ?, 'Spring', 'finished', 'text', 'Hi', 1, 1, 1)",
            ids.new_id(),
            alice.account_id,
        )
        contacts.find_or_make(tx, alice.account_id, "+33639980012", "Diane")

    await house.box.kernel.db.write(finish)
    assert "Getting started" not in (await browser.get("/")).text


def note_event(tx: Tx, account_id: int, event_type: str, at: int) -> None:
    tx.run(
        "INSERT INTO events VALUES (?, ?, NULL, ?, '', 0, '{}', ?)",
        (at << ids.COUNTER_BITS) + ids.new_id() % 1000,
        account_id,
        event_type,
        at,
    )


async def test_numbers_are_those_of_the_accounts_own_day(house: House, alice: Person, charlie: Person) -> None:
    start = house.box.kernel.clock.now() // DAY * DAY

    def fill(tx: Tx) -> None:
        for event_type, at, account in (
            ("message.sent", start, alice.account_id),
            ("message.sent", start + 5, alice.account_id),
            ("message.sent", start - 1, alice.account_id),
            ("message.read", start + 9, alice.account_id),
            ("message.failed", start + 9, charlie.account_id),
        ):
            note_event(tx, account, event_type, at)

    await house.box.kernel.db.write(fill)
    found = await house.box.kernel.db.read(store.today, alice.account_id, start)
    assert (found.sent, found.delivered, found.read, found.received, found.failed) == (2, 0, 1, 0, 0)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT count(*) FROM events WHERE account_id = 1 AND type = 'message.sent' AND id >= 5", "events_by_type"),
        (
            "SELECT count(*) FROM messages WHERE status = 'queued' AND session_id IN"
            " (SELECT id FROM sessions WHERE account_id = 1 AND deleted_at IS NULL)",
            "messages_queue",
        ),
    ],
)
async def test_counting_reads_an_index_alone(house: House, query: str, index: str) -> None:
    plan = await house.box.kernel.db.read(lambda sql: str(sql.rows(f"EXPLAIN QUERY PLAN {query}")))
    assert f"COVERING INDEX {index}" in plan


async def test_sessions_that_cannot_send_are_named(house: House, alice: Person, browser: httpx.AsyncClient) -> None:
    def work(tx: Tx) -> None:
        for name, status in (("Broken", "logged_out"), ("Switched off", "stopped"), ("Fine", "connected")):
            row = sessions.insert_session(tx, alice.account_id, name, EngineKind.SANDBOX, '{"name": "unpaced"}')
            reason = "device_removed" if status == "logged_out" else None
            tx.run("UPDATE sessions SET status = ?, reason = ?, wanted = 0 WHERE id = ?", status, reason, row.id)

    await house.box.kernel.db.write(work)
    page = (await browser.get("/dashboard/numbers")).text
    assert "Broken" in page
    assert "The phone removed this device." in page
    assert "Switched off" not in page
    assert "1 / 3" in page
    assert "<html" not in page


async def test_a_batch_leads_to_its_campaign_or_its_messages(
    house: House, alice: Person, browser: httpx.AsyncClient, charlie: Person
) -> None:
    def work(tx: Tx) -> tuple[int, int, int]:
        session = sessions.insert_session(tx, alice.account_id, "Shop", EngineKind.SANDBOX, '{"name": "unpaced"}')
        made = batch_store.insert(tx, alice.account_id, session.id, "campaign")
        alone = batch_store.insert(tx, alice.account_id, session.id, "api")
        campaign = ids.new_id()
        tx.run(
            "INSERT INTO campaigns (id, account_id, name, status, kind, body, batch_id, created_at, updated_at)"
            " VALUES (?, ?, 'Spring', 'running', 'text', 'Hi', ?, 1, 1)",
            campaign,
            alice.account_id,
            made,
        )
        return made, alone, campaign

    made, alone, campaign = await house.box.kernel.db.write(work)
    answer = await browser.get(f"/batches/{ids.show('bat', made)}")
    assert answer.headers["location"] == f"/campaigns/{ids.show('cmp', campaign)}"
    assert (await browser.get(f"/batches/{ids.show('bat', alone)}")).headers["location"].startswith("/messages?batch=bat_")
    stranger = await house.browser(charlie).get(f"/batches/{ids.show('bat', made)}")
    assert "/campaigns/" not in stranger.headers["location"]
