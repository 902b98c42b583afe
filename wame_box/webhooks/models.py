"""Shapes of the webhooks slice: endpoints, deliveries and their attempts, how the API shows them, and the events they make."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.events import Event

ALL_TYPES = "*"


class EndpointStatus(StrEnum):
    """disabled: nothing is sent and new events are not kept for it; `reason` says why."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """by_member: switched off; gone: it answered 410; failing: no success for three days."""

    BY_MEMBER = "by_member"
    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """pending: waits for its next attempt; failed: its last attempt failed; dropped: given up, as too many waited."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Endpoint(msgspec.Struct, frozen=True):
    """A row. `types` is a JSON list; `failing_since` the first failure that no success followed."""

    id: int
    account_id: int
    url: str
    name: str
    secret: str
    types: str
    status: EndpointStatus
    reason: DisabledReason | None
    failing_since: int | None
    last_at: int | None
    last_code: int | None
    last_error: str | None
    created_at: int

    @property
    def public_id(self) -> str:
        return ids.show("end", self.id)

    @property
    def type_list(self) -> list[str]:
        return msgspec.json.decode(self.types, type=list[str])


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint to add. `types` are event names, families such as `message.*`, or `*`. Without a name: the URL's host."""

    url: str
    name: str = ""
    types: list[str] = msgspec.field(default_factory=lambda: [ALL_TYPES])


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall change of an endpoint; what is left out stays."""

    url: str | None = None
    name: str | None = None
    types: list[str] | None = None
    enabled: bool | None = None


class EndpointView(msgspec.Struct, frozen=True):
    """An endpoint as the API shows it. `pending` deliveries wait for an attempt."""

    id: str
    name: str
    url: str
    types: list[str]
    status: EndpointStatus
    reason: DisabledReason | None
    failing_since: str | None
    last_attempt_at: str | None
    last_status_code: int | None
    last_error: str | None
    pending: int
    created_at: str

    @classmethod
    def of(cls, row: Endpoint, pending: int) -> EndpointView:
        return cls(
            row.public_id,
            row.name,
            row.url,
            row.type_list,
            row.status,
            row.reason,
            _time(row.failing_since),
            _time(row.last_at),
            row.last_code,
            row.last_error,
            pending,
            to_rfc3339(row.created_at),
        )


class CreatedEndpoint(msgspec.Struct, frozen=True):
    """A new endpoint and the secret that its receiver needs to verify signatures."""

    id: str
    name: str
    url: str
    types: list[str]
    status: EndpointStatus
    secret: str
    created_at: str

    @classmethod
    def of(cls, row: Endpoint) -> CreatedEndpoint:
        return cls(row.public_id, row.name, row.url, row.type_list, row.status, row.secret, to_rfc3339(row.created_at))


class SecretView(msgspec.Struct, frozen=True):
    """The signing secret of an endpoint."""

    id: str
    secret: str


class EndpointPage(msgspec.Struct, frozen=True):
    data: list[EndpointView]
    next_cursor: str | None


class Delivery(msgspec.Struct, frozen=True):
    """A row, with the type of its event. `next_at` counts while it is pending."""

    id: int
    account_id: int
    endpoint_id: int
    event_id: int
    lane: str
    status: DeliveryStatus
    attempts: int
    next_at: int
    status_code: int | None
    error: str | None
    replay_of: int | None
    created_at: int
    finished_at: int | None
    type: str = ""

    @property
    def public_id(self) -> str:
        return ids.show("dlv", self.id)


class Attempt(msgspec.Struct, frozen=True):
    """One request of a delivery. `answer` is the beginning of the body that came back; `error` a code when none came."""

    id: int
    delivery_id: int
    status_code: int | None
    error: str | None
    answer: str
    milliseconds: int
    created_at: int


class DeliveryView(msgspec.Struct, frozen=True):
    """One attempt series of one event to one endpoint. Every request of it carries `event` as its `webhook-id`."""

    id: str
    endpoint: str
    event: str
    type: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: str | None
    status_code: int | None
    error: str | None
    replay_of: str | None
    created_at: str
    finished_at: str | None

    @classmethod
    def of(cls, row: Delivery) -> DeliveryView:
        return cls(
            row.public_id,
            ids.show("end", row.endpoint_id),
            ids.show("evt", row.event_id),
            row.type,
            row.status,
            row.attempts,
            to_rfc3339(row.next_at) if row.status is DeliveryStatus.PENDING else None,
            row.status_code,
            row.error,
            ids.show("dlv", row.replay_of) if row.replay_of else None,
            to_rfc3339(row.created_at),
            _time(row.finished_at),
        )


class DeliveryPage(msgspec.Struct, frozen=True):
    data: list[DeliveryView]
    next_cursor: str | None


class AttemptView(msgspec.Struct, frozen=True):
    """One request: the status code that came back, or an error code; the beginning of the answer; how long it took."""

    at: str
    status_code: int | None
    error: str | None
    answer: str
    milliseconds: int

    @classmethod
    def of(cls, row: Attempt) -> AttemptView:
        return cls(to_rfc3339(row.created_at), row.status_code, row.error, row.answer, row.milliseconds)


class DeliveryDetail(msgspec.Struct, frozen=True):
    """A delivery with what is sent and every attempt, oldest first."""

    delivery: DeliveryView
    payload: msgspec.Raw
    attempt_log: list[AttemptView]


class TrialResult(msgspec.Struct, frozen=True):
    """How a test event went. `delivered` is null while no answer came within ten seconds; the delivery will tell."""

    delivery: str
    delivered: bool | None
    status_code: int | None = None
    error: str | None = None
    answer: str = ""
    milliseconds: int | None = None


class EventView(msgspec.Struct, frozen=True):
    """An event as receivers get it. `sequence` rises by one with each event of the account."""

    id: str
    type: str
    created_at: str
    account: str
    session: str | None
    sequence: int
    data: msgspec.Raw


class EventPage(msgspec.Struct, frozen=True):
    data: list[EventView]
    next_cursor: str | None


class StoredEvent(msgspec.Struct, frozen=True):
    """A row of `events`; `data` is JSON."""

    id: int
    account_id: int
    session_id: int | None
    type: str
    sequence: int
    data: str
    created_at: int


class EndpointDisabled(Event, frozen=True, kw_only=True):
    """`endpoint.disabled`: an endpoint answered 410, or failed for three days; nothing is sent to it any more."""

    type: ClassVar[str] = "endpoint.disabled"
    endpoint_id: int
    name: str
    url: str
    reason: DisabledReason

    def data(self) -> dict[str, str]:
        return {"endpoint": ids.show("end", self.endpoint_id), "name": self.name, "url": self.url, "reason": self.reason}

    def lane(self) -> str:
        return f"endpoint:{self.endpoint_id}"


class WebhookTest(Event, frozen=True, kw_only=True):
    """`webhook.test`: somebody tried an endpoint; it goes to that endpoint alone."""

    type: ClassVar[str] = "webhook.test"
    endpoint_id: int

    def data(self) -> dict[str, str]:
        return {"endpoint": ids.show("end", self.endpoint_id)}

    def lane(self) -> str:
        return f"endpoint:{self.endpoint_id}"


def _time(moment: int | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
