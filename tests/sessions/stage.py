"""A stage for the sessions slice alone: a migrated database, a sandbox world, a clock that the test moves, and a supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wame_box.accounts import store as accounts
from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import ROLE_SCOPES, Role
from wame_box.kernel import migrations
from wame_box.kernel.clock import FakeClock
from wame_box.kernel.config import Config
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.files import FileStore
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import LiveHub
from wame_box.kernel.outbound_http import OutboundHttp
from wame_box.kernel.paging import Window
from wame_box.sessions import store
from wame_box.sessions.create import create_session
from wame_box.sessions.engine import Engine, Inbound, MessageKind, OutboundMessage, Receipt
from wame_box.sessions.engines.sandbox import phones
from wame_box.sessions.engines.sandbox.engine import SandboxEngines
from wame_box.sessions.engines.sandbox.knobs import KnobChanges
from wame_box.sessions.engines.sandbox.models import ChatMessage, Phone
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.live import announce
from wame_box.sessions.models import EngineKind, NewSession, Session, SessionQr, SessionState, SessionStatus, SessionStatusChanged
from wame_box.sessions.supervisor import Supervisor
from wame_box.sessions.turn_knobs import turn_knobs

NOON = 1_767_268_800_000
CALM = KnobChanges(
    ack_ms=(0, 0),
    deliver_ms=(1_000, 1_000),
    read_ms=(2_000, 2_000),
    reply_ms=(3_000, 3_000),
    read_rate=1.0,
    reply_rate=0.0,
    failure_rate=0.0,
    not_on_whatsapp_rate=0.0,
)
CUSTOMER = "+447700900123"


@dataclass
class Stage:
    """`said`: what engines told the slice above; `batches`: how many at a time. `refuse` makes that slice store nothing."""

    folder: Path
    key: bytes
    clock: FakeClock
    kernel: Kernel
    world: SandboxWorld
    supervisor: Supervisor
    said: list[Receipt | Inbound] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    refuse: bool = False
    stopped: bool = False

    def hear(self, tx: Tx, session: Session, events: list[Receipt | Inbound]) -> None:
        if self.refuse:
            raise RuntimeError("the slice above is broken")
        tx.after_commit(lambda: self.said.extend(events))
        tx.after_commit(lambda: self.batches.append(len(events)))

    async def rest(self) -> None:
        """Returns when nothing goes on that does not wait for the clock."""
        quiet = 0
        while quiet < 4:
            await asyncio.sleep(0.002)
            quiet = quiet + 1 if _idle(self.kernel.db) and _idle(self.world.db) else 0

    async def play(self, milliseconds: int) -> None:
        """Moves the clock on, stopping wherever somebody wants to wake."""
        end = self.clock.now() + milliseconds
        await self.rest()
        while (wake := self.clock.next_wake()) is not None and wake <= end:
            self.clock.advance_to(wake)
            await self.rest()
        self.clock.advance_to(end)
        await self.rest()

    async def account(self, name: str) -> Caller:
        account_id = await self.kernel.db.write(accounts.insert_account, name, "UTC", "en", None)
        return Caller(account_id, name, "UTC", None, "en", ROLE_SCOPES[Role.OWNER])

    async def session(self, caller: Caller, name: str = "Shop") -> Session:
        """A new session whose code is shown."""
        session = await self.kernel.db.write(create_session, caller, NewSession(name), self.supervisor)
        await self.rest()
        return await self.row(session.id)

    async def linked(self, caller: Caller, name: str = "Shop", knobs: KnobChanges = CALM) -> tuple[Session, Phone]:
        """A session linked to a new phone of the owner's, with knobs that leave nothing to chance."""
        session = await self.session(caller, name)
        await self.kernel.db.write(turn_knobs, caller, session.id, knobs, self.world)
        phone = await phones.add_phone(self.world, caller.account_id, name)
        await self.scan(caller, phone, session)
        return await self.row(session.id), phone

    async def scan(self, caller: Caller, phone: Phone, session: Session) -> None:
        code = self.supervisor.qr(session.id)
        assert code is not None
        await phones.scan(self.world, caller.account_id, phone.number, code.text)
        await self.rest()

    async def turn(self, caller: Caller, session: Session, **changes: Any) -> None:
        await self.kernel.db.write(turn_knobs, caller, session.id, KnobChanges(**changes), self.world)
        await self.rest()

    async def row(self, session_id: int) -> Session:
        found = await self.kernel.db.read(store.any_session_row, session_id)
        assert found is not None
        return found

    async def history(self, session_id: int) -> list[tuple[SessionStatus, str | None]]:
        """Oldest first."""
        states: list[SessionState] = await self.kernel.db.read(store.states_of, session_id, 100)
        return [(state.status, state.reason) for state in reversed(states)]

    def engine(self, session: Session) -> Engine:
        engine = self.supervisor.engine(session.id)
        assert engine is not None
        return engine

    async def stop(self) -> None:
        if self.stopped:
            return
        self.stopped = True
        await self.supervisor.stop()
        await self.world.stop()
        await self.kernel.http.close()
        await self.kernel.db.close()


def _idle(db: Database) -> bool:
    return db.idle() and db._readers.qsize() == len(db._all_readers)


def text(wa_id: str, to: str = CUSTOMER, body: str = "Hello") -> OutboundMessage:
    return OutboundMessage(1, wa_id, to, MessageKind.TEXT, {"body": body}, reference=f"ref-{wa_id}")


def check_policy(engine: EngineKind, name: str | None) -> str:
    return '{"name": "unpaced"}'


async def set_up(folder: Path, key: bytes | None = None, clock: FakeClock | None = None, *, with_sandbox: bool = True) -> Stage:
    """Builds the stage; over the folder of one that stopped (or was killed) it is the same box again."""
    key = key or os.urandom(32)
    clock = clock or FakeClock(NOON)
    migrations.migrate(folder / "box.db", key)
    config = Config()
    db = Database(folder / "box.db", key, clock)
    kernel = Kernel(config, clock, db, LiveHub(), FileStore(folder / "files"), OutboundHttp(config.outbound))
    told = announce(kernel.live)
    db.reactions.core = {SessionStatusChanged: [told], SessionQr: [told]}
    world = SandboxWorld(folder / "sandbox", key, clock, kernel.live.publish)
    stage: Stage

    def hear(tx: Tx, session: Session, events: list[Receipt | Inbound]) -> None:
        stage.hear(tx, session, events)

    engines = {EngineKind.SANDBOX: SandboxEngines(world)} if with_sandbox else {}
    supervisor = Supervisor(kernel, engines, hear, check_policy, rng=random.Random(1))
    stage = Stage(folder, key, clock, kernel, world, supervisor)
    await db.open()
    await world.start()
    await supervisor.start()
    return stage


def lines(stage: Stage) -> list[dict[str, object]]:
    """What the ledger's file says."""
    return [json.loads(line) for line in (stage.folder / "sandbox" / "ledger.jsonl").read_text().splitlines()]


def told(stage: Stage) -> list[tuple[str, str]]:
    """(WhatsApp id, what happened), in the order the box was told."""
    return [(one.refs[0], one.status.value) if isinstance(one, Receipt) else (one.wa_id, "inbound") for one in stage.said]


async def chat(stage: Stage, session_id: int, number: str = CUSTOMER) -> list[ChatMessage]:
    """Oldest first."""
    rows, _ = await phones.list_messages(stage.world, session_id, number, Window(limit=200))
    return rows[::-1]
