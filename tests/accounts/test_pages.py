"""The pages of the first run, signing in, keys and settings, through the door."""

from __future__ import annotations

import re

import httpx

from tests.conftest import House
from tests.factories import PASSWORD, Person
from wame_box.accounts import store

FIRST = {
    "account": "Atelier",
    "name": "Alice",
    "email": "alice@example.com",
    "password": PASSWORD,
    "time_zone": "Africa/Douala",
    "language": "fr",
    "region": "CM",
}


# -- first run ---------------------------------------------------------------------------------------------------------


async def test_the_first_run_needs_the_token_of_the_terminal(house: House) -> None:
    visitor = house.client()
    refused = await visitor.get("/welcome?token=guess")
    assert refused.status_code == 403
    assert "terminal" in refused.text
    answer = await visitor.post("/welcome", data={**FIRST, "token": "guess"})
    assert answer.status_code == 403
    assert not await house.box.kernel.db.read(store.any_member)


async def test_the_first_run_makes_the_account_and_signs_in(house: House) -> None:
    visitor = house.client()
    token = house.box.first_run.token
    assert token in (await visitor.get(f"/welcome?token={token}")).text
    answer = await visitor.post("/welcome", data={**FIRST, "token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    account = (await house.box.kernel.db.read(store.accounts))[0]
    assert (account.name, account.time_zone, account.language, account.region) == ("Atelier", "Africa/Douala", "fr", "CM")
    home = await visitor.get("/")
    assert home.status_code == 200
    assert '<html lang="fr"' in home.text
    again = await house.client().get(f"/welcome?token={token}")
    assert (again.status_code, again.headers["location"]) == (303, "/sign-in")


async def test_a_wrong_first_run_keeps_what_was_typed_but_the_password(house: House) -> None:
    answer = await house.client().post(
        "/welcome", data={**FIRST, "token": house.box.first_run.token, "email": "nowhere", "password": "brief"}
    )
    assert answer.status_code == 422
    assert 'value="Atelier"' in answer.text
    assert "This is not an email address." in answer.text
    assert "brief" not in answer.text
    assert not await house.box.kernel.db.read(store.any_member)


# -- signing in --------------------------------------------------------------------------------------------------------


async def test_signing_in_leads_back_to_the_page_with_its_query(house: House, alice: Person) -> None:
    visitor = house.client()
    sent = await visitor.get("/messages?status=failed", headers={"accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/messages%3Fstatus%3Dfailed")
    form = await visitor.get(sent.headers["location"])
    assert 'name="next" value="/messages?status=failed"' in form.text
    data = {"email": "alice@example.com", "password": PASSWORD, "next": "/messages?status=failed"}
    answer = await visitor.post("/sign-in", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/messages?status=failed")
    assert (await visitor.get("/")).status_code == 200


async def test_signing_in_never_leads_to_another_site(house: House, alice: Person) -> None:
    data = {"email": "alice@example.com", "password": PASSWORD, "next": "//evil.example/"}
    answer = await house.client().post("/sign-in", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_wrong_password_signs_nobody_in(house: House, alice: Person) -> None:
    visitor = house.client()
    answer = await visitor.post("/sign-in", data={"email": "alice@example.com", "password": "wrong but long"})
    assert answer.status_code == 401
    assert "Email address or password is wrong." in answer.text
    assert "wrong but long" not in answer.text
    assert "wame_login" not in visitor.cookies


async def test_signing_out_ends_the_login(house: House, alice: Person) -> None:
    browser = house.browser(alice)
    assert (await browser.post("/sign-out")).headers["location"] == "/sign-in"
    copy = house.browser(alice)  # the cookie, had somebody kept it
    assert (await copy.get("/", headers={"accept": "text/html"})).headers["location"].startswith("/sign-in")


async def test_another_site_cannot_post(house: House, alice: Person) -> None:
    browser = house.browser(alice)
    answer = await browser.post("/keys", data={"name": "x", "scopes": "messages:send"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_choosing_a_language_comes_back_to_the_same_page(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/messages?status=failed")
    assert 'name="next" value="/messages?status=failed"' in page.text
    answer = await browser.post("/language", data={"language": "es", "next": "/messages?status=failed"})
    assert answer.headers["location"] == "/messages?status=failed"
    assert '<html lang="es"' in (await browser.get("/messages")).text


# -- keys --------------------------------------------------------------------------------------------------------------


def shown_key(page: str) -> str:
    found = re.search(r"wame_[A-Za-z0-9_-]{20,}", page)
    assert found, "no key on the page"
    return found[0]


async def test_a_new_key_is_shown_once_and_works(house: House, browser: httpx.AsyncClient) -> None:
    made = await browser.post("/keys", data={"name": "shop", "scopes": ["account:read"]})
    key = shown_key(made.text)
    assert f"Bearer {key}" in made.text.replace("&#39;", "'")
    assert key not in (await browser.get("/keys")).text
    program = house.client(headers={"authorization": f"Bearer {key}"})
    assert (await program.get("/api/v1/account")).status_code == 200
    assert (await program.get("/api/v1/messages")).status_code == 403


async def test_a_key_needs_a_name_and_something_to_do(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/keys", data={"name": ""})
    assert answer.status_code == 422
    assert "Choose at least one thing the key may do." in answer.text
    assert "This field is needed." in answer.text


async def test_revoking_asks_and_then_ends_the_key(house: House, browser: httpx.AsyncClient) -> None:
    key = shown_key((await browser.post("/keys", data={"name": "shop", "scopes": ["account:read"]})).text)
    page = (await browser.get("/keys")).text
    path = re.findall(r'action="(/keys/key_\w+/revoke)"', page)[0]
    program = house.client(headers={"authorization": f"Bearer {key}"})
    asked = await browser.post(path)
    assert asked.status_code == 200
    assert 'name="confirmed"' in asked.text
    assert (await program.get("/api/v1/account")).status_code == 200
    assert (await browser.post(path, data={"confirmed": "1"})).status_code == 303
    assert (await program.get("/api/v1/account")).status_code == 401


async def test_keys_are_for_owners_of_that_account(
    house: House, bob: Person, browser: httpx.AsyncClient, charlie: Person
) -> None:
    path = re.findall(r'action="(/keys/key_\w+/revoke)"', (await browser.get("/keys")).text)[0]
    assert (await house.browser(bob).get("/keys")).status_code == 403
    assert (await house.browser(charlie).post(path, data={"confirmed": "1"})).status_code == 404


# -- settings ----------------------------------------------------------------------------------------------------------


async def test_settings_are_saved(house: House, alice: Person, browser: httpx.AsyncClient) -> None:
    wish = {"name": "Atelier Nord", "time_zone": "Africa/Douala", "language": "fr", "region": ""}
    assert (await browser.post("/settings", data=wish)).headers["location"] == "/settings"
    account = await house.box.kernel.db.read(store.account, alice.account_id)
    assert account is not None
    assert (account.name, account.time_zone, account.language, account.region) == ("Atelier Nord", "Africa/Douala", "fr", None)
    page = (await browser.get("/settings")).text
    assert 'value="Atelier Nord"' in page
    assert "The settings are saved." in page


async def test_wrong_settings_are_named_and_not_saved(house: House, alice: Person, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/settings", data={"name": "", "time_zone": "Moon/Base", "language": "en"})
    assert answer.status_code == 422
    assert "This time zone is not known." in answer.text
    account = await house.box.kernel.db.read(store.account, alice.account_id)
    assert account is not None
    assert account.name == "Atelier"


async def test_an_agent_sees_the_settings_without_a_form(house: House, bob: Person) -> None:
    agent = house.browser(bob)
    page = await agent.get("/settings")
    assert page.status_code == 200
    assert 'action="/settings"' not in page.text
    assert (await agent.post("/settings", data={"name": "Bob's"})).status_code == 403


async def test_a_new_password_signs_every_other_browser_out(house: House, alice: Person) -> None:
    here, there = house.browser(alice), house.client(headers={"sec-fetch-site": "same-origin"})
    await there.post("/sign-in", data={"email": "alice@example.com", "password": PASSWORD})
    wrong = await here.post("/settings/password", data={"old_password": "no", "new_password": "another quiet horse"})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert (await there.get("/")).status_code == 200
    answer = await here.post("/settings/password", data={"old_password": PASSWORD, "new_password": "another quiet horse"})
    assert answer.status_code == 303
    assert (await here.get("/")).status_code == 200
    assert (await there.get("/", headers={"accept": "text/html"})).headers["location"].startswith("/sign-in")
