"""The engine of one sandbox session: the engine contract on one side, the little world on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.clock import SECOND
from wame_box.kernel.errors import EngineError
from wame_box.sessions.engine import (
    Banned,
    Capabilities,
    Connected,
    Disconnected,
    EngineEvent,
    LoggedOut,
    MessageKind,
    NumberCheck,
    OutboundMessage,
    Sent,
    SessionContext,
)
from wame_box.sessions.engines.sandbox import fate, store
from wame_box.sessions.engines.sandbox.knobs import Network, knobs_of
from wame_box.sessions.engines.sandbox.ledger import Outcome
from wame_box.sessions.engines.sandbox.linking import Linking
from wame_box.sessions.engines.sandbox.models import ChatMessage, Device, Due, Happening, PhoneState, Tick
from wame_box.sessions.engines.sandbox.pump import Pump
from wame_box.sessions.engines.sandbox.world import SandboxWorld

CAPABILITIES = Capabilities(
    kinds=frozenset({MessageKind.TEXT, MessageKind.IMAGE}),
    own_ids=True,
    max_in_flight=32,
    send_timeout=20 * SECOND,
    unpaced_allowed=True,
)


class SandboxEngines:
    """The factory of the sandbox's engines, all in one world."""

    capabilities = CAPABILITIES

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def __call__(self, context: SessionContext) -> SandboxEngine:
        return SandboxEngine(self._world, context)


