"""Every API and page handler of the box, on one screen."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from wame_box.accounts import api as accounts_api
from wame_box.accounts import pages as accounts_pages
from wame_box.campaigns import api as campaigns_api
from wame_box.campaigns import pages as campaigns_pages
from wame_box.contacts import api as contacts_api
from wame_box.contacts import pages as contacts_pages
from wame_box.home import dashboard, live, reference
from wame_box.kernel.errors import Refused
from wame_box.kernel.paths import asset_dir
from wame_box.messaging import api as messaging_api
from wame_box.messaging import pages as messaging_pages
from wame_box.sessions import api as sessions_api
from wame_box.sessions import pages as sessions_pages
from wame_box.webhooks import api as webhooks_api
from wame_box.webhooks import pages as webhooks_pages

YEAR = 365 * 86_400
LONGEST_NAME = 255


def all_handlers() -> list[Any]:
    return [
        *accounts_api.HANDLERS,
        *accounts_pages.HANDLERS,
        *sessions_api.HANDLERS,
        *sessions_pages.HANDLERS,
        *messaging_api.HANDLERS,
        *messaging_pages.HANDLERS,
        *contacts_api.HANDLERS,
        *contacts_pages.HANDLERS,
        *campaigns_api.HANDLERS,
        *campaigns_pages.HANDLERS,
        *webhooks_api.HANDLERS,
        *webhooks_pages.HANDLERS,
        *dashboard.HANDLERS,
        *live.HANDLERS,
        *reference.HANDLERS,
        _static_files(),
    ]


def _static_files() -> Any:
    return create_static_files_router(
        path="/static",
        directories=[asset_dir() / "static"],
        opt={"access": "public"},
        guards=[_nameable],
        # Every address carries a mark of the content, so a browser may keep it.
        cache_control=CacheControlHeader(max_age=YEAR, public=True, immutable=True),
    )


def _nameable(connection: ASGIConnection[Any, Any, Any, Any], _: Any) -> None:
    """The file system does not even want to be asked for a name with a NUL, or one of more than 255 bytes."""
    path = connection.scope["path"]
    if "\0" in path or any(len(part.encode()) > LONGEST_NAME for part in path.split("/")):
        raise Refused("not_found")
