"""What goes wrong, in two kinds: `Refused` for a person's mistake, `EngineError` for WhatsApp's side. Anything else is a bug.

Codes are stable and documented. Each slice registers its own with an HTTP status and an English sentence; the sentence is
translated where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """What a code means: the HTTP status of its answer and its English sentence, with `%(name)s` placeholders."""

    status: int
    text: str


CODES: dict[str, Problem] = {}


def register(problems: dict[str, Problem]) -> None:
    """Adds a slice's codes.

    Raises: ValueError for a code that means something else already.
    """
    for code, problem in problems.items():
        if CODES.get(code, problem) != problem:
            raise ValueError(f"error code {code!r} registered twice")
        CODES[code] = problem


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a form or body: its path (`text.body`), a code of the catalogue and the code's parameters."""

    field: str
    code: str
    params: dict[str, Any]


class Refused(Exception):
    """The user asked for something that can't be: bad input, a missing right, a state that forbids it.

    `code` must be registered; `params` fill its sentence and go into the API's answer; `fields` name what is wrong where.
    """

    def __init__(self, code: str, *, fields: list[FieldError] | None = None, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params
        self.fields = fields or []

    @property
    def problem(self) -> Problem:
        return CODES[self.code]


def invalid(field: str, code: str, **params: Any) -> Refused:
    """A refusal that names one wrong field."""
    return Refused("invalid_input", fields=[FieldError(field, code, params)])


class EngineError(Exception):
    """WhatsApp's side failed. `permanent`: trying again can't help; `retry_after`: milliseconds to wait before a retry."""

    def __init__(self, code: str, *, permanent: bool, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after


class StorageFailed(Exception):
    """The disk refused a write (full, I/O error): nothing of the group was kept."""

    def __init__(self, full: bool, reason: str) -> None:
        super().__init__(reason)
        self.full = full


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated where it is shown."""
    return text


register(
    {
        "bad_id": Problem(404, N_("There is nothing with the id %(id)s.")),
        "not_found": Problem(404, N_("This does not exist, or not any more.")),
        "invalid_input": Problem(422, N_("Some fields are not right. Please correct them and try again.")),
        "malformed": Problem(400, N_("The request could not be read: %(reason)s")),
        "required": Problem(422, N_("This field is needed.")),
        "too_long": Problem(422, N_("At most %(limit)s characters.")),
        "wrong_field": Problem(422, N_("Not as expected: %(reason)s")),
        "wrong_value": Problem(422, N_("This value is not accepted here.")),
        "not_signed_in": Problem(401, N_("Please sign in, or send a valid API key.")),
        "forbidden": Problem(403, N_("You are not allowed to do this.")),
        "missing_scope": Problem(403, N_("This API key lacks the scope %(scope)s.")),
        "wrong_origin": Problem(403, N_("The request came from another site and was refused.")),
        "method_not_allowed": Problem(405, N_("This address does not take this method.")),
        "state_changed": Problem(409, N_("This was changed meanwhile. Please reload and look again.")),
        "idempotency_key_reused": Problem(409, N_("This idempotency key was used before for another request.")),
        "idempotency_key_too_long": Problem(422, N_("An idempotency key has at most %(limit)s characters.")),
        "body_too_large": Problem(413, N_("The request is too large.")),
        "too_many_requests": Problem(429, N_("Too many requests. Please try again in %(seconds)s seconds.")),
        "internal": Problem(500, N_("Something went wrong on our side. The incident was logged as %(incident)s.")),
        "storage_full": Problem(507, N_("The disk is full. Nothing was accepted; please free some space.")),
        "storage_failed": Problem(503, N_("The disk refused the write. Nothing was accepted; please look at the server's log.")),
    }
)
