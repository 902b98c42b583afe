"""The pages of campaigns: the table, one campaign as it runs, and what can be done to it. Drafts and reports have own files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.campaigns import control, draft, draft_pages, launch, report_pages, store, waiting, words
from wame_box.campaigns import preview as previews
from wame_box.campaigns.models import NAME_LIMIT, Campaign, CampaignStatus
from wame_box.campaigns.report import shares
from wame_box.contacts.phone import pretty
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.words import wait_text

PageRequest = Request[Any, Any, Any]
Page = Response[Any]
S = CampaignStatus

PLANNED = (S.DRAFT, S.SCHEDULED)


# -- the table ---------------------------------------------------------------------------------------------------------


async def _table(kernel: Kernel, caller: Caller, status: str | None, cursor: str | None) -> dict[str, Any]:
    chosen = CampaignStatus(status) if status in set(CampaignStatus) else None
    window = paging.window(None, cursor)
    found = await kernel.db.read(store.listed, caller.account_id, window.before, window.limit + 1, chosen)
    rows, after = paging.cut(found, window)
    filters = {"status": chosen} if chosen else {}
    batches = [ids.show("bat", row.campaign.batch_id) for row in rows if row.campaign.batch_id]
    return {
        "rows": rows,
        "words": words,
        "chosen": chosen or "",
        "cursor": cursor,
        "topics": " ".join(["campaigns", *(f"batch:{batch}" for batch in batches[:20])]),
        "source": "/campaigns/rows" + (f"?{urlencode(filters)}" if filters else ""),
        "newest": "/campaigns" + (f"?{urlencode(filters)}" if filters else "") if cursor else "",
        "older": "/campaigns?" + urlencode({**filters, "cursor": after}) if after else "",
    }


@get("/campaigns", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_campaigns(
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
) -> Page:
    return pages.render(request, "campaigns/campaigns.html", **await _table(kernel, caller, status, cursor))


@get("/campaigns/rows", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_rows(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], status: FromQuery[str | None] = None
) -> Page:
    """The newest rows alone, for the live page."""
    return pages.render(request, "campaigns/rows.html", **await _table(kernel, caller, status, None))


# -- one campaign ------------------------------------------------------------------------------------------------------


def _draft_view(sql: Sql, row: Campaign, contact_id: int | None) -> dict[str, Any]:
    shown = store.with_progress(sql, [row])[0]
    found = previews.preview(sql, row, contact_id) if contact_id else previews.first_reached(sql, row)
    return {"row": shown, "preview": found, "words": words, "pretty": pretty}


def running_view(sql: Sql, row: Campaign, now: int) -> dict[str, Any]:
    """What the live part of a launched campaign shows."""
    shown = store.with_progress(sql, [row])[0]
    held = waiting.held(sql, row, shown.progress, now)
    return {
        "row": shown,
        "shares": shares(shown.progress),
        "held": held,
        "held_text": wait_text(held.reason) if held else "",
        "words": words,
        "topics": f"campaign:{row.public_id} batch:{ids.show('bat', row.batch_id or 0)}",
    }


@get("/campaigns/{campaign_id:str}", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_campaign(
    campaign_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    contact: FromQuery[str | None] = None,
) -> Page:
    """A draft with its preview, or the progress of what was launched."""
    contact_id = ids.parse("con", contact) if contact else None
    now = kernel.clock.now()

    def work(sql: Sql) -> tuple[str, dict[str, Any]]:
        row = draft.find(sql, caller, ids.parse("cmp", campaign_id))
        if row.batch_id is None:
            return "campaigns/draft.html", _draft_view(sql, row, contact_id)
        return "campaigns/campaign.html", running_view(sql, row, now)

    template, shown = await kernel.db.read(work)
    return pages.render(request, template, **shown)


@get("/campaigns/{campaign_id:str}/preview", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_preview(
    campaign_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    contact: FromQuery[str | None] = None,
) -> Page:
    """The bubble for one contact alone, to be swapped in."""
    contact_id = ids.parse("con", contact) if contact else None

    def work(sql: Sql) -> dict[str, Any]:
        return _draft_view(sql, draft.find(sql, caller, ids.parse("cmp", campaign_id)), contact_id)

    return pages.render(request, "campaigns/preview.html", **await kernel.db.read(work))


@get("/campaigns/{campaign_id:str}/progress", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_progress(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The part of a launched campaign's page that changes."""
    now = kernel.clock.now()

    def work(sql: Sql) -> dict[str, Any]:
        return running_view(sql, draft.find(sql, caller, ids.parse("cmp", campaign_id)), now)

    return pages.render(request, "campaigns/progress.html", **await kernel.db.read(work))


