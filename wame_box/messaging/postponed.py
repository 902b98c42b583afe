"""Lets go what waits for quiet hours or a restriction that are others by now: some in the unit of work that changed them, the
rest in the background. What must wait after all is postponed anew when its turn comes."""

from __future__ import annotations

from collections.abc import Callable

from wame_box.kernel.db import Tx
from wame_box.messaging import postponed_store

CHUNK = 500


def release(tx: Tx, session_id: int, go_on: Callable[[int, int], None]) -> None:
    """Lets the first messages go. `go_on(session_id, after)` is called after the commit: lets go those behind the id `after`
    (`release_some`), and wakes the session."""
    last = release_some(tx, session_id, 0)
    tx.after_commit(lambda: go_on(session_id, last))


def release_some(tx: Tx, session_id: int, after: int) -> int:
    """Lets some of the messages go whose ids are greater than `after`. Returns the last one's id, 0 when it was all."""
    # By rising ids: what a claim postpones anew meanwhile is not met again, and the end is reached.
    found = postponed_store.postponed(tx, session_id, after, CHUNK)
    postponed_store.release(tx, found)
    return found[-1] if len(found) == CHUNK else 0
