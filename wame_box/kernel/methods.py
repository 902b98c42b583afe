"""The methods that no handler names: HEAD is a GET without its body, OPTIONS says which methods an address takes."""

from __future__ import annotations

import asyncio

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Method, Receive, Scope, Send
from litestar.utils.path import normalize_path

METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")


def methods_of(app: Litestar, path: str) -> list[str]:
    """The methods that an address takes; none where nothing is."""
    taken: list[str] = [method for method in METHODS if _takes(app, path, method)]
    if "GET" in taken:
        taken.insert(1, "HEAD")
    return [*taken, "OPTIONS"] if taken else []


def _takes(app: Litestar, path: str, method: Method) -> bool:
    try:
        app.asgi_router.handle_routing(path=normalize_path(path), method=method)
    except (NotFoundException, MethodNotAllowedException):
        return False
    return True


class OtherMethods:
    """ASGI: answers HEAD and OPTIONS of every address."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
        elif scope["method"] == "HEAD" and not _takes(self.app, scope["path"], "HEAD"):
            await self._head(scope, send)
        elif scope["method"] == "OPTIONS" and (taken := methods_of(self.app, scope["path"])):
            headers = [(b"allow", ", ".join(taken).encode())]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self.app(scope, receive, send)

    async def _head(self, scope: HTTPScope, send: Send) -> None:
        """Ends with the headers: a stream is told that nobody listens."""
        asked = False
        answered = asyncio.Event()

        async def receive() -> HTTPReceiveMessage:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send_start(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered.set()

        await self.app({**scope, "method": "GET"}, receive, send_start)
