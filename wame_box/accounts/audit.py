"""The audit log: who did what that somebody may ask about later. Written in the transaction of the deed itself."""

from __future__ import annotations

from typing import Any

import msgspec

from wame_box.accounts import store
from wame_box.accounts.models import Caller
from wame_box.kernel.db import Tx


def record(tx: Tx, caller: Caller, action: str, target: str = "", **details: Any) -> None:
    """Notes an action such as `campaign.launched` on a public id. Details are facts, never secrets or message texts."""
    encoded = msgspec.json.encode(details).decode()
    store.insert_audit(tx, caller.account_id, caller.member_id, caller.key_id, action, target, encoded, caller.address)
