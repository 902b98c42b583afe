"""Work in a child process: what burns CPU or reads untrusted files never runs beside the loop.

The child is the same program, started as `wame-box _worker <name>`. It gets one request on its standard input and answers
with frames on its standard output, each a big-endian 32-bit length and so many bytes. It runs under limits, at low priority,
without the environment's secrets, and is killed when its answer is no longer wanted.
"""

from __future__ import annotations

import importlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import IO, BinaryIO

from wame_box.kernel.errors import N_, Problem, Refused, register

# By name, not by object: the kernel imports no slice, and a child imports only what its own work needs.
WORKERS = {"contacts.parse": "wame_box.contacts.parse:run_worker"}

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 300
PATIENCE_SECONDS = 600.0
MAX_FRAME = 64 * 1024 * 1024

_OUT_OF_MEMORY = 3
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_PASSED_ON_BEGINNINGS = ("LC_", "_PYI", "_MEI", "COV_")

register({"too_heavy": Problem(422, N_("This is too much to work through in one go. Please split it into smaller parts."))})

Worker = Callable[[BinaryIO, BinaryIO], None]


class ChildDied(Exception):
    """A child ended without finishing its answer: a bug, or somebody killed it. Its standard error says more."""


def run(name: str, request: bytes, *, patience: float = PATIENCE_SECONDS) -> Generator[bytes, None, None]:
    """The frames that the worker answers. Blocks: for threads. Closing the iterator kills the child.

    `patience`: seconds waited for the child in total; the time that the caller takes between frames does not count.
    Raises: Refused("too_heavy") when memory, CPU time or patience ran out; ChildDied.
    """
    process = subprocess.Popen(  # noqa: S603 - our own program, no shell
        _command(name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,  # Ctrl-C in a terminal is for the box, which ends its children in order
    )
    assert process.stdin and process.stdout  # noqa: S101 - for the type checker: both are pipes
    try:
        try:
            write_frame(process.stdin, request)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it died at once: its exit code tells below
        yield from _frames(process.stdout.fileno(), patience)
        _judge(process.wait(timeout=10), name)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _command(name: str) -> list[str]:
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "wame_box"]
    return [*program, "_worker", name]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_BEGINNINGS)}


def _judge(exit_code: int, name: str) -> None:
    if exit_code in (_OUT_OF_MEMORY, -signal.SIGXCPU, -signal.SIGKILL):
        raise Refused("too_heavy")
    if exit_code != 0:
        raise ChildDied(f"worker {name} ended with {exit_code}")


def _frames(descriptor: int, patience: float) -> Iterator[bytes]:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    received = bytearray()
    while True:
        while len(received) >= 4 and len(received) >= 4 + (length := _length(received)):
            frame = bytes(received[4 : 4 + length])
            del received[: 4 + length]
            yield frame
        began = time.monotonic()
        if not poll.poll(max(0.0, patience) * 1000):
            raise Refused("too_heavy")
        data = os.read(descriptor, 256 * 1024)
        patience -= time.monotonic() - began
        if not data:
            return
        received += data


def _length(received: bytes | bytearray) -> int:
    length = int.from_bytes(received[:4], "big")
    if length > MAX_FRAME:
        raise ChildDied(f"frame of {length} bytes")
    return length


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Sends one frame."""
    stream.write(len(payload).to_bytes(4, "big") + payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes:
    """One whole frame. Raises: EOFError when the stream ends before."""
    return _exactly(stream, _length(_exactly(stream, 4)))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def main(name: str) -> int:
    """The child's side, called by the command line: runs the worker of this name. Returns the process's exit code."""
    _limit()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the frames
    try:
        module, function = WORKERS[name].split(":")
        worker: Worker = getattr(importlib.import_module(module), function)
        worker(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception as error:
        # Where, but not what: the message of an error may quote a customer's data.
        frames = "".join(traceback.format_tb(error.__traceback__))
        os.write(2, f"worker {name} failed: {type(error).__name__}\n{frames}".encode())
        return 1
    return 0


def _limit() -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
