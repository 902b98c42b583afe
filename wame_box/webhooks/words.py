"""How the state of endpoints and deliveries reads: word, colour and icon, the same on every page."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.kernel.i18n import N_
from wame_box.kernel.i18n import gettext as _
from wame_box.webhooks.attempt import ATTEMPT_ERRORS
from wame_box.webhooks.models import Delivery, DeliveryStatus, Endpoint, EndpointStatus


@dataclass(frozen=True)
class Word:
    """A state as pages show it. `text` is English; `tone` and `icon` are names that `ui.status` knows."""

    text: str
    tone: str
    icon: str

    def __str__(self) -> str:
        return _(self.text)


DELIVERY_WORDS: dict[DeliveryStatus, Word] = {
    DeliveryStatus.PENDING: Word(N_("Waiting"), "busy", "clock"),
    DeliveryStatus.DELIVERED: Word(N_("Delivered"), "ok", "circle-check"),
    DeliveryStatus.FAILED: Word(N_("Failed"), "bad", "circle-x"),
    DeliveryStatus.DROPPED: Word(N_("Dropped"), "warn", "trash"),
}
RETRYING = Word(N_("Retrying"), "warn", "repeat")
ENABLED = Word(N_("On"), "ok", "circle-check")
FAILING = Word(N_("Failing"), "warn", "alert-triangle")
DISABLED = Word(N_("Off"), "muted", "circle-minus")


def delivery_word(delivery: Delivery) -> Word:
    """One that failed and is tried again says so."""
    if delivery.status is DeliveryStatus.PENDING and delivery.attempts:
        return RETRYING
    return DELIVERY_WORDS[delivery.status]


def endpoint_word(endpoint: Endpoint) -> Word:
    if endpoint.status is EndpointStatus.DISABLED:
        return DISABLED
    return FAILING if endpoint.failing_since else ENABLED


def error_text(error: str | None) -> str:
    """The sentence of an attempt's error code, in the language spoken now."""
    return _(ATTEMPT_ERRORS[error]) if error in ATTEMPT_ERRORS else (error or "")


def result_text(status_code: int | None, error: str | None) -> str:
    """How an attempt went, short: the code that came back, else what failed."""
    return str(status_code) if status_code else error_text(error)
