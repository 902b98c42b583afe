"""Shapes of an import: its states, what it was told to do, its counts, the lines it refused, and its event."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from wame_box.contacts.parse import Inspection
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.errors import CODES
from wame_box.kernel.events import Event
from wame_box.kernel.i18n import N_, gettext


class ImportStatus(StrEnum):
    """uploaded: waits to be told what the columns are; running; then finished, cancelled or failed."""

    UPLOADED = "uploaded"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


STATUS_WORDS = {
    ImportStatus.UPLOADED: N_("Waiting for you"),
    ImportStatus.RUNNING: N_("Running"),
    ImportStatus.FINISHED: N_("Finished"),
    ImportStatus.CANCELLED: N_("Cancelled"),
    ImportStatus.FAILED: N_("Failed"),
}
STATUS_TONES = {
    ImportStatus.UPLOADED: "warn",
    ImportStatus.RUNNING: "busy",
    ImportStatus.FINISHED: "ok",
    ImportStatus.CANCELLED: "muted",
    ImportStatus.FAILED: "bad",
}


class Existing(StrEnum):
    """What becomes of contacts that are there already: fill what is empty, overwrite what the file says, or leave them."""

    FILL = "fill"
    OVERWRITE = "overwrite"
    LEAVE = "leave"


class Outcome(StrEnum):
    """Why a line became no contact of its own."""

    REFUSED = "refused"
    DUPLICATE = "duplicate"


class Options(msgspec.Struct, frozen=True):
    """What a started import does. `source`: where the people agreed; None when no consent is known."""

    mapping: list[str]
    region: str | None
    list_id: int | None
    agreed: bool
    source: str
    existing: Existing


class Failed(msgspec.Struct, frozen=True):
    """Why an import failed: a code of the catalogue and its parameters."""

    code: str
    params: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """The sentence in the language spoken now."""
        return gettext(CODES[self.code].text, **self.params)


class Import(msgspec.Struct, frozen=True):
    """A row. `total`: data rows that the inspection counted; rows = imported + refused + duplicates; updated: those of the
    imported who were contacts before."""

    id: int
    account_id: int
    file_id: int
    file_name: str
    status: ImportStatus
    inspection_json: str
    options_json: str | None
    next_line: int
    total: int
    rows: int
    imported: int
    updated: int
    duplicates: int
    refused: int
    error: str | None
    created_by: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None

    @property
    def inspection(self) -> Inspection:
        return msgspec.json.decode(self.inspection_json, type=Inspection)

    @property
    def options(self) -> Options | None:
        return msgspec.json.decode(self.options_json, type=Options) if self.options_json else None

    @property
    def failed(self) -> Failed | None:
        return msgspec.json.decode(self.error, type=Failed) if self.error else None

    @property
    def public_id(self) -> str:
        return ids.show("imp", self.id)

    @property
    def word(self) -> str:
        return gettext(STATUS_WORDS[self.status])

    @property
    def tone(self) -> str:
        return STATUS_TONES[self.status]


class ImportLine(msgspec.Struct, frozen=True):
    """A line of the file that became no contact. `first_line`: where a duplicate's number stood first."""

    line: int
    outcome: Outcome
    reason: str
    first_line: int | None
    raw_json: str

    @property
    def id(self) -> int:
        """For cursors."""
        return self.line

    @property
    def raw(self) -> list[str]:
        return msgspec.json.decode(self.raw_json, type=list[str])

    @property
    def text(self) -> str:
        """The reason in the language spoken now."""
        return gettext(CODES[self.reason].text, line=self.first_line)


class ConsentDeclared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the people of a file. `agreed`: they agreed to get messages from you; `source`: where they did, such as
    `web form`, for rows whose column of consent sources says nothing else."""

    agreed: bool
    source: Annotated[str, Meta(max_length=200)] = ""


class ImportWish(msgspec.Struct, frozen=True):
    """How to import an uploaded file.

    `mapping`: the field of each column: `phone`, `name`, `language`, `consent_source`, `attribute:<key>` or `ignore`.
    `region`: country of numbers without a country code. `list_name`: a list to put the people on, made if there is none.
    """

    mapping: list[str]
    region: str | None
    consent: ConsentDeclared | None
    existing: Existing = Existing.FILL
    list_id: int | None = None
    list_name: str = ""


class ImportFailure(msgspec.Struct, frozen=True):
    code: str
    message: str


Texts = list[str]  # inside ImportView the name `list` is a field


class ImportView(msgspec.Struct, frozen=True):
    """An import as the API shows it. rows = imported + refused + duplicates at any moment; `total` is how many rows the file
    has; `updated`: those of the imported who were contacts before."""

    id: str
    status: ImportStatus
    file_name: str
    columns: Texts
    mapping: Texts
    list: str | None
    total: int
    rows: int
    imported: int
    updated: int
    duplicates: int
    refused: int
    error: ImportFailure | None
    created_at: str
    started_at: str | None
    finished_at: str | None

    @classmethod
    def of(cls, row: Import) -> ImportView:
        options, inspection, failed = row.options, row.inspection, row.failed
        return cls(
            id=row.public_id,
            status=row.status,
            file_name=row.file_name,
            columns=inspection.columns,
            mapping=options.mapping if options else inspection.mapping,
            list=ids.show("lst", options.list_id) if options and options.list_id else None,
            total=row.total,
            rows=row.rows,
            imported=row.imported,
            updated=row.updated,
            duplicates=row.duplicates,
            refused=row.refused,
            error=ImportFailure(failed.code, failed.text) if failed else None,
            created_at=to_rfc3339(row.created_at),
            started_at=to_rfc3339(row.started_at) if row.started_at else None,
            finished_at=to_rfc3339(row.finished_at) if row.finished_at else None,
        )


class ImportPage(msgspec.Struct, frozen=True):
    data: list[ImportView]
    next_cursor: str | None


class LineView(msgspec.Struct, frozen=True):
    """A line that became no contact: its number in the file, why (`reason` a code, `message` a sentence), and its cells."""

    line: int
    outcome: Outcome
    reason: str
    message: str
    first_line: int | None
    cells: list[str]

    @classmethod
    def of(cls, row: ImportLine) -> LineView:
        return cls(row.line, row.outcome, row.reason, row.text, row.first_line, row.raw)


class LinePage(msgspec.Struct, frozen=True):
    data: list[LineView]
    next_cursor: str | None


class ImportFinished(Event, frozen=True, kw_only=True):
    """`import.finished`: an import is over: finished, cancelled or failed."""

    type: ClassVar[str] = "import.finished"
    import_id: int
    status: Literal["finished", "cancelled", "failed"]
    file_name: str
    rows: int
    imported: int
    updated: int
    duplicates: int
    refused: int

    @classmethod
    def of(cls, row: Import) -> ImportFinished:
        return cls(
            account_id=row.account_id,
            import_id=row.id,
            status=row.status.value,  # type: ignore[arg-type]
            file_name=row.file_name,
            rows=row.rows,
            imported=row.imported,
            updated=row.updated,
            duplicates=row.duplicates,
            refused=row.refused,
        )

    def data(self) -> dict[str, object]:
        return {
            "import": ids.show("imp", self.import_id),
            "status": self.status,
            "file_name": self.file_name,
            "rows": self.rows,
            "imported": self.imported,
            "updated": self.updated,
            "duplicates": self.duplicates,
            "refused": self.refused,
        }

    def lane(self) -> str:
        return ids.show("imp", self.import_id)
