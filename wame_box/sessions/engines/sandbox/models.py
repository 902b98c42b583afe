"""Shapes of the sandbox: phones, linked devices, chats, messages, and what is still to happen."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import msgspec

from wame_box.sessions.engine import MessageKind


class PhoneState(StrEnum):
    """on; off: nothing reaches it until it is on again; lost: its linked devices are removed; banned by WhatsApp."""

    ON = "on"
    OFF = "off"
    LOST = "lost"
    BANNED = "banned"


class Tick(IntEnum):
    """How far a message got, as its ticks show it."""

    SENT = 0
    DELIVERED = 1
    READ = 2


class Phone(msgspec.Struct, frozen=True):
    """`owner`: it belongs to the account and can scan; else it is a customer's."""

    account_id: int
    number: str
    name: str
    owner: bool
    state: PhoneState
    created_at: int


class Device(msgspec.Struct, frozen=True):
    """A session linked to a phone."""

    session_id: int
    account_id: int
    number: str
    linked_at: int


class Chat(msgspec.Struct, frozen=True):
    """What a session and a customer's number wrote each other."""

    session_id: int
    number: str
    messages: int
    last_at: int


class ChatMessage(msgspec.Struct, frozen=True):
    """`outgoing`: sent by the box to the customer; else by the customer. `content` is JSON as in the API."""

    id: int
    account_id: int
    session_id: int
    number: str
    wa_id: str
    outgoing: bool
    kind: MessageKind
    content: str
    reference: str | None
    state: Tick
    at: int

    @property
    def body(self) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(self.content)
        return decoded


class Happening(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    INBOUND = "inbound"


class Due(NamedTuple):
    """Something that will happen at `due_at` and be told to a session. They sort by time, then in the order they were made.

    `number` is the customer's; `message_kind` and `content` belong to an inbound message.
    """

    due_at: int
    id: int
    account_id: int
    session_id: int
    number: str
    wa_id: str
    kind: Happening
    message_kind: MessageKind | None = None
    content: str | None = None
