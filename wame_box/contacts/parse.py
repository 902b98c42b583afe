"""Reading a file of contacts: what is in it (`inspect`), and its rows one by one (`rows`), checked but not stored.

The file is a stranger's: it is parsed in a child process (`in_child` here, `run_worker` there). That child reads the file
from its first row, also when an import goes on later, so it knows which numbers came before; the database need not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from wame_box.contacts.columns import (
    ATTRIBUTE,
    CONSENT_SOURCE,
    FIRST_NAME,
    IGNORE,
    LANGUAGE,
    LAST_NAME,
    MAX_VALUE,
    NAME,
    PHONE,
    check_mapping,
    guess_mapping,
    letters,
    looks_like_phone,
)
from wame_box.contacts.phone import PhoneError, normalise
from wame_box.contacts.table import MAX_COLUMNS, BrokenRecord, Record, Table, open_table
from wame_box.kernel import child
from wame_box.kernel.errors import N_, Problem, Refused, register
from wame_box.kernel.sealed import FileDamaged, open_encrypted

SAMPLE_ROWS = 20
BATCH_ROWS = 500
MAX_NAME = 200
RAW_CELL = 200  # characters of a cell that the report of refused lines keeps

register(
    {
        "file_damaged": Problem(422, N_("The stored file is damaged. Please upload it again.")),
        "line_extra_cells": Problem(422, N_("This line has more cells than the file has columns.")),
        "value_too_long": Problem(422, N_("A value of this line is too long.")),
    }
)


class Inspection(msgspec.Struct, frozen=True, tag="inspection"):
    """What a file holds. `columns`: the headers, or A, B, C … without one; `samples`: the first rows, each as long as
    `columns`; `mapping`: the guessed field of each column; `rows`: data rows, broken ones included."""

    encoding: str
    delimiter: str
    has_header: bool
    columns: list[str]
    samples: list[list[str]]
    mapping: list[str]
    rows: int


class ParsedRow(msgspec.Struct, frozen=True, tag="parsed", array_like=True):
    """A usable row. `line`: its 1-based line in the file; `phone` in E.164; empty cells are absent from `attributes`.
    `first_line`: where the same number stood before, None when it is new."""

    line: int
    phone: str
    name: str
    language: str | None
    consent_source: str | None
    attributes: dict[str, str]
    first_line: int | None = None


class RefusedRow(msgspec.Struct, frozen=True, tag="refused", array_like=True):
    """A row that can't be used. `reason`: a code of the catalogue; `raw`: its cells, cut to 200 characters each."""

    line: int
    reason: str
    raw: list[str]


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Up to 500 rows, in the file's order."""

    rows: list[ParsedRow | RefusedRow]


