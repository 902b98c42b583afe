"""The campaigns slice on a migrated temporary database, with a clock that stands still: no engine, no web."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.campaigns.stage import Stage, set_stage
from tests.conftest import House
from tests.factories import Person
from wame_box.accounts.models import Caller, Setup
from wame_box.accounts.permissions import ROLE_SCOPES, Role
from wame_box.accounts.setup import create_account
from wame_box.campaigns import draft, launch, store
from wame_box.campaigns.announce import CAMPAIGN_EVENTS
from wame_box.campaigns.expand import expand
from wame_box.campaigns.finish import batch_finished
from wame_box.campaigns.models import Campaign, CampaignEvent, CampaignText, Launch, NewCampaign
from wame_box.contacts import consent, list_store
from wame_box.contacts import store as contacts
from wame_box.contacts.consent import ContactOptedOut
from wame_box.kernel import ids, migrations
from wame_box.kernel.clock import FakeClock
from wame_box.kernel.config import Config
from wame_box.kernel.db import Database, Sql, Tx
from wame_box.kernel.files import FileStore
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import LiveHub
from wame_box.kernel.outbound_http import OutboundHttp
from wame_box.messaging import batch_store, batches, receipts
from wame_box.messaging import store as messages
from wame_box.messaging.models import Batch, BatchFinished
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import Sent
from wame_box.sessions.models import EngineKind
from wame_box.sessions.policy import UNPACED, write_policy

NOW = 1_800_000_000_000
KEY = bytes(32)


@dataclass
class Desk:
    """Where campaigns are made: accounts of Alice and Charlie, a session of Alice's, and hands to make things happen."""

    kernel: Kernel
    clock: FakeClock
    alice: Caller
    charlie: Caller
    session_id: int
    events: list[CampaignEvent] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    news: int = 0

    async def write(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.kernel.db.write(fn, *args, **kwargs)

    async def read(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.kernel.db.read(fn, *args, **kwargs)

    async def people(
        self, count: int, *, opted_in: bool = True, first: int = 0, name: str = "Person", **attributes: str
    ) -> list[int]:
        """Contacts of Alice's with consecutive numbers."""

        def work(tx: Tx) -> list[int]:
            made = []
            for number in range(first, first + count):
                address = f"+3363998{number:04d}"
                row = contacts.insert(tx, self.alice.account_id, address, f"{name} {number}".strip(), None, attributes)
                if opted_in:
                    consent.opt_in(tx, self.alice.account_id, row.id, source="web form", proof=None)
                made.append(row.id)
            return made

        return await self.kernel.db.write(work)

    async def opt_out(self, contact_id: int) -> None:
        await self.write(consent.opt_out, self.alice.account_id, contact_id, source="keyword", proof=None)

    async def list_of(self, contact_ids: list[int], name: str = "Regulars") -> int:
        def work(tx: Tx) -> int:
            row = list_store.insert(tx, self.alice.account_id, name)
            list_store.add(tx, row.id, contact_ids)
            return row.id

        return await self.kernel.db.write(work)

    async def draft(self, body: str = "Hello {{first_name|you}}", **changes: Any) -> Campaign:
        wish = NewCampaign(name="Autumn", session=ids.show("ses", self.session_id), text=CampaignText(body))
        wish = msgspec.structs.replace(wish, **changes)
        made: Campaign = await self.write(draft.create, self.alice, wish, self.kernel.http.check_url)
        return made

    async def launch(self, row: Campaign, wish: Launch | None = None, caller: Caller | None = None) -> Campaign:
        who = caller or self.alice
        audience = await self.read(launch.look, who, row.id)
        launched: Campaign = await self.write(launch.launch, who, row.id, wish or Launch(), audience, self.noted)
        return launched

    def noted(self) -> None:
        self.news += 1

    async def expand(self, row: Campaign, chunks: int = 1 << 30) -> bool:
        """So many chunks, or all. True: there is more."""
        more = True
        while more and chunks:
            more = await self.kernel.db.write_low(expand, row.id, self.woken.append)
            chunks -= 1
        return more

    async def row(self, row: Campaign) -> Campaign:
        found: Campaign = await self.read(store.any_campaign, row.id)
        return found

    async def batch(self, row: Campaign) -> Batch:
        now = await self.row(row)
        found: Batch = await self.read(batch_store.batch, now.account_id, now.batch_id)
        return found

    async def addresses(self, row: Campaign) -> list[str]:
        """Everybody who has a message of this campaign, as often as they have one."""
        batch_id = (await self.row(row)).batch_id

        def work(sql: Sql) -> list[str]:
            return sql.values("SELECT address FROM messages WHERE batch_id = ? ORDER BY id", batch_id)

        return await self.kernel.db.read(work)

    async def send(self, row: Campaign, count: int, *, fail: str | None = None) -> list[int]:
        """The next queued messages are taken by WhatsApp's server, or refused. Returns their ids."""
        now = await self.row(row)

        def work(tx: Tx) -> list[int]:
            found = tx.values(
                "SELECT id FROM messages WHERE batch_id = ? AND status = 'queued' ORDER BY id LIMIT ?", now.batch_id, count
            )
            for number in found:
                messages.mark_claimed(tx, number, f"WA{number}")
                if fail:
                    receipts.record_failed(tx, self.session_id, number, fail)
                else:
                    receipts.record_sent(tx, self.session_id, number, Sent(f"WA{number}", tx.now))
            return found

        return await self.kernel.db.write(work)


@pytest.fixture
async def kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    path = tmp_path / "box.db"
    migrations.migrate(path, KEY)
    clock = FakeClock(NOW)
    config = Config()
    db = Database(path, KEY, clock, synchronous="OFF")
    kernel = Kernel(config, clock, db, LiveHub(), FileStore(tmp_path / "files"), OutboundHttp(config.outbound))
    await db.open()
    yield kernel
    await kernel.http.close()
    await db.close()


def owner(account_id: int, member_id: int, name: str) -> Caller:
    scopes = ROLE_SCOPES[Role.OWNER]
    return Caller(account_id, name, "Europe/Paris", "FR", "en", scopes, member_id=member_id, member_name=name, role=Role.OWNER)


@pytest.fixture
async def desk(kernel: Kernel) -> Desk:
    assert isinstance(kernel.clock, FakeClock)
    people = []
    for name in ("Alice", "Charlie"):
        wish = Setup(name, name, f"{name.lower()}@example.com", "", "Europe/Paris", "en")
        people.append(owner(*await kernel.db.write(create_account, wish, "x", is_operator=False), name))
    session = await kernel.db.write(
        sessions.insert_session, people[0].account_id, "Shop", EngineKind.SANDBOX, write_policy(UNPACED)
    )
    desk = Desk(kernel, kernel.clock, people[0], people[1], session.id)

    def keep(tx: Tx, event: CampaignEvent, event_id: int) -> None:
        desk.events.append(event)

    def take_back(tx: Tx, event: ContactOptedOut, event_id: int) -> None:
        batches.cancel_for_person(tx, event.account_id, event.address)

    reactions = kernel.db.reactions.core
    reactions[BatchFinished] = [batch_finished]
    reactions[ContactOptedOut] = [take_back]
    reactions.update({kind: [keep] for kind in CAMPAIGN_EVENTS})
    return desk


@pytest.fixture
async def stage(house: House, alice: Person) -> Stage:
    """Alice's running box with a session, a list and four people."""
    return await set_stage(house.box, alice)
