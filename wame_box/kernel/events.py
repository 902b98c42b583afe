"""Events: something that happened, typed and stored. What must go upwards through the ranks goes as an event.

`Tx.emit` stores the event and runs, in the same transaction, the reactions listed for its type. Core reactions stand or fall
with the transaction; each follower runs in a savepoint of its own: one that fails is rolled back alone, noted in
`failed_reactions` and run again by a job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import structlog

from wame_box.kernel import ids

if TYPE_CHECKING:
    from wame_box.kernel.db import Tx


log = structlog.get_logger()

MOST_ATTEMPTS = 20
NEVER = (1 << 63) - 1


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. `type` is the public name; `data()` the public payload, the same for every engine."""

    type: ClassVar[str]
    stored: ClassVar[bool] = True  # False: for the house only, no row and no webhook

    account_id: int
    session_id: int | None = None

    def data(self) -> Any:
        """What the outside sees: a struct or dict of JSON types, public ids, RFC 3339 times."""
        return {}

    def lane(self) -> str:
        """Events of one lane are delivered in order: a chat, a session, a campaign."""
        return ""


Reaction = Callable[["Tx", Any, int], None]


@dataclass
class Reactions:
    """Event type -> the functions that follow, in order. Each is called as `fn(tx, event, event_id)`."""

    core: dict[type[Event], list[Reaction]] = field(default_factory=dict)
    followers: dict[type[Event], list[Reaction]] = field(default_factory=dict)

    def of(self, event: Event) -> tuple[list[Reaction], list[Reaction]]:
        kind = type(event)
        return self.core.get(kind, []) + self.core.get(Event, []), self.followers.get(kind, [])

    def follower_named(self, name: str) -> tuple[type[Event], Reaction] | None:
        """The follower noted under this name in `failed_reactions`."""
        for kind, functions in self.followers.items():
            for function in functions:
                if reaction_name(function) == name:
                    return kind, function
        return None


def reaction_name(function: Reaction) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def next_sequence(tx: Tx, account_id: int) -> int:
    """A number that rises by one with each event of the account."""
    return int(
        tx.value(
            "INSERT INTO event_sequences (account_id, last) VALUES (?, 1)"
            " ON CONFLICT (account_id) DO UPDATE SET last = last + 1 RETURNING last",
            account_id,
        )
    )


def store_event(tx: Tx, event: Event, event_id: int) -> None:
    tx.run(
        "INSERT INTO events (id, account_id, session_id, type, lane, sequence, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        event_id,
        event.account_id,
        event.session_id,
        event.type,
        event.lane(),
        next_sequence(tx, event.account_id),
        msgspec.json.encode(event.data()).decode(),
        tx.now,
    )


def note_failure(tx: Tx, event: Event, event_id: int, reaction: Reaction, error: Exception) -> None:
    """Keeps what is needed to run a failed follower again: the event itself, in the house's own shape."""
    tx.run(
        "INSERT INTO failed_reactions (event_id, reaction, event, error, attempts, next_at, created_at)"
        " VALUES (?, ?, ?, ?, 1, ?, ?)",
        event_id,
        reaction_name(reaction),
        msgspec.json.encode(event).decode(),
        f"{type(error).__name__}: {error}"[:500],
        tx.now + 60_000,
        tx.now,
    )


def retry_failed(tx: Tx, reactions: Reactions, limit: int = 50) -> int:
    """Runs due failed followers again, each in its savepoint. Returns how many succeeded. After 20 attempts, which take four
    days, one is given up: its row stays for whoever finds the bug."""
    due = tx.rows(
        "SELECT id, event_id, reaction, event, attempts FROM failed_reactions WHERE next_at <= ? ORDER BY next_at LIMIT ?",
        tx.now,
        limit,
    )
    return sum(_retry_one(tx, reactions, *row) for row in due)


def _retry_one(tx: Tx, reactions: Reactions, row: int, event_id: int, name: str, event: str, attempts: int) -> bool:
    found = reactions.follower_named(name)
    error: Exception | None = LookupError("no such reaction any more")
    if found:
        kind, function = found
        error = tx.attempt(function, msgspec.json.decode(event, type=kind), event_id)
    if error is None:
        tx.run("DELETE FROM failed_reactions WHERE id = ?", row)
        return True
    text, next_at = f"{type(error).__name__}: {error}"[:500], tx.now + min(60_000 * 2**attempts, 6 * 3_600_000)
    if attempts + 1 >= MOST_ATTEMPTS:
        next_at = NEVER
        log.error("reaction.given_up", reaction=name, event_id=ids.show("evt", event_id), attempts=attempts + 1, error=text)
    tx.run(
        "UPDATE failed_reactions SET attempts = attempts + 1, next_at = ?, error = ? WHERE id = ?",
        next_at,
        text,
        row,
    )
    return False