class Summary(msgspec.Struct, frozen=True, tag="summary"):
    """The last frame of `rows`: how many rows there were (those before `from_line` not counted)."""

    rows: int
    parsed: int
    refused: int


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """The file as a whole was refused."""

    code: str
    params: dict[str, Any]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to do. `key`: of the encrypted file at `path`; `region`: country of national numbers;
    `from_line`: rows that begin before it are skipped, so that an import goes on where it was interrupted."""

    op: Literal["inspect", "rows"]
    path: str
    key: bytes
    mapping: list[str] = []
    region: str | None = None
    has_header: bool | None = None
    from_line: int = 0


Frame = Inspection | Batch | Summary | Failure
_ENCODER = msgspec.msgpack.Encoder()
_FRAMES: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_REQUESTS = msgspec.msgpack.Decoder(Request)


def inspect(stream: BinaryIO) -> Inspection:
    """Looks through a whole file; `stream` must be seekable.

    Raises: Refused("file_empty" | "file_not_text" | "file_is_workbook" | "file_too_many_columns" | "file_line_too_long").
    """
    table = open_table(stream)
    columns, has_header = _columns(table)
    records = _data(table, has_header)
    first = list(islice(records, SAMPLE_ROWS))
    count = len(first) + sum(1 for _ in records)
    samples = [_fit(record.cells, len(columns)) for record in first if isinstance(record, Record)]
    mapping = guess_mapping(columns if has_header else [""] * len(columns), samples)
    return Inspection(table.encoding, table.delimiter, has_header, columns, samples, mapping, count)


def rows(
    stream: BinaryIO,
    mapping: Sequence[str],
    default_region: str | None,
    *,
    has_header: bool | None = None,
    from_line: int = 0,
) -> Iterator[ParsedRow | RefusedRow]:
    """The data rows in order, blank ones left out. `has_header`: None to find out as `inspect` does.

    Raises: Refused as `inspect`, and "mapping_…".
    """
    table = open_table(stream)
    columns, found_header = _columns(table)
    check_mapping(mapping, len(columns))
    reader = _RowReader(mapping, default_region)
    for record in _data(table, found_header if has_header is None else has_header):
        row = reader.read(record)
        if record.line >= from_line:
            yield row


def _columns(table: Table) -> tuple[list[str], bool]:
    """The names of the columns, and whether the file's first row is a header: it is unless it holds a phone number."""
    first = next((record for record in table.records() if isinstance(record, Record)), None)
    if first is None:
        raise Refused("file_empty")
    width = max(index for index, cell in enumerate(first.cells, 1) if cell.strip())
    if width > MAX_COLUMNS:
        raise Refused("file_too_many_columns", columns=width, limit=MAX_COLUMNS)
    if any(map(looks_like_phone, first.cells)):
        return letters(width), False
    return [" ".join(cell.split())[:RAW_CELL] for cell in first.cells[:width]], True


def _data(table: Table, has_header: bool) -> Iterator[Record | BrokenRecord]:
    header_to_come = has_header
    for record in table.records():
        if header_to_come and isinstance(record, Record):
            header_to_come = False
            continue
        yield record


def _fit(cells: list[str], width: int) -> list[str]:
    return [cell.strip()[:RAW_CELL] for cell in cells[:width]] + [""] * (width - len(cells))


class _RowReader:
    """A mapping, ready to be applied to many rows."""

    def __init__(self, mapping: Sequence[str], default_region: str | None) -> None:
        places = {field: index for index, field in enumerate(mapping) if field != IGNORE}
        self._width = len(mapping)
        self._region = default_region
        self._phone = places[PHONE]
        self._name, self._language, self._consent = (places.get(field) for field in (NAME, LANGUAGE, CONSENT_SOURCE))
        self._first_lines: dict[int, int] = {}  # number → line
        self._attributes = [(field.removeprefix(ATTRIBUTE), at) for field, at in places.items() if field.startswith(ATTRIBUTE)]

    def read(self, record: Record | BrokenRecord) -> ParsedRow | RefusedRow:
        if isinstance(record, BrokenRecord):
            return RefusedRow(record.line, record.reason, [record.text[:MAX_VALUE]])
        line, cells = record
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            return _refused(record, "line_extra_cells")
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        try:
            phone = normalise(cells[self._phone], self._region)
        except PhoneError as error:
            return _refused(record, error.reason_code)
        attributes = {key: value for key, at in self._attributes if (value := _clean(cells[at]))}
        name = " ".join(_clean(cells[self._name]).split()) if self._name is not None else _joined_name(attributes)
        consent = _clean(cells[self._consent]) if self._consent is not None else ""
        if len(name) > MAX_NAME or len(consent) > MAX_VALUE or any(len(value) > MAX_VALUE for value in attributes.values()):
            return _refused(record, "value_too_long")
        language = _language(cells[self._language]) if self._language is not None else None
        first = self._first_lines.setdefault(int(phone[1:]), line)
        return ParsedRow(line, phone, name, language, consent or None, attributes, first if first != line else None)


