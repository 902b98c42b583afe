"""Phone numbers: the spellings people use, the reasons for refusal, country and time zone."""

from __future__ import annotations

import random
import zoneinfo

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from wame_box.contacts import phone
from wame_box.contacts.phone import PhoneError, normalise, pretty, region_of, time_zone_of
from wame_box.kernel.errors import CODES


def refusal(text: str, region: str | None = None) -> str:
    with pytest.raises(PhoneError) as caught:
        normalise(text, region)
    assert caught.value.reason_code in CODES
    return caught.value.reason_code


@pytest.mark.parametrize(
    "text",
    [
        "+33612345678",
        "+33 6 12 34 56 78",
        "+33.6.12.34.56.78",
        "+33-6-12-34-56-78",
        "+33 (0)6 12 34 56 78",
        "0033 6 12 34 56 78",
        "(+33) 612345678",
        "whatsapp:+33612345678",
        "tel:+33-6-12-34-56-78",
        '="+33612345678"',
        "'+33612345678",
        '"+33612345678"',
        "33612345678@s.whatsapp.net",
        "33612345678:12@s.whatsapp.net",
        "33612345678@c.us",
        "  +33\u00a06\u202f12 34‑56 78\u200f ",
        "+٣٣٦١٢٣٤٥٦٧٨",
        "＋３３６１２３４５６７８",
    ],
)
def test_spellings_of_an_international_number(text: str) -> None:
    assert normalise(text, None) == "+33612345678"


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("612345678", "fr", "+33612345678"),
        ("33612345678", "FR", "+33612345678"),
        ("33612345678.0", "FR", "+33612345678"),
        ("(212) 555-0100", "US", "+12125550100"),
        ("1 212 555 0100", "US", "+12125550100"),
        ("011 44 7700 900123", "US", "+447700900123"),
        ("07700 900 123", "GB", "+447700900123"),
        ("447700900123", "FR", "+447700900123"),
        ("0171 3920012", "DE", "+491713920012"),
        ("030/23125 123", "DE", "+493023125123"),
        ("+39 06 1234 5678", None, "+390612345678"),
        ("11 98765-4321", "BR", "+5511987654321"),
    ],
)
def test_national_and_bare_numbers(text: str, region: str | None, expected: str) -> None:
    assert normalise(text, region) == expected


@pytest.mark.parametrize(
    "text",
    [
        "+1 212 555 0100",
        "+1 555 555 0100",
        "+1 555 025 3483",
        "+1 999 555 0142",
        "+44 7700 900000",
        "+44 1632 960999",
        "+33 6 39 98 12 34",
        "+353 20 910 1234",
        "+61 491 570 156",
        "+46 70 174 06 05",
        "+49 152 28817386",
        "+36 20 555 0123",
    ],
)
def test_numbers_kept_for_fiction_are_accepted(text: str) -> None:
    assert normalise(text, None) == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+52 1 55 1234 5678", "+525512345678"),
        ("5215512345678@s.whatsapp.net", "+525512345678"),
        ("551187654321@s.whatsapp.net", "+5511987654321"),
        ("+55 11 8765-4321", "+5511987654321"),
        ("+55 11 3265-4321", "+551132654321"),
    ],
)
def test_old_forms_become_the_form_dialled_today(text: str, expected: str) -> None:
    assert normalise(text, None) == expected


def test_whatsapps_own_address_only_needs_a_country_code() -> None:
    assert normalise("33000000000@s.whatsapp.net", None) == "+33000000000"
    assert refusal("+33000000000") == "phone_invalid"
    assert normalise("22997123456@s.whatsapp.net", None) == "+22997123456"  # Benin before 2024
    assert refusal("+22997123456") == "phone_too_short"
    assert refusal("99912345678@s.whatsapp.net") == "phone_invalid"


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("", None, "phone_empty"),
        ("  '", "FR", "phone_empty"),
        ("+", None, "phone_empty"),
        ("abc", None, "phone_invalid"),
        ("call me", "FR", "phone_invalid"),
        ("0800-FLOWERS", "US", "phone_invalid"),
        ("+33 6 12 34 56 7x", None, "phone_invalid"),
        ("+999 123 456 789", None, "phone_invalid"),
        ("+1 212 055 0100", None, "phone_invalid"),
        ("12345@lid", None, "phone_invalid"),
        ("+33 6 12", None, "phone_too_short"),
        ("12", None, "phone_too_short"),
        ("+33 6 12 34 56 78 90", None, "phone_too_long"),
        ("+336123456781234567", None, "phone_too_long"),
        ("06 12 34 56 78", None, "phone_region_unknown"),
        ("06 12 34 56 78", "ZZ", "phone_region_unknown"),
        ("33612345678", None, "phone_region_unknown"),
        ("3.36E+10", "FR", "phone_scientific"),
        ("3,36123E+10", None, "phone_scientific"),
        ("336E8", None, "phone_scientific"),
    ],
)
def test_refusals_say_why(text: str, region: str | None, reason: str) -> None:
    assert refusal(text, region) == reason


def test_the_quick_way_agrees_with_the_library() -> None:
    rng = random.Random(7)
    quick_answers = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        code = phonenumbers.country_code_for_region(region)
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            for _ in range(12):
                digits = phonenumbers.national_significant_number(example)
                cut = rng.randint(0, 5)
                digits = digits[: len(digits) - cut] + "".join(rng.choice("0123456789") for _ in range(cut))
                for text, home in ((f"+{code}{digits}", None), (f"0{digits}", region)):
                    quick = phone._quick(text, home)
                    if quick is not None:
                        quick_answers += 1
                        assert quick == phone._read(text, home)
    assert quick_answers > 1000


def test_normalising_twice_changes_nothing() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if example:
            e164 = normalise(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164), None)
            assert normalise(pretty(e164), None) == e164


@pytest.mark.parametrize(
    ("e164", "region", "zone"),
    [
        ("+33612345678", "FR", "Europe/Paris"),
        ("+33639981234", "FR", "Europe/Paris"),
        ("+12125550100", "US", "America/New_York"),
        ("+14165550100", "CA", "America/Toronto"),
        ("+15550253483", "US", "America/New_York"),
        ("+447700900123", "GB", "Europe/London"),
        ("+61491570156", "AU", "Australia/Sydney"),
        ("+5511987654321", "BR", "America/Sao_Paulo"),
        ("+351912345678", "PT", "Europe/Lisbon"),
        ("+999", None, None),
        ("nonsense", None, None),
    ],
)
def test_country_and_time_zone(e164: str, region: str | None, zone: str | None) -> None:
    assert region_of(e164) == region
    assert time_zone_of(e164) == zone


def test_every_country_has_a_time_zone_that_exists() -> None:
    zones = zoneinfo.available_timezones()
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE) or phonenumbers.example_number(region)
        assert example is not None
        zone = time_zone_of(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
        assert zone is not None
        assert zone in zones, region


def test_pretty() -> None:
    assert pretty("+33612345678") == "+33 6 12 34 56 78"
    assert pretty("nonsense") == "nonsense"