class SandboxEngine:
    """See `Engine`. `configure` turns its knobs while it runs."""

    capabilities = CAPABILITIES

    def __init__(self, world: SandboxWorld, context: SessionContext) -> None:
        self._world = world
        self._clock = world.clock
        self._session_id = context.session_id
        self._account_id = context.account_id
        self._number = context.number
        self._outlet = context.outlet
        self._knobs = knobs_of(context.settings)
        self._pump = Pump(world, context.session_id, context.outlet)
        self._linking = Linking(world, context, self._pump)
        self._connected = False
        self._ending: EngineEvent | None = None
        self._down = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._world.engines[self._session_id] = self
        if (settings := self._world.turned.get(self._session_id)) is not None:
            self._knobs = knobs_of(settings)
        self._task = asyncio.create_task(self._live(), name=f"sandbox:{self._session_id}")

    async def wait(self) -> None:
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        self._connected = False
        self._down.set()
        self._linking.give_up("qr_expired")
        if self._world.engines.get(self._session_id) is self:
            del self._world.engines[self._session_id]
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def logout(self) -> None:
        await self._world.unlink(self._session_id)
        self.unlinked("unlinked")

    async def alive(self) -> bool:
        return self._is_open()

    def _is_open(self) -> bool:
        """Whether anything gets through, as the knobs have it now."""
        return self._knobs.network is Network.ON

    async def _live(self) -> None:
        device = self._world.devices.get(self._session_id)
        if device is None and self._number is not None:
            await self._say(LoggedOut("device_removed"))
            return
        if self._number is None:
            await self._world.unlink(self._session_id)  # of a link that the box never heard of, or gave up
            linked = await self._linking.run()
            if isinstance(linked, LoggedOut):
                await self._say(linked)
                return
            device = linked
        if device is not None:
            await self._serve(device)

    async def _serve(self, device: Device) -> None:
        """From the first connection to the end of the link."""
        await self._pump.load()
        while (end := self._end(device)) is None:
            if not self._connected:
                await self._connect()
            elif self._knobs.network is Network.OFF:
                await self._disconnect()
            else:
                await self._pump.turn(open_=self._is_open())
        self._connected = False
        self._down.set()
        await self._say(end)

    def _end(self, device: Device) -> EngineEvent | None:
        if self._ending is not None:
            return self._ending
        state = self._world.state_of(device.account_id, device.number)
        return Banned("number_banned") if state is PhoneState.BANNED else None

    async def _connect(self) -> None:
        if not self._is_open():
            await self._say(Disconnected(True, "network_lost"))
            while not self._is_open() and self._ending is None:
                await self._pump.wait_for_news()
            return
        self._down = asyncio.Event()
        self._connected = True
        await self._say(Connected())

    async def _disconnect(self) -> None:
        self._connected = False
        self._down.set()
        await self._say(Disconnected(True, "network_lost"))

    async def _say(self, event: EngineEvent) -> None:
        await self._outlet.commit(lambda _: [event])

    # -- what the world tells ------------------------------------------------------------------------------------------

    def configure(self, settings: str) -> None:
        """The session's settings were changed."""
        self._knobs = knobs_of(settings)
        self._pump.news()

    def news(self) -> None:
        self._pump.news()

    async def reload(self) -> None:
        await self._pump.load()

    def unlinked(self, reason: str) -> None:
        self._ending = LoggedOut(reason)
        self._linking.give_up(reason)

    # -- messages ------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        down = self._need_connection()
        course = fate.fate_of(self._knobs, message.wa_id)
        await self._clock.sleep(course.ack)
        if not self._is_open() or not self._connected:
            await self._no_answer(down)
        content = msgspec.json.encode(message.content).decode()
        sent = ChatMessage(
            ids.new_id(),
            self._account_id,
            self._session_id,
            message.address,
            message.wa_id,
            True,
            message.kind,
            content,
            message.reference,
            Tick.SENT,
            self._clock.now(),
        )
        if not self._is_on_whatsapp(message.address):
            self._world.refuse(sent, Outcome.NOT_ON_WHATSAPP)
            raise EngineError("not_on_whatsapp", permanent=True)
        if course.failed:
            self._world.refuse(sent, Outcome.FAILED)
            raise EngineError("server_refused", permanent=True)
        follow = self._what_follows(sent, course)
        fresh = await self._world.take(sent, follow)
        if fresh:
            await self._pump.expect(follow)
            if not course.answered:
                await self._no_answer(down)
        return Sent(message.wa_id, sent.at)

    def _need_connection(self) -> asyncio.Event:
        device = self._world.devices.get(self._session_id)
        if device is not None and self._world.state_of(device.account_id, device.number) is PhoneState.BANNED:
            raise EngineError("banned", permanent=True)
        if not self._connected:
            raise EngineError("connection_lost", permanent=False, retry_after=SECOND)
        return self._down

    async def _no_answer(self, down: asyncio.Event) -> None:
        """The server says nothing, until the connection is given up."""
        await down.wait()
        self._need_connection()
        raise EngineError("connection_lost", permanent=False, retry_after=SECOND)

    def _is_on_whatsapp(self, number: str) -> bool:
        return self._world.is_person(self._account_id, number) or fate.on_whatsapp(self._knobs, number)

    def _what_follows(self, sent: ChatMessage, course: fate.Fate) -> list[Due]:
        """Delivery, reading and answer, in the order they will happen. Another session of the account gets the message itself."""
        moment = fate.rounded(sent.at + course.deliver)
        follow = [self._due(moment, Happening.DELIVERED, sent)]
        linked = self._world.sessions_on(self._account_id, sent.number)
        if linked:
            return follow + [self._to_session(moment, other, sent) for other in linked if other != self._session_id]
        if course.read is not None:
            moment = fate.rounded(moment + course.read)
            follow.append(self._due(moment, Happening.READ, sent))
        if course.reply is not None:
            moment = fate.rounded(moment + course.reply)
            body = msgspec.json.encode({"body": course.reply_text}).decode()
            reply = self._due(moment, Happening.INBOUND, sent)
            follow.append(reply._replace(wa_id=fate.reply_id(sent.wa_id), message_kind=MessageKind.TEXT, content=body))
        return follow

    def _to_session(self, moment: int, session_id: int, sent: ChatMessage) -> Due:
        sender = self._world.devices[self._session_id].number
        due = Due(moment, ids.new_id(), self._account_id, session_id, sender, sent.wa_id, Happening.INBOUND)
        return due._replace(message_kind=sent.kind, content=sent.content)

    def _due(self, moment: int, kind: Happening, sent: ChatMessage) -> Due:
        return Due(moment, ids.new_id(), self._account_id, self._session_id, sent.number, sent.wa_id, kind)

    async def check(self, addresses: list[str]) -> list[NumberCheck]:
        self._need_connection()
        return [NumberCheck(address, self._is_on_whatsapp(address)) for address in addresses]

    async def typing(self, address: str, milliseconds: int) -> None:
        self._need_connection()
        self._world.show(self._account_id, self._session_id, address, "typing")
        await self._clock.sleep(milliseconds)

    async def mark_read(self, address: str, wa_ids: list[str]) -> None:
        self._need_connection()
        await self._world.db.write(store.set_ticks, [(Tick.READ, self._session_id, wa_id) for wa_id in wa_ids])
        self._world.show(self._account_id, self._session_id, address)

    def fetch_media(self, ref: str) -> AsyncIterator[bytes]:
        """The sandbox has no media: its phones show the address of an image.

        Raises: EngineError("media_gone").
        """
        raise EngineError("media_gone", permanent=True)
