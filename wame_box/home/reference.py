"""The API's reference, served by the box itself: a page made of the OpenAPI document, and the document."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.di import NamedDependency
from markupsafe import Markup

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.accounts.scope_texts import SCOPE_TEXTS
from wame_box.home import store
from wame_box.home.examples import BOX
from wame_box.home.openapi import document
from wame_box.home.reference_view import sections
from wame_box.kernel import i18n, ids, pages
from wame_box.kernel.errors import CODES
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks.catalogue import EVENT_TYPES

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

# An id that examples leave open: a prefix that nothing follows.
OPEN_ID = re.compile(r"\b(ses|msg|bat|con|lst|imp|cmp|end|dlv|evt|key)_(?![0-9a-z…])")
PARAMETER = re.compile(r"%\((\w+)\)s")
CODE = re.compile(r"`([^`]+)`")


class Built:
    """What was made of one application's document; its handlers don't change while it runs."""

    def __init__(self, app: Litestar) -> None:
        made = document(app)
        self.json = msgspec.json.encode(made)
        self.sections = sections(made)
        self.pages: dict[str, list[str]] = {}  # language → what is the same for everybody, cut where an id is left open


async def built(app: Litestar) -> Built:
    """Made at the first request, in a thread: it takes most of a second."""
    if not hasattr(app.state, "reference"):
        app.state.reference = await asyncio.to_thread(Built, app)
    found: Built = app.state.reference
    return found


def codes() -> list[tuple[str, int, str]]:
    """(code, HTTP status, sentence in the language spoken now, its parameters in brackets) of every refusal, by code."""
    translate = i18n.translations(i18n.language()).gettext
    return [
        (code, one.status, PARAMETER.sub(r"‹\1›", translate(one.text)).replace("%%", "%")) for code, one in sorted(CODES.items())
    ]


def rich(text: str) -> Markup:
    """Running text with its `code` as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(Markup.escape(text))))  # noqa: S704 (escaped before)


@get("/reference", scope=Scope.ACCOUNT_READ, include_in_schema=False)
async def show_reference(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    known = await built(request.app)
    language = pages.language_of(request)
    if language not in known.pages:
        shared = await asyncio.to_thread(
            pages.html,
            request,
            "home/reference_body.html",
            sections=known.sections,
            codes=codes(),
            rich=rich,
            event_types=EVENT_TYPES,
            scope_texts=SCOPE_TEXTS,
            box=BOX,
        )
        known.pages[language] = OPEN_ID.split(shared)
    own = await kernel.db.read(store.latest_ids, caller.account_id)
    body = _make_own(known.pages[language], pages.box_address(request, kernel.config.server.public_url), own)
    return pages.render(request, "home/reference.html", body=Markup(body), sections=known.sections)  # noqa: S704


def _make_own(parts: list[str], address: str, own: dict[str, int]) -> str:
    """The examples with the box's address, and with ids of the account where it has any. Every second part is a prefix."""
    filled = list(parts)
    for place in range(1, len(parts), 2):
        prefix = parts[place]
        filled[place] = ids.show(prefix, own[prefix]) if prefix in own else f"{prefix}_…"
    return "".join(filled).replace(BOX, str(Markup.escape(address)))


@get("/api/v1/openapi.json", access="public", include_in_schema=False)
async def show_document(request: PageRequest) -> Page:
    """The OpenAPI 3.1 document, for generators of clients."""
    return Response(
        (await built(request.app)).json, media_type="application/json", headers={"cache-control": "public, max-age=300"}
    )


HANDLERS = [show_reference, show_document]
