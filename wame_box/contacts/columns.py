"""Columns of an import: which field each one is, guessed from its header and its values; the keys of attributes.

A mapping is a list as long as the file's columns. Each entry is `phone`, `name`, `language`, `consent_source`, `ignore` or
`attribute:<key>`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from wame_box.kernel.errors import N_, Problem, Refused, register

PHONE, NAME, LANGUAGE, CONSENT_SOURCE, IGNORE = "phone", "name", "language", "consent_source", "ignore"
SINGLE_FIELDS = (PHONE, NAME, LANGUAGE, CONSENT_SOURCE)
ATTRIBUTE = "attribute:"
MAX_ATTRIBUTES = 50
MAX_KEY = 64
MAX_VALUE = 1000
FIRST_NAME, LAST_NAME = ATTRIBUTE + "first_name", ATTRIBUTE + "last_name"

register(
    {
        "mapping_wrong_length": Problem(422, N_("The file has %(columns)s columns, but %(given)s were assigned.")),
        "mapping_phone_missing": Problem(422, N_("Choose the column that holds the phone number.")),
        "mapping_field_twice": Problem(422, N_("The field %(field)s is assigned to two columns.")),
        "mapping_field_unknown": Problem(422, N_("There is no field %(field)s.")),
        "mapping_too_many_attributes": Problem(422, N_("A contact has at most %(limit)s attributes.")),
    }
)

_WORDS = {
    PHONE: """phone; phone number; phones; telephone; telephone number; tel; tel no; mobile; mobile number; mobile phone; cell;
        cell phone; cellphone; cell number; whatsapp; whatsapp number; whatsapp phone; wa number; msisdn; number; contact number;
        phone 1 value; primary phone; numero; numero de telephone; n telephone; no de telephone; num tel; no tel; portable;
        tel portable; telephone portable; telephone mobile; gsm; numero whatsapp; telefono; telefono movil; movil; celular;
        numero de telefono; numero de celular; numero de whatsapp; telefone; handy; telefon; telefonnummer; handynummer""",
    NAME: """name; full name; fullname; display name; contact; contact name; customer; customer name; client name; nom;
        nom complet; nom et prenom; prenom et nom; nom prenom; nom du client; nombre; nombre completo;
        nombre y apellidos; cliente; nome""",
    FIRST_NAME: "first name; firstname; given name; forename; prenom; nombre de pila; primer nombre; vorname",
    LAST_NAME: """last name; lastname; surname; family name; nom de famille; apellido; apellidos; primer apellido; nachname""",
    LANGUAGE: "language; lang; locale; preferred language; langue; langue preferee; idioma; idioma preferido; lengua; sprache",
    CONSENT_SOURCE: """consent source; consent; opt in; optin; opt in source; optin source; source of consent; consentement;
        source du consentement; origine du consentement; source consentement; consentimiento; fuente del consentimiento;
        origen del consentimiento; fuente de consentimiento""",
}
_NOT_WORDS = re.compile(r"[\W_]+")
_FIELD_OF_WORDS = {" ".join(word.split()): field for field, words in _WORDS.items() for word in words.split(";")}
_PHONE_LIKE = re.compile(r"""['"=]*\+?(?:[\s().\-/]*\d){7,20}['"]*|\d[.,]\d+e\+?\d+|\d{7,20}@.*""", re.IGNORECASE)


def slug(header: str) -> str:
    """An attribute's key: `Prénom du client` → `prenom_du_client`. Letters of any script, digits, `_`; at most 64. May be ""."""
    decomposed = unicodedata.normalize("NFKD", header.casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))
    return _NOT_WORDS.sub("_", plain).strip("_")[:MAX_KEY].rstrip("_")


def looks_like_phone(cell: str) -> bool:
    """Whether a cell could be a number, right or wrong: seven digits and more with their punctuation."""
    return bool(_PHONE_LIKE.fullmatch(cell.strip()))


def letters(count: int) -> list[str]:
    """Names for columns without a header, as spreadsheets give them: A, B … Z, AA, AB …"""
    names = []
    for number in range(count):
        name = ""
        while number >= 0:
            name = chr(ord("A") + number % 26) + name
            number = number // 26 - 1
        names.append(name)
    return names


def guess_mapping(columns: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """The likely field of each column, from the words of its header in English, French or Spanish, and from its cells."""
    fields = [_FIELD_OF_WORDS.get(slug(column).replace("_", " "), "") for column in columns]
    fields = _one_phone(fields, [_share_of_phones(samples, index) for index in range(len(columns))])
    fields = _name_parts(fields)
    taken: set[str] = set()
    mapping = []
    for index, column in enumerate(columns):
        empty = not any(row[index].strip() for row in samples if index < len(row))
        field = fields[index] if fields[index] not in taken else ""
        if not field:
            field = IGNORE if empty and not column.strip() else _free_key(slug(column) or f"column_{index + 1}", taken)
        if field.startswith(ATTRIBUTE) and sum(name.startswith(ATTRIBUTE) for name in taken) >= MAX_ATTRIBUTES:
            field = IGNORE
        taken.add(field)
        mapping.append(field)
    return mapping


def _share_of_phones(samples: Sequence[Sequence[str]], index: int) -> float:
    cells = [row[index] for row in samples if index < len(row) and row[index].strip()]
    return sum(map(looks_like_phone, cells)) / len(cells) if cells else 0.0


def _one_phone(fields: list[str], shares: list[float]) -> list[str]:
    """Keeps the column named like a phone that holds most numbers; without one, takes the column that looks like it."""
    named = [index for index, field in enumerate(fields) if field == PHONE]
    likely = named or [index for index, share in enumerate(shares) if share >= 0.6 and not fields[index]]
    best = max(likely, key=lambda index: (shares[index], -index), default=None)
    return [PHONE if index == best else "" if field == PHONE else field for index, field in enumerate(fields)]


def _name_parts(fields: list[str]) -> list[str]:
    """`nom` beside `prénom` is the last name; `nombre` or `name` beside a last name is the first name."""
    if FIRST_NAME in fields and LAST_NAME not in fields:
        return [LAST_NAME if field == NAME else field for field in fields]
    if LAST_NAME in fields and FIRST_NAME not in fields:
        return [FIRST_NAME if field == NAME else field for field in fields]
    return fields


def _free_key(key: str, taken: set[str]) -> str:
    number, candidate = 1, ATTRIBUTE + key
    while candidate in taken:
        number += 1
        ending = f"_{number}"
        candidate = ATTRIBUTE + key[: MAX_KEY - len(ending)] + ending
    return candidate


def check_mapping(mapping: Sequence[str], columns: int) -> None:
    """Raises: Refused("mapping_…") for a mapping that can't be used on a file of so many columns."""
    if len(mapping) != columns:
        raise Refused("mapping_wrong_length", columns=columns, given=len(mapping))
    used = [field for field in mapping if field != IGNORE]
    for field in used:
        if field not in SINGLE_FIELDS and not _is_attribute(field):
            raise Refused("mapping_field_unknown", field=field)
        if used.count(field) > 1:
            raise Refused("mapping_field_twice", field=field)
    if PHONE not in used:
        raise Refused("mapping_phone_missing")
    if len([field for field in used if field.startswith(ATTRIBUTE)]) > MAX_ATTRIBUTES:
        raise Refused("mapping_too_many_attributes", limit=MAX_ATTRIBUTES)


def _is_attribute(field: str) -> bool:
    key = field.removeprefix(ATTRIBUTE)
    return key != field and key != "" and slug(key) == key
