"""Builds everything, in order; starts and stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import structlog
from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from wame_box import routes
from wame_box.accounts import access, signin
from wame_box.accounts import store as accounts
from wame_box.accounts.setup import FirstRun
from wame_box.campaigns.runner import Campaigns
from wame_box.jobs import Jobs
from wame_box.kernel import idempotency, ids, migrations, pages, web
from wame_box.kernel.clock import Clock, SystemClock
from wame_box.kernel.config import Config
from wame_box.kernel.db import Database, Sql, Tx
from wame_box.kernel.files import FileStore
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import LiveHub
from wame_box.kernel.mail import MailSender
from wame_box.kernel.methods import OtherMethods
from wame_box.kernel.outbound_http import OutboundHttp
from wame_box.kernel.paths import DataFolder
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.engine_events import take
from wame_box.messaging.policy_change import check_policy
from wame_box.reactions import react
from wame_box.sessions.engine import EngineFactory, Inbound, Receipt
from wame_box.sessions.engines.sandbox.engine import SandboxEngines
from wame_box.sessions.engines.sandbox.world import SandboxWorld
from wame_box.sessions.models import EngineKind, Session
from wame_box.sessions.supervisor import Supervisor
from wame_box.webhooks.deliver import Deliverer

log = structlog.get_logger()

MAX_BODY = 10 * 1024 * 1024


class Box:
    """The whole program on one data folder. `start` before use; `asgi` is its web side."""

    def __init__(self, config: Config, folder: DataFolder, key: bytes, clock: Clock | None = None) -> None:
        """Migrates the database at once.

        Raises: WrongKey, StartError.
        """
        self.config = config
        self.folder = folder
        self.needs_setup = False
        self.stopped = False
        folder.create()
        migrations.migrate(folder.database, key)
        self.kernel = Kernel(
            config=config,
            clock=clock or SystemClock(),
            db=Database(folder.database, key, clock or SystemClock()),
            live=LiveHub(),
            files=FileStore(folder.files),
            http=OutboundHttp(config.outbound),
        )
        self.first_run = FirstRun()
        self.gate = access.Gate(self.kernel.db, self.kernel.clock, config.server.public_url, self.kernel.live.recheck)
        self.world = SandboxWorld(folder.sandbox, key, self.kernel.clock, self.kernel.live.publish)
        self.supervisor = Supervisor(self.kernel, self._engines(), self._take, check_policy)
        self.dispatcher = Dispatcher(self.kernel, self.supervisor)
        self.supervisor.on_connected.append(self.dispatcher.wake)
        self.deliverer = Deliverer(self.kernel)
        self.campaigns = Campaigns(self.kernel, self.dispatcher)
        self.jobs = Jobs(self.kernel, folder.jobs)
        self.mail = MailSender(self.kernel.db, self.kernel.clock, config.mail)
        self.kernel.db.reactions = react(self.kernel.live, self.deliverer, self.dispatcher)
        self.asgi = self._web()

    def _engines(self) -> dict[EngineKind, EngineFactory]:
        if not self.config.sandbox.enabled:
            return {}
        return {EngineKind.SANDBOX: SandboxEngines(self.world)}

    def _take(self, tx: Tx, session: Session, events: list[Receipt | Inbound]) -> None:
        take(tx, session, events, self.dispatcher.wake)

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens and starts everything; what an earlier run left undone goes on.

        Raises: whatever a part refuses to start with; the database is closed again then.
        """
        try:
            await self._start()
        except BaseException:
            await self.world.db.close()
            await self.kernel.db.close()
            raise

    async def _start(self) -> None:
        await self.kernel.db.open()
        await asyncio.to_thread(self.kernel.files.remove_drafts)
        ids.start_after(await self.kernel.db.read(_highest_id))
        await self.world.start()
        await self.deliverer.start()
        self._mailing = asyncio.create_task(self.mail.run(), name="mail")
        await self.dispatcher.start()
        await self.supervisor.start()
        await self.campaigns.start()
        await asyncio.to_thread(self.jobs.start)
        self.needs_setup = not await self.kernel.db.read(accounts.any_member)

    def close_streams(self) -> None:
        """Ends the live streams, so that a stopping server need not wait for browsers."""
        self.kernel.live.close()

    async def stop(self) -> None:
        """In the order of the work: nothing new is taken, what runs comes to a rest, then the database closes."""
        self.close_streams()
        await asyncio.to_thread(self.jobs.stop)
        await self.campaigns.stop()
        await self.dispatcher.stop()
        await self.supervisor.stop()
        self._mailing.cancel()
        await asyncio.gather(self._mailing, return_exceptions=True)
        await self.deliverer.stop()
        await self.world.stop()
        await self.kernel.http.close()
        await self.kernel.db.close()
        self.stopped = True

    # -- the web side --------------------------------------------------------------------------------------------------

    def _web(self) -> ASGIApp:
        app = Litestar(
            route_handlers=routes.all_handlers(),
            middleware=[self.gate.guard],
            dependencies=self._dependencies(),
            exception_handlers={Exception: web.ErrorAnswers(pages.error_page)},
            openapi_config=_openapi(),
            lifespan=[self._lifespan],
            request_max_body_size=MAX_BODY,
            compression_config=None,
            logging_config=None,
        )
        if unguarded := access.unguarded(handler for route in app.routes for handler in getattr(route, "route_handlers", [])):
            raise RuntimeError(f"routes without access rule: {unguarded}")
        _provide_in_turn(app)
        public = urlsplit(self.config.server.public_url).netloc or None
        return web.Harden(OtherMethods(app), pages.error_page, public)

    def _dependencies(self) -> dict[str, Provide]:
        fixed = {
            "kernel": self.kernel,
            "gate": self.gate,
            "first_run": self.first_run,
            "throttle": signin.Throttle(self.kernel.clock),
            "supervisor": self.supervisor,
            "world": self.world,
            "dispatcher": self.dispatcher,
            "deliverer": self.deliverer,
            "campaigns": self.campaigns,
            "jobs": self.jobs,
        }
        provided = {name: Provide(_constant(value), sync_to_thread=False) for name, value in fixed.items()}
        provided["caller"] = Provide(_caller, sync_to_thread=False)
        provided["once"] = Provide(idempotency.once)
        return provided

    @asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()


