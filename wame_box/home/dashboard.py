"""The overview: what a new account should do next, today's numbers, what wants a look, what runs. Live."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from wame_box.accounts.models import Caller
from wame_box.accounts.permissions import Scope
from wame_box.campaigns import store as campaigns
from wame_box.home import store
from wame_box.kernel import ids, pages
from wame_box.kernel.errors import N_, Refused
from wame_box.kernel.kernel import Kernel
from wame_box.messaging import words
from wame_box.messaging.local_time import day_start, zone
from wame_box.messaging.waiting import waiting
from wame_box.sessions.models import SessionStatus
from wame_box.sessions.words import REASONS

PageRequest = Request[Any, Any, Any]
Page = Response[Any]

# Why a session of the overview wants a look: its word, and what it means where the session gives no reason of its own.
TROUBLES = {
    SessionStatus.DISCONNECTED: words.Word(N_("Disconnected"), "warn", "plug-connected-x"),
    SessionStatus.LOGGED_OUT: words.Word(N_("Logged out"), "bad", "logout"),
    SessionStatus.BANNED: words.Word(N_("Banned"), "bad", "ban"),
    SessionStatus.PAIRING: words.Word(N_("Waits to be linked"), "busy", "qrcode"),
    SessionStatus.CONNECTED: words.Word(N_("Restricted"), "warn", "alert-triangle"),
}
CAMPAIGN_WORDS = {
    "running": words.Word(N_("Running"), "busy", "player-play"),
    "paused": words.Word(N_("Paused"), "warn", "player-pause"),
    "scheduled": words.Word(N_("Scheduled"), "muted", "calendar"),
}


async def _overview(kernel: Kernel, caller: Caller) -> dict[str, Any]:
    now = kernel.clock.now()
    began = day_start(now, zone(caller.time_zone, "UTC"))
    found = await kernel.db.read(store.overview, caller.account_id, began, now)
    return {
        "overview": found,
        "lines": [(line, waiting(line, now)) for line in found.messages],
        "words": words,
        "troubles": TROUBLES,
        "reasons": REASONS,
        "campaign_words": CAMPAIGN_WORDS,
        "now": now,
    }


@get("/", scope=Scope.ACCOUNT_READ, include_in_schema=False)
async def show_dashboard(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    return pages.render(request, "home/dashboard.html", **await _overview(kernel, caller))


@get("/dashboard/numbers", scope=Scope.ACCOUNT_READ, include_in_schema=False)
async def show_numbers(request: PageRequest, kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    """The part that changes while the page is open."""
    return pages.render(request, "home/numbers.html", **await _overview(kernel, caller))


@get("/batches/{batch_id:str}", scope=Scope.MESSAGES_READ, include_in_schema=False)
async def show_batch(batch_id: FromPath[str], kernel: NamedDependency[Kernel], caller: NamedDependency[Caller]) -> Page:
    """A message knows its batch only; this leads from there to the campaign that made it, or to the batch's messages."""
    campaign = await kernel.db.read(campaigns.campaign_of_batch, caller.account_id, ids.parse("bat", batch_id))
    if campaign is None:
        return pages.redirect(f"/messages?batch={batch_id}")
    if not caller.may(Scope.CAMPAIGNS_READ):
        raise Refused("forbidden")
    return pages.redirect(f"/campaigns/{ids.show('cmp', campaign.id)}")


HANDLERS = [show_dashboard, show_numbers, show_batch]
