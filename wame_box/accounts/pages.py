"""The pages of the first run, signing in and out, API keys and settings."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts import account, keys, signin, store
from wame_box.accounts.access import Gate, address_of
from wame_box.accounts.models import AccountSettings, Caller, NewKey, Setup
from wame_box.accounts.permissions import KEY_SCOPES, Scope
from wame_box.accounts.scope_texts import SCOPE_TEXTS
from wame_box.accounts.setup import FirstRun, set_up
from wame_box.kernel import i18n, ids, pages, paging
from wame_box.kernel.errors import Refused, invalid
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.secrets import SHORTEST
from wame_box.kernel.web import LOGIN_COOKIE, refusal_text

PageRequest = Request[Any, Any, Any]
Page = Response[Any]


def _visitor(request: PageRequest) -> signin.Visitor:
    return signin.Visitor(address_of(request), request.headers.get("user-agent", ""))


def _with_login(response: Page, request: PageRequest, gate: Gate, token: str) -> Page:
    response.set_cookie(gate.login_cookie(request, token))
    return response


# -- first run ---------------------------------------------------------------------------------------------------------


def _zones() -> list[tuple[str, str]]:
    """(IANA name, as people read it) of every time zone."""
    return [(name, name.replace("_", " ").replace("/", " / ")) for name in i18n.time_zones()]


def _welcome(request: PageRequest, token: str, **context: Any) -> Page:
    choices: dict[str, Any] = {"zones": _zones(), "regions": i18n.regions(), "token": token, "shortest": SHORTEST}
    return pages.render(request, "accounts/welcome.html", **(choices | context))


@get("/welcome", access="public", include_in_schema=False)
async def show_welcome(
    request: PageRequest, kernel: NamedDependency[Kernel], first_run: NamedDependency[FirstRun], token: FromQuery[str] = ""
) -> Page:
    if await kernel.db.read(store.any_member):
        return pages.redirect("/sign-in")
    if not first_run.allows(token):
        return pages.render(request, "accounts/locked.html", 403)
    return _welcome(request, token)


@post("/welcome", access="public", include_in_schema=False, status_code=200)
async def do_welcome(
    request: PageRequest, kernel: NamedDependency[Kernel], first_run: NamedDependency[FirstRun], gate: NamedDependency[Gate]
) -> Page:
    i18n.speak(pages.language_of(request))
    values = await pages.form(request)
    try:
        wish = _setup_of(values)
        __, member_id = await set_up(kernel.db, first_run, values.get("token", ""), wish)
    except Refused as error:
        values.pop("password", None)
        return _welcome(
            request, values.get("token", ""), status=error.problem.status, errors=pages.form_errors(error), values=values
        )
    token = await kernel.db.write(signin.open_login, member_id, _visitor(request))
    i18n.speak(wish.language)
    return _with_login(pages.redirect("/", ("ok", _("Your box is ready. Welcome!"))), request, gate, token)


def _setup_of(values: dict[str, str]) -> Setup:
    pages.needed(values, "account", "name", "email", "password")
    return Setup(
        account=values["account"],
        name=values["name"],
        email=values["email"],
        password=values["password"],
        time_zone=values.get("time_zone", "UTC"),
        language=values.get("language", "en"),
        region=values.get("region") or None,
    )


# -- signing in and out ------------------------------------------------------------------------------------------------


@get("/sign-in", access="public", include_in_schema=False)
async def show_sign_in(request: PageRequest, kernel: NamedDependency[Kernel], next: FromQuery[str] = "/") -> Page:
    if pages.caller_of(request) is not None:
        return pages.redirect(pages.safe_path(next))
    empty = not await kernel.db.read(store.any_member)
    return pages.render(request, "accounts/sign_in.html", next=pages.safe_path(next), empty=empty)


@post("/sign-in", access="public", include_in_schema=False, status_code=200)
async def do_sign_in(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    throttle: NamedDependency[signin.Throttle],
    gate: NamedDependency[Gate],
) -> Page:
    i18n.speak(pages.language_of(request))
    values = await pages.form(request)
    target = pages.safe_path(values.get("next", "/"))
    try:
        pages.needed(values, "email", "password")
        token = await signin.sign_in(kernel.db, throttle, values["email"], values["password"], _visitor(request))
    except Refused as error:
        values.pop("password", None)
        shown = {"errors": pages.form_errors(error), "values": values, "next": target, "empty": False}
        return pages.render(request, "accounts/sign_in.html", error.problem.status, **shown)
    return _with_login(pages.redirect(target), request, gate, token)


@post("/sign-out", access="public", include_in_schema=False, status_code=200)
async def do_sign_out(request: PageRequest, kernel: NamedDependency[Kernel], gate: NamedDependency[Gate]) -> Page:
    caller = pages.caller_of(request)
    if caller is not None and caller.login_id is not None:
        await kernel.db.write(store.delete_login, caller.login_id)
        gate.forget()
    response = pages.redirect("/sign-in", ("ok", _("You are signed out.")))
    response.delete_cookie(LOGIN_COOKIE)
    return response


@post("/language", access="public", include_in_schema=False, status_code=200)
async def choose_language(request: PageRequest, kernel: NamedDependency[Kernel], gate: NamedDependency[Gate]) -> Page:
    """The member's own language; before signing in it is kept in a cookie."""
    values = await pages.form(request)
    language = values.get("language", "en")
    caller = pages.caller_of(request)
    if language not in i18n.LANGUAGES:
        raise invalid("language", "language_unknown")
    if caller is not None:
        await kernel.db.write(account.change_language, caller, language)
        gate.forget()
    response = pages.redirect(pages.safe_path(values.get("next", "/")))
    response.set_cookie(Cookie(key="lang", value=language, samesite="lax", max_age=365 * 86_400))
    return response


