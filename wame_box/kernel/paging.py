"""Cursor paging, the same for API and pages: newest first, `?limit=&cursor=` → `next_cursor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from wame_box.kernel import ids
from wame_box.kernel.errors import N_, Problem, Refused, register

NEWEST = (1 << 63) - 1
LIMIT = 50
MOST = 200

register(
    {
        "bad_cursor": Problem(422, N_("This cursor is not valid. Take it from the answer before, unchanged.")),
        "bad_limit": Problem(422, N_("A page has 1 to %(most)s items.")),
    }
)


@dataclass(frozen=True)
class Window:
    """One page of a list: rows with an id below `before`, at most `limit`."""

    before: int = NEWEST
    limit: int = LIMIT


class HasId(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T", bound=HasId)


def window(limit: int | None, cursor: str | None) -> Window:
    """What a request's `limit` and `cursor` ask for.

    Raises: Refused("bad_limit"), Refused("bad_cursor").
    """
    if limit is not None and not 1 <= limit <= MOST:
        raise Refused("bad_limit", most=MOST)
    try:
        before = ids.parse("cur", cursor) if cursor else NEWEST
    except Refused:
        raise Refused("bad_cursor") from None
    return Window(before, limit or LIMIT)


def cut(rows: Sequence[T], wanted: Window) -> tuple[list[T], str | None]:
    """The page and the cursor of the next one, of rows read with `limit + 1`."""
    if len(rows) <= wanted.limit:
        return list(rows), None
    shown = list(rows[: wanted.limit])
    return shown, ids.show("cur", shown[-1].id)
