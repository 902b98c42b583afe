"""Shapes of the overview: how far a new account is, today's numbers, and what wants a look."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.campaigns.models import CampaignRow
from wame_box.messaging.log_store import Line
from wame_box.sessions.models import Session


@dataclass(frozen=True)
class FirstSteps:
    """What a new account has done already."""

    linked: bool
    has_contacts: bool
    launched: bool
    connected_program: bool

    @property
    def done(self) -> int:
        return sum((self.linked, self.has_contacts, self.launched, self.connected_program))

    @property
    def complete(self) -> bool:
        return self.done == 4


@dataclass(frozen=True)
class Today:
    """What happened since midnight of the account's zone. An event counts on its own day, whenever the message was made."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    received: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Overview:
    """All that the overview shows. `attention`: sessions that don't send though they should."""

    steps: FirstSteps
    today: Today
    waiting: int
    connected: int
    sessions: int
    attention: list[Session]
    campaigns: list[CampaignRow]
    messages: list[Line]
