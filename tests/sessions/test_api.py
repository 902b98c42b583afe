"""Sessions and the sandbox over HTTP: each route works, refuses outsiders and says what is wrong."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.conftest import House
from tests.factories import Person, until
from wame_box.accounts import keys
from wame_box.accounts.models import NewKey
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids

NOBODY = "ses_0000000000001"


async def add(api: httpx.AsyncClient, name: str = "Shop", **fields: Any) -> str:
    answer = await api.post("/api/v1/sessions", json={"name": name, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def link(house: House, api: httpx.AsyncClient, name: str = "Shop") -> tuple[str, str]:
    """A linked, connected session and its number."""
    session = await add(api, name)
    qr = (await api.get(f"/api/v1/sessions/{session}/qr")).json()["qr"]
    number = (await api.post("/api/v1/sandbox/phones", json={"name": name})).json()["number"]
    scanned = await api.post(f"/api/v1/sandbox/phones/{number}/scan", json={"qr": qr})
    assert scanned.json() == {"session": session, "number": number}
    await connected(house, session)
    return session, number


async def connected(house: House, session: str) -> None:
    await until(lambda: house.box.supervisor.engine(ids.parse("ses", session)))


async def test_a_session_from_its_creation_to_its_end(house: House, api: httpx.AsyncClient) -> None:
    created = await api.post("/api/v1/sessions", json={"name": " Shop "})
    view = created.json()
    assert created.status_code == 201
    assert (view["name"], view["engine"], view["status"], view["policy"], view["number"]) == (
        "Shop",
        "sandbox",
        "starting",
        "unpaced",
        None,
    )
    session = view["id"]
    qr = await api.get(f"/api/v1/sessions/{session}/qr")
    assert qr.status_code == 200 and qr.json()["qr"].startswith("2@")
    number = (await api.post("/api/v1/sandbox/phones", json={"name": "Alice", "number": "+44 7700 900-777"})).json()["number"]
    assert number == "+447700900777"
    await api.post(f"/api/v1/sandbox/phones/{number}/scan", json={"qr": qr.json()["qr"]})
    await connected(house, session)
    view = (await api.get(f"/api/v1/sessions/{session}")).json()
    assert (view["status"], view["number"], view["push_name"]) == ("connected", number, "Alice")
    assert (await api.get(f"/api/v1/sessions/{session}/qr")).json()["code"] == "not_pairing"
    renamed = await api.patch(f"/api/v1/sessions/{session}", json={"name": "Support", "policy": "careful"})
    assert (renamed.json()["name"], renamed.json()["policy"]) == ("Support", "careful")
    stopped = await api.post(f"/api/v1/sessions/{session}/stop")
    assert (stopped.status_code, stopped.json()["status"], stopped.json()["reason"]) == (202, "stopped", "switched_off")
    assert (await api.post(f"/api/v1/sessions/{session}/start")).json()["status"] == "starting"
    await connected(house, session)
    unlinked = await api.post(f"/api/v1/sessions/{session}/unlink")
    assert (unlinked.json()["status"], unlinked.json()["reason"]) == ("logged_out", "unlinked")
    assert (await api.delete(f"/api/v1/sessions/{session}")).status_code == 204
    assert (await api.get(f"/api/v1/sessions/{session}")).status_code == 404
    assert (await api.get("/api/v1/sessions")).json() == {"data": [], "next_cursor": None}


async def test_the_pictures_carry_the_code(house: House, api: httpx.AsyncClient) -> None:
    session = await add(api)
    svg = await api.get(f"/api/v1/sessions/{session}/qr.svg")
    png = await api.get(f"/api/v1/sessions/{session}/qr.png")
    assert (svg.headers["content-type"], png.headers["content-type"]) == ("image/svg+xml", "image/png")
    assert svg.headers["cache-control"] == png.headers["cache-control"] == "no-store"
    assert svg.content.startswith(b"<") and b"<path" in svg.content and b'fill="#fff"' in svg.content
    picture = Image.open(io.BytesIO(png.content))
    assert picture.size[0] == picture.size[1] > 300


async def test_the_stream_tells_the_pairing_and_ends(house: House, api: httpx.AsyncClient) -> None:
    session = await add(api)
    number = (await api.post("/api/v1/sandbox/phones", json={"name": "Alice"})).json()["number"]
    reading = asyncio.create_task(api.get(f"/api/v1/sessions/{session}/qr/stream"))
    qr = (await api.get(f"/api/v1/sessions/{session}/qr")).json()["qr"]
    await api.post(f"/api/v1/sandbox/phones/{number}/scan", json={"qr": qr})
    answer = await asyncio.wait_for(reading, 10)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [block.split("\n") for block in answer.text.split("\n\n") if block.startswith("event: ")]
    events = [(lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in told]
    shown = [data for name, data in events if name == "qr"]
    assert shown[0]["qr"] == qr and shown[0]["svg"].startswith("<") and shown[0]["expires_at"].endswith("Z")
    assert events[-1] == ("status", {"status": "connected", "reason": None, "number": number})


async def test_the_stream_of_a_connected_session_is_short(house: House, api: httpx.AsyncClient) -> None:
    session, _ = await link(house, api)
    answer = await api.get(f"/api/v1/sessions/{session}/qr/stream")
    assert answer.text.count("event: ") == 1 and '"connected"' in answer.text


async def test_a_repeated_post_makes_one_session(house: House, api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "once"}
    first = await api.post("/api/v1/sessions", json={"name": "Shop"}, headers=headers)
    again = await api.post("/api/v1/sessions", json={"name": "Shop"}, headers=headers)
    assert first.json() == again.json() and again.headers["idempotent-replayed"] == "true"
    assert len((await api.get("/api/v1/sessions")).json()["data"]) == 1
    assert (await api.post("/api/v1/sessions", json={"name": "Other"}, headers=headers)).status_code == 409


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"name": ""}, "invalid_input", "name"),
        ({"name": "x" * 101}, "invalid_input", "name"),
        ({"name": "Shop", "policy": "reckless"}, "invalid_input", "policy"),
        ({"name": "Shop", "engine": "linked"}, "engine_unavailable", None),
        ({"name": "Shop", "engine": "carrier pigeon"}, "invalid_input", "engine"),
        ({"name": "Shop", "colour": "red"}, "invalid_input", None),
        ({}, "invalid_input", None),
    ],
)
async def test_a_wrong_session_is_refused(api: httpx.AsyncClient, body: dict[str, str], code: str, field: str | None) -> None:
    answer = await api.post("/api/v1/sessions", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in (code, "malformed")
    if field and "errors" in answer.json():
        assert answer.json()["errors"][0]["field"] == field
    assert (await api.get("/api/v1/sessions")).json()["data"] == []


async def test_lists_are_cut_into_pages(api: httpx.AsyncClient) -> None:
    made = [await add(api, f"Number {n}") for n in range(5)]
    first = (await api.get("/api/v1/sessions?limit=3")).json()
    rest = (await api.get(f"/api/v1/sessions?limit=3&cursor={first['next_cursor']}")).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_another_account_finds_nothing(house: House, api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    session, number = await link(house, api)
    path, phone = f"/api/v1/sessions/{session}", f"/api/v1/sandbox/phones/{number}"
    tries = [
        other_api.get(path),
        other_api.patch(path, json={"name": "Mine now"}),
        other_api.delete(path),
        other_api.post(f"{path}/start"),
        other_api.post(f"{path}/stop"),
        other_api.post(f"{path}/unlink"),
        other_api.get(f"{path}/qr"),
        other_api.get(f"{path}/qr.png"),
        other_api.get(f"{path}/qr.svg"),
        other_api.get(f"{path}/qr/stream"),
        other_api.post(f"{path}/check", json={"numbers": ["+447700900123"]}),
        other_api.get(f"{path}/sandbox"),
        other_api.patch(f"{path}/sandbox", json={"read_rate": 0}),
        other_api.get(phone),
        other_api.post(f"{phone}/state", json={"state": "banned"}),
        other_api.post(f"{phone}/read", json={}),
        other_api.post(f"{phone}/scan", json={"qr": "2@x"}),
        other_api.get(f"{phone}/messages?session={session}"),
        other_api.post("/api/v1/sandbox/messages", json={"session": session, "from": "+447700900123", "text": "Hi"}),
        other_api.get(f"/api/v1/sandbox/ledger?session={session}"),
    ]
    for work in tries:
        answer = await work
        assert answer.status_code == 404, (answer.url, answer.text)
    assert (await other_api.get("/api/v1/sandbox/phones")).json() == {"data": []}
    assert (await other_api.get("/api/v1/sandbox/ledger")).json()["counts"]["attempts"] == 0
    view = (await api.get(path)).json()
    assert (view["name"], view["status"]) == ("Shop", "connected")


async def test_a_key_needs_the_right_scope(house: House, alice: Person, api: httpx.AsyncClient) -> None:
    session = await add(api)
    _, key = await house.box.kernel.db.write(keys.create_key, alice.caller, NewKey("reader", [Scope.SESSIONS_READ]))
    reader = house.client(headers={"x-api-key": key})
    assert (await reader.get(f"/api/v1/sessions/{session}")).status_code == 200
    for answer in (
        await reader.get(f"/api/v1/sessions/{session}/qr"),
        await reader.post("/api/v1/sessions", json={"name": "x"}),
        await reader.post("/api/v1/sandbox/phones", json={"name": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert (await house.client().get("/api/v1/sessions")).status_code == 401


async def test_numbers_are_checked_through_a_connected_session(house: House, api: httpx.AsyncClient) -> None:
    session, _ = await link(house, api)
    path = f"/api/v1/sessions/{session}/check"
    await api.patch(f"/api/v1/sessions/{session}/sandbox", json={"not_on_whatsapp_rate": 1.0})
    answer = await api.post(path, json={"numbers": ["+44 7700 900123"]})
    assert answer.json() == {"data": [{"number": "+447700900123", "on_whatsapp": False}]}
    wrong = await api.post(path, json={"numbers": ["+447700900123", "0612345678"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "numbers.1")
    assert (await api.post(path, json={"numbers": []})).status_code in (400, 422)
    await api.post(f"/api/v1/sessions/{session}/stop")
    await until(lambda: not house.box.supervisor.running())
    assert (await api.post(path, json={"numbers": ["+447700900123"]})).json()["code"] == "not_connected"


async def test_a_customer_is_played_over_the_api(house: House, api: httpx.AsyncClient) -> None:
    session, _ = await link(house, api)
    customer = "+447700900123"
    wish = {"session": session, "from": customer, "text": "Are you open?"}
    headers = {"idempotency-key": "hello"}
    sent = await api.post("/api/v1/sandbox/messages", json=wish, headers=headers)
    again = await api.post("/api/v1/sandbox/messages", json=wish, headers=headers)
    assert sent.status_code == again.status_code == 201
    chat = (await api.get(f"/api/v1/sandbox/phones/{customer}/messages?session={session}")).json()["data"]
    assert [(row["outgoing"], row["content"]) for row in chat] == [(False, {"body": "Are you open?"})]

    async def received() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await api.get("/api/v1/messages?direction=in")).json()["data"]
        return found

    async with asyncio.timeout(10):
        while not await received():
            await asyncio.sleep(0.01)
    assert len(await received()) == 1
    off = await api.post(f"/api/v1/sandbox/phones/{customer}/state", json={"state": "off"})
    assert off.json()["state"] == "off"
    refused = await api.post("/api/v1/sandbox/messages", json=wish)
    assert (refused.status_code, refused.json()["code"]) == (409, "phone_not_on")
    lost = await api.post(f"/api/v1/sandbox/phones/{customer}/state", json={"state": "lost"})
    assert lost.json()["code"] == "phone_not_owned"
    assert (await api.post(f"/api/v1/sandbox/phones/{customer}/state", json={"state": "ringing"})).status_code in (400, 422)


async def test_knobs_over_the_api(api: httpx.AsyncClient) -> None:
    session = await add(api)
    path = f"/api/v1/sessions/{session}/sandbox"
    assert (await api.get(path)).json()["read_rate"] == 0.6
    turned = await api.patch(path, json={"read_rate": 1, "ack_ms": [0, 5], "replies": ["STOP"]})
    assert (turned.json()["read_rate"], turned.json()["ack_ms"], turned.json()["replies"]) == (1, [0, 5], ["STOP"])
    assert (await api.get(path)).json() == turned.json()
    for wrong in ({"read_rate": 2}, {"ack_ms": [5, 1]}, {"speed": "fast"}, {"network": "broken"}):
        assert (await api.patch(path, json=wrong)).status_code in (400, 422)


async def test_the_ledger_over_the_api(house: House, api: httpx.AsyncClient) -> None:
    session, _ = await link(house, api)
    calm = {"ack_ms": [0, 0], "failure_rate": 0, "not_on_whatsapp_rate": 0, "deliver_ms": [3_600_000, 3_600_000]}
    await api.patch(f"/api/v1/sessions/{session}/sandbox", json=calm)
    for n in range(4):
        wish = {"session": session, "to": f"+44770090000{n}", "type": "text", "text": {"body": "Hi"}}
        assert (await api.post("/api/v1/messages", json=wish)).status_code == 202
    ledger = house.box.world.ledger
    account = house.box.world.devices[ids.parse("ses", session)].account_id
    await until(lambda: ledger.counts(account).accepted == 4)
    first = (await api.get(f"/api/v1/sandbox/ledger?limit=3&session={session}")).json()
    rest = (await api.get(f"/api/v1/sandbox/ledger?limit=3&cursor={first['next_cursor']}")).json()
    assert first["counts"] == {"attempts": 4, "accepted": 4, "duplicate": 0, "failed": 0, "not_on_whatsapp": 0}
    assert first["pending"] >= 4
    assert [len(first["data"]), len(rest["data"]), rest["next_cursor"]] == [3, 1, None]
    assert {line["outcome"] for line in first["data"]} == {"accepted"}
    assert "+44770090" not in json.dumps(first)
    assert (await api.get("/api/v1/sandbox/ledger?limit=1001")).status_code == 422
    assert (await api.get("/api/v1/sandbox/ledger?cursor=x")).json()["code"] == "bad_cursor"


async def test_malformed_ids_are_404(api: httpx.AsyncClient) -> None:
    for bad in ("x", "msg_0000000000001", NOBODY):
        assert (await api.get(f"/api/v1/sessions/{bad}")).status_code == 404
    assert (await api.get("/api/v1/sandbox/phones/+33639980009")).status_code == 404
