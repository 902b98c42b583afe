"""The only SQL of imports: uploaded files, their states and leases, the lines that became no contact."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wame_box.contacts.import_models import Failed, Import, ImportLine, ImportStatus, Options, Outcome
from wame_box.contacts.parse import Inspection
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.files import StoredFile
from wame_box.kernel.paging import Window

KIND = "contacts.import"
LEASE = 60_000

COLUMNS = (
    "id, account_id, file_id, file_name, status, inspection AS inspection_json, options AS options_json, next_line, total, rows,"
    " imported, updated, duplicates, refused, error, created_by, created_at, started_at, finished_at"
)


class FileRow(msgspec.Struct, frozen=True):
    """Where an uploaded file lies, and its key."""

    id: int
    path: str
    key: bytes


class Lease(msgspec.Struct, frozen=True):
    """The right to work on an import; it ends when somebody else gets a later one."""

    job_id: int
    import_id: int
    attempts: int


# -- files -------------------------------------------------------------------------------------------------------------


def keep_file(tx: Tx, account_id: int, stored: StoredFile, name: str) -> tuple[int, bool]:
    """(id, whether the account had the same content before): then the file just stored is not needed."""
    known: int | None = tx.value("SELECT id FROM files WHERE account_id = ? AND sha256 = ?", account_id, stored.sha256)
    if known is not None:
        return known, True
    file_id = ids.new_id()
    tx.run(
        "INSERT INTO files (id, account_id, sha256, name, mime, size, path, key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        file_id,
        account_id,
        stored.sha256,
        name,
        "text/csv",
        stored.size,
        stored.name,
        stored.key,
        tx.now,
    )
    return file_id, False


def file(sql: Sql, account_id: int, file_id: int) -> FileRow | None:
    return sql.one(FileRow, "SELECT id, path, key FROM files WHERE account_id = ? AND id = ?", account_id, file_id)


# -- imports -----------------------------------------------------------------------------------------------------------


def insert(tx: Tx, account_id: int, file_id: int, file_name: str, inspection: Inspection, created_by: int | None) -> Import:
    import_id = ids.new_id()
    tx.run(
        "INSERT INTO imports (id, account_id, file_id, file_name, status, inspection, total, created_by, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        import_id,
        account_id,
        file_id,
        file_name,
        ImportStatus.UPLOADED,
        msgspec.json.encode(inspection).decode(),
        inspection.rows,
        created_by,
        tx.now,
    )
    return by_id(tx, import_id)


def by_id(sql: Sql, import_id: int) -> Import:
    """For jobs, which hold an id of ours. Raises: LookupError."""
    found = sql.one(Import, f"SELECT {COLUMNS} FROM imports WHERE id = ?", import_id)  # noqa: S608
    if found is None:
        raise LookupError(f"import {import_id}")
    return found


def find(sql: Sql, account_id: int, import_id: int) -> Import | None:
    return sql.one(Import, f"SELECT {COLUMNS} FROM imports WHERE account_id = ? AND id = ?", account_id, import_id)  # noqa: S608


def imports(sql: Sql, account_id: int, window: Window) -> list[Import]:
    """Newest first, one more than the window's limit if there are."""
    return sql.all(
        Import,
        f"SELECT {COLUMNS} FROM imports WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        account_id,
        window.before,
        window.limit + 1,
    )


def start(tx: Tx, row: Import, options: Options) -> bool:
    """False when it was started or cancelled before."""
    started = tx.run(
        "UPDATE imports SET status = ?, options = ?, started_at = ? WHERE id = ? AND status = ?",
        ImportStatus.RUNNING,
        msgspec.json.encode(options).decode(),
        tx.now,
        row.id,
        ImportStatus.UPLOADED,
    )
    if started:
        tx.run(
            "INSERT INTO jobs (id, account_id, kind, target_id, status, created_at) VALUES (?, ?, ?, ?, 'queued', ?)",
            ids.new_id(),
            row.account_id,
            KIND,
            row.id,
            tx.now,
        )
    return started == 1


