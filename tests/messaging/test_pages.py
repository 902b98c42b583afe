"""The pages of messages, conversations and pacing, through the door."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.conftest import House
from tests.factories import Person, make_member
from wame_box.accounts.permissions import Role
from wame_box.contacts import consent
from wame_box.contacts import store as contacts
from wame_box.kernel import ids
from wame_box.kernel.clock import DAY, to_rfc3339
from wame_box.kernel.db import Tx
from wame_box.kernel.i18n import show_datetime
from wame_box.messaging import receive, store, words
from wame_box.messaging.models import Message, MessageStatus
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import Inbound, MessageKind
from wame_box.sessions.models import EngineKind, Session
from wame_box.sessions.policy import Policy, read_policy

DIANE = "+33639980012"
ELENA = "+33639980013"


@pytest.fixture
async def shop(house: House, alice: Person) -> Session:
    """A session of Alice's that nothing runs: what is queued on it stays queued."""

    def make(tx: Tx) -> Session:
        row = sessions.insert_session(tx, alice.account_id, "Shop", EngineKind.LINKED, '{"name": "careful"}')
        tx.run("UPDATE sessions SET number = '+33639980001', paired_at = ?, wanted = 0 WHERE id = ?", tx.now, row.id)
        found = sessions.session_of(tx, alice.account_id, row.id)
        assert found is not None
        return found

    return await house.box.kernel.db.write(make)


