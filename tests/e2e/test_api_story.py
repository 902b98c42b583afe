"""The gateway as a program meets it: link by the QR stream, send, receive, signed webhooks; and the demo's own count."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.e2e.process import PASSWORD, BoxProcess, client, link_session, wait_for

CUSTOMER = "+33639980011"


class Receiver:
    """A customer's server: verifies with the library that the standard's authors publish."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.events.append(Webhook(receiver.secret).verify(body, dict(self.headers.items())))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def types(self) -> Counter[str]:
        return Counter(event["type"] for event in self.events)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[BoxProcess]:
    box = BoxProcess(tmp_path / "data")
    yield box
    box.stop()


def test_link_send_receive_and_signed_webhooks(box: BoxProcess, receiver: Receiver) -> None:
    key = box.create_account()
    box.start()
    with client(box.address, key) as http:
        endpoint = http.post("/api/v1/endpoints", json={"url": receiver.url, "name": "Shop"}).raise_for_status().json()
        receiver.secret = endpoint["secret"]
        session = link_session(http, knobs={"read_rate": 1, "reply_rate": 0, "failure_rate": 0, "read_ms": [50, 100]})
        body = {"session": session, "to": CUSTOMER, "type": "text", "text": {"body": "Good morning"}, "reference": "order-1"}
        answer = http.post("/api/v1/messages", json=body)
        assert answer.status_code == 202
        assert answer.json() | {"id": ""} == {"id": "", "status": "queued", "session": session, "to": CUSTOMER}
        message = answer.json()["id"]
        wait_for(lambda: http.get(f"/api/v1/messages/{message}").json()["status"] == "read", what="read")
        reply = {"session": session, "from": CUSTOMER, "text": "Thank you"}
        http.post("/api/v1/sandbox/messages", json=reply).raise_for_status()
        wanted = {"session.status", "message.sent", "message.delivered", "message.read", "message.received"}
        wait_for(lambda: wanted <= set(receiver.types()), what=f"webhooks, got {receiver.types()}")

    of_message = [event for event in receiver.events if event["data"].get("id") == message]
    assert [event["type"] for event in of_message] == ["message.sent", "message.delivered", "message.read"]
    assert all(event["data"]["reference"] == "order-1" and event["session"] == session for event in of_message)
    received = next(event for event in receiver.events if event["type"] == "message.received")
    assert received["data"]["text"] == {"body": "Thank you"}
    assert received["data"]["address"] == CUSTOMER
    sequences = [event["sequence"] for event in of_message]
    assert sequences == sorted(sequences)
    statuses = [event["data"]["status"] for event in receiver.events if event["type"] == "session.status"]
    assert statuses[-1] == "connected"
    assert all(set(event) == {"id", "type", "created_at", "account", "session", "sequence", "data"} for event in receiver.events)


def read_stream(http: httpx.Client, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event, data) of a server-sent stream, until the server ends it."""
    with http.stream("GET", path, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                yield event, json.loads(line[6:])


@pytest.mark.parametrize("way", ["key", "browser"])
def test_the_qr_stream_shows_the_code_and_ends_when_linked(box: BoxProcess, way: str) -> None:
    key = box.create_account()
    box.start()
    with client(box.address, key) as http:
        session = http.post("/api/v1/sessions", json={"name": "Shop"}).json()["id"]
        http.post("/api/v1/sandbox/phones", json={"number": "+33639980100", "name": "Alice"}).raise_for_status()
        reader = http if way == "key" else sign_in(box.address)
        seen: list[str] = []
        for event, data in read_stream(reader, f"/api/v1/sessions/{session}/qr/stream"):
            seen.append(data.get("status", event))
            if event == "qr":
                scanned = http.post("/api/v1/sandbox/phones/+33639980100/scan", json={"qr": data["qr"]})
                assert scanned.status_code < 300, scanned.text
        assert "qr" in seen
        assert seen[-1] == "connected"
        reader.close()


def sign_in(address: str) -> httpx.Client:
    """A browser, as far as cookies go."""
    browser = httpx.Client(base_url=address, follow_redirects=True, headers={"sec-fetch-site": "same-origin"})
    answer = browser.post("/sign-in", data={"email": "alice@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text[:500]
    assert "wame_login" in browser.cookies
    return browser


def test_a_stopping_box_ends_its_streams(box: BoxProcess) -> None:
    key = box.create_account()
    box.start()
    with client(box.address, key) as http:
        session = http.post("/api/v1/sessions", json={"name": "Shop"}).json()["id"]
        stream = read_stream(http, f"/api/v1/sessions/{session}/qr/stream")
        next(stream)
        started = time.monotonic()
        assert box.stop() == 0
        list(stream)
    assert time.monotonic() - started < 8


def test_the_demo_tells_its_story_and_the_numbers_agree() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wame_box", "demo", "--once", "--json"], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    numbers = json.loads(lines[0])
    assert list(numbers) == [
        "rows", "imported", "refused", "duplicates", "accepted", "sent", "delivered", "read", "replied", "failed",
        "webhooks_delivered", "ledger_attempts", "seconds", "peak_rss_mb",
    ]  # fmt: skip
    assert numbers["rows"] == 1_000 == numbers["imported"] + numbers["refused"] + numbers["duplicates"]
    assert numbers["accepted"] == numbers["sent"] + numbers["failed"] == numbers["imported"]
    assert numbers["ledger_attempts"] == numbers["accepted"]
    assert numbers["delivered"] == numbers["sent"] > 800
    assert 0 < numbers["read"] < numbers["delivered"]
