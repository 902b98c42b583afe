"""The end of a deleted session: its batches stop, what waited is cancelled, what got no answer has failed."""

from __future__ import annotations

from collections import Counter

from wame_box.kernel.db import Tx
from wame_box.messaging import batch_store, receipts, store
from wame_box.messaging.models import BatchStatus, BatchStopped
from wame_box.sessions.models import SessionDeleted

CHUNK = 500
ERROR = "session_deleted"
REASON = "session_gone"


def stop_batches(tx: Tx, event: SessionDeleted) -> None:
    """Stops the session's running and paused batches, and says so. Their messages come to an end with the others (`end_some`)."""
    old = (BatchStatus.RUNNING, BatchStatus.PAUSED)
    for batch_id in batch_store.open_of(tx, event.session_id):
        if batch_store.move(tx, event.account_id, batch_id, old, BatchStatus.STOPPED):
            tx.emit(BatchStopped(account_id=event.account_id, session_id=event.session_id, batch_id=batch_id, reason=REASON))


def end_some(tx: Tx, session_id: int) -> int:
    """Cancels some of a deleted session's queued messages, and fails those in flight. Call it until it returns 0."""
    in_flight = store.in_flight_facts(tx, session_id, CHUNK)
    for row in in_flight:
        receipts.fail(tx, row, ERROR)
    waiting = store.queued_of_session(tx, session_id, CHUNK)
    store.cancel_all(tx, [message_id for message_id, _ in waiting], ERROR)
    for batch_id, number in Counter(batch_id for _, batch_id in waiting if batch_id).items():
        batch_store.count(tx, batch_id, cancelled=number)
    return len(in_flight) + len(waiting)
