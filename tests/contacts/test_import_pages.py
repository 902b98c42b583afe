"""The pages of an import, from the file to the lines that were refused."""

from __future__ import annotations

import asyncio
import csv
import io

import httpx
import pytest

from tests.conftest import House
from tests.contacts.test_pages import text_of
from tests.factories import Person
from wame_box.contacts.import_pages import harmless

FILE = "Nom;Téléphone;Ville\nZoé;06 39 98 12 34;Lyon\n=SUM(A1);+447700900123;Leeds\n@evil;12;-1\nZoé 2;+33639981234;Nice\n"
CHOICE = {
    "field-0": "name",
    "field-1": "phone",
    "field-2": "attribute",
    "key-2": "Ma ville",
    "region": "FR",
    "consent": "agreed",
    "consent_source": "fair",
    "list_name": "Fair",
    "existing": "fill",
}


async def upload(browser: httpx.AsyncClient, text: str = FILE) -> str:
    answer = await browser.post("/imports/new", files={"file": ("clients.csv", text)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def over(browser: httpx.AsyncClient, path: str) -> str:
    async with asyncio.timeout(20):
        while "Running" in (page := await text_of(browser, path)):
            await asyncio.sleep(0.02)
    return page


async def test_from_file_to_result(browser: httpx.AsyncClient) -> None:
    path = await upload(browser)
    page = await text_of(browser, path)
    for words in (
        "clients.csv",
        "4 rows",
        "3 columns",
        "Waiting for you",
        "New",
        "Twice in the file",
        "Refused",
        "+44 7700 900123",
    ):
        assert words in page, words
    started = await browser.post(f"{path}/start", data=CHOICE)
    assert (started.status_code, started.headers["location"]) == (303, path)
    page = await over(browser, path)
    for words in ("Finished", "Lines that were refused", "The phone number is too short.", "@evil", "Open the list"):
        assert words in page, words
    assert "This number is in line 2 already." in await text_of(browser, f"{path}?show=duplicate")
    assert "clients.csv" in await text_of(browser, "/imports")
    contacts = await text_of(browser, "/contacts?q=zoe")
    assert "Zoé" in contacts and "Lyon" in contacts and "Opted in" in contacts
    again = await browser.post(f"{path}/start", data=CHOICE)
    assert (again.status_code, again.headers["location"]) == (303, path)


async def test_the_refused_lines_as_a_harmless_file(browser: httpx.AsyncClient) -> None:
    path = await upload(browser)
    await browser.post(f"{path}/start", data=CHOICE)
    await over(browser, path)
    answer = await browser.get(f"{path}/lines.csv?show=refused")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows == [
        ["Line", "Reason", "Nom", "Téléphone", "Ville"],
        ["4", "The phone number is too short.", "'@evil", "12", "'-1"],
    ]
    doubled = (await browser.get(f"{path}/lines.csv?show=duplicate")).content.decode("utf-8-sig")
    assert "'+33639981234" in doubled


def test_what_a_spreadsheet_would_run() -> None:
    for cell in ("=1+1", "+33", "-1", "@SUM", "\tx", "\rx"):
        assert harmless(cell) == f"'{cell}"
    assert [harmless(cell) for cell in ("", "a=1", " x", "'x")] == ["", "a=1", " x", "'x"]


async def test_the_preview_follows_the_choice(browser: httpx.AsyncClient) -> None:
    path = await upload(browser)
    part = await browser.post(f"{path}/preview", data=CHOICE, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert 'value="ma_ville"' in part.text
    whole = await browser.post(f"{path}/preview", data={**CHOICE, "region": ""})
    assert "<html" in whole.text
    assert "The phone number has no country." in whole.text
    assert 'value="fair"' in whole.text
    wrong = await browser.post(f"{path}/preview", data={**CHOICE, "field-1": "ignore"}, headers={"HX-Request": "true"})
    assert "Choose the column that holds the phone number." in wrong.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"consent": ""}, "This field is needed."),
        ({"consent_source": ""}, "Say where these people agreed to get messages."),
        ({"field-1": "ignore"}, "Choose the column that holds the phone number."),
        ({"field-0": "phone"}, "The field phone is assigned to two columns."),
        ({"list_name": "x" * 101}, "At most 100 characters."),
    ],
)
async def test_wrong_choices_come_back(browser: httpx.AsyncClient, change: dict[str, str], sentence: str) -> None:
    path = await upload(browser)
    answer = await browser.post(f"{path}/start", data={**CHOICE, **change})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Waiting for you" in await text_of(browser, path)


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "The file has no rows."), ("PK\x03\x04", "This is a spreadsheet, not a CSV file.")]
)
async def test_files_that_are_no_table(house: House, browser: httpx.AsyncClient, text: str, sentence: str) -> None:
    answer = await browser.post("/imports/new", files={"file": ("clients.csv", text)})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert (await browser.post("/imports/new", files={"file": ("", "")})).status_code == 422
    assert list(house.box.kernel.files.names()) == []


async def test_cancelling_asks_first(browser: httpx.AsyncClient) -> None:
    path = await upload(browser)
    assert "Cancel this import?" in (await browser.post(f"{path}/cancel")).text
    assert (await browser.post(f"{path}/cancel", data={"confirmed": "1"})).status_code == 303
    assert "Cancelled" in await text_of(browser, path)
    assert (await browser.post(f"{path}/cancel", data={"confirmed": "1"})).status_code == 303


async def test_outsiders_find_nothing(house: House, browser: httpx.AsyncClient, charlie: Person) -> None:
    path = await upload(browser)
    other = house.browser(charlie)
    for one in ("", "/progress", "/lines.csv"):
        assert (await other.get(path + one)).status_code == 404
    for one in ("/preview", "/start", "/cancel"):
        assert (await other.post(path + one, data={**CHOICE, "confirmed": "1"})).status_code == 404
