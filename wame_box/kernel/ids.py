"""Identifiers: one 63-bit integer inside, prefix and Crockford base32 outside.

42 bits of milliseconds, then 21 bits of a counter that begins somewhere in its lower half each millisecond. The value never
goes back, not even when the machine's clock does. An id is no secret.
"""

from __future__ import annotations

import random
import threading
import time

from wame_box.kernel.errors import Refused

COUNTER_BITS = 21
LENGTH = 13  # 63 bits in groups of five
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)} | {"o": 0, "i": 1, "l": 1}

_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """A new id, larger than every id this process made before. Thread-safe."""
    global _last
    # The random start keeps two processes on one database (box and command line) from making the same id.
    fresh = (time.time_ns() // 1_000_000 << COUNTER_BITS) | random.getrandbits(COUNTER_BITS - 1)
    with _lock:
        _last = max(_last + 1, fresh) if fresh >> COUNTER_BITS > _last >> COUNTER_BITS else _last + 1
        return _last


def start_after(highest: int) -> None:
    """Never make an id up to `highest`: what the database held at start, should the clock have gone back."""
    global _last
    with _lock:
        _last = max(_last, highest)


def milliseconds(number: int) -> int:
    """When the id was made: milliseconds UTC."""
    return number >> COUNTER_BITS


def show(prefix: str, number: int) -> str:
    """The public form: `show("msg", 1)` is `msg_0000000000001`."""
    two = _PAIRS  # every answer shows several ids
    return (
        f"{prefix}_{_ALPHABET[number >> 60]}{two[number >> 50 & 1023]}{two[number >> 40 & 1023]}{two[number >> 30 & 1023]}"
        f"{two[number >> 20 & 1023]}{two[number >> 10 & 1023]}{two[number & 1023]}"
    )


def parse(prefix: str, text: str) -> int:
    """The integer of a public id.

    Raises: Refused("bad_id") for another prefix, a wrong length or a foreign letter.
    """
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != LENGTH:
        raise Refused("bad_id", id=text[:64], prefix=prefix)
    number = 0
    for letter in tail.lower():
        value = _VALUES.get(letter)
        if value is None:
            raise Refused("bad_id", id=text[:64], prefix=prefix)
        number = number << 5 | value
    if number >= 1 << 63:
        raise Refused("bad_id", id=text[:64], prefix=prefix)
    return number
