"""A post office: a box whose engines are scripted, on a clock that the test moves, and hands to send and to hear."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import NOON, House, open_house
from tests.factories import Person, make_account
from tests.messaging.engine import ScriptedEngine, Wire
from tests.simulate import settle
from wame_box.app import Box
from wame_box.kernel import ids
from wame_box.kernel.clock import FakeClock
from wame_box.kernel.db import Sql, Tx
from wame_box.messaging import batch_store, batches, store
from wame_box.messaging.batches import Recipient
from wame_box.messaging.models import Batch, Message
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import EngineEvent, EngineFactory, Inbound, MessageKind, Receipt, ReceiptStatus
from wame_box.sessions.models import EngineKind, Session

DIANE = "+33639980012"
ELENA = "+33639980013"
FARAH = "+33639980014"

_numbers = itertools.count(1)


@dataclass
class Post:
    """One account with one session on a shared box. Times stand still but for `play`."""

    house: House
    clock: FakeClock
    wire: Wire
    owner: Person
    api: httpx.AsyncClient
    session: Session

    @property
    def box(self) -> Box:
        return self.house.box

    @property
    def engine(self) -> ScriptedEngine:
        return self.wire.engines[self.session.id]

    # -- what the test does --------------------------------------------------------------------------------------------

    async def send(self, to: str = DIANE, text: str = "Hello", session: Session | None = None, **more: Any) -> int:
        """A message over the API; its number."""
        body = {"session": (session or self.session).public_id, "to": to, "text": {"body": text}, **more}
        answer = await self.api.post("/api/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        return ids.parse("msg", answer.json()["id"])

    async def batch(self, *addresses: str, complete: bool = True, session: Session | None = None) -> int:
        """A batch of texts, as a campaign makes one."""
        on = session or self.session

        def work(tx: Tx) -> int:
            number = batches.create(tx, self.owner.account_id, on.id, "campaign")
            row = batch_store.batch(tx, self.owner.account_id, number)
            assert row is not None
            recipients = [Recipient(None, address, '{"body": "Sale"}') for address in addresses]
            batches.add(tx, row, MessageKind.TEXT, recipients, self.box.dispatcher.wake)
            if complete:
                batches.complete(tx, row)
            return number

        return await self.box.kernel.db.write(work)

    async def say(self, *events: EngineEvent) -> None:
        """WhatsApp tells the box something."""
        await self.engine.say(*events)
        await self.rest()

    async def receipt(self, wa_id: str | None, status: ReceiptStatus, error: str | None = None) -> None:
        assert wa_id is not None
        await self.say(Receipt((wa_id,), status, self.clock.now(), error=error))

    async def hear(self, text: str, sender: str = DIANE, wa_id: str | None = None) -> None:
        name = wa_id or f"IN{next(_numbers)}"
        await self.say(Inbound(name, sender, "Diane", MessageKind.TEXT, {"body": text}, self.clock.now()))

    async def rest(self) -> None:
        """Until nothing goes on that does not wait for the clock."""
        await settle(self.box, 40)

    async def play(self, milliseconds: int) -> None:
        """Moves the clock on, stopping wherever somebody wants to wake."""
        end = self.clock.now() + milliseconds
        await self.rest()
        while (wake := self.clock.next_wake()) is not None and wake <= end:
            self.clock.advance_to(wake)
            await self.rest()
        self.clock.advance_to(end)
        await self.rest()

    async def session_named(self, name: str, policy: str = "unpaced") -> Session:
        made = await self.api.post("/api/v1/sessions", json={"name": name, "policy": policy})
        assert made.status_code == 201, made.text
        await self.rest()
        return await self.row_of_session(ids.parse("ses", made.json()["id"]))

    async def pace(self, **custom: Any) -> None:
        """A custom policy without any rule but those given."""
        free: dict[str, Any] = {
            "gap_min_ms": 0,
            "gap_max_ms": 0,
            "per_minute": None,
            "per_hour": None,
            "per_day": None,
            "strangers_per_day": None,
            "warm_up": None,
            "quiet_hours": None,
            "typing_ms_per_character": 0,
        }
        body = {"policy": "custom", "custom": {**free, **custom}}
        answer = await self.api.post(f"/api/v1/sessions/{self.session.public_id}/pacing", json=body)
        assert answer.status_code == 200, answer.text

    async def off(self) -> None:
        """The session loses its connection."""
        await self.engine.drop()
        await self.rest()

    # -- what the test sees --------------------------------------------------------------------------------------------

    async def read(self, fn: Callable[..., Any], *args: Any) -> Any:
        return await self.box.kernel.db.read(fn, *args)

    async def row(self, message_id: int) -> Message:
        found = await self.box.kernel.db.read(store.message, self.owner.account_id, message_id)
        assert found is not None
        return found

    async def status(self, message_id: int) -> str:
        return (await self.row(message_id)).status.value

    async def row_of_session(self, session_id: int) -> Session:
        found = await self.box.kernel.db.read(sessions.session_row, session_id)
        assert found is not None
        return found

    async def row_of_batch(self, batch_id: int) -> Batch:
        found = await self.box.kernel.db.read(batch_store.batch, self.owner.account_id, batch_id)
        assert found is not None
        assert found.sent + found.failed + found.cancelled <= found.total
        assert found.delivered <= found.sent and found.read <= found.delivered
        return found

    async def of_batch(self, batch_id: int) -> list[Message]:
        """Its messages, by address."""

        def work(sql: Sql) -> list[Message]:
            return store.messages(sql, self.owner.account_id, 1 << 62, 1000, batch_id=batch_id)

        return sorted(await self.box.kernel.db.read(work), key=lambda row: row.address)

    async def events(self, kind: str = "message.%") -> list[tuple[str, str]]:
        """(type, data as JSON) of the account's stored events, oldest first."""

        def work(sql: Sql) -> list[tuple[Any, ...]]:
            query = "SELECT type, data FROM events WHERE account_id = ? AND type LIKE ? ORDER BY sequence"
            return sql.rows(query, self.owner.account_id, kind)

        return [(row[0], row[1]) for row in await self.box.kernel.db.read(work)]

    async def told(self, message_id: int) -> list[str]:
        """The types of the events of one message, oldest first."""
        return [kind for kind, data in await self.events() if ids.show("msg", message_id) in data]


