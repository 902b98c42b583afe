"""A campaign's recipients as CSV, streamed, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable

from wame_box.campaigns import people_store
from wame_box.campaigns.models import Campaign
from wame_box.campaigns.people_store import Recipient
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Database
from wame_box.kernel.paging import NEWEST

ROWS = 1_000
HEAD = (
    "contact",
    "name",
    "number",
    "message",
    "status",
    "error",
    "sent_at",
    "delivered_at",
    "read_at",
    "replied_at",
    "failed_at",
)
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


async def csv_rows(db: Database, row: Campaign, wanted: str | None = None) -> AsyncIterator[bytes]:
    """The file in pieces: a heading, then a line for each recipient. Times are RFC 3339. `wanted`: see RECIPIENT_FILTERS."""
    yield "\ufeff".encode() + _lines([HEAD])  # the mark tells spreadsheets that it is UTF-8
    before = NEWEST
    while row.batch_id:
        found = await db.read(people_store.recipients, row.account_id, row.batch_id, before, ROWS, wanted)
        if found:
            yield _lines(_cells(one) for one in found)
            before = found[-1].contact_id
        if len(found) < ROWS:
            return


def _cells(one: Recipient) -> tuple[str, ...]:
    times = (one.sent_at, one.delivered_at, one.read_at, one.replied_at, one.failed_at)
    return (
        ids.show("con", one.contact_id),
        one.contact_name or "",
        one.address,
        ids.show("msg", one.message_id),
        one.status,
        one.error or "",
        *(to_rfc3339(moment) if moment is not None else "" for moment in times),
    )


def _lines(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: names come from outside."""
    return f"'{cell}" if cell.startswith(RISKY) else cell
