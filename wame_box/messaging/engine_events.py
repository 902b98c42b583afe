"""What engines say about messages, stored: the door from the sessions slice into this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wame_box.kernel.db import Tx
from wame_box.messaging import receipts
from wame_box.messaging.receive import receive
from wame_box.sessions.engine import Inbound, Receipt
from wame_box.sessions.models import Session


def take(tx: Tx, session: Session, events: Sequence[Receipt | Inbound], wake: Callable[[int], None]) -> None:
    """Receipts and incoming messages, in the engine's own transaction. `wake(session_id)`: more may be sent now."""
    for event in events:
        if isinstance(event, Receipt):
            receipts.apply(tx, session.id, event)
        else:
            receive(tx, session, event, wake)
