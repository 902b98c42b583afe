"""Shapes of the accounts slice: who calls, accounts, members, API keys."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wame_box.accounts.permissions import Role, Scope
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339

LANGUAGES = ("en", "fr", "es")


@dataclass(frozen=True)
class Caller:
    """Who makes a request: a member at a browser (`member_id`) or a program with an API key (`key_id`)."""

    account_id: int
    account_name: str
    time_zone: str
    region: str | None
    language: str
    scopes: frozenset[Scope]
    address: str = ""
    member_id: int | None = None
    member_name: str = ""
    email: str = ""
    role: Role | None = None
    is_operator: bool = False
    login_id: int | None = None
    key_id: int | None = None

    def may(self, scope: Scope | str) -> bool:
        return scope in self.scopes


class Account(msgspec.Struct, frozen=True):
    id: int
    name: str
    time_zone: str
    language: str
    region: str | None
    created_at: int


class AccountView(msgspec.Struct, frozen=True):
    """An account as the API shows it. `region` is the country (ISO 3166) of numbers written without a country code."""

    id: str
    name: str
    time_zone: str
    language: str
    region: str | None
    created_at: str

    @classmethod
    def of(cls, account: Account) -> AccountView:
        return cls(
            ids.show("acc", account.id),
            account.name,
            account.time_zone,
            account.language,
            account.region,
            to_rfc3339(account.created_at),
        )


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member may change of the account."""

    name: str
    time_zone: str
    language: str
    region: str | None = None


class Setup(msgspec.Struct, frozen=True):
    """What the first-run page asks for."""

    account: str
    name: str
    email: str
    password: str
    time_zone: str
    language: str
    region: str | None = None


class Member(msgspec.Struct, frozen=True):
    id: int
    email: str
    name: str
    password_hash: str
    is_operator: bool
    language: str


class LoginRow(msgspec.Struct, frozen=True):
    """A sign-in with what its requests need."""

    login_id: int
    member_id: int
    member_name: str
    email: str
    is_operator: bool
    language: str
    account_id: int
    account_name: str
    time_zone: str
    region: str | None
    role: Role
    seen_at: int
    expires_at: int


class ApiKey(msgspec.Struct, frozen=True):
    id: int
    account_id: int
    name: str
    hint: str
    scopes: str  # JSON list
    created_at: int
    used_at: int | None
    revoked_at: int | None

    @property
    def scope_list(self) -> list[Scope]:
        return msgspec.json.decode(self.scopes, type=list[Scope])

    @property
    def public_id(self) -> str:
        return ids.show("key", self.id)


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make: a name, and the scopes it shall have."""

    name: str
    scopes: list[Scope]


class KeyView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API key as the API shows it. `key` is there once, in the answer that made it."""

    id: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: str
    used_at: str | None = None
    revoked_at: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, row: ApiKey, key: str | None = None) -> KeyView:
        return cls(
            row.public_id,
            row.name,
            row.hint,
            row.scope_list,
            to_rfc3339(row.created_at),
            to_rfc3339(row.used_at) if row.used_at else None,
            to_rfc3339(row.revoked_at) if row.revoked_at else None,
            key,
        )


class KeyPage(msgspec.Struct, frozen=True):
    data: list[KeyView]
    next_cursor: str | None
