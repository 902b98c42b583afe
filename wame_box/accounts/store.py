"""The only SQL of the accounts slice."""

from __future__ import annotations

import msgspec

from wame_box.accounts.models import Account, AccountSettings, ApiKey, LoginRow, Member
from wame_box.accounts.permissions import Role, Scope
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx

SEEN_EVERY = 5 * 60_000


def any_member(sql: Sql) -> bool:
    return sql.value("SELECT 1 FROM members LIMIT 1") is not None


def insert_account(tx: Tx, name: str, time_zone: str, language: str, region: str | None) -> int:
    account_id = ids.new_id()
    tx.run("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", account_id, name, time_zone, language, region, tx.now)
    return account_id


def insert_member(tx: Tx, email: str, name: str, password_hash: str, language: str, *, is_operator: bool) -> int:
    member_id = ids.new_id()
    tx.run(
        "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        member_id,
        email,
        name,
        password_hash,
        int(is_operator),
        language,
        tx.now,
        tx.now,
    )
    return member_id


def insert_membership(tx: Tx, account_id: int, member_id: int, role: Role) -> None:
    tx.run("INSERT INTO memberships VALUES (?, ?, ?, ?)", account_id, member_id, role, tx.now)


def account(sql: Sql, account_id: int) -> Account | None:
    return sql.one(Account, "SELECT * FROM accounts WHERE id = ?", account_id)


def accounts(sql: Sql) -> list[Account]:
    return sql.all(Account, "SELECT * FROM accounts ORDER BY id")


def account_named(sql: Sql, name: str) -> Account | None:
    return sql.one(Account, "SELECT * FROM accounts WHERE name = ? ORDER BY id LIMIT 1", name)


def update_account(tx: Tx, account_id: int, settings: AccountSettings) -> None:
    tx.run(
        "UPDATE accounts SET name = ?, time_zone = ?, language = ?, region = ? WHERE id = ?",
        settings.name,
        settings.time_zone,
        settings.language,
        settings.region,
        account_id,
    )


def member_by_email(sql: Sql, email: str) -> Member | None:
    return sql.one(Member, "SELECT id, email, name, password_hash, is_operator, language FROM members WHERE email = ?", email)


def first_account_of(sql: Sql, member_id: int) -> int | None:
    found: int | None = sql.value(
        "SELECT account_id FROM memberships WHERE member_id = ? ORDER BY created_at, account_id LIMIT 1", member_id
    )
    return found


def owners(sql: Sql, account_id: int) -> list[Member]:
    """The members who get the account's warnings by mail."""
    return sql.all(
        Member,
        "SELECT m.id, m.email, m.name, m.password_hash, m.is_operator, m.language FROM memberships s"
        " JOIN members m ON m.id = s.member_id WHERE s.account_id = ? AND s.role = ? ORDER BY m.id",
        account_id,
        Role.OWNER,
    )


def set_password(tx: Tx, member_id: int, password_hash: str) -> None:
    tx.run("UPDATE members SET password_hash = ?, password_changed_at = ? WHERE id = ?", password_hash, tx.now, member_id)


def set_member_language(tx: Tx, member_id: int, language: str) -> None:
    tx.run("UPDATE members SET language = ? WHERE id = ?", language, member_id)


# -- logins ------------------------------------------------------------------------------------------------------------


def insert_login(
    tx: Tx, token_hash: bytes, member_id: int, account_id: int, user_agent: str, address: str, expires_at: int
) -> int:
    login_id = ids.new_id()
    tx.run(
        "INSERT INTO logins VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        login_id,
        token_hash,
        member_id,
        account_id,
        user_agent[:300],
        address,
        tx.now,
        tx.now,
        expires_at,
    )
    return login_id


def login_by_token(sql: Sql, token_hash: bytes, now: int) -> LoginRow | None:
    return sql.one(
        LoginRow,
        "SELECT l.id AS login_id, m.id AS member_id, m.name AS member_name, m.email, m.is_operator, m.language,"
        " a.id AS account_id, a.name AS account_name, a.time_zone, a.region, s.role, l.seen_at, l.expires_at"
        " FROM logins l JOIN members m ON m.id = l.member_id JOIN accounts a ON a.id = l.account_id"
        " JOIN memberships s ON s.account_id = l.account_id AND s.member_id = l.member_id"
        " WHERE l.token_hash = ? AND l.expires_at > ?",
        token_hash,
        now,
    )


def touch_login(tx: Tx, login_id: int, expires_at: int) -> None:
    tx.run("UPDATE logins SET seen_at = ?, expires_at = ? WHERE id = ?", tx.now, expires_at, login_id)


def delete_login(tx: Tx, login_id: int) -> None:
    tx.run("DELETE FROM logins WHERE id = ?", login_id)


def delete_logins_of(tx: Tx, member_id: int) -> int:
    return tx.run("DELETE FROM logins WHERE member_id = ?", member_id)


def delete_expired_logins(tx: Tx) -> int:
    return tx.run("DELETE FROM logins WHERE expires_at <= ?", tx.now)


# -- API keys ----------------------------------------------------------------------------------------------------------

KEY_COLUMNS = "id, account_id, name, hint, scopes, created_at, used_at, revoked_at"


def insert_key(
    tx: Tx, account_id: int, name: str, hint: str, token_hash: bytes, scopes: list[Scope], created_by: int | None
) -> ApiKey:
    key_id = ids.new_id()
    encoded = msgspec.json.encode(scopes).decode()
    tx.run(
        "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        key_id,
        account_id,
        name,
        hint,
        token_hash,
        encoded,
        created_by,
        tx.now,
    )
    return ApiKey(key_id, account_id, name, hint, encoded, tx.now, None, None)


def key_by_token(sql: Sql, token_hash: bytes) -> ApiKey | None:
    return sql.one(ApiKey, f"SELECT {KEY_COLUMNS} FROM api_keys WHERE token_hash = ? AND revoked_at IS NULL", token_hash)  # noqa: S608


def keys(sql: Sql, account_id: int, before: int, limit: int) -> list[ApiKey]:
    """Newest first, those made before the id `before`."""
    return sql.all(
        ApiKey,
        f"SELECT {KEY_COLUMNS} FROM api_keys WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        account_id,
        before,
        limit,
    )


def revoke_key(tx: Tx, account_id: int, key_id: int) -> bool:
    """False when there is no such key; a key revoked before stays so."""
    tx.run(
        "UPDATE api_keys SET revoked_at = ? WHERE account_id = ? AND id = ? AND revoked_at IS NULL", tx.now, account_id, key_id
    )
    return tx.value("SELECT 1 FROM api_keys WHERE account_id = ? AND id = ?", account_id, key_id) is not None


def touch_key(tx: Tx, key_id: int) -> None:
    tx.run("UPDATE api_keys SET used_at = ? WHERE id = ?", tx.now, key_id)


# -- audit -------------------------------------------------------------------------------------------------------------


def insert_audit(
    tx: Tx,
    account_id: int | None,
    member_id: int | None,
    key_id: int | None,
    action: str,
    target: str,
    details: str,
    address: str,
) -> None:
    tx.run(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ids.new_id(),
        account_id,
        member_id,
        key_id,
        action,
        target,
        details,
        address,
        tx.now,
    )
