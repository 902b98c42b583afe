"""Finds the sessions of an account; what another account has is not there."""

from __future__ import annotations

from wame_box.kernel.db import Sql
from wame_box.kernel.errors import Refused
from wame_box.kernel.paging import Window, cut
from wame_box.sessions import store
from wame_box.sessions.models import Session


def need_session(sql: Sql, account_id: int, session_id: int) -> Session:
    """Raises: Refused("not_found")."""
    session = store.session_of(sql, account_id, session_id)
    if session is None:
        raise Refused("not_found")
    return session


def list_sessions(sql: Sql, account_id: int, window: Window) -> tuple[list[Session], str | None]:
    """One page, newest first, and the cursor of the next one."""
    return cut(store.sessions_of(sql, account_id, window), window)
