"""Which messages a list shows: the query for the ids of one page, told which index leads to the few that are asked for.

Without statistics SQLite would walk through all messages of an account for a filter that few of them pass.
"""

from __future__ import annotations

from typing import Any

from wame_box.messaging.models import Direction, MessageStatus

S = MessageStatus

# What an account has few of, or none at all, in the long run; as the index `messages_by_status` says it.
RARE = {S.QUEUED, S.UNKNOWN, S.PLAYED, S.FAILED, S.CANCELLED, S.EXPIRED}
_RARE = "m.status IN ('queued', 'unknown', 'played', 'failed', 'cancelled', 'expired')"
_SESSIONS = "m.session_id IN (SELECT id FROM sessions WHERE account_id = ?)"
_ACCOUNT, _ANY_ACCOUNT = "m.account_id = ?", "+m.account_id = ?"  # with a plus, an index of accounts is none to SQLite


def page(
    account_id: int,
    before: int,
    limit: int,
    *,
    session_id: int | None = None,
    batch_id: int | None = None,
    contact_id: int | None = None,
    address: str | None = None,
    direction: Direction | None = None,
    status: MessageStatus | None = None,
) -> tuple[str, list[Any]]:
    """The query for the ids of at most `limit` messages below the id `before`, newest first, and its values."""
    person = address is not None or contact_id is not None
    terms: list[tuple[str, Any]] = [("m.id < ?", before)]
    if person:
        terms += [(_ANY_ACCOUNT, account_id), *_of_person(account_id, session_id, contact_id, address)]
    elif status is S.SENDING:
        terms += [(_ANY_ACCOUNT, account_id), (_SESSIONS, account_id)]
    elif batch_id is not None and status not in RARE:
        # Covered by an index of batches, which does not know the account.
        terms.append(("(SELECT account_id FROM batches WHERE id = m.batch_id) = ?", account_id))
    else:
        terms.append((_ACCOUNT, account_id))
    if session_id is not None:
        terms.append(("m.session_id = ?", session_id))
    if batch_id is not None:
        by_batch = not person and status not in RARE and status is not S.SENDING
        terms += [("m.batch_id = ? AND m.batch_id > 0" if by_batch else "+m.batch_id = ?", batch_id), ("m.id > ?", batch_id)]
    if status is not None:
        terms.append((_status(status), status))
    if direction is not None:
        terms.append((f"m.direction = ? AND m.direction = '{direction.value}'", direction))
    where = " AND ".join(term for term, _ in terms)
    hint = "INDEXED BY messages_by_status " if status in RARE and not person else ""
    query = f"SELECT m.id FROM messages m {hint}WHERE {where} ORDER BY m.id DESC LIMIT ?"  # noqa: S608 (terms of ours)
    return query, [*(value for _, value in terms), limit]


def _of_person(account_id: int, session_id: int | None, contact_id: int | None, address: str | None) -> list[tuple[str, Any]]:
    """By chat. A contact keeps its number for good, so that its messages are among those of the number."""
    terms: list[tuple[str, Any]] = [] if session_id is not None else [(_SESSIONS, account_id)]
    if contact_id is not None:
        terms += [("m.address = (SELECT address FROM contacts WHERE id = ?)", contact_id), ("m.contact_id = ?", contact_id)]
    if address is not None:
        terms.append(("m.address = ?", address))
    return terms


def _status(status: MessageStatus) -> str:
    """Said twice where an index is for some states alone: SQLite does not look into values."""
    if status in RARE:
        return f"m.status = ? AND {_RARE}"
    if status is S.SENDING:
        return "m.status = ? AND m.status = 'sending'"
    if status is S.RECEIVED:
        return "m.status = ? AND m.direction = 'in'"
    return "m.status = ?"
