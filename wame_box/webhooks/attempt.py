"""One attempt: sign, send, and judge what came back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from wame_box.kernel.errors import N_, Refused
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.outbound_http import OUTBOUND_ERRORS, Answer, OutboundError
from wame_box.webhooks import payloads, schedule
from wame_box.webhooks.models import DeliveryStatus, Endpoint, WebhookTest
from wame_box.webhooks.store import Due

log = structlog.get_logger()

Chance = Callable[[], float]
GONE = 410
ASKED_TO_WAIT = (429, 503)

# What an attempt without a good answer failed of: `error` of deliveries and attempts.
ATTEMPT_ERRORS = OUTBOUND_ERRORS | {
    "redirected": N_("The server answered with a redirect, which is never followed. Enter the final address."),
    "refused": N_("The address is not allowed."),
    "internal": N_("The attempt failed inside the box. The incident is in its log."),
}


@dataclass(frozen=True)
class Outcome:
    """How an attempt went and what follows: `status` of the delivery, its `next_at` while pending. Times in ms."""

    endpoint_id: int
    due: Due
    at: int
    status: DeliveryStatus
    next_at: int
    status_code: int | None
    error: str | None
    answer: str
    milliseconds: int
    retry_after: int | None

    @property
    def delivered(self) -> bool:
        return self.status is DeliveryStatus.DELIVERED

    @property
    def is_test(self) -> bool:
        return self.due.type == WebhookTest.type

    @property
    def asks_to_wait(self) -> bool:
        return self.status_code in ASKED_TO_WAIT and self.retry_after is not None


async def send(kernel: Kernel, endpoint: Endpoint, due: Due, chance: Chance) -> Outcome:
    """Never raises but CancelledError: whatever goes wrong is an outcome."""
    at, started = kernel.clock.now(), time.perf_counter()
    error, answer = "", Answer(0, {}, "", 0)
    try:
        content = payloads.body(due.event)
        headers = payloads.headers(endpoint.secret, due.event_id, at, content)
        answer = await kernel.http.post(endpoint.url, content, headers, float(kernel.config.outbound.timeout))
    except OutboundError as failure:
        error = failure.code
    except Refused:
        error = "refused"
    except Exception:
        log.exception("webhook.attempt_broke", endpoint=endpoint.public_id, delivery=due.id)
        error = "internal"
    milliseconds = round((time.perf_counter() - started) * 1000)
    return judge(endpoint.id, due, at, kernel.clock.now(), answer, error, milliseconds, chance())


def judge(endpoint_id: int, due: Due, at: int, now: int, answer: Answer, error: str, milliseconds: int, chance: float) -> Outcome:
    """2xx is delivered; all else waits for its next attempt, unless that was the last one, a test, or the receiver is gone."""
    if 300 <= answer.status < 400:
        error = "redirected"
    asked = answer.headers.get("retry-after")
    retry_after = schedule.read_retry_after(asked, now) if asked else None
    status, next_at = DeliveryStatus.DELIVERED, now
    if not 200 <= answer.status < 300:
        wait = schedule.wait_after(due.attempts + 1, chance, retry_after)
        over = wait is None or answer.status == GONE or due.type == WebhookTest.type
        status = DeliveryStatus.FAILED if over else DeliveryStatus.PENDING
        next_at = now + (wait or 0)
    return Outcome(
        endpoint_id,
        due,
        at,
        status,
        next_at,
        answer.status or None,
        error or None,
        answer.body_excerpt,
        milliseconds,
        retry_after,
    )
