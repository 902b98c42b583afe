"""Endpoints, deliveries and events over REST: each route works, refuses outsiders and bad input."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.conftest import House
from tests.factories import Person
from tests.webhooks.conftest import Happened
from tests.webhooks.sink import Reply, Sink
from wame_box.kernel.db import Tx


async def add(api: httpx.AsyncClient, url: str, **more: Any) -> Any:
    answer = await api.post("/api/v1/endpoints", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def emit(house: House, person: Person, number: int = 1) -> None:
    def work(tx: Tx) -> None:
        tx.emit(Happened(account_id=person.account_id, number=number))

    await house.box.kernel.db.write(work)


async def delivered(api: httpx.AsyncClient, endpoint: Any, status: str = "delivered") -> Any:
    """The first delivery with this status, as soon as there is one."""
    for _ in range(2000):
        found = (await api.get(f"/api/v1/endpoints/{endpoint['id']}/deliveries?status={status}")).json()["data"]
        if found:
            return found[0]
    raise AssertionError(f"nothing {status}")


async def test_an_endpoint_from_birth_to_end(api: httpx.AsyncClient) -> None:
    made = await add(api, "https://example.com/hook", name="Shop", types=["message.*"])
    assert made["secret"].startswith("whsec_")
    assert made["status"] == "enabled"
    here = f"/api/v1/endpoints/{made['id']}"
    shown = (await api.get(here)).json()
    assert "secret" not in shown
    assert (shown["name"], shown["types"], shown["pending"]) == ("Shop", ["message.*"], 0)
    assert (await api.get(f"{here}/secret")).json() == {"id": made["id"], "secret": made["secret"]}
    changed = (await api.patch(here, json={"enabled": False, "name": "Old shop"})).json()
    assert (changed["status"], changed["reason"], changed["name"]) == ("disabled", "by_member", "Old shop")
    assert (await api.get("/api/v1/endpoints")).json()["data"] == [changed]
    assert (await api.delete(here)).status_code == 204
    assert (await api.get(here)).status_code == 404
    assert (await api.get("/api/v1/endpoints")).json() == {"data": [], "next_cursor": None}


async def test_lists_are_paged(api: httpx.AsyncClient) -> None:
    ids = [(await add(api, f"https://example.com/{number}"))["id"] for number in range(3)]
    first = (await api.get("/api/v1/endpoints?limit=2")).json()
    rest = (await api.get(f"/api/v1/endpoints?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"url": "http://10.0.0.3/"}, "url", "url_private"),
        ({"url": "gopher://example.com/"}, "url", "url_scheme"),
        ({"url": "https://example.com/", "types": ["message.lost"]}, "types", "event_type_unknown"),
        ({"url": "https://example.com/", "types": []}, "types", "event_types_needed"),
    ],
)
async def test_bad_endpoints(api: httpx.AsyncClient, body: Any, field: str, code: str) -> None:
    answer = await api.post("/api/v1/endpoints", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


async def test_an_event_arrives_and_can_be_read_and_sent_again(
    house: House, api: httpx.AsyncClient, alice: Person, sink: Sink
) -> None:
    endpoint = await add(api, sink.url)
    await emit(house, alice, 7)
    got = await sink.next()
    payload = Webhook(endpoint["secret"]).verify(got.body, got.headers)
    one = await delivered(api, endpoint)
    assert (one["event"], one["type"], one["attempts"], one["status_code"]) == (payload["id"], "message.received", 1, 200)
    detail = (await api.get(f"/api/v1/deliveries/{one['id']}")).json()
    assert detail["delivery"] == one
    assert detail["payload"] == payload
    [attempt] = detail["attempt_log"]
    assert (attempt["status_code"], attempt["answer"]) == (200, "thanks")
    assert (await api.get(f"/api/v1/events/{payload['id']}")).json() == payload
    listed = (await api.get("/api/v1/events?type=message.received")).json()
    assert listed["data"] == [payload]
    assert (await api.get("/api/v1/events?type=message.read")).json()["data"] == []

    headers = {"idempotency-key": "once"}
    replays = [await api.post(f"/api/v1/deliveries/{one['id']}/replay", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in replays] == [202, 202]
    assert replays[0].json() == replays[1].json()
    assert replays[0].json()["replay_of"] == one["id"]
    again = await sink.next()
    assert (again.body, again.headers["webhook-id"]) == (got.body, got.headers["webhook-id"])
    assert len(sink.got) == 2


async def test_the_test_button(api: httpx.AsyncClient, sink: Sink) -> None:
    endpoint = await add(api, sink.url)
    sink.replies(Reply(503, body="not yet"))
    result = (await api.post(f"/api/v1/endpoints/{endpoint['id']}/test")).json()
    assert (result["delivered"], result["status_code"], result["answer"]) == (False, 503, "not yet")
    one = await delivered(api, endpoint, "failed")
    assert (one["id"], one["type"]) == (result["delivery"], "webhook.test")


async def test_other_accounts_see_nothing(
    house: House, api: httpx.AsyncClient, other_api: httpx.AsyncClient, alice: Person, sink: Sink
) -> None:
    endpoint = await add(api, sink.url)
    await emit(house, alice)
    one = await delivered(api, endpoint)
    theirs = f"/api/v1/endpoints/{endpoint['id']}"
    answers = [
        await other_api.get(theirs),
        await other_api.get(f"{theirs}/secret"),
        await other_api.get(f"{theirs}/deliveries"),
        await other_api.patch(theirs, json={"name": "Mine"}),
        await other_api.delete(theirs),
        await other_api.post(f"{theirs}/test"),
        await other_api.get(f"/api/v1/deliveries/{one['id']}"),
        await other_api.post(f"/api/v1/deliveries/{one['id']}/replay"),
        await other_api.get(f"/api/v1/events/{one['event']}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (await other_api.get("/api/v1/endpoints")).json()["data"] == []
    assert (await other_api.get("/api/v1/events")).json()["data"] == []
    assert len(sink.got) == 1
    assert (await api.get(theirs)).json()["name"] == endpoint["name"]


async def test_strangers_and_readers(house: House, api: httpx.AsyncClient, bob: Person) -> None:
    endpoint = await add(api, "https://example.com/")
    here = f"/api/v1/endpoints/{endpoint['id']}"
    assert (await house.client().get(here)).status_code == 401
    reader = house.program(bob)
    assert (await reader.get(here)).status_code == 200
    refused = [
        await reader.post("/api/v1/endpoints", json={"url": "https://example.com/"}),
        await reader.get(f"{here}/secret"),
        await reader.delete(here),
        await reader.post(f"{here}/test"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "missing_scope")] * 4


@pytest.mark.parametrize("path", ["/endpoints/nonsense", "/endpoints/end_0000000000001", "/deliveries/evt_0000000000001"])
async def test_unknown_ids(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(f"/api/v1{path}")).status_code == 404


async def test_bad_filters(api: httpx.AsyncClient) -> None:
    endpoint = await add(api, "https://example.com/")
    answer = await api.get(f"/api/v1/endpoints/{endpoint['id']}/deliveries?status=lost")
    assert answer.status_code in (400, 422)
    assert (await api.get("/api/v1/events?cursor=x")).json()["code"] == "bad_cursor"
