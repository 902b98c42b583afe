"""The SQL of campaigns themselves: drafts, states, lists of them. Their people have `people_store.py`."""

from __future__ import annotations

from typing import Any

import msgspec

from wame_box.campaigns.models import Campaign, CampaignRow, CampaignStatus, Progress
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.sessions.engine import MessageKind

_COLUMNS = (
    "id, account_id, name, status, reason, session_id, list_id, kind, body, image_url, batch_id, include_unconsented, cursor,"
    " expanded, audience, skipped, scheduled_at, launched_at, launched_by, finished_at, created_at, updated_at"
)
S = CampaignStatus


class Content(msgspec.Struct, frozen=True):
    """What a draft says, to whom and when: the columns that may be changed."""

    name: str
    session_id: int | None
    list_id: int | None
    kind: MessageKind
    body: str
    image_url: str | None
    scheduled_at: int | None


class _Listed(msgspec.Struct, frozen=True):
    """What a list needs of the batch and the names beside a campaign."""

    campaign_id: int
    session_name: str | None
    list_name: str | None
    total: int | None
    sent: int | None
    delivered: int | None
    read: int | None
    replied: int | None
    failed: int | None
    cancelled: int | None


def campaign(sql: Sql, account_id: int, campaign_id: int) -> Campaign | None:
    return sql.one(Campaign, f"SELECT {_COLUMNS} FROM campaigns WHERE account_id = ? AND id = ?", account_id, campaign_id)  # noqa: S608


def any_campaign(sql: Sql, campaign_id: int) -> Campaign | None:
    """A campaign of whatever account: for expansion and the timetable."""
    return sql.one(Campaign, f"SELECT {_COLUMNS} FROM campaigns WHERE id = ?", campaign_id)  # noqa: S608


def campaign_of_batch(sql: Sql, account_id: int, batch_id: int) -> Campaign | None:
    return sql.one(Campaign, f"SELECT {_COLUMNS} FROM campaigns WHERE account_id = ? AND batch_id = ?", account_id, batch_id)  # noqa: S608


def campaigns(sql: Sql, account_id: int, before: int, limit: int, status: CampaignStatus | None = None) -> list[Campaign]:
    """Newest first, those older than the id `before`."""
    where, params = ("AND status = ?", [status]) if status else ("", [])
    return sql.all(
        Campaign,
        f"SELECT {_COLUMNS} FROM campaigns WHERE account_id = ? AND id < ? {where} ORDER BY id DESC LIMIT ?",  # noqa: S608
        account_id,
        before,
        *params,
        limit,
    )


def with_progress(sql: Sql, found: list[Campaign]) -> list[CampaignRow]:
    """The campaigns, in the same order, each with its counts and the names of its session and list."""
    marks = ", ".join("?" for _ in found)
    rows = sql.all(
        _Listed,
        "SELECT g.id AS campaign_id, s.name AS session_name, l.name AS list_name, b.total, b.sent, b.delivered, b.read,"  # noqa: S608
        " b.replied, b.failed, b.cancelled FROM campaigns g LEFT JOIN batches b ON b.id = g.batch_id"
        " LEFT JOIN sessions s ON s.id = g.session_id AND s.deleted_at IS NULL LEFT JOIN lists l ON l.id = g.list_id"
        f" WHERE g.id IN ({marks})",
        *[one.id for one in found],
    )
    by_id = {row.campaign_id: row for row in rows}
    return [CampaignRow(one, _progress(one, by_id[one.id]), by_id[one.id].session_name, by_id[one.id].list_name) for one in found]


def listed(sql: Sql, account_id: int, before: int, limit: int, status: CampaignStatus | None = None) -> list[CampaignRow]:
    """As `campaigns`, with what a list shows beside each."""
    return with_progress(sql, campaigns(sql, account_id, before, limit, status))


