"""Rendering pages: Jinja2 templates in the reader's language and time zone, redirects, and the one-time notices (flashes).

Templates format and never query. What every template may use stands in `_environment`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie

from wame_box.kernel import i18n, ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.errors import FieldError, Refused
from wame_box.kernel.paths import asset_dir
from wame_box.kernel.web import field_text, refusal_text

FLASH_COOKIE = "wame_flash"
URL_MARKS = "%/:?#[]@!$&'()*+,;=~"  # what an address may hold as it is
THEMES = ("auto", "light", "dark")

AnyRequest = Request[Any, Any, Any]


@cache
def static(path: str) -> str:
    """The address of a static file, with a mark of its content: browsers may keep it for ever."""
    digest = hashlib.sha256((asset_dir() / "static" / path).read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={digest}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(asset_dir() / "templates"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.policies["ext.i18n.trimmed"] = True  # as packaging/translations.py reads them
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: i18n.translations(i18n.language()).gettext(text),
        lambda one, many, n: i18n.translations(i18n.language()).ngettext(one, many, n),
        newstyle=True,
    )
    environment.filters.update(
        datetime=i18n.show_datetime,
        date=i18n.show_date,
        timeofday=i18n.show_time,
        iso=to_rfc3339,
        ago=lambda moment: i18n.show_relative(moment, time.time_ns() // 1_000_000),
        duration=i18n.show_duration,
        number=i18n.show_number,
        percent=i18n.show_percent,
        json=lambda value: msgspec.json.encode(value).decode(),
    )
    environment.globals.update(static=static, pid=ids.show, languages=i18n.LANGUAGES)
    return environment


def here(request: AnyRequest) -> str:
    """The path and query to come back to: this page's; of a submitted form's answer, those of the page that had the form."""
    if request.method in ("GET", "HEAD"):
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.headers.get("host"):
        return "/"
    return safe_path(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def box_address(request: AnyRequest, public_url: str) -> str:
    """Where programs reach the box, without a slash at the end: as configured, else as this browser does."""
    return (public_url or str(request.base_url)).rstrip("/")


def caller_of(request: AnyRequest) -> Any:
    """The signed-in member of this request, or None on public pages."""
    return request.scope.get("state", {}).get("caller")


def language_of(request: AnyRequest) -> str:
    """The reader's language: the member's own, else the cookie, else what the browser asks for."""
    caller = caller_of(request)
    if caller is not None:
        return str(caller.language)
    chosen = request.cookies.get("lang", "")
    return chosen if chosen in i18n.LANGUAGES else i18n.best_language(request.headers.get("accept-language", ""))


def html(request: AnyRequest, template: str, /, **context: Any) -> str:
    """The template as text; for parts that htmx or the live stream swap in."""
    me = caller_of(request)
    theme = request.cookies.get("theme", "auto")
    shared = {
        "me": me,
        "lang": language_of(request),
        "theme": theme if theme in THEMES else "auto",
        "here": here(request),
        "query": dict(request.query_params),
        "flashes": read_flashes(request),
        "errors": {},
        "values": {},
    }
    with i18n.use_language(shared["lang"], me.time_zone if me else None):
        return _environment().get_template(template).render(shared | context)


def render(request: AnyRequest, template: str, /, status: int = 200, **context: Any) -> Response[str]:
    """A page. `errors` (field → sentence) and `values` (field → text) fill its form again."""
    response = Response(html(request, template, **context), status_code=status, media_type="text/html")
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


def error_page(request: AnyRequest, refused: Refused) -> Response[Any]:
    """The page of an error; a browser that should sign in is sent there."""
    status = refused.problem.status
    if status == 401 and "text/html" in request.headers.get("accept", ""):
        return redirect(f"/sign-in?next={quote(here(request))}")
    with i18n.use_language(language_of(request)):
        text = refusal_text(refused)
    return render(request, "layout/error.html", status, status_code=status, text=text)


def form_errors(refused: Refused) -> dict[str, str]:
    """Field → sentence; what belongs to no field is under the empty name."""
    found = {error.field: field_text(error) for error in refused.fields}
    return found or {"": refusal_text(refused)}


async def form(request: AnyRequest) -> dict[str, str]:
    """The text fields of a submitted form, trimmed. Of fields sent twice, the last one."""
    data = await request.form()
    return {name: value.strip() for name, value in data.items() if isinstance(value, str)}


def needed(values: Mapping[str, str], *names: str) -> None:
    """Raises: Refused("invalid_input") naming each of the fields that is empty."""
    missing = [FieldError(name, "required", {}) for name in names if not values.get(name)]
    if missing:
        raise Refused("invalid_input", fields=missing)


# -- redirects and notices ---------------------------------------------------------------------------------------------


def redirect(path: str, *flashes: tuple[str, str]) -> Response[Any]:
    """303 to a path of this box. Flashes are (tone, sentence), shown once on the next page."""
    response = Response(b"", status_code=303, headers={"location": quote(path, safe=URL_MARKS)}, media_type="text/plain")
    if flashes:
        packed = base64.urlsafe_b64encode(msgspec.json.encode([(tone, text[:300]) for tone, text in flashes])).decode()
        response.set_cookie(Cookie(key=FLASH_COOKIE, value=packed, httponly=True, samesite="lax", max_age=60))
    return response


def read_flashes(request: AnyRequest) -> list[tuple[str, str]]:
    with contextlib.suppress(ValueError, msgspec.MsgspecError):
        packed = request.cookies.get(FLASH_COOKIE, "")
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=list[tuple[str, str]]) if packed else []
    return []


def safe_path(text: str) -> str:
    """A path of this box that may be redirected to; everything else becomes the home page."""
    fine = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if fine else "/"