def _provide_in_turn(app: Litestar) -> None:
    """What handlers need is at hand, so it is given one after the other: by itself Litestar starts a task for each."""
    for route in app.routes:
        for _, wishes in route.route_handler_map.values() if isinstance(route, HTTPRoute) else ():
            wishes.dependency_batches = [{one} for batch in wishes.dependency_batches for one in batch]


def _constant(value: Any) -> Any:
    def provide() -> Any:
        return value

    return provide


def _caller(request: Request[Any, Any, Any]) -> Any:
    return access.caller(request)


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="WaMe Box API",
        version=version("wame-box"),
        description="Send and receive WhatsApp messages, and run campaigns.",
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="`Authorization: Bearer wame_…`"),
                "header": SecurityScheme(type="apiKey", name="X-Api-Key", security_scheme_in="header"),
            }
        ),
        security=[{"key": []}, {"header": []}],
        # The framework's own pages load from elsewhere; ours is /reference. What it must register, its raw document, stays out
        # of the way; an empty list would bring all of its pages.
        openapi_router=Router("/reference/schema", route_handlers=[], opt={"access": "public"}, include_in_schema=False),
        render_plugins=[JsonRenderPlugin()],
    )


def _highest_id(sql: Sql) -> int:
    tables = ("events", "messages", "contacts", "sessions", "campaigns")
    return max(int(sql.value(f"SELECT coalesce(max(id), 0) FROM {table}")) for table in tables)  # noqa: S608
