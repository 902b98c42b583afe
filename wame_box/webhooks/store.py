"""The only SQL of the webhooks slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.webhooks.models import Attempt, Delivery, DeliveryStatus, DisabledReason, Endpoint, EndpointStatus, StoredEvent

ENDPOINT_COLUMNS = (
    "id, account_id, url, name, secret, types, status, reason, failing_since, last_at, last_code, last_error, created_at"
)
DELIVERY_COLUMNS = (
    "d.id, d.account_id, d.endpoint_id, d.event_id, d.lane, d.status, d.attempts, d.next_at, d.status_code, d.error,"
    " d.replay_of, d.created_at, d.finished_at, coalesce(e.type, '') AS type"
)
EVENT_COLUMNS = "id, account_id, session_id, type, sequence, data, created_at"


class Due(msgspec.Struct, frozen=True):
    """A pending delivery with the event it carries."""

    id: int
    lane: str
    attempts: int
    event_id: int
    account_id: int
    session_id: int | None
    type: str
    sequence: int
    data: str
    event_at: int

    @property
    def event(self) -> StoredEvent:
        return StoredEvent(self.event_id, self.account_id, self.session_id, self.type, self.sequence, self.data, self.event_at)


@dataclass(frozen=True)
class Work:
    """What an endpoint has to do now: itself (None: deleted), due deliveries, and when the first of the others is due."""

    endpoint: Endpoint | None
    due: list[Due]
    next_at: int | None


# -- endpoints ---------------------------------------------------------------------------------------------------------


def insert_endpoint(tx: Tx, account_id: int, url: str, name: str, secret: str, types: list[str]) -> Endpoint:
    encoded = msgspec.json.encode(types).decode()
    endpoint_id = ids.new_id()
    tx.run(
        "INSERT INTO endpoints (id, account_id, url, name, secret, types, status, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        endpoint_id,
        account_id,
        url,
        name,
        secret,
        encoded,
        EndpointStatus.ENABLED,
        tx.now,
    )
    return Endpoint(
        endpoint_id, account_id, url, name, secret, encoded, EndpointStatus.ENABLED, None, None, None, None, None, tx.now
    )


def endpoint(sql: Sql, account_id: int, endpoint_id: int) -> Endpoint | None:
    return sql.one(
        Endpoint,
        f"SELECT {ENDPOINT_COLUMNS} FROM endpoints WHERE id = ? AND account_id = ? AND deleted_at IS NULL",  # noqa: S608
        endpoint_id,
        account_id,
    )


def any_endpoint(sql: Sql, endpoint_id: int) -> Endpoint | None:
    """Of whichever account: for the deliverer, which serves all."""
    return sql.one(
        Endpoint,
        f"SELECT {ENDPOINT_COLUMNS} FROM endpoints WHERE id = ? AND deleted_at IS NULL",  # noqa: S608
        endpoint_id,
    )


def endpoints(sql: Sql, account_id: int, before: int, limit: int) -> list[Endpoint]:
    """Newest first, those made before the id `before`."""
    return sql.all(
        Endpoint,
        f"SELECT {ENDPOINT_COLUMNS} FROM endpoints"  # noqa: S608
        " WHERE account_id = ? AND id < ? AND deleted_at IS NULL ORDER BY id DESC LIMIT ?",
        account_id,
        before,
        limit,
    )


def endpoint_count(sql: Sql, account_id: int) -> int:
    return int(sql.value("SELECT count(*) FROM endpoints WHERE account_id = ? AND deleted_at IS NULL", account_id))


def update_endpoint(tx: Tx, row: Endpoint) -> None:
    """Stores what a member may change: URL, name, types, status with its reason."""
    tx.run(
        "UPDATE endpoints SET url = ?, name = ?, types = ?, status = ?, reason = ?, failing_since = ?"
        " WHERE id = ? AND account_id = ?",
        row.url,
        row.name,
        row.types,
        row.status,
        row.reason,
        row.failing_since,
        row.id,
        row.account_id,
    )


def note_result(tx: Tx, row: Endpoint) -> None:
    """Stores how the latest attempt went."""
    tx.run(
        "UPDATE endpoints SET failing_since = ?, last_at = ?, last_code = ?, last_error = ? WHERE id = ?",
        row.failing_since,
        row.last_at,
        row.last_code,
        row.last_error,
        row.id,
    )


def disable_endpoint(tx: Tx, endpoint_id: int, reason: DisabledReason) -> bool:
    """False when it was disabled before."""
    return bool(
        tx.run(
            "UPDATE endpoints SET status = ?, reason = ? WHERE id = ? AND status = ? AND deleted_at IS NULL",
            EndpointStatus.DISABLED,
            reason,
            endpoint_id,
            EndpointStatus.ENABLED,
        )
    )


def delete_endpoint(tx: Tx, account_id: int, endpoint_id: int) -> bool:
    """Hides it; its deliveries stay readable. False when there is no such endpoint."""
    return bool(
        tx.run(
            "UPDATE endpoints SET deleted_at = ? WHERE id = ? AND account_id = ? AND deleted_at IS NULL",
            tx.now,
            endpoint_id,
            account_id,
        )
    )


# -- the queue ---------------------------------------------------------------------------------------------------------


def subscribers(sql: Sql, account_id: int) -> list[tuple[int, str]]:
    """(id, types) of each endpoint that gets events."""
    return sql.rows(
        "SELECT id, types FROM endpoints WHERE account_id = ? AND status = 'enabled' AND deleted_at IS NULL", account_id
    )


def insert_deliveries(tx: Tx, account_id: int, event_id: int, lane: str, endpoint_ids: Iterable[int]) -> None:
    tx.many(
        "INSERT INTO deliveries (id, account_id, endpoint_id, event_id, lane, status, next_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)",
        [(ids.new_id(), account_id, endpoint_id, event_id, lane, tx.now, tx.now) for endpoint_id in endpoint_ids],
    )


def insert_delivery(
    tx: Tx, account_id: int, endpoint_id: int, event_id: int, lane: str, next_at: int, replay_of: int | None = None
) -> int:
    delivery_id = ids.new_id()
    tx.run(
        "INSERT INTO deliveries (id, account_id, endpoint_id, event_id, lane, status, next_at, replay_of, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
        delivery_id,
        account_id,
        endpoint_id,
        event_id,
        lane,
        next_at,
        replay_of,
        tx.now,
    )
    return delivery_id


DUE = (
    "SELECT d.id, d.lane, d.attempts, d.event_id, d.account_id, e.session_id, e.type, e.sequence,"
    " e.data, e.created_at AS event_at FROM deliveries d JOIN events e ON e.id = d.event_id"
)


def work(sql: Sql, endpoint_id: int, now: int, known: Sequence[int], limit: int) -> Work:
    """The endpoint, and at most `limit` due deliveries besides those the caller knows, the longest waiting first."""
    found = any_endpoint(sql, endpoint_id)
    if found is None or found.status is EndpointStatus.DISABLED:
        return Work(found, [], None)
    due = sql.all(
        Due,
        f"{DUE} WHERE d.endpoint_id = ? AND d.status = 'pending' AND d.next_at <= ?"  # noqa: S608
        " AND d.id NOT IN (SELECT value FROM json_each(?)) ORDER BY d.next_at, d.id LIMIT ?",
        endpoint_id,
        now,
        msgspec.json.encode(known).decode(),
        limit,
    )
    next_at = sql.value(
        "SELECT next_at FROM deliveries WHERE endpoint_id = ? AND status = 'pending' AND next_at > ? ORDER BY next_at LIMIT 1",
        endpoint_id,
        now,
    )
    return Work(found, due, next_at)


def due_with_endpoint(sql: Sql, delivery_id: int) -> tuple[Due | None, Endpoint | None]:
    """A pending delivery, whenever it is due, and where it goes."""
    due = sql.one(Due, f"{DUE} WHERE d.id = ? AND d.status = 'pending'", delivery_id)
    endpoint_id = sql.value("SELECT endpoint_id FROM deliveries WHERE id = ?", delivery_id)
    return due, any_endpoint(sql, endpoint_id) if due else None


def endpoints_with_work(sql: Sql) -> list[int]:
    """Endpoints with pending deliveries, deleted ones too: theirs are dropped."""
    return sql.values(
        "SELECT id FROM endpoints e WHERE (status = 'enabled' OR deleted_at IS NOT NULL)"
        " AND EXISTS (SELECT 1 FROM deliveries WHERE endpoint_id = e.id AND status = 'pending')"
    )


def pending(sql: Sql, endpoint_id: int) -> int:
    """How many deliveries of an endpoint wait for an attempt."""
    return int(sql.value("SELECT count(*) FROM deliveries WHERE endpoint_id = ? AND status = 'pending'", endpoint_id))


def drop_oldest(tx: Tx, endpoint_id: int, count: int) -> int:
    """Gives up the oldest pending deliveries of an endpoint. Returns how many."""
    return tx.run(
        "UPDATE deliveries SET status = 'dropped', finished_at = ? WHERE id IN"
        " (SELECT id FROM deliveries WHERE endpoint_id = ? AND status = 'pending' ORDER BY id LIMIT ?)",
        tx.now,
        endpoint_id,
        count,
    )


# -- outcomes ----------------------------------------------------------------------------------------------------------


def insert_attempts(tx: Tx, rows: Iterable[tuple[int, int | None, str | None, str, int, int]]) -> None:
    """Rows of (delivery, status code, error, answer, milliseconds, time)."""
    tx.many(
        "INSERT INTO delivery_attempts (id, delivery_id, status_code, error, answer, milliseconds, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(ids.new_id(), *row) for row in rows],
    )


def finish_deliveries(tx: Tx, rows: Iterable[tuple[DeliveryStatus, int, int | None, str | None, int | None, int]]) -> None:
    """Rows of (status, next_at, status code, error, finished_at, delivery). A success overrides a drop, a failure does not."""
    tx.many(
        "UPDATE deliveries SET status = ?1, attempts = attempts + 1, next_at = ?2, status_code = ?3, error = ?4, finished_at = ?5"
        " WHERE id = ?6 AND (status = 'pending' OR (?1 = 'delivered' AND status = 'dropped'))",
        rows,
    )


def make_due(tx: Tx, delivery_id: int) -> None:
    """Brings a pending delivery's next attempt forward to now."""
    tx.run("UPDATE deliveries SET next_at = ? WHERE id = ? AND status = 'pending'", tx.now, delivery_id)


