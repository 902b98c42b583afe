"""Endpoints, deliveries and events over REST."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.idempotency import Once, answer_once, do_once
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.paging import Window
from wame_box.webhooks import deliveries, endpoints, payloads, store
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.models import (
    CreatedEndpoint,
    DeliveryDetail,
    DeliveryPage,
    DeliveryStatus,
    DeliveryView,
    EndpointChange,
    EndpointPage,
    EndpointView,
    EventPage,
    EventView,
    NewEndpoint,
    SecretView,
    TrialResult,
)
from wame_box.webhooks.trial import send_test

READ = Scope.WEBHOOKS_READ
WRITE = Scope.WEBHOOKS_WRITE


@get("/api/v1/endpoints", scope=READ, tags=["Webhooks"], summary="List endpoints")
async def list_endpoints(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> EndpointPage:
    """Newest first."""
    return await kernel.db.read(endpoints.page, caller.account_id, paging.window(limit, cursor))


@post("/api/v1/endpoints", scope=WRITE, tags=["Webhooks"], summary="Add an endpoint", status_code=201)
async def create_endpoint(
    data: JSONBody[NewEndpoint], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> CreatedEndpoint:
    """Events of the chosen types are sent to the URL from now on, signed as https://www.standardwebhooks.com describes.

    The answer holds the secret that verifies the signatures, so it is not kept for an `Idempotency-Key`.
    """
    return CreatedEndpoint.of(await endpoints.create_endpoint(kernel, caller, data))


@get("/api/v1/endpoints/{endpoint_id:str}", scope=READ, tags=["Webhooks"], summary="An endpoint")
async def get_endpoint(
    endpoint_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> EndpointView:
    """With its status, its latest result, and how many deliveries wait."""
    return await kernel.db.read(endpoints.show, caller.account_id, ids.parse("end", endpoint_id))


@patch("/api/v1/endpoints/{endpoint_id:str}", scope=WRITE, tags=["Webhooks"], summary="Change an endpoint")
async def change_endpoint(
    endpoint_id: FromPath[str],
    data: JSONBody[EndpointChange],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> EndpointView:
    """Changes the URL, the name or the types, or switches it off and on. Switched on, it gets what is pending at once."""
    return await endpoints.change_endpoint(kernel, deliverer, caller, ids.parse("end", endpoint_id), data)


@delete("/api/v1/endpoints/{endpoint_id:str}", scope=WRITE, tags=["Webhooks"], summary="Delete an endpoint")
async def delete_endpoint(
    endpoint_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> None:
    """Nothing is sent to it any more; what is pending is dropped."""
    await endpoints.delete_endpoint(kernel, deliverer, caller, ids.parse("end", endpoint_id))


@get("/api/v1/endpoints/{endpoint_id:str}/secret", scope=WRITE, tags=["Webhooks"], summary="The secret of an endpoint")
async def get_secret(endpoint_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> SecretView:
    """The key that verifies signatures. Each reading is noted in the audit log."""
    secret = await kernel.db.write(endpoints.reveal_secret, caller, ids.parse("end", endpoint_id))
    return SecretView(endpoint_id, secret)


@post("/api/v1/endpoints/{endpoint_id:str}/test", scope=WRITE, tags=["Webhooks"], summary="Test an endpoint", status_code=200)
async def try_endpoint(
    endpoint_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
    once: NamedDependency[Once],
) -> Response[TrialResult]:
    """Sends one `webhook.test` event to this endpoint, and answers within ten seconds with what came back."""
    number = ids.parse("end", endpoint_id)
    return await do_once(kernel.db, once, 200, lambda: send_test(kernel, deliverer, caller, number))


@get("/api/v1/endpoints/{endpoint_id:str}/deliveries", scope=READ, tags=["Webhooks"], summary="List deliveries")
async def list_deliveries(
    endpoint_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[DeliveryStatus | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> DeliveryPage:
    """Of one endpoint, newest first."""
    wanted = paging.window(limit, cursor)
    return await kernel.db.read(deliveries.page, caller.account_id, ids.parse("end", endpoint_id), status, wanted)


@get("/api/v1/deliveries/{delivery_id:str}", scope=READ, tags=["Webhooks"], summary="A delivery")
async def get_delivery(
    delivery_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> DeliveryDetail:
    """With the payload that is sent, and every attempt."""
    return await kernel.db.read(deliveries.show, caller.account_id, ids.parse("dlv", delivery_id))


@post("/api/v1/deliveries/{delivery_id:str}/replay", scope=WRITE, tags=["Webhooks"], summary="Send again", status_code=202)
async def replay_delivery(
    delivery_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
    once: NamedDependency[Once],
) -> Response[DeliveryView]:
    """A new attempt series with the same `webhook-id`. One that is still pending is tried at once instead."""
    target = ids.parse("dlv", delivery_id)
    return await answer_once(kernel.db, once, 202, deliveries.replay, deliverer, caller, target)


@get("/api/v1/events", scope=READ, tags=["Webhooks"], summary="List events")
async def list_events(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    type: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> EventPage:
    """What happened in the account, newest first; whether or not an endpoint asked for it."""
    return await kernel.db.read(_events, caller.account_id, type, paging.window(limit, cursor))


@get("/api/v1/events/{event_id:str}", scope=READ, tags=["Webhooks"], summary="An event")
async def get_event(event_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> EventView:
    """As receivers get it."""
    row = await kernel.db.read(store.event, caller.account_id, ids.parse("evt", event_id))
    if row is None:
        raise Refused("not_found")
    return payloads.envelope(row)


def _events(sql: Sql, account_id: int, event_type: str | None, wanted: Window) -> EventPage:
    rows, after = paging.cut(store.events(sql, account_id, event_type, wanted.before, wanted.limit + 1), wanted)
    return EventPage([payloads.envelope(row) for row in rows], after)


HANDLERS: list[Any] = [
    list_endpoints,
    create_endpoint,
    get_endpoint,
    change_endpoint,
    delete_endpoint,
    get_secret,
    try_endpoint,
    list_deliveries,
    get_delivery,
    replay_delivery,
    list_events,
    get_event,
]
