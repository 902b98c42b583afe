"""A receiver of webhooks: a real HTTP server on the loopback that keeps what came and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        """What `Happened(number=…)` carried."""
        return int(self.payload["data"]["number"])


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "thanks"


Answer = Callable[[Got], Awaitable[Reply]]


class Sink:
    """`answer` may be replaced at any time; `got` holds every request, `next` waits for one more."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Answer = self._thank
        self.url = ""
        self._arrived: asyncio.Queue[Got] = asyncio.Queue()

    async def next(self) -> Got:
        async with asyncio.timeout(10):
            return await self._arrived.get()

    async def take(self, count: int) -> list[Got]:
        return [await self.next() for _ in range(count)]

    def replies(self, *replies: Reply) -> None:
        """Answers with these in turn, then with the last one for ever."""
        waiting = list(replies)

        async def answer(_: Got) -> Reply:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        self.answer = answer

    async def _thank(self, _: Got) -> Reply:
        return Reply()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._one(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Got(first.split(" ")[1], headers, body)
        self.got.append(got)
        self._arrived.put_nowait(got)
        reply = await self.answer(got)
        out = {"content-length": str(len(reply.body.encode())), "content-type": "text/plain", **reply.headers}
        text = "".join(f"{name}: {value}\r\n" for name, value in out.items())
        writer.write(f"HTTP/1.1 {reply.status} Whatever\r\n{text}\r\n{reply.body}".encode())
        await writer.drain()


@asynccontextmanager
async def open_sink() -> AsyncIterator[Sink]:
    sink = Sink()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await sink.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield sink
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
