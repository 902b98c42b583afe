"""Lists: named sets with exact counts."""

from __future__ import annotations

from typing import Any

import httpx

from tests.conftest import House
from tests.factories import Person
from wame_box.contacts import lists


async def make_list(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    answer = await api.post("/api/v1/lists", json={"name": name})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def make_contacts(api: httpx.AsyncClient, count: int) -> list[str]:
    bodies = [{"address": f"+3363998{number:04}", "name": f"Person {number}"} for number in range(count)]
    return [(await api.post("/api/v1/contacts", json=body)).json()["id"] for body in bodies]


async def test_names_are_unique_in_an_account(api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    made = await make_list(api, "  Good   customers ")
    assert (made["name"], made["members"]) == ("Good customers", 0)
    clash = await api.post("/api/v1/lists", json={"name": "good CUSTOMERS"})
    assert (clash.status_code, clash.json()["code"]) == (409, "list_exists")
    await make_list(other_api, "Good customers")
    for name in ("", " ", "x" * 101, "a\u0000b"):
        assert (await api.post("/api/v1/lists", json={"name": name})).status_code == 422, name


async def test_rename(api: httpx.AsyncClient) -> None:
    first, second = await make_list(api, "One"), await make_list(api, "Two")
    renamed = await api.patch(f"/api/v1/lists/{first['id']}", json={"name": "ONE"})
    assert renamed.json()["name"] == "ONE"
    assert (await api.patch(f"/api/v1/lists/{second['id']}", json={"name": "one"})).status_code == 409


async def test_members_are_counted_exactly(api: httpx.AsyncClient) -> None:
    made = await make_list(api, "One")
    people = await make_contacts(api, 3)
    url = f"/api/v1/lists/{made['id']}/members"
    assert (await api.post(url, json={"contacts": people[:2]})).json() == {"added": 2, "members": 2}
    assert (await api.post(url, json={"contacts": [people[1], people[2], people[2]]})).json() == {"added": 1, "members": 3}
    assert [one["id"] for one in (await api.get(url)).json()["data"]] == people[::-1]
    for _ in range(2):
        assert (await api.delete(f"{url}/{people[0]}")).status_code == 204
    assert (await api.get(f"/api/v1/lists/{made['id']}")).json()["members"] == 2


async def test_unknown_people_refuse_the_whole_request(api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    made = await make_list(api, "One")
    (mine,), (theirs,) = await make_contacts(api, 1), await make_contacts(other_api, 1)
    answer = await api.post(f"/api/v1/lists/{made['id']}/members", json={"contacts": [mine, theirs]})
    assert (answer.status_code, answer.json()["code"]) == (404, "contacts_unknown")
    assert (await api.get(f"/api/v1/lists/{made['id']}")).json()["members"] == 0
    for contacts in ([], ["con_x"]):
        refused = await api.post(f"/api/v1/lists/{made['id']}/members", json={"contacts": contacts})
        assert refused.status_code in (400, 404, 422), contacts


async def test_another_accounts_list_does_not_exist(api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    made = await make_list(api, "One")
    (theirs,) = await make_contacts(other_api, 1)
    url = f"/api/v1/lists/{made['id']}"
    assert (await other_api.get("/api/v1/lists")).json()["data"] == []
    for method, path, body in (
        ("GET", url, None),
        ("PATCH", url, {"name": "Mine"}),
        ("DELETE", url, None),
        ("GET", f"{url}/members", None),
        ("POST", f"{url}/members", {"contacts": [theirs]}),
        ("DELETE", f"{url}/members/{theirs}", None),
    ):
        assert (await other_api.request(method, path, json=body)).status_code == 404, (method, path)


async def test_deleting_a_list_leaves_its_people(house: House, api: httpx.AsyncClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(lists, "PART", 2)
    made = await make_list(api, "One")
    people = await make_contacts(api, 5)
    await api.post(f"/api/v1/lists/{made['id']}/members", json={"contacts": people})
    assert (await api.delete(f"/api/v1/lists/{made['id']}")).status_code == 204
    assert (await api.get(f"/api/v1/lists/{made['id']}")).status_code == 404
    assert len((await api.get("/api/v1/contacts")).json()["data"]) == 5
    assert (await api.get(f"/api/v1/contacts/{people[0]}")).json()["lists"] == []


async def test_an_agent_may_and_a_stranger_may_not(house: House, bob: Person) -> None:
    assert (await house.program(bob).post("/api/v1/lists", json={"name": "Bob's"})).status_code == 201
    assert (await house.client().post("/api/v1/lists", json={"name": "x"})).status_code == 401
