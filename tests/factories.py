"""People and things that tests need, made through the product's own operations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from wame_box.accounts import keys, setup, signin, store
from wame_box.accounts.models import Caller, NewKey, Setup
from wame_box.accounts.permissions import KEY_SCOPES, ROLE_SCOPES, Role, Scope
from wame_box.app import Box
from wame_box.kernel.db import Tx
from wame_box.kernel.secrets import hash_password

PASSWORD = "a quiet horse by the sea"


@dataclass(frozen=True)
class Person:
    """Somebody with a browser and an API key."""

    account_id: int
    member_id: int
    caller: Caller
    login: str
    key: str


@cache
def password_hash() -> str:
    """Hashed once: it is slow on purpose."""
    with asyncio.Runner() as runner:
        return runner.run(hash_password(PASSWORD))


async def make_account(box: Box, account: str, name: str, email: str, *, region: str | None = "FR") -> Person:
    """An account with its owner."""
    wish = Setup(account, name, email, PASSWORD, "Europe/Paris", "en", region)
    hashed = await asyncio.to_thread(password_hash)

    def create(tx: Tx) -> tuple[int, int]:
        return setup.create_account(tx, wish, hashed, is_operator=not store.any_member(tx))

    account_id, member_id = await box.kernel.db.write(create)
    return await box.kernel.db.write(_person, account_id, member_id, account, name, email, Role.OWNER, region)


async def make_member(box: Box, of: Person, name: str, email: str, role: Role) -> Person:
    """Somebody more in an account."""
    hashed = await asyncio.to_thread(password_hash)

    def create(tx: Tx) -> int:
        member_id = store.insert_member(tx, email, name, hashed, "en", is_operator=False)
        store.insert_membership(tx, of.account_id, member_id, role)
        return member_id

    member_id = await box.kernel.db.write(create)
    return await box.kernel.db.write(
        _person, of.account_id, member_id, of.caller.account_name, name, email, role, of.caller.region
    )


def _person(
    tx: Tx, account_id: int, member_id: int, account: str, name: str, email: str, role: Role, region: str | None
) -> Person:
    caller = Caller(
        account_id,
        account,
        "Europe/Paris",
        region,
        "en",
        ROLE_SCOPES[role],
        member_id=member_id,
        member_name=name,
        email=email,
        role=role,
    )
    login = signin.open_login(tx, member_id, signin.Visitor("127.0.0.1", "tests"))
    scopes: list[Scope] = [scope for scope in KEY_SCOPES if scope in ROLE_SCOPES[role]]
    return Person(account_id, member_id, caller, login, keys.create_key(tx, caller, NewKey(f"{name}'s key", scopes))[1])


async def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Returns as soon as the condition holds.

    Raises: TimeoutError.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
