"""A receiver of webhooks that only counts: POST takes an event, GET tells how many came and how long each was on its way.

`{"events", "p50", "p99"}`: milliseconds from the event's `created_at` to its arrival here, on the same machine's clock.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from typing import cast

import click
import uvloop

from tests.bench.report import percentile


class Receiver(asyncio.Protocol):
    delays: list[float]  # shared by all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        self._request += data
        head, found, body = self._request.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        self._request = b""
        answer = self._summary() if head.startswith(b"GET") else self._take(body)
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)

    def _take(self, body: bytes) -> bytes:
        created = datetime.fromisoformat(json.loads(body)["created_at"]).timestamp()
        self.delays.append((time.time() - created) * 1000)
        return b"ok"

    def _summary(self) -> bytes:
        delays = self.delays or [0.0]
        found = {"events": len(self.delays), "p50": percentile(delays, 0.5), "p99": percentile(delays, 0.99)}
        return json.dumps(found).encode()


async def main() -> None:
    Receiver.delays = []
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    click.echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
