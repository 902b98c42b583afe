"""What becomes of a message: a pure function of the knobs, its WhatsApp id and its recipient.

The same id always meets the same fate, so that a resend decides nothing anew; whether a number is on WhatsApp depends on the
number alone.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache

from wame_box.sessions.engines.sandbox.knobs import Knobs, Span

GRAIN = 10  # milliseconds: what is due in the same moment is told in one go

_NAME_LIST = """
Aïcha Amina Ana Ben Camille Carlos Chidi Chloé Daniel Diego Elena Emma Fatou Félix Giulia Hana Hugo Inès Isabel Ivan Jade João
Karim Kofi Lara Léa Lucía Luis Mamadou Maria Mateo Mei Moussa Nadia Nia Noah Olga Omar Paul Priya Ravi Rosa Sara Sofía Tariq
Thomas Valeria Yusuf Zoé
"""
_NAMES = _NAME_LIST.split()


@dataclass(frozen=True)
class Fate:
    """`failed`: the server refuses it for good. `answered`: the server says that it has it. Times are milliseconds after the
    step before: the ack, the delivery, the reading; None: it never happens."""

    ack: int
    failed: bool
    answered: bool
    deliver: int
    read: int | None
    reply: int | None
    reply_text: str


def fate_of(knobs: Knobs, wa_id: str) -> Fate:
    rng = random.Random(wa_id)  # noqa: S311  a dice, and always the same one for this message
    ack, deliver, read, reply = (_draw(rng, span) for span in (knobs.ack_ms, knobs.deliver_ms, knobs.read_ms, knobs.reply_ms))
    fails, silent, reads, replies, choice = (rng.random() for _ in range(5))
    answers = bool(knobs.replies) and replies < knobs.reply_rate
    return Fate(
        ack=ack,
        failed=fails < knobs.failure_rate,
        answered=silent >= knobs.unanswered_rate,
        deliver=deliver,
        read=read if answers or reads < knobs.read_rate else None,  # who answers has read
        reply=reply if answers else None,
        reply_text=knobs.replies[int(choice * len(knobs.replies))] if answers else "",
    )


def _draw(rng: random.Random, span: Span) -> int:
    return span[0] + int(rng.random() * (span[1] - span[0] + 1))


def on_whatsapp(knobs: Knobs, number: str) -> bool:
    """Stable for a number: the rate's share of all numbers is never on WhatsApp."""
    return _place(number) >= knobs.not_on_whatsapp_rate


@lru_cache(maxsize=65_536)
def _place(number: str) -> float:
    """Where the number stands between 0 and 1."""
    return int.from_bytes(hashlib.sha256(b"on whatsapp " + number.encode()).digest()[:6]) / (1 << 48)


def name_of(number: str) -> str:
    """The name that a customer's phone shows: made up, and always the same one."""
    return _NAMES[int.from_bytes(hashlib.sha256(b"name " + number.encode()).digest()[:4]) % len(_NAMES)]


def reply_id(wa_id: str) -> str:
    """WhatsApp's id of the answer to a message; the same one should the answer be made twice."""
    return "3A" + hashlib.sha256(b"reply " + wa_id.encode()).hexdigest()[:18].upper()


def rounded(moment: int) -> int:
    """The moment on the grain, never earlier."""
    return -(-moment // GRAIN) * GRAIN
