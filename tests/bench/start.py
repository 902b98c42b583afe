"""Starting: how soon it serves, how soon its sessions are back, and the memory that it holds then."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench.report import Line, at_most, show
from tests.bench.stage import Stage, rss_mb, stage, until
from tests.e2e.process import link_session

STARTS = 3
SOME, MANY = 50, 500


def run() -> None:
    with stage(started=False) as found:
        lines = [*_starts(found, 0)]
        _link(found, 0, SOME)
        lines += _starts(found, SOME)
        _link(found, SOME, MANY)
        lines += _starts(found, MANY)
    show(f"Start and memory (median of {STARTS} starts)", lines)


def _link(found: Stage, first: int, last: int) -> None:
    found.box.start()

    def link(number: int) -> None:
        with found.client() as http:
            link_session(http, name=f"Shop {number}", number=f"+3363998{number:04}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(link, range(first, last)))
    found.box.stop()


def _starts(found: Stage, sessions: int) -> list[Line]:
    served, back, memory = zip(*(_start(found, sessions) for _ in range(STARTS)), strict=True)
    name = f"{sessions} sessions: "
    lines = [at_most(f"{name}serving", statistics.median(served), 1.5, "s", 2)]
    if sessions == SOME:
        lines.append(at_most(f"{name}all connected", statistics.median(back), 3, "s", 2))
        lines.append(at_most(f"{name}RSS", max(memory), 300, "MB", 0))
    elif sessions == MANY:
        lines.append(Line(f"{name}all connected", f"{statistics.median(back):.2f} s"))
        lines.append(at_most(f"{name}RSS", max(memory), 1024, "MB", 0))
    else:
        lines.append(Line(f"{name}RSS", f"{max(memory):.0f} MB"))
    return lines


def _start(found: Stage, sessions: int) -> tuple[float, float, float]:
    """(seconds to serving, to all connected, MB held then)."""
    wall, began = time.time_ns() // 1_000_000, time.perf_counter()
    found.box.start()
    served = time.perf_counter() - began
    query = "SELECT count(*) FROM sessions WHERE status = 'connected' AND connected_at >= ?"
    back = until(lambda: found.value(query, wall) >= sessions, 60, pause=0.02) - began
    time.sleep(0.5)  # what the start left behind settles
    memory = rss_mb(found.box.pid)
    found.box.stop()
    return served, back, memory
