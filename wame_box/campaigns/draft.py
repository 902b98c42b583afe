"""Drafts: made, changed, deleted, duplicated. Nothing is sent from here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import UNSET

from wame_box.accounts.models import Caller
from wame_box.campaigns import store, words  # noqa: F401  (words: the codes used here)
from wame_box.campaigns.models import NAME_LIMIT, Campaign, CampaignChange, CampaignText, CampaignView, NewCampaign, Progress
from wame_box.campaigns.store import Content
from wame_box.kernel import ids
from wame_box.kernel.clock import DAY, from_datetime
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import FieldError, Refused
from wame_box.messaging import variables
from wame_box.messaging.models import CAPTION_LIMIT, TEXT_LIMIT, ImageContent
from wame_box.messaging.variables import VariableError
from wame_box.sessions.engine import MessageKind

FARTHEST_DAYS = 366

CheckUrl = Callable[[str], None]


def find(sql: Sql, caller: Caller, campaign_id: int) -> Campaign:
    """Raises: Refused("not_found")."""
    row = store.campaign(sql, caller.account_id, campaign_id)
    if row is None:
        raise Refused("not_found")
    return row


def create(tx: Tx, caller: Caller, wish: NewCampaign, check_url: CheckUrl) -> Campaign:
    """Raises: Refused("invalid_input")."""
    content = _checked(tx, caller, wish, check_url)
    return find(tx, caller, store.insert(tx, caller.account_id, content))


def change(tx: Tx, caller: Caller, campaign_id: int, wish: CampaignChange, check_url: CheckUrl) -> Campaign:
    """Raises: Refused("not_found"), Refused("campaign_not_draft"), Refused("invalid_input")."""
    row = find(tx, caller, campaign_id)
    content = _checked(tx, caller, _merged(row, wish), check_url)
    if not store.update_draft(tx, caller.account_id, campaign_id, content):
        raise Refused("campaign_not_draft")
    return find(tx, caller, campaign_id)


def delete(tx: Tx, caller: Caller, campaign_id: int) -> None:
    """Raises: Refused("not_found"), Refused("campaign_not_draft")."""
    find(tx, caller, campaign_id)
    if not store.delete_draft(tx, caller.account_id, campaign_id):
        raise Refused("campaign_not_draft")


def duplicate(tx: Tx, caller: Caller, campaign_id: int, name: str) -> Campaign:
    """A new draft like any campaign, without its schedule. What it named and is gone (session, list) is left open.

    Raises: Refused("not_found").
    """
    row = find(tx, caller, campaign_id)
    content = Content(
        name=name[:NAME_LIMIT],
        session_id=row.session_id if row.session_id and store.owns_session(tx, caller.account_id, row.session_id) else None,
        list_id=row.list_id if row.list_id and store.owns_list(tx, caller.account_id, row.list_id) else None,
        kind=row.kind,
        body=row.body,
        image_url=row.image_url,
        scheduled_at=None,
    )
    return find(tx, caller, store.insert(tx, caller.account_id, content))


def check_schedule(moment: int, now: int) -> FieldError | None:
    """What is wrong with a time to start at."""
    if moment <= now:
        return FieldError("scheduled_at", "campaign_schedule_past", {})
    if moment > now + FARTHEST_DAYS * DAY:
        return FieldError("scheduled_at", "campaign_schedule_far", {"days": FARTHEST_DAYS})
    return None


# -- checking ----------------------------------------------------------------------------------------------------------


def _checked(tx: Tx, caller: Caller, wish: NewCampaign, check_url: CheckUrl) -> Content:
    wrong: list[FieldError] = []
    name = wish.name.strip()
    if not name:
        wrong.append(FieldError("name", "required", {}))
    elif len(name) > NAME_LIMIT:
        wrong.append(FieldError("name", "too_long", {"limit": NAME_LIMIT}))
    session_id = _owned(tx, caller, "session", "ses", wish.session, store.owns_session, wrong)
    list_id = _owned(tx, caller, "list", "lst", wish.list, store.owns_list, wrong)
    body, image_url = _content(wish, check_url, wrong)
    scheduled_at = from_datetime(wish.scheduled_at) if wish.scheduled_at else None
    if scheduled_at is not None and (late := check_schedule(scheduled_at, tx.now)):
        wrong.append(late)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    return Content(name, session_id, list_id, MessageKind(wish.type), body, image_url, scheduled_at)


def _owned(
    tx: Tx,
    caller: Caller,
    field: str,
    prefix: str,
    public_id: str | None,
    owns: Callable[[Sql, int, int], bool],
    wrong: list[FieldError],
) -> int | None:
    if public_id is None:
        return None
    try:
        number = ids.parse(prefix, public_id)
    except Refused:
        number = 0
    if number and owns(tx, caller.account_id, number):
        return number
    wrong.append(FieldError(field, f"campaign_{field}_unknown", {}))
    return None


def _content(wish: NewCampaign, check_url: CheckUrl, wrong: list[FieldError]) -> tuple[str, str | None]:
    """(text or caption, address of the image), noting what is wrong with them."""
    given: dict[str, CampaignText | ImageContent | None] = {"text": wish.text, "image": wish.image}
    chosen = given.pop(wish.type)
    wrong.extend(
        FieldError(name, "campaign_type_other", {"type": wish.type}) for name, value in given.items() if value is not None
    )
    if chosen is None:
        wrong.append(FieldError(wish.type, "campaign_type_missing", {"type": wish.type}))
        return "", None
    if isinstance(chosen, CampaignText):
        body = chosen.body.strip()
        _check_text("text.body", body, TEXT_LIMIT, wrong)
        if not body:
            wrong.append(FieldError("text.body", "required", {}))
        return body, None
    caption = chosen.caption.strip()
    _check_text("image.caption", caption, CAPTION_LIMIT, wrong)
    try:
        check_url(chosen.url)
    except Refused as error:
        wrong.append(FieldError("image.url", error.code, error.params))
    return caption, chosen.url


def _check_text(field: str, body: str, limit: int, wrong: list[FieldError]) -> None:
    """What can be told before anybody's values are known; the filled text is measured for each contact."""
    if len(body) > limit:
        wrong.append(FieldError(field, "too_long", {"limit": limit}))
    try:
        variables.parse(body)
    except VariableError as error:
        wrong.append(FieldError(field, error.code, dict(error.params)))


def _merged(row: Campaign, wish: CampaignChange) -> NewCampaign:
    """The draft as it would be: what was left out stays. Another type leaves the old type's content behind."""
    now = CampaignView.of(row, Progress())
    kind = str(row.kind) if wish.type is UNSET else wish.type
    text = CampaignText(now.text.body) if now.text else None
    scheduled = datetime.fromisoformat(now.scheduled_at) if now.scheduled_at else None
    return NewCampaign(
        name=row.name if wish.name is UNSET else wish.name,
        session=now.session if wish.session is UNSET else wish.session,
        list=now.list if wish.list is UNSET else wish.list,
        type="image" if kind == "image" else "text",
        text=wish.text if wish.text is not UNSET else (text if kind == "text" else None),
        image=wish.image if wish.image is not UNSET else now.image if kind == "image" else None,
        scheduled_at=scheduled if wish.scheduled_at is UNSET else wish.scheduled_at,
    )
