"""API keys: made once, shown once, revoked at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.accounts.conftest import Town
from tests.factories import Person
from wame_box.accounts.permissions import KEY_SCOPES
from wame_box.kernel.db import Sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = "/api/v1/keys"


async def make(town: Town, person: Person, **changes: Any) -> dict[str, Any]:
    body = {"name": "Shop", "scopes": ["messages:read", "account:read"], **changes}
    answer = await town[0].browser(person).post(KEYS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def audited(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    return sql.rows("SELECT action, target FROM audit WHERE account_id = ? AND action LIKE 'key.%' ORDER BY id", account_id)


async def test_a_key_is_shown_once(town: Town, owner: Person) -> None:
    made = await make(town, owner)
    assert made["key"].startswith("wame_") and len(made["key"]) == 48
    listed = await town[0].browser(owner).get(KEYS)
    assert [row["name"] for row in listed.json()["data"]] == ["Shop", "Alice's key"]
    assert made["key"] not in listed.text
    page = (await town[0].browser(owner).get("/keys")).text
    assert made["key"] not in page


async def test_a_revoked_key_stops_at_once(town: Town, owner: Person) -> None:
    made = await make(town, owner)
    program = town[0].client(headers={"x-api-key": made["key"]})
    assert (await program.get("/api/v1/account")).status_code == 200
    browser = town[0].browser(owner)
    assert (await browser.delete(f"{KEYS}/{made['id']}")).status_code == 204
    assert (await program.get("/api/v1/account")).status_code == 401
    assert (await browser.delete(f"{KEYS}/{made['id']}")).status_code == 204
    (row, *_) = (await browser.get(KEYS)).json()["data"]
    assert row["revoked_at"] is not None
    events = await town[0].box.kernel.db.read(audited, owner.account_id)
    assert events[1:3] == [("key.created", made["id"]), ("key.revoked", made["id"])]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["keys:write"]}, "scopes"),
        ({"scopes": ["everything"]}, "scopes[...]"),
        ({"scopes": "messages:read"}, "scopes"),
        ({"owner": True}, "owner"),
    ],
)
async def test_what_is_wrong_is_named(town: Town, owner: Person, changes: dict[str, Any], field: str) -> None:
    answer = await town[0].browser(owner).post(KEYS, json={"name": "Shop", "scopes": ["messages:read"], **changes})
    assert answer.status_code == 422, answer.text
    assert [error["field"].replace("[0]", "[...]") for error in answer.json()["errors"]] == [field]


async def test_pages_of_keys(town: Town, owner: Person) -> None:
    made = [(await make(town, owner, name=f"Key {n}"))["id"] for n in range(4)]
    browser = town[0].browser(owner)
    first = (await browser.get(KEYS, params={"limit": 3})).json()
    second = (await browser.get(KEYS, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [row["id"] for row in first["data"] + second["data"]][:4] == made[::-1]
    assert second["next_cursor"] is None


async def test_the_account_over_rest(town: Town, owner: Person) -> None:
    program = town[0].program(owner)
    changed = await program.patch("/api/v1/account", json={"name": "Atelier Nord", "region": None})
    assert (changed.status_code, changed.json()["name"], changed.json()["region"]) == (200, "Atelier Nord", None)
    assert (await program.patch("/api/v1/account", json={})).json()["name"] == "Atelier Nord"
    for field, value in (
        ("name", ""),
        ("time_zone", ""),
        ("time_zone", "Mars"),
        ("language", "xx"),
        ("region", "fr"),
        ("region", ""),
    ):
        answer = await program.patch("/api/v1/account", json={field: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), (field, value)
    assert (await program.get("/api/v1/account")).json() == changed.json()
    assert len(KEY_SCOPES) == 13
