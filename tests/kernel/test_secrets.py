"""Passwords and tokens."""

import asyncio
import hashlib
import re
import threading
from typing import Any

import pytest

from wame_box.kernel import secrets
from wame_box.kernel.errors import CODES, Refused
from wame_box.kernel.secrets import (
    API_KEY_PREFIX,
    check_password,
    hash_password,
    new_token,
    token_digest,
    verify_password,
)

PASSWORD = "correct horse été"


async def test_a_password_is_known_again_and_another_is_not() -> None:
    kept = await hash_password(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await verify_password(kept, PASSWORD)
    assert not await verify_password(kept, PASSWORD + " ")
    assert await hash_password(PASSWORD) != kept


async def test_the_same_letters_composed_otherwise() -> None:
    assert await verify_password(await hash_password("passé composé"), "passe\u0301 compose\u0301")


async def test_an_unknown_member_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    class Noted:
        def verify(self, kept: str, password: str) -> bool:
            checked.append(kept)
            return True

    assert not await verify_password(None, PASSWORD)
    monkeypatch.setattr(secrets, "_hasher", Noted())
    assert not await verify_password(None, PASSWORD)
    assert [kept.rsplit("$", 2)[0] for kept in checked] == ["$argon2id$v=19$m=19456,t=2,p=1"]


async def test_at_most_two_hashes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most, both, lock = 0, 0, threading.Barrier(2), threading.Lock()

    class Slow:
        def hash(self, password: str) -> str:
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
            both.wait(10)
            with lock:
                busy -= 1
            return "x"

    monkeypatch.setattr(secrets, "_hasher", Slow())
    assert await asyncio.gather(*(hash_password(PASSWORD) for _ in range(6))) == ["x"] * 6
    assert most == 2


@pytest.mark.parametrize(
    ("password", "code", "params"),
    [
        ("short", "password_too_short", {"limit": 10}),
        ("x1" * 101, "password_too_long", {"limit": 200}),
        ("Alice@example.com", "password_is_email", {}),
        ("password123!", "password_too_common", {}),
        ("1234567890", "password_too_common", {}),
        ("abcdefghij", "password_too_common", {}),
        ("QWERTYUIOP", "password_too_common", {}),
        ("aaaaaaaaaaaa", "password_too_common", {}),
        ("2024motdepasse2024", "password_too_common", {}),
        ("alice12345678", "password_too_common", {}),
    ],
)
def test_weak_passwords_are_refused(password: str, code: str, params: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        check_password(password, "alice@example.com")
    assert (refused.value.code, refused.value.params) == (code, params)
    assert CODES[code].status == 422


@pytest.mark.parametrize("password", [PASSWORD, "kd83kdh2nd", "password of my cat", "Été à Douala 2026"])
def test_others_are_fine(password: str) -> None:
    check_password(password, "alice@example.com")


def test_tokens_are_shown_once_and_kept_as_digests() -> None:
    shown, digest = new_token(API_KEY_PREFIX)
    assert re.fullmatch(r"wame_[0-9A-Za-z]{43}", shown)
    assert digest == hashlib.sha256(shown.encode()).digest() == token_digest(shown)
    assert len({new_token()[0] for _ in range(1000)}) == 1000


def test_any_text_may_be_asked_for_as_a_token() -> None:
    assert len(token_digest("\udcff é")) == 32
