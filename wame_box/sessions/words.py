"""The codes of the sessions slice: what it refuses, what engines report, and why a session is in its state."""

from __future__ import annotations

from wame_box.kernel.errors import N_, Problem, register

register(
    {
        "engine_unavailable": Problem(422, N_("This box can't run the engine %(engine)s.")),
        "not_pairing": Problem(409, N_("No QR code is shown now: this session is not being linked.")),
        "not_connected": Problem(409, N_("This session is not connected.")),
        "number_taken": Problem(409, N_("This number is linked to another session already.")),
        "too_many_numbers": Problem(422, N_("At most %(limit)s numbers at once.")),
        "number_wrong": Problem(422, N_("Write the number with + and the country code, such as +33639980001.")),
        # What an engine says about a message (the code of an EngineError, or of a failed receipt).
        "not_on_whatsapp": Problem(422, N_("This number is not on WhatsApp.")),
        "server_refused": Problem(502, N_("WhatsApp's server refused the message.")),
        "connection_lost": Problem(503, N_("The connection to WhatsApp was lost.")),
        "banned": Problem(409, N_("WhatsApp has closed this number.")),
        "media_gone": Problem(410, N_("This file is not on WhatsApp's servers any more.")),
    }
)

# Why a session is in its status. The key is stored and sent to programs; the sentence is translated where it is shown.
REASONS: dict[str, str] = {
    "qr_expired": N_("No phone scanned the code in time."),
    "device_removed": N_("The phone removed this device."),
    "number_taken": N_("This number is linked to another session already."),
    "unlinked": N_("You unlinked this number."),
    "number_banned": N_("WhatsApp has closed this number."),
    "network_lost": N_("The connection was lost. It is being set up again."),
    "deaf": N_("WhatsApp did not answer any more. The connection is being set up again."),
    "engine_failed": N_("The engine broke down. It is being started again."),
    "switched_off": N_("You stopped this session."),
    "box_stopped": N_("The box was stopped."),
}
