"""The words of the sessions slice: what it refuses, what engines report, and how states read on every page."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from wame_box.kernel.errors import N_, Problem, register
from wame_box.kernel.i18n import gettext
from wame_box.sessions.engines.sandbox.models import PhoneState
from wame_box.sessions.models import EngineKind, Session, SessionState, SessionStatus
from wame_box.sessions.policy import PolicyName, read_policy

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
    "engine_off": N_("This engine is switched off in the settings of the box."),
    "switched_off": N_("You stopped this session."),
}


@dataclass(frozen=True)
class Word:
    """A state as pages show it. `text` is English; `tone` and `icon` are names that `ui.status` knows."""

    text: str
    tone: str
    icon: str

    def __str__(self) -> str:
        return gettext(self.text)


STATUS_WORDS: dict[SessionStatus, Word] = {
    SessionStatus.STARTING: Word(N_("Starting"), "busy", "loader-2"),
    SessionStatus.PAIRING: Word(N_("Waits to be linked"), "busy", "qrcode"),
    SessionStatus.CONNECTED: Word(N_("Connected"), "ok", "plug-connected"),
    SessionStatus.DISCONNECTED: Word(N_("Disconnected"), "warn", "plug-connected-x"),
    SessionStatus.LOGGED_OUT: Word(N_("Logged out"), "bad", "logout"),
    SessionStatus.BANNED: Word(N_("Banned"), "bad", "ban"),
    SessionStatus.STOPPED: Word(N_("Stopped"), "muted", "power"),
}

PHONE_WORDS: dict[PhoneState, Word] = {
    PhoneState.ON: Word(N_("On"), "ok", "device-mobile"),
    PhoneState.OFF: Word(N_("Off"), "muted", "device-mobile-off"),
    PhoneState.LOST: Word(N_("Lost"), "bad", "help-circle"),
    PhoneState.BANNED: Word(N_("Banned"), "bad", "ban"),
}

ENGINE_NAMES: dict[EngineKind, str] = {
    EngineKind.SANDBOX: N_("Sandbox"),
    EngineKind.LINKED: N_("Linked device"),
    EngineKind.CLOUD: N_("Official API"),
}

POLICY_NAMES: dict[PolicyName, str] = {
    PolicyName.CAREFUL: N_("Careful"),
    PolicyName.NORMAL: N_("Normal"),
    PolicyName.CUSTOM: N_("Custom"),
    PolicyName.OFFICIAL: N_("Official"),
    PolicyName.UNPACED: N_("Unpaced"),
}


def status_word(session: Session | SessionState) -> Word:
    return STATUS_WORDS[session.status]


def phone_word(state: PhoneState) -> Word:
    return PHONE_WORDS[state]


def reason_text(reason: str | None) -> str:
    """Why a session is in its status, in the language spoken now; empty without a reason."""
    return gettext(REASONS[reason]) if reason in REASONS else (reason or "")


def engine_name(engine: EngineKind) -> str:
    return gettext(ENGINE_NAMES[engine])


def policy_name(policy: str) -> str:
    """The name of a session's stored policy."""
    return gettext(POLICY_NAMES[read_policy(policy).name])


def pretty(number: str) -> str:
    """The number as its country writes it for foreigners."""
    try:
        return str(phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL))
    except phonenumbers.NumberParseException:
        return number
