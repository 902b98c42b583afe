"""Campaigns over REST: drafts, launch, pause, resume, stop, preview, report, recipients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.campaigns import control, draft, export, launch, people_store, store
from wame_box.campaigns import preview as previews
from wame_box.campaigns import report as reports
from wame_box.campaigns.models import (
    Campaign,
    CampaignChange,
    CampaignPage,
    CampaignStatus,
    CampaignView,
    Launch,
    NewCampaign,
)
from wame_box.campaigns.people_store import Recipient
from wame_box.campaigns.preview import Preview
from wame_box.campaigns.report import ReportView
from wame_box.campaigns.runner import Campaigns
from wame_box.kernel import ids, paging
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.idempotency import Once, answer_once
from wame_box.kernel.kernel import Kernel
from wame_box.messaging.dispatch import Dispatcher
from wame_box.messaging.models import MessageStatus

TAGS = ["Campaigns"]
RecipientFilter = Literal["waiting", "sent", "delivered", "read", "replied", "failed", "cancelled"]


class CopyName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the copy is called; without it, as the original."""

    name: str | None = None


class RecipientView(msgspec.Struct, frozen=True):
    """One person of a launched campaign. `waiting_for` says why a queued message waits."""

    contact: str
    name: str | None
    address: str
    message: str
    status: MessageStatus
    error: str | None
    waiting_for: str | None
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    replied_at: str | None
    failed_at: str | None

    @classmethod
    def of(cls, row: Recipient) -> RecipientView:
        times = (row.sent_at, row.delivered_at, row.read_at, row.replied_at, row.failed_at)
        return cls(
            ids.show("con", row.contact_id),
            row.contact_name,
            row.address,
            ids.show("msg", row.message_id),
            row.status,
            row.error,
            row.wait_reason if row.status is MessageStatus.QUEUED else None,
            *(to_rfc3339(moment) if moment is not None else None for moment in times),
        )


class RecipientPage(msgspec.Struct, frozen=True):
    data: list[RecipientView]
    next_cursor: str | None


# -- reading -----------------------------------------------------------------------------------------------------------


