"""What became of messages: the server's ack, delivered, read, played, failed. Forward only; each step counted and told once."""

from __future__ import annotations

from typing import Any

import msgspec

from wame_box.kernel.clock import DAY
from wame_box.kernel.db import Tx
from wame_box.messaging import batch_store, parked_store, store
from wame_box.messaging.models import (
    BatchFinished,
    Message,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageRead,
    MessageSent,
    MessageStatus,
)
from wame_box.sessions.engine import Receipt, ReceiptStatus, Sent

S = MessageStatus
PARKED = 7 * DAY

# How far each state is; a receipt that is not further changes nothing.
RANK = {S.QUEUED: 0, S.SENDING: 1, S.UNKNOWN: 1, S.FAILED: 1, S.SENT: 2, S.DELIVERED: 3, S.READ: 4, S.PLAYED: 5}
REACHED: dict[MessageStatus, tuple[str, ...]] = {
    S.SENT: ("sent_at",),
    S.DELIVERED: ("sent_at", "delivered_at"),
    S.READ: ("sent_at", "delivered_at", "read_at"),
    S.PLAYED: ("sent_at", "delivered_at", "read_at", "played_at"),
}
EVENTS: dict[str, type[MessageEvent]] = {
    "sent_at": MessageSent,
    "delivered_at": MessageDelivered,
    "read_at": MessageRead,
}
COUNTERS = {"sent_at": "sent", "delivered_at": "delivered", "read_at": "read"}


def record_sent(tx: Tx, session_id: int, message_id: int, sent: Sent) -> None:
    """The server's ack of a claimed message. Where WhatsApp chose its id, receipts may have come before it was known."""
    row = store.message_of_session(tx, session_id, message_id)
    if row is None:
        return
    if row.wa_id is None:
        store.set_wa_id(tx, row.id, sent.wa_id)
        row = msgspec.structs.replace(row, wa_id=sent.wa_id)
    advance(tx, row, S.SENT, sent.at)
    for early in parked_store.take(tx, session_id, sent.wa_id):
        apply(tx, session_id, Receipt((sent.wa_id,), early.status, early.at, error=early.error))


def record_failed(tx: Tx, session_id: int, message_id: int, error: str) -> None:
    """WhatsApp will not take the message."""
    row = store.message_of_session(tx, session_id, message_id)
    if row is not None:
        fail(tx, row, error)


def apply(tx: Tx, session_id: int, receipt: Receipt) -> None:
    """A receipt of the engine. One for an id that is not known is parked."""
    for wa_id in receipt.refs:
        row = store.message_by_wa_id(tx, session_id, wa_id)
        if row is None:
            parked_store.park(tx, session_id, wa_id, receipt.status, receipt.at, receipt.error)
        elif receipt.status is ReceiptStatus.FAILED:
            fail(tx, row, receipt.error or "unknown")
        else:
            advance(tx, row, S(receipt.status), receipt.at)


def advance(tx: Tx, row: Message, status: MessageStatus, at: int) -> None:
    """Moves a message forward. Steps that were skipped count as reached; a delivery overrides a failure."""
    if RANK.get(row.status, 9) >= RANK[status]:
        return
    reached = [name for name in REACHED[status] if getattr(row, name) is None]
    times: dict[str, int | None] = dict.fromkeys(reached, at)
    if row.status is S.FAILED:
        times["failed_at"] = None
    store.set_progress(tx, row, status, times, None)
    if row.batch_id:
        _count_reached(tx, row, reached)
    for name in reached:
        if name in EVENTS:
            tx.emit(EVENTS[name](**_facts(row, status, at)))


def _count_reached(tx: Tx, row: Message, reached: list[str]) -> None:
    changes = {COUNTERS[name]: 1 for name in reached if name in COUNTERS}
    if row.status is S.FAILED:  # which took it out of those that were sent
        changes |= {"failed": -1, "sent": 1}
    if changes:
        batch_store.count(tx, row.batch_id, **changes)
    close_batch(tx, row.account_id, row.batch_id)


def fail(tx: Tx, row: Message, error: str) -> None:
    """Only what is queued, in flight or merely sent can fail; what was delivered stays so."""
    if row.status not in (S.QUEUED, S.SENDING, S.UNKNOWN, S.SENT):
        return
    store.set_progress(tx, row, S.FAILED, {"failed_at": tx.now}, error)
    if row.batch_id:
        batch_store.count(tx, row.batch_id, failed=1, **({"sent": -1} if row.status is S.SENT else {}))
        close_batch(tx, row.account_id, row.batch_id)
    tx.emit(MessageFailed(**_facts(row, S.FAILED, tx.now), error=error))


def purge_parked(tx: Tx, limit: int = 500) -> int:
    """Forgets early receipts that no message came for, some at a time. Returns how many."""
    return parked_store.purge(tx, tx.now - PARKED, limit)


def close_batch(tx: Tx, account_id: int, batch_id: int) -> None:
    """Finishes the batch when this was its last open message."""
    if batch_store.finish_if_done(tx, batch_id):
        tx.emit(BatchFinished(account_id=account_id, batch_id=batch_id))


def _facts(row: Message, status: MessageStatus, at: int) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "session_id": row.session_id,
        "message_id": row.id,
        "batch_id": row.batch_id,
        "contact_id": row.contact_id,
        "address": row.address,
        "kind": row.kind,
        "status": status,
        "at": at,
        "reference": row.reference,
        "wa_id": row.wa_id,
    }
