"""The one place where a session's status changes: guarded, written to its history, announced."""

from __future__ import annotations

import msgspec

from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused
from wame_box.sessions import store
from wame_box.sessions.models import Session, SessionStatus, SessionStatusChanged

_WITHOUT_LINK = (SessionStatus.LOGGED_OUT,)


def change_status(
    tx: Tx, session: Session, new: SessionStatus, reason: str | None = None, *, wanted: bool | None = None
) -> Session:
    """Moves the session on from the status it has in `session` and emits `SessionStatusChanged`. Returns it as it is now.

    `wanted` None: as it was. Nothing happens when it is so already.
    Raises: Refused("state_changed") when the row has another status by now.
    """
    keeps = session.wanted if wanted is None else wanted
    if (session.status, session.reason, session.wanted) == (new, reason, keeps):
        return session
    changed = msgspec.structs.replace(
        session,
        status=new,
        reason=reason,
        wanted=keeps,
        connected_at=tx.now if new is SessionStatus.CONNECTED else None,
        paired_at=None if new in _WITHOUT_LINK else session.paired_at,
        status_at=tx.now,
    )
    if store.update_status(tx, session, new, reason, changed.connected_at, changed.paired_at, keeps) != 1:
        raise Refused("state_changed")
    store.insert_state(tx, changed)
    announce_status(tx, changed)
    return changed


def announce_status(tx: Tx, session: Session) -> None:
    tx.emit(
        SessionStatusChanged(
            account_id=session.account_id,
            session_id=session.id,
            status=session.status,
            reason=session.reason,
            number=session.number,
            at=tx.now,
        )
    )