@get("/api/v1/campaigns", scope=Scope.CAMPAIGNS_READ, tags=TAGS, summary="List campaigns")
async def list_campaigns(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[CampaignStatus | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> CampaignPage:
    """Newest first, of one status if given."""
    wanted = paging.window(limit, cursor)
    found = await kernel.db.read(store.listed, caller.account_id, wanted.before, wanted.limit + 1, status)
    rows, after = paging.cut(found, wanted)
    return CampaignPage([CampaignView.of(row.campaign, row.progress) for row in rows], after)


@get("/api/v1/campaigns/{campaign_id:str}", scope=Scope.CAMPAIGNS_READ, tags=TAGS, summary="Get a campaign")
async def get_campaign(
    campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> CampaignView:
    """A campaign with how far it is."""
    return await kernel.db.read(_view, caller, ids.parse("cmp", campaign_id))


@get("/api/v1/campaigns/{campaign_id:str}/preview", scope=Scope.CAMPAIGNS_READ, tags=TAGS, summary="Preview a campaign")
async def preview_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    contact: FromQuery[str | None] = None,
) -> Preview:
    """The message as one contact would get it, the first of the audience or the one given, and who comes next."""
    contact_id = ids.parse("con", contact) if contact else None

    def work(sql: Sql) -> Preview:
        found = previews.preview(sql, draft.find(sql, caller, ids.parse("cmp", campaign_id)), contact_id)
        if found is None:
            raise Refused("campaign_no_recipients")
        return found

    return await kernel.db.read(work)


@get("/api/v1/campaigns/{campaign_id:str}/report", scope=Scope.CAMPAIGNS_READ, tags=TAGS, summary="Get a campaign's report")
async def get_report(campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> ReportView:
    """The funnel with its shares, failures and skips by reason, and the course over time. 409 before the launch."""

    def work(sql: Sql) -> ReportView:
        return ReportView.of(reports.report(sql, draft.find(sql, caller, ids.parse("cmp", campaign_id))))

    return await kernel.db.read(work)


@get(
    "/api/v1/campaigns/{campaign_id:str}/recipients",
    scope=Scope.CAMPAIGNS_READ,
    tags=TAGS,
    summary="List a campaign's recipients",
)
async def list_recipients(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[RecipientFilter | None] = None,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> RecipientPage:
    """What became of each person's message. The statuses are those of the funnel: `delivered` includes what was read since."""
    wanted = paging.window(limit, cursor)

    def work(sql: Sql) -> list[Recipient]:
        row = draft.find(sql, caller, ids.parse("cmp", campaign_id))
        return people_store.recipients(sql, row.account_id, row.batch_id or 0, wanted.before, wanted.limit + 1, status)

    rows, after = paging.cut(await kernel.db.read(work), wanted)
    return RecipientPage([RecipientView.of(row) for row in rows], after)


@get(
    "/api/v1/campaigns/{campaign_id:str}/recipients.csv",
    scope=Scope.CAMPAIGNS_READ,
    tags=TAGS,
    summary="Export a campaign's recipients",
)
async def export_recipients(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[RecipientFilter | None] = None,
) -> Stream:
    """All recipients as CSV (UTF-8), streamed. Cells that a spreadsheet would take for a formula begin with an apostrophe."""
    row = await kernel.db.read(draft.find, caller, ids.parse("cmp", campaign_id))
    return csv_answer(kernel, row, status)


def csv_answer(kernel: Kernel, row: Campaign, status: str | None) -> Stream:
    name = f"{row.public_id}-recipients.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Stream(export.csv_rows(kernel.db, row, status), media_type="text/csv; charset=utf-8", headers=headers)


# -- drafts ------------------------------------------------------------------------------------------------------------


@post("/api/v1/campaigns", scope=Scope.CAMPAIGNS_WRITE, tags=TAGS, summary="Create a campaign", status_code=201)
async def create_campaign(
    data: JSONBody[NewCampaign], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[Any]:
    """Makes a draft. Variables such as `{{first_name|friend}}` are filled in for each contact."""

    def work(tx: Tx) -> CampaignView:
        return _view(tx, caller, draft.create(tx, caller, data, kernel.http.check_url).id)

    return await answer_once(kernel.db, once, 201, work)


@patch("/api/v1/campaigns/{campaign_id:str}", scope=Scope.CAMPAIGNS_WRITE, tags=TAGS, summary="Change a draft")
async def change_campaign(
    campaign_id: FromPath[str], data: JSONBody[CampaignChange], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> CampaignView:
    """Changes what is given; 409 once it was launched."""

    def work(tx: Tx) -> CampaignView:
        row = draft.change(tx, caller, ids.parse("cmp", campaign_id), data, kernel.http.check_url)
        return _view(tx, caller, row.id)

    return await kernel.db.write(work)


@delete("/api/v1/campaigns/{campaign_id:str}", scope=Scope.CAMPAIGNS_WRITE, tags=TAGS, summary="Delete a draft")
async def delete_campaign(campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> None:
    """Deletes a draft; 409 once it was launched."""
    await kernel.db.write(draft.delete, caller, ids.parse("cmp", campaign_id))


@post(
    "/api/v1/campaigns/{campaign_id:str}/duplicate",
    scope=Scope.CAMPAIGNS_WRITE,
    tags=TAGS,
    summary="Duplicate a campaign",
    status_code=201,
)
async def duplicate_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    data: JSONBody[CopyName | None] = None,
) -> Response[Any]:
    """Makes a draft like this campaign, whatever its state."""

    def work(tx: Tx) -> CampaignView:
        row = draft.find(tx, caller, ids.parse("cmp", campaign_id))
        name = data.name if data and data.name else row.name
        return _view(tx, caller, draft.duplicate(tx, caller, row.id, name).id)

    return await answer_once(kernel.db, once, 201, work)


# -- launch and control ------------------------------------------------------------------------------------------------


@post(
    "/api/v1/campaigns/{campaign_id:str}/launch",
    scope=Scope.CAMPAIGNS_WRITE,
    tags=TAGS,
    summary="Launch a campaign",
    status_code=202,
)
async def launch_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    campaigns: NamedDependency[Campaigns],
    data: JSONBody[Launch | None] = None,
) -> Response[Any]:
    """Starts a draft at once, or schedules it. Only contacts with consent on record get it, unless `include_unconsented` is
    true; those who opted out never do."""
    number, wish = ids.parse("cmp", campaign_id), data or Launch()
    audience = await kernel.db.read(launch.look, caller, number)

    def work(tx: Tx) -> CampaignView:
        return _view(tx, caller, launch.launch(tx, caller, number, wish, audience, campaigns.wake).id)

    return await answer_once(kernel.db, once, 202, work)


async def _act(
    kernel: Kernel, caller: Caller, once: Once, campaign_id: str, act: Callable[..., Campaign], *args: Any
) -> Response[Any]:
    number = ids.parse("cmp", campaign_id)

    def work(tx: Tx) -> CampaignView:
        act(tx, caller, number, *args)
        return _view(tx, caller, number)

    return await answer_once(kernel.db, once, 200, work)


@post(
    "/api/v1/campaigns/{campaign_id:str}/unschedule",
    scope=Scope.CAMPAIGNS_WRITE,
    tags=TAGS,
    summary="Unschedule a campaign",
    status_code=200,
)
async def unschedule_campaign(
    campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[Any]:
    """Makes a scheduled campaign a draft again."""
    return await _act(kernel, caller, once, campaign_id, launch.unschedule)


@post(
    "/api/v1/campaigns/{campaign_id:str}/pause",
    scope=Scope.CAMPAIGNS_WRITE,
    tags=TAGS,
    summary="Pause a campaign",
    status_code=200,
)
async def pause_campaign(
    campaign_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[Any]:
    """What is in flight goes out; nothing more does until it is resumed."""
    return await _act(kernel, caller, once, campaign_id, control.pause)


@post(
    "/api/v1/campaigns/{campaign_id:str}/resume",
    scope=Scope.CAMPAIGNS_WRITE,
    tags=TAGS,
    summary="Resume a campaign",
    status_code=200,
)
async def resume_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    dispatcher: NamedDependency[Dispatcher],
) -> Response[Any]:
    """A paused campaign goes on."""
    return await _act(kernel, caller, once, campaign_id, control.resume, dispatcher.wake)


@post(
    "/api/v1/campaigns/{campaign_id:str}/stop", scope=Scope.CAMPAIGNS_WRITE, tags=TAGS, summary="Stop a campaign", status_code=200
)
async def stop_campaign(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    dispatcher: NamedDependency[Dispatcher],
) -> Response[Any]:
    """Ends it for good: what was not sent yet is cancelled."""
    return await _act(kernel, caller, once, campaign_id, control.stop, dispatcher.cancel_rest)


def _view(sql: Sql, caller: Caller, campaign_id: int) -> CampaignView:
    row = store.with_progress(sql, [draft.find(sql, caller, campaign_id)])[0]
    return CampaignView.of(row.campaign, row.progress)


HANDLERS = [
    list_campaigns,
    create_campaign,
    get_campaign,
    change_campaign,
    delete_campaign,
    duplicate_campaign,
    launch_campaign,
    unschedule_campaign,
    pause_campaign,
    resume_campaign,
    stop_campaign,
    preview_campaign,
    get_report,
    list_recipients,
    export_recipients,
]
