"""The only SQL of whom a session knows: who was written to, who wrote."""

from __future__ import annotations

import msgspec

from wame_box.kernel.db import Sql, Tx


class Peer(msgspec.Struct, frozen=True):
    """Somebody a session knows: when it wrote to him first, and he to it."""

    first_out_at: int | None
    first_in_at: int | None


def peer(sql: Sql, session_id: int, address: str) -> Peer | None:
    return sql.one(Peer, "SELECT first_out_at, first_in_at FROM peers WHERE session_id = ? AND address = ?", session_id, address)


def note_outbound(tx: Tx, session_id: int, address: str, contact_id: int | None) -> None:
    """The session knows this address from now on; other queued messages to it are no longer to a stranger."""
    tx.run(
        "INSERT INTO peers (session_id, address, contact_id, first_out_at, last_out_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (session_id, address) DO UPDATE SET last_out_at = excluded.last_out_at,"
        " first_out_at = coalesce(first_out_at, excluded.first_out_at)",
        session_id,
        address,
        contact_id,
        tx.now,
        tx.now,
    )


def note_inbound(tx: Tx, session_id: int, address: str, contact_id: int | None) -> None:
    tx.run(
        "INSERT INTO peers (session_id, address, contact_id, first_in_at, last_in_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (session_id, address) DO UPDATE SET last_in_at = excluded.last_in_at,"
        " first_in_at = coalesce(first_in_at, excluded.first_in_at)",
        session_id,
        address,
        contact_id,
        tx.now,
        tx.now,
    )


def no_longer_new(tx: Tx, session_id: int, address: str) -> int:
    return tx.run(
        "UPDATE messages SET is_new = 0 WHERE session_id = ? AND address = ? AND status = 'queued' AND is_new = 1",
        session_id,
        address,
    )
