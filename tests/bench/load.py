"""A load generator: a few connections, each sending its next request when the last one was answered.

Started as a process of its own; reads a job from its standard input and prints what it saw, both JSON:
`{"address", "key", "session", "connections", "seconds" | "count", "pause_ms", "first"}`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import Any, cast
from urllib.parse import urlsplit

import click
import uvloop

from tests.bench.report import percentile

NUMBERS = 9_900  # +33 6 39 98 xx xx: French numbers kept for fiction; the last hundred are the sessions' own


class Job:
    """What is sent, how long, and what came of it."""

    def __init__(self, wish: dict[str, Any]) -> None:
        target = urlsplit(wish["address"])
        self.host, self.port = target.hostname, target.port
        self._key, self._session = wish["key"], wish["session"]
        self.pause = wish.get("pause_ms", 0) / 1000
        self._numbers = itertools.count(wish.get("first", 0))
        self._left = wish.get("count", sys.maxsize)
        self._end = time.perf_counter() + wish.get("seconds", 3600)
        self._run = time.time_ns()
        self.took: list[float] = []
        self.others = 0

    def next_request(self) -> bytes | None:
        if self._left <= 0 or time.perf_counter() > self._end:
            return None
        self._left -= 1
        number = next(self._numbers)
        body = (
            f'{{"session":"{self._session}","to":"+3363998{number % NUMBERS:04}","type":"text",'
            f'"text":{{"body":"Your order {number} is ready."}},"reference":"order-{number}"}}'
        ).encode()
        head = (
            f"POST /api/v1/messages HTTP/1.1\r\nhost: {self.host}:{self.port}\r\nauthorization: Bearer {self._key}\r\n"
            f"idempotency-key: {self._run}-{number}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request. `over` is done when nothing is left to send."""

    def __init__(self, job: Job, over: asyncio.Future[None]) -> None:
        self._job = job
        self._over = over
        self._answer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        request = self._job.next_request()
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._job.took.append((time.perf_counter() - self._began) * 1000)
        self._job.others += not self._answer.startswith(b"HTTP/1.1 202")
        self._answer = b""
        if self._job.pause:
            asyncio.get_running_loop().call_later(self._job.pause, self._send)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._over.done():
            self._over.set_result(None)


async def run(wish: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    job = Job(wish)
    began = time.perf_counter()
    ends = [loop.create_future() for _ in range(wish["connections"])]
    for end in ends:
        await loop.create_connection(lambda end=end: Connection(job, end), job.host, job.port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    took = job.took
    seconds = time.perf_counter() - began
    return {
        "answers": len(took),
        "seconds": seconds,
        "p50": percentile(took, 0.5),
        "p99": percentile(took, 0.99),
        "others": job.others,
    }


if __name__ == "__main__":
    click.echo(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
