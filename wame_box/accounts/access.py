"""Who is calling, and whether he may: the one gate in front of every handler.

Each handler names what it needs in its options: `access="public"`, or `scope="messages:send"`. A handler that names neither
is refused when the application is built.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Send
from litestar.types import Scope as ASGIScope

from wame_box.accounts import store
from wame_box.accounts.models import Caller, LoginRow
from wame_box.accounts.permissions import ROLE_SCOPES, Scope
from wame_box.kernel.clock import DAY, MINUTE, SECOND, Clock
from wame_box.kernel.db import Database, Sql
from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.i18n import speak
from wame_box.kernel.web import LOGIN_COOKIE, is_api

Connection = ASGIConnection[Any, Any, Any, Any]

REMEMBER_SECONDS = 5
REMEMBERED = 10_000
LOGIN_DAYS = 14
SLID = "login_slid"  # in a request's state: its login lasts longer from now on


class Gate:
    """Turns a key or a login cookie into a `Caller`. What was found is remembered for five seconds, unless it was ended here."""

    def __init__(self, db: Database, clock: Clock, public_url: str = "", forgotten: Callable[[], None] | None = None) -> None:
        """`forgotten` is called after each `forget`."""
        self._db = db
        self._clock = clock
        self._public_url = public_url
        self._tell_forgotten = forgotten
        self._known: dict[bytes, tuple[int, Caller]] = {}
        self._touched: dict[int, int] = {}
        self._forgotten = 0  # how often: what was read before is not remembered after

    def guard(self, app: ASGIApp) -> ASGIApp:
        """The application's middleware, in front of every route.

        A Litestar guard would do the same at three times the price: it gets a copy of the handler, made for each request.
        """

        async def guarded(scope: ASGIScope, receive: Receive, send: Send) -> None:
            connection: Connection = ASGIConnection(scope)
            await self.check(connection, connection.route_handler)
            await app(scope, receive, self._sliding(connection, send) if SLID in scope["state"] else send)

        return guarded

    def _sliding(self, connection: Connection, send: Send) -> Send:
        """The browser keeps its cookie as long as the box keeps the login; an answer that sets or ends it has its own say."""
        _, cookie = self.login_cookie(connection, connection.cookies[LOGIN_COOKIE]).to_encoded_header()
        name = f"{LOGIN_COOKIE}=".encode()

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message["headers"])
                if not any(key.lower() == b"set-cookie" and value.startswith(name) for key, value in sent):
                    message["headers"] = [*sent, (b"set-cookie", cookie)]
            await send(message)

        return sender

    def login_cookie(self, connection: Connection, token: str) -> Cookie:
        """Never sent without TLS where people reach the box by TLS, also if a proxy in front of it ends that."""
        secure = connection.scope["scheme"] == "https" or self._public_url.lower().startswith("https://")
        age = LOGIN_DAYS * DAY // SECOND
        return Cookie(key=LOGIN_COOKIE, value=token, httponly=True, samesite="lax", secure=secure, max_age=age)

    async def check(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Knows the caller from here on, or refuses him.

        Raises: Refused("not_signed_in"), Refused("missing_scope"), Refused("forbidden").
        """
        if handler.opt.get("access") == "public" or _only_options(handler):
            await self._greet(connection)
            return
        caller = await self.identify(connection)
        if caller is None:
            raise Refused("not_signed_in")
        connection.scope["state"]["caller"] = caller
        speak(caller.language, caller.time_zone)
        scope = Scope(handler.opt["scope"])
        if not caller.may(scope):
            raise Refused("missing_scope", scope=scope) if caller.key_id else Refused("forbidden")

    async def _greet(self, connection: Connection) -> None:
        """A public page knows a signed-in reader too, should one come."""
        caller = None if is_api(connection.url.path) else await self._by_cookie(connection)
        if caller is not None:
            connection.scope["state"]["caller"] = caller
            speak(caller.language, caller.time_zone)

    async def identify(self, connection: Connection) -> Caller | None:
        token = key_of(connection)
        if token:
            return await self._by_key(token, connection) if is_api(connection.url.path) else None
        return await self._by_cookie(connection)

    def forget(self) -> None:
        """After a sign-out, a revoked key or changed rights: ask the database again."""
        self._known.clear()
        self._forgotten += 1
        if self._tell_forgotten is not None:
            self._tell_forgotten()

    def still(self, connection: Connection, scope: Scope) -> Callable[[], Awaitable[bool]]:
        """Whether the caller of this request would still be let in: for streams, which go on long after it was asked."""

        async def ask() -> bool:
            token = key_of(connection) or connection.cookies.get(LOGIN_COOKIE, "")
            digest = hashlib.sha256(token.encode()).digest()
            if key_of(connection):
                caller = await self._db.read(_caller_by_key, digest)
            else:
                row = await self._db.read(store.login_by_token, digest, self._clock.now())
                caller = _caller_of_login(row, "") if row else None
            return caller is not None and caller.may(scope)

        return ask

    async def _by_key(self, token: str, connection: Connection) -> Caller | None:
        digest = hashlib.sha256(token.encode()).digest()
        caller = self._remembered(digest)
        if caller is None:
            before = self._forgotten
            caller = await self._db.read(_caller_by_key, digest)
            self._remember(digest, caller, before)
        if caller is not None and caller.key_id is not None:
            await self._touch_key(caller.key_id)
        return caller

    async def _by_cookie(self, connection: Connection) -> Caller | None:
        token = connection.cookies.get(LOGIN_COOKIE)
        if not token:
            return None
        digest = hashlib.sha256(token.encode()).digest()
        caller = self._remembered(digest)
        if caller is None:
            before = self._forgotten
            row = await self._db.read(store.login_by_token, digest, self._clock.now())
            caller = _caller_of_login(row, address_of(connection)) if row else None
            if row and self._clock.now() - row.seen_at > store.SEEN_EVERY:
                await self._note(store.touch_login, row.login_id, self._clock.now() + LOGIN_DAYS * DAY)
                connection.scope["state"][SLID] = True
            self._remember(digest, caller, before)
        return caller

    def _remembered(self, digest: bytes) -> Caller | None:
        found = self._known.get(digest)
        return found[1] if found and found[0] > self._clock.now() else None

    def _remember(self, digest: bytes, caller: Caller | None, before: int) -> None:
        if before != self._forgotten:
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        if caller is not None:
            self._known[digest] = (self._clock.now() + REMEMBER_SECONDS * 1000, caller)

    async def _touch_key(self, key_id: int) -> None:
        now = self._clock.now()
        if now - self._touched.get(key_id, 0) > MINUTE:
            self._touched[key_id] = now
            await self._note(store.touch_key, key_id)

    async def _note(self, fn: Callable[..., None], *args: int) -> None:
        """When somebody was seen last is not worth refusing him for a full disk."""
        with contextlib.suppress(StorageFailed):
            await self._db.write_low(fn, *args)


