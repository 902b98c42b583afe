"""What the pages of messages show: rows with the names around them, and what holds those that wait. Reading only."""

from __future__ import annotations

from wame_box.contacts.phone import pretty
from wame_box.kernel.db import Sql
from wame_box.messaging import filters
from wame_box.messaging.models import Direction, Message, MessageStatus
from wame_box.messaging.store import COLUMNS
from wame_box.sessions.models import SessionStatus

LINE = (
    f"SELECT {COLUMNS}, m.is_new, m.claimed_at, s.name AS session_name, s.status AS session_status,"  # noqa: S608
    " p.name AS contact_name, w.wait_until AS held_until, w.wait_reason AS held_reason,"
    " b.kind AS batch_kind, b.status AS batch_status"
    " FROM messages m LEFT JOIN message_contents c ON c.message_id = m.id JOIN sessions s ON s.id = m.session_id"
    " LEFT JOIN contacts p ON p.id = m.contact_id LEFT JOIN pacing w ON w.session_id = m.session_id"
    " LEFT JOIN batches b ON b.id = m.batch_id"
)


class Line(Message, frozen=True, kw_only=True):
    """A message with the names of its session and contact. `held_…`: what holds the whole session, `is_new`: the recipient
    is new to it; `batch_…`: None for a message on its own."""

    is_new: bool
    claimed_at: int | None
    session_name: str
    session_status: SessionStatus
    contact_name: str | None
    held_until: int | None
    held_reason: str | None
    batch_kind: str | None
    batch_status: str | None

    @property
    def number(self) -> str:
        """The other side's number as people write it."""
        return pretty(self.address)

    @property
    def who(self) -> str:
        return self.contact_name or self.number

    @property
    def text(self) -> str:
        """The text, or what stands below an image."""
        return str(self.body.get("body") or self.body.get("caption") or "")


def line(sql: Sql, account_id: int, message_id: int) -> Line | None:
    return sql.one(Line, f"{LINE} WHERE m.account_id = ? AND m.id = ?", account_id, message_id)


def lines(
    sql: Sql,
    account_id: int,
    before: int,
    limit: int,
    *,
    session_id: int | None = None,
    batch_id: int | None = None,
    address: str | None = None,
    direction: Direction | None = None,
    status: MessageStatus | None = None,
) -> list[Line]:
    """Newest first, those older than the id `before`."""
    query, params = filters.page(
        account_id,
        before,
        limit,
        session_id=session_id,
        batch_id=batch_id,
        address=address,
        direction=direction,
        status=status,
    )
    return sql.all(Line, f"{LINE} WHERE m.id IN ({query}) ORDER BY m.id DESC", *params)


def chat(sql: Sql, account_id: int, session_id: int, address: str, before: int, limit: int) -> list[Line]:
    """One conversation, newest first."""
    query = f"{LINE} WHERE m.session_id = ? AND m.address = ? AND m.id < ? AND m.account_id = ? ORDER BY m.id DESC LIMIT ?"
    return sql.all(Line, query, session_id, address, before, account_id, limit)
