"""How the campaigns slice speaks: the codes of what it refuses, and its states and reasons as pages show them."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.campaigns.models import SKIP_TEXTS, STOP_TEXTS, CampaignStatus, SkipReason
from wame_box.kernel.clock import DAY, HOUR, MINUTE, SECOND
from wame_box.kernel.errors import N_, Problem, register
from wame_box.kernel.i18n import gettext, ngettext

register(
    {
        "campaign_session_unknown": Problem(422, N_("There is no such session.")),
        "campaign_list_unknown": Problem(422, N_("There is no such list.")),
        "campaign_no_session": Problem(409, N_("Choose the session that sends before you launch.")),
        "campaign_no_recipients": Problem(409, N_("Nobody would get this campaign. Please look at its audience.")),
        "campaign_not_draft": Problem(409, N_("Only a draft can be changed or deleted. You can duplicate this campaign.")),
        "campaign_schedule_past": Problem(422, N_("This time has passed. Choose a later one, or start at once.")),
        "campaign_schedule_far": Problem(422, N_("A campaign can be scheduled for at most %(days)s days ahead.")),
        "campaign_not_launched": Problem(409, N_("This campaign was not launched yet.")),
        "campaign_type_other": Problem(422, N_("A campaign of the type %(type)s takes no object of this name.")),
        "campaign_type_missing": Problem(422, N_("A campaign of the type %(type)s needs an object of that name.")),
        "campaign_contact_elsewhere": Problem(404, N_("This contact does not belong to the campaign's audience.")),
    }
)


@dataclass(frozen=True)
class Word:
    """A state as pages show it. `text` is English; `tone` and `icon` are names that `ui.status` knows."""

    text: str
    tone: str
    icon: str

    def __str__(self) -> str:
        return gettext(self.text)


STATUS_WORDS: dict[CampaignStatus, Word] = {
    CampaignStatus.DRAFT: Word(N_("Draft"), "muted", "pencil"),
    CampaignStatus.SCHEDULED: Word(N_("Scheduled"), "accent", "calendar-event"),
    CampaignStatus.RUNNING: Word(N_("Running"), "busy", "player-play"),
    CampaignStatus.PAUSED: Word(N_("Paused"), "warn", "player-pause"),
    CampaignStatus.FINISHED: Word(N_("Finished"), "ok", "circle-check"),
    CampaignStatus.STOPPED: Word(N_("Stopped"), "muted", "player-stop"),
}

# What the recipients' table can be narrowed to: keys of people_store.RECIPIENT_FILTERS.
RECIPIENT_WORDS: dict[str, str] = {
    "waiting": N_("Not sent yet"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "read": N_("Read"),
    "replied": N_("Replied"),
    "failed": N_("Failed"),
    "cancelled": N_("Cancelled"),
}


def skip_text(reason: str) -> str:
    """Why somebody gets nothing, in the language spoken now."""
    try:
        return gettext(SKIP_TEXTS[SkipReason(reason)])
    except ValueError:
        return reason


def stop_text(reason: str | None) -> str:
    """Why a campaign was stopped by itself; empty without a reason."""
    return gettext(STOP_TEXTS[reason]) if reason in STOP_TEXTS else reason or ""


def span_text(at_least: int, at_most: int) -> str:
    """How long something takes, in seconds from and to, as people say it: `about 12 days`, `3 hours to 5 hours`."""
    if at_most < MINUTE // SECOND:
        return gettext("less than a minute")
    unit = next((unit for unit in (DAY, HOUR) if at_most * SECOND >= 2 * unit), MINUTE)
    low, high = at_least * SECOND // unit, -(-at_most * SECOND // unit)
    if high - low <= 1:
        return gettext("about %(time)s", time=_time_text(unit, high))
    if low == 0:
        return gettext("at most %(time)s", time=_time_text(unit, high))
    return gettext("%(least)s to %(most)s", least=_time_text(unit, low), most=_time_text(unit, high))


def _time_text(unit: int, number: int) -> str:
    if unit == DAY:
        return ngettext("%(num)s day", "%(num)s days", number)
    if unit == HOUR:
        return ngettext("%(num)s hour", "%(num)s hours", number)
    return ngettext("%(num)s minute", "%(num)s minutes", number)
