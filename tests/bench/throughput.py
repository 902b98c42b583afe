"""Messages through the sandbox, from the first POST to the last receipt stored; and with every event delivered to a webhook."""

from __future__ import annotations

import time

import httpx

from tests.bench.report import Line, at_least, show
from tests.bench.stage import INSTANT, OWN_NUMBER, Program, Stage, cpu_seconds, load, stage, until
from tests.e2e.process import link_session

MESSAGES = 4_000
WITH_WEBHOOKS = 2_000
CONNECTIONS = 32
EVENTS = 3  # of a message: sent, delivered, read
PATIENCE = 240


def run() -> None:
    with stage() as found, found.client() as http:
        session = link_session(http, number=OWN_NUMBER, knobs=INSTANT)
        _pass(found, session, 200, first=9_000)  # warm
        rate, cpu, accepted = _pass(found, session, MESSAGES)
        lines = [
            at_least("accepted → all receipts stored", rate, 1000, "messages/s"),
            Line("… CPU ms a message", f"{cpu:.2f}"),
            Line("… of that time, accepting took", f"{accepted:.0%}"),
        ]
    show(f"Throughput through the sandbox, {MESSAGES:,} messages by {CONNECTIONS} connections", lines)
    with stage() as found, found.client() as http:
        show(f"With one webhook endpoint for every event, {WITH_WEBHOOKS:,} messages", _with_webhooks(found, http))


def _pass(found: Stage, session: str, count: int, first: int = 0) -> tuple[float, float, float]:
    """(messages/s, CPU ms a message, share of the time until the last was accepted)."""
    done_before = _read(found)
    began, cpu = time.perf_counter(), cpu_seconds(found.box.pid)
    _send(found, session, count, first)
    accepted = time.perf_counter() - began
    took = until(lambda: _read(found) - done_before >= count, PATIENCE) - began
    return count / took, (cpu_seconds(found.box.pid) - cpu) * 1000 / count, accepted / took


def _send(found: Stage, session: str, count: int, first: int = 0) -> None:
    job = {"key": found.key, "session": session, "connections": CONNECTIONS, "count": count, "first": first}
    load(found.box.pid, found.box.address, **job)


def _read(found: Stage) -> int:
    return int(found.value("SELECT count(*) FROM messages WHERE status = 'read'"))


def _with_webhooks(found: Stage, http: httpx.Client) -> list[Line]:
    sink = Program("sink")
    try:
        session = link_session(http, number=OWN_NUMBER, knobs=INSTANT)
        http.post("/api/v1/endpoints", json={"url": f"{sink.address}/hook", "name": "Sink"}).raise_for_status()
        _send(found, session, 100, first=9_000)  # warm
        _until_received(sink, 100 * EVENTS)
        before, began, cpu = _received(sink), time.perf_counter(), cpu_seconds(found.box.pid)
        _send(found, session, WITH_WEBHOOKS)
        took = _until_received(sink, before + WITH_WEBHOOKS * EVENTS) - began
        rate = WITH_WEBHOOKS / took
        return [
            at_least("accepted → last event delivered", rate, 300, "messages/s"),
            Line("… events/s", f"{rate * EVENTS:,.0f}"),
            Line("… CPU ms a message", f"{(cpu_seconds(found.box.pid) - cpu) * 1000 / WITH_WEBHOOKS:.2f}"),
        ]
    finally:
        sink.close()


def _received(sink: Program) -> int:
    return int(httpx.get(sink.address).json()["events"])


def _until_received(sink: Program, count: int) -> float:
    return until(lambda: _received(sink) >= count, PATIENCE)
