"""Rows of contacts from a file: in this process, and through the child that reads strangers' files."""

from __future__ import annotations

import csv
import io
import secrets
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import make_contacts
from wame_box.contacts import parse
from wame_box.contacts.parse import Batch, Inspection, ParsedRow, RefusedRow, Request, Summary, inspect, rows
from wame_box.contacts.phone import region_of
from wame_box.kernel import child
from wame_box.kernel.errors import CODES, Refused
from wame_box.kernel.sealed import EncryptedWriter

DATA = Path(__file__).parents[1] / "data"


def stream(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def sealed(folder: Path, data: bytes) -> tuple[str, bytes]:
    path, key = folder / "upload", secrets.token_bytes(32)
    with path.open("wb") as file:
        writer = EncryptedWriter(file, key)
        writer.write(data)
        writer.finish()
    return str(path), key


def test_inspect_says_what_is_there() -> None:
    found = inspect(stream("Nom;Téléphone;Ville\n" + "Zoé;06 39 98 12 34;Lyon\n" * 25))
    assert (found.encoding, found.delimiter, found.has_header, found.rows) == ("utf-8", ";", True, 25)
    assert found.columns == ["Nom", "Téléphone", "Ville"]
    assert found.mapping == ["name", "phone", "attribute:ville"]
    assert found.samples == [["Zoé", "06 39 98 12 34", "Lyon"]] * 20


def test_a_file_without_a_header() -> None:
    text = "Ann,+33639981234\nBob,+33639981235,,\n"
    found = inspect(stream(text))
    assert (found.has_header, found.columns, found.rows) == (False, ["A", "B"], 2)
    assert found.mapping == ["attribute:column_1", "phone"]
    assert [row.line for row in rows(stream(text), ["name", "phone"], None)] == [1, 2]
    assert [row.line for row in rows(stream(text), ["name", "phone"], None, has_header=True)] == [2]


def test_rows_are_checked_and_cleaned() -> None:
    text = (
        "phone,name,language,consent,city,plan\n"
        '06 39 98 12 34,"  Zoe\u0301   O\'Neil ",fr-FR,web form, Lyon ,\n'
        "+44 7700 900123,=1+1,Klingon,,<b>Leeds</b>,pro\n"
    )
    mapping = ["phone", "name", "language", "consent_source", "attribute:city", "attribute:plan"]
    assert list(rows(stream(text), mapping, "FR")) == [
        ParsedRow(2, "+33639981234", "Zoé O'Neil", "fr", "web form", {"city": "Lyon"}),
        ParsedRow(3, "+447700900123", "=1+1", None, None, {"city": "<b>Leeds</b>", "plan": "pro"}),
    ]


def test_first_and_last_name_make_the_name() -> None:
    text = "phone,first name,last name\n+33639981234,Ann,Lee\n+33639981235,,Lee\n"
    found = list(rows(stream(text), inspect(stream(text)).mapping, None))
    assert [row.name for row in found if isinstance(row, ParsedRow)] == ["Ann Lee", "Lee"]


def test_refused_rows_keep_their_line_reason_and_cells() -> None:
    text = "\n".join(
        [
            "name,phone",
            "Empty,",
            "",
            "Short,+33 6",
            "National,0639981234",
            '"Broken" quote,+33639981234',
            "Shifted,Doe,+33639981234",
            "Missing",
            "Rounded,3.36E+10",
            "N" * 201 + ",+33639981234",
            "Fine,+33639981234,,",
        ]
    )
    found = list(rows(stream(text), ["name", "phone"], None))
    assert [(row.line, row.reason) for row in found if isinstance(row, RefusedRow)] == [
        (2, "phone_empty"),
        (4, "phone_too_short"),
        (5, "phone_region_unknown"),
        (6, "line_broken_quotes"),
        (7, "line_extra_cells"),
        (8, "phone_empty"),
        (9, "phone_scientific"),
        (10, "value_too_long"),
    ]
    assert all(row.reason in CODES for row in found if isinstance(row, RefusedRow))
    assert found[2] == RefusedRow(5, "phone_region_unknown", ["National", "0639981234"])
    assert found[3] == RefusedRow(6, "line_broken_quotes", ['"Broken" quote,+33639981234'])
    assert found[-1] == ParsedRow(11, "+33639981234", "Fine", None, None, {})


def test_attribute_values_have_a_limit() -> None:
    text = f"phone,note\n+33639981234,{'x' * 1000}\n+33639981235,{'x' * 1001}\n"
    found = list(rows(stream(text), ["phone", "attribute:note"], None))
    assert isinstance(found[0], ParsedRow)
    assert found[1] == RefusedRow(3, "value_too_long", ["+33639981235", "x" * 200])


def test_an_import_goes_on_at_a_line() -> None:
    text = "phone\n" + "".join(f"+3363998{number:04}\n" for number in range(10))
    assert [row.line for row in rows(stream(text), ["phone"], None, from_line=8)] == [8, 9, 10, 11]


def test_too_many_columns() -> None:
    with pytest.raises(Refused) as caught:
        inspect(stream(",".join(f"c{number}" for number in range(400)) + "\n" + "x," * 399 + "x\n"))
    assert (caught.value.code, caught.value.params) == ("file_too_many_columns", {"columns": 400, "limit": 300})


def test_a_wrong_mapping_is_refused() -> None:
    with pytest.raises(Refused, match="mapping_phone_missing"):
        list(rows(stream("a,b\n1,2\n"), ["name", "ignore"], None))


def test_the_thousand_contacts() -> None:
    with (DATA / "contacts_1000.csv").open("rb") as file:
        found = inspect(file)
        everyone = list(rows(file, found.mapping, None))
    assert found.rows == len(everyone) == 1000
    assert found.mapping == [
        "name",
        "phone",
        "attribute:email",
        "attribute:city",
        "attribute:company",
        "language",
        "attribute:plan",
    ]
    phones = Counter(row.phone for row in everyone if isinstance(row, ParsedRow))
    reasons = Counter(row.reason for row in everyone if isinstance(row, RefusedRow))
    assert (phones.total(), len(phones), reasons.total()) == (965, 925, 35)
    assert len({region_of(phone) for phone in phones}) == 39
    assert set(reasons) >= {
        "phone_empty",
        "phone_invalid",
        "phone_too_short",
        "phone_too_long",
        "phone_scientific",
        "phone_region_unknown",
    }


def test_the_thousand_contacts_are_what_their_script_writes() -> None:
    with (DATA / "contacts_1000.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [make_contacts.HEADER, *make_contacts.contacts()]


def test_the_child_inspects_and_streams_batches(tmp_path: Path) -> None:
    data = "name,phone\n" + "".join(f"N{number},+3363998{number:04}\n" for number in range(1100)) + "Bad,1\n"
    path, key = sealed(tmp_path, data.encode())
    (found,) = parse.in_child(Request(op="inspect", path=path, key=key))
    assert isinstance(found, Inspection)
    assert found.rows == 1101
    frames = list(parse.in_child(Request(op="rows", path=path, key=key, mapping=found.mapping)))
    assert [len(frame.rows) for frame in frames if isinstance(frame, Batch)] == [500, 500, 101]
    assert frames[-1] == Summary(rows=1101, parsed=1100, refused=1)
    assert isinstance(frames[0], Batch)
    assert frames[0].rows[0] == ParsedRow(2, "+33639980000", "N0", None, None, {})


def test_the_child_hands_refusals_on(tmp_path: Path) -> None:
    path, key = sealed(tmp_path, b"PK\x03\x04")
    with pytest.raises(Refused, match="file_is_workbook"):
        list(parse.in_child(Request(op="inspect", path=path, key=key)))
    with pytest.raises(Refused, match="file_damaged"):
        list(parse.in_child(Request(op="inspect", path=path, key=secrets.token_bytes(32))))


def test_an_abandoned_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Remembered(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Remembered)
    data = "phone\n" + "".join(f"+3363998{number % 10000:04}\n" for number in range(50_000))
    path, key = sealed(tmp_path, data.encode())
    frames = parse.in_child(Request(op="rows", path=path, key=key, mapping=["phone"]))
    next(frames)
    assert started[0].poll() is None
    frames.close()
    assert started[0].returncode == -signal.SIGKILL


def test_a_child_that_answers_nothing_in_time_is_given_up(tmp_path: Path) -> None:
    path, key = sealed(tmp_path, b"phone\n+33639981234\n")
    with pytest.raises(Refused, match="too_heavy"):
        list(child.run("contacts.parse", parse._ENCODER.encode(Request(op="inspect", path=path, key=key)), patience=0.001))


def test_a_child_with_a_bug_is_no_refusal() -> None:
    with pytest.raises(child.ChildDied):
        list(child.run("contacts.parse", b"nonsense"))
    with pytest.raises(child.ChildDied):
        list(child.run("no.such.worker", b""))


PIECES = st.sampled_from(
    ['"', '""', ",", ";", "\n", "\r\n", "\r", "\t", "\0", "é", "+33639981234", "name", " ", "x" * 50, "=1+1", "\ufeff", "🙂"]
)


@settings(max_examples=150, deadline=None)
@given(data=st.lists(PIECES, max_size=60).map("".join), encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]))
def test_any_text_is_read_or_refused_and_every_row_accounted_for(data: str, encoding: str) -> None:
    file = io.BytesIO(data.encode(encoding, "ignore"))
    try:
        found = inspect(file)
        mapping = ["phone", *(f"attribute:c{number}" for number in range(len(found.columns) - 1))]
        everyone = list(rows(file, mapping, None, has_header=found.has_header))
    except Refused as refusal:
        assert refusal.code in CODES
        return
    assert len(everyone) == found.rows
    assert [row.line for row in everyone] == sorted({row.line for row in everyone})


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        inspect(io.BytesIO(data))
    except Refused as refusal:
        assert refusal.code in CODES
