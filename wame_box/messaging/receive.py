"""An incoming message: deduplicated, its sender known or made known, opt-out words obeyed, stored, told. One transaction."""

from __future__ import annotations

from collections.abc import Callable

from wame_box.contacts import consent
from wame_box.contacts import store as contacts
from wame_box.contacts.optout import is_opt_in, is_opt_out
from wame_box.kernel.clock import DAY
from wame_box.kernel.db import Tx
from wame_box.messaging import batch_store, peer_store, postponed_store, store
from wame_box.messaging.models import MessageReceived, MessageStatus
from wame_box.sessions.engine import Inbound, MessageKind
from wame_box.sessions.models import Session

REPLY_WINDOW = 7 * DAY


def receive(tx: Tx, session: Session, inbound: Inbound, wake: Callable[[int], None] | None = None) -> int | None:
    """Returns the message's id, or None for a copy of one that was stored before. `wake(session_id)` is called after the commit
    when messages to this person waited because he was new, or the number restricted: they may go now."""
    if store.seen_inbound(tx, session.id, inbound.wa_id):
        return None
    contact = contacts.find_or_make(tx, session.account_id, inbound.address, inbound.push_name)
    message_id = store.insert_inbound(
        tx,
        session.account_id,
        session.id,
        contact.id,
        inbound.address,
        inbound.kind,
        inbound.content,
        inbound.wa_id,
        inbound.at,
    )
    peer_store.note_inbound(tx, session.id, inbound.address, contact.id)
    freed = peer_store.no_longer_new(tx, session.id, inbound.address)
    freed += postponed_store.lift_restriction(tx, session.id, inbound.address)
    if freed and wake:
        tx.after_commit(lambda: wake(session.id))
    answered = _count_reply(tx, session.id, inbound.address)
    _obey(tx, session.account_id, contact.id, inbound)
    tx.emit(
        MessageReceived(
            account_id=session.account_id,
            session_id=session.id,
            message_id=message_id,
            batch_id=answered,
            contact_id=contact.id,
            address=inbound.address,
            kind=inbound.kind,
            status=MessageStatus.RECEIVED,
            at=inbound.at,
            wa_id=inbound.wa_id,
            content=inbound.content,
            push_name=inbound.push_name,
        )
    )
    return message_id


def _count_reply(tx: Tx, session_id: int, address: str) -> int:
    """The first answer to a batch's message counts as its reply. Returns the batch, or 0."""
    found = batch_store.answered_batch_message(tx, session_id, address, tx.now - REPLY_WINDOW)
    if found is None:
        return 0
    message_id, batch_id = found
    batch_store.mark_replied(tx, message_id)
    batch_store.count(tx, batch_id, replied=1)
    return batch_id


def _obey(tx: Tx, account_id: int, contact_id: int, inbound: Inbound) -> None:
    if inbound.kind is not MessageKind.TEXT:
        return
    text = str(inbound.content.get("body", ""))
    if is_opt_out(text):
        consent.opt_out(tx, account_id, contact_id, source="keyword", proof=inbound.wa_id)
    elif is_opt_in(text):
        consent.opt_in(tx, account_id, contact_id, source="keyword", proof=inbound.wa_id)