def end(tx: Tx, import_id: int, was: ImportStatus, status: ImportStatus, failed: Failed | None = None) -> bool:
    """To a final status; False when it has another than `was` by now. Its job is over too."""
    ended = tx.run(
        "UPDATE imports SET status = ?, error = ?, finished_at = ? WHERE id = ? AND status = ?",
        status,
        msgspec.json.encode(failed).decode() if failed else None,
        tx.now,
        import_id,
        was,
    )
    if ended:
        tx.run(
            "UPDATE jobs SET status = ?, lease_until = NULL, error = ?, finished_at = ?"
            " WHERE status IN ('queued', 'running') AND kind = ? AND target_id = ?",
            "failed" if failed else "done",
            failed.code if failed else None,
            tx.now,
            KIND,
            import_id,
        )
    return ended == 1


def add_progress(tx: Tx, import_id: int, next_line: int, *, imported: int, updated: int, duplicates: int, refused: int) -> None:
    tx.run(
        "UPDATE imports SET next_line = ?, rows = rows + ?, imported = imported + ?, updated = updated + ?,"
        " duplicates = duplicates + ?, refused = refused + ? WHERE id = ?",
        next_line,
        imported + duplicates + refused,
        imported,
        updated,
        duplicates,
        refused,
        import_id,
    )


# -- leases ------------------------------------------------------------------------------------------------------------


def claim(tx: Tx, import_id: int) -> Lease | None:
    """The right to work on the import, unless somebody has it."""
    return tx.one(
        Lease,
        "UPDATE jobs SET status = 'running', lease_until = ?, attempts = attempts + 1 WHERE kind = ? AND target_id = ?"
        " AND (status = 'queued' OR (status = 'running' AND lease_until <= ?))"
        " RETURNING id AS job_id, target_id AS import_id, attempts",
        tx.now + LEASE,
        KIND,
        import_id,
        tx.now,
    )


def hold(tx: Tx, lease: Lease) -> bool:
    """Prolongs the lease; False when it is lost."""
    held = tx.run(
        "UPDATE jobs SET lease_until = ? WHERE id = ? AND attempts = ? AND status = 'running'",
        tx.now + LEASE,
        lease.job_id,
        lease.attempts,
    )
    return held == 1


def release(tx: Tx, lease: Lease) -> None:
    """Somebody may try again at once."""
    tx.run("UPDATE jobs SET lease_until = ? WHERE id = ? AND attempts = ?", tx.now, lease.job_id, lease.attempts)


def expire_all(tx: Tx) -> None:
    """At the start of the box nobody works on anything."""
    tx.run("UPDATE jobs SET lease_until = ? WHERE kind = ? AND status = 'running'", tx.now, KIND)


def claimable(sql: Sql, now: int) -> list[int]:
    """Imports that wait for somebody to work on them."""
    return sql.values(
        "SELECT target_id FROM jobs WHERE kind = ? AND status IN ('queued', 'running')"
        " AND (status = 'queued' OR lease_until <= ?) ORDER BY id",
        KIND,
        now,
    )


# -- lines ------------------------------------------------------------------------------------------------------------


def insert_lines(tx: Tx, import_id: int, lines: Iterable[tuple[Outcome, int, str, int | None, str]]) -> None:
    """(outcome, line, reason, first line, raw cells as JSON) each."""
    tx.many("INSERT INTO import_lines VALUES (?, ?, ?, ?, ?, ?)", [(import_id, *line) for line in lines])


def lines(sql: Sql, import_id: int, outcome: Outcome, after: int, limit: int) -> list[ImportLine]:
    """In the file's order, those after the line `after`. The import must be checked to be the caller's."""
    return sql.all(
        ImportLine,
        "SELECT line, outcome, reason, first_line, raw AS raw_json FROM import_lines"
        " WHERE import_id = ? AND outcome = ? AND line > ? ORDER BY line LIMIT ?",
        import_id,
        outcome,
        after,
        limit,
    )
