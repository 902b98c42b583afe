"""The pages of campaigns: the same operations as the API's, without JavaScript; others see nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.campaigns.stage import Stage
from tests.conftest import House
from tests.factories import Person
from wame_box.campaigns import store
from wame_box.campaigns.models import Campaign, CampaignStatus
from wame_box.campaigns.words import span_text
from wame_box.kernel import ids
from wame_box.kernel.db import Sql

S = CampaignStatus


async def latest(stage: Stage) -> Campaign:
    def work(sql: Sql) -> Campaign:
        return store.campaigns(sql, stage.account_id, (1 << 63) - 1, 1)[0]

    return await stage.box.kernel.db.read(work)


async def drafted(browser: httpx.AsyncClient, stage: Stage, **changes: str) -> str:
    """A draft written in the form; the address of its page."""
    form = {"name": "Autumn", "session": stage.session, "list": stage.regulars, "type": "text", "body": "Hi {{first_name}}"}
    answer = await browser.post("/campaigns/new", data=form | changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def launched(browser: httpx.AsyncClient, stage: Stage) -> str:
    path = await drafted(browser, stage)
    assert (await browser.post(f"{path}/confirm", data={"when": "now"})).status_code == 303
    await stage.expanded(path.rpartition("/")[2])
    return path


async def test_nothing_yet(browser: httpx.AsyncClient) -> None:
    assert "No campaigns yet" in (await browser.get("/campaigns")).text
    page = (await browser.get("/campaigns/new")).text
    assert "You have no contacts yet" in page
    assert "No number is linked yet" in page


async def test_the_whole_way_by_forms(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage)
    page = (await browser.get(path)).text
    assert "Hi Ada" in page
    assert "Review and launch" in page
    confirm = (await browser.get(f"{path}/confirm")).text
    assert "No consent on record" in confirm
    assert "1 person more" in confirm
    assert "less than a minute" in confirm
    answer = await browser.post(f"{path}/confirm", data={"when": "now", "include_unconsented": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    row = await latest(stage)
    assert (row.status, row.include_unconsented, row.list_id) == (S.RUNNING, True, ids.parse("lst", stage.regulars))
    await stage.expanded(row.public_id)
    running = (await browser.get(path)).text
    assert f"batch:{ids.show('bat', row.batch_id or 0)}" in running
    assert "The session is not connected" in running
    assert "0 / 4" in (await browser.get(f"{path}/progress")).text

    await browser.post(f"{path}/pause")
    assert (await latest(stage)).status is S.PAUSED
    assert "Nothing more goes out" in (await browser.get(f"{path}/progress")).text
    await browser.post(f"{path}/resume")
    asked = await browser.post(f"{path}/stop")
    assert "Stop this campaign?" in asked.text
    assert (await latest(stage)).status is S.RUNNING
    await browser.post(f"{path}/stop", data={"confirmed": "1"})
    assert (await latest(stage)).status is S.STOPPED
    await stage.cancelled(row.public_id, 4)
    report = (await browser.get(f"{path}/report")).text
    assert "This launch included people without consent" in report
    assert re.search(r"Ada.*\+33 6 39 98 00 01", report, re.DOTALL)
    assert "No recipient has this status" in (await browser.get(f"{path}/report?status=read")).text
    assert "4" in (await browser.get(f"{path}/numbers")).text
    export = await browser.get(f"{path}/recipients.csv?status=cancelled")
    assert len(export.text.splitlines()) == 5
    assert path in (await browser.get("/campaigns?status=stopped")).text
    assert path not in (await browser.get("/campaigns?status=running")).text


async def test_the_form_comes_back_with_what_is_wrong(browser: httpx.AsyncClient, stage: Stage) -> None:
    form = {"name": "", "session": stage.session, "list": "all", "type": "image", "image_url": "nonsense", "body": "{{city"}
    answer = await browser.post("/campaigns/new", data=form)
    assert answer.status_code == 422
    for field in ("name", "image_url", "body"):
        assert f'id="{field}-error"' in answer.text
    assert "{{city</textarea>" in answer.text


async def test_editing_keeps_and_changes(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage)
    assert 'value="Autumn"' in (await browser.get(f"{path}/edit")).text
    image = {"type": "image", "image_url": "https://example.com/a.png", "list": "all", "name": "Winter", "body": ""}
    assert (await browser.post(f"{path}/edit", data=image | {"session": stage.session})).status_code == 303
    row = await latest(stage)
    assert (row.name, row.kind, row.image_url, row.body, row.list_id) == (
        "Winter",
        "image",
        "https://example.com/a.png",
        "",
        None,
    )
    copied = await browser.post(f"{path}/duplicate")
    assert copied.headers["location"].endswith("/edit")
    assert (await latest(stage)).name == "Winter (copy)"


async def test_a_draft_is_deleted_after_a_question(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage)
    assert "Delete this draft?" in (await browser.post(f"{path}/delete")).text
    assert (await browser.get(path)).status_code == 200
    assert (await browser.post(f"{path}/delete", data={"confirmed": "1"})).headers["location"] == "/campaigns"
    assert (await browser.get(path)).status_code == 404


async def test_scheduled_in_the_accounts_time_zone(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage)
    day = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")
    answer = await browser.post(f"{path}/confirm", data={"when": "later", "scheduled_at": ""})
    assert (answer.status_code, 'id="scheduled_at-error"' in answer.text) == (422, True)
    answer = await browser.post(f"{path}/confirm", data={"when": "later", "scheduled_at": "2020-01-01T10:00"})
    assert (answer.status_code, "This time has passed" in answer.text) == (422, True)
    await browser.post(f"{path}/confirm", data={"when": "later", "scheduled_at": f"{day}T12:00"})
    row = await latest(stage)
    assert row.status is S.SCHEDULED
    assert datetime.fromtimestamp((row.scheduled_at or 0) / 1000, UTC).strftime("%Y-%m-%dT%H:%M") in (
        f"{day}T10:00",
        f"{day}T11:00",
    )  # Paris in summer or winter
    assert "Starts on" in (await browser.get(path)).text
    assert "Starts on" in (await browser.get(f"{path}/state")).text
    await browser.post(f"{path}/unschedule")
    assert (await latest(stage)).status is S.DRAFT


async def test_the_preview_alone(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage, body="Hi {{nickname}}")
    part = (await browser.get(f"{path}/preview?contact={ids.show('con', stage.contacts[1])}")).text
    assert "<html" not in part
    assert "No value for: nickname" in part
    assert ids.show("con", stage.contacts[0]) in part
    assert (await browser.get(f"{path}?contact=con_0000000000001")).status_code == 404


async def test_what_came_too_late_is_told(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await launched(browser, stage)
    for act in ("resume", "unschedule", "confirm"):
        answer = await browser.post(f"{path}/{act}", data={"when": "now"})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await latest(stage)).status is S.RUNNING
    assert (await browser.get(f"{path}/edit")).status_code == 409
    assert (await browser.get(f"{path}/confirm")).headers["location"] == path


async def test_no_report_of_a_draft(browser: httpx.AsyncClient, stage: Stage) -> None:
    path = await drafted(browser, stage)
    assert (await browser.get(f"{path}/report")).headers["location"] == path
    assert (await browser.get(f"{path}/confirm")).status_code == 200


PATHS = ["", "/preview", "/progress", "/state", "/edit", "/confirm", "/report", "/numbers", "/recipients.csv"]
ACTS = ["/edit", "/confirm", "/pause", "/resume", "/stop", "/unschedule", "/duplicate", "/delete"]


async def test_charlie_finds_nothing(house: House, browser: httpx.AsyncClient, charlie: Person, stage: Stage) -> None:
    path = await launched(browser, stage)
    other = house.browser(charlie)
    for part in PATHS:
        assert (await other.get(path + part)).status_code == 404, part
    for part in ACTS:
        assert (await other.post(path + part, data={"confirmed": "1"})).status_code == 404, part
    assert path not in (await other.get("/campaigns")).text
    assert (await latest(stage)).status is S.RUNNING


async def test_an_agent_looks_on(house: House, browser: httpx.AsyncClient, bob: Person, stage: Stage) -> None:
    path = await launched(browser, stage)
    agent = house.browser(bob)
    page = (await agent.get(path)).text
    assert "Report" in page
    assert f'action="{path}/stop"' not in page
    for part in ACTS:
        assert (await agent.post(path + part, data={"confirmed": "1"})).status_code == 403, part
    assert (await house.client().get(path, headers={"accept": "text/html"})).status_code == 303


@pytest.mark.parametrize(
    ("least", "most", "text"),
    [
        (0, 30, "less than a minute"),
        (50, 90, "at most 2 minutes"),
        (600, 1800, "10 minutes to 30 minutes"),
        (7000, 7300, "1 hour to 3 hours"),
        (7200, 9000, "about 3 hours"),
        (864_000, 864_000, "about 10 days"),
        (200_000, 900_000, "2 days to 11 days"),
    ],
)
def test_how_long_reads(least: int, most: int, text: str) -> None:
    assert span_text(least, most) == text
