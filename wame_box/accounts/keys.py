"""API keys: made, listed, revoked. The key itself is shown once; the box keeps its SHA-256."""

from __future__ import annotations

from wame_box.accounts import audit, store
from wame_box.accounts.models import ApiKey, Caller, NewKey
from wame_box.accounts.permissions import KEY_SCOPES
from wame_box.accounts.setup import check_name
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.kernel.secrets import API_KEY_PREFIX, new_token

register({"scopes_needed": Problem(422, N_("Choose at least one thing the key may do."))})


def create_key(tx: Tx, caller: Caller, wish: NewKey) -> tuple[ApiKey, str]:
    """Returns the row and the key to show.

    Raises: Refused("invalid_input").
    """
    check_new_key(wish)
    key, digest = new_token(API_KEY_PREFIX)
    row = store.insert_key(
        tx, caller.account_id, wish.name.strip(), key[: len(API_KEY_PREFIX) + 4], digest, wish.scopes, caller.member_id
    )
    audit.record(tx, caller, "key.created", row.public_id, scopes=wish.scopes)
    return row, key


def check_new_key(wish: NewKey) -> None:
    wrong = check_name("name", wish.name)
    if not wish.scopes:
        wrong.append(FieldError("scopes", "scopes_needed", {}))
    elif any(scope not in KEY_SCOPES for scope in wish.scopes):
        wrong.append(FieldError("scopes", "wrong_value", {}))
    if wrong:
        raise Refused("invalid_input", fields=wrong)


def revoke_key(tx: Tx, caller: Caller, key_id: int) -> None:
    """Raises: Refused("not_found")."""
    if not store.revoke_key(tx, caller.account_id, key_id):
        raise Refused("not_found")
    audit.record(tx, caller, "key.revoked", ids.show("key", key_id))
