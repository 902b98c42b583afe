"""The pages of webhooks, as a browser without JavaScript uses them."""

from __future__ import annotations

import httpx

from tests.conftest import House
from tests.factories import Person
from tests.webhooks.sink import Reply, Sink
from tests.webhooks.test_api import delivered, emit


async def _add(browser: httpx.AsyncClient, url: str, **more: object) -> str:
    """The address of a new endpoint's page."""
    answer = await browser.post("/webhooks/new", data={"url": url, "which": "all", **more})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_the_empty_list_says_what_to_do(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/webhooks")
    assert page.status_code == 200
    assert "No endpoints yet" in page.text
    assert 'href="/webhooks/new"' in page.text


async def test_adding_one_and_changing_it(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    here = await _add(browser, "https://example.com/hook", which="some", types=["message.read", "session.qr"])
    [endpoint] = (await api.get("/api/v1/endpoints")).json()["data"]
    assert here == f"/webhooks/{endpoint['id']}"
    assert (endpoint["name"], endpoint["types"]) == ("example.com", ["message.read", "session.qr"])
    assert "The recipient read a message." in (await browser.get(here)).text
    assert "example.com" in (await browser.get("/webhooks")).text
    form = (await browser.get(f"{here}/edit")).text
    assert 'value="message.read" checked' in form
    assert 'value="message.sent" checked' not in form
    answer = await browser.post(f"{here}/edit", data={"url": "https://example.com/new", "name": "Shop", "which": "all"})
    assert answer.status_code == 303
    [endpoint] = (await api.get("/api/v1/endpoints")).json()["data"]
    assert (endpoint["name"], endpoint["url"], endpoint["types"]) == ("Shop", "https://example.com/new", ["*"])


async def test_a_family_stays_a_family_when_nothing_else_was_chosen(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    made = (await api.post("/api/v1/endpoints", json={"url": "https://example.com/", "types": ["contact.*"]})).json()
    form = {"url": made["url"], "name": "Shop", "which": "some", "types": ["contact.opted_out", "contact.opted_in"]}
    await browser.post(f"/webhooks/{made['id']}/edit", data=form)
    assert (await api.get(f"/api/v1/endpoints/{made['id']}")).json()["types"] == ["contact.*"]


async def test_a_wrong_form_comes_back_filled(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/webhooks/new", data={"url": "http://10.0.0.3/", "name": "Shop", "which": "some"})
    assert answer.status_code == 422
    assert "10.0.0.3 is on a private network" in answer.text
    assert "Choose at least one event." in answer.text
    assert 'value="Shop"' in answer.text


async def test_testing_shows_what_came_back(browser: httpx.AsyncClient, sink: Sink) -> None:
    here = await _add(browser, sink.url)
    sink.replies(Reply(500, body="<b>out of order</b>"), Reply())
    answer = await browser.post(f"{here}/test")
    page = (await browser.get(answer.headers["location"])).text
    assert "The test failed" in page
    assert "Answered 500" in page
    assert "&lt;b&gt;out of order&lt;/b&gt;" in page
    answer = await browser.post(f"{here}/test")
    assert "The test arrived" in (await browser.get(answer.headers["location"])).text


async def test_a_delivery_is_shown_and_sent_again(
    house: House, browser: httpx.AsyncClient, api: httpx.AsyncClient, alice: Person, sink: Sink
) -> None:
    here = await _add(browser, sink.url)
    await emit(house, alice, 7)
    one = await delivered(api, {"id": here.rpartition("/")[2]})
    page = (await browser.get(f"{here}/deliveries/{one['id']}")).text
    assert "webhook-signature: v1," in page
    assert "&#34;number&#34;: 7" in page
    assert "thanks" in page
    for part in (f"{here}/part", f"{here}/part?status=delivered", f"{here}/deliveries/{one['id']}/part", "/webhooks/rows"):
        answer = await browser.get(part)
        assert (answer.status_code, "<html" in answer.text) == (200, False)
    answer = await browser.post(f"{here}/deliveries/{one['id']}/replay")
    assert answer.status_code == 303
    assert "Sent again after" in (await browser.get(answer.headers["location"])).text
    await sink.take(2)


async def test_the_secret_is_shown_on_demand(browser: httpx.AsyncClient) -> None:
    here = await _add(browser, "https://example.com/")
    assert "whsec_…" in (await browser.get(here)).text
    shown = await browser.post(f"{here}/secret")
    assert shown.status_code == 200
    assert "Secret</div>" in shown.text


async def test_switching_off_and_deleting_ask_first(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    here = await _add(browser, "https://example.com/")
    for act, question in (("disable", "Switch this endpoint off?"), ("delete", "Delete this endpoint?")):
        asked = await browser.post(f"{here}/{act}")
        assert (asked.status_code, question in asked.text) == (200, True)
    [endpoint] = (await api.get("/api/v1/endpoints")).json()["data"]
    assert endpoint["status"] == "enabled"
    assert (await browser.post(f"{here}/disable", data={"confirmed": "1"})).status_code == 303
    assert "This endpoint is off" in (await browser.get(here)).text
    assert (await browser.post(f"{here}/enable")).status_code == 303
    assert (await browser.post(f"{here}/delete", data={"confirmed": "1"})).headers["location"] == "/webhooks"
    assert (await browser.get(here)).status_code == 404


async def test_who_may_only_read_sees_no_buttons(house: House, browser: httpx.AsyncClient, bob: Person, charlie: Person) -> None:
    here = await _add(browser, "https://example.com/")
    reader = house.browser(bob)
    page = await reader.get(here)
    assert page.status_code == 200
    assert f'action="{here}' not in page.text
    assert (await reader.post(f"{here}/test")).status_code == 403
    assert (await reader.get("/webhooks/new")).status_code == 403
    stranger = house.browser(charlie)
    assert (await stranger.get(here)).status_code == 404
    assert (await stranger.post(f"{here}/secret")).status_code == 404
    assert (await stranger.post(f"{here}/delete", data={"confirmed": "1"})).status_code == 404
