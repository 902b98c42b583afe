"""The page that chooses how fast a session sends, and tells what holds it now."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.kernel import ids, pages
from wame_box.kernel.clock import DAY
from wame_box.kernel.errors import Refused, invalid
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import pacing_store, policy_change
from wame_box.messaging.pacing import PolicyName, day_cap, read_policy, stranger_cap
from wame_box.messaging.policy_change import PolicyChange
from wame_box.messaging.policy_form import HOURS, choices, fill_form, read_custom
from wame_box.messaging.waiting import until
from wame_box.messaging.words import wait_text
from wame_box.sessions.lookup import need_session

PageRequest = Request[Any, Any, Any]
Page = Response[Any]


async def _page(session_id: str, request: PageRequest, kernel: Kernel, caller: Caller, status: int = 200, **more: Any) -> Page:
    session = await kernel.db.read(need_session, caller.account_id, ids.parse("ses", session_id))
    held = await kernel.db.read(pacing_store.waiting, session.id)
    now, policy = kernel.clock.now(), read_policy(session.policy)
    age = (now - (session.paired_at or now)) // DAY
    shown = {
        "session": session,
        "choices": choices(session.engine),
        "fields": fill_form(policy),
        "hours": HOURS,
        "waiting": until(wait_text(held[1]), held[0], now) if held and held[0] > now else None,
        "age_days": age,
        "day_cap": day_cap(policy, age),
        "stranger_cap": stranger_cap(policy, age),
    }
    return pages.render(request, "messaging/pacing.html", status, **(shown | more))


@get("/sessions/{session_id:str}/pacing", scope=Scope.SESSIONS_READ, include_in_schema=False)
async def show_pacing(
    session_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _page(session_id, request, kernel, caller)


@post("/sessions/{session_id:str}/pacing", scope=Scope.SESSIONS_WRITE, include_in_schema=False, status_code=200)
async def change_pacing(
    session_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
) -> Page:
    values = await pages.form(request)
    try:
        wish = _wish(values)
        await kernel.db.write(policy_change.change, caller, ids.parse("ses", session_id), wish)
    except Refused as error:
        if not error.fields:
            raise
        shown = {"errors": pages.form_errors(error), "fields": values, "values": values}
        return await _page(session_id, request, kernel, caller, error.problem.status, **shown)
    return pages.redirect(f"/sessions/{session_id}/pacing", ("ok", _("The new pace holds from the next message on.")))


def _wish(values: dict[str, str]) -> PolicyChange:
    try:
        name = PolicyName(values.get("policy", ""))
    except ValueError:
        raise invalid("policy", "policy_unknown") from None
    return PolicyChange(name, read_custom(values) if name is PolicyName.CUSTOM else {})


HANDLERS = [show_pacing, change_pacing]
