"""Forms with a file: `multipart/form-data` read as it comes, the file straight into the encrypted store.

Nothing of it touches the disk unencrypted, and memory holds a few chunks only. Handlers that use it take no `data` and set
`request_max_body_size=None`: the limit is the one given here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from litestar import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from wame_box.kernel.errors import Refused
from wame_box.kernel.files import MB, FileStore, StoredFile

FIELD_BYTES = 64 * 1024
PARTS = 100
NAME_LIMIT = 200


@dataclass(frozen=True)
class Upload:
    """What came: the text fields, trimmed, and the file (None when none was chosen) with the name that its sender gave it."""

    fields: dict[str, str]
    file: StoredFile | None
    file_name: str


async def receive_form(request: Request[Any, Any, Any], files: FileStore, account_id: int, max_bytes: int) -> Upload:
    """Reads the whole form. The file is on disk when this returns, and the caller's to keep in a row or to delete.

    Raises: Refused("file_too_large"), Refused("malformed"), StorageFailed.
    """
    if int(request.headers.get("content-length") or 0) > max_bytes + PARTS * FIELD_BYTES:
        raise Refused("file_too_large", limit=max_bytes, limit_mb=f"{max_bytes / MB:.3g}")
    fields: dict[str, str] = {}
    stored: StoredFile | None = None
    name = ""
    events = _events(request)
    try:
        async for segment in events:
            if not isinstance(segment, MultipartSegment):
                continue
            if segment.filename and stored is None:
                name = _plain_name(segment.filename)
                stored = await files.receive(account_id, _content(events), max_bytes)
            elif not segment.filename:
                fields[segment.name] = await _text(events)
    except BaseException as error:
        if stored is not None:
            await asyncio.shield(asyncio.to_thread(files.delete, stored.name))
        if isinstance(error, MultipartError):
            raise Refused("malformed", reason=str(error)[:200]) from None
        raise
    return Upload(fields, stored, name)


async def _events(request: Request[Any, Any, Any]) -> AsyncIterator[MultipartSegment | bytes | bytearray | None]:
    """Each part: its head, its content in pieces, None."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Refused("malformed", reason="expected multipart/form-data")
    with PushMultipartParser(options["boundary"], max_segment_count=PARTS) as parser:
        async for chunk in request.stream():
            for event in parser.parse(chunk):
                yield event
            if parser.closed:
                break


async def _content(events: AsyncIterator[MultipartSegment | bytes | bytearray | None]) -> AsyncIterator[bytes]:
    async for piece in events:
        if not isinstance(piece, bytes | bytearray):
            return
        yield bytes(piece)


async def _text(events: AsyncIterator[MultipartSegment | bytes | bytearray | None]) -> str:
    content = bytearray()
    async for piece in _content(events):
        content += piece
        if len(content) > FIELD_BYTES:
            raise Refused("body_too_large")
    return content.decode(errors="replace").strip()


def _plain_name(name: str) -> str:
    """The last part of a file's name, printable and of a bearable length."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:NAME_LIMIT] or "file"
