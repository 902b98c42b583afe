"""The test button: one `webhook.test` event to one endpoint, and how it went."""

from __future__ import annotations

import asyncio

from wame_box.accounts.models import Caller
from wame_box.kernel import ids
from wame_box.kernel.clock import MINUTE, SECOND
from wame_box.kernel.db import Tx
from wame_box.kernel.kernel import Kernel
from wame_box.webhooks import store
from wame_box.webhooks.attempt import Outcome
from wame_box.webhooks.deliver import Deliverer
from wame_box.webhooks.endpoints import find
from wame_box.webhooks.models import TrialResult, WebhookTest

PATIENCE = 10 * SECOND


async def send_test(kernel: Kernel, deliverer: Deliverer, caller: Caller, endpoint_id: int) -> TrialResult:
    """Sends once, also to a disabled endpoint, and waits up to ten seconds for the answer. A failed test is not repeated.

    Raises: Refused("not_found").
    """
    delivery_id = await kernel.db.write(_queue_test, caller, endpoint_id, kernel.config.outbound.timeout * SECOND)
    trial = deliverer.try_now(delivery_id)
    patience = asyncio.ensure_future(kernel.clock.sleep(PATIENCE))
    try:
        await asyncio.wait({trial, patience}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        patience.cancel()
    return _result(delivery_id, trial.result() if trial.done() else None)


def _queue_test(tx: Tx, caller: Caller, endpoint_id: int, timeout: int) -> int:
    endpoint = find(tx, caller.account_id, endpoint_id)
    event = WebhookTest(account_id=caller.account_id, endpoint_id=endpoint.id)
    event_id = tx.emit(event)
    # Due only when the attempt made here must be over: should the box be killed meanwhile, the test still goes out.
    return store.insert_delivery(tx, caller.account_id, endpoint.id, event_id, event.lane(), tx.now + timeout + MINUTE)


def _result(delivery_id: int, outcome: Outcome | None) -> TrialResult:
    public_id = ids.show("dlv", delivery_id)
    if outcome is None:
        return TrialResult(public_id, None)
    return TrialResult(public_id, outcome.delivered, outcome.status_code, outcome.error, outcome.answer, outcome.milliseconds)