async def send(api: httpx.AsyncClient, session: Session, to: str = DIANE, text: str = "Your order is ready", **more: Any) -> str:
    body = {"session": session.public_id, "to": to, "type": "text", "text": {"body": text}, **more}
    answer = await api.post("/api/v1/messages", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def stored(house: House, alice: Person, public_id: str) -> Message:
    row = await house.box.kernel.db.read(store.message, alice.account_id, ids.parse("msg", public_id))
    assert row is not None
    return row


async def hear(house: House, session: Session, text: str, sender: str = DIANE) -> None:
    inbound = Inbound(f"3EB0{ids.new_id():X}", sender, "Diane", MessageKind.TEXT, {"body": text}, house.box.kernel.clock.now())
    await house.box.kernel.db.write(receive.receive, session, inbound)


# -- the log -----------------------------------------------------------------------------------------------------------


async def test_an_empty_log_says_what_to_do(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/messages")
    assert page.status_code == 200
    assert "No messages yet" in page.text
    assert 'href="/send"' in page.text


async def test_the_log_shows_messages_and_filters_them(
    house: House, browser: httpx.AsyncClient, api: httpx.AsyncClient, shop: Session
) -> None:
    mine = await send(api, shop)
    other = await send(api, shop, ELENA, "<b>Sale</b>")
    await hear(house, shop, "Thank you")
    page = (await browser.get("/messages")).text
    assert f"/messages/{mine}" in page
    assert "&lt;b&gt;Sale&lt;/b&gt;" in page
    assert "The session is not connected." in page
    by_number = (await browser.get("/messages", params={"q": "06 39 98 00 12"})).text
    assert mine in by_number
    assert other not in by_number
    assert "Thank you" in by_number
    incoming = (await browser.get("/messages/rows?direction=in")).text
    assert "Thank you" in incoming
    assert mine not in incoming
    assert "<html" not in incoming
    assert mine not in (await browser.get("/messages?status=failed")).text
    assert mine in (await browser.get(f"/messages?session={shop.public_id}&status=queued")).text


async def test_the_log_goes_on_by_cursor(browser: httpx.AsyncClient, api: httpx.AsyncClient, shop: Session) -> None:
    sent = [await send(api, shop, text=f"number {n}") for n in range(52)]
    first = (await browser.get("/messages?status=queued")).text
    assert sent[-1] in first
    assert sent[1] not in first
    older = re.findall(r'rel="next" href="([^"]+)"', first)[0].replace("&amp;", "&")
    assert "status=queued" in older
    second = (await browser.get(older)).text
    assert sent[0] in second
    assert sent[1] in second
    assert sent[-1] not in second


async def test_wrong_filters_are_refused(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/messages?status=lost")).status_code == 404
    assert (await browser.get("/messages?session=nothing")).status_code == 404
    assert (await browser.get("/messages?cursor=x")).status_code == 422


async def test_another_account_sees_nothing(house: House, api: httpx.AsyncClient, shop: Session, charlie: Person) -> None:
    mine = await send(api, shop)
    stranger = house.browser(charlie)
    assert mine not in (await stranger.get("/messages")).text
    for path in (f"/messages/{mine}", f"/messages/{mine}/state", f"/chats/{shop.public_id}/%2B33639980012"):
        assert (await stranger.get(path)).status_code == 404, path
    for path in (f"/messages/{mine}/cancel", f"/sessions/{shop.public_id}/pacing", f"/chats/{shop.public_id}/%2B33639980012"):
        data = {"confirmed": "1", "policy": "normal", "text": "hi"}
        assert (await stranger.post(path, data=data)).status_code in (404, 422), path
    assert (await stranger.get(f"/sessions/{shop.public_id}/pacing")).status_code == 404


# -- one message -------------------------------------------------------------------------------------------------------


async def test_a_message_tells_why_it_waits_and_can_be_cancelled(
    house: House, alice: Person, browser: httpx.AsyncClient, api: httpx.AsyncClient, shop: Session
) -> None:
    moment = (house.box.kernel.clock.now() // DAY + 2) * DAY
    mine = await send(api, shop, reference="order-4711", scheduled_at=to_rfc3339(moment))
    page = (await browser.get(f"/messages/{mine}")).text
    assert "It is planned for later." in page
    assert f"Until {show_datetime(moment, 'short', 'Europe/Paris')}." in page
    assert "order-4711" in page
    asked = await browser.post(f"/messages/{mine}/cancel")
    assert 'name="confirmed"' in asked.text
    assert (await stored(house, alice, mine)).status is MessageStatus.QUEUED
    answer = await browser.post(f"/messages/{mine}/cancel", data={"confirmed": "1"})
    assert answer.headers["location"] == f"/messages/{mine}"
    assert (await stored(house, alice, mine)).status is MessageStatus.CANCELLED
    assert "It was cancelled before it was sent." in (await browser.get(f"/messages/{mine}/state")).text
    await browser.post(f"/messages/{mine}/cancel", data={"confirmed": "1"})
    assert "It was too late" in (await browser.get(f"/messages/{mine}")).text


async def test_a_purged_message_keeps_its_facts(
    house: House, browser: httpx.AsyncClient, api: httpx.AsyncClient, shop: Session
) -> None:
    mine = await send(api, shop)
    number = ids.parse("msg", mine)
    await house.box.kernel.db.write(lambda tx: tx.run("DELETE FROM message_contents WHERE message_id = ?", number))
    page = (await browser.get(f"/messages/{mine}")).text
    assert "The content is not kept any more" in page
    assert "+33 6 39 98 00 12" in page


# -- sending one -------------------------------------------------------------------------------------------------------


async def test_sending_without_a_number_leads_to_linking_one(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/send")).text
    assert 'href="/sessions/new"' in page
    assert "<textarea" not in page


async def test_a_text_is_sent(house: House, alice: Person, browser: httpx.AsyncClient, shop: Session) -> None:
    data = {"session": shop.public_id, "to": "06 39 98 00 12", "text": "Hello\nDiane"}
    answer = await browser.post("/send", data=data)
    assert answer.status_code == 303
    row = await stored(house, alice, answer.headers["location"].rpartition("/")[2])
    assert (row.address, row.kind, row.body["body"]) == (DIANE, "text", "Hello\nDiane")


async def test_an_image_is_planned_in_the_accounts_zone(
    house: House, alice: Person, browser: httpx.AsyncClient, shop: Session
) -> None:
    day = datetime.now(UTC) + timedelta(days=30)
    data = {
        "session": shop.public_id,
        "to": DIANE,
        "text": "Croissants",
        "image_url": "https://example.com/c.jpg",
        "scheduled_at": f"{day:%Y-%m-%d}T09:30",
    }
    answer = await browser.post("/send", data=data)
    row = await stored(house, alice, answer.headers["location"].rpartition("/")[2])
    assert row.body == {"url": "https://example.com/c.jpg", "caption": "Croissants"}
    paris = datetime(day.year, day.month, day.day, 9, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert row.due_at == paris.timestamp() * 1000


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"to": "12"}, "to", "The phone number is too short."),
        ({"to": ""}, "to", "This field is needed."),
        ({"text": ""}, "text", "Write a text, or give the address of an image."),
        ({"text": "x" * 4097}, "text", "At most 4096 characters."),
        ({"image_url": "ftp://example.com/x"}, "image_url", None),
        ({"image_url": "http://10.0.0.3/x.jpg"}, "image_url", None),
        ({"scheduled_at": "soon"}, "scheduled_at", "This is not a date with a time."),
        ({"scheduled_at": "2020-01-01T10:00"}, "scheduled_at", "This time is over already."),
        ({"scheduled_at": "2099-01-01T10:00"}, "scheduled_at", "at most 366 days ahead"),
        ({"session": "ses_0000000000000"}, "session", "There is no such session."),
    ],
)
async def test_a_wrong_field_is_named(
    house: House, browser: httpx.AsyncClient, shop: Session, wrong: dict[str, str], field: str, sentence: str | None
) -> None:
    data = {"session": shop.public_id, "to": DIANE, "text": "Hello", **wrong}
    answer = await browser.post("/send", data=data)
    assert answer.status_code in (404, 422)
    assert f'id="{field}-error"' in answer.text
    if sentence:
        assert sentence in answer.text
    assert await house.box.kernel.db.read(lambda sql: sql.value("SELECT count(*) FROM messages")) == 0


async def test_nobody_writes_to_who_opted_out(house: House, alice: Person, browser: httpx.AsyncClient, shop: Session) -> None:
    def leave(tx: Tx) -> None:
        contact = contacts.find_or_make(tx, alice.account_id, DIANE, "Diane")
        consent.opt_out(tx, alice.account_id, contact.id, source="test", proof=None)

    await house.box.kernel.db.write(leave)
    answer = await browser.post("/send", data={"session": shop.public_id, "to": DIANE, "text": "Hello"})
    assert answer.status_code == 409
    assert 'id="to-error"' in answer.text
    page = (await browser.get(f"/chats/{shop.public_id}/%2B33639980012")).text
    assert "Opted out" in page
    assert "wb-compose" not in page


async def test_who_may_only_read_cannot_send(house: House, alice: Person, shop: Session) -> None:
    viewer = house.browser(await make_member(house.box, alice, "Vera", "vera@example.com", Role.VIEWER))
    assert (await viewer.get("/send")).status_code == 403
    assert (await viewer.post("/send", data={})).status_code == 403
    assert 'class="wb-nav-link" href="/send"' not in (await viewer.get("/messages")).text


# -- conversations -----------------------------------------------------------------------------------------------------


async def test_a_conversation_shows_both_sides_and_answers(
    house: House, alice: Person, browser: httpx.AsyncClient, api: httpx.AsyncClient, shop: Session
) -> None:
    await send(api, shop, text="Your order is ready")
    await hear(house, shop, "On my way")
    await send(api, shop, ELENA, "for somebody else")
    path = f"/chats/{shop.public_id}/%2B33639980012"
    page = (await browser.get(path)).text
    assert page.index("Your order is ready") < page.index("On my way")
    assert "for somebody else" not in page
    assert "Diane" in page
    answer = await browser.post(path, data={"text": "See you"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    bubbles = (await browser.get(f"{path}/bubbles")).text
    assert bubbles.index("On my way") < bubbles.index("See you")
    assert "<html" not in bubbles
    row = (await house.box.kernel.db.read(store.messages, alice.account_id, 1 << 62, 1))[0]
    assert (row.address, row.body) == (DIANE, {"body": "See you"})


async def test_an_empty_answer_is_refused(browser: httpx.AsyncClient, shop: Session) -> None:
    answer = await browser.post(f"/chats/{shop.public_id}/%2B33639980012", data={"text": " "})
    assert answer.status_code == 422
    assert "Write a text" in answer.text


# -- pacing ------------------------------------------------------------------------------------------------------------

CUSTOM = {
    "policy": "custom",
    "gap_min": "3",
    "gap_max": "9.5",
    "per_minute": "",
    "per_hour": "60",
    "per_day": "150",
    "strangers_per_day": "10",
    "strangers_more_each_week": "2",
    "strangers_at_most": "30",
    "quiet": "1",
    "quiet_from": "22",
    "quiet_to": "7",
    "warm_up_days": "14",
    "warm_up_percent": "25",
}


async def policy_of(house: House, alice: Person, session: Session) -> Policy:
    row = await house.box.kernel.db.read(sessions.session_of, alice.account_id, session.id)
    assert row is not None
    return read_policy(row.policy)


async def test_a_named_policy_is_chosen(house: House, alice: Person, browser: httpx.AsyncClient, shop: Session) -> None:
    page = (await browser.get(f"/sessions/{shop.public_id}/pacing")).text
    assert "2–8 s between messages, 200 messages a day, 20 to 40 new people a day" in page
    answer = await browser.post(f"/sessions/{shop.public_id}/pacing", data={"policy": "normal"})
    assert answer.headers["location"] == f"/sessions/{shop.public_id}/pacing"
    assert (await policy_of(house, alice, shop)).name == "normal"


async def test_own_numbers_are_kept_and_shown_again(
    house: House, alice: Person, browser: httpx.AsyncClient, shop: Session
) -> None:
    path = f"/sessions/{shop.public_id}/pacing"
    assert (await browser.post(path, data=CUSTOM)).status_code == 303
    policy = await policy_of(house, alice, shop)
    assert (policy.gap_min_ms, policy.gap_max_ms, policy.per_minute, policy.per_day) == (3_000, 9_500, None, 150)
    assert (policy.warm_up, policy.typing_ms_per_character) == (None, 0)
    assert policy.quiet_hours is not None
    assert (policy.quiet_hours.start, policy.quiet_hours.end) == (22, 7)
    page = (await browser.get(path)).text
    assert re.search(r'name="gap_max" value="9\.5"', page)
    assert re.search(r'value="custom" required checked', page)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"gap_min": "10"}, "gap_max"),
        ({"gap_min": "nan"}, "gap_min"),
        ({"per_hour": "0"}, "per_hour"),
        ({"strangers_at_most": "5"}, "strangers_at_most"),
        ({"strangers_more_each_week": ""}, "strangers_more_each_week"),
        ({"quiet_to": "22"}, "quiet_to"),
        ({"per_day": ""}, "policy"),  # without a daily cap only in the sandbox
        ({"policy": "unpaced"}, "policy"),
        ({"policy": "reckless"}, "policy"),
    ],
)
async def test_wrong_numbers_are_named_and_not_kept(
    house: House, alice: Person, browser: httpx.AsyncClient, shop: Session, wrong: dict[str, str], field: str
) -> None:
    answer = await browser.post(f"/sessions/{shop.public_id}/pacing", data={**CUSTOM, **wrong})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert (await policy_of(house, alice, shop)).name == "careful"


async def test_an_agent_sees_the_pace_and_cannot_change_it(house: House, bob: Person, shop: Session) -> None:
    agent = house.browser(bob)
    assert (await agent.get(f"/sessions/{shop.public_id}/pacing")).status_code == 200
    assert (await agent.post(f"/sessions/{shop.public_id}/pacing", data={"policy": "normal"})).status_code == 403


# -- words -------------------------------------------------------------------------------------------------------------


def test_every_state_has_a_word_and_unknown_codes_are_shown() -> None:
    assert {str(state) for state in MessageStatus} == {str(state) for state in words.STATUS_WORDS}
    assert words.error_text("not_on_whatsapp") == "This number is not on WhatsApp."
    assert "9999" in words.error_text("9999")
    assert words.error_text(None) == ""
