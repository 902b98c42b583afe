"""From a file's bytes to records of cells, one at a time: encoding, delimiter, quotes, line numbers. Knows nothing of contacts.

Only CSV so far; another kind of file is another function that returns a `Table`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from wame_box.kernel.errors import N_, Problem, Refused, register

MAX_COLUMNS = 300
MAX_LINE = 1_000_000  # characters of one line of the file
MAX_RECORD_LINES = 100  # lines that one record's quoted cells may span
SAMPLE_BYTES = 256 * 1024
DELIMITERS = ",;\t|"

register(
    {
        "file_empty": Problem(422, N_("The file has no rows.")),
        "file_not_text": Problem(422, N_("This is not a CSV file: it holds no text.")),
        "file_is_workbook": Problem(422, N_("This is a spreadsheet, not a CSV file. Save it as CSV (UTF-8) and try again.")),
        "file_too_many_columns": Problem(422, N_("The file has %(columns)s columns; at most %(limit)s are accepted.")),
        "file_line_too_long": Problem(422, N_("Line %(line)s is longer than %(limit)s characters.")),
        "line_broken_quotes": Problem(422, N_("The quotation marks of this line don't match.")),
        "line_cell_too_long": Problem(422, N_("A cell of this line is too long.")),
        "line_nul": Problem(422, N_("This line holds characters that are no text.")),
    }
)


class Record(NamedTuple):
    """The cells of one row. `line`: the 1-based number of its first line in the file."""

    line: int
    cells: list[str]


class BrokenRecord(NamedTuple):
    """A line that is no row. `reason` is a `line_…` code, `text` the line as it stands in the file."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Table:
    """What a file turned out to be, and its records in order, blank ones left out. `records` starts anew at each call.

    Raises while reading: Refused("file_line_too_long"), and what the stream raises.
    """

    encoding: str
    delimiter: str
    records: Callable[[], Iterator[Record | BrokenRecord]]


def open_table(stream: BinaryIO) -> Table:
    """Looks at the beginning of a seekable stream, which stays the caller's.

    Raises: Refused("file_empty" | "file_not_text" | "file_is_workbook").
    """
    stream.seek(0)
    sample = stream.read(SAMPLE_BYTES)
    encoding = sniff_encoding(sample)
    text = sample.decode(encoding, _ON_ERROR).removeprefix("\ufeff")
    if len(sample) == SAMPLE_BYTES and "\n" in text:
        text = text[: text.rindex("\n")]
    announced = _announced_delimiter(text)
    delimiter = announced or sniff_delimiter(text)

    def records() -> Iterator[Record | BrokenRecord]:
        return _records(stream, encoding, delimiter, skip_first=announced is not None)

    return Table(encoding, delimiter, records)


def sniff_encoding(sample: bytes) -> str:
    """The codec of a file by its first bytes: a byte order mark, the zeros of UTF-16, valid UTF-8, else Windows-1252.

    Raises: Refused("file_empty" | "file_not_text" | "file_is_workbook").
    """
    if not sample.strip():
        raise Refused("file_empty")
    if sample.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Refused("file_is_workbook")
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    half = len(sample) // 2
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if half and sample[start::2].count(0) > half / 5 > sample[1 - start :: 2].count(0):
            return encoding
    binary = sum(sample.count(byte) for byte in _CONTROL_BYTES)
    if binary > len(sample) / 50 + 1:
        raise Refused("file_not_text")
    try:
        # A character may be cut at the sample's end.
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL_BYTES = [bytes([number]) for number in range(32) if chr(number) not in "\t\n\v\f\r\x1a\x1b"]
_ON_ERROR = "wame-windows-1252"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Reads what is no UTF-8 as Windows-1252: a file may turn out so long after the sample, or hold both."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.startswith(("utf-16", "utf-32")):
        return "\ufffd", error.end
    wrong = error.object[error.start : error.end]
    return "".join(_windows_1252(byte) for byte in wrong), error.end


def _windows_1252(byte: int) -> str:
    try:
        return bytes([byte]).decode("windows-1252")
    except UnicodeDecodeError:  # five bytes mean nothing there
        return chr(byte)


codecs.register_error(_ON_ERROR, _as_windows_1252)


def sniff_delimiter(text: str) -> str:
    """The delimiter under which most of the first rows have one and the same number of cells; a comma when none splits them."""
    lines = text.splitlines(keepends=True)[:60]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = _widths(lines, delimiter)
        width, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        score = (count / len(widths), width) if width > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _widths(lines: list[str], delimiter: str) -> list[int]:
    widths = []
    with contextlib.suppress(csv.Error):  # a cell beyond all limits: what came before has to do
        for cells in csv.reader(lines, delimiter=delimiter):
            if cells:
                widths.append(len(cells))
    return widths


def _announced_delimiter(text: str) -> str | None:
    """What Excel's first line `sep=;` says."""
    first = text[:20].splitlines()[0].strip().strip('"').lower() if text.strip() else ""
    delimiter = first[4:] if first.startswith("sep=") else ""
    return delimiter if len(delimiter) == 1 else None


class _RecordTooLong(Exception):
    pass


class _Lines:
    """The lines of a text, counted; those of the record being read are remembered, to go back to its second line."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.count = 0
        self.of_record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_LINE + 2)
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) > MAX_LINE and line[-1] not in "\r\n":
            raise Refused("file_line_too_long", line=self.count, limit=MAX_LINE)
        self.of_record.append(line)
        if len(self.of_record) > MAX_RECORD_LINES:
            raise _RecordTooLong
        return line

    def go_back(self) -> str:
        """Read on after the record's first line, which is returned."""
        first, *others = self.of_record
        self._again.extendleft(reversed(others))
        self.count -= len(others)
        return first


def _records(stream: BinaryIO, encoding: str, delimiter: str, skip_first: bool) -> Iterator[Record | BrokenRecord]:
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding, _ON_ERROR, newline="")
    try:
        lines = _Lines(text)
        if skip_first:
            next(lines, None)
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t")
        while True:
            lines.of_record.clear()
            line = lines.count + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _RecordTooLong) as error:
                # A quote that is never closed would swallow all that follows: only its own line is refused.
                reason = "line_cell_too_long" if "field larger" in str(error) else "line_broken_quotes"
                yield BrokenRecord(line, reason, lines.go_back().rstrip("\r\n"))
                continue
            if "".join(cells).strip():
                yield _checked(line, cells)
    finally:
        text.detach()


def _checked(line: int, cells: list[str]) -> Record | BrokenRecord:
    if any("\0" in cell for cell in cells):
        return BrokenRecord(line, "line_nul", " ".join(cells).replace("\0", "\ufffd"))
    return Record(line, cells)
