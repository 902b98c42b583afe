"""Who may do what: the one table of permissions. Pages and API handlers name the permission they need; nothing else decides.

An API key carries its own permissions (its scopes); a member has those of his role.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    VIEWER = "viewer"


class Scope(StrEnum):
    """A permission. Those of `KEY_SCOPES` can be given to an API key."""

    MESSAGES_SEND = "messages:send"
    MESSAGES_READ = "messages:read"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    SANDBOX_WRITE = "sandbox:write"
    KEYS_WRITE = "keys:write"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"


EVERYTHING = frozenset(Scope)
READING = frozenset(scope for scope in Scope if scope.endswith(":read"))

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: EVERYTHING,
    Role.AGENT: READING | {Scope.MESSAGES_SEND, Scope.CONTACTS_WRITE},
    Role.VIEWER: READING,
}

# A key that could make keys would outlive its own revocation.
KEY_SCOPES = tuple(scope for scope in Scope if scope is not Scope.KEYS_WRITE)