@get("/campaigns/{campaign_id:str}/state", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_state(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The note above a scheduled campaign, which changes when it starts."""

    def work(sql: Sql) -> dict[str, Any]:
        return {"row": store.with_progress(sql, [draft.find(sql, caller, ids.parse("cmp", campaign_id))])[0]}

    return pages.render(request, "campaigns/state.html", **await kernel.db.read(work))


# -- what can be done --------------------------------------------------------------------------------------------------


async def _do(kernel: Kernel, caller: Caller, campaign_id: str, told: str, act: Callable[..., Campaign], *args: Any) -> Page:
    """Does it and goes back to the campaign; what came too late is told there."""
    path = f"/campaigns/{campaign_id}"
    try:
        await kernel.db.write(act, caller, ids.parse("cmp", campaign_id), *args)
    except Refused as error:
        if error.code != "state_changed":
            raise
        return pages.redirect(path, ("warn", _("The campaign has changed meanwhile. This is how it stands now.")))
    return pages.redirect(path, ("ok", told))


@post("/campaigns/{campaign_id:str}/pause", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def pause_campaign(campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    return await _do(kernel, caller, campaign_id, _("The campaign is paused."), control.pause)


@post("/campaigns/{campaign_id:str}/resume", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def resume_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    dispatcher: NamedDependency[Dispatcher],
) -> Page:
    return await _do(kernel, caller, campaign_id, _("The campaign goes on."), control.resume, dispatcher.wake)


@post("/campaigns/{campaign_id:str}/stop", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def stop_campaign(
    campaign_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    dispatcher: NamedDependency[Dispatcher],
) -> Page:
    if (await pages.form(request)).get("confirmed") != "1":
        row = await kernel.db.read(draft.find, caller, ids.parse("cmp", campaign_id))
        return pages.render(request, "campaigns/stop.html", campaign=row)
    return await _do(kernel, caller, campaign_id, _("The campaign is stopped."), control.stop, dispatcher.cancel_rest)


@post("/campaigns/{campaign_id:str}/unschedule", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def unschedule_campaign(
    campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    return await _do(kernel, caller, campaign_id, _("It is a draft again."), launch.unschedule)


@post("/campaigns/{campaign_id:str}/duplicate", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def duplicate_campaign(
    campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await kernel.db.read(draft.find, caller, ids.parse("cmp", campaign_id))
    name = _("%(name)s (copy)", name=row.name)[:NAME_LIMIT]
    copy = await kernel.db.write(draft.duplicate, caller, row.id, name)
    return pages.redirect(f"/campaigns/{copy.public_id}/edit", ("ok", _("This is the copy. The original stays as it is.")))


@post("/campaigns/{campaign_id:str}/delete", scope=Scope.CAMPAIGNS_WRITE, include_in_schema=False, status_code=200)
async def delete_campaign(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    number = ids.parse("cmp", campaign_id)
    if (await pages.form(request)).get("confirmed") != "1":
        row = await kernel.db.read(draft.find, caller, number)
        return pages.render(request, "campaigns/delete.html", campaign=row)
    await kernel.db.write(draft.delete, caller, number)
    return pages.redirect("/campaigns", ("ok", _("The draft is deleted.")))


HANDLERS = [
    show_campaigns,
    show_rows,
    *draft_pages.HANDLERS,
    show_campaign,
    show_preview,
    show_progress,
    show_state,
    pause_campaign,
    resume_campaign,
    stop_campaign,
    unschedule_campaign,
    duplicate_campaign,
    delete_campaign,
    *report_pages.HANDLERS,
]
