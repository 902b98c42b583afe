"""A deliverer on a migrated temporary database, with a clock that stands still, and receivers on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.webhooks.sink import Sink, open_sink
from wame_box.accounts.models import Caller, Setup
from wame_box.accounts.permissions import ROLE_SCOPES, Role
from wame_box.accounts.setup import create_account
from wame_box.kernel import migrations
from wame_box.kernel.clock import FakeClock
from wame_box.kernel.config import Config
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.events import Event
from wame_box.kernel.files import FileStore
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import LiveHub
from wame_box.kernel.outbound_http import OutboundHttp
from wame_box.kernel.settings import Outbound
from wame_box.webhooks import endpoints, store
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.models import Delivery, Endpoint, NewEndpoint

NOW = 1_800_000_000_000
KEY = bytes(32)


class Happened(Event, frozen=True, kw_only=True):
    """An event with a number, in a chat of one's choice."""

    type: ClassVar[str] = "message.received"
    number: int
    chat: str = "chat:1"

    def data(self) -> dict[str, int]:
        return {"number": self.number}

    def lane(self) -> str:
        return self.chat


@dataclass
class Post:
    """The slice at work: accounts of Alice and Charlie, the deliverer, and hands to make things happen."""

    kernel: Kernel
    clock: FakeClock
    deliverer: Deliverer
    alice: Caller
    charlie: Caller

    async def endpoint(self, url: str, *types: str, caller: Caller | None = None) -> Endpoint:
        wish = NewEndpoint(url, types=list(types) or ["*"])
        return await endpoints.create_endpoint(self.kernel, caller or self.alice, wish)

    async def emit(self, *numbers: int, chat: str = "chat:1", account_id: int | None = None) -> None:
        """One transaction with an event for each number."""

        def work(tx: Tx) -> None:
            for number in numbers:
                tx.emit(Happened(account_id=account_id or self.alice.account_id, number=number, chat=chat))

        await self.kernel.db.write(work)

    async def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        """Oldest first."""
        rows = await self.kernel.db.read(store.deliveries, endpoint.account_id, endpoint.id, None, (1 << 63) - 1, 1000)
        return rows[::-1]

    async def row(self, endpoint: Endpoint) -> Endpoint:
        found = await self.kernel.db.read(store.any_endpoint, endpoint.id)
        assert found is not None
        return found

    @contextmanager
    def outcomes(self, endpoint: Endpoint) -> Iterator[Outcomes]:
        with self.kernel.live.subscribe(endpoint.account_id, [f"endpoint:{endpoint.public_id}"]) as subscription:
            yield Outcomes(subscription)


@dataclass
class Outcomes:
    """`await stored(n)`: n more outcomes of an endpoint are on disk."""

    subscription: Any

    async def stored(self, count: int = 1) -> None:
        async with asyncio.timeout(10):
            for _ in range(count):
                await self.subscription.queue.get()


def caller(account_id: int, member_id: int, name: str) -> Caller:
    return Caller(
        account_id, name, "UTC", None, "en", ROLE_SCOPES[Role.OWNER], member_id=member_id, member_name=name, role=Role.OWNER
    )


@pytest.fixture
async def kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    path = tmp_path / "box.db"
    migrations.migrate(path, KEY)
    clock = FakeClock(NOW)
    config = Config(outbound=Outbound(allow_private=("127.0.0.0/8",), timeout=15))
    db = Database(path, KEY, clock, synchronous="OFF")
    kernel = Kernel(config, clock, db, LiveHub(), FileStore(tmp_path / "files"), OutboundHttp(config.outbound))
    await db.open()
    yield kernel
    await kernel.http.close()
    await db.close()


@pytest.fixture
async def post(kernel: Kernel) -> AsyncIterator[Post]:
    assert isinstance(kernel.clock, FakeClock)
    people = []
    for name, language in (("Alice", "fr"), ("Charlie", "en")):
        wish = Setup(name, name, f"{name.lower()}@example.com", "", "UTC", language)
        people.append(caller(*await kernel.db.write(create_account, wish, "x", is_operator=False), name))
    deliverer = Deliverer(kernel, chance=lambda: 0.5)
    kernel.db.reactions.core[Event] = [deliverer.enqueue]
    await deliverer.start()
    yield Post(kernel, kernel.clock, deliverer, people[0], people[1])
    await deliverer.stop()


@pytest.fixture
async def sinks() -> AsyncIterator[Any]:
    """Call it for a new receiver."""
    async with AsyncExitStack() as stack:

        async def make() -> Sink:
            return await stack.enter_async_context(open_sink())

        yield make


@pytest.fixture
async def sink(sinks: Any) -> Sink:
    made: Sink = await sinks()
    return made
