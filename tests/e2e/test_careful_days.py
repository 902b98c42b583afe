"""A campaign under Careful, over simulated days: the schedule that came out, read from the stored rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx

from tests.conftest import House, MakeBox
from tests.factories import make_account
from tests.simulate import live_until
from wame_box.kernel.clock import DAY, FakeClock
from wame_box.kernel.db import Sql

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
NUMBER = "+33639980199"
KINDLY = {"failure_rate": 0, "not_on_whatsapp_rate": 0, "reply_rate": 0, "read_rate": 0.5}
PEOPLE = 150


def addresses() -> list[str]:
    """Two of three are French, one of three American."""
    return [f"+1212555{100 + n:04}" if n % 3 == 2 else f"+3363998{n:04}" for n in range(PEOPLE)]


async def prepare(http: httpx.AsyncClient, house: House, clock: FakeClock) -> str:
    """A linked session under Careful, and a launched campaign to everybody; the campaign's id."""
    session = (await http.post("/api/v1/sessions", json={"name": "Shop", "policy": "careful"})).json()["id"]
    assert (await http.patch(f"/api/v1/sessions/{session}/sandbox", json=KINDLY)).status_code == 200
    await http.post("/api/v1/sandbox/phones", json={"number": NUMBER, "name": "Shop"})

    async def shows_code() -> bool:
        return (await http.get(f"/api/v1/sessions/{session}/qr")).status_code == 200

    async def connected() -> bool:
        return bool((await http.get(f"/api/v1/sessions/{session}")).json()["status"] == "connected")

    await live_until(house.box, clock, shows_code, latest=clock.now() + DAY)
    qr = (await http.get(f"/api/v1/sessions/{session}/qr")).json()["qr"]
    assert (await http.post(f"/api/v1/sandbox/phones/{NUMBER}/scan", json={"qr": qr})).status_code < 300
    await live_until(house.box, clock, connected, latest=clock.now() + DAY)

    for address in addresses():
        body = {"address": address, "name": "Somebody", "consent_source": "shop"}
        answer = await http.post("/api/v1/contacts", json=body)
        assert answer.status_code == 201, answer.text
    wish = {"name": "Spring", "session": session, "type": "text", "text": {"body": "Our spring collection is here."}}
    campaign: str = (await http.post("/api/v1/campaigns", json=wish)).json()["id"]
    launched = await http.post(f"/api/v1/campaigns/{campaign}/launch", json={})
    assert launched.status_code < 300, launched.text
    return campaign


def sends(sql: Sql) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in sql.rows("SELECT claimed_at, address FROM messages ORDER BY claimed_at")]


async def test_careful_sends_a_campaign_over_days(make_box: MakeBox, fake_clock: FakeClock) -> None:
    house = House(await make_box(clock=fake_clock))
    alice = await make_account(house.box, "Atelier", "Alice", "alice@example.com")
    http = house.program(alice)
    campaign = await prepare(http, house, fake_clock)
    started = fake_clock.now()

    async def finished() -> bool:
        return bool((await http.get(f"/api/v1/campaigns/{campaign}")).json()["status"] == "finished")

    await live_until(house.box, fake_clock, finished, latest=started + 30 * DAY)
    rows = await house.box.kernel.db.read(sends)
    assert len(rows) == PEOPLE
    assert len({address for _, address in rows}) == PEOPLE

    # All are strangers: 20 a day of the account's zone in the first week of the session, 25 in the second.
    per_day = Counter(datetime.fromtimestamp(at / 1000, PARIS).date() for at, _ in rows)
    first = min(per_day)
    assert [per_day[day] for day in sorted(per_day)] == [20, 20, 20, 20, 20, 20, 20, 10]
    assert (max(per_day) - first).days == 7

    # Between two messages at least 2 seconds, and no burst beyond 12 a minute and 120 an hour.
    moments = [at for at, _ in rows]
    assert all(later - earlier >= 2_000 for earlier, later in pairwise(moments))
    assert all(moments[n + 12] - moments[n] >= 60_000 for n in range(len(moments) - 12))

    # Nobody hears of it at night, where he is.
    for at, address in rows:
        local = datetime.fromtimestamp(at / 1000, NEW_YORK if address.startswith("+1") else PARIS)
        assert 8 <= local.hour < 21, f"{address} at {local}"

    # New people are counted by the account's calendar: at midnight in Paris it is evening in New York, so Americans are next,
    # and the French follow at eight.
    for day in sorted(per_day)[1:]:
        at, address = min((at, address) for at, address in rows if datetime.fromtimestamp(at / 1000, PARIS).date() == day)
        local = datetime.fromtimestamp(at / 1000, PARIS)
        assert (local.hour, address[:2]) in ((0, "+1"), (8, "+3")), f"{address} at {local}"

    waiting = (await http.get("/api/v1/messages", params={"status": "queued"})).json()["data"]
    assert waiting == []
    assert datetime.fromtimestamp(started / 1000, UTC).date() == datetime(2026, 1, 1, tzinfo=UTC).date()
    await http.aclose()
