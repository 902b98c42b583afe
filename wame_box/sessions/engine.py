"""The engine contract: what the box asks of an engine, and what it gives one. Ranks above see WhatsApp through this only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from wame_box.kernel.db import Tx


class MessageKind(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    UNSUPPORTED = "unsupported"  # inbound only: something the box can't show yet


class ReceiptStatus(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do. `own_ids`: the box chooses WhatsApp's message id, so a resend under the same id is harmless.

    `send_timeout` in milliseconds.
    """

    kinds: frozenset[MessageKind]
    own_ids: bool
    max_in_flight: int
    send_timeout: int
    unpaced_allowed: bool = False
    groups: bool = False


@dataclass(frozen=True)
class OutboundMessage:
    """One message to send. `wa_id` is WhatsApp's id, chosen by the box where the engine lets it; `content` is the body as in
    the API: `{"body": …}` for a text, `{"url": …, "caption": …}` for an image. `reference` is the client's own mark.
    `typing_ms`: how long the sender calls `typing` first; `send` itself shows nothing."""

    message_id: int
    wa_id: str
    address: str
    kind: MessageKind
    content: dict[str, Any]
    reference: str | None = None
    typing_ms: int = 0


@dataclass(frozen=True)
class Sent:
    """The server's ack: WhatsApp's id and its time (ms UTC)."""

    wa_id: str
    at: int


@dataclass(frozen=True)
class NumberCheck:
    address: str
    on_whatsapp: bool


# -- what an engine has to say -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QrShown:
    """A new QR code waits to be scanned until `expires_at`. Show it."""

    text: str
    expires_at: int


@dataclass(frozen=True)
class Paired:
    """A phone scanned the code: the session has its number now."""

    number: str
    push_name: str


@dataclass(frozen=True)
class Connected:
    """Sending and receiving work."""


@dataclass(frozen=True)
class Disconnected:
    """The connection is gone. `will_retry`: the engine reconnects by itself; else someone must act."""

    will_retry: bool
    reason: str


@dataclass(frozen=True)
class LoggedOut:
    """WhatsApp unlinked this device (`device_removed`), or the pairing was given up (`qr_expired`): link again."""

    reason: str


@dataclass(frozen=True)
class Banned:
    """WhatsApp closed the number. Nothing can be sent any more."""

    reason: str


@dataclass(frozen=True)
class Restricted:
    """WhatsApp limits the number until a time (ms UTC): no new people, replies go on. None: the limit ended."""

    until: int | None
    reason: str


@dataclass(frozen=True)
class Receipt:
    """What became of messages: by WhatsApp id. `participant` in groups; `error` a code when it failed."""

    refs: tuple[str, ...]
    status: ReceiptStatus
    at: int
    participant: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Inbound:
    """A message somebody sent to this number. `address` is the chat's E.164, `content` as in the API."""

    wa_id: str
    address: str
    push_name: str
    kind: MessageKind
    content: dict[str, Any]
    at: int
    reply_to: str | None = None


EngineEvent = QrShown | Paired | Connected | Disconnected | LoggedOut | Banned | Restricted | Receipt | Inbound


class Outlet(Protocol):
    """What the box gives each engine."""

    async def commit(self, fn: Callable[[Tx], list[EngineEvent]]) -> None:
        """Stores the engine's own writes and the events `fn` returns, and reacts to them, in one transaction. When it
        returns all of it is on disk; only then does the engine acknowledge to WhatsApp."""


@dataclass(frozen=True)
class SessionContext:
    """What an engine knows of its session at start. `number`: None when the box knows no link; keys of an older one are void."""

    session_id: int
    account_id: int
    settings: str
    number: str | None
    outlet: Outlet = field(repr=False)


class Engine(Protocol):
    """One instance a session; asyncio; never blocks the loop."""

    capabilities: Capabilities

    async def start(self) -> None:
        """Begins to connect, in the background; shows QR codes when the session is not paired. Reconnects by itself with
        capped, jittered backoff."""

    async def wait(self) -> None:
        """Returns when the engine came to its end by itself (logged out, banned); raises what broke it."""

    async def alive(self) -> bool:
        """The self-probe: asks the server something and says whether it answered. False: connected but deaf."""

    async def stop(self) -> None:
        """Releases everything: sockets, tasks, memory. Sends under way fail with EngineError. May be called twice."""

    async def logout(self) -> None:
        """Unlinks on WhatsApp's side, then forgets its keys. Works on an engine that was not started, too."""

    async def send(self, message: OutboundMessage) -> Sent:
        """Returns on the server's ack.

        Raises: EngineError.
        """

    async def check(self, addresses: list[str]) -> list[NumberCheck]:
        """Whether numbers are on WhatsApp."""

    async def typing(self, address: str, milliseconds: int) -> None:
        """Shows "typing…" in a chat; returns when that time is over."""

    async def mark_read(self, address: str, wa_ids: list[str]) -> None:
        """Tells the other side that its messages were read."""

    def fetch_media(self, ref: str) -> AsyncIterator[bytes]:
        """The decrypted bytes of an inbound medium.

        Raises: EngineError when it is gone or the engine has no media.
        """


class EngineFactory(Protocol):
    """Makes the engines of one kind."""

    @property
    def capabilities(self) -> Capabilities: ...

    def __call__(self, context: SessionContext) -> Engine: ...
