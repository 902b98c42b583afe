"""A session's pacing policy: which ones an engine takes, shown with what holds the session now, changed by its owner."""

from __future__ import annotations

from typing import Any

import msgspec

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.kernel import ids
from wame_box.kernel.clock import to_rfc3339
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.messaging import pacing_store
from wame_box.sessions import store as sessions
from wame_box.sessions.models import EngineKind, PacingChanged
from wame_box.sessions.policy import CAREFUL, Policy, PolicyName, policy_named, read_policy, write_policy

register(
    {
        "policy_unknown": Problem(422, N_("There is no pacing policy of this name.")),
        "policy_sandbox_only": Problem(
            422, N_("Only the sandbox may send without pauses and caps: a real number would be banned.")
        ),
        "policy_numbers": Problem(422, N_("These numbers do not fit together: %(reason)s")),
    }
)

DEFAULTS = {EngineKind.SANDBOX: PolicyName.UNPACED, EngineKind.LINKED: PolicyName.CAREFUL, EngineKind.CLOUD: PolicyName.OFFICIAL}


class PolicyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name of a policy; with `custom`, the numbers that differ from Careful."""

    policy: PolicyName
    custom: dict[str, Any] = {}


class PolicyView(msgspec.Struct, frozen=True):
    """A policy with all its numbers; `waiting_until` and `waiting_for` tell what holds the whole session now."""

    policy: PolicyName
    numbers: dict[str, Any]
    waiting_until: str | None
    waiting_for: str | None


def check_policy(engine: EngineKind, name: str | None) -> str:
    """The stored form of a named policy; None is the engine's default.

    Raises: Refused("invalid_input") naming `policy`.
    """
    try:
        policy = policy_named(name or DEFAULTS[engine])
    except KeyError:
        raise _wrong("policy_unknown") from None
    return write_policy(_allowed(engine, policy))


def _allowed(engine: EngineKind, policy: Policy) -> Policy:
    if policy.sandbox_only and engine is not EngineKind.SANDBOX:
        raise _wrong("policy_sandbox_only")
    return policy


def _wrong(code: str, **params: Any) -> Refused:
    return Refused("invalid_input", fields=[FieldError("policy", code, params)])


def _custom(numbers: dict[str, Any]) -> Policy:
    base = msgspec.to_builtins(msgspec.structs.replace(CAREFUL, name=PolicyName.CUSTOM))
    try:
        return msgspec.convert({**base, **numbers, "name": "custom"}, Policy)
    except (msgspec.ValidationError, ValueError) as error:
        raise _wrong("policy_numbers", reason=str(error)[:200]) from None


def change(tx: Tx, caller: Caller, session_id: int, wish: PolicyChange) -> None:
    """Sets the policy; it holds for the next message, also for those that waited for the quiet hours of the old one.

    Raises: Refused("not_found"), Refused("invalid_input").
    """
    session = sessions.session_of(tx, caller.account_id, session_id)
    if session is None:
        raise Refused("not_found")
    policy = _custom(wish.custom) if wish.policy is PolicyName.CUSTOM else policy_named(wish.policy)
    sessions.set_policy(tx, session.id, write_policy(_allowed(session.engine, policy)))
    audit.record(tx, caller, "session.policy", ids.show("ses", session.id), policy=wish.policy)
    tx.emit(PacingChanged(account_id=session.account_id, session_id=session.id))


def show(sql: Sql, account_id: int, session_id: int) -> PolicyView:
    """Raises: Refused("not_found")."""
    session = sessions.session_of(sql, account_id, session_id)
    if session is None:
        raise Refused("not_found")
    policy = read_policy(session.policy)
    numbers = msgspec.structs.asdict(policy)
    del numbers["name"]
    held = pacing_store.waiting(sql, session_id)
    return PolicyView(policy.name, msgspec.to_builtins(numbers), to_rfc3339(held[0]) if held else None, held[1] if held else None)
