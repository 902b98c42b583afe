"""Shapes of the messaging slice: messages and their states, batches, what the API takes and shows, and the events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.events import Event
from wame_box.sessions.engine import MessageKind

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
URL_LIMIT = 2048
REFERENCE_LIMIT = 128

# msgspec takes a limit on the plain type only, not on one that may be None.
Reference = Annotated[str, Meta(max_length=REFERENCE_LIMIT)]
Moment = Annotated[datetime, Meta(tz=True)]


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class MessageStatus(StrEnum):
    """Outbound: queued → sending → sent → delivered → read → played, forward only; or failed, cancelled, expired.
    `unknown`: sent without an answer, not resent. Inbound: received."""

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RECEIVED = "received"


class Priority:
    """What goes first when several wait: the smaller number."""

    REPLY = 0
    SINGLE = 5
    BATCH = 9


class BatchStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"


class Message(msgspec.Struct, frozen=True):
    """A row with its content, if that is still kept."""

    id: int
    account_id: int
    session_id: int
    batch_id: int
    contact_id: int | None
    direction: Direction
    kind: MessageKind
    address: str
    status: MessageStatus
    due_at: int
    wait_reason: str | None
    wa_id: str | None
    reference: str | None
    attempts: int
    error: str | None
    created_at: int
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    played_at: int | None
    failed_at: int | None
    content: str | None  # JSON

    @property
    def public_id(self) -> str:
        return ids.show("msg", self.id)

    @property
    def body(self) -> dict[str, Any]:
        """The content as in the API; empty once it was purged."""
        return msgspec.json.decode(self.content, type=dict[str, Any]) if self.content else {}


class Batch(msgspec.Struct, frozen=True):
    """Messages created together, and how many are where. `total` grows while the batch is filled; `complete`: it is full.

    sent + failed + cancelled = total once it is finished; delivered, read and replied are parts of sent.
    """

    id: int
    account_id: int
    session_id: int
    kind: str
    status: BatchStatus
    total: int
    sent: int
    delivered: int
    read: int
    replied: int
    failed: int
    cancelled: int
    complete: bool
    created_at: int
    finished_at: int | None

    @property
    def public_id(self) -> str:
        return ids.show("bat", self.id)

    @property
    def waiting(self) -> int:
        """Messages not yet sent."""
        return self.total - self.sent - self.failed - self.cancelled


# -- the API -----------------------------------------------------------------------------------------------------------


class TextContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT, description="The text.")]


class ImageContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    url: Annotated[str, Meta(min_length=1, max_length=URL_LIMIT, description="Where the image is (https or http).")]
    caption: Annotated[str, Meta(max_length=CAPTION_LIMIT, description="Shown below the image.")] = ""


class SendMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message to send: session, recipient, a type, and an object of that name."""

    session: Annotated[str, Meta(description="The sending session, `ses_…`.", examples=["ses_01kabc…"])]
    to: Annotated[str, Meta(max_length=64, description="The recipient's phone number, best as E.164.", examples=["+33639980012"])]
    type: Literal["text", "image"] = "text"
    text: TextContent | None = None
    image: ImageContent | None = None
    reference: Annotated[Reference | None, Meta(description="Your own mark; comes back in answers and events.")] = None
    scheduled_at: Annotated[Moment | None, Meta(description="Not before this time (RFC 3339).")] = None


class Accepted(msgspec.Struct, frozen=True):
    """The message is stored and will be sent."""

    id: str
    status: MessageStatus
    session: str
    to: str


class MessageView(msgspec.Struct, frozen=True):
    """A message as the API shows it. `waiting_for` says why a queued message waits; the content is gone after retention."""

    id: str
    direction: Direction
    session: str
    batch: str | None
    contact: str | None
    address: str
    type: MessageKind
    content: dict[str, Any]
    status: MessageStatus
    error: str | None
    reference: str | None
    waiting_for: str | None
    due_at: str
    created_at: str
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    failed_at: str | None

    @classmethod
    def of(cls, row: Message) -> MessageView:
        return cls(
            row.public_id,
            row.direction,
            ids.show("ses", row.session_id),
            ids.show("bat", row.batch_id) if row.batch_id else None,
            ids.show("con", row.contact_id) if row.contact_id else None,
            row.address,
            row.kind,
            row.body,
            row.status,
            row.error,
            row.reference,
            row.wait_reason if row.status is MessageStatus.QUEUED else None,
            to_rfc3339(row.due_at),
            to_rfc3339(row.created_at),
            _time(row.sent_at),
            _time(row.delivered_at),
            _time(row.read_at),
            _time(row.failed_at),
        )


class MessagePage(msgspec.Struct, frozen=True):
    data: list[MessageView]
    next_cursor: str | None


def _time(moment: int | None) -> str | None:
    return to_rfc3339(moment) if moment is not None else None


# -- events ------------------------------------------------------------------------------------------------------------


class MessageEvent(Event, frozen=True, kw_only=True):
    """Something happened to a message. All share one payload, the same for every engine."""

    message_id: int
    batch_id: int = 0
    contact_id: int | None = None
    address: str
    kind: MessageKind
    status: MessageStatus
    at: int
    reference: str | None = None
    wa_id: str | None = None

    def data(self) -> dict[str, Any]:
        return {
            "id": ids.show("msg", self.message_id),
            "status": self.status,
            "type": self.kind,
            "address": self.address,
            "contact": ids.show("con", self.contact_id) if self.contact_id else None,
            "batch": ids.show("bat", self.batch_id) if self.batch_id else None,
            "reference": self.reference,
            "whatsapp_id": self.wa_id,
            "at": to_rfc3339(self.at),
        }

    def lane(self) -> str:
        return f"chat:{self.session_id}:{self.address}"


class MessageSent(MessageEvent, frozen=True, kw_only=True):
    """`message.sent`: WhatsApp's server took it."""

    type: ClassVar[str] = "message.sent"


class MessageDelivered(MessageEvent, frozen=True, kw_only=True):
    """`message.delivered`: it reached the recipient's phone."""

    type: ClassVar[str] = "message.delivered"


class MessageRead(MessageEvent, frozen=True, kw_only=True):
    """`message.read`: the recipient opened the chat."""

    type: ClassVar[str] = "message.read"


class MessageFailed(MessageEvent, frozen=True, kw_only=True):
    """`message.failed`: it will not arrive; `error` says why."""

    type: ClassVar[str] = "message.failed"
    error: str

    def data(self) -> dict[str, Any]:
        return {**MessageEvent.data(self), "error": self.error}


class MessageReceived(MessageEvent, frozen=True, kw_only=True):
    """`message.received`: somebody wrote to the session."""

    type: ClassVar[str] = "message.received"
    content: dict[str, Any]
    push_name: str = ""
    reply_to_batch: int = 0

    def data(self) -> dict[str, Any]:
        content = {str(self.kind): self.content}
        return {**MessageEvent.data(self), "name": self.push_name, **content}


class BatchFinished(Event, frozen=True, kw_only=True):
    """For the house: every message of a batch was sent, failed or was cancelled."""

    type: ClassVar[str] = "batch.finished"
    stored: ClassVar[bool] = False
    batch_id: int


class BatchStopped(Event, frozen=True, kw_only=True):
    """For the house: a batch was stopped by what happened around it, not by whoever made it; `reason` says by what."""

    type: ClassVar[str] = "batch.stopped"
    stored: ClassVar[bool] = False
    batch_id: int
    reason: str
