"""The only SQL of what a message waits for: postponed, and let go before its time."""

from __future__ import annotations

from wame_box.kernel.db import Sql, Tx


def postpone(tx: Tx, message_id: int, until: int, reason: str) -> None:
    tx.run("UPDATE messages SET due_at = ?, wait_reason = ? WHERE id = ? AND status = 'queued'", until, reason, message_id)


def lift_restriction(tx: Tx, session_id: int, address: str) -> int:
    """Messages to somebody who wrote first may go although WhatsApp restricted the number. Returns how many waited for that."""
    return tx.run(
        "UPDATE messages SET due_at = ?, wait_reason = NULL WHERE session_id = ? AND address = ? AND status = 'queued'"
        " AND wait_reason = 'restricted'",
        tx.now,
        session_id,
        address,
    )


def postponed(sql: Sql, session_id: int, after: int, limit: int) -> list[int]:
    """Messages that wait for the end of quiet hours or of a restriction, by id, from behind `after`."""
    # Their being queued and NOT NULL is what the partial index asks for.
    return sql.values(
        "SELECT id FROM messages WHERE session_id = ? AND id > ? AND status = 'queued' AND wait_reason IS NOT NULL"
        " AND wait_reason IN ('quiet_hours', 'restricted') ORDER BY id LIMIT ?",
        session_id,
        after,
        limit,
    )


def release(tx: Tx, message_ids: list[int]) -> None:
    """Lets postponed messages go now."""
    tx.many(
        "UPDATE messages SET due_at = ?, wait_reason = NULL WHERE id = ? AND status = 'queued'",
        [(tx.now, message_id) for message_id in message_ids],
    )
