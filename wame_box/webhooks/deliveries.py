"""Deliveries as they are read, and sent again: a finished one as a new attempt series, a pending one at once."""

from __future__ import annotations

from dataclasses import dataclass

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
    Attempt,
    AttemptView,
    Delivery,
    DeliveryDetail,
    DeliveryPage,
    DeliveryStatus,
    DeliveryView,
    Endpoint,
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


# -- for the pages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeenDelivery:
    """A delivery with all there is to know. `headers` are those of the latest attempt; the signature is for who may see it."""

    delivery: Delivery
    endpoint: Endpoint
    payload: bytes
    attempts: list[Attempt]
    headers: dict[str, str]


@dataclass(frozen=True)
class SeenEndpoint:
    """An endpoint with one page of its deliveries, and the test that was just sent."""

    endpoint: Endpoint
    pending: int
    rows: list[Delivery]
    next_cursor: str | None
    test: Delivery | None
    test_attempt: Attempt | None


def see_endpoint(
    sql: Sql, account_id: int, endpoint_id: int, status: DeliveryStatus | None, wanted: Window, test_id: int | None
) -> SeenEndpoint:
    """Raises: Refused("not_found")."""
    endpoint = find(sql, account_id, endpoint_id)
    rows, after = cut(store.deliveries(sql, account_id, endpoint_id, status, wanted.before, wanted.limit + 1), wanted)
    test = store.delivery(sql, account_id, test_id) if test_id else None
    attempts = store.attempts(sql, test.id) if test else []
    return SeenEndpoint(endpoint, store.pending(sql, endpoint_id), rows, after, test, attempts[-1] if attempts else None)


def see_delivery(sql: Sql, account_id: int, delivery_id: int, *, signed: bool) -> SeenDelivery:
    """Raises: Refused("not_found")."""
    row = find_delivery(sql, account_id, delivery_id)
    event, endpoint = store.event(sql, account_id, row.event_id), find(sql, account_id, row.endpoint_id)
    if event is None:
        raise Refused("not_found")
    attempts = store.attempts(sql, row.id)
    content = payloads.body(event)
    latest = attempts[-1].created_at if attempts else row.created_at
    headers = payloads.headers(endpoint.secret, row.event_id, latest, content)
    if not signed:
        headers.pop("webhook-signature")
    return SeenDelivery(row, endpoint, content, attempts, headers)
