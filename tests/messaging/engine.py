"""A scripted engine: it plays WhatsApp as a test tells it to, and remembers every attempt."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from wame_box.kernel.clock import SECOND, Clock
from wame_box.kernel.errors import EngineError
from wame_box.sessions.engine import (
    Capabilities,
    Connected,
    Disconnected,
    EngineEvent,
    MessageKind,
    NumberCheck,
    OutboundMessage,
    Paired,
    Sent,
    SessionContext,
)

OK = "ok"  # the server's ack at once
SILENCE = "silence"  # no answer, ever
HOLD = "hold"  # an answer when the test says `release`
BUG = "bug"  # the engine breaks

Step = str | EngineError

CAPABILITIES = Capabilities(
    kinds=frozenset({MessageKind.TEXT, MessageKind.IMAGE}),
    own_ids=True,
    max_in_flight=4,
    send_timeout=20 * SECOND,
    unpaced_allowed=True,
)


@dataclass
class Wire:
    """Makes the engines, and is what the test holds of them. `script`: what happens to messages to an address, one step after
    the other, then `OK`. `attempts`: everything that was sent, in order."""

    clock: Clock
    capabilities: Capabilities = CAPABILITIES
    script: dict[str, list[Step]] = field(default_factory=dict)
    otherwise: Step = OK
    attempts: list[OutboundMessage] = field(default_factory=list)
    typed: list[tuple[str, int]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    engines: dict[int, ScriptedEngine] = field(default_factory=dict)
    held: dict[str, list[asyncio.Future[None]]] = field(default_factory=lambda: defaultdict(list))
    numbered: int = 0

    def __call__(self, context: SessionContext) -> ScriptedEngine:
        return ScriptedEngine(self, context)

    def to(self, address: str) -> list[OutboundMessage]:
        return [message for message in self.attempts if message.address == address]

    def addresses(self) -> list[str]:
        return [message.address for message in self.attempts]

    def release(self, address: str) -> None:
        """The server acks what it held back."""
        for future in self.held.pop(address, []):
            future.set_result(None)

    def new_id(self) -> str:
        self.numbered += 1
        return f"wamid.{self.numbered}"


class ScriptedEngine:
    """One life of a session's engine. It connects at once."""

    def __init__(self, wire: Wire, context: SessionContext) -> None:
        self.capabilities = wire.capabilities
        self.context = context
        self._wire = wire
        self._ended = asyncio.Event()

    async def say(self, *events: EngineEvent) -> None:
        """What WhatsApp tells: receipts, messages, a lost connection."""
        await self.context.outlet.commit(lambda _: list(events))

    async def start(self) -> None:
        self._wire.engines[self.context.session_id] = self
        if self.context.number is None:
            await self.say(Paired(f"+3363998{self.context.session_id % 10_000:04d}", "Shop"))
        await self.say(Connected())

    async def wait(self) -> None:
        await self._ended.wait()

    async def alive(self) -> bool:
        return True

    async def drop(self) -> None:
        """The connection is lost: what is under way gets no answer."""
        self._break()
        await self.say(Disconnected(True, "network_lost"))

    def _break(self) -> None:
        for futures in self._wire.held.values():
            for future in futures:
                if not future.done():
                    future.set_exception(EngineError("connection_lost", permanent=False, retry_after=SECOND))
        self._wire.held.clear()

    async def stop(self) -> None:
        self._break()
        self._ended.set()

    async def logout(self) -> None:
        self._ended.set()

    async def send(self, message: OutboundMessage) -> Sent:
        wire = self._wire
        wire.attempts.append(message)
        wire.in_flight += 1
        wire.most_in_flight = max(wire.most_in_flight, wire.in_flight)
        try:
            steps = wire.script.get(message.address)
            await self._play(steps.pop(0) if steps else wire.otherwise, message)
        finally:
            wire.in_flight -= 1
        return Sent(message.wa_id or wire.new_id(), wire.clock.now())

    async def _play(self, step: Step, message: OutboundMessage) -> None:
        if isinstance(step, EngineError):
            raise step
        if step == BUG:
            raise RuntimeError("a bug in the engine")
        if step in (HOLD, SILENCE):
            future = asyncio.get_running_loop().create_future()
            if step == HOLD:
                self._wire.held[message.address].append(future)
            await future

    async def check(self, addresses: list[str]) -> list[NumberCheck]:
        return [NumberCheck(address, True) for address in addresses]

    async def typing(self, address: str, milliseconds: int) -> None:
        self._wire.typed.append((address, milliseconds))

    async def mark_read(self, address: str, wa_ids: list[str]) -> None:
        """Nobody looks."""

    def fetch_media(self, ref: str) -> AsyncIterator[bytes]:
        raise EngineError("media_gone", permanent=True)
