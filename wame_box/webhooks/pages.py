"""The pages of webhooks: the list, the form, one endpoint with its deliveries, one delivery."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import catalogue, deliveries, endpoints, samples, words
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.disabling import REASON_TEXTS
from wame_box.webhooks.models import ALL_TYPES, DeliveryStatus, EndpointChange, NewEndpoint, WebhookTest
from wame_box.webhooks.trial import send_test

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

READ = Scope.WEBHOOKS_READ
WRITE = Scope.WEBHOOKS_WRITE
SHOWN = 20  # deliveries at once, so that the secret below stays in reach
TEXTS: dict[str, Any] = {"words": words, "reasons": REASON_TEXTS}
# A test goes to its endpoint alone, whatever that asked for.
CHOICES = [(one.name, one.sentence) for one in catalogue.EVENT_TYPES if one.name != WebhookTest.type]


# -- the list ----------------------------------------------------------------------------------------------------------


async def _overview(request: PageRequest, kernel: Kernel, caller: Caller, template: str) -> Page:
    found = await kernel.db.read(endpoints.overview, caller.account_id)
    topics = " ".join(f"endpoint:{one.endpoint.public_id}" for one in found)
    full = len(found) >= endpoints.MOST_ENDPOINTS
    return pages.render(request, template, found=found, topics=topics, full=full, **TEXTS)


@get("/webhooks", scope=READ, include_in_schema=False)
async def show_endpoints(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    return await _overview(request, kernel, caller, "webhooks/index.html")


@get("/webhooks/rows", scope=READ, include_in_schema=False)
async def show_rows(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    """The table alone, for the live page."""
    return await _overview(request, kernel, caller, "webhooks/rows.html")


# -- adding and changing -----------------------------------------------------------------------------------------------


def _form(request: PageRequest, kernel: Kernel, status: int = 200, **shown: Any) -> Page:
    usual = {"endpoint": None, "choices": CHOICES, "chosen": [], "timeout": kernel.config.outbound.timeout}
    return pages.render(request, "webhooks/form.html", status, **(usual | shown))


async def _wish(request: PageRequest) -> tuple[NewEndpoint, dict[str, Any]]:
    """What the form asks for, and its values to show again."""
    data = await request.form()
    names = [str(name) for name in data.getall("types", [])]
    everything = data.get("which") != "some"
    url, name = str(data.get("url", "")).strip(), str(data.get("name", "")).strip()
    values = {"url": url, "name": name, "which": "all" if everything else "some", "types": names}
    return NewEndpoint(url, name, [ALL_TYPES] if everything else names), values


@get("/webhooks/new", scope=WRITE, include_in_schema=False)
async def show_new(request: PageRequest, kernel: NamedDependency[Kernel]) -> Page:
    return _form(request, kernel)


@post("/webhooks/new", scope=WRITE, include_in_schema=False, status_code=200)
async def do_new(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    wish, values = await _wish(request)
    try:
        row = await endpoints.create_endpoint(kernel, caller, wish)
    except Refused as error:
        return _form(request, kernel, error.problem.status, errors=pages.form_errors(error), values=values)
    return pages.redirect(f"/webhooks/{row.public_id}", ("ok", _("The endpoint is added. Send it a test to see that it works.")))


@get("/webhooks/{endpoint_id:str}/edit", scope=WRITE, include_in_schema=False)
async def show_edit(
    endpoint_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await kernel.db.read(endpoints.find, caller.account_id, ids.parse("end", endpoint_id))
    return _form(request, kernel, endpoint=row, chosen=catalogue.expand(row.type_list))


@post("/webhooks/{endpoint_id:str}/edit", scope=WRITE, include_in_schema=False, status_code=200)
async def do_edit(
    endpoint_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    target = ids.parse("end", endpoint_id)
    row = await kernel.db.read(endpoints.find, caller.account_id, target)
    wish, values = await _wish(request)
    # Families such as message.* stay families unless the choice is another one.
    types = row.type_list if wish.types == catalogue.expand(row.type_list) else wish.types
    change = EndpointChange(url=wish.url, name=wish.name, types=types)
    try:
        await endpoints.change_endpoint(kernel, deliverer, caller, target, change)
    except Refused as error:
        return _form(request, kernel, error.problem.status, endpoint=row, errors=pages.form_errors(error), values=values)
    return pages.redirect(f"/webhooks/{endpoint_id}", ("ok", _("The endpoint is saved.")))


@post("/webhooks/{endpoint_id:str}/enable", scope=WRITE, include_in_schema=False, status_code=200)
async def do_enable(
    endpoint_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    change = EndpointChange(enabled=True)
    await endpoints.change_endpoint(kernel, deliverer, caller, ids.parse("end", endpoint_id), change)
    return pages.redirect(f"/webhooks/{endpoint_id}", ("ok", _("The endpoint is on. What was waiting is sent now.")))


@post("/webhooks/{endpoint_id:str}/disable", scope=WRITE, include_in_schema=False, status_code=200)
async def do_disable(
    endpoint_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    target = ids.parse("end", endpoint_id)
    if (await pages.form(request)).get("confirmed") != "1":
        return await _ask(request, kernel, caller, target, "disable")
    await endpoints.change_endpoint(kernel, deliverer, caller, target, EndpointChange(enabled=False))
    return pages.redirect(f"/webhooks/{endpoint_id}", ("ok", _("The endpoint is off.")))


@post("/webhooks/{endpoint_id:str}/delete", scope=WRITE, include_in_schema=False, status_code=200)
async def do_delete(
    endpoint_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    target = ids.parse("end", endpoint_id)
    if (await pages.form(request)).get("confirmed") != "1":
        return await _ask(request, kernel, caller, target, "delete")
    await endpoints.delete_endpoint(kernel, deliverer, caller, target)
    return pages.redirect("/webhooks", ("ok", _("The endpoint is deleted.")))


async def _ask(request: PageRequest, kernel: Kernel, caller: Caller, endpoint_id: int, act: str) -> Page:
    """The question as a page, for browsers without JavaScript."""
    row = await kernel.db.read(endpoints.find, caller.account_id, endpoint_id)
    return pages.render(request, "webhooks/confirm.html", endpoint=row, act=act)


# -- one endpoint ------------------------------------------------------------------------------------------------------


async def _endpoint(
    endpoint_id: str, request: PageRequest, kernel: Kernel, caller: Caller, template: str, secret: str | None = None
) -> Page:
    query = request.query_params
    status = DeliveryStatus(query["status"]) if query.get("status") in set(DeliveryStatus) else None
    cursor, test = query.get("cursor"), query.get("test")
    seen = await kernel.db.read(
        deliveries.see_endpoint,
        caller.account_id,
        ids.parse("end", endpoint_id),
        status,
        paging.window(SHOWN, cursor),
        ids.parse("dlv", test) if test else None,
    )
    here = f"/webhooks/{endpoint_id}"
    kept = {name: value for name, value in (("status", status), ("test", test)) if value}
    shown: dict[str, Any] = {
        "seen": seen,
        "endpoint": seen.endpoint,
        "here": here,
        "chosen": status,
        "cursor": cursor,
        "part": f"{here}/part?{urlencode(kept)}",
        "older": f"{here}?{urlencode({**kept, 'cursor': seen.next_cursor})}" if seen.next_cursor else "",
        "secret": secret,
        "samples": samples.SAMPLES,
        "sentences": dict(CHOICES),
        "types": catalogue.expand(seen.endpoint.type_list),
        "everything": ALL_TYPES in seen.endpoint.type_list,
    }
    return pages.render(request, template, **shown, **TEXTS)


@get("/webhooks/{endpoint_id:str}", scope=READ, include_in_schema=False)
async def show_endpoint(
    endpoint_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _endpoint(endpoint_id, request, kernel, caller, "webhooks/endpoint.html")


@get("/webhooks/{endpoint_id:str}/part", scope=READ, include_in_schema=False)
async def show_part(
    endpoint_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """What moves on the page of an endpoint."""
    return await _endpoint(endpoint_id, request, kernel, caller, "webhooks/part.html")


@post("/webhooks/{endpoint_id:str}/secret", scope=WRITE, include_in_schema=False, status_code=200)
async def show_secret(
    endpoint_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """A POST, as each look is noted in the audit log."""
    secret = await kernel.db.write(endpoints.reveal_secret, caller, ids.parse("end", endpoint_id))
    return await _endpoint(endpoint_id, request, kernel, caller, "webhooks/endpoint.html", secret)


@post("/webhooks/{endpoint_id:str}/test", scope=WRITE, include_in_schema=False, status_code=200)
async def do_test(
    endpoint_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    result = await send_test(kernel, deliverer, caller, ids.parse("end", endpoint_id))
    return pages.redirect(f"/webhooks/{endpoint_id}?test={result.delivery}")


# -- one delivery ------------------------------------------------------------------------------------------------------


async def _delivery(delivery_id: str, request: PageRequest, kernel: Kernel, caller: Caller, template: str) -> Page:
    target = ids.parse("dlv", delivery_id)
    seen = await kernel.db.read(deliveries.see_delivery, caller.account_id, target, signed=caller.may(WRITE))
    payload = msgspec.json.format(seen.payload, indent=2).decode()
    here = f"/webhooks/{seen.endpoint.public_id}/deliveries/{delivery_id}"
    shown: dict[str, Any] = {"seen": seen, "one": seen.delivery, "endpoint": seen.endpoint, "payload": payload, "here": here}
    return pages.render(request, template, **shown, **TEXTS)


@get("/webhooks/{endpoint_id:str}/deliveries/{delivery_id:str}", scope=READ, include_in_schema=False)
async def show_delivery(
    delivery_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _delivery(delivery_id, request, kernel, caller, "webhooks/delivery.html")


@get("/webhooks/{endpoint_id:str}/deliveries/{delivery_id:str}/part", scope=READ, include_in_schema=False)
async def show_delivery_part(
    delivery_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """What moves on the page of a delivery."""
    return await _delivery(delivery_id, request, kernel, caller, "webhooks/delivery_part.html")


@post("/webhooks/{endpoint_id:str}/deliveries/{delivery_id:str}/replay", scope=WRITE, include_in_schema=False, status_code=200)
async def do_replay(
    endpoint_id: FromPath[str],
    delivery_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    deliverer: NamedDependency[Deliverer],
) -> Page:
    again = await kernel.db.write(deliveries.replay, deliverer, caller, ids.parse("dlv", delivery_id))
    return pages.redirect(f"/webhooks/{again.endpoint}/deliveries/{again.id}", ("ok", _("It is sent again.")))


HANDLERS: list[Any] = [
    show_endpoints,
    show_rows,
    show_new,
    do_new,
    show_edit,
    do_edit,
    do_enable,
    do_disable,
    do_delete,
    show_endpoint,
    show_part,
    show_secret,
    do_test,
    show_delivery,
    show_delivery_part,
    do_replay,
]
