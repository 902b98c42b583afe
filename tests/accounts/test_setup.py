"""The first run: one token, one account, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import House, open_house
from tests.factories import PASSWORD
from wame_box.accounts import store
from wame_box.kernel.db import Sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST = {
    "account": "Atelier",
    "name": "Alice",
    "email": "alice@example.com",
    "password": PASSWORD,
    "time_zone": "Europe/Paris",
    "language": "en",
    "region": "FR",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A box that nobody has set up. The tests below are told in order."""
    async with open_house(tmp_path_factory.mktemp("setup") / "data") as house:
        yield house


def counts(sql: Sql) -> list[int]:
    return [int(sql.value(f"SELECT count(*) FROM {table}")) for table in ("accounts", "members", "memberships")]  # noqa: S608


async def test_before_the_first_run_nothing_else_opens(empty: House) -> None:
    assert empty.box.needs_setup
    client = empty.client(headers={"accept": "text/html"})
    assert (await client.get("/")).headers["location"] == "/sign-in?next=/"
    assert "terminal" in (await client.get("/sign-in")).text


@pytest.mark.parametrize("token", ["", "guess", "é", "\0", "x" * 10_000])
async def test_a_wrong_token(empty: House, token: str) -> None:
    assert (await empty.client().get("/welcome", params={"token": token})).status_code == 403
    assert (await empty.client().post("/welcome", data={**FIRST, "token": token})).status_code == 403
    assert (await empty.client().post("/welcome", data=FIRST)).status_code == 403
    assert await empty.box.kernel.db.read(counts) == [0, 0, 0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", ""),
        ("account", "x" * 101),
        ("name", "a\u0000b"),
        ("email", "nobody"),
        ("email", "a@b@c.de"),
        ("email", "a" * 250 + "@example.com"),
        ("password", "short"),
        ("password", "alice@example.com"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("language", "xx"),
        ("region", "France"),
    ],
)
async def test_wrong_fields_make_nothing(empty: House, field: str, value: str) -> None:
    answer = await empty.client().post("/welcome", data={**FIRST, "token": empty.box.first_run.token, field: value})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert await empty.box.kernel.db.read(counts) == [0, 0, 0]


async def test_a_double_click_makes_one_account(empty: House) -> None:
    form = {**FIRST, "token": empty.box.first_run.token}
    answers = await asyncio.gather(
        *(empty.client().post("/welcome", data={**form, "email": f"alice{n}@example.com"}) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409, 409]
    assert await empty.box.kernel.db.read(counts) == [1, 1, 1]
    (account,) = await empty.box.kernel.db.read(store.accounts)
    assert (account.name, account.region) == ("Atelier", "FR")


async def test_the_token_opens_nothing_afterwards(empty: House) -> None:
    token = empty.box.first_run.token
    shown = await empty.client().get(f"/welcome?token={token}")
    assert (shown.status_code, shown.headers["location"]) == (303, "/sign-in")
    again = await empty.client().post("/welcome", data={**FIRST, "token": token, "email": "eve@example.com"})
    assert again.status_code == 409
    assert "set-cookie" not in again.headers
    assert await empty.box.kernel.db.read(counts) == [1, 1, 1]


async def test_the_first_one_is_owner_and_operator(empty: House) -> None:
    def look(sql: Sql) -> list[tuple[object, ...]]:
        return sql.rows("SELECT s.role, m.is_operator, m.language FROM memberships s JOIN members m ON m.id = s.member_id")

    assert await empty.box.kernel.db.read(look) == [("owner", 1, "en")]
