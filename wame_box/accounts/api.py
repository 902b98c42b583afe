"""The account and its API keys over REST."""

from __future__ import annotations

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from wame_box.accounts import account, keys, store
from wame_box.accounts.access import Gate
from wame_box.accounts.models import AccountSettings, AccountView, Caller, KeyPage, KeyView, NewKey
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, paging
from wame_box.kernel.errors import Refused
from wame_box.kernel.kernel import Kernel


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of the account; fields left out stay."""

    name: str | None = None
    time_zone: str | None = None
    language: str | None = None
    region: str | msgspec.UnsetType | None = msgspec.UNSET


@get("/api/v1/account", scope=Scope.ACCOUNT_READ, tags=["Account"], summary="The account")
async def get_account(kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> AccountView:
    """The account that the key belongs to."""
    found = await kernel.db.read(store.account, caller.account_id)
    if found is None:
        raise Refused("not_found")
    return AccountView.of(found)


@patch("/api/v1/account", scope=Scope.ACCOUNT_WRITE, tags=["Account"], summary="Change the account")
async def change_account(
    data: JSONBody[AccountChange], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], gate: NamedDependency[Gate]
) -> AccountView:
    """Changes name, time zone, language or the country of numbers written without a country code."""
    now = await kernel.db.read(store.account, caller.account_id)
    if now is None:
        raise Refused("not_found")
    wish = AccountSettings(
        now.name if data.name is None else data.name,
        now.time_zone if data.time_zone is None else data.time_zone,
        now.language if data.language is None else data.language,
        now.region if data.region is msgspec.UNSET else data.region,
    )
    changed = await kernel.db.write(account.change_account, caller, wish)
    gate.forget()
    return AccountView.of(changed)


@get("/api/v1/keys", scope=Scope.KEYS_WRITE, tags=["Account"], summary="List API keys")
async def list_keys(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> KeyPage:
    """Newest first, revoked ones too. Members only: an API key can't manage keys."""
    wanted = paging.window(limit, cursor)
    rows, after = paging.cut(await kernel.db.read(store.keys, caller.account_id, wanted.before, wanted.limit + 1), wanted)
    return KeyPage([KeyView.of(row) for row in rows], after)


@post("/api/v1/keys", scope=Scope.KEYS_WRITE, tags=["Account"], summary="Make an API key", status_code=201)
async def create_key(data: JSONBody[NewKey], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> KeyView:
    """The answer holds the key itself, this once."""
    row, key = await kernel.db.write(keys.create_key, caller, data)
    return KeyView.of(row, key)


@delete("/api/v1/keys/{key_id:str}", scope=Scope.KEYS_WRITE, tags=["Account"], summary="Revoke an API key")
async def revoke_key(
    key_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], gate: NamedDependency[Gate]
) -> None:
    """The key stops working at once."""
    await kernel.db.write(keys.revoke_key, caller, ids.parse("key", key_id))
    gate.forget()


HANDLERS = [get_account, change_account, list_keys, create_key, revoke_key]
