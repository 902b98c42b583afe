"""Words of contacts as pages show them, in the language spoken now."""

from __future__ import annotations

from functools import cache

from babel import Locale

from wame_box.contacts.models import ACTIVITY_WORDS, CONSENT_WORDS, SOURCE_WORDS, ActivityKind, Consent, Contact
from wame_box.contacts.phone import pretty
from wame_box.kernel import i18n
from wame_box.kernel.i18n import gettext

__all__ = ["pretty"]

CONSENT_TONES = {Consent.NONE: "muted", Consent.OPTED_IN: "ok", Consent.OPTED_OUT: "bad"}
CONSENT_ICONS = {Consent.NONE: "circle-dashed", Consent.OPTED_IN: "user-check", Consent.OPTED_OUT: "user-x"}
ACTIVITY_ICONS = {
    ActivityKind.SENT: "send",
    ActivityKind.DELIVERED: "checks",
    ActivityKind.READ: "eye",
    ActivityKind.REPLIED: "message-reply",
    ActivityKind.CLICKED: "link",
}


def consent(one: Consent) -> str:
    return gettext(CONSENT_WORDS[one])


def consent_tone(one: Consent) -> str:
    return CONSENT_TONES[one]


def consent_icon(one: Consent) -> str:
    return CONSENT_ICONS[one]


def consents() -> list[tuple[str, str]]:
    """To choose from."""
    return [(one.value, consent(one)) for one in Consent]


def source(text: str) -> str:
    """The box's own sources in words; the customer's own as they are."""
    return gettext(SOURCE_WORDS[text]) if text in SOURCE_WORDS else text


def activity(kind: ActivityKind) -> str:
    return gettext(ACTIVITY_WORDS[kind])


def activity_icon(kind: ActivityKind) -> str:
    return ACTIVITY_ICONS[kind]


def who(row: Contact) -> str:
    """The name, or the number of somebody without one."""
    return row.name or pretty(row.address)


def details(row: Contact) -> str:
    """The first attributes in one line."""
    return " · ".join(list(row.attributes.values())[:3])


def languages() -> list[tuple[str, str]]:
    """(code, name) of the languages a person may speak."""
    return list(_languages(i18n.language()))


@cache
def _languages(spoken: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(spoken).languages.items()
    return tuple(sorted(((code, name) for code, name in names if len(code) == 2), key=lambda pair: pair[1].casefold()))


def language(code: str | None) -> str:
    return dict(languages()).get(code, code) if code else ""
