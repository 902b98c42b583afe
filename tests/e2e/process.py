"""The real box as a process of its own: started as a user does, killed as a power cut does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

COMMAND = [sys.executable, "-m", "wame_box"]
PASSWORD = "a quiet horse by the sea"
READY = re.compile(r"WaMe Box is ready: (\S+)")


class BoxProcess:
    """One data folder and, while it runs, one server on a free port of loopback."""

    def __init__(self, folder: Path, *, prefix: list[str] | None = None, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.address = ""
        self.first_run_link = ""
        self._prefix = prefix or []
        self._log = folder.parent / f"{folder.name}.log"
        self._settings = {"WAME_BOX_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/8", **(settings or {})}
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self, *words: str, text: str = "") -> str:
        """Runs a command of the command line on this folder; its standard output."""
        done = subprocess.run(
            [*COMMAND, "--data", str(self.folder), *words],
            input=text, capture_output=True, text=True, check=False, env=os.environ | self._settings, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def create_account(self, name: str = "Atelier", email: str = "alice@example.com") -> str:
        """An account with its owner and a key for everything; the key."""
        self.command(
            "account", "create", "--name", name, "--owner", "Alice", "--email", email, "--region", "FR",
            "--time-zone", "Europe/Paris", "--password", PASSWORD,
        )  # fmt: skip
        return self.command("key", "create", "--account", name, "--name", "tests")

    def start(self) -> None:
        """Returns once it serves."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *COMMAND, "--data", str(self.folder), "serve", "--port", "0"],
                stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | self._settings,
            )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := READY.search(line):
                self.address = found[1]
                break
        else:
            raise AssertionError(f"the box did not start: {self._log.read_text()[-3000:]}")
        if not (self.folder / "box.db").exists():
            raise AssertionError("no database after the start")

    def first_run(self) -> str:
        """The link that the terminal shows on an empty box."""
        assert self._process is not None and self._process.stdout is not None
        return re.search(r"(http\S+)", self._process.stdout.readline())[1]  # type: ignore[index]

    def kill(self) -> None:
        """kill -9, of exactly this process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=10)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=30)
        return self._process.returncode

    def log(self) -> str:
        return self._log.read_text()

    def troubles(self) -> str:
        """What the log says that is worse than information."""
        return "\n".join(line for line in self.log().splitlines() if "level=info" not in line)[-6000:].replace("\\n", "\n")

    def ledger(self) -> list[dict[str, object]]:
        """Every attempt the sandbox saw."""
        lines = (self.folder / "sandbox" / "ledger.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def client(address: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=30)


def wait_for(condition: object, *, seconds: float = 30, what: str = "") -> None:
    """Polls until the condition (a function) is true."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def link_session(
    http: httpx.Client, *, name: str = "Shop", number: str = "+33639980100", knobs: dict[str, object] | None = None
) -> str:
    """A sandbox session, linked by what its QR code carries; its id."""
    session = http.post("/api/v1/sessions", json={"name": name, "engine": "sandbox"}).raise_for_status().json()["id"]
    if knobs:
        http.patch(f"/api/v1/sessions/{session}/sandbox", json=knobs).raise_for_status()
    http.post("/api/v1/sandbox/phones", json={"number": number, "name": "Alice"}).raise_for_status()
    wait_for(lambda: http.get(f"/api/v1/sessions/{session}/qr").status_code == 200, what="a QR code")
    qr = http.get(f"/api/v1/sessions/{session}/qr").json()["qr"]
    http.post(f"/api/v1/sandbox/phones/{number}/scan", json={"qr": qr}).raise_for_status()
    wait_for(lambda: http.get(f"/api/v1/sessions/{session}").json()["status"] == "connected", what="connected")
    return str(session)