def _progress(one: Campaign, row: _Listed) -> Progress:
    skipped = sum(one.skipped_counts.values())
    if row.total is None:
        return Progress(audience=one.audience, skipped=skipped)
    sent, failed, cancelled = row.sent or 0, row.failed or 0, row.cancelled or 0
    return Progress(
        audience=one.audience,
        accepted=row.total,
        waiting=row.total - sent - failed - cancelled,
        sent=sent,
        delivered=row.delivered or 0,
        read=row.read or 0,
        replied=row.replied or 0,
        failed=failed,
        cancelled=cancelled,
        skipped=skipped,
    )


def any_campaign_of(sql: Sql, account_id: int) -> bool:
    return sql.value("SELECT 1 FROM campaigns WHERE account_id = ? LIMIT 1", account_id) is not None


def owns_session(sql: Sql, account_id: int, session_id: int) -> bool:
    found = sql.value("SELECT 1 FROM sessions WHERE account_id = ? AND id = ? AND deleted_at IS NULL", account_id, session_id)
    return found is not None


def owns_list(sql: Sql, account_id: int, list_id: int) -> bool:
    return sql.value("SELECT 1 FROM lists WHERE account_id = ? AND id = ?", account_id, list_id) is not None


# -- drafts ------------------------------------------------------------------------------------------------------------


def insert(tx: Tx, account_id: int, content: Content) -> int:
    campaign_id = ids.new_id()
    columns = msgspec.structs.asdict(content)
    tx.run(
        f"INSERT INTO campaigns (id, account_id, status, created_at, updated_at, {', '.join(columns)})"  # noqa: S608
        f" VALUES (?, ?, 'draft', ?, ?, {', '.join('?' for _ in columns)})",
        campaign_id,
        account_id,
        tx.now,
        tx.now,
        *columns.values(),
    )
    return campaign_id


def update_draft(tx: Tx, account_id: int, campaign_id: int, content: Content) -> bool:
    """False when it is no draft any more."""
    columns = msgspec.structs.asdict(content)
    changed = tx.run(
        f"UPDATE campaigns SET {', '.join(f'{name} = ?' for name in columns)}, updated_at = ?"  # noqa: S608
        " WHERE account_id = ? AND id = ? AND status = 'draft'",
        *columns.values(),
        tx.now,
        account_id,
        campaign_id,
    )
    return changed == 1


def delete_draft(tx: Tx, account_id: int, campaign_id: int) -> bool:
    return tx.run("DELETE FROM campaigns WHERE account_id = ? AND id = ? AND status = 'draft'", account_id, campaign_id) == 1


# -- states ------------------------------------------------------------------------------------------------------------


def move(tx: Tx, campaign_id: int, old: tuple[CampaignStatus, ...], new: CampaignStatus, **columns: Any) -> bool:
    """A guarded change of status, with other columns; False when the campaign was in none of the old ones."""
    marks = ", ".join("?" for _ in old)
    sets = "".join(f", {name} = ?" for name in columns)
    changed = tx.run(
        f"UPDATE campaigns SET status = ?, updated_at = ?{sets} WHERE id = ? AND status IN ({marks})",  # noqa: S608
        new,
        tx.now,
        *columns.values(),
        campaign_id,
        *old,
    )
    return changed == 1


def timetable(sql: Sql) -> list[tuple[int, ...]]:
    """(when to start, campaign) of every scheduled campaign, soonest first."""
    return sql.rows("SELECT scheduled_at, id FROM campaigns WHERE status = 'scheduled' ORDER BY scheduled_at, id")


def unexpanded(sql: Sql) -> list[int]:
    """Launched campaigns whose recipients are not all in their batch yet. A paused one goes on filling; it sends nothing."""
    return sql.values("SELECT id FROM campaigns WHERE expanded = 0 AND status IN ('running', 'paused') ORDER BY id")


def advance(tx: Tx, row: Campaign, cursor: int, looked_at: int, skipped: str, expanded: bool) -> bool:
    """Notes how far expansion is; False when somebody else was faster."""
    changed = tx.run(
        "UPDATE campaigns SET cursor = ?, audience = audience + ?, skipped = ?, expanded = ?"
        " WHERE id = ? AND cursor = ? AND expanded = 0 AND status IN ('running', 'paused')",
        cursor,
        looked_at,
        skipped,
        int(expanded),
        row.id,
        row.cursor,
    )
    return changed == 1
