"""Imports over REST, the job queue included."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.conftest import LOOPBACK, House, MakeBox
from tests.factories import Person, make_account
from wame_box.contacts import store
from wame_box.kernel.settings import Server

DATA = Path(__file__).parents[1] / "data"
Form = dict[str, str]


async def send(api: httpx.AsyncClient, data: bytes | str, form: Form | None = None, name: str = "people.csv") -> httpx.Response:
    return await api.post("/api/v1/imports", files={"file": (name, data)}, data=form or {})


async def finished(api: httpx.AsyncClient, import_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = (await api.get(f"/api/v1/imports/{import_id}")).json()
            if found["status"] not in ("uploaded", "running"):
                return found
            await asyncio.sleep(0.02)


async def test_a_file_is_imported_at_once(api: httpx.AsyncClient) -> None:
    form = {"consent": json.dumps({"agreed": True, "source": "fair"}), "list_name": "Everyone"}
    answer = await send(api, (DATA / "contacts_1000.csv").read_bytes(), form, "Contacts 2026.csv")
    assert answer.status_code == 202, answer.text
    started = answer.json()
    assert (started["status"], started["file_name"], started["total"]) == ("running", "Contacts 2026.csv", 1000)
    assert len(started["columns"]) == 7
    done = await finished(api, started["id"])
    assert done["status"] == "finished"
    assert done["rows"] == done["imported"] + done["refused"] + done["duplicates"] == 1000
    assert done["imported"] > 900
    assert (await api.get(f"/api/v1/lists/{done['list']}")).json()["members"] == done["imported"]
    (listed,) = (await api.get("/api/v1/imports")).json()["data"]
    assert listed == done
    (one,) = (await api.get("/api/v1/contacts", params={"limit": 1})).json()["data"]
    assert (one["consent"], one["consent_source"]) == ("opted_in", "fair")


async def test_lines_that_became_no_contact(api: httpx.AsyncClient) -> None:
    text = "phone,name\n" + "".join(f"{number},N\n" for number in range(11, 16)) + "+33639981234,A\n+33639981234,=B\n"
    done = await finished(api, (await send(api, text)).json()["id"])
    assert (done["imported"], done["refused"], done["duplicates"]) == (1, 5, 1)
    url, lines, cursor = f"/api/v1/imports/{done['id']}/lines", [], None
    while True:
        page = (await api.get(url, params={"limit": "2"} | ({"cursor": cursor} if cursor else {}))).json()
        lines += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [line["line"] for line in lines] == [2, 3, 4, 5, 6]
    assert lines[0]["reason"] == "phone_too_short"
    assert (lines[0]["message"], lines[0]["cells"]) == ("The phone number is too short.", ["11", "N"])
    (twice,) = (await api.get(url, params={"outcome": "duplicate"})).json()["data"]
    assert (twice["line"], twice["first_line"], twice["cells"]) == (8, 7, ["+33639981234", "=B"])


async def test_an_own_mapping(api: httpx.AsyncClient) -> None:
    form = {"mapping": json.dumps(["ignore", "phone", "attribute:town"]), "region": "gb", "existing": "overwrite"}
    done = await finished(api, (await send(api, "name,phone,city\nAnn,07700 900123,Leeds\n", form)).json()["id"])
    assert done["mapping"] == ["ignore", "phone", "attribute:town"]
    (ann,) = (await api.get("/api/v1/contacts")).json()["data"]
    assert (ann["address"], ann["name"], ann["attributes"]) == ("+447700900123", "", {"town": "Leeds"})


@pytest.mark.parametrize(
    ("data", "form", "status", "code"),
    [
        (b"", {}, 422, "file_empty"),
        (b"PK\x03\x04", {}, 422, "file_is_workbook"),
        (b"a,b\n1,2\n", {}, 422, "mapping_phone_missing"),
        (b"phone\n+33639981234\n", {"mapping": "nonsense"}, 422, "invalid_input"),
        (b"phone\n+33639981234\n", {"consent": '{"agreed": true}'}, 422, "invalid_input"),
        (b"phone\n+33639981234\n", {"existing": "double"}, 422, "invalid_input"),
        (b"phone\n+33639981234\n", {"list": "lst_0000000000001"}, 404, "list_unknown"),
        (b"phone\n+33639981234\n", {"color": "red"}, 422, "invalid_input"),
    ],
)
async def test_refused_files_leave_nothing(
    house: House, api: httpx.AsyncClient, data: bytes, form: Form, status: int, code: str
) -> None:
    answer = await send(api, data, form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await api.get("/api/v1/imports")).json()["data"] == []
    assert list(house.box.kernel.files.names()) == []


async def test_a_body_that_is_no_form(api: httpx.AsyncClient) -> None:
    for answer in (
        await api.post("/api/v1/imports", json={"file": "x"}),
        await api.post("/api/v1/imports", content=b"--x\r\nrubbish", headers={"content-type": "multipart/form-data; boundary=x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    answer = await api.post("/api/v1/imports", files={"other": (None, "x")})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file")


async def test_the_files_name_is_only_a_name(api: httpx.AsyncClient) -> None:
    for given, shown in (("../../etc/people.csv", "people.csv"), ("C:\\Alice\\people.csv", "people.csv"), ("x" * 300, "x" * 200)):
        assert (await send(api, "phone\n+33639981234\n", name=given)).json()["file_name"] == shown


async def test_too_large_a_file(make_box: MakeBox) -> None:
    config = msgspec.structs.replace(LOOPBACK, server=Server(max_upload_mb=1))
    house = House(await make_box(config=config))
    alice = await make_account(house.box, "Atelier", "Alice", "alice@example.com")
    async with house.program(alice) as api:
        for size in (1_100_000, 9_000_000):
            answer = await send(api, b"phone\n" + b"0" * size)
            assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert list(house.box.kernel.files.names()) == []


async def test_outsiders(house: House, api: httpx.AsyncClient, other_api: httpx.AsyncClient) -> None:
    done = await finished(api, (await send(api, "phone\n+33639981234\n")).json()["id"])
    for method, path in (("GET", ""), ("GET", "/lines"), ("POST", "/cancel")):
        assert (await other_api.request(method, f"/api/v1/imports/{done['id']}{path}")).status_code == 404
        assert (await house.client().request(method, f"/api/v1/imports/{done['id']}{path}")).status_code == 401
    assert (await send(house.client(), "phone\n1\n")).status_code == 401
    over = await api.post(f"/api/v1/imports/{done['id']}/cancel")
    assert (over.status_code, over.json()["code"]) == (409, "import_over")


async def test_an_import_survives_a_restart(make_box: MakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = House(await make_box())
    alice: Person = await make_account(first.box, "Atelier", "Alice", "alice@example.com")
    monkeypatch.setattr(first.box.jobs, "enqueue", lambda kind, row: None)  # the box dies before the job runs
    async with first.program(alice) as api:
        import_id = (await send(api, (DATA / "contacts_1000.csv").read_bytes())).json()["id"]
    await first.box.stop()
    second = House(await make_box())
    async with second.program(alice) as api:
        done = await finished(api, import_id)
    assert done["rows"] == done["imported"] + done["refused"] + done["duplicates"] == 1000
    counted = await second.box.kernel.db.read(store.consent_counts, alice.account_id)
    assert sum(counted.values()) == done["imported"]


async def test_an_upload_that_is_repeated_is_one_import(house: House, api: httpx.AsyncClient) -> None:
    """Programs draw another boundary each time: what counts is the file and the fields."""

    async def post(data: str, **form: str) -> httpx.Response:
        headers = {"idempotency-key": "upload 1"}
        return await api.post("/api/v1/imports", files={"file": ("people.csv", data)}, data=form, headers=headers)

    first = await post("phone\n+33639980001\n", list_name="Fair")
    again = await post("phone\n+33639980001\n", list_name="Fair")
    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert "idempotent-replayed" not in first.headers
    for other in (await post("phone\n+33639980002\n", list_name="Fair"), await post("phone\n+33639980001\n")):
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    await finished(api, first.json()["id"])
    assert len((await api.get("/api/v1/imports")).json()["data"]) == 1
    assert len(list(house.box.kernel.files.names())) == 1


async def test_a_refused_upload_leaves_its_key_free(house: House, api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "upload 2"}
    files = {"file": ("people.csv", "phone\n+33639980001\n")}
    refused = await api.post("/api/v1/imports", files=files, data={"existing": "odd"}, headers=headers)
    assert refused.status_code == 422
    assert list(house.box.kernel.files.names()) == []
    assert (await api.post("/api/v1/imports", files=files, headers=headers)).status_code == 202
