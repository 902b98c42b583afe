"""A 202 means: on disk. Seen from outside, in the system calls of the real process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.process import BoxProcess, client, link_session

SYNC = re.compile(r"(?:fdatasync|fsync)\(\d+.*= 0|<\.\.\. (?:fdatasync|fsync) resumed.*= 0")
REQUEST = re.compile(r"POST /api/v1/messages ")
ANSWER = re.compile(r'"HTTP/1\.1 202')


@pytest.fixture
def box(tmp_path: Path) -> BoxProcess:
    assert shutil.which("strace"), "strace is needed: packaging/prepare.sh browser installs it"
    trace = ["strace", "-D", "-f", "-qq", "-s", "64", "-o", str(tmp_path / "trace")]
    calls = ["-e", "trace=fdatasync,fsync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"]
    return BoxProcess(tmp_path / "data", prefix=[*trace, *calls])


def test_no_202_leaves_before_its_fdatasync(box: BoxProcess, tmp_path: Path) -> None:
    """Between each request that comes in and its answer there is a finished fdatasync of the write-ahead log."""
    key = box.create_account()
    box.start()
    try:
        with client(box.address, key) as http:
            session = link_session(http, knobs={"ack_ms": [0, 0], "deliver_ms": [0, 0], "read_rate": 0, "reply_rate": 0})
            for n in range(20):
                body = {"session": session, "to": f"+3363998{n:04}", "type": "text", "text": {"body": "hello"}}
                assert http.post("/api/v1/messages", json=body).status_code == 202
    finally:
        box.stop()
    checked, synced, waiting = 0, False, False
    for line in (tmp_path / "trace").read_text(errors="replace").splitlines():
        if REQUEST.search(line):
            waiting, synced = True, False
        elif SYNC.search(line):
            synced = True
        elif waiting and ANSWER.search(line):
            assert synced, f"202 before any fdatasync: {line}"
            checked, waiting = checked + 1, False
    assert checked == 20
