"""Who may do what, through the door: one deed of each kind for each role. All routes are in tests/test_routes.py."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.accounts.conftest import Town
from tests.factories import Person, make_member
from wame_box.accounts import store
from wame_box.accounts.permissions import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY = {Role.OWNER, Role.ADMIN, Role.AGENT, Role.VIEWER}
WORKERS = EVERYBODY - {Role.VIEWER}
CHIEFS = {Role.OWNER, Role.ADMIN}
_numbers = itertools.count()

DEEDS: list[tuple[str, str, Any, set[Role]]] = [
    ("GET", "/api/v1/messages", None, EVERYBODY),
    ("GET", "/api/v1/contacts", None, EVERYBODY),
    ("GET", "/api/v1/campaigns", None, EVERYBODY),
    ("GET", "/api/v1/endpoints", None, EVERYBODY),
    ("GET", "/api/v1/account", None, EVERYBODY),
    ("GET", "/", None, EVERYBODY),
    ("POST", "/api/v1/messages", {"session": "ses_0000000000001", "to": "+33639980001", "text": {"body": "x"}}, WORKERS),
    ("POST", "/api/v1/contacts", {"address": "+33639980001"}, WORKERS),
    ("POST", "/api/v1/lists", {"name": "x"}, WORKERS),
    ("GET", "/send", None, WORKERS),
    ("GET", "/imports/new", None, WORKERS),
    ("POST", "/api/v1/sessions", {"name": "x"}, CHIEFS),
    ("POST", "/api/v1/campaigns", {"name": "x"}, CHIEFS),
    ("POST", "/api/v1/endpoints", {"url": "https://example.com/"}, CHIEFS),
    ("POST", "/api/v1/keys", {"name": "x", "scopes": ["messages:read"]}, CHIEFS),
    ("PATCH", "/api/v1/account", {"name": "Other"}, CHIEFS),
    ("POST", "/api/v1/sandbox/phones", {"number": "+33639980100"}, CHIEFS),
    ("GET", "/keys", None, CHIEFS),
    ("GET", "/campaigns/new", None, CHIEFS),
]


@pytest.mark.parametrize("role", list(Role))
async def test_what_each_role_may_do(town: Town, owner: Person, role: Role) -> None:
    member = owner
    if role is not Role.OWNER:
        member = await make_member(town[0].box, owner, "Bob", f"bob{next(_numbers)}@example.com", role)
    browser = town[0].browser(member)
    for method, path, body, allowed in DEEDS:
        answer = await browser.request(method, path, json=body)
        assert (answer.status_code == 403) is (role not in allowed), (role, method, path, answer.status_code)
        assert answer.status_code < 500


async def test_a_changed_role_counts_soon(town: Town, owner: Person) -> None:
    house, clock = town
    member = await make_member(house.box, owner, "Bob", f"bob{next(_numbers)}@example.com", Role.ADMIN)
    browser = house.browser(member)
    assert (await browser.get("/keys")).status_code == 200
    await house.box.kernel.db.write(
        lambda tx: tx.run("UPDATE memberships SET role = ? WHERE member_id = ?", Role.VIEWER, member.member_id)
    )
    clock.advance(5_001)
    assert (await browser.get("/keys")).status_code == 403


async def test_owners_get_the_accounts_mail(town: Town, owner: Person) -> None:
    await make_member(town[0].box, owner, "Bob", f"bob{next(_numbers)}@example.com", Role.ADMIN)
    found = await town[0].box.kernel.db.read(store.owners, owner.account_id)
    assert [member.email for member in found] == [owner.caller.email]