def scripted(wire: Wire) -> type[Box]:
    """A box whose one engine is the scripted one; it calls itself the sandbox, so that it may be unpaced."""

    class ScriptedBox(Box):
        def _engines(self) -> dict[EngineKind, EngineFactory]:
            return {EngineKind.SANDBOX: wire}

    return ScriptedBox


@asynccontextmanager
async def open_post_house(folder: Path) -> AsyncIterator[tuple[House, FakeClock, Wire]]:
    clock = FakeClock(NOON)
    wire = Wire(clock)
    async with open_house(folder, clock, scripted(wire)) as house:
        yield house, clock, wire


async def open_post(house: House, clock: FakeClock, wire: Wire, policy: str = "unpaced") -> Post:
    """A new account with a connected session of its own. The sessions of tests before are cut off, the wire is swept."""
    for engine in list(wire.engines.values()):
        await engine.drop()
    wire.engines.clear()
    wire.script.clear()
    wire.attempts.clear()
    wire.typed.clear()
    wire.otherwise = "ok"
    wire.most_in_flight = 0
    number = next(_numbers)
    owner = await make_account(house.box, f"Atelier {number}", "Alice", f"alice{number}@example.com")
    api = house.program(owner)
    made = await api.post("/api/v1/sessions", json={"name": "Shop", "policy": policy})
    assert made.status_code == 201, made.text
    session_id = ids.parse("ses", made.json()["id"])
    await settle(house.box, 40)
    found = await house.box.kernel.db.read(sessions.session_row, session_id)
    assert found is not None and found.status == "connected", found
    return Post(house, clock, wire, owner, api, found)
