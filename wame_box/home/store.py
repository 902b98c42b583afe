"""The only SQL of the overview. Reading only, by index, since an open page asks every second while much happens."""

from __future__ import annotations

from wame_box.campaigns import store as campaigns
from wame_box.campaigns.models import CampaignStatus
from wame_box.home.models import FirstSteps, Overview, Today
from wame_box.kernel.db import Sql
from wame_box.kernel.ids import COUNTER_BITS
from wame_box.kernel.paging import NEWEST
from wame_box.messaging import log_store
from wame_box.sessions.models import Session, SessionStatus

CAMPAIGNS = 5
MESSAGES = 6
ATTENTION = 5

COUNTED = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.received": "received",
    "message.failed": "failed",
}


def overview(sql: Sql, account_id: int, day_start: int, now: int) -> Overview:
    """`day_start`: when the account's day began; both times in ms UTC."""
    connected, total = session_counts(sql, account_id)
    return Overview(
        steps=first_steps(sql, account_id),
        today=today(sql, account_id, day_start),
        waiting=waiting(sql, account_id),
        connected=connected,
        sessions=total,
        attention=attention(sql, account_id, now),
        campaigns=[
            row
            for status in (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.SCHEDULED)
            for row in campaigns.listed(sql, account_id, NEWEST, CAMPAIGNS, status)
        ][:CAMPAIGNS],
        messages=log_store.lines(sql, account_id, NEWEST, MESSAGES),
    )


def first_steps(sql: Sql, account_id: int) -> FirstSteps:
    def exists(query: str) -> bool:
        return sql.value(query, account_id) is not None

    return FirstSteps(
        linked=exists("SELECT 1 FROM sessions WHERE account_id = ? AND paired_at IS NOT NULL LIMIT 1"),
        has_contacts=exists("SELECT 1 FROM contacts WHERE account_id = ? LIMIT 1"),
        launched=exists("SELECT 1 FROM campaigns WHERE account_id = ? AND launched_at IS NOT NULL LIMIT 1"),
        connected_program=exists("SELECT 1 FROM endpoints WHERE account_id = ? AND deleted_at IS NULL LIMIT 1")
        or exists("SELECT 1 FROM api_keys WHERE account_id = ? AND revoked_at IS NULL LIMIT 1"),
    )


def today(sql: Sql, account_id: int, day_start: int) -> Today:
    """Counted from the events, whose ids tell their time: one range of an index for each type."""
    since = day_start << COUNTER_BITS
    query = "SELECT count(*) FROM events WHERE account_id = ? AND type = ? AND id >= ?"
    return Today(**{name: int(sql.value(query, account_id, event_type, since)) for event_type, name in COUNTED.items()})


def waiting(sql: Sql, account_id: int) -> int:
    """Messages accepted and not yet sent. The partial index of the queue is all that is read."""
    return int(
        sql.value(
            "SELECT count(*) FROM messages WHERE status = 'queued' AND session_id IN"
            " (SELECT id FROM sessions WHERE account_id = ? AND deleted_at IS NULL)",
            account_id,
        )
    )


def session_counts(sql: Sql, account_id: int) -> tuple[int, int]:
    """(connected, all)."""
    rows = sql.rows(
        "SELECT coalesce(sum(status = ?), 0), count(*) FROM sessions WHERE account_id = ? AND deleted_at IS NULL",
        SessionStatus.CONNECTED,
        account_id,
    )
    return rows[0][0], rows[0][1]


def attention(sql: Sql, account_id: int, now: int) -> list[Session]:
    """Sessions that can't send and were not switched off, or that WhatsApp restricts; the latest change first."""
    return sql.all(
        Session,
        "SELECT * FROM sessions WHERE account_id = ? AND deleted_at IS NULL"
        " AND (status IN ('disconnected', 'logged_out', 'banned', 'pairing') OR restricted_until > ?)"
        " ORDER BY status_at DESC LIMIT ?",
        account_id,
        now,
        ATTENTION,
    )


LATEST = {
    "ses": "SELECT id FROM sessions WHERE account_id = ? AND deleted_at IS NULL"
    " ORDER BY status = 'connected' DESC, id DESC LIMIT 1",
    "msg": "SELECT max(id) FROM messages WHERE account_id = ?",
    "bat": "SELECT max(batch_id) FROM campaigns WHERE account_id = ?",
    "con": "SELECT max(id) FROM contacts WHERE account_id = ?",
    "lst": "SELECT max(id) FROM lists WHERE account_id = ?",
    "imp": "SELECT max(id) FROM imports WHERE account_id = ?",
    "cmp": "SELECT max(id) FROM campaigns WHERE account_id = ?",
    "end": "SELECT max(id) FROM endpoints WHERE account_id = ? AND deleted_at IS NULL",
    "evt": "SELECT max(id) FROM events WHERE account_id = ?",
    "key": "SELECT max(id) FROM api_keys WHERE account_id = ? AND revoked_at IS NULL",
}


def latest_ids(sql: Sql, account_id: int) -> dict[str, int]:
    """An id of each kind that the account has, by its prefix: what examples show."""
    found = {prefix: sql.value(query, account_id) for prefix, query in LATEST.items()}
    return {prefix: number for prefix, number in found.items() if number is not None}
