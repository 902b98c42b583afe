"""Passwords and tokens: hashed so that a stolen database opens nothing.

Passwords: argon2id, 2 rounds over 19 MiB, in threads, at most two at once. Tokens and API keys are random, so a plain
SHA-256 is enough to keep, and finding one by its digest tells no timing.
"""

import asyncio
import hashlib
import re
import secrets
import string
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from wame_box.kernel.errors import N_, Problem, Refused, register

API_KEY_PREFIX = "wame_"
TOKEN_LETTERS = 43  # of 62: 256 bits
SHORTEST = 10
LONGEST = 200

register(
    {
        "password_too_short": Problem(422, N_("A password has at least %(limit)s characters.")),
        "password_too_long": Problem(422, N_("A password has at most %(limit)s characters.")),
        "password_too_common": Problem(422, N_("This password is among the first that anyone would try.")),
        "password_is_email": Problem(422, N_("A password must not be the email address.")),
    }
)

_ALPHABET = string.ascii_letters + string.digits
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")
# The hash of a password that nobody has: checking an unknown member's takes as long as checking a known one's.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$1Ajg9U8iOmbCLI1nT5GO8g$WXhPYHiPLQYxqVCAGExkF+IJzoWzSQwNzyJWiebnBKw"
_OBVIOUS = {
    "password", "passw0rd", "motdepasse", "contraseña", "contrasena", "bienvenue", "bienvenido", "welcome", "iloveyou",
    "administrator", "administrateur", "administrador", "changeme", "changemenow", "letmein", "letmeinnow", "whatsapp",
    "whatsappbox", "wamebox", "football", "princess", "superman", "azertyuiop", "qwertyuiop", "qwertzuiop", "azerty",
    "qwerty", "qwerty123qwerty", "motdepassemotdepasse", "passwordpassword", "adminadmin", "administration",
}  # fmt: skip
_ROWS = ("01234567890123456789", "98765432109876543210", string.ascii_lowercase, "qwertyuiopasdfghjklzxcvbnm",
         "azertyuiopqsdfghjklmwxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1a2b3c4d5e6f7g8h9i0j")  # fmt: skip


async def hash_password(password: str) -> str:
    """The text to keep. Takes some 20 ms of another thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, _plain(password))


async def verify_password(kept: str | None, password: str) -> bool:
    """Whether the password is the one kept. Without one kept (nobody has that name): no, after the same time."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, kept, _plain(password))


def _verify(kept: str | None, password: str) -> bool:
    try:
        return _hasher.verify(kept or _NOBODY, password) and kept is not None
    except VerifyMismatchError:
        return False


def _plain(password: str) -> str:
    # One é, whichever way a keyboard composes it; and no more work than an honest password takes.
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])


def check_password(password: str, email: str) -> None:
    """Refuse a password that guessing finds first.

    Raises Refused: password_too_short, password_too_long, password_too_common, password_is_email.
    """
    if len(password) < SHORTEST:
        raise Refused("password_too_short", limit=SHORTEST)
    if len(password) > LONGEST:
        raise Refused("password_too_long", limit=LONGEST)
    plain = _plain(password).casefold()
    local, _, domain = email.casefold().partition("@")
    if plain in {email.casefold(), local, f"{local}{domain}"}:
        raise Refused("password_is_email")
    if _is_obvious(plain) or (local and re.sub(r"[\W\d_]+$", "", plain) == local):
        raise Refused("password_too_common")


def _is_obvious(plain: str) -> bool:
    words = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    return len(set(plain)) < 4 or words in _OBVIOUS or any(plain in row for row in _ROWS)


def new_token(prefix: str = "") -> tuple[str, bytes]:
    """A random token, as shown once, and its SHA-256, as kept. `API_KEY_PREFIX` makes an API key of it."""
    shown = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LETTERS))
    return shown, token_digest(shown)


def token_digest(shown: str) -> bytes:
    """What is kept of a token, for finding it."""
    return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).digest()
