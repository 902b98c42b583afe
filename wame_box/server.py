"""The web server around the box: uvicorn with uvloop, told what the terminal should say and how to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator
from typing import Any

import click
import uvicorn

from wame_box.app import Box
from wame_box.kernel.config import Config
from wame_box.kernel.paths import DataFolder, StartError

GRACE_SECONDS = 10


class Server(uvicorn.Server):
    """Closes the live streams first when it is told to stop: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, box: Box) -> None:
        super().__init__(config)
        self.box = box
        self.address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What the start made stays as long as the box: a collector that looks at it again and again stops it for 30 ms.
        gc.collect()
        gc.freeze()
        if self.started and self.address:
            _greet(self.box, self.address)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first SIGTERM or SIGINT asks for an orderly stop, which ends with exit code 0; a second one hurries."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.box.close_streams()
        super().handle_exit(sig, frame)


def make_server(box: Box) -> tuple[Server, socket.socket, str]:
    """A server, its bound socket, and the address to open. With `server.address` set it greets once it serves.

    Raises: StartError when the port is taken.
    """
    wish = box.config.server
    settings = uvicorn.Config(
        box.asgi,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(wish.trusted_proxies),
        forwarded_allow_ips=list(wish.trusted_proxies),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    bound = _bind(wish.host, wish.port)
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = wish.public_url.rstrip("/") or f"http://{shown}:{port}"
    return Server(settings, box), bound, address


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise StartError(f"The box cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.") from error
    return bound


def serve(config: Config, folder: DataFolder, key: bytes) -> None:
    """Runs the box until a signal stops it.

    Raises: StartError, WrongKey.
    """
    box = Box(config, folder, key)
    server, bound, address = make_server(box)
    server.address = address
    server.run(sockets=[bound])


def _greet(box: Box, address: str) -> None:
    click.echo(f"WaMe Box is ready: {address}")
    if box.needs_setup:
        click.echo(f"First run. Open this link to set it up: {address}/welcome?token={box.first_run.token}")
