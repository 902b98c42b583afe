"""The pages of contacts and lists, as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from tests.conftest import House
from tests.factories import Person


async def add(browser: httpx.AsyncClient, address: str = "06 39 98 12 34", **fields: str) -> str:
    """Returns the path of the new contact's page."""
    answer = await browser.post("/contacts/new", data={"address": address, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def text_of(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


async def test_empty_pages_say_what_to_do(browser: httpx.AsyncClient) -> None:
    assert "Import a CSV" in await text_of(browser, "/contacts")
    assert "No lists yet" in await text_of(browser, "/lists")
    assert "No imports yet" in await text_of(browser, "/imports")


async def test_a_contact_from_form_to_page(browser: httpx.AsyncClient) -> None:
    path = await add(browser, name="Zoé <b>", language="fr", attributes="Ville: Lyon\n\nplan: pro", consent_source="shop")
    page = await text_of(browser, path)
    for words in ("Zoé <b>", "+33 6 39 98 12 34", "French", "ville", "Lyon", "plan", "Opted in", "shop", "The contact is added."):
        assert words in page, words
    assert "Zoé <b>" in await text_of(browser, "/contacts")
    assert "1 contact" in await text_of(browser, "/contacts?q=zoe&consent=opted_in")
    assert "Nobody fits" in await text_of(browser, "/contacts?q=zoe&consent=none")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"address": ""}, "The phone number is missing."),
        ({"address": "12"}, "The phone number is too short."),
        ({"address": "+33639981234", "attributes": "nonsense"}, "Line 1 is not of the form “name: value”."),
        ({"address": "+33639981234", "attributes": "a: 1\nA: 2"}, "The attribute “a” is there twice."),
        ({"address": "+33639981234", "name": "x" * 201}, "At most 200 characters."),
    ],
)
async def test_wrong_forms_come_back_filled(browser: httpx.AsyncClient, fields: dict[str, str], sentence: str) -> None:
    answer = await browser.post("/contacts/new", data={"attributes": "city: Nice", **fields})
    assert answer.status_code == 422
    assert sentence in unescape(answer.text)
    assert fields.get("attributes", "city: Nice") in answer.text


async def test_a_number_twice(browser: httpx.AsyncClient) -> None:
    await add(browser)
    answer = await browser.post("/contacts/new", data={"address": "+33639981234"})
    assert answer.status_code == 409
    assert "There is a contact with the number +33639981234 already." in unescape(answer.text)


async def test_editing_removes_what_is_not_there_any_more(browser: httpx.AsyncClient) -> None:
    path = await add(browser, name="Zoé", attributes="city: Lyon\nplan: pro")
    assert "city: Lyon\nplan: pro" in (await browser.get(f"{path}/edit")).text
    await browser.post(f"{path}/edit", data={"name": "Zoé M", "attributes": "plan: basic\nsize: 3"})
    page = await text_of(browser, path)
    assert "Lyon" not in page
    assert "basic" in page and "size" in page and "Zoé M" in page


async def test_opting_out_asks_first_and_in_wants_a_source(browser: httpx.AsyncClient) -> None:
    path = await add(browser, name="Zoé")
    assert "Opt this person out?" in (await browser.post(f"{path}/opt-out")).text
    assert "Opted out" not in (await text_of(browser, path)).split("Consent")[0]
    assert (await browser.post(f"{path}/opt-out", data={"confirmed": "1"})).status_code == 303
    assert "A member of your team" in await text_of(browser, path)
    assert "They asked for no messages." in await text_of(browser, f"{path}/opt-in")
    assert (await browser.post(f"{path}/opt-in", data={"source": " "})).status_code == 422
    assert (await browser.post(f"{path}/opt-in", data={"source": "web form"})).status_code == 303
    assert "web form" in await text_of(browser, path)


async def test_deleting_asks_first(browser: httpx.AsyncClient) -> None:
    path = await add(browser)
    assert "Delete this contact?" in (await browser.post(f"{path}/delete")).text
    assert (await browser.get(path)).status_code == 200
    assert (await browser.post(f"{path}/delete", data={"confirmed": "1"})).status_code == 303
    assert (await browser.get(path)).status_code == 404


async def test_a_list_and_its_people(browser: httpx.AsyncClient) -> None:
    path = await add(browser, name="Zoé")
    made = await browser.post("/lists", data={"name": "Spring"})
    assert made.status_code == 303
    spring = made.headers["location"]
    again = await browser.post("/lists", data={"name": "spring"})
    assert (again.status_code, "There is a list with this name already." in again.text) == (409, True)
    assert "Nobody is on this list yet" in await text_of(browser, spring)
    stranger = await browser.post(f"{spring}/add", data={"address": "+447700900123"})
    assert (stranger.status_code, "Add it as a contact first." in stranger.text) == (422, True)
    assert (await browser.post(f"{spring}/add", data={"address": "06 39 98 12 34"})).status_code == 303
    assert "Zoé" in await text_of(browser, spring)
    assert "1 contact" in await text_of(browser, spring)
    assert "Nobody fits" in await text_of(browser, f"{spring}?q=bob")
    contact = path.rpartition("/")[2]
    assert (await browser.post(f"{spring}/remove/{contact}")).status_code == 303
    assert (await browser.post(f"{path}/lists", data={"list": spring.rpartition("/")[2]})).status_code == 303
    assert "Spring" in await text_of(browser, path)
    assert (await browser.post(f"{path}/lists/{spring.rpartition('/')[2]}/remove")).status_code == 303
    assert (await browser.post(f"{spring}/rename", data={"name": "Summer"})).status_code == 303
    assert "Summer" in await text_of(browser, "/lists")
    assert "Delete this list?" in (await browser.post(f"{spring}/delete")).text
    assert (await browser.post(f"{spring}/delete", data={"confirmed": "1"})).status_code == 303
    assert (await browser.get(spring)).status_code == 404
    assert (await browser.get(path)).status_code == 200


async def test_outsiders_find_nothing(house: House, browser: httpx.AsyncClient, charlie: Person) -> None:
    path = await add(browser)
    spring = (await browser.post("/lists", data={"name": "Spring"})).headers["location"]
    other = house.browser(charlie)
    for one in (path, f"{path}/edit", f"{path}/opt-in", spring, f"{spring}/rename"):
        assert (await other.get(one)).status_code == 404, one
    for one in (f"{path}/edit", f"{path}/opt-out", f"{path}/delete", f"{path}/lists", f"{spring}/delete", f"{spring}/rename"):
        assert (await other.post(one, data={"confirmed": "1", "name": "x"})).status_code == 404, one
    assert (await other.post(f"{spring}/add", data={"address": "+33639981234"})).status_code == 404
    assert (await house.client().get("/contacts", headers={"accept": "text/html"})).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", ["/contacts?list=nonsense", "/contacts/con_x", "/lists/lst_x", "/imports/imp_x"])
async def test_addresses_of_nothing(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code == 404
