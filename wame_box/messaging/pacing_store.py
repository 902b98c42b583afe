"""The only SQL of pacing: what a session has sent lately, and what holds it."""

from __future__ import annotations

from wame_box.kernel.db import Sql, Tx


def state(sql: Sql, session_id: int) -> str | None:
    found: str | None = sql.value("SELECT state FROM pacing WHERE session_id = ?", session_id)
    return found


def save(tx: Tx, session_id: int, state: str, wait_until: int | None, wait_reason: str | None) -> None:
    tx.run(
        "INSERT INTO pacing VALUES (?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET state = excluded.state,"
        " wait_until = excluded.wait_until, wait_reason = excluded.wait_reason",
        session_id,
        state,
        wait_until,
        wait_reason,
    )


def waiting(sql: Sql, session_id: int) -> tuple[int, str] | None:
    """Until when, and why, the whole session waits; None when nothing holds it."""
    rows = sql.rows("SELECT wait_until, wait_reason FROM pacing WHERE session_id = ? AND wait_until IS NOT NULL", session_id)
    return (rows[0][0], rows[0][1]) if rows else None
