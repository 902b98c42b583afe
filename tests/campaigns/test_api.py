"""Campaigns over REST: the whole way, what is refused, what repeats, and what others see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.campaigns.stage import Stage
from tests.conftest import House
from tests.factories import Person

URL = "/api/v1/campaigns"


async def made(api: httpx.AsyncClient, stage: Stage, **changes: Any) -> dict[str, Any]:
    body = {"name": "Autumn", "session": stage.session, "list": stage.regulars, "text": {"body": "Hi {{first_name|there}}"}}
    answer = await api.post(URL, json=body | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_from_draft_to_report(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    assert (draft["status"], draft["type"], draft["image"], draft["batch"]) == ("draft", "text", None, None)
    url = f"{URL}/{draft['id']}"
    changed = (await api.patch(url, json={"name": "Winter"})).json()
    assert (changed["name"], changed["text"]) == ("Winter", draft["text"])
    preview = (await api.get(f"{url}/preview")).json()
    assert (preview["text"], preview["skip"], preview["previous"]) == ("Hi Ada", None, None)
    following = (await api.get(f"{url}/preview", params={"contact": preview["next"]})).json()
    assert (following["text"], following["previous"]) == ("Hi Bea", preview["contact"])

    answer = await api.post(f"{url}/launch")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "running"
    await stage.expanded(draft["id"])
    shown = (await api.get(url)).json()
    assert shown["progress"] | {"audience": 4, "accepted": 3, "skipped": 1, "waiting": 3, "sent": 0} == shown["progress"]
    assert shown["skipped"] == {"no_consent": 1}

    assert (await api.post(f"{url}/pause")).json()["status"] == "paused"
    assert (await api.post(f"{url}/resume")).json()["status"] == "running"
    stopped = (await api.post(f"{url}/stop")).json()
    assert stopped["status"] == "stopped"
    await stage.cancelled(draft["id"], 3)
    report = (await api.get(f"{url}/report")).json()
    assert report["audience"] == 4
    assert report["funnel"]["cancelled"] == {"count": 3, "share": 1.0, "of": "accepted"}
    assert report["skipped"] == [{"code": "no_consent", "count": 1}]
    people = (await api.get(f"{url}/recipients", params={"limit": 2})).json()
    rest = (await api.get(f"{url}/recipients", params={"limit": 2, "cursor": people["next_cursor"]})).json()
    assert {one["status"] for one in people["data"] + rest["data"]} == {"cancelled"}
    assert [one["name"] for one in people["data"] + rest["data"]] == ["Cleo", "Bea", "Ada"]
    assert (await api.get(f"{url}/recipients", params={"status": "sent"})).json()["data"] == []
    export = await api.get(f"{url}/recipients.csv")
    assert export.headers["content-type"].startswith("text/csv")
    assert "attachment" in export.headers["content-disposition"]
    assert len(export.text.splitlines()) == 4


async def test_people_without_consent_only_on_demand(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    await api.post(f"{URL}/{draft['id']}/launch", json={"include_unconsented": True})
    await stage.expanded(draft["id"])
    shown = (await api.get(f"{URL}/{draft['id']}")).json()
    assert (shown["include_unconsented"], shown["progress"]["accepted"], shown["skipped"]) == (True, 4, {})


async def test_a_launch_is_done_once(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    url = f"{URL}/{draft['id']}/launch"
    first = await api.post(url, headers={"idempotency-key": "a"}, json={})
    again = await api.post(url, headers={"idempotency-key": "a"}, json={})
    assert (first.status_code, again.status_code, first.json()) == (202, 202, again.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.post(url, headers={"idempotency-key": "b"}, json={})
    assert (other.status_code, other.json()["code"]) == (409, "state_changed")


async def test_schedule_and_take_it_back(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    moment = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = await api.post(f"{URL}/{draft['id']}/launch", json={"scheduled_at": moment})
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled")
    listed = (await api.get(URL, params={"status": "scheduled"})).json()
    assert [one["id"] for one in listed["data"]] == [draft["id"]]
    assert (await api.post(f"{URL}/{draft['id']}/unschedule")).json()["status"] == "draft"
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    answer = await api.post(f"{URL}/{draft['id']}/launch", json={"scheduled_at": past})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "campaign_schedule_past")
    assert (await api.post(f"{URL}/{draft['id']}/launch", json={"scheduled_at": "2099-01-01T00:00"})).status_code in (400, 422)


async def test_copies_and_deletes(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    copy = await api.post(f"{URL}/{draft['id']}/duplicate", json={"name": "Again"})
    assert (copy.status_code, copy.json()["name"], copy.json()["status"]) == (201, "Again", "draft")
    assert (await api.post(f"{URL}/{draft['id']}/duplicate")).json()["name"] == "Autumn"
    assert (await api.delete(f"{URL}/{draft['id']}")).status_code == 204
    assert (await api.get(f"{URL}/{draft['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"text": {"body": "Hi {{"}}, "text.body"),
        ({"text": None}, "text"),
        ({"session": "ses_0000000000001"}, "session"),
        ({"type": "image", "text": None, "image": {"url": "file:///etc/passwd"}}, "image.url"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "scheduled_at"),
    ],
)
async def test_bad_input_is_named(api: httpx.AsyncClient, stage: Stage, changes: dict[str, Any], field: str) -> None:
    body = {"name": "Autumn", "session": stage.session, "text": {"body": "Hi"}}
    answer = await api.post(URL, json=body | changes)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"].startswith("application/problem+json")
    if answer.status_code == 422:
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_can_not_be_is_refused(api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage, session=None)
    url = f"{URL}/{draft['id']}"
    codes = {
        "launch": (await api.post(f"{url}/launch")).json()["code"],
        "pause": (await api.post(f"{url}/pause")).json()["code"],
        "report": (await api.get(f"{url}/report")).json()["code"],
        "status": (await api.get(URL, params={"status": "flying"})).status_code,
    }
    assert codes == {
        "launch": "campaign_no_session",
        "pause": "state_changed",
        "report": "campaign_not_launched",
        "status": 422,
    }


ROUTES = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/launch"),
    ("POST", "/unschedule"),
    ("POST", "/pause"),
    ("POST", "/resume"),
    ("POST", "/stop"),
    ("POST", "/duplicate"),
    ("GET", "/preview"),
    ("GET", "/report"),
    ("GET", "/recipients"),
    ("GET", "/recipients.csv"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_charlie_finds_nothing(
    api: httpx.AsyncClient, other_api: httpx.AsyncClient, stage: Stage, method: str, path: str
) -> None:
    draft = await made(api, stage)
    body = {"json": {"name": "Mine"}} if method == "PATCH" else {}
    answer = await other_api.request(method, f"{URL}/{draft['id']}{path}", **body)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await other_api.get(URL)).json()["data"] == []
    assert (await api.get(f"{URL}/{draft['id']}")).json()["name"] == "Autumn"


async def test_an_agent_reads_but_does_not_launch(house: House, bob: Person, api: httpx.AsyncClient, stage: Stage) -> None:
    draft = await made(api, stage)
    agent = house.program(bob)
    assert (await agent.get(f"{URL}/{draft['id']}")).status_code == 200
    for method, path in ROUTES:
        if method != "GET":
            answer = await agent.request(method, f"{URL}/{draft['id']}{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert (await house.client().get(f"{URL}/{draft['id']}")).status_code == 401
