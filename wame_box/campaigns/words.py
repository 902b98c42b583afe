"""The codes of the campaigns slice: what it refuses, and why."""

from __future__ import annotations

from wame_box.kernel.errors import N_, Problem, register

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
