"""Event -> the functions that follow, in order, on one screen.

Core reactions stand or fall with the transaction that emitted; followers run in a savepoint of their own.
"""

from __future__ import annotations

from typing import Any

from wame_box.campaigns.announce import CAMPAIGN_EVENTS, tell_pages
from wame_box.campaigns.finish import batch_finished, batch_stopped
from wame_box.contacts import activity
from wame_box.contacts.consent import ContactOptedOut
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.events import Event, Reaction, Reactions
from wame_box.kernel.live import LiveHub
from wame_box.messaging import batches, postponed, session_end
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.models import (
    BatchFinished,
    BatchStopped,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageRead,
    MessageReceived,
    MessageSent,
)
from wame_box.sessions.live import announce
from wame_box.sessions.models import PacingChanged, SessionDeleted, SessionQr, SessionStatusChanged
from wame_box.webhooks.deliver import Deliverer

MESSAGE_EVENTS: tuple[type[MessageEvent], ...] = (
    MessageSent,
    MessageDelivered,
    MessageRead,
    MessageFailed,
    MessageReceived,
)
ACTIVITY: dict[type[Event], str] = {
    MessageSent: "sent",
    MessageDelivered: "delivered",
    MessageRead: "read",
    MessageReceived: "replied",
}


def react(live: LiveHub, deliverer: Deliverer, dispatcher: Dispatcher) -> Reactions:
    """All reactions of the box."""
    show = _tell_message(live)
    reactions = Reactions()
    reactions.core = {
        Event: [deliverer.enqueue],  # every stored event, after the reactions of its own type
        BatchFinished: [batch_finished],
        BatchStopped: [batch_stopped],
        SessionStatusChanged: [announce(live)],
        SessionQr: [announce(live)],
        PacingChanged: [_release(dispatcher)],
        SessionDeleted: [_end_session(dispatcher)],
        ContactOptedOut: [_take_back],
    }
    for event in MESSAGE_EVENTS:
        reactions.core[event] = [show]
    for happened in CAMPAIGN_EVENTS:
        reactions.core[happened] = [tell_pages(live)]
    reactions.followers = {event: [_note_activity] for event in ACTIVITY}
    return reactions


def _take_back(tx: Tx, event: ContactOptedOut, event_id: int) -> None:
    batches.cancel_for_person(tx, event.account_id, event.address)


def _end_session(dispatcher: Dispatcher) -> Reaction:
    def end(tx: Tx, event: SessionDeleted, event_id: int) -> None:
        session_end.stop_batches(tx, event)
        tx.after_commit(lambda: dispatcher.end_session(event.session_id))

    return end


def _release(dispatcher: Dispatcher) -> Reaction:
    def release(tx: Tx, event: PacingChanged, event_id: int) -> None:
        postponed.release(tx, event.session_id, dispatcher.release_rest)

    return release


def _note_activity(tx: Tx, event: Any, event_id: int) -> None:
    if event.contact_id is not None:
        activity.record(tx, event.account_id, event.contact_id, ACTIVITY[type(event)], event.batch_id or None, event.message_id)


def _tell_message(live: LiveHub) -> Reaction:
    def tell(tx: Tx, event: MessageEvent, event_id: int) -> None:
        def publish() -> None:
            live.publish(event.account_id, "messages", {"message": ids.show("msg", event.message_id)})
            if event.batch_id:
                live.publish(event.account_id, f"batch:{ids.show('bat', event.batch_id)}", {"status": event.status})

        tx.after_commit(publish)

    return tell
