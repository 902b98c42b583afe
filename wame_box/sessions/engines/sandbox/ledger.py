"""The sandbox's ledger: every attempt to send, one JSON line each, appended before the server's ack and never changed.

It stands outside every database, so that tests can count what was lost and what was doubled. It holds no texts, and recipients
only as keyed hashes. An attempt that was accepted just before a kill gets its line when the world opens again.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import threading
from collections import Counter
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.errors import Refused

CHUNK = 1 << 20
ROTATE_AT = 256 << 20


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    NOT_ON_WHATSAPP = "not_on_whatsapp"


class Attempt(msgspec.Struct, frozen=True):
    """A line. `at` is milliseconds UTC, `recipient` a keyed hash of the number, `body_sha256` of the content's JSON."""

    at: int
    account: str
    session: str
    wa_id: str
    reference: str | None
    recipient: str
    body_sha256: str
    outcome: Outcome


class Counts(msgspec.Struct, frozen=True):
    attempts: int
    accepted: int
    duplicate: int
    failed: int
    not_on_whatsapp: int


_shown = lru_cache(maxsize=1024)(ids.show)


def body_hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


class Ledger:
    """Appends to `path`. Reading is for worker threads: it goes through the file."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = hmac.digest(key, b"sandbox ledger", "sha256")
        if path.exists() and path.stat().st_size > ROTATE_AT:
            path.replace(path.with_name(path.name + ".1"))
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        self._counted_to = 0
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._counting = threading.Lock()

    def close(self) -> None:
        os.close(self._file)

    def write(
        self,
        at: int,
        account_id: int,
        session_id: int,
        wa_id: str,
        reference: str | None,
        number: str,
        content: str,
        outcome: Outcome,
    ) -> None:
        """One attempt, in one write: a kill leaves whole lines."""
        attempt = Attempt(
            at,
            _shown("acc", account_id),
            _shown("ses", session_id),
            wa_id,
            reference,
            hashlib.blake2s(number.encode(), key=self._key, digest_size=8).hexdigest(),
            body_hash(content),
            outcome,
        )
        line = msgspec.json.encode(attempt) + b"\n"
        before = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):  # a full disk takes a part, and the next line would be glued to it
            os.ftruncate(self._file, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def accepted_lately(self) -> set[str]:
        """WhatsApp's ids of the attempts near the end of the file that were accepted."""
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - 2 * CHUNK))
            lines = file.read().split(b"\n")
        found = set()
        for line in lines[:-1]:
            if line.endswith(b'"accepted"}') and line.startswith(b"{"):
                found.add(msgspec.json.decode(line, type=Attempt).wa_id)
        return found

    def counts(self, account_id: int, session_id: int | None = None) -> Counts:
        """How many attempts had which outcome. Reads what was appended since it was last asked."""
        account = ids.show("acc", account_id)
        session = ids.show("ses", session_id) if session_id is not None else None
        found: Counter[str] = Counter()
        with self._counting:
            self._count_new()
            for (of_account, of_session, outcome), number in self._counts.items():
                if of_account == account and session in (None, of_session):
                    found[outcome] += number
        return Counts(found.total(), *(found[outcome] for outcome in Outcome))

    def _count_new(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._counted_to)
            while lines := file.readlines(CHUNK):
                for line in lines:
                    if not line.endswith(b"\n"):
                        return  # it is being written
                    attempt = msgspec.json.decode(line, type=Attempt)
                    self._counts[attempt.account, attempt.session, attempt.outcome] += 1
                    self._counted_to += len(line)

    def page(self, account_id: int, session_id: int | None, offset: int, limit: int) -> tuple[list[Attempt], int | None]:
        """Attempts of an account from an offset of the file on, oldest first; and the offset to go on from, None at the end.

        Raises: Refused("bad_cursor") for an offset within a line.
        """
        account = ids.show("acc", account_id)
        session = ids.show("ses", session_id) if session_id is not None else None
        found: list[Attempt] = []
        with self._path.open("rb") as file:
            file.seek(max(0, offset - 1))
            if offset and file.read(1) != b"\n":
                raise Refused("bad_cursor")
            while (line := file.readline()).endswith(b"\n"):  # the last one may be being written
                if len(found) == limit:
                    return found, offset
                attempt = msgspec.json.decode(line, type=Attempt)
                if attempt.account == account and session in (None, attempt.session):
                    found.append(attempt)
                offset += len(line)
        return found, None
