"""The pages of imports: upload, what the columns are, progress, result and the lines that were refused."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import import_store, imports, list_store, upload, words
from wame_box.contacts.import_api import found, read_lines
from wame_box.contacts.import_models import Import, ImportLine, ImportStatus, Outcome
from wame_box.contacts.imports import Jobs
from wame_box.contacts.mapping_form import columns, first_values, read_mapping, read_wish
from wame_box.kernel import ids, pages, paging
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.files import MB
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.i18n import regions
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.uploads import receive_form
from wame_box.kernel.web import refusal_text

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

CSV_LINES = 1000


@get("/imports", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_imports(
    request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], cursor: FromQuery[str | None] = None
) -> Page:
    window = paging.window(None, cursor)
    rows, after = paging.cut(await kernel.db.read(import_store.imports, caller.account_id, window), window)
    older = f"/imports?{urlencode({'cursor': after})}" if after else ""
    return pages.render(request, "contacts/imports.html", rows=rows, cursor=cursor, older=older)


# -- uploading ---------------------------------------------------------------------------------------------------------


def _upload_page(request: PageRequest, kernel: Kernel, status: int = 200, **more: Any) -> Page:
    limit = kernel.config.server.max_upload_mb
    return pages.render(request, "contacts/import_new.html", status, limit=limit, **({"chosen_list": ""} | more))


@get("/imports/new", scope=Scope.CONTACTS_WRITE, include_in_schema=False)
async def show_upload(request: PageRequest, kernel: NamedDependency[Kernel], list: FromQuery[str] = "") -> Page:
    return _upload_page(request, kernel, chosen_list=list)


@post("/imports/new", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200, request_max_body_size=None)
async def do_upload(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    chosen = ""
    try:
        form = await receive_form(request, kernel.files, caller.account_id, kernel.config.server.max_upload_mb * MB)
        chosen = form.fields.get("list", "")
        row = await upload.take(kernel, caller, form)
    except Refused as error:
        text = pages.form_errors(error)
        shown = {"errors": {"file": text.get("file") or text.get("") or refusal_text(error)}, "chosen_list": chosen}
        return _upload_page(request, kernel, error.problem.status, **shown)
    return pages.redirect(f"/imports/{row.public_id}" + (f"?{urlencode({'list': chosen})}" if chosen else ""))


# -- what the columns are ----------------------------------------------------------------------------------------------


def _mapping_view(sql: Sql, caller: Caller, row: Import, values: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of a file that waits to be imported."""
    inspection = row.inspection
    shown = {"row": row, "inspection": inspection, "columns": columns(inspection, values), "preview": [], "refusal": None}
    mapping = read_mapping(inspection, values)
    try:
        shown["preview"] = upload.preview(sql, caller.account_id, inspection, mapping, values.get("region") or None)
    except Refused as error:
        shown["refusal"] = error
    return shown | {"mapping": mapping, "lists": list_store.by_name(sql, caller.account_id)}


async def _mapping(
    request: PageRequest, kernel: Kernel, caller: Caller, row: Import, values: dict[str, Any], status: int = 200, **more: Any
) -> Page:
    shown = await kernel.db.read(_mapping_view, caller, row, values)
    refusal = shown.pop("refusal")
    part = "HX-Request" in request.headers
    return pages.render(
        request,
        "contacts/mapping_part.html" if part else "contacts/mapping.html",
        status,
        values=values,
        regions=regions(),
        words=words,
        refusal=refusal_text(refusal) if refusal else "",
        **shown,
        **more,
    )


