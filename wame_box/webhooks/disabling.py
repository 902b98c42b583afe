"""Switching off an endpoint that is gone or dead: its row, the event for the others, and a mail to the account's owners."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from wame_box.accounts import store as accounts
from wame_box.accounts.models import Member
from wame_box.kernel.db import Tx
from wame_box.kernel.i18n import N_, use_language
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.mail import queue_mail
from wame_box.webhooks import store
from wame_box.webhooks.models import DisabledReason, Endpoint, EndpointDisabled

log = structlog.get_logger()

REASON_TEXTS = {
    DisabledReason.BY_MEMBER: N_("It was switched off by hand."),
    DisabledReason.GONE: N_("It answered 410 Gone, which asks to send nothing any more."),
    DisabledReason.FAILING: N_("No delivery succeeded for three days."),
}


def disable(tx: Tx, endpoint: Endpoint, reason: DisabledReason) -> bool:
    """False when it was disabled before. What is pending stays so, and goes out when somebody enables the endpoint again."""
    if not store.disable_endpoint(tx, endpoint.id, reason):
        return False
    log.warning("webhook.endpoint_disabled", account=endpoint.account_id, endpoint=endpoint.public_id, reason=reason)
    tx.emit(
        EndpointDisabled(
            account_id=endpoint.account_id, endpoint_id=endpoint.id, name=endpoint.name, url=endpoint.url, reason=reason
        )
    )
    for owner in accounts.owners(tx, endpoint.account_id):
        _warn(tx, owner, endpoint, reason)
    return True


def _warn(tx: Tx, owner: Member, endpoint: Endpoint, reason: DisabledReason) -> None:
    with use_language(owner.language):
        text = "\n\n".join(
            [
                _("Hello %(name)s,", name=owner.name),
                _(
                    "WaMe Box sends nothing any more to the webhook endpoint %(endpoint)s (%(host)s).",
                    endpoint=endpoint.name,
                    host=urlsplit(endpoint.url).hostname,
                ),
                _(REASON_TEXTS[reason]),
                _("Deliveries that wait are kept. They go out when you enable the endpoint again, on the page Webhooks."),
            ]
        )
        subject = _("Webhook endpoint %(endpoint)s was switched off", endpoint=endpoint.name)
        queue_mail(tx, owner.email, subject, text, endpoint.account_id)
