"""Lists of messages: no filter that few messages pass makes SQLite walk through all of an account's."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.messaging.engine import HOLD
from tests.messaging.post import DIANE, ELENA, FARAH, Post
from wame_box.contacts import store as contacts
from wame_box.kernel.db import Sql
from wame_box.messaging import filters, log_store, store
from wame_box.messaging.models import Direction, MessageStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

S = MessageStatus
RARE: list[tuple[dict[str, Any], str]] = [
    *(({"status": status}, "messages_by_status (account_id=? AND status=? AND id<?)") for status in sorted(filters.RARE)),
    ({"status": S.SENDING}, "messages_in_flight (session_id=? AND id<?)"),
    ({"status": S.RECEIVED}, "messages_received (account_id=? AND id<?)"),
    ({"direction": Direction.IN}, "messages_received (account_id=? AND id<?)"),
    ({"batch_id": 7}, "COVERING INDEX messages_once_per_"),
    ({"batch_id": 7, "status": S.READ}, "messages_once_per_"),
    ({"batch_id": 7, "status": S.FAILED}, "messages_by_status (account_id=? AND status=? AND id>? AND id<?)"),
    ({"address": DIANE}, "messages_of_chat (session_id=? AND address=?"),
    ({"contact_id": 7}, "messages_of_chat (session_id=? AND address=?"),
    ({"contact_id": 7, "status": S.FAILED}, "messages_of_chat (session_id=? AND address=?"),
    ({"contact_id": 7, "batch_id": 7, "session_id": 7}, "messages_of_chat (session_id=? AND address=?"),
]


@pytest.mark.parametrize(("wanted", "index"), RARE)
async def test_a_rare_filter_has_its_index(post: Post, wanted: dict[str, Any], index: str) -> None:
    query, params = filters.page(1, 1 << 62, 50, **wanted)

    def plan(sql: Sql) -> list[str]:
        return [row[3] for row in sql.rows(f"EXPLAIN QUERY PLAN {query}", *params)]

    steps = await post.read(plan)
    assert any(index in step for step in steps), steps
    assert not any("messages_of_account" in step or step.startswith("SCAN") for step in steps), steps


async def test_every_mix_of_filters_finds_what_passes_them_all(post: Post) -> None:
    other = await post.session_named("Other")
    await post.hear("Hi", DIANE)
    await post.hear("Hello", ELENA)
    post.wire.script = {FARAH: [HOLD]}
    batch = await post.batch(DIANE, ELENA, FARAH)
    for session in (post.session, other):
        for address in (DIANE, ELENA):
            await post.send(address, session=session)
    await post.send(
        DIANE, scheduled_at="2027-01-10T10:00:00Z" if post.clock.now() > 1_790_000_000_000 else "2026-09-01T10:00:00Z"
    )
    await post.rest()
    diane = await post.read(contacts.by_address, post.owner.account_id, DIANE)
    everything = await post.read(store.messages, post.owner.account_id, 1 << 62, 1000)
    assert {row.status for row in everything} == {S.SENT, S.SENDING, S.QUEUED, S.RECEIVED}
    values: dict[str, list[Any]] = {
        "session_id": [None, post.session.id, other.id],
        "batch_id": [None, batch],
        "contact_id": [None, diane.id],
        "address": [None, DIANE, ELENA],
        "direction": [None, *Direction],
        "status": [None, *S],
    }
    mixes = [dict(zip(values, mix, strict=True)) for mix in itertools.product(*values.values())]

    def ask(sql: Sql) -> list[tuple[dict[str, Any], list[int], list[int] | None]]:
        found = []
        for mix in mixes:
            rows = store.messages(sql, post.owner.account_id, 1 << 62, 1000, **mix)
            without = {name: value for name, value in mix.items() if name != "contact_id"}
            lines = None if mix["contact_id"] else log_store.lines(sql, post.owner.account_id, 1 << 62, 1000, **without)
            found.append((mix, [row.id for row in rows], None if lines is None else [line.id for line in lines]))
        return found

    for mix, rows, lines in await post.read(ask):
        wanted = [
            row.id for row in everything if all(value is None or getattr(row, name) == value for name, value in mix.items())
        ]
        assert rows == wanted, mix
        assert lines is None or lines == wanted, mix


async def test_another_account_sees_nothing_of_it(post: Post) -> None:
    batch = await post.batch(DIANE, ELENA)
    await post.hear("Hi", DIANE)
    diane = await post.read(contacts.by_address, post.owner.account_id, DIANE)
    wishes: list[dict[str, Any]] = [{"batch_id": batch}, {"contact_id": diane.id}, {"session_id": post.session.id}]
    for wish in wishes:
        assert await post.read(lambda sql, wish=wish: store.messages(sql, post.owner.account_id, 1 << 62, 10, **wish))
        assert not await post.read(lambda sql, wish=wish: store.messages(sql, post.owner.account_id + 1, 1 << 62, 10, **wish))