# -- reading -----------------------------------------------------------------------------------------------------------


def deliveries(
    sql: Sql, account_id: int, endpoint_id: int, status: DeliveryStatus | None, before: int, limit: int
) -> list[Delivery]:
    """Newest first, those made before the id `before`; of one status, or of all."""
    # The index has the status before the id: each status is read in order, then the few rows are merged.
    statuses = [status] if status else list(DeliveryStatus)
    branch = "SELECT * FROM (SELECT * FROM deliveries WHERE endpoint_id = ? AND status = ? AND id < ? ORDER BY id DESC LIMIT ?)"
    params = [value for one in statuses for value in (endpoint_id, one.value, before, limit)]
    return sql.all(
        Delivery,
        f"SELECT {DELIVERY_COLUMNS} FROM ({' UNION ALL '.join([branch] * len(statuses))}) d"  # noqa: S608
        " LEFT JOIN events e ON e.id = d.event_id WHERE d.account_id = ? ORDER BY d.id DESC LIMIT ?",
        *params,
        account_id,
        limit,
    )


def delivery(sql: Sql, account_id: int, delivery_id: int) -> Delivery | None:
    return sql.one(
        Delivery,
        f"SELECT {DELIVERY_COLUMNS} FROM deliveries d LEFT JOIN events e ON e.id = d.event_id"  # noqa: S608
        " WHERE d.id = ? AND d.account_id = ?",
        delivery_id,
        account_id,
    )


def attempts(sql: Sql, delivery_id: int) -> list[Attempt]:
    """Oldest first."""
    return sql.all(Attempt, "SELECT * FROM delivery_attempts WHERE delivery_id = ? ORDER BY id", delivery_id)


def events(sql: Sql, account_id: int, event_type: str | None, before: int, limit: int) -> list[StoredEvent]:
    """Newest first, those made before the id `before`; of one type, or of all."""
    only, params = ("AND type = ? ", (event_type,)) if event_type else ("", ())
    return sql.all(
        StoredEvent,
        f"SELECT {EVENT_COLUMNS} FROM events WHERE account_id = ? {only}AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        account_id,
        *params,
        before,
        limit,
    )


def event(sql: Sql, account_id: int, event_id: int) -> StoredEvent | None:
    return sql.one(
        StoredEvent,
        f"SELECT {EVENT_COLUMNS} FROM events WHERE id = ? AND account_id = ?",  # noqa: S608
        event_id,
        account_id,
    )
