"""The only SQL of receipts that came before their message was known under WhatsApp's id."""

from __future__ import annotations

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.sessions.engine import ReceiptStatus


class Parked(msgspec.Struct, frozen=True):
    """A receipt for a WhatsApp id that no message had yet."""

    status: ReceiptStatus
    at: int
    error: str | None


def park(tx: Tx, session_id: int, wa_id: str, status: ReceiptStatus, at: int, error: str | None) -> None:
    tx.run("INSERT INTO parked_receipts VALUES (?, ?, ?, ?, ?, ?, ?)", ids.new_id(), session_id, wa_id, status, at, error, tx.now)


def take(tx: Tx, session_id: int, wa_id: str) -> list[Parked]:
    """The receipts that waited for this id, oldest first; they wait no longer."""
    found = tx.all(
        Parked,
        "SELECT status, at, error FROM parked_receipts WHERE session_id = ? AND wa_id = ? ORDER BY id",
        session_id,
        wa_id,
    )
    if found:
        tx.run("DELETE FROM parked_receipts WHERE session_id = ? AND wa_id = ?", session_id, wa_id)
    return found


def purge(tx: Tx, before: int, limit: int) -> int:
    """Deletes receipts that nobody claimed. Returns how many."""
    return tx.run(
        "DELETE FROM parked_receipts WHERE id IN (SELECT id FROM parked_receipts WHERE created_at < ? LIMIT ?)", before, limit
    )
