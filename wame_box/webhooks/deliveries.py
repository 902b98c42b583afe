"""Deliveries as they are read, and sent again: a finished one as a new attempt series, a pending one at once."""

from __future__ import annotations

import msgspec

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import N_, Problem, Refused, register
from wame_box.kernel.paging import Window, cut
from wame_box.webhooks import payloads, store
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.endpoints import find
from wame_box.webhooks.models import (
    AttemptView,
    Delivery,
    DeliveryDetail,
    DeliveryPage,
    DeliveryStatus,
    DeliveryView,
    EndpointStatus,
)

register({"endpoint_disabled": Problem(409, N_("This endpoint is switched off. Enable it first."))})


def replay(tx: Tx, deliverer: Deliverer, caller: Caller, delivery_id: int) -> DeliveryView:
    """The delivery that is on its way now: a new one under the same `webhook-id`, or the same one while it is pending.

    Raises: Refused("not_found"), Refused("endpoint_disabled").
    """
    row = find_delivery(tx, caller.account_id, delivery_id)
    endpoint = find(tx, caller.account_id, row.endpoint_id)
    if endpoint.status is EndpointStatus.DISABLED:
        raise Refused("endpoint_disabled")
    if row.status is DeliveryStatus.PENDING:
        store.make_due(tx, row.id)
        again = msgspec.structs.replace(row, next_at=tx.now)
    else:
        new_id = store.insert_delivery(tx, row.account_id, row.endpoint_id, row.event_id, row.lane, tx.now, row.id)
        again = find_delivery(tx, caller.account_id, new_id)
    audit.record(tx, caller, "delivery.replayed", row.public_id, endpoint=endpoint.public_id)
    tx.after_commit(lambda: deliverer.wake([endpoint.id]))
    return DeliveryView.of(again)


def page(sql: Sql, account_id: int, endpoint_id: int, status: DeliveryStatus | None, wanted: Window) -> DeliveryPage:
    """Raises: Refused("not_found") for an endpoint that is not the account's."""
    find(sql, account_id, endpoint_id)
    rows, after = cut(store.deliveries(sql, account_id, endpoint_id, status, wanted.before, wanted.limit + 1), wanted)
    return DeliveryPage([DeliveryView.of(row) for row in rows], after)


def find_delivery(sql: Sql, account_id: int, delivery_id: int) -> Delivery:
    """Raises: Refused("not_found")."""
    row = store.delivery(sql, account_id, delivery_id)
    if row is None:
        raise Refused("not_found")
    return row


def show(sql: Sql, account_id: int, delivery_id: int) -> DeliveryDetail:
    """Raises: Refused("not_found")."""
    row = find_delivery(sql, account_id, delivery_id)
    event = store.event(sql, account_id, row.event_id)
    if event is None:
        raise Refused("not_found")
    attempts = [AttemptView.of(one) for one in store.attempts(sql, row.id)]
    return DeliveryDetail(DeliveryView.of(row), msgspec.Raw(payloads.body(event)), attempts)
