"""Signing in and out. A login is a random token in the browser's cookie; the box keeps only its SHA-256."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from wame_box.accounts import store
from wame_box.accounts.access import LOGIN_DAYS
from wame_box.accounts.models import Caller
from wame_box.kernel.clock import DAY, MINUTE, Clock
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import N_, Problem, Refused, invalid, register
from wame_box.kernel.secrets import check_password, hash_password, new_token, verify_password

register(
    {
        "sign_in_failed": Problem(401, N_("Email address or password is wrong.")),
        "sign_in_throttled": Problem(429, N_("Too many attempts. Please wait %(minutes)s minutes and try again.")),
        "password_wrong": Problem(422, N_("This is not your password.")),
        "member_unknown": Problem(404, N_("There is no member with this email address.")),
    }
)

TRIES = 10
WINDOW = 15 * MINUTE
REMEMBERED = 5_000


class Throttle:
    """Counts wrong passwords by address and by email; in memory, since a restart is no way in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[int]] = OrderedDict()

    def check(self, *names: str) -> None:
        """Raises: Refused("sign_in_throttled")."""
        for name in names:
            recent = self._recent(name)
            if len(recent) >= TRIES:
                wait = recent[0] + WINDOW - self._clock.now()
                raise Refused("sign_in_throttled", minutes=max(1, -(-wait // MINUTE)))

    def failed(self, *names: str) -> None:
        for name in names:
            self._failures[name] = [*self._recent(name), self._clock.now()]
            self._failures.move_to_end(name)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, *names: str) -> None:
        for name in names:
            self._failures.pop(name, None)

    def _recent(self, name: str) -> list[int]:
        return [moment for moment in self._failures.get(name, []) if moment > self._clock.now() - WINDOW]


@dataclass(frozen=True)
class Visitor:
    """What the box notes of a browser."""

    address: str
    user_agent: str


async def sign_in(db: Database, throttle: Throttle, email: str, password: str, visitor: Visitor) -> str:
    """Returns the token for the cookie.

    Raises: Refused("sign_in_failed") for an unknown email as for a wrong password, Refused("sign_in_throttled").
    """
    names = (f"address:{visitor.address}", f"email:{email.lower()}")
    throttle.check(*names)
    throttle.failed(*names)  # counted before the slow check, so that parallel guesses don't slip through
    member = await db.read(store.member_by_email, email)
    fits = await verify_password(member.password_hash if member else None, password)
    if member is None or not fits:
        raise Refused("sign_in_failed")
    throttle.succeeded(*names)
    return await db.write(open_login, member.id, visitor)


def open_login(tx: Tx, member_id: int, visitor: Visitor) -> str:
    """A login on the member's first account. Returns its token.

    Raises: Refused("sign_in_failed") when the member belongs to no account any more.
    """
    account_id = store.first_account_of(tx, member_id)
    if account_id is None:
        raise Refused("sign_in_failed")
    token, digest = new_token()
    store.delete_expired_logins(tx)
    store.insert_login(tx, digest, member_id, account_id, visitor.user_agent, visitor.address, tx.now + LOGIN_DAYS * DAY)
    return token


async def change_password(db: Database, throttle: Throttle, caller: Caller, old: str, new: str, visitor: Visitor) -> str:
    """The member's own new password. Ends every login of his and opens a new one, whose token is returned.

    Raises: Refused("sign_in_throttled"), Refused("invalid_input") naming the field.
    """
    name = f"member:{caller.member_id}"
    throttle.check(name)
    throttle.failed(name)  # counted first, as above
    member = await db.read(store.member_by_email, caller.email)
    if member is None or not await verify_password(member.password_hash, old):
        raise invalid("old_password", "password_wrong")
    throttle.succeeded(name)
    try:
        check_password(new, member.email)
    except Refused as error:
        raise invalid("new_password", error.code, **error.params) from None
    password_hash = await hash_password(new)
    return await db.write(_replace_own_password, member.id, password_hash, visitor)


def _replace_own_password(tx: Tx, member_id: int, password_hash: str, visitor: Visitor) -> str:
    store.set_password(tx, member_id, password_hash)
    store.delete_logins_of(tx, member_id)
    return open_login(tx, member_id, visitor)


def replace_password(tx: Tx, email: str, password_hash: str) -> None:
    """A new password from the command line: every login of the member ends.

    Raises: Refused("member_unknown").
    """
    member = store.member_by_email(tx, email)
    if member is None:
        raise Refused("member_unknown")
    store.set_password(tx, member.id, password_hash)
    store.delete_logins_of(tx, member.id)
