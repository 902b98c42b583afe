"""The story of the demo, told through the REST API as a customer's program would: link, import, launch, watch, compare."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wame_box.demo.sink import Sink
from wame_box.kernel.paths import DataFolder

NUMBER = "+33639980199"
TEXT = "Hello {{first_name|there}}, our winter collection has arrived. Reply STOP to hear no more from us."
LIST = "Customers"
PATIENCE = 300

Say = Callable[[str], None]


class Numbers(msgspec.Struct):
    """What came of it. `accepted`: messages of the campaign; sent: those that WhatsApp took, wherever they got to."""

    rows: int = 0
    imported: int = 0
    refused: int = 0
    duplicates: int = 0
    accepted: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    replied: int = 0
    failed: int = 0
    webhooks_delivered: int = 0
    ledger_attempts: int = 0
    seconds: float = 0.0
    peak_rss_mb: float = 0.0


class Story:
    """Tells it once against a served box. `http` has an API key; `still_to_happen` counts what the sandbox has not done yet."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        sink: Sink,
        folder: DataFolder,
        contacts: Path,
        still_to_happen: Callable[[], Awaitable[int]],
        say: Say,
    ) -> None:
        self._http = http
        self._sink = sink
        self._folder = folder
        self._contacts = contacts
        self._still_to_happen = still_to_happen
        self._say = say
        self.numbers = Numbers()
        self.wrong: list[str] = []

    async def tell(self) -> None:
        started = time.monotonic()
        await self._listen()
        session = await self._link()
        await self._import()
        campaign = await self._launch(session)
        await self._watch(campaign)
        await self._settle()
        await self._compare(campaign)
        self.numbers.seconds = round(time.monotonic() - started, 2)
        self.numbers.peak_rss_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)

    # -- the steps -----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        await self._sink.start()
        endpoint = await self._post("/api/v1/endpoints", {"url": self._sink.url, "name": "Demo receiver"})
        self._sink.secret = endpoint["secret"]
        self._say(f"A webhook endpoint listens at {self._sink.url}.")

    async def _link(self) -> str:
        wish = {"name": "Demo shop", "engine": "sandbox", "policy": "unpaced"}
        session = (await self._post("/api/v1/sessions", wish))["id"]
        await self._post("/api/v1/sandbox/phones", {"number": NUMBER, "name": "Demo shop"})
        path = f"/api/v1/sessions/{session}"
        code = await self._until(f"{path}/qr", lambda answer: answer.status_code == 200)
        await self._post(f"/api/v1/sandbox/phones/{NUMBER}/scan", {"qr": code["qr"]})
        await self._until(path, lambda answer: answer.json()["status"] == "connected")
        self._say(f"The virtual phone {NUMBER} scanned the QR code: linked. Its pacing policy is Unpaced: only the sandbox may.")
        return str(session)

    async def _import(self) -> None:
        consent = {"agreed": True, "source": "made up for the demo"}
        fields = {"list_name": LIST, "consent": msgspec.json.encode(consent).decode()}
        with self._contacts.open("rb") as file:
            upload = {"file": (self._contacts.name, file, "text/csv")}
            answer = await self._http.post("/api/v1/imports", files=upload, data=fields)
        started = answer.raise_for_status().json()
        done = await self._until(
            f"/api/v1/imports/{started['id']}", lambda found: found.json()["status"] in ("finished", "failed")
        )
        for name in ("rows", "imported", "refused", "duplicates"):
            setattr(self.numbers, name, done[name])
        self._say(
            f"{self._contacts.name}: {done['rows']} rows, {done['imported']} imported, {done['refused']} refused,"
            f" {done['duplicates']} twice in the file."
        )

    async def _launch(self, session: str) -> str:
        lists = (await self._get("/api/v1/lists"))["data"]
        chosen = next(row["id"] for row in lists if row["name"] == LIST)
        wish = {"name": "Winter collection", "session": session, "list": chosen, "type": "text", "text": {"body": TEXT}}
        campaign = (await self._post("/api/v1/campaigns", wish))["id"]
        await self._post(f"/api/v1/campaigns/{campaign}/launch", {})
        self._say("The campaign is launched.")
        return str(campaign)

    async def _watch(self, campaign: str) -> None:
        shown = ""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self._get(f"/api/v1/campaigns/{campaign}")
                now = found["progress"]
                line = (
                    f"  {now['sent']} sent, {now['delivered']} delivered, {now['read']} read,"
                    f" {now['replied']} replied, {now['failed']} failed of {now['accepted']}"
                )
                if line != shown:
                    self._say(line)
                    shown = line
                if found["status"] == "finished":
                    return
                await asyncio.sleep(1)

    async def _settle(self) -> None:
        """Waits until nothing more happens: the last receipt came, the last webhook was delivered."""
        self._say("Everything is sent. Waiting for the last receipts, replies and webhooks …")
        quiet_since, before = time.monotonic(), -1
        async with asyncio.timeout(PATIENCE):
            while time.monotonic() - quiet_since < 3 or await self._open_work():
                if self._sink.events != before:
                    quiet_since, before = time.monotonic(), self._sink.events
                await asyncio.sleep(0.25)

    async def _open_work(self) -> bool:
        endpoint = (await self._get("/api/v1/endpoints"))["data"][0]
        return bool(endpoint["pending"] or await self._still_to_happen())

    async def _compare(self, campaign: str) -> None:
        """The box's own numbers beside the sandbox's ledger and what the receiver counted."""
        progress = (await self._get(f"/api/v1/campaigns/{campaign}"))["progress"]
        for name in ("accepted", "sent", "delivered", "read", "replied", "failed"):
            setattr(self.numbers, name, progress[name])
        received = await self._count("/api/v1/messages", {"direction": "in"})
        ledger = self._ledger()
        self.numbers.ledger_attempts = sum(ledger.values())
        self.numbers.webhooks_delivered = self._sink.events
        endpoint = (await self._get("/api/v1/endpoints"))["data"][0]["id"]
        stored = await self._count(f"/api/v1/endpoints/{endpoint}/deliveries", {"status": "delivered"})
        n, types = self.numbers, self._sink.types
        self._check("rows = imported + refused + duplicates", n.rows, n.imported + n.refused + n.duplicates)
        self._check("accepted = sent + failed", n.accepted, n.sent + n.failed)
        self._check("accepted by the ledger = sent", ledger["accepted"], n.sent)
        self._check("refused by the ledger = failed", ledger["failed"] + ledger["not_on_whatsapp"], n.failed)
        self._check("attempts in the ledger = accepted", n.ledger_attempts, n.accepted)
        self._check("webhooks message.sent = sent", types["message.sent"], n.sent)
        self._check("webhooks message.delivered = delivered", types["message.delivered"], n.delivered)
        self._check("webhooks message.read = read", types["message.read"], n.read)
        self._check("webhooks message.failed = failed", types["message.failed"], n.failed)
        self._check("webhooks message.received = messages received", types["message.received"], received)
        self._check("deliveries stored = webhooks received", stored, self._sink.events)
        self._check("forged webhooks", self._sink.forged, 0)

    # -- asking the box ------------------------------------------------------------------------------------------------

    def _check(self, what: str, left: int, right: int) -> None:
        if left != right:
            self.wrong.append(f"{what}: {left} against {right}")

    def _ledger(self) -> Counter[str]:
        lines = (self._folder.sandbox / "ledger.jsonl").read_bytes().splitlines()
        return Counter(msgspec.json.decode(line)["outcome"] for line in lines)

    async def _count(self, path: str, query: dict[str, str]) -> int:
        """How many rows a list has, page by page."""
        count, cursor = 0, None
        while True:
            asked = query | {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = await self._get(path, asked)
            count, cursor = count + len(page["data"]), page["next_cursor"]
            if cursor is None:
                return count

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        return (await self._http.get(path, params=query)).raise_for_status().json()

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = (await self._http.post(path, json=body)).raise_for_status()
        return answer.json() if answer.content else None

    async def _until(self, path: str, condition: Callable[[httpx.Response], bool]) -> Any:
        async with asyncio.timeout(PATIENCE):
            while not condition(answer := await self._http.get(path)):
                await asyncio.sleep(0.05)
        return answer.json()
