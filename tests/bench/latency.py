"""How soon things happen when little is going on: accepted → engine, event → webhook, a new session → its QR code."""

from __future__ import annotations

import time

import httpx

from tests.bench.report import Line, at_most, percentile, show
from tests.bench.stage import INSTANT, OWN_NUMBER, Program, Stage, load, stage, until
from tests.e2e.process import link_session

SENDS = 200
CODES = 20


def run() -> None:
    with stage() as found, found.client() as http:
        sink = Program("sink")
        try:
            lines = [*_sends(found, http, sink), *_codes(http)]
        finally:
            sink.close()
    show(f"Latency at a low rate ({SENDS} sends, 20 a second)", lines)


def _sends(found: Stage, http: httpx.Client, sink: Program) -> list[Line]:
    session = link_session(http, number=OWN_NUMBER, knobs=INSTANT)
    http.post("/api/v1/endpoints", json={"url": f"{sink.address}/hook", "name": "Sink"}).raise_for_status()
    seen = load(
        found.box.pid, found.box.address, key=found.key, session=session, connections=1, count=SENDS, pause_ms=50
    )  # fmt: skip
    until(lambda: httpx.get(sink.address).json()["events"] >= SENDS * 3, 60)
    events = httpx.get(sink.address).json()
    waits = [_rank(found, share) for share in (0.5, 0.99)]
    return [
        Line("accept p50", f"{seen.p50:.1f} ms"),
        at_most("accept p99", seen.p99, 50, "ms"),
        Line("accepted → engine p50", f"{waits[0]} ms"),
        at_most("accepted → engine p99", waits[1], 20, "ms", 0),
        Line("event → first webhook attempt p50", f"{events['p50']:.1f} ms"),
        at_most("event → first webhook attempt p99", events["p99"], 100, "ms"),
    ]


def _rank(found: Stage, share: float) -> int:
    """The sandbox takes the time of its ack when the message reaches it."""
    query = "SELECT sent_at - created_at FROM messages WHERE sent_at IS NOT NULL ORDER BY 1 LIMIT 1 OFFSET ?"
    return int(found.value(query, int(SENDS * share)))


def _codes(http: httpx.Client) -> list[Line]:
    took = [_code(http) for _ in range(CODES)]
    return [
        Line("QR after POST /sessions p50", f"{percentile(took, 0.5):.1f} ms"),
        at_most("QR after POST /sessions p99", percentile(took, 0.99), 50, "ms"),
    ]


def _code(http: httpx.Client) -> float:
    """Milliseconds from the POST's beginning to the answer that holds the code."""
    began = time.perf_counter()
    session = http.post("/api/v1/sessions", json={"name": "Shop", "engine": "sandbox"}).raise_for_status().json()["id"]
    until(lambda: http.get(f"/api/v1/sessions/{session}/qr").status_code == 200, 10, pause=0.002)
    return (time.perf_counter() - began) * 1000
