"""What HTTP means for the box, in one place: how errors are answered, which headers go out, which origins may write.

The API answers RFC 9457 `application/problem+json`; pages show the same sentence. `Harden` wraps the whole application.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from wame_box.kernel import ids
from wame_box.kernel.errors import CODES, FieldError, Refused, StorageFailed
from wame_box.kernel.i18n import gettext
from wame_box.kernel.methods import methods_of

log = structlog.get_logger()

PROBLEM = "application/problem+json"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
LOGIN_COOKIE = "wame_login"
_NAMED_FIELD = re.compile("field `([^`]{1,100})`")

SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
COMMON_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
PAGE_HEADERS = [
    *COMMON_HEADERS,
    (b"content-security-policy", SECURITY_POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=(), payment=()"),
]

ErrorPage = Callable[[Request[Any, Any, Any], Refused], Response[Any]]


def is_api(path: str) -> bool:
    return path.startswith("/api/")


# -- errors ------------------------------------------------------------------------------------------------------------


def problem(
    status: int, code: str, text: str, params: dict[str, Any] | None = None, fields: list[FieldError] | None = None
) -> Any:
    """The body of a problem answer. `type` is a stable name, `errors` lists wrong fields."""
    body: dict[str, Any] = {"type": f"urn:wame-box:problem:{code}", "title": text, "status": status, "code": code}
    if params:
        body["params"] = params
    if fields:
        body["errors"] = [{"field": f.field, "code": f.code, "message": field_text(f)} for f in fields]
    return body


def refusal_text(error: Refused) -> str:
    """The sentence of a refusal in the language spoken now."""
    return gettext(error.problem.text, **error.params)


def field_text(error: FieldError) -> str:
    return gettext(CODES[error.code].text, **error.params)


def as_refused(error: Exception) -> Refused | None:
    """Storage failures and the framework's own refusals under the box's codes."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, StorageFailed):
        return Refused("storage_full" if error.full else "storage_failed")
    if isinstance(error, ValidationException):
        return _validation(error)
    if isinstance(error, RecursionError):  # of the JSON decoder
        return Refused("malformed", reason="nested too deeply")
    if isinstance(error, HTTPException):
        codes = {401: "not_signed_in", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
        if error.status_code in codes:
            return Refused(codes[error.status_code])
        if error.status_code == 413:
            return Refused("body_too_large")
        if 400 <= error.status_code < 500:
            return Refused("malformed", reason=str(error.detail)[:200])
    return None


def _validation(error: ValidationException) -> Refused:
    """Litestar's list of wrong fields; a body that is no JSON at all has none."""
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [_wrong_field(item) for item in extra if isinstance(item, dict)]
    if not fields:
        return Refused("malformed", reason=str(error.detail)[:200])
    return Refused("invalid_input", fields=fields)


def _wrong_field(item: dict[str, Any]) -> FieldError:
    """What Litestar says of one field. It calls the whole body `data`, and names a missing or foreign field in its text only."""
    place, reason = str(item.get("key") or "data"), str(item.get("message", ""))[:200]
    if reason == "'data'":
        return FieldError("body", "required", {})
    named = _NAMED_FIELD.search(reason)
    if named is None:
        return FieldError("body" if place == "data" else place, "wrong_field", {"reason": reason})
    field = named[1] if place == "data" else f"{place}.{named[1]}"
    return FieldError(field, "required", {}) if "missing" in reason else FieldError(field, "wrong_field", {"reason": reason})


class ErrorAnswers:
    """The exception handler of the application. Pages are made by `page(request, refused)`."""

    def __init__(self, page: ErrorPage) -> None:
        self._page = page

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        refused = as_refused(error)
        if refused is None:
            refused = self._bug(request, error)
        status = refused.problem.status
        if is_api(request.url.path):
            body = problem(status, refused.code, refusal_text(refused), refused.params, refused.fields)
            response = Response(json.dumps(body, ensure_ascii=False).encode(), status_code=status, media_type=PROBLEM)
        else:
            response = self._page(request, refused)
        response.headers.update(_error_headers(request, refused))
        return response

    def _bug(self, request: Request[Any, Any, Any], error: Exception) -> Refused:
        incident = ids.show("inc", ids.new_id())
        log.error("request.failed", incident=incident, method=request.method, route=request.url.path, exc_info=error)
        return Refused("internal", incident=incident)


def _error_headers(request: Request[Any, Any, Any], refused: Refused) -> dict[str, str]:
    status = refused.problem.status
    if status == 401 and is_api(request.url.path):
        return {"www-authenticate": 'Bearer realm="WaMe Box"'}
    if status == 405:
        return {"allow": ", ".join(methods_of(request.app, request.scope["path"]))}
    return {"retry-after": str(refused.params["seconds"])} if refused.code == "too_many_requests" else {}


# -- the outer skin ----------------------------------------------------------------------------------------------------


class Harden:
    """ASGI: security headers on every answer, and no writing from another site's pages (CSRF).

    A browser says where a request comes from (`Sec-Fetch-Site`, `Origin`); programs with a key send neither. `public_host` is
    what people type, should a proxy rewrite the Host header.
    """

    def __init__(self, app: ASGIApp, page: ErrorPage, public_host: str | None = None) -> None:
        self._app = app
        self._page = page
        self._public_host = public_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        api = is_api(scope["path"])
        headers = COMMON_HEADERS if api else PAGE_HEADERS

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message["headers"])
                names = {name.lower() for name, _ in sent}
                sent.extend(pair for pair in headers if pair[0] not in names)
                if b"cache-control" not in names:
                    sent.append((b"cache-control", b"no-store"))
                message["headers"] = sent
            await send(message)

        if scope["method"] in UNSAFE and not self._same_origin(scope, api):
            await self._refuse(scope, sender, api)
            return
        await self._app(scope, receive, sender)

    def _same_origin(self, scope: HTTPScope, api: bool) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if api and (headers.get(b"x-api-key") or headers.get(b"authorization", "").lower().startswith("bearer ")):
            return True
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get(b"origin")
        if origin is None:
            return True
        host = urlsplit(origin).netloc
        return host != "" and host in (headers.get(b"host"), self._public_host)

    async def _refuse(self, scope: HTTPScope, send: Send, api: bool) -> None:
        """Before anybody asked who the caller is: the page is in the language of the browser."""
        refused = Refused("wrong_origin")
        if api:
            kind, text = PROBLEM, json.dumps(problem(403, refused.code, refusal_text(refused)))
        else:
            kind, text = "text/html; charset=utf-8", str(self._page(Request(scope), refused).content)
        body = text.encode()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
