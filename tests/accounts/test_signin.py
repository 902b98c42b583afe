"""Signing in and out: what a stranger learns, how often he may guess, and when a login is over."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.accounts.conftest import Town
from tests.conftest import House
from tests.factories import PASSWORD, Person, make_account
from wame_box.accounts.signin import TRIES, WINDOW
from wame_box.kernel.clock import SECOND
from wame_box.kernel.db import Sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = "another horse by the sea"


async def sign_in(client: httpx.AsyncClient, person: Person, password: str = PASSWORD, **more: str) -> httpx.Response:
    return await client.post("/sign-in", data={"email": person.caller.email, "password": password, **more})


async def signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/api/v1/account")).status_code == 200


def logins(sql: Sql, member_id: int) -> int:
    return int(sql.value("SELECT count(*) FROM logins WHERE member_id = ?", member_id))


async def test_signing_in(town: Town, owner: Person) -> None:
    client = town[0].client()
    answer = await sign_in(client, owner)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    assert await signed_in(client)


async def test_under_tls_the_cookie_stays_there(town: Town, owner: Person) -> None:
    transport = httpx.ASGITransport(app=town[0].box.asgi)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://box.test") as client:
        assert "Secure" in (await sign_in(client, owner)).headers["set-cookie"]


async def test_the_email_is_read_kindly(town: Town, owner: Person) -> None:
    client = town[0].client()
    answer = await client.post("/sign-in", data={"email": f" {owner.caller.email.upper()} ", "password": PASSWORD})
    assert answer.status_code == 303


async def test_a_wrong_password_and_an_unknown_email_answer_alike(town: Town, owner: Person) -> None:
    client = town[0].client()
    wrong = await sign_in(client, owner, "not the password")
    unknown = await client.post("/sign-in", data={"email": "nobody@example.com", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(owner.caller.email, "X") == unknown.text.replace("nobody@example.com", "X")
    assert "set-cookie" not in wrong.headers


async def test_a_huge_password_is_only_wrong(town: Town, owner: Person) -> None:
    assert (await sign_in(town[0].client(), owner, "x" * 1_000_000)).status_code == 401
    assert (await sign_in(town[0].client(), owner, "\0")).status_code == 401


async def test_guessing_is_slowed_down(town: Town, owner: Person) -> None:
    house, clock = town
    client = house.client()
    for _ in range(TRIES):
        assert (await sign_in(client, owner, "guess")).status_code == 401
    throttled = await sign_in(client, owner)  # the right one, too
    assert throttled.status_code == 429
    assert "15 minutes" in throttled.text
    clock.advance(WINDOW - SECOND)
    assert (await sign_in(client, owner)).status_code == 429
    clock.advance(2 * SECOND)
    assert (await sign_in(client, owner)).status_code == 303


async def test_parallel_guesses_do_not_slip_through(town: Town, owner: Person) -> None:
    client = town[0].client()
    answers = await asyncio.gather(*(sign_in(client, owner, f"guess {n}") for n in range(TRIES + 6)))
    assert sorted(answer.status_code for answer in answers) == [401] * TRIES + [429] * 6


async def test_a_login_that_somebody_planted_is_not_taken_over(town: Town, owner: Person) -> None:
    """Session fixation: whatever cookie was there before, signing in makes a new token."""
    client = town[0].client(cookies={"wame_login": "planted"})
    await sign_in(client, owner)
    first = client.cookies.get("wame_login", domain="box.test") or client.cookies.get("wame_login", domain="")
    assert not await signed_in(town[0].client(cookies={"wame_login": "planted"}))
    other = town[0].client()
    answer = await sign_in(other, owner)
    assert answer.cookies["wame_login"] not in ("planted", first)


async def test_signing_out_is_at_once(town: Town, owner: Person) -> None:
    house, _ = town
    client, copy = house.client(), house.client()
    token = (await sign_in(client, owner)).cookies["wame_login"]
    copy.cookies.set("wame_login", token)
    assert await signed_in(copy)  # and so the gate remembers it
    answer = await client.post("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert not await signed_in(copy)
    assert not await signed_in(client)
    assert await signed_in(house.browser(owner))  # another login of hers goes on
    assert (await house.client().post("/sign-out")).status_code == 303


async def test_a_new_password_ends_all_other_logins(town: Town, owner: Person) -> None:
    house, _ = town
    here, there = house.client(), house.browser(owner)
    await sign_in(here, owner)
    assert await signed_in(there)
    answer = await here.post("/settings/password", data={"old_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 303
    assert await signed_in(here)
    assert not await signed_in(there)
    assert await house.box.kernel.db.read(logins, owner.member_id) == 1
    assert (await sign_in(house.client(), owner)).status_code == 401
    assert (await sign_in(house.client(), owner, NEW)).status_code == 303
    assert (await house.program(owner).get("/api/v1/account")).status_code == 200  # keys are another thing


async def test_the_old_password_can_not_be_guessed_at_leisure(town: Town, owner: Person) -> None:
    browser = town[0].browser(owner)
    form = {"old_password": "guess", "new_password": NEW}
    answers = await asyncio.gather(*(browser.post("/settings/password", data=form) for _ in range(TRIES + 3)))
    assert sorted(answer.status_code for answer in answers) == [422] * TRIES + [429] * 3
    right = await browser.post("/settings/password", data={"old_password": PASSWORD, "new_password": NEW})
    assert right.status_code == 429
    assert await signed_in(town[0].browser(owner))


@pytest.mark.parametrize("new", ["short", "password123", "x" * 201])
async def test_a_weak_new_password_is_refused(town: Town, owner: Person, new: str) -> None:
    browser = town[0].browser(owner)
    answer = await browser.post("/settings/password", data={"old_password": PASSWORD, "new_password": new})
    assert answer.status_code == 422
    assert await signed_in(browser)


async def test_a_member_without_an_account_can_not_sign_in(town: Town) -> None:
    house: House = town[0]
    person = await make_account(house.box, "Empty", "Eve", "eve@example.com")
    await house.box.kernel.db.write(lambda tx: tx.run("DELETE FROM memberships WHERE member_id = ?", person.member_id))
    assert (await sign_in(house.client(), person)).status_code == 401
    house.box.gate.forget()
    assert not await signed_in(house.browser(person))
