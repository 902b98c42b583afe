"""The knobs of a sandbox session: how its little world behaves. They live in the session's settings under `sandbox`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from wame_box.kernel.errors import N_, FieldError, Problem, Refused, register

register({"span_wrong": Problem(422, N_("Give the least and the most milliseconds, 0 to %(most)s, the least first."))})

LONGEST = 3_600_000  # an hour

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LONGEST)]
Span = tuple[Milliseconds, Milliseconds]
Replies = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]], msgspec.Meta(max_length=50)]

REPLIES = ["Thank you!", "Great, I am interested.", "How much is it?", "Who is this?", "Can you call me tomorrow?", "👍"]


class Network(StrEnum):
    """on; off: the connection drops and comes back when it is on again; deaf: it looks connected, but nothing gets through."""

    ON = "on"
    OFF = "off"
    DEAF = "deaf"


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times are [least, most] milliseconds, drawn for each message; rates are shares from 0 to 1.

    `read_ms` counts from the delivery, `reply_ms` from the reading. `failure_rate`: messages that the server refuses for good.
    `unanswered_rate`: messages that the server takes without ever saying so. `replies`: what customers answer.
    """

    network: Network = Network.ON
    ack_ms: Span = (20, 80)
    deliver_ms: Span = (200, 1_500)
    read_ms: Span = (1_000, 8_000)
    reply_ms: Span = (3_000, 15_000)
    read_rate: Rate = 0.6
    reply_rate: Rate = 0.08
    failure_rate: Rate = 0.01
    not_on_whatsapp_rate: Rate = 0.02
    unanswered_rate: Rate = 0.0
    replies: Replies = msgspec.field(default_factory=lambda: list(REPLIES))


class KnobChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The knobs to turn; what is left out stays."""

    network: Network | UnsetType = UNSET
    ack_ms: Span | UnsetType = UNSET
    deliver_ms: Span | UnsetType = UNSET
    read_ms: Span | UnsetType = UNSET
    reply_ms: Span | UnsetType = UNSET
    read_rate: Rate | UnsetType = UNSET
    reply_rate: Rate | UnsetType = UNSET
    failure_rate: Rate | UnsetType = UNSET
    not_on_whatsapp_rate: Rate | UnsetType = UNSET
    unanswered_rate: Rate | UnsetType = UNSET
    replies: Replies | UnsetType = UNSET


class _Settings(msgspec.Struct, frozen=True):
    sandbox: Knobs = msgspec.field(default_factory=Knobs)


def knobs_of(settings: str) -> Knobs:
    """The knobs in a session's settings; what is not set has its default."""
    return msgspec.json.decode(settings, type=_Settings).sandbox


def turn(knobs: Knobs, changes: KnobChanges) -> Knobs:
    """The knobs after the changes.

    Raises: Refused("invalid_input") for a span that begins after its end.
    """
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    wrong = [
        FieldError(name, "span_wrong", {"most": LONGEST})
        for name, value in given.items()
        if name.endswith("_ms") and value[0] > value[1]
    ]
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    return msgspec.structs.replace(knobs, **given)


def settings_with(settings: str, knobs: Knobs) -> str:
    """A session's settings with these knobs, everything else as it was."""
    found: dict[str, object] = msgspec.json.decode(settings)
    return msgspec.json.encode(found | {"sandbox": knobs}).decode()
