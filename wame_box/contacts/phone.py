"""Phone numbers: from whatever people type to E.164, and what a number says about its country and time zone.

A number is accepted when the numbering plan knows it (`is_valid`), or when it lies in a range kept for fiction and tests, which
the plan rightly does not know: demos and examples must work and must ring at nobody's. An address that WhatsApp itself gave
(`33612345678@s.whatsapp.net`) only needs a country code: WhatsApp knows newer ranges, and older ones, than the box's plan.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, timezone

from wame_box.kernel.errors import N_, Problem, register

register(
    {
        "phone_empty": Problem(422, N_("The phone number is missing.")),
        "phone_invalid": Problem(422, N_("This is not a phone number that exists.")),
        "phone_too_short": Problem(422, N_("The phone number is too short.")),
        "phone_too_long": Problem(422, N_("The phone number is too long.")),
        "phone_region_unknown": Problem(
            422, N_("The phone number has no country. Write it with + and the country code, or choose a default country.")
        ),
        "phone_scientific": Problem(
            422, N_("A spreadsheet has rounded this phone number. Format the column as text and export it again.")
        ),
    }
)


class PhoneError(Exception):
    """A text that is no usable number. `reason_code` is one of the `phone_…` codes of the catalogue."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


_WRAPPING = re.compile(r"^(?:whatsapp:|tel:|=)+", re.IGNORECASE)
_ADDRESS = re.compile(r"^\+?(\d{5,20})(?:[.:]\d+)*@(?:s\.whatsapp\.net|c\.us)$", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"^\+?\d+(?:[.,]\d*)?e\+?\d+$", re.IGNORECASE)
_FLOAT_TAIL = re.compile(r"(?<=\d{7})[.,]0$")
_SEPARATORS = re.compile(r"[\s.\-()\[\]/·_]+")
_READABLE = re.compile(r"\+?[0-9]+")

# Ranges for fiction and tests that the numbering plan calls invalid. North America: 555-01xx in any area code, and area code 555,
# which Meta gives to test numbers. United Kingdom (Ofcom): 07700 900, 01632 960, 03069 990. France (ARCEP): 06 39 98.
# Ireland (ComReg): 020 91. The ranges of Australia, Germany, Hungary and Sweden are valid in the plan.
_FICTION = re.compile(r"\+1(?:\d{3}55501\d{2}|555\d{7})|\+44(?:7700900|1632960|3069990)\d{3}|\+3363998\d{4}|\+3532091\d{5}")

# The zone most people of the country live in, where the number's prefix leaves a choice.
_MAIN_ZONES = {
    "AQ": "Antarctica/McMurdo", "AR": "America/Argentina/Buenos_Aires", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
    "CA": "America/Toronto", "CD": "Africa/Kinshasa", "CL": "America/Santiago", "CN": "Asia/Shanghai", "CY": "Asia/Nicosia",
    "EC": "America/Guayaquil", "ES": "Europe/Madrid", "FI": "Europe/Helsinki", "FM": "Pacific/Pohnpei", "GB": "Europe/London",
    "GL": "America/Nuuk", "ID": "Asia/Jakarta", "IE": "Europe/Dublin", "IT": "Europe/Rome", "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty", "MH": "Pacific/Majuro", "MN": "Asia/Ulaanbaatar", "MX": "America/Mexico_City", "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland", "PF": "Pacific/Tahiti", "PG": "Pacific/Port_Moresby", "PS": "Asia/Gaza", "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow", "UA": "Europe/Kyiv", "US": "America/New_York", "UZ": "Asia/Tashkent", "VA": "Europe/Rome",
}  # fmt: skip


def normalise(text: str, region: str | None) -> str:
    """The E.164 form (`+33612345678`) of a number as people and programs write it.

    `region`: ISO 3166 code of the country whose national numbers are meant (`FR`), None when a number must name its own.
    Eleven digits and more without a +, which are no national number of that country, are read with their country code.
    Raises: PhoneError.
    """
    cleaned, from_whatsapp = _clean(text)
    home = region.upper() if region and region.upper() in phonenumbers.SUPPORTED_REGIONS else None
    quick = _quick(cleaned, home)
    if quick is not None:
        return quick
    if cleaned.startswith("+"):
        return _read(cleaned, None, lenient=from_whatsapp)
    if home is None:
        raise PhoneError("phone_region_unknown" if len(cleaned) >= 5 else "phone_too_short")
    try:
        return _read(cleaned, home)
    except PhoneError:
        if len(cleaned) < 11 or cleaned.startswith("0"):
            raise
    return _read("+" + cleaned, None)


