"""What happened between an account and its contacts: written by reactions to higher slices' events, read by pages."""

from __future__ import annotations

from wame_box.contacts import store
from wame_box.contacts.models import ActivityKind
from wame_box.kernel.db import Tx


def record(tx: Tx, account_id: int, contact_id: int, kind: str, batch_id: int | None, message_id: int | None) -> None:
    """Adds a line to the contact's timeline; a contact that was deleted meanwhile gets none.

    `kind`: one of ActivityKind. Raises: ValueError for another.
    """
    store.insert_activity(tx, account_id, contact_id, ActivityKind(kind), batch_id, message_id)
