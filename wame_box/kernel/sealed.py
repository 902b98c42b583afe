"""The format of encrypted files: bytes in, sealed bytes out, and back from any place.

A file is a header (magic, version, 7 random bytes) and chunks of 64 KiB, each sealed with AES-256-GCM under the nonce
*random bytes, chunk number, whether it is the last*, the STREAM construction: a chunk that was changed, moved, dropped or
cut off does not open.
"""

import io
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"WMBF\x01"
PREFIX_BYTES = 7
HEADER_BYTES = len(MAGIC) + PREFIX_BYTES
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_BYTES = CHUNK_BYTES + TAG_BYTES


class FileDamaged(Exception):
    """A file is not what was written: cut, changed, of another key, or not there. The text names the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class EncryptedWriter:
    """Seals what is written into `target`. The file is valid only after `finish`."""

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        self._target = target
        self._cipher = AESGCM(key)
        self._header = MAGIC + secrets.token_bytes(PREFIX_BYTES)
        self._pending = bytearray()
        self._count = 0
        target.write(self._header)

    def write(self, data: bytes) -> None:
        """Add content. A full chunk waits for its successor: only then is it known not to be the last."""
        self._pending += data
        while len(self._pending) > CHUNK_BYTES:
            self._seal(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]

    def finish(self) -> None:
        """Seal the last chunk. Nothing may be written after."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, last: bool) -> None:
        nonce = _nonce(self._header, self._count, last)
        self._target.write(self._cipher.encrypt(nonce, chunk, self._header))
        self._count += 1


class _EncryptedReader(io.RawIOBase):
    """The content of a sealed file, chunk by chunk, readable from any place."""

    def __init__(self, path: Path, key: bytes) -> None:
        super().__init__()
        self._path = path
        self._cipher = AESGCM(key)
        try:
            self._file = path.open("rb")
        except FileNotFoundError as error:
            raise FileDamaged(path, "is missing") from error
        try:
            self._measure()
        except BaseException:
            self._file.close()
            raise

    def _measure(self) -> None:
        sealed = os.fstat(self._file.fileno()).st_size - HEADER_BYTES
        self._header = self._file.read(HEADER_BYTES)
        if not self._header.startswith(MAGIC) or sealed < TAG_BYTES:
            raise FileDamaged(self._path, "has no valid header")
        self._chunks = -(-sealed // SEALED_BYTES)
        self._size = sealed - self._chunks * TAG_BYTES
        self._position = 0
        self._loaded = -1
        self._chunk = b""
        # Opening the last chunk now tells a cut file before anybody has used its beginning.
        self._load(self._chunks - 1)

    def _load(self, number: int) -> None:
        if number == self._loaded:
            return
        self._file.seek(HEADER_BYTES + number * SEALED_BYTES)
        sealed = self._file.read(SEALED_BYTES)
        nonce = _nonce(self._header, number, last=number == self._chunks - 1)
        try:
            self._chunk = self._cipher.decrypt(nonce, sealed, self._header)
        except InvalidTag as error:
            raise FileDamaged(self._path, f"chunk {number + 1} of {self._chunks} does not open") from error
        self._loaded = number

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK_BYTES)
        self._load(number)
        part = self._chunk[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("seek before the beginning")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        # Also runs when __init__ failed before there was a file.
        if file := getattr(self, "_file", None):
            file.close()
        super().close()


def open_encrypted(path: Path, key: bytes) -> BinaryIO:
    """The content of a sealed file: readable, seekable. Raises FileDamaged, here or while reading."""
    return io.BufferedReader(_EncryptedReader(path, key), CHUNK_BYTES)


def _nonce(header: bytes, number: int, last: bool) -> bytes:
    return header[len(MAGIC) :] + number.to_bytes(4, "big") + bytes([last])
