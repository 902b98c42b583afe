"""Contacts as the API keeps them: made, found, changed, deleted; and what other slices call."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import House
from tests.factories import Person
from wame_box.contacts import activity, list_store, store
from wame_box.contacts.models import Consent, ContactFilter
from wame_box.contacts.search import fold, wanted
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.paging import Window


async def make(api: httpx.AsyncClient, address: str, name: str = "", **more: object) -> dict[str, object]:
    answer = await api.post("/api/v1/contacts", json={"address": address, "name": name, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


async def names(api: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await api.get("/api/v1/contacts", params=query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["data"]]


async def test_a_contact_is_made_with_a_number_as_written_at_home(api: httpx.AsyncClient) -> None:
    made = await make(api, "06 39 98 12 34", "  Zoé   Marin ", language="fr", attributes={"city": "Lyon"})
    assert (made["address"], made["name"], made["language"]) == ("+33639981234", "Zoé Marin", "fr")
    assert (made["attributes"], made["consent"], made["consent_source"]) == ({"city": "Lyon"}, "none", None)
    read = (await api.get(f"/api/v1/contacts/{made['id']}")).json()
    assert {key: read[key] for key in made} == made
    assert (read["lists"], read["consent_history"], read["activity"]) == ([], [], [])


async def test_a_number_is_one_contact_of_the_account(api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    await make(api, "+33639981234")
    again = await api.post("/api/v1/contacts", json={"address": "0033 6 39 98 12 34"})
    assert (again.status_code, again.json()["code"]) == (409, "contact_exists")
    await make(other_api, "+33639981234")


async def test_a_repeated_post_makes_one(api: httpx.AsyncClient) -> None:
    body = {"address": "+33639981234", "name": "Zoé"}
    first, second = [await api.post("/api/v1/contacts", json=body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"address": "+33 6"}, "address", "phone_too_short"),
        ({"address": "hello"}, "address", "phone_invalid"),
        ({"address": "+33639981234", "name": "N" * 201}, "name", "too_long"),
        ({"address": "+33639981234", "language": "Klingon"}, "language", "language_tag"),
        ({"address": "+33639981234", "attributes": {"Ma Ville": "x"}}, "attributes", "attribute_key"),
        ({"address": "+33639981234", "attributes": {"a" * 65: "x"}}, "attributes", "attribute_key"),
        ({"address": "+33639981234", "attributes": {"city": "x" * 1001}}, "attributes.city", "too_long"),
        ({"address": "+33639981234", "attributes": {f"k{n}": "v" for n in range(51)}}, "attributes", "attributes_too_many"),
    ],
)
async def test_bad_input_is_named(api: httpx.AsyncClient, body: dict[str, object], field: str, code: str) -> None:
    answer = await api.post("/api/v1/contacts", json=body)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


async def test_a_change_touches_what_it_names(api: httpx.AsyncClient) -> None:
    made = await make(api, "+33639981234", "Zoé", language="fr", attributes={"city": "Lyon", "plan": "pro"})
    answer = await api.patch(f"/api/v1/contacts/{made['id']}", json={"attributes": {"city": "Nice", "plan": None, "x": "1"}})
    assert answer.json()["attributes"] == {"city": "Nice", "x": "1"}
    assert (answer.json()["name"], answer.json()["language"]) == ("Zoé", "fr")
    answer = await api.patch(f"/api/v1/contacts/{made['id']}", json={"name": "Ana", "language": None})
    assert (answer.json()["name"], answer.json()["language"]) == ("Ana", None)
    assert await names(api, search="zoe") == []
    assert await names(api, search="ana") == ["Ana"]


async def test_attributes_stay_within_their_limit(api: httpx.AsyncClient) -> None:
    made = await make(api, "+33639981234", attributes={f"k{n}": "v" for n in range(50)})
    answer = await api.patch(f"/api/v1/contacts/{made['id']}", json={"attributes": {"one_more": "v"}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "attributes_too_many")
    answer = await api.patch(f"/api/v1/contacts/{made['id']}", json={"attributes": {"one_more": "v", "k0": None}})
    assert answer.status_code == 200


async def test_deleting_takes_everything_along(house: House, api: httpx.AsyncClient, alice: Person) -> None:
    made = await make(api, "+33639981234", "Zoé", consent_source="shop")
    contact_id = ids.parse("con", str(made["id"]))
    box = (await api.post("/api/v1/lists", json={"name": "Box"})).json()
    await api.post(f"/api/v1/lists/{box['id']}/members", json={"contacts": [made["id"]]})
    await house.box.kernel.db.write(activity.record, alice.account_id, contact_id, "read", None, None)
    assert (await api.delete(f"/api/v1/contacts/{made['id']}")).status_code == 204
    assert (await api.get(f"/api/v1/contacts/{made['id']}")).status_code == 404
    assert (await api.get(f"/api/v1/lists/{box['id']}")).json()["members"] == 0

    def left(sql: Sql) -> list[int]:
        tables = ("contacts", "consent_records", "contact_activity", "list_members", "contact_search_docsize")
        return [sql.value(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608

    assert await house.box.kernel.db.read(left) == [0, 0, 0, 0, 0]
    assert await house.box.kernel.db.read(store.consent_counts, alice.account_id) == dict.fromkeys(Consent, 0)
    await house.box.kernel.db.write(activity.record, alice.account_id, contact_id, "read", None, None)


@pytest.mark.parametrize("path", ["", "/opt-out", "/opt-in"])
async def test_another_accounts_contact_does_not_exist(api: httpx.AsyncClient, other_api: httpx.AsyncClient, path: str) -> None:
    made = await make(api, "+33639981234", "Zoé")
    address = f"/api/v1/contacts/{made['id']}{path}"
    methods = ["POST"] if path else ["GET", "PATCH", "DELETE"]
    for method in methods:
        answer = await other_api.request(method, address, json={} if method != "GET" else None)
        assert answer.status_code == 404, method
    assert await names(api) == ["Zoé"]


async def test_without_a_key_nothing(house: House, bob: Person) -> None:
    assert (await house.client().get("/api/v1/contacts")).status_code == 401
    assert (await house.program(bob).get("/api/v1/contacts")).status_code == 200


async def test_search_by_name_and_number(api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    await make(api, "+33639981234", "Zoé Marin")
    await make(api, "+447700900123", "Marina O'Neil")
    await make(api, "+33639985678", "100% “Bob”_x")
    await make(other_api, "+33639981234", "Zoé Other")
    assert await names(api) == ["100% “Bob”_x", "Marina O'Neil", "Zoé Marin"]
    assert await names(api, search="zoe") == ["Zoé Marin"]
    assert await names(api, search="MARÍN") == ["Marina O'Neil", "Zoé Marin"]
    assert await names(api, search="marin zo") == ["Zoé Marin"]
    assert await names(api, search="zé") == []
    assert await names(api, search="06 39 98") == ["100% “Bob”_x", "Zoé Marin"]
    assert await names(api, search="+44 7700") == ["Marina O'Neil"]
    assert await names(api, search="0%") == ["100% “Bob”_x"]
    assert await names(api, search='"b') == []
    assert await names(api, search="“b") == ["100% “Bob”_x"]
    assert await names(api, search="o'neil") == ["Marina O'Neil"]
    assert await names(api, search="nobody") == []
    assert await names(api, search="  ") == await names(api)


async def test_filters_join(api: httpx.AsyncClient) -> None:
    ann = await make(api, "+33639981234", "Ann Lee", consent_source="shop")
    await make(api, "+33639981235", "Bob Lee")
    box = (await api.post("/api/v1/lists", json={"name": "Box"})).json()
    await api.post(f"/api/v1/lists/{box['id']}/members", json={"contacts": [ann["id"]]})
    assert await names(api, consent="opted_in") == ["Ann Lee"]
    assert await names(api, consent="none") == ["Bob Lee"]
    assert await names(api, list=box["id"]) == ["Ann Lee"]
    assert await names(api, list=box["id"], search="lee") == ["Ann Lee"]
    assert await names(api, list=box["id"], search="lee", consent="none") == []
    assert await names(api, list=box["id"], search="le") == ["Ann Lee"]
    assert (await api.get("/api/v1/contacts", params={"consent": "maybe"})).status_code == 422
    assert (await api.get("/api/v1/contacts", params={"list": "lst_x"})).status_code == 404


async def test_pages_hold_everybody_once(api: httpx.AsyncClient) -> None:
    for number in range(7):
        await make(api, f"+3363998123{number}", f"Person {number}")
    for query in ({}, {"search": "person"}):
        found, cursor = [], None
        while True:
            params = {"limit": "3", **query} | ({"cursor": cursor} if cursor else {})
            page = (await api.get("/api/v1/contacts", params=params)).json()
            found += [one["name"] for one in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == [f"Person {number}" for number in reversed(range(7))]


async def test_whoever_writes_becomes_a_contact(house: House, alice: Person) -> None:
    db = house.box.kernel.db

    def three(tx: Tx) -> list[str]:
        first = store.find_or_make(tx, alice.account_id, "+33639981234", "")
        second = store.find_or_make(tx, alice.account_id, "+33639981234", "Zoé")
        third = store.find_or_make(tx, alice.account_id, "+33639981234", "Somebody")
        assert first.id == second.id == third.id
        return [first.name, second.name, third.name]

    assert await db.write(three) == ["", "Zoé", "Zoé"]
    found = await db.read(store.by_address, alice.account_id, "+33639981234")
    assert found is not None
    assert (found.consent, found.opted_out_at, found.attributes) == (Consent.NONE, None, {})
    assert len(await db.read(store.contacts, alice.account_id, ContactFilter("zoe"), Window())) == 1
    assert await db.read(store.count, alice.account_id, ContactFilter("zoe"), 10) == 1


async def test_activity_is_a_timeline(house: House, api: httpx.AsyncClient, alice: Person) -> None:
    made = await make(api, "+33639981234")
    contact_id = ids.parse("con", str(made["id"]))
    message = ids.new_id()
    for kind in ("sent", "delivered", "replied"):
        await house.box.kernel.db.write(activity.record, alice.account_id, contact_id, kind, 5, message)
    shown = (await api.get(f"/api/v1/contacts/{made['id']}")).json()["activity"]
    assert [one["kind"] for one in shown] == ["replied", "delivered", "sent"]
    assert shown[0]["message"] == ids.show("msg", message)
    with pytest.raises(ValueError, match="dreamt"):
        await house.box.kernel.db.write(activity.record, alice.account_id, contact_id, "dreamt", None, None)


def test_what_is_searched() -> None:
    assert fold("Élodie ÅSTRÖM ΣΊΣΥΦΟΣ") == "elodie astrom σισυφοσ"
    assert wanted("") is None
    assert wanted(" 00 ") is None
    assert wanted("ab") == wanted("AB")
    short = wanted("ab")
    assert short is not None and short.match is None
    number = wanted("+33 (0)6 12")
    assert number is not None and number.likes == ["%330612%"]


async def test_lists_known_to_other_slices(house: House, alice: Person) -> None:
    def build(tx: Tx) -> list[str]:
        for name in ("b", "A", "c"):
            list_store.insert(tx, alice.account_id, name)
        return [one.name for one in list_store.by_name(tx, alice.account_id)]

    assert await house.box.kernel.db.write(build) == ["A", "b", "c"]
