"""The pages of a draft: writing it, and the confirm page from which it is launched."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.campaigns import confirm, draft, form, launch, words
from wame_box.campaigns.models import Campaign, CampaignStatus
from wame_box.campaigns.preview import offered_variables
from wame_box.campaigns.runner import Campaigns
from wame_box.contacts import list_store
from wame_box.contacts import store as contacts
from wame_box.contacts.models import ContactFilter, ContactList
from wame_box.contacts.phone import pretty
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.sessions import store as sessions
from wame_box.sessions.models import Session, SessionStatus

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

MOST_COUNTED = 1_000_000


# -- writing -----------------------------------------------------------------------------------------------------------


def _choices(sql: Sql, caller: Caller) -> dict[str, Any]:
    """What the form offers to choose from."""
    every = sessions.sessions_of(sql, caller.account_id, paging.Window(limit=paging.MOST))
    every.sort(key=lambda row: row.status is not SessionStatus.CONNECTED)  # the first one is proposed
    return {
        "sessions": [(row.public_id, _session_label(row)) for row in every if row.number],
        "lists": [(row.public_id, _list_label(row)) for row in list_store.by_name(sql, caller.account_id)],
        "contact_count": contacts.count(sql, caller.account_id, ContactFilter(), MOST_COUNTED),
        "variables": offered_variables(sql, caller.account_id, None),
    }


def _session_label(row: Session) -> str:
    label = f"{row.name} · {pretty(row.number or '')}"
    return label if row.status is SessionStatus.CONNECTED else f"{label} · {_('not connected')}"


def _list_label(row: ContactList) -> str:
    return _("%(name)s (%(count)s contacts)", name=row.name, count=row.members)


async def _form_page(
    request: PageRequest, kernel: Kernel, caller: Caller, row: Campaign | None, status: int = 200, **more: Any
) -> Page:
    choices = await kernel.db.read(_choices, caller)
    return pages.render(request, "campaigns/form.html", status, campaign=row, **choices, **more)


@get("/campaigns/new", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False)
async def show_new(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], list: FromQuery[str] = ""
) -> Page:
    return await _form_page(request, kernel, caller, None, start=form.EMPTY | {"list": list})


@post("/campaigns/new", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def make_campaign(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    values = await pages.form(request)
    try:
        row = await kernel.db.write(draft.create, caller, form.read_draft(values), kernel.http.check_url)
    except Refused as error:
        shown = {"errors": pages.form_errors(form.in_form(error)), "values": values, "start": form.EMPTY}
        return await _form_page(request, kernel, caller, None, error.problem.status, **shown)
    return pages.redirect(f"/campaigns/{row.public_id}", ("ok", _("The draft is saved. Look at the preview, then launch it.")))


async def _editable(kernel: Kernel, caller: Caller, campaign_id: str) -> Campaign:
    row = await kernel.db.read(draft.find, caller, ids.parse("cmp", campaign_id))
    if row.status is not CampaignStatus.DRAFT:
        raise Refused("campaign_not_draft")
    return row


@get("/campaigns/{campaign_id:str}/edit", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False)
async def show_edit(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _editable(kernel, caller, campaign_id)
    return await _form_page(request, kernel, caller, row, start=form.filled(row))


@post("/campaigns/{campaign_id:str}/edit", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def change_campaign(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await _editable(kernel, caller, campaign_id)
    values = await pages.form(request)
    try:
        await kernel.db.write(draft.change, caller, row.id, form.read_change(values), kernel.http.check_url)
    except Refused as error:
        shown = {"errors": pages.form_errors(form.in_form(error)), "values": values, "start": form.EMPTY}
        return await _form_page(request, kernel, caller, row, error.problem.status, **shown)
    return pages.redirect(f"/campaigns/{row.public_id}", ("ok", _("The draft is saved.")))


# -- launching ---------------------------------------------------------------------------------------------------------


async def _confirm_page(
    request: PageRequest, kernel: Kernel, caller: Caller, campaign_id: str, status: int = 200, **more: Any
) -> Page:
    shown = await kernel.db.read(confirm.review, caller, ids.parse("cmp", campaign_id), kernel.clock.now())
    row = shown.row.campaign
    if row.status is not CampaignStatus.DRAFT:
        return pages.redirect(f"/campaigns/{row.public_id}")
    planned = form.local_time(row.scheduled_at, caller.time_zone) if row.scheduled_at else ""
    context = {"review": shown, "row": shown.row, "preview": shown.preview, "planned": planned, "words": words}
    return pages.render(request, "campaigns/confirm.html", status, pretty=pretty, **context, **more)


@get("/campaigns/{campaign_id:str}/confirm", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False)
async def show_confirm(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _confirm_page(request, kernel, caller, campaign_id)


@post("/campaigns/{campaign_id:str}/confirm", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def do_launch(
    campaign_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    campaigns: NamedDependency[Campaigns],
) -> Page:
    values = await pages.form(request)
    number = ids.parse("cmp", campaign_id)
    path = f"/campaigns/{campaign_id}"
    try:
        wish = form.read_launch(values, caller.time_zone)
        audience = await kernel.db.read(launch.look, caller, number)
        row = await kernel.db.write(launch.launch, caller, number, wish, audience, campaigns.wake)
    except Refused as error:
        if error.code == "state_changed":
            return pages.redirect(path, ("warn", _("The campaign has changed meanwhile. This is how it stands now.")))
        shown = {"errors": pages.form_errors(error), "values": values}
        return await _confirm_page(request, kernel, caller, campaign_id, error.problem.status, **shown)
    started = row.status is CampaignStatus.RUNNING
    return pages.redirect(path, ("ok", _("The campaign has started.") if started else _("The campaign is scheduled.")))


HANDLERS = [show_new, make_campaign, show_edit, change_campaign, show_confirm, do_launch]
