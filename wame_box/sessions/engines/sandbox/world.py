"""The sandbox's server side: one little WhatsApp a box. It links devices, takes messages, and keeps what is still to happen.

Everything that must survive a kill is in `world.db` (encrypted, WAL, no fsync a message: it plays somebody else's computer) and
in the ledger. In memory: the codes that wait to be scanned, the engines that run, and the few phones that are not simply on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from wame_box.kernel.clock import DAY, HOUR, Clock
from wame_box.kernel.db import Database
from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.migrations import migrate
from wame_box.sessions.engines.sandbox import store
from wame_box.sessions.engines.sandbox.ledger import Ledger, Outcome
from wame_box.sessions.engines.sandbox.models import ChatMessage, Device, Due, PhoneState
from wame_box.sessions.engines.sandbox.pairing import Answer, DeviceKeys
from wame_box.sessions.engines.sandbox.schema import WORLD

Publish = Callable[[int, str, Any], None]

KEPT_DAYS = 7
REMEMBERED_CODES = 1_000
MOST_OWED = 10_000

log = structlog.get_logger()


class LinkedDevice(Protocol):
    """What the server tells the engine of a linked session."""

    def news(self) -> None:
        """Something about the session or its pending happenings changed."""

    async def reload(self) -> None:
        """There is more to happen than the engine knows of."""

    def configure(self, settings: str) -> None:
        """The session's settings were changed."""

    def unlinked(self, reason: str) -> None:
        """The phone took the device off its list."""


@dataclass(eq=False)
class Offer:
    """A code that waits to be scanned. `answer` hands a phone's answer to the device, and returns once it is linked."""

    ref: str
    account_id: int
    session_id: int
    keys: DeviceKeys
    expires_at: int
    answer: Callable[[Answer], Any] = field(repr=False)


