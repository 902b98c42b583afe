"""Imports over REST: a file goes in with what its columns mean, and the answer is an import to follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, Reference, RequestBody, Schema
from litestar.params import FromPath, FromQuery

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.contacts import import_store, imports
from wame_box.contacts.import_models import (
    ConsentDeclared,
    Existing,
    Import,
    ImportLine,
    ImportPage,
    ImportView,
    ImportWish,
    LinePage,
    LineView,
    Outcome,
)
from wame_box.contacts.imports import Jobs
from wame_box.contacts.upload import take
from wame_box.kernel import ids, paging
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import Refused, invalid
from wame_box.kernel.files import MB
from wame_box.kernel.idempotency import Once, answer_once, do_once
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.paging import NEWEST, Window
from wame_box.kernel.uploads import Upload, receive_form

TAGS = ["Imports"]
T = TypeVar("T")


@dataclass
class _UploadForm(Operation):
    """The form that `create_import` takes: it is read as it comes, so the framework does not know it."""

    def __post_init__(self) -> None:
        text = OpenAPIType.STRING
        fields: dict[str, Reference | Schema] = {
            "file": Schema(type=text, format=OpenAPIFormat.BINARY, description="A CSV file: any usual encoding and delimiter."),
            "mapping": Schema(
                type=text,
                description="JSON list with the field of each column: `phone`, `name`, `language`, `consent_source`,"
                " `attribute:<key>` or `ignore`. Left out: guessed from the headers.",
            ),
            "region": Schema(
                type=text, description="Country (`FR`) of numbers without a country code; the account's by default."
            ),
            "list": Schema(type=text, description="The id of a list to put the people on."),
            "list_name": Schema(type=text, description="Or its name; a new one is made if there is none."),
            "consent": Schema(
                type=text,
                description='JSON `{"agreed": true, "source": "web form"}` if these people agreed to get messages from you.'
                " Left out: no consent is known.",
            ),
            "existing": Schema(
                type=text,
                enum=[one.value for one in Existing],
                description="What becomes of contacts that are there already: `fill` what is empty (default), `overwrite`,"
                " or `leave`.",
            ),
        }
        form = Schema(type=OpenAPIType.OBJECT, properties=fields, required=["file"])
        self.request_body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


@post(
    "/api/v1/imports",
    scope=Scope.CONTACTS_WRITE,
    tags=TAGS,
    summary="Import contacts from a file",
    status_code=202,
    request_max_body_size=None,
    streams=True,
    operation_class=_UploadForm,
)
async def create_import(
    request: Request[Any, Any, Any],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    once: NamedDependency[Once],
    jobs: NamedDependency[Jobs],
) -> Response[ImportView]:
    """Takes the file in and starts. Follow the import until its status is finished, cancelled or failed, or wait for the event
    `import.finished`. People who opted out stay so, whatever the file says."""
    most = kernel.config.server.max_upload_mb * MB
    form = await receive_form(request, kernel.files, caller.account_id, most)

    def starter(tx: Tx, row: Import) -> Import:
        return imports.start(tx, caller, row.id, _wish(form.fields, caller, row.inspection.mapping), jobs.enqueue)

    taken = False

    async def deed() -> ImportView:
        nonlocal taken
        taken = True
        return ImportView.of(await take(kernel, caller, form, starter))

    try:
        return await do_once(kernel.db, once.of(*_said(form)), 202, deed)
    finally:
        if form.file is not None and not taken:
            await asyncio.shield(asyncio.to_thread(kernel.files.delete, form.file.name))


def _said(form: Upload) -> Iterator[bytes]:
    """What the request said: each program draws another boundary for the same form."""
    yield form.file.sha256 if form.file is not None else b""
    yield form.file_name.encode()
    yield msgspec.json.encode(form.fields, order="sorted")


def _wish(fields: dict[str, str], caller: Caller, guessed: list[str]) -> ImportWish:
    for field in fields:
        if field not in ("mapping", "region", "list", "list_name", "consent", "existing"):
            raise invalid(field, "wrong_value")
    return ImportWish(
        mapping=_json(fields, "mapping", list[str]) or guessed,
        region=fields.get("region", "").upper() or caller.region,
        consent=_json(fields, "consent", ConsentDeclared) or ConsentDeclared(False),
        existing=_existing(fields.get("existing", "")),
        list_id=ids.parse("lst", fields["list"]) if fields.get("list") else None,
        list_name=fields.get("list_name", ""),
    )


def _json(fields: dict[str, str], name: str, kind: type[T]) -> T | None:
    if not fields.get(name):
        return None
    try:
        return msgspec.json.decode(fields[name], type=kind)
    except msgspec.DecodeError as error:
        raise invalid(name, "wrong_field", reason=str(error)[:200]) from None


def _existing(text: str) -> Existing:
    try:
        return Existing(text or Existing.FILL)
    except ValueError:
        raise invalid("existing", "wrong_value") from None


@get("/api/v1/imports", scope=Scope.CONTACTS_READ, tags=TAGS, summary="List imports")
async def list_imports(
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> ImportPage:
    """Newest first."""
    wanted = paging.window(limit, cursor)
    rows, after = paging.cut(await kernel.db.read(import_store.imports, caller.account_id, wanted), wanted)
    return ImportPage([ImportView.of(row) for row in rows], after)


@get("/api/v1/imports/{import_id:str}", scope=Scope.CONTACTS_READ, tags=TAGS, summary="Get an import")
async def get_import(import_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> ImportView:
    """How far it is, or how it went."""
    return ImportView.of(await kernel.db.read(found, caller, ids.parse("imp", import_id)))


def found(sql: Sql, caller: Caller, import_id: int) -> Import:
    """Raises: Refused("not_found")."""
    row = import_store.find(sql, caller.account_id, import_id)
    if row is None:
        raise Refused("not_found")
    return row


@get(
    "/api/v1/imports/{import_id:str}/lines",
    scope=Scope.CONTACTS_READ,
    tags=TAGS,
    summary="List the lines that became no contact",
)
async def list_lines(
    import_id: FromPath[str],
    kernel: NamedDependency[Kernel],
    caller: NamedDependency[Caller],
    outcome: FromQuery[Outcome] = Outcome.REFUSED,
    limit: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
) -> LinePage:
    """In the file's order. `outcome`: refused (with the reason) or duplicate (the number came up before in the file)."""
    wanted = paging.window(limit, cursor)
    rows, after = paging.cut(await kernel.db.read(read_lines, caller, ids.parse("imp", import_id), outcome, wanted), wanted)
    return LinePage([LineView.of(row) for row in rows], after)


def read_lines(sql: Sql, caller: Caller, import_id: int, outcome: Outcome, wanted: Window) -> list[ImportLine]:
    """One more than the window's limit if there are. A cursor of lines goes forward.

    Raises: Refused("not_found").
    """
    row = found(sql, caller, import_id)
    after = 0 if wanted.before == NEWEST else wanted.before
    return import_store.lines(sql, row.id, outcome, after, wanted.limit + 1)


@post(
    "/api/v1/imports/{import_id:str}/cancel",
    scope=Scope.CONTACTS_WRITE,
    tags=TAGS,
    summary="Cancel an import",
    status_code=200,
)
async def cancel_import(
    import_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller], once: NamedDependency[Once]
) -> Response[ImportView]:
    """It stops within a moment; who was imported stays. 409 when it is over."""

    def cancel(tx: Tx) -> ImportView:
        return ImportView.of(imports.cancel(tx, caller, ids.parse("imp", import_id), kernel.live))

    return await answer_once(kernel.db, once, 200, cancel)


HANDLERS = [create_import, list_imports, get_import, list_lines, cancel_import]
