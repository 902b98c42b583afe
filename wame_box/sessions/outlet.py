"""What the box gives an engine: one transaction for what it stores and what it says.

Events about the session itself are handled here; messages' events go to the function that the slice above gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import Refused
from wame_box.sessions import store
from wame_box.sessions.engine import (
    Banned,
    Connected,
    Disconnected,
    Engine,
    EngineEvent,
    Inbound,
    LoggedOut,
    Paired,
    QrShown,
    Receipt,
    Restricted,
)
from wame_box.sessions.models import PacingChanged, Qr, Session, SessionQr, SessionStatus
from wame_box.sessions.status import announce_status, change_status

MessageEvent = Receipt | Inbound
OnEvents = Callable[[Tx, Session, list[MessageEvent]], None]
"""Stores what became of messages and what came in, in the engine's transaction. If it raises, the engine tells it again."""


@dataclass(eq=False)
class Presence:
    """What is known in memory of a running session; the loop's thread alone touches it. `over`: logged out or banned."""

    engine: Engine | None = None
    connected: bool = False
    over: bool = False
    qr: Qr | None = None
    on_connected: list[Callable[[int], None]] = field(default_factory=list)


class SessionOutlet:
    """The outlet of one session's engine."""

    def __init__(self, db: Database, session_id: int, presence: Presence, on_events: OnEvents) -> None:
        self._db = db
        self._session_id = session_id
        self._presence = presence
        self._on_events = on_events
        self._retired = False

    def retire(self) -> None:
        """The link is being given up: what the engine still says of it is not about the session as somebody may want it next."""
        self._retired = True

    async def commit(self, fn: Callable[[Tx], list[EngineEvent]]) -> None:
        """Raises: Refused("number_taken") for a link to a number that another session has; what `fn` raises."""
        await self._db.write(self._unit, fn)

    async def say(self, *events: EngineEvent) -> None:
        """Stores events of an engine that has nothing to write itself."""
        await self.commit(lambda _: list(events))

    def _unit(self, tx: Tx, fn: Callable[[Tx], list[EngineEvent]]) -> None:
        events = fn(tx)
        session = store.session_row(tx, self._session_id)
        if session is None:  # deleted meanwhile: nobody is left to be told
            return
        for event in events:
            if not isinstance(event, Receipt | Inbound):
                session = self._of_session(tx, session, event)
        messages = [event for event in events if isinstance(event, Receipt | Inbound)]
        if messages:
            self._on_events(tx, session, messages)

    def _of_session(self, tx: Tx, session: Session, event: EngineEvent) -> Session:
        """Handles one event about the session. A session that was switched off meanwhile stays as it is."""
        if not session.wanted or self._retired:
            return session
        match event:
            case QrShown():
                return self._qr_shown(tx, session, event)
            case Paired():
                return _paired(tx, session, event)
            case Connected():
                tx.after_commit(self._now_connected)
                return change_status(tx, session, SessionStatus.CONNECTED)
            case Disconnected():
                tx.after_commit(self._now_away)
                return change_status(tx, session, SessionStatus.DISCONNECTED, event.reason)
            case LoggedOut():
                tx.after_commit(self._now_over)
                return change_status(tx, session, SessionStatus.LOGGED_OUT, event.reason, wanted=False)
            case Banned():
                tx.after_commit(self._now_over)
                return change_status(tx, session, SessionStatus.BANNED, event.reason, wanted=False)
            case Restricted():
                store.set_restricted(tx, session.id, event.until)
                announce_status(tx, session)
                tx.emit(PacingChanged(account_id=session.account_id, session_id=session.id))
        return session

    def _qr_shown(self, tx: Tx, session: Session, event: QrShown) -> Session:
        changed = change_status(tx, session, SessionStatus.PAIRING)

        def keep() -> None:
            self._presence.qr = Qr(event.text, event.expires_at)

        # Before the event's own wakes: whoever is told of the code finds it.
        tx.after_commit(keep)
        tx.emit(SessionQr(account_id=session.account_id, session_id=session.id, qr=event.text, expires_at=event.expires_at))
        return changed

    def _now_connected(self) -> None:
        self._presence.qr = None
        if not self._presence.connected:
            self._presence.connected = True
            for wake in self._presence.on_connected:
                wake(self._session_id)

    def _now_away(self) -> None:
        self._presence.qr = None
        self._presence.connected = False

    def _now_over(self) -> None:
        self._now_away()
        self._presence.over = True


def _paired(tx: Tx, session: Session, event: Paired) -> Session:
    if store.linked_elsewhere(tx, session, event.number):
        raise Refused("number_taken")
    store.set_paired(tx, session.id, event.number, event.push_name)
    return store.session_row(tx, session.id) or session
