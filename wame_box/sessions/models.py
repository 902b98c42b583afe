"""Shapes of the sessions slice: a connected number, its states, and how the API shows it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.events import Event
from wame_box.sessions.policy import PolicyName, read_policy


class EngineKind(StrEnum):
    SANDBOX = "sandbox"
    LINKED = "linked"
    CLOUD = "cloud"


class SessionStatus(StrEnum):
    """starting: the engine comes up; pairing: a QR code waits to be scanned; connected: sends and receives;
    disconnected: the engine reconnects by itself; logged_out, banned: the owner must act; stopped: switched off."""

    STARTING = "starting"
    PAIRING = "pairing"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    BANNED = "banned"
    STOPPED = "stopped"


class Session(msgspec.Struct, frozen=True):
    """A row. `policy` is a JSON pacing policy (a name, or all fields of a custom one); `settings` the engine's own JSON.

    `wanted`: whether the supervisor keeps the engine running. `number` is E.164 once paired.
    """

    id: int
    account_id: int
    name: str
    engine: EngineKind
    status: SessionStatus
    reason: str | None
    wanted: bool
    number: str | None
    push_name: str | None
    policy: str
    settings: str
    restricted_until: int | None
    paired_at: int | None
    connected_at: int | None
    status_at: int
    created_at: int

    @property
    def public_id(self) -> str:
        return ids.show("ses", self.id)


class SessionState(msgspec.Struct, frozen=True):
    """One line of a session's history."""

    id: int
    status: SessionStatus
    reason: str | None
    created_at: int


class NewSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session to add: a name, an engine (`sandbox`), and a pacing policy (`careful`, `normal`, `unpaced` …).

    Without a policy the engine's default is taken: `unpaced` for the sandbox, `careful` for a linked number.
    """

    name: str
    engine: EngineKind = EngineKind.SANDBOX
    policy: str | None = None


class SessionChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be changed of a session; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    policy: str | msgspec.UnsetType = msgspec.UNSET


class SessionView(msgspec.Struct, frozen=True):
    """A session as the API shows it. Times are RFC 3339."""

    id: str
    name: str
    engine: EngineKind
    status: SessionStatus
    reason: str | None
    number: str | None
    push_name: str | None
    policy: PolicyName
    restricted_until: str | None
    connected_at: str | None
    created_at: str

    @classmethod
    def of(cls, row: Session) -> SessionView:
        return cls(
            row.public_id,
            row.name,
            row.engine,
            row.status,
            row.reason,
            row.number,
            row.push_name,
            read_policy(row.policy).name,
            to_rfc3339(row.restricted_until) if row.restricted_until else None,
            to_rfc3339(row.connected_at) if row.connected_at else None,
            to_rfc3339(row.created_at),
        )


class SessionPage(msgspec.Struct, frozen=True):
    data: list[SessionView]
    next_cursor: str | None


class SessionStatusChanged(Event, frozen=True, kw_only=True):
    """`session.status`: fires at each change of status; what to do follows from `status` and `reason`."""

    type: ClassVar[str] = "session.status"
    status: SessionStatus
    reason: str | None = None
    number: str | None = None
    at: int

    def data(self) -> dict[str, str | None]:
        return {"status": self.status, "reason": self.reason, "number": self.number, "at": to_rfc3339(self.at)}

    def lane(self) -> str:
        return f"session:{self.session_id}"


class SessionQr(Event, frozen=True, kw_only=True):
    """`session.qr`: a new code to scan; it replaces the one before."""

    type: ClassVar[str] = "session.qr"
    qr: str
    expires_at: int

    def data(self) -> dict[str, str]:
        return {"qr": self.qr, "expires_at": to_rfc3339(self.expires_at)}

    def lane(self) -> str:
        return f"session:{self.session_id}"


class PacingChanged(Event, frozen=True, kw_only=True):
    """For the house: the session's policy or WhatsApp's restriction is another, and what waited for the old one may go."""

    type: ClassVar[str] = "session.pacing_changed"
    stored: ClassVar[bool] = False
    session_id: int


class SessionDeleted(Event, frozen=True, kw_only=True):
    """For the house: the session is gone, and nothing is sent over it any more."""

    type: ClassVar[str] = "session.deleted"
    stored: ClassVar[bool] = False
    session_id: int


class Qr(msgspec.Struct, frozen=True):
    """The code that a session shows now: what the QR image carries, and until when it is good."""

    text: str
    expires_at: int
