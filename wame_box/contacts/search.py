"""Finding contacts by a part of their name or number: how both are folded, and what is asked of the index.

Letters lose case and accents, so that `zoe` finds `Zoé`; numbers are digits only. The trigram index narrows down, the folded
text in the row decides.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_NUMBER = re.compile(r"[+\d\s().\-/]+")
_SPECIAL = re.compile(r"([\\%_])")
MOST_WORDS = 8
LONGEST = 100


@dataclass(frozen=True)
class Wanted:
    """`match`: the FTS5 expression, None when every word is too short for it; `likes`: patterns that all must hold."""

    match: str | None
    likes: list[str]


def folded(name: str, address: str) -> str:
    """What is kept in `contacts.search`."""
    return f"{fold(name)} {address[1:]}"


def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def wanted(text: str) -> Wanted | None:
    """What a searched text asks for; None when it asks for nothing."""
    words = _words(text[:LONGEST])
    if not words:
        return None
    trigrams = {word[at : at + 3] for word in words for at in range(len(word) - 2)}
    quoted = " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in sorted(trigrams))
    return Wanted(quoted or None, ["%" + _SPECIAL.sub(r"\\\1", word) + "%" for word in words])


def _words(text: str) -> list[str]:
    if _NUMBER.fullmatch(text):
        # A number as people write it at home begins with zeros that its international form lacks.
        digits = "".join(letter for letter in text if letter.isdigit()).lstrip("0")
        return [digits] if digits else []
    return fold(text).split()[:MOST_WORDS]
