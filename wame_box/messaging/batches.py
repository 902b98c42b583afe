"""Batches: messages created together. They are filled in chunks, paused, resumed, stopped, and finish by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.messaging import batch_store, peer_store, store
from wame_box.messaging.models import Batch, BatchStatus, MessageStatus, Priority
from wame_box.messaging.receipts import close_batch
from wame_box.sessions.engine import MessageKind

CANCEL_CHUNK = 500

Wake = Callable[[int], None]


@dataclass(frozen=True)
class Recipient:
    """One message of a batch: to whom, and its content as JSON."""

    contact_id: int | None
    address: str
    content: str


def create(tx: Tx, account_id: int, session_id: int, kind: str) -> int:
    """An empty, running batch. `kind` says what made it, such as `campaign`."""
    return batch_store.insert(tx, account_id, session_id, kind)


def add(tx: Tx, batch: Batch, kind: MessageKind, recipients: Sequence[Recipient], wake: Wake) -> int:
    """Adds messages; somebody who is in the batch already is left out. Returns how many were added."""
    added = 0
    for recipient in recipients:
        if batch_store.reaches(tx, batch.id, recipient.contact_id, recipient.address):
            continue
        store.insert_outbound(
            tx,
            batch.account_id,
            batch.session_id,
            recipient.contact_id,
            recipient.address,
            kind,
            recipient.content,
            is_new=peer_store.peer(tx, batch.session_id, recipient.address) is None,
            due_at=tx.now,
            batch_id=batch.id,
            priority=Priority.BATCH,
        )
        added += 1
    if added:
        batch_store.count(tx, batch.id, total=added)
        tx.after_commit(lambda: wake(batch.session_id))
    return added


def complete(tx: Tx, batch: Batch) -> None:
    """Says that the batch is full: it finishes when its last message comes to an end."""
    batch_store.mark_complete(tx, batch.id)
    close_batch(tx, batch.account_id, batch.id)


def pause(tx: Tx, account_id: int, batch_id: int) -> None:
    """What is in flight goes out; nothing more is claimed. Raises: Refused("state_changed")."""
    _move(tx, account_id, batch_id, (BatchStatus.RUNNING,), BatchStatus.PAUSED)


def resume(tx: Tx, account_id: int, batch_id: int, wake: Wake) -> None:
    """Raises: Refused("state_changed")."""
    _move(tx, account_id, batch_id, (BatchStatus.PAUSED,), BatchStatus.RUNNING)
    close_batch(tx, account_id, batch_id)  # its last message in flight may have ended meanwhile
    row = batch_store.batch(tx, account_id, batch_id)
    if row is not None:
        tx.after_commit(lambda: wake(row.session_id))


def stop(tx: Tx, account_id: int, batch_id: int) -> None:
    """For good. The rest is cancelled in chunks afterwards (`cancel_rest`). Raises: Refused("state_changed")."""
    _move(tx, account_id, batch_id, (BatchStatus.RUNNING, BatchStatus.PAUSED), BatchStatus.STOPPED)


def cancel_rest(tx: Tx, batch_id: int) -> int:
    """Cancels some of a stopped batch's queued messages. Call it until it returns 0."""
    return batch_store.cancel_some(tx, batch_id, CANCEL_CHUNK)


def cancel_for_person(tx: Tx, account_id: int, address: str) -> int:
    """Takes back everything that waits for somebody who opted out. Returns how many messages."""
    rows = store.queued_for_address(tx, account_id, address)
    for row in rows:
        store.set_progress(tx, row, MessageStatus.CANCELLED, {}, "recipient_opted_out")
        if row.batch_id:
            batch_store.count(tx, row.batch_id, cancelled=1)
            close_batch(tx, account_id, row.batch_id)
    return len(rows)


def _move(tx: Tx, account_id: int, batch_id: int, old: tuple[BatchStatus, ...], new: BatchStatus) -> None:
    if not batch_store.move(tx, account_id, batch_id, old, new):
        raise Refused("state_changed")
