"""CSV as people's programs write it: encodings, delimiters, quotes, line numbers."""

from __future__ import annotations

import io

import pytest

from wame_box.contacts.table import MAX_LINE, MAX_RECORD_LINES, SAMPLE_BYTES, BrokenRecord, Record, open_table
from wame_box.kernel.errors import CODES, Refused

TEXT = "name;phone\nÉlodie Œuvré;+33639981234\n"


def read(data: bytes) -> list[Record | BrokenRecord]:
    return list(open_table(io.BytesIO(data)).records())


def refused(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)
    assert caught.value.code in CODES
    return caught.value


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("windows-1252"), "windows-1252"),
    ],
)
def test_encodings(data: bytes, encoding: str) -> None:
    table = open_table(io.BytesIO(data))
    assert table.encoding == encoding
    assert list(table.records()) == [Record(1, ["name", "phone"]), Record(2, ["Élodie Œuvré", "+33639981234"])]


def test_latin_1_far_behind_the_sample_is_still_read() -> None:
    plain = b"name,phone\n" + b"Ann,+33639981234\n" * (SAMPLE_BYTES // 16)
    last = read(plain + "Zoé,+33639981235\n".encode("latin-1"))[-1]
    assert isinstance(last, Record)
    assert last.cells[0] == "Zoé"


def test_a_character_cut_by_the_sample_is_no_error() -> None:
    data = b"x" + "é".encode() * SAMPLE_BYTES
    assert open_table(io.BytesIO(data)).encoding == "utf-8"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    lines = [["name", "phone", "amount"], ["Doe; Jane, Dr | x", "+33639981234", "1,50"], ["Li", "+33639981235", "2,75"]]
    data = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in line) for line in lines)
    table = open_table(io.BytesIO(data.encode()))
    assert table.delimiter == delimiter
    assert [record.cells for record in table.records() if isinstance(record, Record)] == lines


def test_decimal_commas_do_not_hide_semicolons() -> None:
    assert open_table(io.BytesIO(b"name;phone;sum\nA;1;1,5\nB, C;2;2,5\nD;3;3,5\n")).delimiter == ";"


def test_one_column_and_excels_announcement() -> None:
    assert read(b"+33639981234\n+33639981235") == [Record(1, ["+33639981234"]), Record(2, ["+33639981235"])]
    assert read(b"sep=;\r\na;b\r\n1,2;3\r\n") == [Record(2, ["a", "b"]), Record(3, ["1,2", "3"])]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_numbers_count_blank_and_quoted_lines(ending: str) -> None:
    text = ending.join(["a,b", "", '"two', 'lines",1', " , ", "x,2", ""])
    assert read(text.encode()) == [Record(1, ["a", "b"]), Record(3, [f"two{ending}lines", "1"]), Record(6, ["x", "2"])]


def test_quotes_inside_cells() -> None:
    assert read(b'a,b\n"say ""hi""",x\nJean "Jo" Roux, "y, z"\n')[1:] == [
        Record(2, ['say "hi"', "x"]),
        Record(3, ['Jean "Jo" Roux', "y, z"]),
    ]


def test_a_broken_quote_refuses_its_own_line_only() -> None:
    assert read(b'a,b\n"x"y,1\nz,2\n') == [
        Record(1, ["a", "b"]),
        BrokenRecord(2, "line_broken_quotes", '"x"y,1'),
        Record(3, ["z", "2"]),
    ]


@pytest.mark.parametrize("rows_after", [3, MAX_RECORD_LINES * 3])
def test_a_quote_never_closed_swallows_nothing(rows_after: int) -> None:
    data = 'a,b\n"never closed,1\n' + "".join(f"n{number},2\n" for number in range(rows_after)) + '"ok",3\n'
    records = read(data.encode())
    assert records[1] == BrokenRecord(2, "line_broken_quotes", '"never closed,1')
    assert records[2:] == [Record(3 + number, [f"n{number}", "2"]) for number in range(rows_after)] + [
        Record(3 + rows_after, ["ok", "3"])
    ]


def test_nul_bytes_and_huge_cells_refuse_their_line() -> None:
    assert read(b"a,b\nx\0y,1\nz,2\n")[1:] == [BrokenRecord(2, "line_nul", "x\ufffdy 1"), Record(3, ["z", "2"])]
    records = read(b"a,b\n" + b"x" * 200_000 + b",1\nz,2\n")
    assert (records[1].line, records[1][1], records[2]) == (2, "line_cell_too_long", Record(3, ["z", "2"]))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n\n", "file_empty"),
        (b"PK\x03\x04\x14\x00", "file_is_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "file_is_workbook"),
        (bytes(range(256)) * 40, "file_not_text"),
        (b"a,b\n" + b"x" * (MAX_LINE + 10), "file_line_too_long"),
    ],
)
def test_files_refused_as_a_whole(data: bytes, code: str) -> None:
    assert refused(data).code == code


def test_the_stream_stays_open() -> None:
    stream = io.BytesIO(b"a,b\n1,2\n")
    table = open_table(stream)
    next(table.records())
    assert len(list(table.records())) == 2
    assert not stream.closed
