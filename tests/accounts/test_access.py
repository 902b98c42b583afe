"""The gate: keys and cookies, good, wrong, forged and over."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from litestar.connection import ASGIConnection

from tests.accounts.conftest import Town
from tests.factories import Person
from wame_box.accounts import store
from wame_box.accounts.access import LOGIN_DAYS, Gate
from wame_box.kernel.clock import DAY, SECOND
from wame_box.kernel.db import Database, Sql
from wame_box.kernel.errors import StorageFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT = "/api/v1/account"


async def status(client: httpx.AsyncClient, path: str = ACCOUNT, **headers: str) -> int:
    return (await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})).status_code


async def test_a_key_in_either_header(town: Town, owner: Person) -> None:
    client = town[0].client()
    assert await status(client, authorization=f"Bearer {owner.key}") == 200
    assert await status(client, authorization=f"bearer   {owner.key} ") == 200
    assert await status(client, x_api_key=owner.key) == 200
    assert (await client.get(ACCOUNT, headers={"x-api-key": owner.key})).json()["name"] == owner.caller.account_name


@pytest.mark.parametrize(
    "token", ["", "wame_", "x", "é" * 20, "wame_" + "A" * 43, "wame_" + "A" * 100_000, "' OR 1=1 --", "\x7f", "null"]
)
async def test_a_key_that_nobody_has(town: Town, owner: Person, token: str) -> None:
    client = town[0].client()
    for header, value in ((b"authorization", b"Bearer " + token.encode()), (b"x-api-key", token.encode())):
        answer = await client.get(ACCOUNT, headers=[(header, value)])
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_a_key_is_what_was_shown_and_not_what_is_stored(town: Town, owner: Person) -> None:
    def digests(sql: Sql) -> list[bytes]:
        return sql.values("SELECT token_hash FROM api_keys WHERE account_id = ?", owner.account_id)

    (digest,) = await town[0].box.kernel.db.read(digests)
    assert digest == hashlib.sha256(owner.key.encode()).digest()
    client = town[0].client()
    assert await status(client, x_api_key=digest.hex()) == 401
    assert await status(client, x_api_key=owner.key.lower()) == 401
    assert await status(client, x_api_key=owner.key[:-1]) == 401


async def test_a_wrong_key_beside_a_good_login_is_refused(town: Town, owner: Person) -> None:
    browser = town[0].browser(owner)
    assert await status(browser) == 200
    assert await status(browser, x_api_key="wame_wrong") == 401


async def test_a_key_opens_no_pages(town: Town, owner: Person) -> None:
    client = town[0].client(headers={"x-api-key": owner.key})
    for path in ("/", "/settings", "/messages", "/keys", "/live?topics=messages"):
        assert await status(client, path) == 401, path
    page = await client.get("/settings", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/settings")


async def test_a_key_manages_no_keys(town: Town, owner: Person) -> None:
    client = town[0].client(headers={"x-api-key": owner.key})
    answer = await client.post("/api/v1/keys", json={"name": "More", "scopes": ["messages:read"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 5_000, '"', "a=b", "%00"])
async def test_a_forged_cookie(town: Town, owner: Person, token: str) -> None:
    client = town[0].client(headers={"cookie": f"wame_login={token}"})
    assert await status(client) == 401
    assert await status(client, "/settings", accept="text/html") == 303
    assert await status(client, "/sign-in") == 200


async def test_a_login_ends_after_two_weeks_without_use(town: Town, owner: Person) -> None:
    house, clock = town
    browser = house.browser(owner)
    for _ in range(3):  # used again and again it goes on
        clock.advance((LOGIN_DAYS - 1) * DAY)
        assert await status(browser) == 200
    clock.advance(LOGIN_DAYS * DAY + 6 * SECOND)
    assert await status(browser) == 401


async def test_an_ended_login_is_not_remembered_by_a_request_under_way(
    town: Town, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database said yes, then the login ended, then that answer arrives: it must not be kept for the next five seconds."""
    house, clock = town
    clock.advance(DAY)  # so that the request writes when it was seen
    browser, write_low, entered, go = house.browser(owner), Database.write_low, asyncio.Event(), asyncio.Event()

    async def slow(db: Database, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if fn is store.touch_login:
            entered.set()
            await go.wait()
        return await write_low(db, fn, *args, **kwargs)

    monkeypatch.setattr(Database, "write_low", slow)
    under_way = asyncio.create_task(browser.get(ACCOUNT))
    await entered.wait()
    await house.box.kernel.db.write(store.delete_logins_of, owner.member_id)
    house.box.gate.forget()
    go.set()
    await under_way
    assert await status(browser) == 401


async def test_a_full_disk_locks_nobody_out(town: Town, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    house, clock = town
    clock.advance(DAY)

    async def full(db: Database, fn: Any, *args: Any, **kwargs: Any) -> Any:
        raise StorageFailed(True, "full")

    monkeypatch.setattr(Database, "write_low", full)
    assert await status(house.browser(owner)) == 200
    assert await status(house.program(owner)) == 200


async def test_when_a_key_was_used_is_noted(town: Town, owner: Person) -> None:
    house, clock = town
    program = house.program(owner)
    clock.advance(DAY)
    await program.get(ACCOUNT)
    (row,) = (await house.browser(owner).get("/api/v1/keys")).json()["data"]
    assert row["used_at"] is not None
    assert owner.key not in str(row)
    assert owner.key.startswith(row["hint"])


async def test_the_browsers_cookie_lasts_as_long_as_the_login(town: Town, owner: Person) -> None:
    """Renewed when the login slides, once in five minutes; signing out has the last word."""
    browser = town[0].browser(owner)
    assert "set-cookie" not in (await browser.get("/keys")).headers
    town[1].advance(10 * 60 * SECOND)
    renewed = (await browser.get("/keys")).headers["set-cookie"]
    assert renewed.startswith(f"wame_login={owner.login};")
    assert f"max-age={LOGIN_DAYS * 86_400}" in renewed.lower() and "httponly" in renewed.lower()
    assert "secure" not in renewed.lower()
    assert "set-cookie" not in (await browser.get("/keys")).headers
    town[1].advance(10 * 60 * SECOND)
    browser = town[0].client(headers={"cookie": f"wame_login={owner.login}", "sec-fetch-site": "same-origin"})
    said = [one for one in (await browser.post("/sign-out")).headers.get_list("set-cookie") if one.startswith("wame_login=")]
    assert len(said) == 1 and owner.login not in said[0]


@pytest.mark.parametrize(("public_url", "secure"), [("https://box.example", True), ("http://box.example", False), ("", False)])
async def test_the_cookie_is_for_tls_where_people_use_it(town: Town, public_url: str, secure: bool) -> None:
    """A proxy in front of the box ends TLS: what reaches the box is plain HTTP."""
    gate = Gate(town[0].box.kernel.db, town[1], public_url)

    def request(scheme: str) -> ASGIConnection[Any, Any, Any, Any]:
        headers = [(b"host", b"box.test")]
        scope: Any = {"type": "http", "scheme": scheme, "path": "/", "headers": headers, "query_string": b"", "server": None}
        return ASGIConnection(scope)

    assert gate.login_cookie(request("http"), "token").secure is secure
    assert gate.login_cookie(request("https"), "token").secure is True
