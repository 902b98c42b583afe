"""The only SQL of the sandbox, on its own `world.db`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.sessions.engines.sandbox.models import Chat, ChatMessage, Device, Due, Happening, Phone, PhoneState, Tick

KEPT_PER_CHAT = 500

# -- phones and devices --------------------------------------------------------------------------------------------------


def phones(sql: Sql) -> list[Phone]:
    return sql.all(Phone, "SELECT * FROM phones")


def phones_of(sql: Sql, account_id: int, limit: int = 500) -> list[Phone]:
    """The owner's phones first, then customers' that somebody touched."""
    return sql.all(
        Phone, "SELECT * FROM phones WHERE account_id = ? ORDER BY owner DESC, created_at, number LIMIT ?", account_id, limit
    )


def phone(sql: Sql, account_id: int, number: str) -> Phone | None:
    return sql.one(Phone, "SELECT * FROM phones WHERE account_id = ? AND number = ?", account_id, number)


def insert_phone(tx: Tx, account_id: int, number: str, name: str, *, owner: bool) -> bool:
    """False when there is one already."""
    changed = tx.run(
        "INSERT INTO phones VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        account_id,
        number,
        name,
        int(owner),
        PhoneState.ON,
        tx.now,
    )
    return changed == 1


def put_phone_state(tx: Tx, phone: Phone, state: PhoneState) -> None:
    """The phone's state; a customer's phone that nobody touched before is remembered from now on."""
    insert_phone(tx, phone.account_id, phone.number, phone.name, owner=phone.owner)
    tx.run("UPDATE phones SET state = ? WHERE account_id = ? AND number = ?", state, phone.account_id, phone.number)


def devices(sql: Sql) -> list[Device]:
    return sql.all(Device, "SELECT * FROM devices")


def insert_device(tx: Tx, device: Device) -> None:
    tx.run(
        "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?)",
        device.session_id,
        device.account_id,
        device.number,
        device.linked_at,
    )


def delete_device(tx: Tx, session_id: int) -> None:
    """With everything that was still to be told to it."""
    tx.run("DELETE FROM devices WHERE session_id = ?", session_id)
    tx.run("DELETE FROM pending WHERE session_id = ?", session_id)


# -- messages --------------------------------------------------------------------------------------------------------------


def insert_message(tx: Tx, message: ChatMessage) -> bool:
    """False when this id is known already: then nothing changes."""
    fresh = tx.run(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        message.id,
        message.account_id,
        message.session_id,
        message.number,
        message.wa_id,
        int(message.outgoing),
        message.kind,
        message.content,
        message.reference,
        message.state,
        message.at,
    )
    if fresh != 1:
        return False
    kept = tx.value(
        "INSERT INTO chats VALUES (?, ?, ?, 1, ?) ON CONFLICT (session_id, number)"
        " DO UPDATE SET messages = messages + 1, last_at = excluded.last_at RETURNING messages",
        message.session_id,
        message.number,
        message.account_id,
        message.at,
    )
    if kept >= KEPT_PER_CHAT + 50:
        _forget_oldest(tx, message.session_id, message.number)
    return True


def _forget_oldest(tx: Tx, session_id: int, number: str) -> None:
    """Keeps the newest messages of a chat."""
    oldest = tx.value(
        "SELECT id FROM messages WHERE session_id = ? AND number = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
        session_id,
        number,
        KEPT_PER_CHAT - 1,
    )
    tx.run("DELETE FROM messages WHERE session_id = ? AND number = ? AND id < ?", session_id, number, oldest)
    tx.run("UPDATE chats SET messages = ? WHERE session_id = ? AND number = ?", KEPT_PER_CHAT, session_id, number)


def set_ticks(tx: Tx, ticks: Iterable[tuple[Tick, int, str]]) -> None:
    """(tick, session id, WhatsApp id) each; a message never goes back."""
    tx.many("UPDATE messages SET state = max(state, ?) WHERE session_id = ? AND wa_id = ?", ticks)


def accept(tx: Tx, message: ChatMessage, follow: Sequence[Due]) -> bool:
    """A message reached the server: it is kept with all that will come of it. False for a resend."""
    if not insert_message(tx, message):
        return False
    insert_pending(tx, follow)
    return True


def chats_of_session(sql: Sql, session_id: int, limit: int = 50) -> list[Chat]:
    return sql.all(
        Chat,
        "SELECT session_id, number, messages, last_at FROM chats WHERE session_id = ? ORDER BY last_at DESC LIMIT ?",
        session_id,
        limit,
    )


def chats_of_phone(sql: Sql, account_id: int, number: str) -> list[Chat]:
    return sql.all(
        Chat,
        "SELECT session_id, number, messages, last_at FROM chats WHERE account_id = ? AND number = ? ORDER BY last_at DESC",
        account_id,
        number,
    )


def messages_of_chat(sql: Sql, session_id: int, number: str, before: int, limit: int) -> list[ChatMessage]:
    """Newest first."""
    return sql.all(
        ChatMessage,
        "SELECT * FROM messages WHERE session_id = ? AND number = ? AND id < ? ORDER BY id DESC LIMIT ?",
        session_id,
        number,
        before,
        limit,
    )


def unread(sql: Sql, session_id: int, number: str) -> list[str]:
    """WhatsApp's ids of what the customer has and did not read."""
    return sql.values(
        "SELECT wa_id FROM messages WHERE session_id = ? AND number = ? AND outgoing AND state = ? ORDER BY id",
        session_id,
        number,
        Tick.DELIVERED,
    )


