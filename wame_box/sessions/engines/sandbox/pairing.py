"""Linking as WhatsApp does it: what the QR code carries, how the phone answers, and how the device knows the answer is right.

The code is `2@<ref>,<public key>,<identity key>,<secret>`, the last three in base64. The reference comes from the server; the
secret never goes there: who can prove that he knows it has seen the code.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wame_box.kernel.clock import SECOND
from wame_box.kernel.errors import N_, Problem, Refused, register

register(
    {
        "qr_unreadable": Problem(422, N_("This is not a code to link a device. Scan the code that the session shows.")),
        "qr_unknown": Problem(409, N_("This code is not valid. Scan the code that the session shows now.")),
        "qr_expired": Problem(409, N_("This code is too old. Scan the one that the session shows now.")),
        "qr_used": Problem(409, N_("This code was scanned already.")),
        "qr_wrong": Problem(409, N_("This code was not made by the device that shows it.")),
    }
)

CODE_TIMES = (60 * SECOND, *(20 * SECOND,) * 5)  # six codes, then the pairing is given up
KEY_BYTES = 32


@dataclass(frozen=True)
class DeviceKeys:
    """What a device that wants to be linked makes for itself."""

    public: bytes
    identity: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> DeviceKeys:
        public, identity = (X25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2))
        return cls(public, identity, secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True)
class Code:
    """What a QR code carries."""

    ref: str
    public: bytes
    identity: bytes
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        keys = (base64.b64encode(part).decode() for part in (self.public, self.identity, self.secret))
        return f"2@{','.join((self.ref, *keys))}"


@dataclass(frozen=True)
class Answer:
    """What the phone that scanned sends: everything but the secret, and the proof that it knows it."""

    ref: str
    public: bytes
    identity: bytes
    number: str
    name: str
    proof: bytes


def new_ref() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()


def decode(text: str) -> Code:
    """Reads what a phone scanned.

    Raises: Refused("qr_unreadable").
    """
    version, _, rest = text.strip().partition("@")
    parts = rest.split(",")
    try:
        keys = [base64.b64decode(part, validate=True) for part in parts[1:]]
    except ValueError:
        keys = []
    if version != "2" or not parts[0] or len(keys) != 3 or any(len(key) != KEY_BYTES for key in keys):
        raise Refused("qr_unreadable")
    return Code(parts[0], *keys)


def prove(secret: bytes, ref: str, number: str) -> bytes:
    return hmac.digest(secret, f"{ref}{number}".encode(), "sha256")


def answer_of(code: Code, number: str, name: str) -> Answer:
    """The phone's side: how it answers a code that it scanned."""
    return Answer(code.ref, code.public, code.identity, number, name, prove(code.secret, code.ref, number))


def is_proof(keys: DeviceKeys, answer: Answer) -> bool:
    """The device's side: whether the phone that answers has seen the code."""
    return hmac.compare_digest(prove(keys.secret, answer.ref, answer.number), answer.proof)
