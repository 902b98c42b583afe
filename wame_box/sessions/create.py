"""Adds a session, and changes its name and pacing policy. All of it inside the caller's transaction."""

from __future__ import annotations

import msgspec

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.accounts.setup import check_name
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import FieldError, Refused
from wame_box.sessions import store
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import EngineKind, NewSession, PacingChanged, Session, SessionChanges
from wame_box.sessions.policy import read_policy
from wame_box.sessions.supervisor import Supervisor


def create_session(tx: Tx, caller: Caller, wish: NewSession, supervisor: Supervisor) -> Session:
    """A new session; its engine starts after the commit and shows a QR code.

    Raises: Refused("invalid_input") naming the fields, Refused("engine_unavailable").
    """
    supervisor.factory(wish.engine)
    wrong = check_name("name", wish.name)
    policy = _policy(supervisor, wish.engine, wish.policy, wrong)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    session = store.insert_session(tx, caller.account_id, wish.name.strip(), wish.engine, policy)
    audit.record(tx, caller, "session.created", session.public_id, engine=wish.engine)
    tx.after_commit(lambda: supervisor.launch_soon(session.id))
    return session


def change_session(tx: Tx, caller: Caller, session_id: int, changes: SessionChanges, supervisor: Supervisor) -> Session:
    """Another name, another policy.

    Raises: Refused("not_found"), Refused("invalid_input").
    """
    session = need_session(tx, caller.account_id, session_id)
    name = session.name if changes.name is msgspec.UNSET else changes.name.strip()
    policy = session.policy
    wrong = check_name("name", name)
    if changes.policy is not msgspec.UNSET:
        policy = _policy(supervisor, session.engine, changes.policy, wrong)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    store.rename(tx, session.id, name)
    if policy != session.policy:
        store.set_policy(tx, session.id, policy)
        tx.emit(PacingChanged(account_id=session.account_id, session_id=session.id))
        audit.record(tx, caller, "session.policy_changed", session.public_id, policy=read_policy(policy).name)
    return msgspec.structs.replace(session, name=name, policy=policy)


def _policy(supervisor: Supervisor, engine: EngineKind, name: str | None, wrong: list[FieldError]) -> str:
    """The policy's JSON; a refusal goes to the list of wrong fields."""
    try:
        return supervisor.check_policy(engine, name)
    except Refused as error:
        wrong.extend(error.fields or [FieldError("policy", error.code, error.params)])
        return "{}"
