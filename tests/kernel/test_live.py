"""The live stream of a browser: its own account's news, bounded, and over when the box stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import House, open_house
from tests.factories import Person, make_account, make_member, until
from wame_box.accounts.permissions import Role
from wame_box.kernel import live
from wame_box.kernel.db import Tx
from wame_box.kernel.live import LiveHub, sse

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Stream:
    """One open request to a stream, as a browser or a program makes it."""

    def __init__(self, house: House, person: Person, topics: str, path: str = "/live", key: str = "") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.over = False
        self._gone = asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": f"topics={topics}".encode(),
            "root_path": "",
            "headers": [
                (b"host", b"box.test"),
                (b"x-api-key", key.encode()) if key else (b"cookie", f"wame_login={person.login}".encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("box.test", 80),
        }
        self.task: asyncio.Task[None] = asyncio.create_task(house.box.asgi(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message["body"].decode()
            self.over = not message.get("more_body")

    async def open(self) -> Stream:
        await until(lambda: "retry" in self.text or self.over)
        return self

    async def leave(self) -> None:
        """The browser closes the page."""
        self._gone.set()
        await asyncio.wait_for(self.task, 5)

    def news(self) -> list[tuple[str, Any]]:
        """(topic, data) of each event so far."""
        parts = [part for part in self.text.split("\n\n") if part.startswith("event: ")]
        lines = [part.split("\ndata: ") for part in parts]
        return [(topic.removeprefix("event: "), json.loads(data)) for topic, data in lines]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("live") / "data") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alice(house: House) -> Person:
    return await make_account(house.box, "Atelier", "Alice", "alice@example.com")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def charlie(house: House) -> Person:
    return await make_account(house.box, "Café", "Charlie", "charlie@example.com")


async def test_news_of_the_own_account_only(house: House, alice: Person, charlie: Person) -> None:
    """Charlie asks for the topics of Alice by name."""
    session = (await house.program(alice).post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    topics = f"messages,sessions,session:{session}"
    hers, his = await Stream(house, alice, topics).open(), await Stream(house, charlie, topics).open()
    assert (hers.status, hers.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert hers.headers["cache-control"] == "no-store"
    assert (await house.program(alice).patch(f"/api/v1/sessions/{session}", json={"name": "Other"})).status_code == 200
    house.box.kernel.live.publish(alice.account_id, "messages", {"message": "msg_1"})
    house.box.kernel.live.publish(alice.account_id, "elsewhere", {})
    await until(lambda: ("messages", {"message": "msg_1"}) in hers.news())
    assert {topic for topic, _ in hers.news()} <= {"messages", "sessions", f"session:{session}"}
    house.box.kernel.live.publish(charlie.account_id, "messages", {"message": "msg_2"})
    await until(his.news)
    assert his.news() == [("messages", {"message": "msg_2"})]
    await hers.leave()
    await his.leave()


async def test_a_page_that_was_closed_is_forgotten(house: House, alice: Person) -> None:
    hub = house.box.kernel.live
    before = len(hub._by_topic)
    stream = await Stream(house, alice, "a,b,c").open()
    assert len(hub._by_topic) == before + 3
    await stream.leave()
    await until(lambda: len(hub._by_topic) == before)


async def test_a_stream_ends_with_the_sign_out(house: House, alice: Person, charlie: Person) -> None:
    """At once, and only that of who signed out."""
    guest = await make_member(house.box, alice, "Bob", "bob@example.com", Role.AGENT)
    hers, his = await Stream(house, guest, "messages").open(), await Stream(house, charlie, "").open()
    assert (await house.browser(guest).post("/sign-out")).status_code == 303
    await until(lambda: hers.over)
    house.box.kernel.live.publish(alice.account_id, "messages", {"message": "msg_9"})
    assert hers.news() == [] and not his.over
    await hers.leave()
    await his.leave()
    assert not house.box.kernel.live._open


@pytest.mark.parametrize("path", ["/live", "/api/v1/sessions/{}/qr/stream"])
async def test_a_stream_ends_when_the_rights_do(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Taken away by another process: noticed at the next sign of life, also while there are news all the time."""
    session = (await house.program(alice).post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    bob = await make_member(house.box, alice, "Bob", f"{len(path)}@example.com", Role.OWNER)
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    stream = await Stream(house, bob, "messages", path.format(session)).open()
    await until(lambda: "still here" in stream.text)
    await house.box.kernel.db.write(Tx.run, "DELETE FROM logins WHERE member_id = ?", bob.caller.member_id)
    async with asyncio.timeout(5):
        while not stream.over:
            house.box.kernel.live.publish(alice.account_id, "messages", {})
            await asyncio.sleep(0.005)
    await stream.leave()


async def test_a_revoked_key_ends_its_stream(house: House, alice: Person) -> None:
    browser = house.browser(alice)
    session = (await browser.post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    made = (await browser.post("/api/v1/keys", json={"name": "K", "scopes": ["sessions:write"]})).json()
    path = f"/api/v1/sessions/{session}/qr/stream"
    stream = await Stream(house, alice, "", path, key=made["key"]).open()
    assert stream.status == 200 and not stream.over
    assert (await browser.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
    await until(lambda: stream.over)
    await stream.leave()


async def test_too_many_topics(house: House, alice: Person) -> None:
    answer = await house.browser(alice).get("/live", params={"topics": ",".join(f"t{n}" for n in range(51))})
    assert answer.status_code == 422


async def test_a_slow_reader_loses_the_oldest() -> None:
    hub = LiveHub()
    with hub.subscribe(1, ["messages"]) as slow, hub.subscribe(1, ["messages"]) as other:
        for number in range(live.QUEUE_LIMIT + 100):
            hub.publish(1, "messages", number)
        assert slow.queue.qsize() == other.queue.qsize() == live.QUEUE_LIMIT
        stream = hub.follow(slow)
        assert await anext(stream) == ("messages", 100)


async def test_silence_is_filled_with_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    hub = LiveHub()
    stream = hub.stream(1, ["messages"])
    assert b"retry" in await anext(stream)
    assert await anext(stream) == live.STILL_HERE
    hub.publish(1, "messages", {"n": 1})
    while (chunk := await anext(stream)) == live.STILL_HERE:
        pass
    assert chunk == b'event: messages\ndata: {"n":1}\n\n'
    await stream.aclose()  # type: ignore[attr-defined]
    assert hub._by_topic == {}


async def test_no_line_break_gets_out_of_the_data() -> None:
    assert sse("messages", {"text": "a\n\nevent: x\r\ndata: y"}).count(b"\n") == 3


async def test_a_stream_ends_when_the_box_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with open_house(tmp_path_factory.mktemp("stop") / "data") as house:
        person = await make_account(house.box, "Atelier", "Alice", "alice@example.com")
        stream = await Stream(house, person, "messages").open()
        house.box.close_streams()
        await until(lambda: stream.over)
        late = Stream(house, person, "messages")
        await until(lambda: late.over)
        for one in (stream, late):
            await one.leave()
