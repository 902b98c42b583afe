"""What campaigns need in a running box: a session, a list with four people, and eyes on what happens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.factories import Person
from wame_box.app import Box
from wame_box.campaigns import store
from wame_box.contacts import consent, list_store
from wame_box.contacts import store as contacts
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.sessions import store as sessions
from wame_box.sessions.models import EngineKind
from wame_box.sessions.policy import UNPACED, write_policy

PEOPLE = ("Ada", "Bea", "Cleo", "Dana")  # Dana never gave her consent


@dataclass
class Stage:
    """`session` and `regulars` (a list) are public ids; the session is not connected, so that messages wait."""

    box: Box
    account_id: int
    session: str
    regulars: str
    contacts: list[int]

    async def expanded(self, campaign: str) -> None:
        """Until all its messages are made."""

        def done(sql: Sql) -> bool:
            row = store.any_campaign(sql, ids.parse("cmp", campaign))
            return row is not None and row.expanded

        async with asyncio.timeout(10):
            while not await self.box.kernel.db.read(done):
                await asyncio.sleep(0.005)

    async def cancelled(self, campaign: str, count: int) -> None:
        """Until so many of its messages are cancelled."""

        def found(sql: Sql) -> int:
            return int(
                sql.value(
                    "SELECT b.cancelled FROM campaigns g JOIN batches b ON b.id = g.batch_id WHERE g.id = ?",
                    ids.parse("cmp", campaign),
                )
            )

        async with asyncio.timeout(10):
            while await self.box.kernel.db.read(found) != count:
                await asyncio.sleep(0.005)


async def set_stage(box: Box, person: Person) -> Stage:
    def work(tx: Tx) -> Stage:
        session = sessions.insert_session(tx, person.account_id, "Shop", EngineKind.SANDBOX, write_policy(UNPACED))
        sessions.set_paired(tx, session.id, "+33639980000", "Shop")
        sessions.set_wanted(tx, session.id, False)
        people = []
        for number, name in enumerate(PEOPLE, start=1):
            row = contacts.insert(tx, person.account_id, f"+3363998000{number}", name, None, {"city": "Lyon"})
            if name != "Dana":
                consent.opt_in(tx, person.account_id, row.id, source="web form", proof=None)
            people.append(row.id)
        made = list_store.insert(tx, person.account_id, "Regulars")
        list_store.add(tx, made.id, people)
        return Stage(box, person.account_id, session.public_id, made.public_id, people)

    return await box.kernel.db.write(work)