class SandboxWorld:
    """`start` before use, `stop` at the end. `publish(account_id, topic, data)` tells open phone pages what happens."""

    def __init__(self, folder: Path, key: bytes, clock: Clock, publish: Publish | None = None) -> None:
        self.clock = clock
        self.engines: dict[int, LinkedDevice] = {}
        self.turned: dict[int, str] = {}  # settings of sessions whose knobs were turned since the box started
        self.devices: dict[int, Device] = {}
        self.db = Database(folder / "world.db", key, clock, readers=2, synchronous="NORMAL")
        self._folder = folder
        self._key = key
        self._publish = publish
        self._states: dict[tuple[int, str], PhoneState] = {}
        self._on_phone: dict[tuple[int, str], set[int]] = {}
        self._people: dict[tuple[int, str], bool] = {}
        self._offers: dict[str, Offer] = {}
        self._spent: OrderedDict[str, str] = OrderedDict()
        self._keeping: asyncio.Task[None] | None = None
        self._owed: deque[tuple[Any, ...]] = deque(maxlen=MOST_OWED)  # lines that the disk refused

    async def start(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, self.db.path, self._key, WORLD)
        await self.db.open()
        self.ledger = Ledger(self._folder / "ledger.jsonl", self._key)
        for phone in await self.db.read(store.phones):
            self.note_person(phone.account_id, phone.number, owner=phone.owner)
            self.note_state(phone.account_id, phone.number, phone.state)
        for device in await self.db.read(store.devices):
            self._note_device(device)
        await self._complete_ledger()
        self._keeping = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        await self.db.close()
        self._pay_ledger()
        self.ledger.close()

    async def _complete_ledger(self) -> None:
        """A kill between the commit and the line leaves out a line; nobody got an ack for it, but it was accepted."""
        known = await asyncio.to_thread(self.ledger.accepted_lately)
        for message in await self.db.read(store.latest_accepted):
            if message.wa_id not in known:
                self._write_ledger(message, Outcome.ACCEPTED, message.at)

    async def _keep_house(self) -> None:
        while True:
            before = self.clock.now() - KEPT_DAYS * DAY
            with contextlib.suppress(StorageFailed):
                while await self.db.write_low(store.purge, before):
                    pass
            await self.clock.sleep(6 * HOUR)

    # -- messages ------------------------------------------------------------------------------------------------------

    async def take(self, message: ChatMessage, follow: list[Due]) -> bool:
        """The server takes a message: kept with what will come of it, and in the ledger. False: it had it already."""
        fresh = await self.db.write(store.accept, message, follow)
        self._write_ledger(message, Outcome.ACCEPTED if fresh else Outcome.DUPLICATE, self.clock.now())
        if fresh:
            self.show(message.account_id, message.session_id, message.number)
        return fresh

    def refuse(self, message: ChatMessage, outcome: Outcome) -> None:
        """The server refuses a message; that too is in the ledger."""
        self._write_ledger(message, outcome, self.clock.now())

    def _write_ledger(self, message: ChatMessage, outcome: Outcome, at: int) -> None:
        """A line that the disk refuses is written with the next one, or at the next start: what it tells of has happened, and
        what follows of it must."""
        m = message
        self._owed.append((at, m.account_id, m.session_id, m.wa_id, m.reference, m.number, m.content, outcome))
        self._pay_ledger()

    def _pay_ledger(self) -> None:
        while self._owed:
            try:
                self.ledger.write(*self._owed[0])
            except OSError as error:
                log.warning("sandbox.ledger_not_written", lines=len(self._owed), error=str(error))
                return
            self._owed.popleft()

    # -- phones and people ---------------------------------------------------------------------------------------------

    def is_person(self, account_id: int, number: str) -> bool:
        """Whether somebody made or used this phone, so that its number is on WhatsApp whatever the rates say."""
        return (account_id, number) in self._people

    def is_owned(self, account_id: int, number: str) -> bool:
        """Whether the phone is one of the account's own."""
        return self._people.get((account_id, number), False)

    def note_person(self, account_id: int, number: str, *, owner: bool = False) -> None:
        self._people[account_id, number] = owner or self.is_owned(account_id, number)

    def state_of(self, account_id: int, number: str) -> PhoneState:
        return self._states.get((account_id, number), PhoneState.ON)

    def note_state(self, account_id: int, number: str, state: PhoneState) -> None:
        if state is PhoneState.ON:
            self._states.pop((account_id, number), None)
        else:
            self._states[account_id, number] = state

    def show(self, account_id: int, session_id: int, customer: str, news: str = "message") -> None:
        """Tells the open pages of both phones of a chat."""
        if self._publish is None:
            return
        self._publish(account_id, f"phone:{customer}", {"type": news, "number": customer})
        device = self.devices.get(session_id)
        if device is not None:
            self._publish(account_id, f"phone:{device.number}", {"type": news, "number": customer})

    def show_phone(self, account_id: int, number: str) -> None:
        if self._publish is not None:
            self._publish(account_id, f"phone:{number}", {"type": "phone", "number": number})
            self._publish(account_id, "phones", {"type": "phone", "number": number})

    def sessions_on(self, account_id: int, number: str) -> list[int]:
        """The sessions linked to a phone."""
        return list(self._on_phone.get((account_id, number), ()))

    def _note_device(self, device: Device) -> None:
        self.devices[device.session_id] = device
        self._on_phone.setdefault((device.account_id, device.number), set()).add(device.session_id)

    # -- linking -------------------------------------------------------------------------------------------------------

    def offer(self, offer: Offer) -> None:
        """A device shows a code."""
        self._offers[offer.ref] = offer

    def withdraw(self, offer: Offer, because: str = "qr_expired") -> None:
        """The code is not valid any more; who scans it is told why."""
        if self._offers.pop(offer.ref, None) is not None:
            self._spent[offer.ref] = because
            while len(self._spent) > REMEMBERED_CODES:
                self._spent.popitem(last=False)

    async def answer(self, account_id: int, answer: Answer) -> int:
        """A phone answers a code: the device checks its proof and is linked. Returns the session's id.

        Raises: Refused with a `qr_…` code, Refused("number_taken").
        """
        offer = self._offers.get(answer.ref)
        if offer is None or offer.account_id != account_id:
            raise Refused(self._spent.get(answer.ref, "qr_unknown"))
        if self.clock.now() >= offer.expires_at:
            raise Refused("qr_expired")
        if (answer.public, answer.identity) != (offer.keys.public, offer.keys.identity):
            raise Refused("qr_wrong")
        await offer.answer(answer)
        return offer.session_id

    async def link(self, session_id: int, account_id: int, number: str) -> Device:
        device = Device(session_id, account_id, number, self.clock.now())
        await self.db.write(store.insert_device, device)
        self._note_device(device)
        self.show_phone(account_id, number)
        return device

    async def unlink(self, session_id: int) -> None:
        """Forgets a device, if there is one, and what was still to be told to it."""
        device = self.devices.pop(session_id, None)
        if device is not None:
            self._on_phone[device.account_id, device.number].discard(session_id)
            await self.db.write(store.delete_device, session_id)
            self.show_phone(device.account_id, device.number)
