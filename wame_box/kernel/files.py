"""Encrypted files outside the database: media, uploads, imports and exports.

Each file has a key of its own, which its row in `box.db` keeps: without the database it is noise. Their format is in
`sealed.py`.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from msgspec import Struct

from wame_box.kernel.errors import N_, Problem, Refused, StorageFailed, register
from wame_box.kernel.paths import sync_folder
from wame_box.kernel.sealed import EncryptedWriter, FileDamaged, open_encrypted

__all__ = ["Draft", "EncryptedWriter", "FileDamaged", "FileStore", "StoredFile", "open_encrypted"]

register({"file_too_large": Problem(413, N_("The file is too large: at most %(limit_mb)s MB are accepted."))})

KEY_BYTES = 32
READ_BYTES = 256 * 1024  # one hop to a thread for so much
MB = 1024 * 1024

NAME = re.compile(r"[0-9]{1,20}/[0-9a-f]{32}")


class StoredFile(Struct, frozen=True):
    """A file that is on disk. `name` is its place in the store, `sha256` the digest of its content, `size` its bytes."""

    name: str
    sha256: bytes
    size: int
    key: bytes


class Draft:
    """A file on its way into the store: `write` until done, then `keep`; leaving the block without `keep` discards it.

    Its methods block on the disk: for threads and child processes. Raises StorageFailed when the disk refuses.
    """

    def __init__(self, folder: Path, account_id: int, max_bytes: int) -> None:
        self._name = f"{account_id}/{secrets.token_hex(16)}"
        self._place = folder / self._name
        self._part = self._place.with_suffix(".part")
        self._key = secrets.token_bytes(KEY_BYTES)
        self._hash = hashlib.sha256()
        self._size = 0
        self._max_bytes = max_bytes
        with _disk():
            _make_folder(self._place.parent)
            self._file = self._part.open("xb")
            self._writer = EncryptedWriter(self._file, self._key)

    def write(self, data: bytes) -> None:
        """Add content. Raises Refused("file_too_large") at the first byte too many."""
        self._size += len(data)
        if self._size > self._max_bytes:
            raise Refused("file_too_large", limit=self._max_bytes, limit_mb=f"{self._max_bytes / MB:.3g}")
        self._hash.update(data)
        with _disk():
            self._writer.write(data)

    def keep(self) -> StoredFile:
        """Make the file and its name durable."""
        with _disk():
            self._writer.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self._place)
            sync_folder(self._place.parent)
        return StoredFile(self._name, self._hash.digest(), self._size, self._key)

    def discard(self) -> None:
        """Drop what was written; nothing happens to a kept file."""
        # Closing flushes: a full disk refuses that too, and it does not matter any more.
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()


class FileStore:
    """All encrypted files of the box, a folder for each account.

    Content is shared within an account: the caller keeps a row with UNIQUE(account_id, sha256), and deletes the file just
    saved when that row is there already. Names are random, so that the disk does not tell who has the same file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self, account_id: int, max_bytes: int) -> Draft:
        """Begin a file. For threads and child processes."""
        return Draft(self._folder, account_id, max_bytes)

    def save(self, account_id: int, content: Iterable[bytes], max_bytes: int) -> StoredFile:
        """Store content, durable when it returns. For threads. Raises Refused("file_too_large"), StorageFailed."""
        with self.draft(account_id, max_bytes) as draft:
            for data in content:
                draft.write(data)
            return draft.keep()

    async def receive(self, account_id: int, content: AsyncIterator[bytes], max_bytes: int) -> StoredFile:
        """As `save`, for content that arrives: the loop never waits for the disk, memory holds a few chunks."""
        draft = await asyncio.to_thread(self.draft, account_id, max_bytes)
        try:
            async for data in _gathered(content):
                await asyncio.to_thread(draft.write, data)
            return await asyncio.to_thread(draft.keep)
        finally:
            await asyncio.shield(asyncio.to_thread(draft.discard))

    def open(self, name: str, key: bytes) -> BinaryIO:
        """The content of a stored file, seekable. For threads. Raises FileDamaged."""
        return open_encrypted(self.path(name), key)

    async def stream(self, name: str, key: bytes) -> AsyncIterator[bytes]:
        """The content, in parts, for an answer. Raises FileDamaged, for a cut file before the first part."""
        file = await asyncio.to_thread(self.open, name, key)
        try:
            while data := await asyncio.to_thread(file.read, READ_BYTES):
                yield data
        finally:
            file.close()

    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already is fine."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Every stored file, for finding those whose row was never committed."""
        for path in self._folder.glob("*/*"):
            if NAME.fullmatch(name := f"{path.parent.name}/{path.name}"):
                yield name

    def older_than(self, moment: int) -> Iterator[str]:
        """Stored files last written before a moment (ms UTC)."""
        for name in self.names():
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                if self.path(name).stat().st_mtime * 1000 < moment:
                    yield name

    def remove_drafts(self) -> int:
        """At the start: drop what a crash left half written. The number of files."""
        drafts = list(self._folder.glob("*/*.part"))
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError for a name that this store never gave."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a stored file")
        return self._folder / name


async def _gathered(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Small pieces together, so that each hop to a thread is worth it."""
    gathered = bytearray()
    async for data in content:
        gathered += data
        if len(gathered) >= READ_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(error.errno in {errno.ENOSPC, errno.EDQUOT}, str(error)) from error
