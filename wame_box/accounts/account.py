"""The account's own settings."""

from __future__ import annotations

from wame_box.accounts import audit, store
from wame_box.accounts.models import LANGUAGES, Account, AccountSettings, Caller
from wame_box.accounts.setup import check_account_fields
from wame_box.kernel import ids
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import Refused, invalid


def change_account(tx: Tx, caller: Caller, wish: AccountSettings) -> Account:
    """Returns the account as it is now.

    Raises: Refused("invalid_input") naming the fields.
    """
    wrong = check_account_fields(wish.name, wish.time_zone, wish.language, wish.region)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    store.update_account(tx, caller.account_id, wish)
    audit.record(tx, caller, "account.changed", ids.show("acc", caller.account_id))
    changed = store.account(tx, caller.account_id)
    if changed is None:
        raise Refused("not_found")
    return changed


def change_language(tx: Tx, caller: Caller, language: str) -> None:
    """The member's own language, for pages and mails.

    Raises: Refused("invalid_input").
    """
    if language not in LANGUAGES:
        raise invalid("language", "language_unknown")
    if caller.member_id is not None:
        store.set_member_language(tx, caller.member_id, language)
