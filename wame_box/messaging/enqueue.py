"""Taking a message in: checked, stored, and the session's dispatcher woken. When the caller hears yes, it is on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from wame_box.accounts.models import Caller
from wame_box.contacts import store as contacts
from wame_box.contacts.phone import PhoneError, normalise
from wame_box.kernel import ids
from wame_box.kernel.clock import from_datetime
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, invalid, register
from wame_box.messaging import peer_store, store
from wame_box.messaging.models import Accepted, MessageStatus, Priority, SendMessage
from wame_box.sessions import store as sessions
from wame_box.sessions.engine import MessageKind

register(
    {
        "session_unknown": Problem(404, N_("There is no such session.")),
        "content_missing": Problem(422, N_("A message of the type %(type)s needs an object of that name.")),
        "content_other": Problem(422, N_("A message of the type %(type)s takes no object of this name.")),
        "recipient_opted_out": Problem(409, N_("This person asked not to get messages any more.")),
        "schedule_too_far": Problem(422, N_("A message can be scheduled for at most %(days)s days ahead.")),
    }
)

Wake = Callable[[int], None]
FARTHEST_DAYS = 366


@dataclass(frozen=True)
class Draft:
    """A checked message: what remains is to store it."""

    session_id: int
    address: str
    kind: MessageKind
    content: str  # JSON
    reference: str | None
    due_at: int | None


def check(wish: SendMessage, region: str | None, check_url: Callable[[str], None]) -> Draft:
    """Everything that needs no database. `region`: the account's country, for numbers without a country code; `check_url`
    refuses addresses that the box does not fetch from.

    Raises: Refused("invalid_input") naming the field, Refused("session_unknown").
    """
    try:
        session_id = ids.parse("ses", wish.session)
    except Refused:
        raise Refused("session_unknown") from None
    content = _content_of(wish, check_url)
    return Draft(
        session_id,
        check_address(wish.to, region),
        MessageKind(wish.type),
        msgspec.json.encode(content).decode(),
        wish.reference,
        from_datetime(wish.scheduled_at) if wish.scheduled_at else None,
    )


def check_address(text: str, region: str | None, field: str = "to") -> str:
    """The E.164 form of a recipient.

    Raises: Refused("invalid_input").
    """
    try:
        return normalise(text, region)
    except PhoneError as error:
        raise invalid(field, error.reason_code) from None


def _content_of(wish: SendMessage, check_url: Callable[[str], None]) -> msgspec.Struct:
    given = {"text": wish.text, "image": wish.image}
    content = given.pop(wish.type)
    wrong = [FieldError(name, "content_other", {"type": wish.type}) for name, value in given.items() if value is not None]
    if content is None:
        wrong.append(FieldError(wish.type, "content_missing", {"type": wish.type}))
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    if wish.image is not None:
        try:
            check_url(wish.image.url)
        except Refused as error:
            raise invalid("image.url", error.code, **error.params) from None
    elif wish.text is not None and not wish.text.body.strip():
        raise invalid("text.body", "required")
    return content  # type: ignore[return-value]


def enqueue(tx: Tx, caller: Caller, draft: Draft, wake: Wake) -> Accepted:
    """Stores one message. `wake(session_id)` is called after the commit.

    Raises: Refused("session_unknown"), Refused("recipient_opted_out"), Refused("invalid_input").
    """
    session = sessions.session_of(tx, caller.account_id, draft.session_id)
    if session is None:
        raise Refused("session_unknown")
    if draft.due_at is not None and draft.due_at > tx.now + FARTHEST_DAYS * 86_400_000:
        raise invalid("scheduled_at", "schedule_too_far", days=FARTHEST_DAYS)
    contact = contacts.by_address(tx, caller.account_id, draft.address)
    if contact is not None and contact.opted_out_at is not None:
        raise Refused("recipient_opted_out")
    known = peer_store.peer(tx, session.id, draft.address)
    message_id = store.insert_outbound(
        tx,
        caller.account_id,
        session.id,
        contact.id if contact else None,
        draft.address,
        draft.kind,
        draft.content,
        is_new=known is None,
        due_at=max(tx.now, draft.due_at or 0),
        priority=Priority.REPLY if known is not None and known.first_in_at is not None else Priority.SINGLE,
        reference=draft.reference,
    )
    tx.after_commit(lambda: wake(session.id))
    return Accepted(ids.show("msg", message_id), MessageStatus.QUEUED, session.public_id, draft.address)


def cancel(tx: Tx, caller: Caller, message_id: int) -> None:
    """Takes back a message that was not sent yet.

    Raises: Refused("not_found"), Refused("state_changed") when it is too late.
    """
    row = store.message(tx, caller.account_id, message_id)
    if row is None:
        raise Refused("not_found")
    if row.batch_id or not store.cancel_queued(tx, caller.account_id, message_id, "cancelled"):
        raise Refused("state_changed")