def _clean(text: str) -> tuple[str, bool]:
    """Digits with or without a leading +, and whether the text was one of WhatsApp's own addresses."""
    if not text.isascii():
        text = "".join(_plain(character) for character in unicodedata.normalize("NFKC", text))
    text = _WRAPPING.sub("", text.strip().strip("'")).strip("\"' ")
    if not text:
        raise PhoneError("phone_empty")
    if address := _ADDRESS.match(text):
        return "+" + address[1], True
    if _SCIENTIFIC.match(text):
        raise PhoneError("phone_scientific")
    text = _SEPARATORS.sub("", _FLOAT_TAIL.sub("", text))
    if text.startswith("00"):
        text = "+" + text[2:]
    if not _READABLE.fullmatch(text):
        raise PhoneError("phone_invalid" if text.strip("+") else "phone_empty")
    return text, False


def _plain(character: str) -> str:
    """ASCII for the digits of any script and for typographic dashes; nothing for invisible marks."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return {"Pd": "-", "Cf": "", "Zs": " "}.get(category, character)


@cache
def _mobiles_of_code(code: str) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    """Patterns of a country code's mobile numbers, and of what could be a national prefix before them; None for no code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code and code[0] != "0" else ()
    plans = [plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region)) and not plan.leading_digits]
    mobiles = [plan.mobile.national_number_pattern or "" for plan in plans if plan.mobile]
    if not mobiles:
        return None
    return re.compile("|".join(filter(None, mobiles))), re.compile(plans[0].national_prefix_for_parsing or "(?!)")


@cache
def _mobiles_at_home(region: str) -> tuple[int, re.Pattern[str]] | None:
    """Country code and pattern of the mobile numbers of a country where people write them with a 0 before."""
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None or plan.mobile is None or plan.leading_digits or plan.national_prefix_for_parsing != "0":
        return None
    return phonenumbers.country_code_for_region(region), re.compile(plan.mobile.national_number_pattern or "(?!)")


def _quick(cleaned: str, home: str | None) -> str | None:
    """The answer for a plain mobile number in a tenth of the time of the library's parser; None when in any doubt."""
    if cleaned[0] == "0":
        at_home = _mobiles_at_home(home) if home else None
        e164 = f"+{at_home[0]}{cleaned[1:]}" if at_home else ""
        return e164 if at_home and (at_home[1].fullmatch(cleaned, 1) or _FICTION.fullmatch(e164)) else None
    if cleaned[0] != "+":
        return None
    if _FICTION.fullmatch(cleaned):
        return cleaned
    for end in (2, 3, 4):
        patterns = _mobiles_of_code(cleaned[1:end])
        if patterns is not None:
            mobile, prefix = patterns
            return cleaned if mobile.fullmatch(cleaned, end) and not prefix.match(cleaned, end) else None
    return None


def _read(cleaned: str, region: str | None, lenient: bool = False) -> str:
    try:
        number = phonenumbers.parse(cleaned, region)
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        modern = _modern(e164)
        if modern != e164:
            number, e164 = phonenumbers.parse(modern, None), modern
    except phonenumbers.NumberParseException as error:
        raise PhoneError(_PARSE_REASONS.get(error.error_type, "phone_invalid")) from None
    if lenient or phonenumbers.is_valid_number(number) or _FICTION.fullmatch(e164):
        return e164
    possible = phonenumbers.is_possible_number_with_reason(number)
    raise PhoneError(_LENGTH_REASONS.get(possible, "phone_invalid"))


def _modern(e164: str) -> str:
    """The same number as it is dialled today. WhatsApp and old address books still use other forms.

    Mexico: without the 1 after the country code. Brazil: mobile numbers with their ninth digit.
    """
    if e164.startswith("+521") and len(e164) == 14:
        return "+52" + e164[4:]
    if e164.startswith("+55") and len(e164) == 13 and e164[5] in "6789":
        return f"{e164[:5]}9{e164[5:]}"
    return e164


_PARSE_REASONS = {
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "phone_too_short",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "phone_too_short",
    phonenumbers.NumberParseException.TOO_LONG: "phone_too_long",
}
_LENGTH_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "phone_too_short",
    phonenumbers.ValidationResult.TOO_LONG: "phone_too_long",
}


@lru_cache(maxsize=4096)
def region_of(e164: str) -> str | None:
    """ISO 3166 code of the number's country (the largest one of a shared code when in doubt), None for none."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
    region: str | None = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=4096)
def time_zone_of(e164: str) -> str | None:
    """IANA name of the time zone where the number's owner most likely is; None when the number says nothing.

    From the prefix where it names one zone (half a megabyte of data), else the main zone of the country.
    """
    region = region_of(e164)
    if region is None:
        return None
    zones = timezone.time_zones_for_geographical_number(phonenumbers.parse(e164, None))
    known = [zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE]
    if len(known) == 1:
        return str(known[0])
    return _MAIN_ZONES.get(region) or (str(known[0]) if known else None)


def pretty(e164: str) -> str:
    """The number as its country writes it for foreigners: `+33 6 12 34 56 78`; unchanged when it can't be read."""
    try:
        return str(phonenumbers.format_number(phonenumbers.parse(e164, None), PhoneNumberFormat.INTERNATIONAL))
    except phonenumbers.NumberParseException:
        return e164
