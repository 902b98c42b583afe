"""The SQL of a campaign's people: who got what, over time, and what the audience's contacts offer."""

from __future__ import annotations

import msgspec

from wame_box.kernel.db import Sql
from wame_box.messaging.models import MessageStatus


class Recipient(msgspec.Struct, frozen=True):
    """One message of a campaign with the person's name. `contact_name` None: the contact was deleted."""

    message_id: int
    contact_id: int
    contact_name: str | None
    address: str
    status: MessageStatus
    error: str | None
    due_at: int
    wait_reason: str | None
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    replied_at: int | None
    failed_at: int | None

    @property
    def id(self) -> int:
        """Lists of recipients go by contact."""
        return self.contact_id


_RECIPIENT = (
    "SELECT m.id AS message_id, m.contact_id, c.name AS contact_name, m.address, m.status, m.error, m.due_at, m.wait_reason,"
    " m.sent_at, m.delivered_at, m.read_at, m.replied_at, m.failed_at"
    " FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id AND c.account_id = m.account_id"
    # `batch_id > 0` is what tells SQLite that the partial index fits.
    " WHERE m.account_id = ? AND m.batch_id = ? AND m.batch_id > 0 AND m.contact_id < ?"
)

# What a reader picks -> the rows meant. "delivered" includes what was read since.
RECIPIENT_FILTERS = {
    "waiting": "m.status IN ('queued', 'sending', 'unknown')",
    "sent": "m.sent_at IS NOT NULL AND m.status != 'failed'",
    "delivered": "m.delivered_at IS NOT NULL",
    "read": "m.read_at IS NOT NULL",
    "replied": "m.replied_at IS NOT NULL",
    "failed": "m.status = 'failed'",
    "cancelled": "m.status = 'cancelled'",
}


def recipients(sql: Sql, account_id: int, batch_id: int, before: int, limit: int, wanted: str | None = None) -> list[Recipient]:
    """By contact, newest first, those before a contact's id. `wanted`: a key of RECIPIENT_FILTERS."""
    where = f" AND {RECIPIENT_FILTERS[wanted]}" if wanted else ""
    query = f"{_RECIPIENT}{where} ORDER BY m.contact_id DESC LIMIT ?"
    return sql.all(Recipient, query, account_id, batch_id, before, limit)


def known_people(sql: Sql, account_id: int, session_id: int, list_id: int | None) -> int:
    """How many of the audience the session wrote to or heard from before: those don't count as new people."""
    listed = " AND EXISTS (SELECT 1 FROM list_members l WHERE l.list_id = ? AND l.contact_id = c.id)" if list_id else ""
    found: int = sql.value(
        "SELECT count(*) FROM peers p JOIN contacts c ON c.account_id = ? AND c.address = p.address"  # noqa: S608
        f" WHERE p.session_id = ? AND c.opted_out_at IS NULL{listed}",
        account_id,
        session_id,
        *([list_id] if list_id else []),
    )
    return found


def attribute_names(sql: Sql, account_id: int, list_id: int | None, look_at: int = 200) -> list[str]:
    """Names of attributes that contacts have, found in the latest ones, most frequent first: what a text may offer."""
    people = "SELECT attributes FROM contacts WHERE account_id = ? ORDER BY id DESC LIMIT ?"
    params: list[int] = [account_id, look_at]
    if list_id is not None:
        people = (
            "SELECT c.attributes FROM list_members l JOIN contacts c ON c.id = l.contact_id"
            " WHERE c.account_id = ? AND l.list_id = ? ORDER BY l.contact_id DESC LIMIT ?"
        )
        params = [account_id, list_id, look_at]
    query = f"SELECT j.key FROM ({people}) p, json_each(p.attributes) j GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 30"  # noqa: S608
    return sql.values(query, *params)


def course(sql: Sql, batch_id: int, step: int) -> list[tuple[int, ...]]:
    """(start of the step in ms, sent, delivered, read, failed) counted by the step in which each happened, in order of time.

    One pass over the batch: messages are grouped by all four times first, then each time is counted by itself.
    """
    rows = sql.rows(
        "SELECT CASE WHEN status = 'failed' THEN NULL ELSE sent_at END / ? , delivered_at / ?, read_at / ?,"
        " CASE WHEN status = 'failed' THEN failed_at END / ?, count(*)"
        " FROM messages WHERE batch_id = ? AND batch_id > 0 AND coalesce(sent_at, failed_at) IS NOT NULL GROUP BY 1, 2, 3, 4",
        *(step, step, step, step, batch_id),
    )
    found: dict[int, list[int]] = {}
    for *steps, number in rows:
        for column, at in enumerate(steps):
            if at is not None:
                found.setdefault(at * step, [0, 0, 0, 0])[column] += number
    return [(at, *found[at]) for at in sorted(found)]


def activity_span(sql: Sql, batch_id: int) -> tuple[int, int] | None:
    """When something happened to the batch's messages first and last: sent, failed, delivered or read."""
    found = sql.rows(
        "SELECT min(coalesce(sent_at, failed_at)), max(max(coalesce(sent_at, 0), coalesce(failed_at, 0),"
        " coalesce(delivered_at, 0), coalesce(read_at, 0))) FROM messages WHERE batch_id = ? AND batch_id > 0"
        " AND coalesce(sent_at, failed_at) IS NOT NULL",
        batch_id,
    )
    return None if found[0][0] is None else (found[0][0], found[0][1])


def next_message(sql: Sql, session_id: int, batch_id: int) -> tuple[int, str | None] | None:
    """(when it is due, why it waits) of the batch's queued message that comes first."""
    found = [
        row
        for is_new in (0, 1)
        for row in sql.rows(
            "SELECT due_at, wait_reason FROM messages WHERE session_id = ? AND batch_id = ? AND is_new = ? AND status = 'queued'"
            " ORDER BY priority, due_at LIMIT 1",
            session_id,
            batch_id,
            is_new,
        )
    ]
    return min(found, key=lambda row: row[0], default=None)
