"""The pages of sessions and virtual phones: the story told by clicks, what they ask first, and who may not."""

from __future__ import annotations

import html
import re

import httpx

from tests.conftest import House
from tests.factories import Person, until
from wame_box.kernel import ids


async def add(browser: httpx.AsyncClient, name: str = "Shop") -> str:
    """The path of a new session's page."""
    answer = await browser.post("/sessions", data={"name": name, "engine": "sandbox", "policy": "unpaced"})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def link(house: House, browser: httpx.AsyncClient, name: str = "Shop") -> tuple[str, str]:
    """The paths of a linked session's page and of its phone's."""
    path = await add(browser, name)
    number = path.rpartition("/")[2]
    await until(lambda: house.box.supervisor.qr(ids.parse("ses", number)))
    phone = await browser.post("/sandbox/phones", data={"name": name, "session": number})
    screen = phone.headers["location"].partition("?")[0]
    code = house.box.supervisor.qr(ids.parse("ses", number))
    assert code is not None
    answer = await browser.post(f"{screen}/scan", data={"qr": code.text})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    await until(lambda: house.box.supervisor.engine(ids.parse("ses", number)))
    return path, screen


async def text_of(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return html.unescape(answer.text)


async def test_an_empty_box_says_what_to_do(browser: httpx.AsyncClient) -> None:
    page = await text_of(browser, "/sessions")
    assert "No numbers yet" in page and 'href="/sessions/new"' in page
    assert "No phone yet" in await text_of(browser, "/sandbox")


async def test_linking_by_clicks(house: House, browser: httpx.AsyncClient) -> None:
    path = await add(browser)
    session = path.rpartition("/")[2]
    await until(lambda: house.box.supervisor.qr(ids.parse("ses", session)))
    page = await text_of(browser, path)
    assert f"/api/v1/sessions/{session}/qr.svg?until=" in page
    assert "Scan with a virtual phone" in page and "<noscript><meta" in page
    drawn = await browser.get(f"/api/v1/sessions/{session}/qr.svg")
    assert drawn.status_code == 200
    phone = await browser.post("/sandbox/phones", data={"name": "Shop", "session": session})
    screen = phone.headers["location"]
    assert re.fullmatch(rf"/sandbox/%2B3363998\d{{4}}\?session={session}", screen)
    scanner = await text_of(browser, screen)
    assert f'data-qr-src="/api/v1/sessions/{session}/qr.png"' in scanner and "phone_scan.js" in scanner
    wrong = await browser.post(f"{screen.partition('?')[0]}/scan", data={"qr": "hello"})
    assert wrong.status_code == 422 and "not a code to link a device" in wrong.text
    code = house.box.supervisor.qr(ids.parse("ses", session))
    assert code is not None
    await browser.post(f"{screen.partition('?')[0]}/scan", data={"qr": code.text})
    await until(lambda: house.box.supervisor.engine(ids.parse("ses", session)))
    page = await text_of(browser, path)
    assert "Connected" in page and "+33 6 39 98" in page and "qr.svg" not in page
    assert "Connected" in await text_of(browser, "/sessions/rows")


async def test_a_wrong_form_comes_back_filled(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/sessions", data={"name": "", "engine": "sandbox", "policy": "careful"})
    assert answer.status_code == 422 and "This field is needed." in answer.text
    assert re.search(r'value="careful"\s+selected', answer.text)
    assert (await browser.post("/sessions", data={"name": "x", "engine": "tin can"})).status_code == 422


async def test_what_can_not_be_undone_asks_first(house: House, browser: httpx.AsyncClient) -> None:
    path, screen = await link(house, browser)
    for act, question in (("stop", "Stop this session?"), ("unlink", "Unlink this number?"), ("delete", "Delete this session?")):
        asked = await browser.post(f"{path}/{act}")
        assert asked.status_code == 200 and question in asked.text and 'name="confirmed"' in asked.text
    assert "Connected" in await text_of(browser, path)
    asked = await browser.post(f"{screen}/state", data={"state": "lost"})
    assert "Lose this phone?" in asked.text
    yes = {"confirmed": "1"}
    assert (await browser.post(f"{path}/stop", data=yes)).status_code == 303
    assert "You stopped this session." in await text_of(browser, path)
    assert (await browser.post(f"{path}/start")).status_code == 303
    await until(lambda: house.box.supervisor.engine(ids.parse("ses", path.rpartition("/")[2])))
    assert (await browser.post(f"{screen}/state", data={"state": "lost"} | yes)).status_code == 303
    await until(lambda: not house.box.supervisor.running())
    page = await text_of(browser, path)
    assert "The phone removed this device." in page and "Link again" in page
    assert "This phone is lost" in await text_of(browser, screen)
    assert (await browser.post(f"{path}/delete", data=yes)).headers["location"] == "/sessions"
    assert (await browser.get(path)).status_code == 404


async def test_a_conversation_on_the_phones(house: House, browser: httpx.AsyncClient) -> None:
    path, screen = await link(house, browser)
    session = path.rpartition("/")[2]
    customer = {"from": "+44 7700 900123", "session": session, "text": "Are <you> open?"}
    answer = await browser.post("/sandbox/messages", data=customer)
    assert answer.status_code == 303
    page = await text_of(browser, answer.headers["location"])
    assert "Are <you> open?" in page and "wb-bubble is-out" in page
    assert "<you>" not in (await browser.get(answer.headers["location"])).text
    owners = await text_of(browser, screen)
    assert "+44 7700 900123" in owners
    opened = await text_of(browser, f"{screen}?session={session}&chat=%2B447700900123")
    assert "Are <you> open?" in opened and "Answer as" in opened
    more = await browser.post(f"{screen}/messages", data={"session": session, "chat": "+447700900123", "text": "Hello?"})
    assert more.headers["location"].endswith(f"?session={session}&chat=%2B447700900123")
    assert "Hello?" in await text_of(browser, "/sandbox/+447700900123")
    read = await browser.post("/sandbox/%2B447700900123/read", data={"session": session})
    assert read.status_code == 303
    wrong = await browser.post("/sandbox/messages", data=customer | {"from": "0612"})
    assert wrong.status_code == 422 and "country code" in wrong.text
    off = await browser.post("/sandbox/+447700900123/state", data={"state": "off"})
    assert off.status_code == 303
    assert "Switch on" in await text_of(browser, "/sandbox/+447700900123")


async def test_knobs_and_name_by_form(house: House, browser: httpx.AsyncClient) -> None:
    path = await add(browser)
    page = await text_of(browser, f"{path}/sandbox")
    fields = dict(re.findall(r'name="((?:\w+)_(?:min|max|rate))" value="([^"]*)"', page))
    assert fields["ack_min"] == "0.02" and fields["read_rate"] == "60"
    wish = fields | {"network": "on", "replies": "STOP\n\nThank you", "read_rate": "12,5", "ack_max": "1"}
    assert (await browser.post(f"{path}/sandbox", data=wish)).status_code == 303
    page = await text_of(browser, f"{path}/sandbox")
    assert 'name="read_rate" value="12.5"' in page and "STOP\nThank you</textarea>" in page
    wrong = await browser.post(f"{path}/sandbox", data=wish | {"read_rate": "101", "ack_min": "5"})
    assert wrong.status_code == 422
    assert "Give a number from 0 to 100." in wrong.text and "the least first" in wrong.text
    assert (await browser.post(f"{path}/name", data={"name": "Support"})).status_code == 303
    assert "<h1>Support" in await text_of(browser, path)
    assert (await browser.post(f"{path}/name", data={"name": ""})).status_code == 422


async def test_who_may_only_look_sees_no_code(house: House, browser: httpx.AsyncClient, bob: Person) -> None:
    path = await add(browser)
    session = path.rpartition("/")[2]
    await until(lambda: house.box.supervisor.qr(ids.parse("ses", session)))
    agent = house.browser(bob)
    page = await text_of(agent, path)
    assert "qr.svg" not in page and "must scan the code" in page and "/delete" not in page
    assert (await agent.get(f"/api/v1/sessions/{session}/qr.svg")).status_code == 403
    for act in ("start", "stop", "unlink", "delete", "name", "sandbox"):
        assert (await agent.post(f"{path}/{act}", data={"confirmed": "1"})).status_code == 403
    assert (await agent.get("/sessions/new")).status_code == 403
    assert (await agent.post("/sandbox/phones", data={"name": "x"})).status_code == 403


async def test_another_accounts_pages_are_not_there(house: House, browser: httpx.AsyncClient, charlie: Person) -> None:
    path, screen = await link(house, browser)
    outsider = house.browser(charlie)
    assert "Shop" not in await text_of(outsider, "/sessions")
    for page in (path, f"{path}/state", f"{path}/sandbox", screen, f"{screen}/screen"):
        assert (await outsider.get(page)).status_code == 404, page
    for act in ("start", "stop", "unlink", "delete", "name"):
        answer = await outsider.post(f"{path}/{act}", data={"confirmed": "1", "name": "Mine"})
        assert answer.status_code == 404, act
    assert (await outsider.post(f"{screen}/state", data={"state": "off"})).status_code == 404
    assert (await house.client().get(path)).status_code in (303, 401)
