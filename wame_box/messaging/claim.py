"""Choosing what a session sends next: one transaction that reads the queue, asks pacing, and claims.

A session's queue has lanes: single messages, and each running batch; each lane has one part for people the session knows and
one for new people. So a paused batch or a used-up cap of new people costs nothing, however long its queue is.
"""

from __future__ import annotations

import heapq
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wame_box.accounts import store as accounts
from wame_box.contacts.phone import time_zone_of
from wame_box.kernel.db import Tx
from wame_box.messaging import batch_store, pacing, pacing_store, peer_store, postponed_store, store
from wame_box.messaging.store import Queued
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import Capabilities, OutboundMessage
from wame_box.sessions.models import Session

POSTPONED_AT_ONCE = 200


@dataclass
class Claim:
    """What to send now; until when nothing more may go (None: until something new is queued); whether more is due."""

    messages: list[OutboundMessage] = field(default_factory=list)
    wait_until: int | None = None
    more: bool = False


def new_wa_id() -> str:
    """A message id in the form that linked devices make: `3EB0` and 18 hex digits."""
    return "3EB0" + secrets.token_hex(9).upper()


def claim(tx: Tx, session_id: int, room: int, capabilities: Capabilities, rng: random.Random) -> Claim:
    """Claims up to `room` messages of a session."""
    session = sessions.session_row(tx, session_id)
    if session is None:
        return Claim()
    return _Chooser(tx, session, room, capabilities, rng).choose()


class _Chooser:
    """The state of one claim."""

    def __init__(self, tx: Tx, session: Session, room: int, capabilities: Capabilities, rng: random.Random) -> None:
        self._tx = tx
        self._session = session
        self._room = room
        self._capabilities = capabilities
        self._rng = rng
        self._policy = pacing.read_policy(session.policy)
        stored = pacing_store.state(tx, session.id)
        self._state = pacing.read_state(stored) if stored else pacing.PacingState()
        if session.restricted_until != self._state.restricted_until:
            self._state = msgspec.structs.replace(self._state, restricted_until=session.restricted_until)
        account = accounts.account(tx, session.account_id)
        self._zone = account.time_zone if account else "UTC"
        self._age = tx.now - (session.paired_at or tx.now)
        self._claim = Claim()
        self._strangers_until: int | None = None
        self._held: tuple[int | None, str | None] = (None, None)  # until when and why the session, or its new people, wait
        self._postponed = False
        self._met: set[str] = set()  # people this claim makes known

    def choose(self) -> Claim:
        lanes = [0, *batch_store.running_of(self._tx, self._session.id)]
        for candidate in self._candidates(lanes):
            if len(self._claim.messages) >= self._room or not self._consider(candidate):
                break
        taken = len(self._claim.messages)
        if self._claim.wait_until is None:
            # Whoever was postponed made place for others, who may be due and were not looked at.
            self._claim.more = taken >= self._room or self._postponed
            self._claim.wait_until = None if self._claim.more else self._next_time(lanes)
        state = msgspec.json.encode(self._state).decode()
        pacing_store.save(self._tx, self._session.id, state, *self._held)
        return self._claim

    def _candidates(self, lanes: list[int]) -> Iterator[Queued]:
        limit = self._room + POSTPONED_AT_ONCE if self._policy.quiet_hours else self._room
        parts = [
            store.due(self._tx, self._session.id, lane, is_new, self._tx.now, limit) for lane in lanes for is_new in (False, True)
        ]
        return heapq.merge(*parts, key=lambda row: (row.priority, row.due_at, row.id))

    def _consider(self, row: Queued) -> bool:
        """Claims or postpones one message. False: the whole session waits."""
        stranger = row.is_new and row.address not in self._met
        if stranger and self._strangers_until is not None:
            return True
        decision = pacing.decide(
            self._policy,
            self._state,
            self._tx.now,
            stranger=stranger,
            warm=row.first_in_at is not None,
            bulk=row.batch_id > 0,
            recipient_zone=time_zone_of(row.address) if self._policy.quiet_hours else None,
            account_zone=self._zone,
            session_age_ms=self._age,
            rng=self._rng,
        )
        if isinstance(decision, pacing.Go):
            self._take(row, stranger)
        elif decision.scope == "session":
            self._claim.wait_until = decision.until
            self._held = (decision.until, decision.reason)
            return False
        elif decision.scope == "strangers":
            self._strangers_until = decision.until
            self._held = (decision.until, decision.reason)
        else:
            postponed_store.postpone(self._tx, row.id, decision.until, decision.reason)
            self._postponed = True
        return True

    def _take(self, row: Queued, stranger: bool) -> None:
        wa_id = row.wa_id or (new_wa_id() if self._capabilities.own_ids else None)
        store.mark_claimed(self._tx, row.id, wa_id)
        peer_store.note_outbound(self._tx, self._session.id, row.address, row.contact_id)
        if stranger:
            self._met.add(row.address)
            peer_store.no_longer_new(self._tx, self._session.id, row.address)
        content = msgspec.json.decode(row.content, type=dict[str, Any])
        text = content.get("body") or content.get("caption") or ""
        typing = pacing.typing_ms(self._policy, len(text)) if text else 0
        self._state = pacing.spend(
            self._policy,
            self._state,
            self._tx.now,
            stranger=stranger,
            warm=row.first_in_at is not None,
            account_zone=self._zone,
            rng=self._rng,
            busy_ms=typing,
        )
        self._claim.messages.append(as_outbound(row, wa_id or "", typing))

    def _next_time(self, lanes: list[int]) -> int | None:
        """When something may be due that is not now."""
        times = [
            store.next_due(self._tx, self._session.id, lane, is_new, self._tx.now) for lane in lanes for is_new in (False, True)
        ]
        return min((moment for moment in [*times, self._strangers_until] if moment is not None), default=None)


def as_outbound(row: Queued, wa_id: str, typing: int = 0) -> OutboundMessage:
    return OutboundMessage(
        message_id=row.id,
        wa_id=wa_id,
        address=row.address,
        kind=row.kind,
        content=msgspec.json.decode(row.content),
        reference=row.reference,
        typing_ms=typing,
    )


def unanswered(tx: Tx, session_id: int, capabilities: Capabilities) -> list[OutboundMessage]:
    """What a crash left in flight: sent again under the same id where the engine allows it, else marked unknown."""
    rows = store.in_flight(tx, session_id)
    if not capabilities.own_ids:
        for row in rows:
            store.mark_unknown(tx, session_id, row.id)
        return []
    for row in rows:
        store.count_attempt(tx, row.id)
    return [as_outbound(row, row.wa_id or new_wa_id()) for row in rows]
