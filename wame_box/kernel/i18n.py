"""The three languages of the box: the catalogues, whose language it is now, and dates and numbers as written there.

A text marked for translation always goes through `%` formatting: placeholders are `%(name)s`, a plain percent sign is `%%`.
`packaging/translations.py` keeps the catalogues and checks all of this.
"""

import gettext as gnu
import io
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from wame_box.kernel.errors import N_
from wame_box.kernel.paths import asset_dir

__all__ = ["DEFAULT", "LANGUAGES", "N_", "gettext", "ngettext", "speak", "use_language"]

LANGUAGES = {"en": "English", "fr": "Français", "es": "Español"}
DEFAULT = "en"

Style = Literal["short", "medium", "long", "full"]

_language: ContextVar[str] = ContextVar("language", default=DEFAULT)
_zone: ContextVar[str] = ContextVar("zone", default="UTC")


@contextmanager
def use_language(language: str, zone: str | None = None) -> Iterator[None]:
    """Speak this language, and show times in this zone, inside the block (and in the tasks and threads it starts).

    What the box does not speak becomes English; a zone it does not know becomes UTC, None keeps the zone of outside.
    """
    before, before_zone = _language.get(), _zone.get()
    speak(language, zone)
    try:
        yield
    finally:
        _language.set(before)
        _zone.set(before_zone)


def speak(language: str, zone: str | None = None) -> None:
    """As `use_language`, until the end of this task: for a request, once it is known who asks."""
    _language.set(language if language in LANGUAGES else DEFAULT)
    if zone is not None:
        _zone.set(zone if is_time_zone(zone) else "UTC")


def language() -> str:
    """The language spoken now: a key of LANGUAGES."""
    return _language.get()


def time_zone() -> str:
    """The IANA name of the zone in which times are shown now."""
    return _zone.get()


def gettext(text: str, /, **params: object) -> str:
    """The text in the language spoken now, with its placeholders filled."""
    return translations(_language.get()).gettext(text) % params


def ngettext(one: str, many: str, num: int, /, **params: object) -> str:
    """The singular or plural for `num`, which is also the placeholder `%(num)s`, written as the language writes it."""
    found = translations(_language.get()).ngettext(one, many, num)
    return found % {"num": show_number(num), **params}


@cache
def translations(language: str) -> gnu.NullTranslations:
    """The catalogue of a language, compiled from its .po at the first use. What it lacks stays English."""
    path = asset_dir() / "locales" / language / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return gnu.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gnu.GNUTranslations(compiled)


def best_language(accept_language: str) -> str:
    """The language of the box that suits a browser's Accept-Language best; English when none does."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        tag, _, weight = part.partition(";")
        spoken = tag.strip().lower().partition("-")[0]
        if spoken in LANGUAGES:
            wanted.append((_weight(weight), spoken))
    best = max(wanted, key=lambda item: item[0], default=(0.0, DEFAULT))
    return best[1] if best[0] > 0 else DEFAULT


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=")) if text.strip() else 1.0
    except ValueError:
        return 0.0


def is_time_zone(name: str) -> bool:
    """Whether the name is an IANA time zone such as `Africa/Douala`."""
    return name in _known_zones()


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(time_zones())  # asked at every request


@cache
def time_zones() -> tuple[str, ...]:
    """The zones to choose from, sorted: regions with a city, and UTC."""
    odd = ("Etc/", "SystemV/", "posix/", "right/")
    return tuple(
        sorted(name for name in zoneinfo.available_timezones() if name == "UTC" or ("/" in name and not name.startswith(odd)))
    )


def show_datetime(moment: int, style: Style = "medium", zone: str | None = None) -> str:
    """Date and time of milliseconds UTC, in the zone of now or the one given. `short` is a medium date without seconds: an all
    numeric date reads differently on both sides of the Atlantic."""
    if style == "short":
        joined = str(dates.get_datetime_format("medium", locale=_locale()))
        return joined.replace("{1}", show_date(moment, zone=zone)).replace("{0}", show_time(moment, zone=zone)).replace("'", "")
    return dates.format_datetime(_local(moment, zone), style, locale=_locale())


def show_date(moment: int, style: Style = "medium", zone: str | None = None) -> str:
    """The date of milliseconds UTC, in the zone of now or the one given."""
    return dates.format_date(_local(moment, zone).date(), style, locale=_locale())


def show_time(moment: int, style: Style = "short", zone: str | None = None) -> str:
    """The time of day of milliseconds UTC, in the zone of now or the one given."""
    return dates.format_time(_local(moment, zone), style, locale=_locale())


def show_relative(moment: int, now: int) -> str:
    """`3 minutes ago`, `in 2 hours`: between two times in milliseconds."""
    return dates.format_timedelta(
        timedelta(milliseconds=moment - now), granularity="second", threshold=0.9, add_direction=True, locale=_locale()
    )


def show_duration(milliseconds: int) -> str:
    """`3 minutes`: the largest unit that fits, rounded."""
    return dates.format_timedelta(timedelta(milliseconds=milliseconds), threshold=0.9, locale=_locale())


def show_number(number: int | float, decimals: int | None = None) -> str:
    """A number with the language's separators; `decimals` fixes the places after the point."""
    shape = None if decimals is None else "#,##0" + ("." + "0" * decimals if decimals else "")
    return numbers.format_decimal(number, shape, locale=_locale())


def show_percent(share: float, decimals: int = 0) -> str:
    """`0.255` as 26 % in the language's way."""
    # The language's own pattern knows its spacing; only the places change.
    return numbers.format_percent(share, _percent_shape(_language.get(), decimals), locale=_locale())


@cache
def _percent_shape(language: str, decimals: int) -> str:
    shape: str = _locale_of(language).percent_formats[None].pattern
    return shape.replace("#,##0", "#,##0" + ("." + "0" * decimals if decimals else ""))


def _local(moment: int, zone: str | None) -> datetime:
    name = zone if zone is not None and is_time_zone(zone) else _zone.get()
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone(zoneinfo.ZoneInfo(name))


def _locale() -> Locale:
    return _locale_of(_language.get())


@cache
def _locale_of(language: str) -> Locale:
    return Locale.parse(language)


def regions() -> list[tuple[str, str]]:
    """(ISO 3166 code, name in the language spoken now) of every country, sorted by name."""
    names = ((code, name) for code, name in _locale().territories.items() if len(code) == 2 and code not in NO_COUNTRY)
    return sorted(names, key=lambda pair: pair[1].casefold())


NO_COUNTRY = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
