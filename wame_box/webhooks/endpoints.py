"""Endpoints: added, changed, deleted; their secret shown to those who may."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.accounts.setup import check_name
from wame_box.kernel import ids
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.outbound_http import OutboundHttp
from wame_box.kernel.paging import NEWEST, Window, cut
from wame_box.kernel.signing import new_secret
from wame_box.webhooks import store
from wame_box.webhooks.catalogue import is_known
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.models import (
    DisabledReason,
    Endpoint,
    EndpointChange,
    EndpointPage,
    EndpointStatus,
    EndpointView,
    NewEndpoint,
)

MOST_ENDPOINTS = 20
NAME_LIMIT = 100

register(
    {
        "endpoint_limit": Problem(409, N_("An account has at most %(limit)s endpoints.")),
        "event_types_needed": Problem(422, N_("Choose at least one event.")),
        "event_type_unknown": Problem(422, N_("There is no event %(type)s.")),
    }
)


async def create_endpoint(kernel: Kernel, caller: Caller, wish: NewEndpoint) -> Endpoint:
    """Returns the row with its new secret.

    Raises: Refused("invalid_input") naming the fields, Refused("endpoint_limit").
    """
    url = wish.url.strip()
    name = wish.name.strip() or _host(url)[:NAME_LIMIT] or "?"  # a URL without a host is refused for itself
    check(kernel.http, url, name, wish.types)
    return await kernel.db.write(_create, caller, url, name, wish.types)


def _create(tx: Tx, caller: Caller, url: str, name: str, types: list[str]) -> Endpoint:
    if store.endpoint_count(tx, caller.account_id) >= MOST_ENDPOINTS:
        raise Refused("endpoint_limit", limit=MOST_ENDPOINTS)
    row = store.insert_endpoint(tx, caller.account_id, url, name, new_secret(), sorted(set(types)))
    audit.record(tx, caller, "endpoint.created", row.public_id, host=_host(url), types=types)
    return row


async def change_endpoint(
    kernel: Kernel, deliverer: Deliverer, caller: Caller, endpoint_id: int, wish: EndpointChange
) -> EndpointView:
    """Enabling an endpoint forgets how it failed, and its pending deliveries go out again.

    Raises: Refused("not_found"), Refused("invalid_input") naming the fields.
    """
    return await kernel.db.write(_change, kernel.http, deliverer, caller, endpoint_id, wish)


def _change(
    tx: Tx, http: OutboundHttp, deliverer: Deliverer, caller: Caller, endpoint_id: int, wish: EndpointChange
) -> EndpointView:
    row = find(tx, caller.account_id, endpoint_id)
    url = row.url if wish.url is None else wish.url.strip()
    name = row.name if wish.name is None else wish.name.strip()
    types = row.type_list if wish.types is None else sorted(set(wish.types))
    check(http, url, name, types)
    changed = msgspec.structs.replace(row, url=url, name=name, types=msgspec.json.encode(types).decode())
    if wish.enabled is not None:
        changed = _switched(changed, wish.enabled)
    store.update_endpoint(tx, changed)
    fields = [field for field in ("url", "name", "types", "status") if getattr(row, field) != getattr(changed, field)]
    audit.record(tx, caller, "endpoint.changed", row.public_id, fields=fields, host=_host(url), status=changed.status)
    tx.after_commit(lambda: deliverer.changed(endpoint_id))
    return EndpointView.of(changed, store.pending(tx, endpoint_id))


def _switched(row: Endpoint, enabled: bool) -> Endpoint:
    if enabled == (row.status is EndpointStatus.ENABLED):
        return row
    if enabled:
        return msgspec.structs.replace(row, status=EndpointStatus.ENABLED, reason=None, failing_since=None)
    return msgspec.structs.replace(row, status=EndpointStatus.DISABLED, reason=DisabledReason.BY_MEMBER)


async def delete_endpoint(kernel: Kernel, deliverer: Deliverer, caller: Caller, endpoint_id: int) -> None:
    """What is pending for it is dropped.

    Raises: Refused("not_found").
    """
    await kernel.db.write(_delete, deliverer, caller, endpoint_id)


def _delete(tx: Tx, deliverer: Deliverer, caller: Caller, endpoint_id: int) -> None:
    if not store.delete_endpoint(tx, caller.account_id, endpoint_id):
        raise Refused("not_found")
    audit.record(tx, caller, "endpoint.deleted", ids.show("end", endpoint_id))
    tx.after_commit(lambda: deliverer.changed(endpoint_id))


def reveal_secret(tx: Tx, caller: Caller, endpoint_id: int) -> str:
    """The signing secret, which the receiver needs; that it was shown is noted.

    Raises: Refused("not_found").
    """
    row = find(tx, caller.account_id, endpoint_id)
    audit.record(tx, caller, "endpoint.secret_shown", row.public_id)
    return row.secret


def find(sql: Sql, account_id: int, endpoint_id: int) -> Endpoint:
    """Raises: Refused("not_found")."""
    row = store.endpoint(sql, account_id, endpoint_id)
    if row is None:
        raise Refused("not_found")
    return row


def show(sql: Sql, account_id: int, endpoint_id: int) -> EndpointView:
    """Raises: Refused("not_found")."""
    return EndpointView.of(find(sql, account_id, endpoint_id), store.pending(sql, endpoint_id))


def page(sql: Sql, account_id: int, wanted: Window) -> EndpointPage:
    rows, after = cut(store.endpoints(sql, account_id, wanted.before, wanted.limit + 1), wanted)
    return EndpointPage([EndpointView.of(row, store.pending(sql, row.id)) for row in rows], after)


@dataclass(frozen=True)
class Overview:
    """An endpoint with how many of its deliveries wait."""

    endpoint: Endpoint
    pending: int


def overview(sql: Sql, account_id: int) -> list[Overview]:
    """All endpoints of the account, newest first."""
    rows = store.endpoints(sql, account_id, NEWEST, MOST_ENDPOINTS)
    return [Overview(row, store.pending(sql, row.id)) for row in rows]


def check(http: OutboundHttp, url: str, name: str, types: list[str]) -> None:
    """Raises: Refused("invalid_input") naming every wrong field."""
    wrong = _check_url(http, url) + check_name("name", name, NAME_LIMIT)
    if not types:
        wrong.append(FieldError("types", "event_types_needed", {}))
    wrong += [FieldError("types", "event_type_unknown", {"type": one[:100]}) for one in types if not is_known(one)][:1]
    if wrong:
        raise Refused("invalid_input", fields=wrong)


def _check_url(http: OutboundHttp, url: str) -> list[FieldError]:
    if not url:
        return [FieldError("url", "required", {})]
    try:
        http.check_url(url)
    except Refused as error:
        return [FieldError("url", error.code, error.params)]
    return []


def _host(url: str) -> str:
    """The host alone: a path may hold a token."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