@post("/imports/{import_id:str}/preview", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def show_preview(
    import_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The same page, or only its upper part for htmx, under what is chosen now."""
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    if row.status is not ImportStatus.UPLOADED:
        return pages.redirect(f"/imports/{import_id}")
    return await _mapping(request, kernel, caller, row, await pages.form(request))


@post("/imports/{import_id:str}/start", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def start_import(
    import_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    jobs: NamedDependency[Jobs],
) -> Page:
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    values = await pages.form(request)
    try:
        wish = read_wish(row.inspection, values)
        await kernel.db.write(imports.start, caller, row.id, wish, jobs.enqueue)
    except Refused as error:
        if error.code == "import_started":
            return pages.redirect(f"/imports/{import_id}")
        shown = {"errors": pages.form_errors(error)}
        return await _mapping(request, kernel, caller, row, values, error.problem.status, **shown)
    return pages.redirect(f"/imports/{import_id}")


# -- progress and result -----------------------------------------------------------------------------------------------


@get("/imports/{import_id:str}", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_import(
    import_id: FromPath[str],
    request: PageRequest,
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    list: FromQuery[str] = "",
    show: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
) -> Page:
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    if row.status is ImportStatus.UPLOADED and caller.may(Scope.CONTACTS_WRITE):
        return await _mapping(request, kernel, caller, row, first_values(caller.region, list))
    return pages.render(request, "contacts/import.html", **await _progress(kernel, caller, row, show, cursor))


@get("/imports/{import_id:str}/progress", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def show_progress(
    import_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    """The part of a running import's page that changes; over, it is the result."""
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    return pages.render(request, "contacts/progress.html", **await _progress(kernel, caller, row))


async def _progress(kernel: Kernel, caller: Caller, row: Import, show: str = "", cursor: str | None = None) -> dict[str, Any]:
    outcome = (
        Outcome(show) if show in set(Outcome) else Outcome.DUPLICATE if not row.refused and row.duplicates else Outcome.REFUSED
    )
    window = paging.window(None, cursor)
    lines: list[ImportLine] = []
    after = None
    if row.status is not ImportStatus.RUNNING:
        lines, after = paging.cut(await kernel.db.read(read_lines, caller, row.id, outcome, window), window)
    list_id = row.options.list_id if row.options else None
    path = f"/imports/{row.public_id}"
    return {
        "row": row,
        "path": path,
        "topic": imports.topic(row.id),
        "list": await kernel.db.read(list_store.find, caller.account_id, list_id) if list_id else None,
        "columns": row.inspection.columns,
        "lines": lines,
        "outcome": outcome,
        "cursor": cursor,
        "older": f"{path}?{urlencode({'show': outcome.value, 'cursor': after})}" if after else "",
    }


@post("/imports/{import_id:str}/cancel", scope=Scope.CONTACTS_WRITE, include_in_schema=False, status_code=200)
async def cancel_import(
    import_id: FromPath[str], request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]
) -> Page:
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    if (await pages.form(request)).get("confirmed") != "1":
        return pages.render(request, "contacts/import_cancel.html", row=row)
    try:
        await kernel.db.write(imports.cancel, caller, row.id, kernel.live)
    except Refused as error:
        return pages.redirect(f"/imports/{import_id}", ("warn", refusal_text(error)))
    return pages.redirect(f"/imports/{import_id}", ("ok", _("The import is cancelled.")))


# -- the lines as a file -----------------------------------------------------------------------------------------------


@get("/imports/{import_id:str}/lines.csv", scope=Scope.CONTACTS_READ, include_in_schema=False)
async def download_lines(
    import_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], show: FromQuery[str] = ""
) -> Stream:
    """The refused (or doubled) lines with their reasons and cells, to be corrected and imported again."""
    row = await kernel.db.read(found, caller, ids.parse("imp", import_id))
    outcome = Outcome(show) if show in set(Outcome) else Outcome.REFUSED
    name = f"{row.public_id}-{outcome}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Stream(_csv(kernel, row, outcome), media_type="text/csv; charset=utf-8", headers=headers)


async def _csv(kernel: Kernel, row: Import, outcome: Outcome) -> AsyncIterator[bytes]:
    yield "\ufeff".encode() + _csv_rows([[_("Line"), _("Reason"), *row.inspection.columns]])
    after = 0
    while lines := await kernel.db.read(import_store.lines, row.id, outcome, after, CSV_LINES):
        yield _csv_rows([[str(line.line), line.text, *line.raw] for line in lines])
        after = lines[-1].line


def _csv_rows(rows: list[list[str]]) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows([[harmless(cell) for cell in row] for row in rows])
    return target.getvalue().encode()


def harmless(cell: str) -> str:
    """A spreadsheet would run what begins like a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


HANDLERS = [
    show_imports,
    show_upload,
    do_upload,
    show_preview,
    start_import,
    show_import,
    show_progress,
    cancel_import,
    download_lines,
]
