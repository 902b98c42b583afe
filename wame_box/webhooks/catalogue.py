"""The public catalogue of events: every type an endpoint can subscribe to, with a sentence on when it comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from wame_box.kernel.i18n import N_
from wame_box.webhooks.models import ALL_TYPES


@dataclass(frozen=True)
class EventType:
    """A public event name and its English sentence, translated where it is shown."""

    name: str
    sentence: str

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


EVENT_TYPES = (
    EventType("session.qr", N_("A session shows a new QR code to scan.")),
    EventType("session.status", N_("A session connected, disconnected, was logged out or banned.")),
    EventType("message.received", N_("Somebody wrote to one of your numbers.")),
    EventType("message.sent", N_("WhatsApp accepted a message of yours.")),
    EventType("message.delivered", N_("A message reached the recipient's phone.")),
    EventType("message.read", N_("The recipient read a message.")),
    EventType("message.failed", N_("A message could not be sent or delivered.")),
    EventType("contact.opted_out", N_("A contact asked not to be written to any more.")),
    EventType("contact.opted_in", N_("A contact agreed to be written to.")),
    EventType("campaign.started", N_("A campaign began to send.")),
    EventType("campaign.paused", N_("A campaign was paused.")),
    EventType("campaign.resumed", N_("A paused campaign goes on.")),
    EventType("campaign.stopped", N_("A campaign was stopped before its end.")),
    EventType("campaign.finished", N_("A campaign reached everybody it was meant for.")),
    EventType("import.finished", N_("An import of contacts is done.")),
    EventType("endpoint.disabled", N_("An endpoint failed for too long, or said it is gone, and was switched off.")),
    EventType("webhook.test", N_("A test you sent from the page of an endpoint; always goes to that endpoint alone.")),
)
NAMES = frozenset(one.name for one in EVENT_TYPES)
FAMILIES = frozenset(f"{one.family}.*" for one in EVENT_TYPES)


def is_known(pattern: str) -> bool:
    """Whether an endpoint may ask for this: a name, a family such as `message.*`, or `*`."""
    return pattern == ALL_TYPES or pattern in NAMES or pattern in FAMILIES


@lru_cache(maxsize=4096)
def wants(types: str, event_type: str) -> bool:
    """Whether an endpoint with these types (JSON list, as stored) gets events of this type."""
    patterns = msgspec.json.decode(types, type=list[str])
    return ALL_TYPES in patterns or event_type in patterns or f"{event_type.partition('.')[0]}.*" in patterns


def expand(patterns: list[str]) -> list[str]:
    """The names behind names and families, in the catalogue's order."""
    types = msgspec.json.encode(patterns).decode()
    return [one.name for one in EVENT_TYPES if wants(types, one.name)]
