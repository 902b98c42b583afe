"""Accepting a send durably, beside what the framework takes for doing nothing."""

from __future__ import annotations

import statistics

from tests.bench.report import Line, at_least, at_most, show, spread
from tests.bench.stage import Load, Program, Stage, load, stage

CONNECTIONS = (1, 16, 64)
ROUNDS = 3
SECONDS = 2.0


def run() -> None:
    with stage() as found:
        noop = Program("noop")
        try:
            with found.client() as http:
                # A session that waits for its scan: what is accepted stays queued, so that accepting alone is measured.
                session = http.post("/api/v1/sessions", json={"name": "Shop", "engine": "sandbox"}).json()["id"]
            _round(found, noop, session, 16, 1.0)  # warm
            lines = [line for count in CONNECTIONS for line in _compare(found, noop, session, count)]
        finally:
            noop.close()
    show("Accept a send durably, beside a Litestar no-op (alternating rounds)", lines)


def _round(found: Stage, noop: Program, session: str, connections: int, seconds: float) -> tuple[Load, Load]:
    job = {"key": found.key, "session": session, "connections": connections, "seconds": seconds}
    return load(noop.pid, noop.address, **job), load(found.box.pid, found.box.address, **job)


def _compare(found: Stage, noop: Program, session: str, connections: int) -> list[Line]:
    rounds = [_round(found, noop, session, connections, SECONDS) for _ in range(ROUNDS)]
    ratios = [box.rate / nothing.rate for nothing, box in rounds]
    refused = sum(box.others for _, box in rounds)
    p99 = statistics.median(box.p99 for _, box in rounds)

    def both(name: str, digits: int = 0) -> str:
        nothing, box = (statistics.median(getattr(pair[side], name) for pair in rounds) for side in (0, 1))
        return f"{box:,.{digits}f} beside {nothing:,.{digits}f}"

    of = f"{connections} connections: " if connections > 1 else "1 connection: "
    return [
        Line(f"{of}answers/s", both("rate")),
        at_least(f"{of}ratio", statistics.median(ratios), 0.6, "", 2),
        Line(f"{of}ratio of each round", spread(ratios)),
        Line(f"{of}CPU ms a request", both("cpu_ms", 3)),
        Line(f"{of}p50 ms", both("p50", 1)),
        at_most(f"{of}p99", p99, 50, "ms"),
        *([Line(f"{of}NOT accepted", str(refused), "0", False)] if refused else []),
    ]
