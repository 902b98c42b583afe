"""A receiver of webhooks, as a customer would write one: a real HTTP server that checks each signature."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter

import msgspec

from wame_box.kernel.signing import sign

TOLERANCE_SECONDS = 300
MAX_BODY = 1 << 20


class _Envelope(msgspec.Struct, frozen=True):
    id: str
    type: str


class Sink:
    """Counts the events that arrived with a valid signature, each once; `forged` those without one."""

    def __init__(self) -> None:
        self.secret = ""
        self.url = ""
        self.types: Counter[str] = Counter()
        self.copies = 0
        self.forged = 0
        self._seen: set[str] = set()
        self._server: asyncio.Server | None = None

    @property
    def events(self) -> int:
        return len(self._seen)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/webhooks"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. False when the connection is at its end."""
        head = await reader.readuntil(b"\r\n\r\n")
        headers = _headers(head)
        size = int(headers.get("content-length", "0"))
        if size > MAX_BODY:
            return False
        body = await reader.readexactly(size)
        status = b"204 No Content" if self._take(headers, body) else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        return True

    def _take(self, headers: dict[str, str], body: bytes) -> bool:
        identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
        fresh = moment.isdigit() and abs(time.time() - int(moment)) < TOLERANCE_SECONDS
        wanted = sign(self.secret, identity, int(moment), body) if fresh and self.secret else ""
        given = headers.get("webhook-signature", "").split()
        if not wanted or not any(hmac.compare_digest(wanted, one) for one in given):
            self.forged += 1
            return False
        if identity in self._seen:
            self.copies += 1
            return True
        self._seen.add(identity)
        self.types[msgspec.json.decode(body, type=_Envelope).type] += 1
        return True


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
