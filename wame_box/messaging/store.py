"""The only SQL of messages and their contents. Batches have `batch_store.py`, the people a session knows `peer_store.py`."""

from __future__ import annotations

from typing import Any

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.messaging import filters
from wame_box.messaging.models import Direction, Message, MessageStatus, Priority
from wame_box.sessions.engine import MessageKind

COLUMNS = (
    "m.id, m.account_id, m.session_id, m.batch_id, m.contact_id, m.direction, m.kind, m.address, m.status, m.due_at,"
    " m.wait_reason, m.wa_id, m.reference, m.attempts, m.error, m.created_at, m.sent_at, m.delivered_at, m.read_at,"
    " m.played_at, m.failed_at, c.content"
)
FROM = "FROM messages m LEFT JOIN message_contents c ON c.message_id = m.id"


class Queued(msgspec.Struct, frozen=True):
    """A message that may be sent now, with what pacing and the engine need."""

    id: int
    batch_id: int
    contact_id: int | None
    kind: MessageKind
    address: str
    is_new: bool
    priority: int
    due_at: int
    wa_id: str | None
    reference: str | None
    attempts: int
    content: str
    first_in_at: int | None


QUEUED = (
    "SELECT m.id, m.batch_id, m.contact_id, m.kind, m.address, m.is_new, m.priority, m.due_at, m.wa_id, m.reference,"
    " m.attempts, coalesce(c.content, '{}') AS content, p.first_in_at"
    " FROM messages m LEFT JOIN message_contents c ON c.message_id = m.id"
    " LEFT JOIN peers p ON p.session_id = m.session_id AND p.address = m.address"
)


def insert_outbound(
    tx: Tx,
    account_id: int,
    session_id: int,
    contact_id: int | None,
    address: str,
    kind: MessageKind,
    content: str,
    *,
    is_new: bool,
    due_at: int,
    batch_id: int = 0,
    priority: int = Priority.SINGLE,
    reference: str | None = None,
) -> int:
    message_id = ids.new_id()
    tx.run(
        "INSERT INTO messages (id, account_id, session_id, batch_id, contact_id, direction, kind, address, status, priority,"
        " is_new, due_at, reference, created_at) VALUES (?, ?, ?, ?, ?, 'out', ?, ?, 'queued', ?, ?, ?, ?, ?)",
        message_id,
        account_id,
        session_id,
        batch_id,
        contact_id,
        kind,
        address,
        priority,
        int(is_new),
        due_at,
        reference,
        tx.now,
    )
    tx.run("INSERT INTO message_contents VALUES (?, ?)", message_id, content)
    return message_id


def insert_inbound(
    tx: Tx,
    account_id: int,
    session_id: int,
    contact_id: int,
    address: str,
    kind: MessageKind,
    content: dict[str, Any],
    wa_id: str,
    at: int,
) -> int:
    message_id = ids.new_id()
    tx.run(
        "INSERT INTO messages (id, account_id, session_id, contact_id, direction, kind, address, status, due_at, wa_id,"
        " created_at, delivered_at) VALUES (?, ?, ?, ?, 'in', ?, ?, 'received', ?, ?, ?, ?)",
        message_id,
        account_id,
        session_id,
        contact_id,
        kind,
        address,
        at,
        wa_id,
        tx.now,
        at,
    )
    tx.run("INSERT INTO message_contents VALUES (?, ?)", message_id, msgspec.json.encode(content).decode())
    return message_id


def seen_inbound(sql: Sql, session_id: int, wa_id: str) -> bool:
    return sql.value("SELECT 1 FROM messages WHERE session_id = ? AND wa_id = ?", session_id, wa_id) is not None


def message(sql: Sql, account_id: int, message_id: int) -> Message | None:
    return sql.one(Message, f"SELECT {COLUMNS} {FROM} WHERE m.account_id = ? AND m.id = ?", account_id, message_id)


# Receipts don't need the content, and there are many.
FACTS = COLUMNS.replace("c.content", "NULL AS content")


def message_of_session(sql: Sql, session_id: int, message_id: int) -> Message | None:
    """Without its content."""
    return sql.one(Message, f"SELECT {FACTS} FROM messages m WHERE m.session_id = ? AND m.id = ?", session_id, message_id)  # noqa: S608


def message_by_wa_id(sql: Sql, session_id: int, wa_id: str) -> Message | None:
    """Without its content."""
    return sql.one(Message, f"SELECT {FACTS} FROM messages m WHERE m.session_id = ? AND m.wa_id = ?", session_id, wa_id)  # noqa: S608


def messages(
    sql: Sql,
    account_id: int,
    before: int,
    limit: int,
    *,
    session_id: int | None = None,
    batch_id: int | None = None,
    contact_id: int | None = None,
    address: str | None = None,
    direction: Direction | None = None,
    status: MessageStatus | None = None,
) -> list[Message]:
    """Newest first, those older than the id `before`."""
    query, params = filters.page(
        account_id,
        before,
        limit,
        session_id=session_id,
        batch_id=batch_id,
        contact_id=contact_id,
        address=address,
        direction=direction,
        status=status,
    )
    return sql.all(Message, f"SELECT {COLUMNS} {FROM} WHERE m.id IN ({query}) ORDER BY m.id DESC", *params)


