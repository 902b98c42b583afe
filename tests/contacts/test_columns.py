"""Guessing what a column is; the mapping's rules."""

from __future__ import annotations

import pytest

from wame_box.contacts.columns import MAX_ATTRIBUTES, check_mapping, guess_mapping, letters, looks_like_phone, slug
from wame_box.kernel.errors import CODES, Refused

ROW = ["x"] * 12


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["Name", "Phone", "Email"], ["name", "phone", "attribute:email"]),
        (["Full Name", "Mobile_Number", "lang"], ["name", "phone", "language"]),
        (["Nom", "Prénom", "Téléphone portable"], ["attribute:last_name", "attribute:first_name", "phone"]),
        (["Nom complet", "N° téléphone", "Langue"], ["name", "phone", "language"]),
        (["NOM", "TÉL.", "Source du consentement"], ["name", "phone", "consent_source"]),
        (["Nombre", "Apellidos", "Móvil"], ["attribute:first_name", "attribute:last_name", "phone"]),
        (["Nombre completo", "Teléfono", "Idioma"], ["name", "phone", "language"]),
        (["First name", "Surname", "WhatsApp"], ["attribute:first_name", "attribute:last_name", "phone"]),
        (["Phone", "Opt-in source", "City", "city"], ["phone", "consent_source", "attribute:city", "attribute:city_2"]),
        (["Город", "Phone", "العنوان"], ["attribute:город", "phone", "attribute:العنوان"]),
    ],
)
def test_header_words(columns: list[str], expected: list[str]) -> None:
    assert guess_mapping(columns, [ROW]) == expected


def test_of_two_phone_columns_the_one_with_numbers_wins() -> None:
    samples = [["", "+33 6 39 98 12 34"], ["n/a", "0639981235"]]
    assert guess_mapping(["Phone", "Mobile"], samples) == ["attribute:phone", "phone"]


def test_values_tell_a_phone_column_without_a_name() -> None:
    assert guess_mapping(["Client", "Ref"], [["Ann", "+33639981234"], ["Bob", "3.36E+10"]]) == ["attribute:client", "phone"]


def test_empty_columns_are_ignored_and_nameless_ones_kept() -> None:
    assert guess_mapping(["phone", "", ""], [["+33639981234", "", "red"]]) == ["phone", "ignore", "attribute:column_3"]


def test_at_most_fifty_attributes_are_guessed() -> None:
    mapping = guess_mapping(["phone", *(f"c{number}" for number in range(60))], [["x"] * 61])
    assert sum(field.startswith("attribute:") for field in mapping) == MAX_ATTRIBUTES
    assert mapping[-1] == "ignore"
    check_mapping(mapping, 61)


def test_slugs() -> None:
    assert slug("  Prénom du client !") == "prenom_du_client"
    assert slug("E-mail (work)") == "e_mail_work"
    assert slug("🙂") == ""
    assert len(slug("x" * 200)) == 64
    assert slug(slug("Ünïcode Straße")) == slug("Ünïcode Straße")


def test_letters() -> None:
    assert letters(3) == ["A", "B", "C"]
    assert letters(28)[-2:] == ["AA", "AB"]


@pytest.mark.parametrize(
    "cell", ["+33 6 39 98 12 34", "0639981234", '="+33639981234"', "(212) 555-0100", "3.36E+10", "33639981234@c.us"]
)
def test_cells_like_phones(cell: str) -> None:
    assert looks_like_phone(cell)


@pytest.mark.parametrize("cell", ["", "phone", "12", "Ann 0639981234", "2024-01", "a@b.example"])
def test_cells_unlike_phones(cell: str) -> None:
    assert not looks_like_phone(cell)


@pytest.mark.parametrize(
    ("mapping", "columns", "code"),
    [
        (["phone"], 2, "mapping_wrong_length"),
        (["name", "ignore"], 2, "mapping_phone_missing"),
        (["phone", "phone"], 2, "mapping_field_twice"),
        (["phone", "attribute:a", "attribute:a"], 3, "mapping_field_twice"),
        (["phone", "shoe_size"], 2, "mapping_field_unknown"),
        (["phone", "attribute:"], 2, "mapping_field_unknown"),
        (["phone", "attribute:Not A Key"], 2, "mapping_field_unknown"),
        (["phone", *(f"attribute:c{number}" for number in range(51))], 52, "mapping_too_many_attributes"),
    ],
)
def test_mappings_refused(mapping: list[str], columns: int, code: str) -> None:
    with pytest.raises(Refused) as caught:
        check_mapping(mapping, columns)
    assert caught.value.code == code
    assert code in CODES
