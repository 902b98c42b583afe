"""An import's life: started, run by a job, cancelled, over. The job's truth is a lease; the file is read in a child process.

`run` may die at any moment: rows, counts and the place in the file are one transaction each time, so the next `run` goes on
where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Protocol, runtime_checkable

import structlog

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.contacts import import_store, lists, parse
from wame_box.contacts.columns import CONSENT_SOURCE, check_mapping
from wame_box.contacts.import_chunk import CHUNK_ROWS, Prepared, Work, prepare, store_chunk
from wame_box.contacts.import_models import Failed, Import, ImportFinished, ImportStatus, ImportWish, Options
from wame_box.contacts.import_store import KIND, Lease
from wame_box.contacts.parse import Batch, ParsedRow, RefusedRow
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, StorageFailed, register
from wame_box.kernel.i18n import regions
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import LiveHub

log = structlog.get_logger()

register(
    {
        "import_over": Problem(409, N_("This import is over, it can't be cancelled any more.")),
        "import_started": Problem(409, N_("This import was started already.")),
        "import_broken": Problem(500, N_("The import broke off several times. The server's log says more.")),
        "consent_source_needed": Problem(422, N_("Say where these people agreed to get messages.")),
    }
)

MOST_ATTEMPTS = 3

Enqueue = Callable[[str, int], None]


@runtime_checkable
class Jobs(Protocol):
    """The job queue as handlers get it by the name `jobs`."""

    def enqueue(self, kind: str, row_id: int) -> None:
        """Runs the job of a committed row soon."""


def topic(import_id: int) -> str:
    """The live topic of an import's pages."""
    return f"import:{ids.show('imp', import_id)}"


# -- what people do ----------------------------------------------------------------------------------------------------


def start(tx: Tx, caller: Caller, import_id: int, wish: ImportWish, enqueue: Enqueue) -> Import:
    """Checks what was chosen and starts; `enqueue(kind, import id)` is called after the commit.

    Raises: Refused("not_found"), Refused("import_started"), Refused("mapping_…"), Refused("invalid_input").
    """
    row = find(tx, caller, import_id)
    if row.status is not ImportStatus.UPLOADED:
        raise Refused("import_started")
    options = _options(tx, caller, row, wish)
    import_store.start(tx, row, options)
    agreed = {"agreed": options.agreed, "source": options.source}
    audit.record(tx, caller, "import.started", row.public_id, rows=row.total, **agreed)
    tx.after_commit(lambda: enqueue(KIND, import_id))
    return find(tx, caller, import_id)


def cancel(tx: Tx, caller: Caller, import_id: int, live: LiveHub) -> Import:
    """What was imported so far stays.

    Raises: Refused("not_found"), Refused("import_over").
    """
    row = find(tx, caller, import_id)
    if row.status not in (ImportStatus.UPLOADED, ImportStatus.RUNNING):
        raise Refused("import_over")
    _end(tx, row, ImportStatus.CANCELLED, live)
    return find(tx, caller, import_id)


def find(tx: Tx, caller: Caller, import_id: int) -> Import:
    row = import_store.find(tx, caller.account_id, import_id)
    if row is None:
        raise Refused("not_found")
    return row


def check_options(columns: int, wish: ImportWish) -> None:
    """What needs no database.

    Raises: Refused("mapping_…"), Refused("invalid_input").
    """
    check_mapping(wish.mapping, columns)
    wrong = []
    if wish.region is not None and wish.region not in dict(regions()):
        wrong.append(FieldError("region", "region_unknown", {}))
    if wish.consent is None:
        wrong.append(FieldError("consent", "required", {}))
    elif wish.consent.agreed and not wish.consent.source.strip() and CONSENT_SOURCE not in wish.mapping:
        wrong.append(FieldError("consent_source", "consent_source_needed", {}))
    if wrong:
        raise Refused("invalid_input", fields=wrong)


def _options(tx: Tx, caller: Caller, row: Import, wish: ImportWish) -> Options:
    check_options(len(row.inspection.columns), wish)
    assert wish.consent is not None  # noqa: S101 - for the type checker: just checked
    agreed = wish.consent.agreed
    return Options(
        mapping=wish.mapping,
        region=wish.region,
        list_id=_list(tx, caller, wish),
        agreed=agreed,
        source=" ".join(wish.consent.source.split()) if agreed else "",
        existing=wish.existing,
    )


def _list(tx: Tx, caller: Caller, wish: ImportWish) -> int | None:
    if wish.list_name.strip():
        try:
            return lists.create_or_find(tx, caller, wish.list_name).id
        except Refused as error:
            raise Refused("invalid_input", fields=[FieldError("list_name", f.code, f.params) for f in error.fields]) from None
    if wish.list_id is not None:
        lists.check(tx, caller, wish.list_id)
    return wish.list_id


