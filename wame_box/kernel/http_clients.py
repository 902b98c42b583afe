"""HTTP connections kept for reuse, each for one destination.

An httpx pool collapses beyond 8 requests at once, so there is no pool: each client has one connection and serves one
request at a time, and a busy destination has several. A client is httpx's transport alone: what `httpx.AsyncClient` adds
(cookies, redirects, logins) is not wanted here, and takes time at each request. A connection is never shared by two names
of one address: each name's certificate was checked on its own.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

Destination = tuple[str, str, int]  # scheme, host, port

MAX_DESTINATIONS = 64
MAX_CLIENTS = 32  # at once, for one destination; more requests wait
# Below the 5 seconds after which common servers hang up: a request into a closing connection would be lost.
KEEP_ALIVE_SECONDS = 4.0
IDLE_SECONDS = 30.0


@dataclass
class _Clients:
    """The clients of one destination: those at rest, the latest used last, with the time they came to rest."""

    resting: list[tuple[float, httpx.AsyncHTTPTransport]] = field(default_factory=list)
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CLIENTS))
    busy: int = 0


class HttpClients:
    """Lends clients. They take no proxies from the environment."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._destinations: OrderedDict[Destination, _Clients] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def borrow(self, destination: Destination) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """A client for one request to this destination."""
        clients = self._destinations.setdefault(destination, _Clients())
        self._destinations.move_to_end(destination)
        clients.busy += 1
        self._drop_oldest()
        try:
            async with clients.free:
                client = clients.resting.pop()[1] if clients.resting else self._new()
                try:
                    yield client
                finally:
                    clients.resting.append((time.monotonic(), client))
        finally:
            clients.busy -= 1
            self._sweep_later()

    async def close(self) -> None:
        """Close all connections."""
        if self._timer is not None:
            self._timer.cancel()
        for clients in self._destinations.values():
            self._close(clients, older_than=float("inf"))
        self._destinations.clear()
        await asyncio.gather(*self._closing)

    def _new(self) -> httpx.AsyncHTTPTransport:
        # Reading the certificates takes 20 ms: once for all, and only when the first request is made.
        self._tls = self._tls or self._make_tls()
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS)
        return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)

    def _drop_oldest(self) -> None:
        while len(self._destinations) > MAX_DESTINATIONS:
            idle = next((key for key, clients in self._destinations.items() if not clients.busy), None)
            if idle is None:
                return
            self._close(self._destinations.pop(idle), older_than=float("inf"))

    def _sweep_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        for destination, clients in list(self._destinations.items()):
            self._close(clients, older_than=time.monotonic() - IDLE_SECONDS)
            if not clients.busy and not clients.resting:
                del self._destinations[destination]
        if self._destinations:
            self._sweep_later()

    def _close(self, clients: _Clients, older_than: float) -> None:
        for _since, client in [item for item in clients.resting if item[0] <= older_than]:
            task = asyncio.ensure_future(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        clients.resting = [item for item in clients.resting if item[0] > older_than]
