"""Migrations of `box.db`: ordered, append-only, each in one transaction. A copy is kept before an upgrade."""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog
from sqlite_utils import Database as UtilsDatabase
from sqlite_utils.migrations import Migrations

from wame_box.kernel.migrations import m0001_first
from wame_box.kernel.sql import connect

log = structlog.get_logger()

BOX = Migrations("wame_box")
for _module in (m0001_first,):
    BOX(name=_module.__name__.rpartition(".")[2])(_module.migrate)


def migrate(path: Path, key: bytes, migrations: Migrations = BOX) -> list[str]:
    """Brings the file up to date, creating it when it is missing. Returns the names of what was applied.

    Raises: WrongKey.
    """
    fresh = not path.exists()
    connection = connect(path, key)
    try:
        if fresh:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        database = UtilsDatabase(connection, execute_plugins=False)
        pending = [migration.name for migration in migrations.pending(database)]
        if pending and not fresh:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            copy = path.with_name(f"{path.name}.before-{pending[0]}")
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
            log.info("database.copied", copy=copy.name)
        migrations.apply(database)
        return pending
    finally:
        connection.close()