# -- what the job does -------------------------------------------------------------------------------------------------


def run(kernel: Kernel, import_id: int) -> None:
    """Imports what is left of the file. For a worker thread; nothing happens when another one has the lease.

    Raises: StorageFailed: then the import waits for the next `run`. ChildDied, or a bug: so too, unless it was the last attempt.
    """
    lease = kernel.db.write_sync(import_store.claim, import_id)
    if lease is None:
        return
    try:
        _work_through(kernel, lease)
    except Refused as error:
        _fail(kernel, import_id, Failed(error.code, error.params))
    except StorageFailed:
        raise
    except Exception:
        if lease.attempts >= MOST_ATTEMPTS:
            _fail(kernel, import_id, Failed("import_broken"))
        else:
            kernel.db.write_sync(import_store.release, lease)
        raise


def resume_open(kernel: Kernel, *, at_start: bool = True) -> list[int]:
    """The imports that wait for a `run`: all open ones at the start of the box, later those whose lease ran out. Blocks."""
    if at_start:
        kernel.db.write_sync(import_store.expire_all)
    return kernel.db.read_sync(import_store.claimable, kernel.clock.now())


def _work_through(kernel: Kernel, lease: Lease) -> None:
    row = kernel.db.read_sync(import_store.by_id, lease.import_id)
    options = row.options
    if options is None:
        raise LookupError(f"import {row.id} has no options")
    work = Work(lease, row.account_id, options)
    with closing(_chunks(kernel, row, options)) as chunks:
        writing = None
        for chunk in chunks:
            if writing is not None and writing.result() is None:
                return
            writing = kernel.db.write_soon(_store_and_tell, work, chunk, kernel.live)
        if writing is not None and writing.result() is None:
            return
    kernel.db.write_sync(_finish, lease, kernel.live)


def _store_and_tell(tx: Tx, work: Work, chunk: list[Prepared], live: LiveHub) -> Import | None:
    row = store_chunk(tx, work, chunk)
    if row is not None:
        _tell(tx, row, live)
    return row


def _chunks(kernel: Kernel, row: Import, options: Options) -> Generator[list[Prepared], None, None]:
    """The rest of the file's rows, ready to be stored, by 200."""
    waiting: list[ParsedRow | RefusedRow] = []
    with closing(_frames(kernel, row, options)) as frames:
        for rows in frames:
            waiting += rows
            while len(waiting) >= CHUNK_ROWS:
                yield prepare(options, waiting[:CHUNK_ROWS])
                del waiting[:CHUNK_ROWS]
    if waiting:
        yield prepare(options, waiting)


def _frames(kernel: Kernel, row: Import, options: Options) -> Generator[list[ParsedRow | RefusedRow], None, None]:
    file = kernel.db.read_sync(import_store.file, row.account_id, row.file_id)
    if file is None:
        raise Refused("file_damaged")
    request = parse.Request(
        op="rows",
        path=str(kernel.files.path(file.path)),
        key=file.key,
        mapping=options.mapping,
        region=options.region,
        has_header=row.inspection.has_header,
        from_line=row.next_line,
    )
    with closing(parse.in_child(request)) as answers:
        for frame in answers:
            if isinstance(frame, Batch):
                yield frame.rows


def _finish(tx: Tx, lease: Lease, live: LiveHub) -> None:
    if import_store.hold(tx, lease):
        _end(tx, import_store.by_id(tx, lease.import_id), ImportStatus.FINISHED, live)


def _fail(kernel: Kernel, import_id: int, failed: Failed) -> None:
    log.warning("import.failed", import_id=ids.show("imp", import_id), code=failed.code)

    def fail(tx: Tx) -> None:
        _end(tx, import_store.by_id(tx, import_id), ImportStatus.FAILED, kernel.live, failed)

    kernel.db.write_sync(fail)


def _end(tx: Tx, row: Import, status: ImportStatus, live: LiveHub, failed: Failed | None = None) -> None:
    """To a final status, told once. An import that was never started ends in silence."""
    if not import_store.end(tx, row.id, row.status, status, failed):
        return
    ended = import_store.by_id(tx, row.id)
    if row.status is ImportStatus.RUNNING:
        tx.emit(ImportFinished.of(ended))
    _tell(tx, ended, live)


def _tell(tx: Tx, row: Import, live: LiveHub) -> None:
    news = {"status": row.status, "rows": row.rows, "total": row.total}
    tx.after_commit(lambda: live.publish(row.account_id, topic(row.id), news))
