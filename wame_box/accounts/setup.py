"""The first run: whoever holds the token that the terminal printed names the account and its owner, who is the operator too."""

from __future__ import annotations

import hmac
import re
import secrets as random_secrets

from wame_box.accounts import store
from wame_box.accounts.models import LANGUAGES, Setup
from wame_box.accounts.permissions import Role
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register
from wame_box.kernel.i18n import is_time_zone
from wame_box.kernel.mail import is_mail_address
from wame_box.kernel.secrets import check_password, hash_password

register(
    {
        "setup_done": Problem(409, N_("This box is set up already. Please sign in.")),
        "setup_token": Problem(403, N_("This link is not valid. The box prints the right one in the terminal when it starts.")),
        "email_wrong": Problem(422, N_("This is not an email address.")),
        "email_taken": Problem(409, N_("There is a member with this email address already.")),
        "time_zone_unknown": Problem(422, N_("This time zone is not known.")),
        "region_unknown": Problem(422, N_("A country is given by its two letters, such as FR.")),
        "language_unknown": Problem(422, N_("The box does not speak this language.")),
    }
)

NAME_LIMIT = 100
_EMAIL = re.compile(r"[^@\s<>\",;]+@[^@\s<>\",;]+\.[^@\s<>\",;]+|[^@\s<>\",;]+@localhost")


class FirstRun:
    """The token of this start; gone once the box has an operator."""

    def __init__(self) -> None:
        self.token = random_secrets.token_urlsafe(16)

    def allows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())


async def set_up(db: Database, first_run: FirstRun, token: str, wish: Setup) -> tuple[int, int]:
    """Makes the account and its owner. Returns (account id, member id).

    Raises: Refused("setup_token"), Refused("setup_done"), Refused("invalid_input") naming the fields.
    """
    if not first_run.allows(token):
        raise Refused("setup_token")
    check_setup(wish)
    password_hash = await hash_password(wish.password)
    return await db.write(create_first, wish, password_hash)


def create_first(tx: Tx, wish: Setup, password_hash: str) -> tuple[int, int]:
    if store.any_member(tx):
        raise Refused("setup_done")
    return create_account(tx, wish, password_hash, is_operator=True)


def create_account(tx: Tx, wish: Setup, password_hash: str, *, is_operator: bool) -> tuple[int, int]:
    """An account with its owner, in one transaction. Returns (account id, member id).

    Raises: Refused("email_taken").
    """
    if store.member_by_email(tx, wish.email):
        raise Refused("email_taken")
    account_id = store.insert_account(tx, wish.account, wish.time_zone, wish.language, wish.region)
    member_id = store.insert_member(tx, wish.email, wish.name, password_hash, wish.language, is_operator=is_operator)
    store.insert_membership(tx, account_id, member_id, Role.OWNER)
    store.insert_audit(tx, account_id, member_id, None, "account.created", "", "{}", "")
    return account_id, member_id


def check_setup(wish: Setup) -> None:
    """Raises: Refused("invalid_input") naming every wrong field."""
    wrong = check_account_fields(wish.account, wish.time_zone, wish.language, wish.region, name_field="account")
    wrong += check_name("name", wish.name)
    if not _EMAIL.fullmatch(wish.email) or not is_mail_address(wish.email) or len(wish.email) > 254:
        wrong.append(FieldError("email", "email_wrong", {}))
    try:
        check_password(wish.password, wish.email)
    except Refused as error:
        wrong.append(FieldError("password", error.code, error.params))
    if wrong:
        raise Refused("invalid_input", fields=wrong)


def check_account_fields(
    name: str, time_zone: str, language: str, region: str | None, *, name_field: str = "name"
) -> list[FieldError]:
    wrong = check_name(name_field, name)
    if not is_time_zone(time_zone):
        wrong.append(FieldError("time_zone", "time_zone_unknown", {}))
    if language not in LANGUAGES:
        wrong.append(FieldError("language", "language_unknown", {}))
    if region is not None and not re.fullmatch("[A-Z]{2}", region):
        wrong.append(FieldError("region", "region_unknown", {}))
    return wrong


def check_name(field: str, name: str, limit: int = NAME_LIMIT) -> list[FieldError]:
    """A name is there, printable and not too long."""
    if not name.strip():
        return [FieldError(field, "required", {})]
    if len(name) > limit:
        return [FieldError(field, "too_long", {"limit": limit})]
    return [] if name.isprintable() else [FieldError(field, "wrong_value", {})]