def key_of(connection: Connection) -> str:
    """The API key of the request: `Authorization: Bearer wame_…` or `X-Api-Key`."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else connection.headers.get("x-api-key", "")


def address_of(connection: Connection) -> str:
    """The caller's IP address, as far as trusted proxies tell it."""
    return connection.client.host if connection.client else ""


def caller(request: Connection) -> Caller:
    """The dependency `caller` of every handler behind the gate."""
    found: Caller = request.scope["state"]["caller"]
    return found


def unguarded(handlers: Iterable[Any]) -> list[str]:
    """Handlers that name neither `access` nor a known `scope`."""
    known = set(Scope)
    return [
        str(handler)
        for handler in handlers
        if handler.opt.get("access") != "public" and handler.opt.get("scope") not in known and not _only_options(handler)
    ]


def _only_options(handler: Any) -> bool:
    """The framework's own answer to OPTIONS: which methods an address takes, no more."""
    return getattr(handler, "http_methods", None) == {"OPTIONS"}


def _caller_by_key(sql: Sql, digest: bytes) -> Caller | None:
    key = store.key_by_token(sql, digest)
    account = store.account(sql, key.account_id) if key else None
    if key is None or account is None:
        return None
    return Caller(
        account_id=account.id,
        account_name=account.name,
        time_zone=account.time_zone,
        region=account.region,
        language="en",  # programs read English; codes are what they go by
        scopes=frozenset(key.scope_list),
        key_id=key.id,
    )


def _caller_of_login(row: LoginRow, address: str) -> Caller:
    return Caller(
        account_id=row.account_id,
        account_name=row.account_name,
        time_zone=row.time_zone,
        region=row.region,
        language=row.language,
        scopes=ROLE_SCOPES[row.role],
        address=address,
        member_id=row.member_id,
        member_name=row.member_name,
        email=row.email,
        role=row.role,
        is_operator=row.is_operator,
        login_id=row.login_id,
    )
