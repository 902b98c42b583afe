"""The one place that knows which SQLite this is: connections, rows as structs, and the database's own errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlcipher3
from sqlcipher3 import dbapi2

T = TypeVar("T")

DatabaseError = sqlcipher3.Error
IntegrityError = sqlcipher3.IntegrityError
OperationalError = sqlcipher3.OperationalError
SQLITE_VERSION: str = dbapi2.sqlite_version


class WrongKey(Exception):
    """The file opens with another key, or is no database at all."""


def connect(path: Path, key: bytes, *, read_only: bool = False) -> Any:
    """An open connection in autocommit mode, its key given raw (32 bytes).

    Raises: WrongKey when the file can't be read with this key.
    """
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlcipher3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        connection.execute("PRAGMA cipher_log_level=NONE")  # it would write to stderr on its own
        connection.execute(f"PRAGMA key=\"x'{key.hex()}'\"")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except DatabaseError as error:
        connection.close()
        if "not a database" in str(error) or "encrypted" in str(error):
            raise WrongKey(str(path)) from error
        raise
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-4000")
    else:
        connection.execute("PRAGMA cache_size=-32000")
    return connection


class Sql:
    """Plain synchronous SQL on one connection. Rows come back as structs, filled by column name."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def all(self, shape: type[T], query: str, *params: Any) -> list[T]:
        """Every row as a `shape` (msgspec Struct or dataclass)."""
        cursor = self._connection.execute(query, params)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return msgspec.convert(rows, list[shape], strict=False)  # type: ignore[valid-type]

    def one(self, shape: type[T], query: str, *params: Any) -> T | None:
        """The first row as a `shape`, or None."""
        cursor = self._connection.execute(query, params)
        row = cursor.fetchone()
        if row is None:
            return None
        names = [column[0] for column in cursor.description]
        return msgspec.convert(dict(zip(names, row, strict=True)), shape, strict=False)

    def value(self, query: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._connection.execute(query, params).fetchone()
        return None if row is None else row[0]

    def values(self, query: str, *params: Any) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self._connection.execute(query, params)]

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Every row as a tuple, for counts and other shapes that have no name."""
        return self._connection.execute(query, params).fetchall()  # type: ignore[no-any-return]


class WritableSql(Sql):
    """Sql that may also change rows."""

    def run(self, query: str, *params: Any) -> int:
        """Executes one statement; returns how many rows it changed."""
        return self._connection.execute(query, params).rowcount  # type: ignore[no-any-return]

    def many(self, query: str, rows: Iterable[Sequence[Any]]) -> int:
        """Executes one statement for each row; returns how many rows changed."""
        return self._connection.executemany(query, rows).rowcount  # type: ignore[no-any-return]
