"""Variables in a campaign's text: `{{first_name}}`, or `{{first_name|friend}}` with what stands there when a contact has none.

No template language: names are looked up once, nothing is evaluated, and a value that itself holds `{{…}}` stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from wame_box.kernel.errors import N_, Problem, register

register(
    {
        "variable_unclosed": Problem(422, N_("A variable is opened with {{ at character %(position)s and not closed with }}.")),
        "variable_nameless": Problem(422, N_("The variable at character %(position)s has no name.")),
        "variable_bad_name": Problem(
            422, N_("“%(name)s” at character %(position)s is no name of a variable: use letters, digits and _ only.")
        ),
        "variable_missing": Problem(422, N_("The contact has no value for %(names)s, and the text gives no other word.")),
    }
)

_NAME = re.compile(r"\w{1,64}")


class VariableError(Exception):
    """A text whose variables can't be read. `code` is in the catalogue; `position`: 1-based character of the opening `{{`."""

    def __init__(self, code: str, position: int, name: str = "") -> None:
        super().__init__(code, position)
        self.code = code
        self.position = position
        self.name = name

    @property
    def params(self) -> dict[str, str | int]:
        """For the sentence of `code`."""
        return {"position": self.position, "name": self.name}


class MissingVariables(Exception):
    """`names`: the variables, in the text's order, that have neither a value nor a fallback."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True)
class Variable:
    """A place to fill. `name` is lower case, as the keys of attributes are; `fallback` None: there must be a value."""

    name: str
    fallback: str | None


Part = str | Variable


@lru_cache(maxsize=128)
def parse(text: str) -> tuple[Part, ...]:
    """The text's literal parts and variables, in order. Raises: VariableError."""
    parts: list[Part] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start)
        if end < 0 or 0 <= text.find("{{", start + 2) < end:
            raise VariableError("variable_unclosed", start + 1)
        if start > position:
            parts.append(text[position:start])
        parts.append(_variable(text[start + 2 : end], start + 1))
        position = end + 2
    if position < len(text):
        parts.append(text[position:])
    return tuple(parts)


def _variable(inside: str, position: int) -> Variable:
    name, bar, fallback = inside.partition("|")
    name = name.strip()
    if not name:
        raise VariableError("variable_nameless", position)
    if not _NAME.fullmatch(name):
        raise VariableError("variable_bad_name", position, name[:64])
    return Variable(name.lower(), fallback.strip() if bar else None)


def names(text: str) -> list[str]:
    """Each variable's name once, in the order of appearance. Raises: VariableError."""
    return list(dict.fromkeys(part.name for part in parse(text) if isinstance(part, Variable)))


def required(text: str) -> list[str]:
    """The names of those variables that have no fallback somewhere. Raises: VariableError."""
    return list(dict.fromkeys(part.name for part in parse(text) if isinstance(part, Variable) and part.fallback is None))


def missing(text: str, values: Mapping[str, str]) -> list[str]:
    """The names of the variables that `fill` would lack. A value of spaces is none. Raises: VariableError."""
    return [name for name in required(text) if not values.get(name, "").strip()]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text for one contact. Raises: MissingVariables, VariableError."""
    lacking = missing(text, values)
    if lacking:
        raise MissingVariables(lacking)
    return "".join(part if isinstance(part, str) else _value(part, values) for part in parse(text))


def _value(variable: Variable, values: Mapping[str, str]) -> str:
    value = values.get(variable.name, "").strip()
    return value or variable.fallback or ""


def longest(text: str, lengths: Mapping[str, int]) -> int:
    """The most characters that `fill` can give when the longest value of each variable has `lengths[name]` (absent: 0).

    Raises: VariableError.
    """
    return sum(
        len(part) if isinstance(part, str) else max(lengths.get(part.name, 0), len(part.fallback or "")) for part in parse(text)
    )
