"""A customer's program that receives webhooks: a plain HTTP server on the loopback, in a thread."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Call:
    """One POST as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> None:
        """Raises: WebhookVerificationError, by the public library, if the signature does not fit."""
        Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Answers 200, or `status` when that is set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.calls: queue.Queue[Call] = queue.Queue()

    def next(self, type: str) -> Call:
        """The next call about events of this type; others before it are dropped. Raises: queue.Empty after 10 s."""
        while True:
            call = self.calls.get(timeout=10)
            if call.payload["type"] == type:
                return call


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.calls.put(Call({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
