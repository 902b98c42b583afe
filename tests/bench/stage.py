"""The box under measurement: a real server process on a temporary folder, with what the system says of it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.e2e.process import BoxProcess, client
from wame_box.kernel.sql import Sql, connect

T = TypeVar("T")

INSTANT: dict[str, object] = {
    "ack_ms": [0, 0], "deliver_ms": [0, 0], "read_ms": [0, 0], "reply_ms": [0, 0],
    "read_rate": 1, "reply_rate": 0, "failure_rate": 0, "not_on_whatsapp_rate": 0,
}  # fmt: skip
"""Knobs of a sandbox that does everything at once."""

OWN_NUMBER = "+33639989950"
"""The number of a session under load: nobody writes to it."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Stage:
    """A served box with one account. `key`: its API key."""

    box: BoxProcess
    key: str

    def client(self) -> httpx.Client:
        return client(self.box.address, self.key)

    def value(self, query: str, *params: Any) -> Any:
        """The first value of a query on the box's own database."""
        key = bytes.fromhex(self.box.folder.with_name(f"{self.box.folder.name}.key").read_text().strip())
        connection = connect(self.box.folder / "box.db", key, read_only=True)
        try:
            return Sql(connection).value(query, *params)
        finally:
            connection.close()


@contextlib.contextmanager
def stage(*, started: bool = True) -> Iterator[Stage]:
    """A fresh box; stopped and forgotten at the end."""
    with tempfile.TemporaryDirectory(prefix="wame-box-bench-") as folder:
        box = BoxProcess(Path(folder) / "data")
        found = Stage(box, box.create_account())
        if started:
            box.start()
        try:
            yield found
        finally:
            if box.running:
                box.stop()


class Program:
    """A process of the bench beside the box: `python -m tests.bench.<name>`, which says its address in its first line."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", f"tests.bench.{name}"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


@dataclass(frozen=True)
class Load:
    """What a load generator saw: answers a second, milliseconds each, CPU seconds of the server in that time."""

    answers: int
    seconds: float
    p50: float
    p99: float
    others: int
    cpu: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of the server for a request."""
        return self.cpu * 1000 / self.answers


def load(pid: int, address: str, **job: Any) -> Load:
    """Sends from a process of its own (`load.py` tells which jobs there are); `pid` is the server's."""
    before = cpu_seconds(pid)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps({"address": address} | job), stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    return Load(**json.loads(done.stdout), cpu=cpu_seconds(pid) - before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Memory that the process holds now."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def until(condition: Any, seconds: float, pause: float = 0.05) -> float:
    """Polls until the condition holds. Returns the time (perf_counter) at which it did."""
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(pause)
    return time.perf_counter()