def latest_accepted(sql: Sql, limit: int = 2_000) -> list[ChatMessage]:
    """What the server took last, oldest first."""
    found = sql.all(ChatMessage, "SELECT * FROM messages ORDER BY id DESC LIMIT ?", limit)
    return [message for message in reversed(found) if message.outgoing]


# -- what is still to happen ---------------------------------------------------------------------------------------------


def insert_pending(tx: Tx, dues: Iterable[Due]) -> None:
    tx.many(
        "INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        [
            (due.id, due.account_id, due.session_id, due.number, due.wa_id, due.kind, due.due_at, due.message_kind, due.content)
            for due in dues
        ],
    )


def pending_of_session(sql: Sql, session_id: int) -> list[Due]:
    """All that may happen, soonest first."""
    return _dues(sql, "SELECT * FROM pending WHERE session_id = ? AND held = 0 ORDER BY due_at, id", session_id)


def pending_count(sql: Sql) -> int:
    """How much is still to happen, on phones that are on."""
    return int(sql.value("SELECT count(*) FROM pending WHERE held = 0"))


def count_pending(sql: Sql, account_id: int, session_id: int | None) -> int:
    if session_id is None:
        return int(sql.value("SELECT count(*) FROM pending WHERE account_id = ?", account_id))
    return int(sql.value("SELECT count(*) FROM pending WHERE session_id = ? AND account_id = ?", session_id, account_id))


def held_of_phone(sql: Sql, account_id: int, number: str) -> list[Due]:
    return _dues(sql, "SELECT * FROM pending WHERE account_id = ? AND number = ? AND held = 1 ORDER BY id", account_id, number)


def _dues(sql: Sql, query: str, *params: object) -> list[Due]:
    return [
        Due(due_at, due_id, account_id, session_id, number, wa_id, Happening(kind), message_kind, content)
        for due_id, account_id, session_id, number, wa_id, kind, due_at, _, message_kind, content in sql.rows(query, *params)
    ]


def hold(tx: Tx, dues: Iterable[Due]) -> None:
    tx.many("UPDATE pending SET held = 1 WHERE id = ?", [(due.id,) for due in dues])


def release(tx: Tx, dues: Iterable[Due]) -> None:
    tx.many("UPDATE pending SET held = 0, due_at = ? WHERE id = ?", [(due.due_at, due.id) for due in dues])


def delete_pending(tx: Tx, dues: Iterable[Due]) -> None:
    tx.many("DELETE FROM pending WHERE id = ?", [(due.id,) for due in dues])


def happened(tx: Tx, dues: Sequence[Due]) -> None:
    """The box has these on disk: their ticks are set, their messages stand in the chat, and they are not told again."""
    delete_pending(tx, dues)
    for due in dues:
        if due.kind is Happening.INBOUND:
            insert_message(tx, inbound_message(due))
    set_ticks(
        tx,
        [(Tick.READ if due.kind is Happening.READ else Tick.DELIVERED, due.session_id, due.wa_id) for due in dues],
    )


def inbound_message(due: Due) -> ChatMessage:
    """The chat's message of an inbound happening."""
    assert due.message_kind is not None and due.content is not None  # noqa: S101  an inbound has both
    return ChatMessage(
        ids.new_id(),
        due.account_id,
        due.session_id,
        due.number,
        due.wa_id,
        False,
        due.message_kind,
        due.content,
        None,
        Tick.SENT,
        due.due_at,
    )


def write_inbound(tx: Tx, message: ChatMessage, due: Due, name: str) -> None:
    """A customer wrote: it stands in the chat, and the session is to be told."""
    insert_phone(tx, message.account_id, message.number, name, owner=False)
    if insert_message(tx, message):
        insert_pending(tx, [due])


def purge(tx: Tx, before: int, limit: int = 500) -> int:
    """Forgets messages older than `before`, some at a time, and chats that have none left. Returns how many."""
    gone = tx.run("DELETE FROM messages WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT ?) AND at < ?", limit, before)
    if gone == 0:
        tx.run("DELETE FROM chats WHERE last_at < ?", before)
    return gone
