"""The only SQL of batches."""

from __future__ import annotations

from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.messaging.models import Batch, BatchStatus

COLUMNS = (
    "id, account_id, session_id, kind, status, total, sent, delivered, read, replied, failed, cancelled, complete,"
    " created_at, finished_at"
)
COUNTERS = {"total", "sent", "delivered", "read", "replied", "failed", "cancelled"}


def insert(tx: Tx, account_id: int, session_id: int, kind: str) -> int:
    batch_id = ids.new_id()
    tx.run(
        "INSERT INTO batches (id, account_id, session_id, kind, status, created_at) VALUES (?, ?, ?, ?, 'running', ?)",
        batch_id,
        account_id,
        session_id,
        kind,
        tx.now,
    )
    return batch_id


def batch(sql: Sql, account_id: int, batch_id: int) -> Batch | None:
    return sql.one(Batch, f"SELECT {COLUMNS} FROM batches WHERE account_id = ? AND id = ?", account_id, batch_id)  # noqa: S608


def running_of(sql: Sql, session_id: int) -> list[int]:
    return sql.values("SELECT id FROM batches WHERE session_id = ? AND status = 'running' ORDER BY id", session_id)


def open_of(sql: Sql, session_id: int) -> list[int]:
    """Running and paused batches."""
    return sql.values("SELECT id FROM batches WHERE session_id = ? AND status IN ('running', 'paused') ORDER BY id", session_id)


def count(tx: Tx, batch_id: int, **changes: int) -> None:
    """Adds to counters: `count(tx, 7, sent=1, failed=-1)`."""
    if not changes.keys() <= COUNTERS:
        raise ValueError(f"no such counter among {sorted(changes)}")
    columns = ", ".join(f"{name} = {name} + ?" for name in changes)
    tx.run(f"UPDATE batches SET {columns} WHERE id = ?", *changes.values(), batch_id)  # noqa: S608 (names checked above)


def mark_complete(tx: Tx, batch_id: int) -> None:
    tx.run("UPDATE batches SET complete = 1 WHERE id = ?", batch_id)


def finish_if_done(tx: Tx, batch_id: int) -> bool:
    """Moves a full batch whose messages all came to an end from running to finished. True when it did so now."""
    changed = tx.run(
        "UPDATE batches SET status = 'finished', finished_at = ? WHERE id = ? AND status = 'running' AND complete = 1"
        " AND sent + failed + cancelled >= total",
        tx.now,
        batch_id,
    )
    return changed == 1


def move(tx: Tx, account_id: int, batch_id: int, old: tuple[BatchStatus, ...], new: BatchStatus) -> bool:
    """A guarded change of status; False when the batch was in none of the old ones."""
    marks = ", ".join("?" for _ in old)
    ended = tx.now if new in (BatchStatus.STOPPED, BatchStatus.FINISHED) else None
    changed = tx.run(
        f"UPDATE batches SET status = ?, finished_at = ? WHERE account_id = ? AND id = ? AND status IN ({marks})",  # noqa: S608
        new,
        ended,
        account_id,
        batch_id,
        *old,
    )
    return changed == 1


def answered_batch_message(sql: Sql, session_id: int, address: str, since: int) -> tuple[int, int] | None:
    """(message id, batch id) of the last batch message to this person, unless a reply was counted for it: what he adds then is
    no reply to an older one."""
    rows = sql.rows(
        "SELECT id, batch_id, replied_at FROM messages WHERE session_id = ? AND address = ? AND batch_id > 0"
        " AND sent_at >= ? ORDER BY id DESC LIMIT 1",
        session_id,
        address,
        since,
    )
    return (rows[0][0], rows[0][1]) if rows and rows[0][2] is None else None


def mark_replied(tx: Tx, message_id: int) -> None:
    tx.run("UPDATE messages SET replied_at = ? WHERE id = ?", tx.now, message_id)


def cancel_some(tx: Tx, batch_id: int, limit: int) -> int:
    """Cancels queued messages of a batch, some at a time. Returns how many."""
    session_id = tx.value("SELECT session_id FROM batches WHERE id = ?", batch_id)
    changed = tx.run(
        "UPDATE messages SET status = 'cancelled', error = 'batch_stopped' WHERE id IN (SELECT id FROM messages"
        " WHERE session_id = ? AND batch_id = ? AND status = 'queued' AND is_new IN (0, 1) LIMIT ?)",
        session_id,
        batch_id,
        limit,
    )
    if changed:
        count(tx, batch_id, cancelled=changed)
    return changed


def stopped_with_rest(sql: Sql) -> list[int]:
    """Stopped batches that still have queued messages to cancel. Those of deleted sessions end with all else of theirs."""
    return sql.values(
        "SELECT b.id FROM batches b JOIN sessions s ON s.id = b.session_id AND s.deleted_at IS NULL"
        " WHERE b.status = 'stopped' AND b.sent + b.failed + b.cancelled < b.total"
        " AND EXISTS (SELECT 1 FROM messages m WHERE m.session_id = b.session_id AND m.batch_id = b.id AND m.status = 'queued')"
    )


def reaches(sql: Sql, batch_id: int, contact_id: int | None, address: str) -> bool:
    """Whether the batch has a message to this person or this address already."""
    # `batch_id > 0` is said again, or SQLite would not see that the partial indexes fit, and scan the table.
    by_address = "SELECT 1 FROM messages WHERE batch_id = ? AND batch_id > 0 AND address = ?"
    by_contact = "SELECT 1 FROM messages WHERE batch_id = ? AND batch_id > 0 AND contact_id = ?"
    return sql.value(by_address, batch_id, address) is not None or sql.value(by_contact, batch_id, contact_id) is not None


def failures(sql: Sql, batch_id: int) -> list[tuple[str, int]]:
    """(error code, how many), most frequent first."""
    return sql.rows(
        "SELECT coalesce(error, 'unknown'), count(*) FROM messages WHERE batch_id = ? AND batch_id > 0 AND status = 'failed'"
        " GROUP BY 1 ORDER BY 2 DESC",
        batch_id,
    )
