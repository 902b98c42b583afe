"""A running box on a temporary folder, and the people who use it: Alice (owner), Bob (agent), Charlie (another account)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.factories import Person, make_account, make_member
from wame_box.accounts.permissions import Role
from wame_box.app import Box
from wame_box.kernel.clock import Clock, FakeClock
from wame_box.kernel.paths import DataFolder
from wame_box.kernel.settings import Config, Outbound

NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
LOOPBACK = Config(outbound=Outbound(allow_private=("127.0.0.0/8", "::1/128")))

MakeBox = Callable[..., Awaitable[Box]]


@dataclass
class House:
    """What a test holds of the box under test."""

    box: Box
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, **options: object) -> httpx.AsyncClient:
        """A program or browser that talks to the box in this process."""
        transport = httpx.ASGITransport(app=self.box.asgi, raise_app_exceptions=False)  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url="http://box.test", **options)  # type: ignore[arg-type]
        self.clients.append(client)
        return client

    def browser(self, person: Person) -> httpx.AsyncClient:
        """A browser that is signed in."""
        return self.client(cookies={"wame_login": person.login}, headers={"sec-fetch-site": "same-origin"})

    def program(self, person: Person) -> httpx.AsyncClient:
        """A program with the person's API key."""
        return self.client(headers={"authorization": f"Bearer {person.key}"})


@asynccontextmanager
async def open_house(folder: Path, clock: Clock | None = None, make: type[Box] = Box) -> AsyncIterator[House]:
    """A running box for fixtures that many tests share: building one takes longer than most tests."""
    box = make(LOOPBACK, DataFolder(folder), os.urandom(32), clock)
    await box.start()
    house = House(box)
    try:
        yield house
    finally:
        for client in house.clients:
            await client.aclose()
        if not box.stopped:
            await box.stop()


@pytest.fixture
async def make_box(tmp_path: Path) -> AsyncIterator[MakeBox]:
    """Builds and starts boxes; the same folder again after a stop is the same box restarted."""
    started: list[Box] = []
    key = os.urandom(32)

    async def make(name: str = "data", clock: Clock | None = None, config: Config = LOOPBACK) -> Box:
        box = Box(config, DataFolder(tmp_path / name), key, clock)
        await box.start()
        started.append(box)
        return box

    yield make
    for box in started:
        if not box.stopped:
            await box.stop()


@pytest.fixture
async def house(make_box: MakeBox) -> AsyncIterator[House]:
    """A box on the real clock."""
    house = House(await make_box())
    yield house
    for client in house.clients:
        await client.aclose()


@pytest.fixture
def fake_clock() -> FakeClock:
    """Noon of 1 January 2026, UTC; it stands still until a test moves it."""
    return FakeClock(NOON)


@pytest.fixture
async def alice(house: House) -> Person:
    """The owner of the account Atelier."""
    return await make_account(house.box, "Atelier", "Alice", "alice@example.com")


@pytest.fixture
async def bob(house: House, alice: Person) -> Person:
    """An agent of Alice's account."""
    return await make_member(house.box, alice, "Bob", "bob@example.com", Role.AGENT)


@pytest.fixture
async def charlie(house: House) -> Person:
    """The owner of another account."""
    return await make_account(house.box, "Café Charlie", "Charlie", "charlie@example.com")


@pytest.fixture
def api(house: House, alice: Person) -> httpx.AsyncClient:
    """A program with Alice's API key."""
    return house.program(alice)


@pytest.fixture
def browser(house: House, alice: Person) -> httpx.AsyncClient:
    """A browser with Alice signed in."""
    return house.browser(alice)


@pytest.fixture
def other_api(house: House, charlie: Person) -> httpx.AsyncClient:
    """A program of another account."""
    return house.program(charlie)
