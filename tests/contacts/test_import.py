"""Imports as a job runs them: counts that add up, whatever happens in the middle."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from tests.conftest import House
from tests.factories import Person
from wame_box.contacts import consent, edit, import_chunk, import_store, imports, list_store, lists, store
from wame_box.contacts.import_models import ConsentDeclared, Existing, Import, ImportStatus, ImportWish, Outcome
from wame_box.contacts.models import Consent, Contact, ContactFilter, NewContact
from wame_box.contacts.upload import take
from wame_box.kernel.child import ChildDied
from wame_box.kernel.db import Database, Sql, Tx
from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.paging import Window
from wame_box.kernel.uploads import Upload

DATA = Path(__file__).parents[1] / "data"
AGREED = ConsentDeclared(True, "web form")
UNKNOWN = ConsentDeclared(False)


async def upload(house: House, person: Person, text: str | bytes) -> Import:
    kernel = house.box.kernel
    data = text.encode() if isinstance(text, str) else text
    file = await asyncio.to_thread(kernel.files.save, person.account_id, [data], 10**8)
    return await take(kernel, person.caller, Upload({}, file, "people.csv"))


async def start(house: House, person: Person, row: Import, **wish: Any) -> Import:
    """Started, but no job runs it: tests call `imports.run` themselves."""
    chosen = {"mapping": row.inspection.mapping, "region": "FR", "consent": UNKNOWN, **wish}
    return await house.box.kernel.db.write(imports.start, person.caller, row.id, ImportWish(**chosen), lambda kind, one: None)


async def run(house: House, row: Import) -> Import:
    await asyncio.to_thread(imports.run, house.box.kernel, row.id)
    done = await house.box.kernel.db.read(import_store.by_id, row.id)
    assert done.rows == done.imported + done.refused + done.duplicates
    return done


async def bring(house: House, person: Person, text: str | bytes, **wish: Any) -> Import:
    return await run(house, await start(house, person, await upload(house, person, text), **wish))


async def people(house: House, person: Person, wish: ContactFilter | None = None) -> dict[str, Contact]:
    found = await house.box.kernel.db.read(store.contacts, person.account_id, wish or ContactFilter(), Window(limit=2000))
    return {one.address: one for one in found}


def counts(row: Import) -> tuple[str, int, int, int, int, int]:
    return row.status, row.rows, row.imported, row.updated, row.duplicates, row.refused


async def test_a_file_becomes_contacts(house: House, alice: Person) -> None:
    text = "Téléphone;Prénom;Nom;Ville\n06 39 98 12 34;Zoé;Marin;Lyon\n+44 7700 900123;Ann;Lee;\n12;Bad;One;x\n0639981234;Z;M;x\n"
    done = await bring(house, alice, text, consent=AGREED, list_name="Spring")
    assert counts(done) == ("finished", 4, 2, 0, 1, 1)
    found = await people(house, alice)
    zoe = found["+33639981234"]
    assert (zoe.name, zoe.consent, zoe.consent_source) == ("Zoé Marin", Consent.OPTED_IN, "web form")
    assert zoe.attributes == {"first_name": "Zoé", "last_name": "Marin", "ville": "Lyon"}
    assert "ville" not in found["+447700900123"].attributes
    db = house.box.kernel.db
    (spring,) = await db.read(list_store.by_name, alice.account_id)
    assert (spring.name, spring.members) == ("Spring", 2)
    assert await people(house, alice, ContactFilter(list_id=spring.id)) == found
    history = await db.read(store.consent_history, alice.account_id, zoe.id)
    assert [(one.consent, one.source, one.proof) for one in history] == [
        (Consent.OPTED_IN, "web form", f"{done.public_id} line 2")
    ]
    (refused,) = await db.read(import_store.lines, done.id, Outcome.REFUSED, 0, 10)
    assert (refused.line, refused.reason, refused.raw) == (4, "phone_too_short", ["12", "Bad", "One", "x"])
    (twice,) = await db.read(import_store.lines, done.id, Outcome.DUPLICATE, 0, 10)
    assert (twice.line, twice.first_line, twice.raw) == (5, 2, ["+33639981234", "Z", "M", "x"])
    assert twice.text == "This number is in line 2 already."
    assert await db.read(store.consent_counts, alice.account_id) == {"none": 0, "opted_in": 2, "opted_out": 0}
    assert await people(house, alice, ContactFilter("zoe mar")) == {zoe.address: zoe}


async def test_the_thousand_contacts_add_up(house: House, alice: Person) -> None:
    done = await bring(house, alice, (DATA / "contacts_1000.csv").read_bytes(), region=None, consent=AGREED, list_name="All")
    assert counts(done) == ("finished", 1000, 925, 0, 40, 35)
    db = house.box.kernel.db
    assert sum((await db.read(store.consent_counts, alice.account_id)).values()) == 925
    assert [one.members for one in await db.read(list_store.by_name, alice.account_id)] == [925]
    assert len(await db.read(import_store.lines, done.id, Outcome.REFUSED, 0, 100)) == 35
    assert len(await db.read(import_store.lines, done.id, Outcome.DUPLICATE, 0, 100)) == 40
    again = await bring(house, alice, (DATA / "contacts_1000.csv").read_bytes(), region=None)
    assert counts(again) == ("finished", 1000, 925, 925, 40, 35)
    assert sum((await db.read(store.consent_counts, alice.account_id)).values()) == 925


def stored(sql: Sql) -> list[Any]:
    """Everything an import may have doubled."""
    tables = ("contacts", "consent_records", "list_members", "contact_search_docsize", "import_lines")
    return [sql.value(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608


@pytest.mark.parametrize("lost_after", [0, 1, 3])
async def test_a_run_that_dies_is_gone_on_with(
    house: House, alice: Person, monkeypatch: pytest.MonkeyPatch, lost_after: int
) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", 20)
    lines = [f"N{number},+3363998{number % 100:04}" for number in range(130)] + ["Bad,1", "Bad,2"]
    row = await start(house, alice, await upload(house, alice, "name,phone\n" + "\n".join(lines)), list_name="L", consent=AGREED)
    kernel = house.box.kernel

    def half() -> None:
        """What a process does that is killed after some chunks."""
        lease = kernel.db.write_sync(import_store.claim, row.id)
        assert lease is not None and row.options is not None
        work = import_chunk.Work(lease, row.account_id, row.options)
        with closing(imports._chunks(kernel, row, row.options)) as chunks:
            for _ in range(lost_after):
                assert kernel.db.write_sync(import_chunk.store_chunk, work, next(chunks)) is not None

    await asyncio.to_thread(half)
    before = await kernel.db.read(import_store.by_id, row.id)
    assert (before.status, before.rows) == ("running", 20 * lost_after)
    assert await asyncio.to_thread(imports.resume_open, kernel, at_start=False) == []
    assert (await run(house, row)).rows == 20 * lost_after  # its lease is not over
    assert await asyncio.to_thread(imports.resume_open, kernel) == [row.id]
    done = await run(house, row)
    assert counts(done) == ("finished", 132, 100, 0, 30, 2)
    assert await kernel.db.read(stored) == [100, 100, 100, 100, 32]
    assert await asyncio.to_thread(imports.resume_open, kernel) == []


async def test_a_chunk_that_comes_twice_counts_once(house: House, alice: Person) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n+33639981235\n"))
    kernel = house.box.kernel

    def twice() -> None:
        lease = kernel.db.write_sync(import_store.claim, row.id)
        assert lease is not None and row.options is not None
        work = import_chunk.Work(lease, row.account_id, row.options)
        for chunk in [*imports._chunks(kernel, row, row.options)] * 2:
            kernel.db.write_sync(import_chunk.store_chunk, work, chunk)

    await asyncio.to_thread(twice)
    assert (await kernel.db.read(import_store.by_id, row.id)).imported == 2


async def test_who_lost_the_lease_stores_nothing(house: House, alice: Person) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"))
    kernel = house.box.kernel

    def late() -> None:
        lease = kernel.db.write_sync(import_store.claim, row.id)
        assert lease is not None and row.options is not None
        kernel.db.write_sync(import_store.expire_all)
        assert kernel.db.write_sync(import_store.claim, row.id) is not None
        (chunk,) = imports._chunks(kernel, row, row.options)
        assert (
            kernel.db.write_sync(import_chunk.store_chunk, import_chunk.Work(lease, row.account_id, row.options), chunk) is None
        )

    await asyncio.to_thread(late)
    assert await people(house, alice) == {}


async def test_a_dying_child_is_tried_three_times(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"))

    def die(*args: Any) -> NoReturn:
        raise ChildDied("killed")

    monkeypatch.setattr(imports, "_work_through", die)
    for attempt in (1, 2, 3):
        assert await asyncio.to_thread(imports.resume_open, house.box.kernel, at_start=False) == [row.id], attempt
        with pytest.raises(ChildDied):
            await asyncio.to_thread(imports.run, house.box.kernel, row.id)
    failed = await house.box.kernel.db.read(import_store.by_id, row.id)
    assert failed.status is ImportStatus.FAILED
    assert failed.failed is not None and failed.failed.code == "import_broken"


async def test_what_broke_off_is_taken_up_within_a_minute(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"))
    kernel = house.box.kernel

    def die(*args: Any) -> NoReturn:
        raise ChildDied("killed")

    with monkeypatch.context() as patch:
        patch.setattr(imports, "_work_through", die)
        with pytest.raises(ChildDied):
            await asyncio.to_thread(imports.run, kernel, row.id)
    await asyncio.to_thread(house.box.jobs._every_minute)
    async with asyncio.timeout(20):
        while (await kernel.db.read(import_store.by_id, row.id)).status is not ImportStatus.FINISHED:
            await asyncio.sleep(0.02)


async def test_a_full_disk_is_no_failure_of_the_import(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"))
    kernel = house.box.kernel

    def full(*args: Any) -> NoReturn:
        raise StorageFailed(True, "full")

    with monkeypatch.context() as patch:
        patch.setattr(imports, "_work_through", full)
        for _ in range(imports.MOST_ATTEMPTS + 1):
            with pytest.raises(StorageFailed):
                await asyncio.to_thread(imports.run, kernel, row.id)
            await kernel.db.write(import_store.expire_all)
    assert (await run(house, row)).status is ImportStatus.FINISHED


async def test_a_damaged_file_fails_with_a_reason(house: House, alice: Person) -> None:
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"))
    for name in list(house.box.kernel.files.names()):
        house.box.kernel.files.path(name).write_bytes(b"nonsense")
    done = await run(house, row)
    assert done.status is ImportStatus.FAILED
    assert done.failed is not None
    assert done.failed.text == "The stored file is damaged. Please upload it again."


async def test_cancelling_keeps_what_is_there(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", 10)
    lines = "\n".join(f"+3363998{number:04}" for number in range(100))
    row = await start(house, alice, await upload(house, alice, f"phone\n{lines}\n"))
    kernel = house.box.kernel
    original = import_chunk.store_chunk

    def cancelling(tx: Tx, work: import_chunk.Work, chunk: Any) -> Import | None:
        stored_row = original(tx, work, chunk)
        if stored_row is not None and stored_row.rows == 30:
            imports.cancel(tx, alice.caller, row.id, kernel.live)
        return stored_row

    monkeypatch.setattr(imports, "store_chunk", cancelling)
    assert counts(await run(house, row)) == ("cancelled", 30, 30, 0, 0, 0)
    assert len(await people(house, alice)) == 30
    with pytest.raises(Refused, match="import_over"):
        await kernel.db.write(imports.cancel, alice.caller, row.id, kernel.live)


async def seed(db: Database, person: Person) -> None:
    """Ann with a name and a city, Bob without anything, Cleo who opted out."""

    def make(tx: Tx) -> None:
        caller = person.caller
        edit.create(tx, caller, NewContact("+33639980001", "Ann", "fr", {"city": "Lyon"}))
        edit.create(tx, caller, NewContact("+33639980002"))
        cleo = edit.create(tx, caller, NewContact("+33639980003", "Cleo"))
        consent.opt_out(tx, person.account_id, cleo.id, source="keyword", proof=None)

    await db.write(make)


KNOWN = "phone,name,language,city,plan\n+33639980001,Anna,en,Paris,pro\n+33639980002,Bob,,Nice,\n+33639980003,Cléo,es,,\n"


@pytest.mark.parametrize(
    ("existing", "ann", "bob", "consents"),
    [
        (Existing.FILL, ("Ann", "fr", {"city": "Lyon", "plan": "pro"}), ("Bob", None, {"city": "Nice"}), "in in out"),
        (Existing.OVERWRITE, ("Anna", "en", {"city": "Paris", "plan": "pro"}), ("Bob", None, {"city": "Nice"}), "in in out"),
        (Existing.LEAVE, ("Ann", "fr", {"city": "Lyon"}), ("", None, {}), "none none out"),
    ],
)
async def test_people_who_are_there_already(
    house: House, alice: Person, existing: Existing, ann: Any, bob: Any, consents: str
) -> None:
    await seed(house.box.kernel.db, alice)
    done = await bring(house, alice, KNOWN, existing=existing, consent=AGREED, list_name="L")
    assert counts(done) == ("finished", 3, 3, 3, 0, 0)
    found = await people(house, alice)
    assert (found["+33639980001"].name, found["+33639980001"].language, found["+33639980001"].attributes) == ann
    assert (found["+33639980002"].name, found["+33639980002"].language, found["+33639980002"].attributes) == bob
    cleo = found["+33639980003"]
    assert cleo.opted_out_at is not None
    assert cleo.name == ("Cléo" if existing is Existing.OVERWRITE else "Cleo")
    said = [str(found[f"+3363998000{number}"].consent).removeprefix("opted_") for number in (1, 2, 3)]
    assert said == consents.split()
    (made,) = await house.box.kernel.db.read(list_store.by_name, alice.account_id)
    assert made.members == 3
    if existing is Existing.OVERWRITE:
        assert set(await people(house, alice, ContactFilter("anna"))) == {"+33639980001"}


async def test_attributes_beyond_the_limit_are_left_out(house: House, alice: Person) -> None:
    full = {f"k{number}": "v" for number in range(49)}
    await house.box.kernel.db.write(edit.create, alice.caller, NewContact("+33639980001", attributes=full))
    await bring(house, alice, "phone,a,b,c\n+33639980001,1,2,3\n", existing=Existing.OVERWRITE)
    found = await people(house, alice)
    assert found["+33639980001"].attributes == full | {"a": "1"}


async def test_consent_by_row(house: House, alice: Person) -> None:
    text = "phone,consent\n+33639980001,shop\n+33639980002,\n"
    await bring(house, alice, text, consent=AGREED)
    found = await people(house, alice)
    assert [found[f"+3363998000{n}"].consent_source for n in (1, 2)] == ["shop", "web form"]
    text = "phone,consent\n+33639980003,shop\n+33639980004,\n"
    await bring(house, alice, text, consent=ConsentDeclared(True, ""))
    found = await people(house, alice)
    assert [found[f"+3363998000{n}"].consent for n in (3, 4)] == [Consent.OPTED_IN, Consent.NONE]
    await bring(house, alice, "phone,consent\n+33639980005,shop\n", consent=UNKNOWN)
    assert (await people(house, alice))["+33639980005"].consent is Consent.NONE


async def test_the_end_is_an_event_and_live_news(house: House, alice: Person) -> None:
    kernel = house.box.kernel
    row = await upload(house, alice, "phone\n+33639981234\n")
    with kernel.live.subscribe(alice.account_id, [imports.topic(row.id)]) as heard:
        await run(house, await start(house, alice, row))
        await asyncio.sleep(0)
        heard_of = [heard.queue.get_nowait() for _ in range(heard.queue.qsize())]
        news = [item[1] for item in heard_of if item is not None]
    assert [(one["status"], one["rows"], one["total"]) for one in news] == [("running", 1, 1), ("finished", 1, 1)]

    def told(sql: Sql) -> list[str]:
        return sql.values("SELECT data FROM events WHERE type = 'import.finished'")

    (event,) = [msgspec.json.decode(data) for data in await kernel.db.read(told)]
    assert event == {
        "import": row.public_id,
        "status": "finished",
        "file_name": "people.csv",
        "rows": 1,
        "imported": 1,
        "updated": 0,
        "duplicates": 0,
        "refused": 0,
    }


async def test_a_list_deleted_meanwhile_stops_nothing(house: House, alice: Person) -> None:
    db = house.box.kernel.db
    row = await start(house, alice, await upload(house, alice, "phone\n+33639981234\n"), list_name="L")
    (made,) = await db.read(list_store.by_name, alice.account_id)
    await lists.delete(db, alice.caller, made.id)
    assert counts(await run(house, row)) == ("finished", 1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"mapping": ["name"]}, "mapping_phone_missing"),
        ({"mapping": ["phone", "name"]}, "mapping_wrong_length"),
        ({"consent": None}, "invalid_input"),
        ({"consent": ConsentDeclared(True, " ")}, "invalid_input"),
        ({"region": "ZZ"}, "invalid_input"),
        ({"list_id": 5}, "list_unknown"),
        ({"list_name": "x" * 101}, "invalid_input"),
    ],
)
async def test_wrong_wishes_start_nothing(house: House, alice: Person, wish: dict[str, Any], code: str) -> None:
    row = await upload(house, alice, "phone\n+33639981234\n")
    with pytest.raises(Refused, match=code):
        await start(house, alice, row, **wish)
    assert (await house.box.kernel.db.read(import_store.by_id, row.id)).status is ImportStatus.UPLOADED


async def test_an_import_starts_once(house: House, alice: Person, charlie: Person) -> None:
    row = await upload(house, alice, "phone\n+33639981234\n")
    with pytest.raises(Refused, match="not_found"):
        await start(house, charlie, row)
    await start(house, alice, row)
    with pytest.raises(Refused, match="import_started"):
        await start(house, alice, row)


async def test_the_same_file_is_kept_once(house: House, alice: Person) -> None:
    files = house.box.kernel.files
    for text in ("phone\n+33639981234\n", "phone\n+33639981234\n"):
        await bring(house, alice, text)
    assert len(list(files.names())) == 1
    with pytest.raises(Refused, match="file_is_workbook"):
        await upload(house, alice, b"PK\x03\x04")
    assert len(list(files.names())) == 1
