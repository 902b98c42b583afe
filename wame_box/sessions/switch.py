"""Switches a session on and off, unlinks it, deletes it. The rows change in the caller's transaction, the engine follows."""

from __future__ import annotations

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.kernel.db import Tx
from wame_box.sessions import store
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import Session, SessionDeleted, SessionStatus
from wame_box.sessions.status import change_status
from wame_box.sessions.supervisor import Supervisor


def start_session(tx: Tx, caller: Caller, session_id: int, supervisor: Supervisor) -> Session:
    """Wants the session on: it connects, or shows a QR code when it is not linked. One that runs already goes on.

    Raises: Refused("not_found").
    """
    session = need_session(tx, caller.account_id, session_id)
    if session.wanted:
        return session
    session = change_status(tx, session, SessionStatus.STARTING, wanted=True)
    audit.record(tx, caller, "session.started", session.public_id)
    tx.after_commit(lambda: supervisor.launch_soon(session.id))
    return session


def stop_session(tx: Tx, caller: Caller, session_id: int, supervisor: Supervisor) -> Session:
    """Switches the session off; it stays linked. What waits to be sent waits on.

    Raises: Refused("not_found").
    """
    session = need_session(tx, caller.account_id, session_id)
    if not session.wanted:
        return session
    session = change_status(tx, session, SessionStatus.STOPPED, "switched_off", wanted=False)
    audit.record(tx, caller, "session.stopped", session.public_id)
    tx.after_commit(lambda: supervisor.halt_soon(session.id))
    return session


def unlink_session(tx: Tx, caller: Caller, session_id: int, supervisor: Supervisor) -> Session:
    """Takes this box off the phone's linked devices. The session stays and can be linked again.

    Raises: Refused("not_found").
    """
    session = need_session(tx, caller.account_id, session_id)
    session = change_status(tx, session, SessionStatus.LOGGED_OUT, "unlinked", wanted=False)
    audit.record(tx, caller, "session.unlinked", session.public_id)
    # Should the box die before the engine did it: the row names no link, and an engine begins by dropping an old one.
    tx.after_commit(lambda: supervisor.unlink_soon(session.id))
    return session


def delete_session(tx: Tx, caller: Caller, session_id: int, supervisor: Supervisor) -> None:
    """Unlinks the session and takes it from every list. What it has not sent is cancelled; its messages stay in the statistics.

    Raises: Refused("not_found").
    """
    session = need_session(tx, caller.account_id, session_id)
    change_status(tx, session, SessionStatus.LOGGED_OUT, "unlinked", wanted=False)
    store.mark_deleted(tx, session.id)
    tx.emit(SessionDeleted(account_id=session.account_id, session_id=session.id))
    audit.record(tx, caller, "session.deleted", session.public_id)
    tx.after_commit(lambda: supervisor.unlink_soon(session.id))
