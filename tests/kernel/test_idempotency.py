"""`Idempotency-Key`: repeated requests get the same answer, and the deed is done once."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conftest import NOON, House, open_house
from tests.factories import Person, make_account
from wame_box.kernel import idempotency
from wame_box.kernel.clock import DAY, SECOND, FakeClock
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.idempotency import Once, do_once

pytestmark = pytest.mark.asyncio(loop_scope="module")

_numbers = itertools.count(1)


@dataclass
class Office:
    house: House
    clock: FakeClock


@dataclass
class Desk:
    """A new account with a session that is never linked: what is accepted stays."""

    office: Office
    owner: Person
    api: httpx.AsyncClient
    session: str

    async def send(self, key: str | None, path: str = "/api/v1/messages", **changes: Any) -> httpx.Response:
        body = {"session": self.session, "to": "+33639980012", "text": {"body": "Hello"}, **changes}
        headers = {} if key is None else {"idempotency-key": key}
        return await self.api.post(path, content=json.dumps(body), headers=headers)

    async def rows(self) -> int:
        def work(sql: Sql) -> int:
            return int(sql.value("SELECT count(*) FROM messages WHERE account_id = ?", self.owner.account_id))

        return await self.office.house.box.kernel.db.read(work)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    clock = FakeClock(NOON)
    async with open_house(tmp_path_factory.mktemp("once") / "data", clock) as house:
        yield Office(house, clock)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(office: Office) -> Desk:
    number = next(_numbers)
    owner = await make_account(office.house.box, f"Atelier {number}", "Alice", f"alice{number}@example.com")
    api = office.house.program(owner)
    session = (await api.post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    return Desk(office, owner, api, session)


async def test_the_same_request_again(desk: Desk) -> None:
    first, second, third = [await desk.send("order-7") for _ in range(3)]
    assert (first.status_code, second.status_code, third.status_code) == (202, 202, 202)
    assert first.content == second.content == third.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == third.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert await desk.rows() == 1


async def test_without_a_key_each_is_another(desk: Desk) -> None:
    answers = [await desk.send(None), await desk.send(None), await desk.send("")]
    assert len({answer.json()["id"] for answer in answers}) == await desk.rows() == 3


async def test_another_body_under_the_same_key(desk: Desk) -> None:
    await desk.send("k")
    answer = await desk.send("k", text={"body": "Bye"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert await desk.rows() == 1


async def test_another_route_under_the_same_key(desk: Desk) -> None:
    body = {"name": "Regulars"}
    headers = {"idempotency-key": "k"}
    assert (await desk.api.post("/api/v1/lists", json=body, headers=headers)).status_code == 201
    answer = await desk.api.post("/api/v1/sessions", json=body, headers=headers)
    assert answer.status_code == 409
    sent = await desk.send("k")
    assert (sent.status_code, sent.json()["code"]) == (409, "idempotency_key_reused")
    assert await desk.rows() == 0


async def test_keys_are_an_accounts_own(desk: Desk) -> None:
    other = await make_account(desk.office.house.box, "Café", "Charlie", f"charlie{next(_numbers)}@example.com")
    api = desk.office.house.program(other)
    headers = {"idempotency-key": "k"}
    mine = await desk.api.post("/api/v1/lists", json={"name": "A"}, headers=headers)
    his = await api.post("/api/v1/lists", json={"name": "A"}, headers=headers)
    assert (mine.status_code, his.status_code) == (201, 201)
    assert mine.json()["id"] != his.json()["id"]


async def test_after_a_day_the_key_is_free(desk: Desk) -> None:
    first = await desk.send("k")
    desk.office.clock.advance(DAY - SECOND)
    assert (await desk.send("k")).content == first.content
    desk.office.clock.advance(2 * SECOND)
    later = await desk.send("k", text={"body": "Another day"})
    assert later.status_code == 202
    assert later.json()["id"] != first.json()["id"]
    again = await desk.send("k", text={"body": "Another day"})
    assert (again.content, again.headers["idempotent-replayed"]) == (later.content, "true")
    assert await desk.rows() == 2


@pytest.mark.parametrize("key", ["x" * 255, "a b", "é", "'", "0"])
async def test_odd_keys(desk: Desk, key: str) -> None:
    headers = [(b"idempotency-key", key.encode())]
    body = json.dumps({"session": desk.session, "to": "+33639980012", "text": {"body": "Hi"}})
    first, second = [await desk.api.post("/api/v1/messages", content=body, headers=headers) for _ in range(2)]
    assert first.status_code == 202
    assert first.content == second.content
    assert await desk.rows() == 1


async def test_a_key_that_is_too_long(desk: Desk) -> None:
    answer = await desk.send("x" * 256)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_too_long")
    assert await desk.rows() == 0


async def test_a_refused_request_leaves_the_key_free(desk: Desk) -> None:
    for changes in ({"to": "nobody"}, {"session": "ses_0000000000001"}, {"text": {"body": ""}}):
        assert (await desk.send("k", **changes)).status_code in (404, 422)
    answer = await desk.send("k")
    assert answer.status_code == 202
    assert "idempotent-replayed" not in answer.headers


async def test_twenty_at_once_are_one(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.send("k") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 19
    assert await desk.rows() == 1


async def test_one_of_twenty_different_ones_wins(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.send("k", text={"body": str(n)}) for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    assert await desk.rows() == 1


async def test_an_answer_with_a_secret_is_not_kept(desk: Desk) -> None:
    browser = desk.office.house.browser(desk.owner)
    headers = {"idempotency-key": "k"}
    body = {"name": "Shop", "scopes": ["messages:read"]}
    first, second = [await browser.post("/api/v1/keys", json=body, headers=headers) for _ in range(2)]
    assert first.json()["key"] != second.json()["key"]

    def stored(sql: Sql) -> int:
        return int(sql.value("SELECT count(*) FROM idempotency WHERE account_id = ?", desk.owner.account_id))

    assert await desk.office.house.box.kernel.db.read(stored) == 0


async def test_a_deed_outside_the_database(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty at once wait for one another; what is refused leaves the key free; a full disk does not unsay what was done."""
    db, done = desk.office.house.box.kernel.db, []

    async def deed() -> dict[str, int]:
        await asyncio.sleep(0)
        done.append(1)
        return {"done": len(done)}

    async def refuse() -> None:
        raise Refused("not_found")

    wish = Once(desk.owner.account_id, "/api/v1/x", "k", b"same")
    with pytest.raises(Refused, match="not_found"):
        await do_once(db, wish, 201, refuse)
    answers = await asyncio.gather(*(do_once(db, wish, 201, deed) for _ in range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, b'{"done":1}')}
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 19
    with pytest.raises(Refused, match="idempotency_key_reused"):
        await do_once(db, replace(wish, body_hash=b"other"), 201, deed)
    assert [(await do_once(db, replace(wish, key=None), 201, deed)).content for _ in range(2)] == [b'{"done":2}', b'{"done":3}']

    def full(*_: Any) -> None:
        raise StorageFailed(True, "full")

    monkeypatch.setattr(idempotency, "_keep", full)
    assert (await do_once(db, replace(wish, key="k2"), 201, deed)).content == b'{"done":4}'


async def test_an_answer_without_content_is_repeated(desk: Desk) -> None:
    message = (await desk.send(None)).json()["id"]
    path, headers = f"/api/v1/messages/{message}/cancel", {"idempotency-key": "k"}
    first, second = [await desk.api.post(path, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code, first.content, second.content) == (204, 204, b"", b"")
    assert second.headers["idempotent-replayed"] == "true"
    assert (await desk.api.post(path)).status_code == 409  # it is cancelled already
