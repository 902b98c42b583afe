"""What is sent: the envelope of an event, built from its stored row, the same bytes at every attempt."""

from __future__ import annotations

import msgspec

from wame_box.kernel import ids, signing
from wame_box.kernel.clock import to_rfc3339
from wame_box.webhooks.models import EventView, StoredEvent

_encoder = msgspec.json.Encoder()


def envelope(event: StoredEvent) -> EventView:
    return EventView(
        id=ids.show("evt", event.id),
        type=event.type,
        created_at=to_rfc3339(event.created_at),
        account=ids.show("acc", event.account_id),
        session=ids.show("ses", event.session_id) if event.session_id else None,
        sequence=event.sequence,
        data=msgspec.Raw(event.data.encode()),
    )


def body(event: StoredEvent) -> bytes:
    return _encoder.encode(envelope(event))


def headers(secret: str, event_id: int, now: int, content: bytes) -> dict[str, str]:
    """Content type and the three headers of Standard Webhooks. `now` is in milliseconds."""
    return {"content-type": "application/json"} | signing.headers(secret, ids.show("evt", event_id), now // 1000, content)
