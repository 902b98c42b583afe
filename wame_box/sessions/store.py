"""The only SQL of the sessions slice."""

from __future__ import annotations

from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.paging import Window
from wame_box.sessions.models import EngineKind, Session, SessionState, SessionStatus


def insert_session(tx: Tx, account_id: int, name: str, engine: EngineKind, policy: str) -> Session:
    session_id = ids.new_id()
    tx.run(
        "INSERT INTO sessions (id, account_id, name, engine, status, policy, settings, status_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '{}', ?, ?)",
        session_id,
        account_id,
        name,
        engine,
        SessionStatus.STARTING,
        policy,
        tx.now,
        tx.now,
    )
    session = session_row(tx, session_id)
    assert session is not None  # noqa: S101  it was inserted above
    insert_state(tx, session)
    return session


def session_row(sql: Sql, session_id: int) -> Session | None:
    """A session of whatever account: for the supervisor and its engines."""
    return sql.one(Session, "SELECT * FROM sessions WHERE id = ? AND deleted_at IS NULL", session_id)


def any_session_row(sql: Sql, session_id: int) -> Session | None:
    """As `session_row`, deleted or not."""
    return sql.one(Session, "SELECT * FROM sessions WHERE id = ?", session_id)


def session_of(sql: Sql, account_id: int, session_id: int) -> Session | None:
    return sql.one(
        Session,
        "SELECT * FROM sessions WHERE id = ? AND account_id = ? AND deleted_at IS NULL",
        session_id,
        account_id,
    )


def sessions_of(sql: Sql, account_id: int, window: Window) -> list[Session]:
    """Newest first; one row more than the page holds, when there is one."""
    return sql.all(
        Session,
        "SELECT * FROM sessions WHERE account_id = ? AND id < ? AND deleted_at IS NULL ORDER BY id DESC LIMIT ?",
        account_id,
        window.before,
        window.limit + 1,
    )


def wanted_sessions(sql: Sql) -> list[int]:
    return sql.values("SELECT id FROM sessions WHERE wanted AND deleted_at IS NULL ORDER BY id")


def update_status(
    tx: Tx,
    session: Session,
    status: SessionStatus,
    reason: str | None,
    connected_at: int | None,
    paired_at: int | None,
    wanted: bool,
) -> int:
    """Changes the row only if it still has the status of `session`. Returns how many rows changed."""
    return tx.run(
        "UPDATE sessions SET status = ?, reason = ?, connected_at = ?, paired_at = ?, wanted = ?, status_at = ?"
        " WHERE id = ? AND status = ? AND deleted_at IS NULL",
        status,
        reason,
        connected_at,
        paired_at,
        int(wanted),
        tx.now,
        session.id,
        session.status,
    )


def insert_state(tx: Tx, session: Session) -> None:
    tx.run(
        "INSERT INTO session_states (id, account_id, session_id, status, reason, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        ids.new_id(),
        session.account_id,
        session.id,
        session.status,
        session.reason,
        tx.now,
    )


def states_of(sql: Sql, session_id: int, limit: int = 20) -> list[SessionState]:
    """The history of a session's status, newest first."""
    return sql.all(
        SessionState,
        "SELECT id, status, reason, created_at FROM session_states WHERE session_id = ? ORDER BY id DESC LIMIT ?",
        session_id,
        limit,
    )


def set_paired(tx: Tx, session_id: int, number: str, push_name: str) -> None:
    tx.run("UPDATE sessions SET number = ?, push_name = ?, paired_at = ? WHERE id = ?", number, push_name, tx.now, session_id)


def linked_elsewhere(sql: Sql, session: Session, number: str) -> bool:
    """Whether another session of the account is linked to the number."""
    found = sql.value(
        "SELECT 1 FROM sessions WHERE account_id = ? AND number = ? AND id != ? AND paired_at IS NOT NULL AND deleted_at IS NULL",
        session.account_id,
        number,
        session.id,
    )
    return found is not None


def set_restricted(tx: Tx, session_id: int, until: int | None) -> None:
    tx.run("UPDATE sessions SET restricted_until = ? WHERE id = ?", until, session_id)


def set_wanted(tx: Tx, session_id: int, wanted: bool) -> None:
    tx.run("UPDATE sessions SET wanted = ? WHERE id = ?", int(wanted), session_id)


def rename(tx: Tx, session_id: int, name: str) -> None:
    tx.run("UPDATE sessions SET name = ? WHERE id = ?", name, session_id)


def set_policy(tx: Tx, session_id: int, policy: str) -> None:
    tx.run("UPDATE sessions SET policy = ? WHERE id = ?", policy, session_id)


def set_settings(tx: Tx, session_id: int, settings: str) -> None:
    tx.run("UPDATE sessions SET settings = ? WHERE id = ?", settings, session_id)


def mark_deleted(tx: Tx, session_id: int) -> None:
    tx.run("UPDATE sessions SET deleted_at = ? WHERE id = ?", tx.now, session_id)