def sample_rows(found: Inspection, mapping: Sequence[str], default_region: str | None) -> list[ParsedRow | RefusedRow]:
    """The samples of an inspection as an import would read them; `line` is their place among the samples, from 1.

    Raises: Refused("mapping_…").
    """
    check_mapping(mapping, len(found.columns))
    reader = _RowReader(mapping, default_region)
    return [reader.read(Record(number, cells)) for number, cells in enumerate(found.samples, 1)]


def _refused(record: Record, reason: str) -> RefusedRow:
    return RefusedRow(record.line, reason, [cell[:RAW_CELL] for cell in record.cells[:MAX_COLUMNS]])


def _clean(cell: str) -> str:
    cell = cell.strip()
    return cell if cell.isascii() else unicodedata.normalize("NFC", cell)


def _joined_name(attributes: dict[str, str]) -> str:
    parts = (attributes.get(field.removeprefix(ATTRIBUTE), "") for field in (FIRST_NAME, LAST_NAME))
    return " ".join(part for part in parts if part)


_LANGUAGE_TAG = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]+)*")
_LANGUAGE_NAMES = {
    "english": "en", "anglais": "en", "ingles": "en", "inglés": "en", "french": "fr", "français": "fr", "francais": "fr",
    "francés": "fr", "frances": "fr", "spanish": "es", "espagnol": "es", "español": "es", "espanol": "es", "castellano": "es",
    "german": "de", "allemand": "de", "alemán": "de", "deutsch": "de", "italian": "it", "italien": "it", "italiano": "it",
    "portuguese": "pt", "portugais": "pt", "português": "pt", "portugués": "pt", "arabic": "ar", "arabe": "ar", "árabe": "ar",
    "العربية": "ar", "dutch": "nl", "néerlandais": "nl", "nederlands": "nl", "neerlandés": "nl", "russian": "ru", "russe": "ru",
}  # fmt: skip


def _language(cell: str) -> str | None:
    """`fr` for `FR`, `fr-CA` or `Français`; None for what is no language: that refuses nobody."""
    text = _clean(cell).lower()
    if tag := _LANGUAGE_TAG.fullmatch(text):
        return tag[1]
    return _LANGUAGE_NAMES.get(text)


def run_worker(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """The child's side: one `Request` in, frames out; the last one is an `Inspection`, a `Summary` or a `Failure`."""
    request = _REQUESTS.decode(child.read_frame(stdin))
    try:
        with open_encrypted(Path(request.path), request.key) as stream:
            for frame in _answer(request, stream):
                child.write_frame(stdout, _ENCODER.encode(frame))
    except Refused as error:
        child.write_frame(stdout, _ENCODER.encode(Failure(error.code, error.params)))
    except FileDamaged:
        child.write_frame(stdout, _ENCODER.encode(Failure("file_damaged", {})))


def _answer(request: Request, stream: BinaryIO) -> Iterator[Frame]:
    if request.op == "inspect":
        yield inspect(stream)
        return
    found = rows(stream, request.mapping, request.region, has_header=request.has_header, from_line=request.from_line)
    count = refused = 0
    while batch := list(islice(found, BATCH_ROWS)):
        count += len(batch)
        refused += sum(isinstance(row, RefusedRow) for row in batch)
        yield Batch(batch)
    yield Summary(count, count - refused, refused)


def in_child(request: Request) -> Generator[Inspection | Batch | Summary, None, None]:
    """The parent's side, for threads: has the file read by a child process, which is killed when the iterator is closed.

    Raises: Refused as `inspect` and `rows`, "file_damaged" and "too_heavy"; child.ChildDied.
    """
    ended = False
    with closing(child.run("contacts.parse", _ENCODER.encode(request))) as answers:
        for data in answers:
            frame = _FRAMES.decode(data)
            if isinstance(frame, Failure):
                raise Refused(frame.code, **frame.params)
            ended = not isinstance(frame, Batch)
            yield frame
    if not ended:
        raise child.ChildDied("worker contacts.parse ended without a last frame")
