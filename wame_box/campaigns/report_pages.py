"""The page of a campaign's report: its numbers, its course, its recipients, and their export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.campaigns import draft, people_store, store, words
from wame_box.campaigns import report as reports
from wame_box.campaigns.api import csv_answer
from wame_box.campaigns.people_store import RECIPIENT_FILTERS
from wame_box.campaigns.report import Report
from wame_box.contacts.phone import pretty
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import words as message_words

PageRequest = Request[Any, Any, Any]
Page = Response[Any]


def _chart(report: Report) -> dict[str, Any]:
    """The course as the chart draws it: how many reached each state, counted up."""
    lines = {"sent": _("Sent"), "delivered": _("Delivered"), "read": _("Read"), "failed": _("Failed")}
    series = []
    for name, label in lines.items():
        total, values = 0, []
        for point in report.series:
            total += getattr(point, name)
            values.append(total)
        series.append({"label": label, "values": values, "tone": name})
    return {"x": [point.at for point in report.series], "series": series}


def _view(sql: Sql, caller: Caller, campaign_id: int, wanted: str | None, window: paging.Window) -> dict[str, Any]:
    row = draft.find(sql, caller, campaign_id)
    found = people_store.recipients(sql, row.account_id, row.batch_id or 0, window.before, window.limit + 1, wanted)
    people, after = paging.cut(found, window)
    report = reports.report(sql, row)
    return {
        "row": store.with_progress(sql, [row])[0],
        "report": report,
        "shares": report.shares,
        "people": people,
        "after": after,
        "topics": f"campaign:{row.public_id} batch:{ids.show('bat', row.batch_id or 0)}",
    }


@get("/campaigns/{campaign_id:str}/report", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_report(
    campaign_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
) -> Page:
    wanted = status if status in RECIPIENT_FILTERS else None
    window = paging.window(None, cursor)
    path, filters = f"/campaigns/{campaign_id}", {"status": wanted} if wanted else {}
    try:
        shown = await kernel.db.read(_view, caller, ids.parse("cmp", campaign_id), wanted, window)
    except Refused as error:
        if error.code != "campaign_not_launched":
            raise
        return pages.redirect(path)
    query = f"?{urlencode(filters)}" if filters else ""
    return pages.render(
        request,
        "campaigns/report.html",
        chart=_chart(shown["report"]),
        chosen=wanted or "",
        cursor=cursor,
        newest=f"{path}/report{query}#recipients" if cursor else "",
        older=f"{path}/report?{urlencode({**filters, 'cursor': shown['after']})}#recipients" if shown["after"] else "",
        export=f"{path}/recipients.csv{query}",
        words=words,
        message_words=message_words,
        pretty=pretty,
        **shown,
    )


@get("/campaigns/{campaign_id:str}/numbers", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def show_numbers(
    campaign_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The tiles and the funnel alone: receipts go on after a campaign's end."""

    def work(sql: Sql) -> dict[str, Any]:
        shown = store.with_progress(sql, [draft.find(sql, caller, ids.parse("cmp", campaign_id))])[0]
        return {"row": shown, "shares": reports.shares(shown.progress)}

    return pages.render(request, "campaigns/numbers.html", **await kernel.db.read(work))


@get("/campaigns/{campaign_id:str}/recipients.csv", scope=Scope.CAMPAIGNS_READ, include_in_schema=False)
async def export_recipients(
    campaign_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    status: FromQuery[str | None] = None,
) -> Stream:
    row = await kernel.db.read(draft.find, caller, ids.parse("cmp", campaign_id))
    return csv_answer(kernel, row, status if status in RECIPIENT_FILTERS else None)


HANDLERS = [show_report, show_numbers, export_recipients]
