"""Taking messages in over REST: what is stored, and what is refused under which code."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conftest import House
from tests.factories import make_account
from tests.messaging.post import DIANE, Post
from wame_box.contacts import consent
from wame_box.contacts import store as contacts
from wame_box.kernel import ids
from wame_box.kernel.clock import DAY, HOUR, to_rfc3339
from wame_box.kernel.db import Sql, Tx

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def quiet(post: Post) -> Post:
    """The session is not connected: what is taken in stays queued."""
    await post.off()
    return post


def wish(post: Post, **changes: Any) -> dict[str, Any]:
    body = {"session": post.session.public_id, "to": DIANE, "type": "text", "text": {"body": "Hello"}, **changes}
    return {name: value for name, value in body.items() if value is not ...}


async def ask(post: Post, **changes: Any) -> httpx.Response:
    return await post.api.post("/api/v1/messages", json=wish(post, **changes))


async def count(post: Post) -> int:
    def work(sql: Sql) -> int:
        return int(sql.value("SELECT count(*) FROM messages WHERE account_id = ?", post.owner.account_id))

    found: int = await post.read(work)
    return found


async def test_what_is_accepted_is_stored(quiet: Post) -> None:
    answer = await ask(quiet, reference="order 7")
    assert answer.status_code == 202
    body = answer.json()
    assert body == {"id": body["id"], "status": "queued", "session": quiet.session.public_id, "to": DIANE}
    row = await quiet.row(ids.parse("msg", body["id"]))
    assert (row.address, row.kind, row.status, row.reference, row.direction) == (DIANE, "text", "queued", "order 7", "out")
    assert (row.body, row.due_at, row.created_at, row.batch_id) == ({"body": "Hello"}, quiet.clock.now(), quiet.clock.now(), 0)


async def test_an_image_by_its_address(quiet: Post) -> None:
    image = {"url": "https://example.com/a.jpg", "caption": "Look"}
    answer = await ask(quiet, type="image", text=..., image=image)
    assert answer.status_code == 202, answer.text
    assert (await quiet.row(ids.parse("msg", answer.json()["id"]))).body == image


@pytest.mark.parametrize(
    "text",
    ["مرحبا", "👩‍👩‍👧‍👦" * 50, "a\nb\r\n\tc", "a\0b", "\u202eevil", "x" * 4096, "'; DROP TABLE messages; --", " padded "],
)
async def test_a_text_arrives_as_it_was_sent(post: Post, text: str) -> None:
    number = await post.send(text=text)
    await post.rest()
    assert (await post.row(number)).body == {"body": text}
    assert post.wire.attempts[-1].content == {"body": text}


@pytest.mark.parametrize(
    ("to", "address"),
    [("06 39 98 00 12", DIANE), ("+33 6 39 98 00 12", DIANE), ("0033639980012", DIANE), ("+44 7700 900123", "+447700900123")],
)
async def test_numbers_are_read_as_the_account_writes_them(quiet: Post, to: str, address: str) -> None:
    answer = await ask(quiet, to=to)
    assert (answer.status_code, answer.json()["to"]) == (202, address)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"to": ""}, "to", None),
        ({"to": "nobody"}, "to", None),
        ({"to": "+331"}, "to", "phone_too_short"),
        ({"to": "\0"}, "to", None),
        ({"to": "1" * 65}, "to", "wrong_field"),
        ({"to": ...}, "to", "required"),
        ({"session": ...}, "session", "required"),
        ({"text": ...}, "text", "content_missing"),
        ({"text": None}, "text", "content_missing"),
        ({"type": "image"}, "text", "content_other"),
        ({"image": {"url": "https://example.com/a.jpg"}}, "image", "content_other"),
        ({"type": "video"}, "type", "wrong_field"),
        ({"text": {"body": ""}}, "text.body", "wrong_field"),
        ({"text": {"body": " \n\t"}}, "text.body", "required"),
        ({"text": {"body": "x" * 4097}}, "text.body", "wrong_field"),
        ({"text": {"body": "x", "preview": True}}, "text.preview", "wrong_field"),
        ({"priority": 0}, "priority", "wrong_field"),
        ({"reference": "x" * 129}, "reference", "wrong_field"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at", "wrong_field"),
        ({"scheduled_at": "2027-01-01T00:00:00"}, "scheduled_at", "wrong_field"),
        ({"scheduled_at": "9999-12-31T23:59:59-14:00"}, "scheduled_at", "schedule_too_far"),
    ],
)
async def test_what_is_wrong_is_named(quiet: Post, changes: dict[str, Any], field: str, code: str | None) -> None:
    answer = await ask(quiet, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    error = answer.json()["errors"][0]
    assert error["field"] == field
    assert code is None or error["code"] == code
    assert error["message"] and "%(" not in error["message"]
    assert await count(quiet) == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//example.com/a.jpg",
        "example.com/a.jpg",
        "http://10.0.0.1/a.jpg",
        "http://192.168.1.1/a.jpg",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/a.jpg",
        "http://0.0.0.0/a.jpg",
        "http://user:password@10.0.0.1/",
        "https://",
        "http://\0/",
        "http://[::1",
        "x" * 2049,
    ],
)
async def test_an_image_from_nowhere_allowed(quiet: Post, url: str) -> None:
    answer = await ask(quiet, type="image", text=..., image={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    assert answer.json()["errors"][0]["field"] == "image.url"
    assert await count(quiet) == 0


@pytest.mark.parametrize("session", ["", "x", "ses_0000000000001", "msg_0000000000001", "ses_" + "z" * 13, "SES_0000000000001"])
async def test_an_unknown_session(quiet: Post, session: str) -> None:
    answer = await ask(quiet, session=session)
    assert (answer.status_code, answer.json()["code"]) == (404, "session_unknown")


async def test_another_accounts_session(quiet: Post, post_house: Any) -> None:
    house: House = post_house[0]
    other = await make_account(house.box, "Café", "Charlie", f"charlie{ids.new_id()}@example.com")
    answer = await house.program(other).post("/api/v1/messages", json=wish(quiet))
    assert (answer.status_code, answer.json()["code"]) == (404, "session_unknown")
    assert await count(quiet) == 0


async def test_a_deleted_session(quiet: Post) -> None:
    session = await quiet.session_named("Gone")
    assert (await quiet.api.delete(f"/api/v1/sessions/{session.public_id}")).status_code in (200, 202, 204)
    answer = await ask(quiet, session=session.public_id)
    assert (answer.status_code, answer.json()["code"]) == (404, "session_unknown")


async def test_somebody_who_opted_out(quiet: Post) -> None:
    def refuse(tx: Tx) -> int:
        row = contacts.insert(tx, quiet.owner.account_id, DIANE, "Diane", None, {})
        consent.opt_out(tx, quiet.owner.account_id, row.id, source="form", proof=None)
        return row.id

    contact = await quiet.box.kernel.db.write(refuse)
    answer = await ask(quiet)
    assert (answer.status_code, answer.json()["code"]) == (409, "recipient_opted_out")
    assert await count(quiet) == 0
    await quiet.box.kernel.db.write(consent.opt_in, quiet.owner.account_id, contact, source="form", proof=None)
    assert (await ask(quiet)).status_code == 202


async def test_the_message_knows_its_contact(quiet: Post) -> None:
    made = await quiet.api.post("/api/v1/contacts", json={"address": DIANE, "name": "Diane"})
    number = ids.parse("msg", (await ask(quiet)).json()["id"])
    assert (await quiet.row(number)).contact_id == ids.parse("con", made.json()["id"])


async def test_planned_for_the_past_is_now_for_the_future_then(quiet: Post) -> None:
    now = quiet.clock.now()
    for moment, due in ((now - DAY, now), (now + HOUR, now + HOUR), (now + 366 * DAY, now + 366 * DAY)):
        answer = await ask(quiet, scheduled_at=to_rfc3339(moment))
        assert answer.status_code == 202, answer.text
        assert (await quiet.row(ids.parse("msg", answer.json()["id"]))).due_at == due
    zoned = await ask(quiet, scheduled_at="2026-06-01T12:00:00+02:00")
    row = await quiet.row(ids.parse("msg", zoned.json()["id"]))
    assert to_rfc3339(row.due_at) == "2026-06-01T10:00:00.000Z"
    assert (await ask(quiet, scheduled_at="0001-01-01T00:00:00+14:00")).status_code == 202


async def test_an_account_without_a_country_needs_the_country_code(post_house: Any) -> None:
    house: House = post_house[0]
    person = await make_account(house.box, "Nowhere", "Nora", f"nora{ids.new_id()}@example.com", region=None)
    api = house.program(person)
    session = (await api.post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    body = {"session": session, "to": "0639980012", "text": {"body": "Hi"}}
    refused = await api.post("/api/v1/messages", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "to")
    assert (await api.post("/api/v1/messages", json={**body, "to": DIANE})).status_code == 202


async def test_a_million_characters(quiet: Post) -> None:
    answer = await quiet.api.post("/api/v1/messages", content=json.dumps(wish(quiet, text={"body": "é" * 1_000_000})))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "text.body")
    assert await count(quiet) == 0