@post("/theme", access="public", include_in_schema=False, status_code=200)
async def choose_theme(request: PageRequest) -> Page:
    values = await pages.form(request)
    theme = values.get("theme", "auto")
    response = pages.redirect(pages.safe_path(values.get("next", "/")))
    if theme in pages.THEMES:
        response.set_cookie(Cookie(key="theme", value=theme, samesite="lax", max_age=365 * 86_400))
    return response


# -- API keys ----------------------------------------------------------------------------------------------------------


async def _keys_page(
    request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, cursor: str | None = None, **more: Any
) -> Page:
    wanted = paging.window(None, cursor)
    found = await kernel.db.read(store.keys, caller.account_id, wanted.before, wanted.limit + 1)
    rows, after = paging.cut(found, wanted)
    scopes = [(scope, SCOPE_TEXTS[scope]) for scope in KEY_SCOPES]
    shown = {"keys": rows, "next_cursor": after, "scopes": scopes, "new_key": None, "chosen": list(KEY_SCOPES)}
    shown["address"] = pages.box_address(request, kernel.config.server.public_url)
    return pages.render(request, "accounts/keys.html", status, **(shown | more))


@get("/keys", scope=Scope.KEYS_WRITE, include_in_schema=False)
async def show_keys(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], cursor: FromQuery[str | None] = None
) -> Page:
    return await _keys_page(request, kernel, caller, cursor=cursor)


@post("/keys", scope=Scope.KEYS_WRITE, include_in_schema=False, status_code=200)
async def make_key(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    data = await request.form()
    chosen: list[Scope] = [scope for scope in KEY_SCOPES if scope in data.getall("scopes", [])]
    name = str(data.get("name", "")).strip()
    try:
        row, key = await kernel.db.write(keys.create_key, caller, NewKey(name, chosen))
    except Refused as error:
        shown: dict[str, Any] = {"errors": pages.form_errors(error), "values": {"name": name, "scopes": chosen}}
        return await _keys_page(request, kernel, caller, error.problem.status, **shown)
    return await _keys_page(request, kernel, caller, new_key=key, new_name=row.name, new_scopes=chosen)


@post("/keys/{key_id:str}/revoke", scope=Scope.KEYS_WRITE, include_in_schema=False, status_code=200)
async def drop_key(
    key_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    gate: NamedDependency[Gate],
) -> Page:
    if (await pages.form(request)).get("confirmed") != "1":
        return pages.render(request, "accounts/revoke.html", key_id=key_id)
    await kernel.db.write(keys.revoke_key, caller, ids.parse("key", key_id))
    gate.forget()
    return pages.redirect("/keys", ("ok", _("The key is revoked.")))


# -- settings ----------------------------------------------------------------------------------------------------------


async def _settings_page(request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, **more: Any) -> Page:
    found = await kernel.db.read(store.account, caller.account_id)
    choices = {"account": found, "zones": _zones(), "regions": i18n.regions(), "shortest": SHORTEST}
    return pages.render(request, "accounts/settings.html", status, **(choices | more))


@get("/settings", scope=Scope.ACCOUNT_READ, include_in_schema=False)
async def show_settings(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    return await _settings_page(request, kernel, caller)


@post("/settings", scope=Scope.ACCOUNT_WRITE, include_in_schema=False, status_code=200)
async def change_settings(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], gate: NamedDependency[Gate]
) -> Page:
    values = await pages.form(request)
    wish = AccountSettings(
        values.get("name", ""), values.get("time_zone", ""), values.get("language", ""), values.get("region") or None
    )
    try:
        await kernel.db.write(account.change_account, caller, wish)
    except Refused as error:
        shown = {"errors": pages.form_errors(error), "values": values}
        return await _settings_page(request, kernel, caller, error.problem.status, **shown)
    gate.forget()
    return pages.redirect("/settings", ("ok", _("The settings are saved.")))


@post("/settings/password", scope=Scope.ACCOUNT_READ, include_in_schema=False, status_code=200)
async def change_password(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    throttle: NamedDependency[signin.Throttle],
    gate: NamedDependency[Gate],
) -> Page:
    """Asks for the old password; every other login of the member ends."""
    values = await pages.form(request)
    try:
        pages.needed(values, "old_password", "new_password")
        token = await signin.change_password(
            kernel.db, throttle, caller, values["old_password"], values["new_password"], _visitor(request)
        )
    except Refused as error:
        text = pages.form_errors(error) if error.fields else {"old_password": refusal_text(error)}
        return await _settings_page(request, kernel, caller, error.problem.status, errors=text)
    gate.forget()
    return _with_login(pages.redirect("/settings", ("ok", _("The new password is set."))), request, gate, token)


HANDLERS = [
    show_welcome,
    do_welcome,
    show_sign_in,
    do_sign_in,
    do_sign_out,
    choose_language,
    choose_theme,
    show_keys,
    make_key,
    drop_key,
    show_settings,
    change_settings,
    change_password,
]
