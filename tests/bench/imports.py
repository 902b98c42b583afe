"""An import of 100,000 rows, and how pages and sends feel meanwhile."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

import httpx

from tests.bench.report import Line, at_most, percentile, show
from tests.bench.stage import Stage, rss_mb, stage, until
from tests.e2e.process import PASSWORD

ROWS = 100_000
QUIET_SECONDS = 3.0


class Visitor(threading.Thread):
    """Asks again and again, a little pause between; `took` is in milliseconds."""

    def __init__(self, ask: Callable[[int], httpx.Response]) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []
        self._ask = ask
        self._over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            began = time.perf_counter()
            self._ask(number).raise_for_status()
            self.took.append((time.perf_counter() - began) * 1000)
            number += 1

    def stop(self) -> list[float]:
        self._over.set()
        self.join(30)
        return self.took


def run() -> None:
    with stage() as found, found.client() as http:
        session = http.post("/api/v1/sessions", json={"name": "Shop", "engine": "sandbox"}).json()["id"]
        quiet = _visit(found, session, lambda: time.sleep(QUIET_SECONDS))
        memory = rss_mb(found.box.pid)
        took: list[float] = []
        busy = _visit(found, session, lambda: took.append(_import(http)))
        lines = [at_most(f"{ROWS:,} rows of CSV", took[0], 6, "s")]
        for name, before, during in zip(("GET /contacts", "POST /api/v1/messages"), quiet, busy, strict=True):
            lines += [
                Line(f"{name} p50, quiet → importing", f"{percentile(before, 0.5):.1f} → {percentile(during, 0.5):.1f} ms"),
                Line(f"{name} p99, quiet → importing", f"{percentile(before, 0.99):.1f} → {percentile(during, 0.99):.1f} ms"),
            ]
        lines.append(at_most("any page while importing, p99", percentile(busy[0], 0.99), 200, "ms"))
        lines.append(Line("RSS before → after", f"{memory:.0f} → {rss_mb(found.box.pid):.0f} MB"))
    show("Import, with one browser and one program at work", lines)


def _visit(found: Stage, session: str, deed: Callable[[], None]) -> tuple[list[float], list[float]]:
    """Milliseconds that pages and sends took while `deed` ran."""
    with httpx.Client(base_url=found.box.address, timeout=30) as browser, found.client() as program:
        browser.post("/sign-in", data={"email": "alice@example.com", "password": PASSWORD})

        def send(number: int) -> httpx.Response:
            body = {"session": session, "to": f"+3363998{number % 10_000:04}", "type": "text", "text": {"body": "Hello"}}
            return program.post("/api/v1/messages", json=body)

        visitors = [Visitor(lambda _: browser.get("/contacts")), Visitor(send)]
        for visitor in visitors:
            visitor.start()
        deed()
        pages, sends = (visitor.stop() for visitor in visitors)
        return pages, sends


def _import(http: httpx.Client) -> float:
    """Seconds from the beginning of the upload to the end of the import."""
    file = io.BytesIO(_csv())
    began = time.perf_counter()
    fields = {"list_name": "Customers", "consent": '{"agreed": true, "source": "bench"}'}
    answer = http.post("/api/v1/imports", files={"file": ("contacts.csv", file, "text/csv")}, data=fields)
    started = answer.raise_for_status().json()["id"]
    status = "running"

    def ended() -> bool:
        nonlocal status
        status = http.get(f"/api/v1/imports/{started}").json()["status"]
        return status in ("finished", "failed")

    took = until(ended, 120) - began
    assert status == "finished"
    return took


def _csv() -> bytes:
    rows = (f"Élodie {number},+337{50_000_000 + number},e{number}@example.com,Paris,pro" for number in range(ROWS))
    return "\n".join(["name,phone,email,city,plan", *rows]).encode()
