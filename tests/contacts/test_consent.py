"""Consent: each change is a row and an event, once."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from tests.conftest import House
from tests.factories import Person
from wame_box.contacts import consent, store
from wame_box.contacts.models import Consent
from wame_box.kernel import ids
from wame_box.kernel.db import Sql


async def events(house: House, kind: str) -> list[dict[str, Any]]:
    def read(sql: Sql) -> list[str]:
        return sql.values("SELECT data FROM events WHERE type = ? ORDER BY id", kind)

    return [msgspec.json.decode(data) for data in await house.box.kernel.db.read(read)]


async def make(api: httpx.AsyncClient, **more: object) -> str:
    answer = await api.post("/api/v1/contacts", json={"address": "+33639981234", "name": "Zoé", **more})
    return str(answer.json()["id"])


async def test_consent_given_at_the_start(house: House, api: httpx.AsyncClient, alice: Person) -> None:
    contact = await make(api, consent_source="paper form", consent_proof="folder 12")
    read = (await api.get(f"/api/v1/contacts/{contact}")).json()
    assert (read["consent"], read["consent_source"]) == ("opted_in", "paper form")
    (line,) = read["consent_history"]
    assert (line["consent"], line["source"], line["proof"]) == ("opted_in", "paper form", "folder 12")
    (event,) = await events(house, "contact.opted_in")
    assert (event["contact"], event["address"], event["source"]) == (contact, "+33639981234", "paper form")
    counts = await house.box.kernel.db.read(store.consent_counts, alice.account_id)
    assert counts == {Consent.NONE: 0, Consent.OPTED_IN: 1, Consent.OPTED_OUT: 0}


async def test_opting_out_and_in_again(house: House, api: httpx.AsyncClient) -> None:
    contact = await make(api)
    out = await api.post(f"/api/v1/contacts/{contact}/opt-out", json={"source": "phone call"})
    assert (out.status_code, out.json()["consent"], out.json()["consent_source"]) == (200, "opted_out", "phone call")
    again = await api.post(f"/api/v1/contacts/{contact}/opt-out", json={"source": "letter"})
    assert again.json()["consent_source"] == "phone call"
    back = await api.post(f"/api/v1/contacts/{contact}/opt-in", json={"source": "web form", "proof": "form 7"})
    assert back.json()["consent"] == "opted_in"
    history = (await api.get(f"/api/v1/contacts/{contact}")).json()["consent_history"]
    assert [(one["consent"], one["source"]) for one in history] == [("opted_in", "web form"), ("opted_out", "phone call")]
    assert len(await events(house, "contact.opted_out")) == 1
    assert len(await events(house, "contact.opted_in")) == 1


async def test_the_date_of_opting_out_goes_with_consent(house: House, api: httpx.AsyncClient, alice: Person) -> None:
    contact_id = ids.parse("con", await make(api))
    db = house.box.kernel.db
    assert await db.write(consent.opt_out, alice.account_id, contact_id, source="keyword", proof="ABC")
    row = await db.read(store.contact, alice.account_id, contact_id)
    assert row is not None and row.opted_out_at is not None and row.consent_proof == "ABC"
    assert not await db.write(consent.opt_out, alice.account_id, contact_id, source="keyword", proof="DEF")
    assert await db.write(consent.opt_in, alice.account_id, contact_id, source="keyword", proof="GHI")
    row = await db.read(store.contact, alice.account_id, contact_id)
    assert row is not None and row.opted_out_at is None


async def test_a_source_is_needed_and_bounded(api: httpx.AsyncClient) -> None:
    contact = await make(api)
    for body in ({"source": ""}, {"source": "x" * 201}, {"source": "a", "more": 1}):
        answer = await api.post(f"/api/v1/contacts/{contact}/opt-out", json=body)
        assert answer.status_code in (400, 422), body
    assert (await api.post(f"/api/v1/contacts/{contact}/opt-out", json={})).json()["consent_source"] == "api"