def cancel_queued(tx: Tx, account_id: int, message_id: int, reason: str) -> bool:
    changed = tx.run(
        "UPDATE messages SET status = 'cancelled', error = ? WHERE account_id = ? AND id = ? AND status = 'queued'",
        reason,
        account_id,
        message_id,
    )
    return changed == 1


def queued_for_address(sql: Sql, account_id: int, address: str) -> list[Message]:
    """What waits for one person on any session of the account."""
    return sql.all(
        Message,
        f"SELECT {FACTS} FROM messages m WHERE m.session_id IN (SELECT id FROM sessions WHERE account_id = ?)"  # noqa: S608
        " AND m.address = ? AND m.status = 'queued'",
        account_id,
        address,
    )


# -- the queue of a session --------------------------------------------------------------------------------------------


def due(sql: Sql, session_id: int, batch_id: int, is_new: bool, now: int, limit: int) -> list[Queued]:
    """The first messages of one lane that may go now, by priority and time."""
    return sql.all(
        Queued,
        f"{QUEUED} WHERE m.session_id = ? AND m.batch_id = ? AND m.is_new = ? AND m.status = 'queued' AND m.due_at <= ?"
        " ORDER BY m.priority, m.due_at, m.id LIMIT ?",
        session_id,
        batch_id,
        int(is_new),
        now,
        limit,
    )


def next_due(sql: Sql, session_id: int, batch_id: int, is_new: bool, now: int) -> int | None:
    """When the next message of one lane becomes due that is not due now."""
    # One look into the index for each priority: without it, everything that is due already would be passed by.
    moments = [
        sql.value(
            "SELECT due_at FROM messages WHERE session_id = ? AND batch_id = ? AND is_new = ? AND status = 'queued'"
            " AND priority = ? AND due_at > ? ORDER BY due_at LIMIT 1",
            session_id,
            batch_id,
            int(is_new),
            priority,
            now,
        )
        for priority in (Priority.REPLY, Priority.SINGLE, Priority.BATCH)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def in_flight(sql: Sql, session_id: int) -> list[Queued]:
    """What was claimed and has no answer yet: after a crash it is sent again under the same id."""
    return sql.all(Queued, f"{QUEUED} WHERE m.session_id = ? AND m.status = 'sending' ORDER BY m.id", session_id)


def in_flight_facts(sql: Sql, session_id: int, limit: int) -> list[Message]:
    """What was claimed and has no answer yet, without its content."""
    query = f"SELECT {FACTS} FROM messages m WHERE m.session_id = ? AND m.status = 'sending' LIMIT ?"  # noqa: S608
    return sql.all(Message, query, session_id, limit)


def queued_of_session(sql: Sql, session_id: int, limit: int) -> list[tuple[int, int]]:
    """(message, batch or 0) of some that wait."""
    return sql.rows("SELECT id, batch_id FROM messages WHERE session_id = ? AND status = 'queued' LIMIT ?", session_id, limit)


def cancel_all(tx: Tx, message_ids: list[int], reason: str) -> None:
    """Cancels messages that are queued. Their batches' counters are the caller's to keep."""
    tx.many(
        "UPDATE messages SET status = 'cancelled', error = ? WHERE id = ? AND status = 'queued'",
        [(reason, message_id) for message_id in message_ids],
    )


def mark_claimed(tx: Tx, message_id: int, wa_id: str | None) -> None:
    tx.run(
        "UPDATE messages SET status = 'sending', wa_id = ?, claimed_at = ?, attempts = attempts + 1, wait_reason = NULL"
        " WHERE id = ? AND status = 'queued'",
        wa_id,
        tx.now,
        message_id,
    )


def set_wa_id(tx: Tx, message_id: int, wa_id: str) -> None:
    """Notes the id that WhatsApp chose."""
    tx.run("UPDATE OR IGNORE messages SET wa_id = ? WHERE id = ? AND wa_id IS NULL", wa_id, message_id)


def mark_unknown(tx: Tx, session_id: int, message_id: int) -> bool:
    changed = tx.run(
        "UPDATE messages SET status = 'unknown' WHERE session_id = ? AND id = ? AND status = 'sending'", session_id, message_id
    )
    return changed == 1


def count_attempt(tx: Tx, message_id: int) -> None:
    tx.run("UPDATE messages SET attempts = attempts + 1 WHERE id = ?", message_id)


def set_progress(tx: Tx, row: Message, status: MessageStatus, times: dict[str, int | None], error: str | None) -> None:
    """Writes a message's new state with the times that it reached (None: not reached after all); the old state is what the
    row said."""
    columns = "".join(f", {name} = ?" for name in times)
    tx.run(
        f"UPDATE messages SET status = ?, error = ?{columns} WHERE id = ? AND status = ?",  # noqa: S608 (column names of ours)
        status,
        error,
        *times.values(),
        row.id,
        row.status,
    )


def of_deleted_sessions(sql: Sql) -> list[int]:
    """Deleted sessions that still have messages to end."""
    return sql.values(
        "SELECT id FROM sessions s WHERE deleted_at IS NOT NULL AND ("
        "EXISTS (SELECT 1 FROM messages m WHERE m.session_id = s.id AND m.status = 'queued')"
        " OR EXISTS (SELECT 1 FROM messages m WHERE m.session_id = s.id AND m.status = 'sending'))"
    )
