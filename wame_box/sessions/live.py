"""Tells open pages what a session does. It names the change; a QR code itself must be fetched."""

from __future__ import annotations

from typing import Any

from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Tx
from wame_box.kernel.events import Reaction
from wame_box.kernel.live import LiveHub
from wame_box.sessions.models import SessionQr, SessionStatusChanged


def topic_of(session_id: int) -> str:
    """The live topic of one session; all of them together speak on `sessions`."""
    return f"session:{ids.show('ses', session_id)}"


def announce(live: LiveHub) -> Reaction:
    """The core reaction to `SessionStatusChanged` and `SessionQr`: publishes after the commit."""

    def announce_session(tx: Tx, event: SessionStatusChanged | SessionQr, event_id: int) -> None:
        del event_id
        session_id = event.session_id
        if session_id is None:
            return
        news = _news(event) | {"session": ids.show("ses", session_id)}

        def publish() -> None:
            live.publish(event.account_id, topic_of(session_id), news)
            if isinstance(event, SessionStatusChanged):
                live.publish(event.account_id, "sessions", news)

        tx.after_commit(publish)

    return announce_session


def _news(event: SessionStatusChanged | SessionQr) -> dict[str, Any]:
    if isinstance(event, SessionQr):
        return {"type": "qr", "expires_at": to_rfc3339(event.expires_at)}
    return {"type": "status", "status": event.status, "reason": event.reason}
