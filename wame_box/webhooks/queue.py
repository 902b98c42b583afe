"""The core reaction to every stored event: one pending delivery for each endpoint that asked for its type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from wame_box.kernel.db import Tx
from wame_box.kernel.events import Event
from wame_box.webhooks import store
from wame_box.webhooks.catalogue import wants
from wame_box.webhooks.models import WebhookTest

Wake = Callable[[list[int]], None]


def enqueue(tx: Tx, event: Event, event_id: int, wake: Wake) -> None:
    """Queues a stored event; `wake` is told, after the commit, which endpoints have something new.

    A test is queued by whoever sends it, for its endpoint alone.
    """
    if not event.stored or isinstance(event, WebhookTest):
        return
    # Read each time: a few microseconds, and never at odds with a transaction that is rolled back.
    wanted = [endpoint_id for endpoint_id, types in store.subscribers(tx, event.account_id) if wants(types, event.type)]
    if not wanted:
        return
    store.insert_deliveries(tx, event.account_id, event_id, event.lane(), wanted)
    tx.after_commit(partial(wake, wanted))
