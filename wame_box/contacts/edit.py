"""Making, changing and deleting one contact, as a page, the API or an import asks for it."""

from __future__ import annotations

import re

from wame_box.accounts import audit
from wame_box.accounts.models import Caller
from wame_box.contacts import consent, list_store, lists, store
from wame_box.contacts.columns import MAX_ATTRIBUTES, MAX_KEY, MAX_VALUE, slug
from wame_box.contacts.models import ConsentGiven, Contact, ContactChange, NewContact
from wame_box.contacts.parse import MAX_NAME
from wame_box.contacts.phone import PhoneError, normalise
from wame_box.kernel.db import Tx
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, invalid, register

register(
    {
        "contact_exists": Problem(409, N_("There is a contact with the number %(address)s already.")),
        "attribute_key": Problem(
            422, N_("“%(key)s” can't be an attribute's name: use at most 64 lower-case letters, digits and _ only.")
        ),
        "attribute_twice": Problem(422, N_("The attribute “%(key)s” is there twice.")),
        "attributes_too_many": Problem(422, N_("A contact has at most %(limit)s attributes.")),
        "language_tag": Problem(422, N_("A language is given by its two letters, such as fr.")),
    }
)

MAX_SOURCE = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def create(tx: Tx, caller: Caller, wish: NewContact, list_id: int | None = None) -> Contact:
    """Makes a contact, on a list if one is named.

    Raises: Refused("invalid_input") naming the fields, Refused("contact_exists"), Refused("list_unknown").
    """
    address = check_address(wish.address, caller.region)
    name = " ".join(wish.name.split())
    wrong = _check(name, wish.language, wish.attributes)
    wrong += _check_length("consent_source", wish.consent_source or "", MAX_SOURCE)
    wrong += _check_length("consent_proof", wish.consent_proof or "", MAX_VALUE)
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    if store.by_address(tx, caller.account_id, address) is not None:
        raise Refused("contact_exists", address=address)
    made = store.insert(tx, caller.account_id, address, name, wish.language, wish.attributes)
    source = (wish.consent_source or "").strip()
    if source:
        consent.opt_in(tx, caller.account_id, made.id, source=source, proof=wish.consent_proof)
    if list_id is not None:
        lists.check(tx, caller, list_id)
        list_store.add(tx, list_id, [made.id])
    return _found(tx, caller, made.id)


def change(tx: Tx, caller: Caller, contact_id: int, wish: ContactChange) -> Contact:
    """Returns the contact as it is now.

    Raises: Refused("not_found"), Refused("invalid_input") naming the fields.
    """
    row = _found(tx, caller, contact_id)
    name = row.name if wish.name is None else " ".join(wish.name.split())
    language = wish.language if isinstance(wish.language, str | None) else row.language
    changes = wish.attributes
    attributes = {key: value for key, value in (row.attributes | changes).items() if value is not None}
    # What was there before the rules were is nobody's mistake now.
    given = {key: value for key, value in changes.items() if value is not None}
    wrong = _check(name, language, given)
    if len(attributes) > MAX_ATTRIBUTES and len(attributes) > len(row.attributes):
        wrong.append(FieldError("attributes", "attributes_too_many", {"limit": MAX_ATTRIBUTES}))
    if wrong:
        raise Refused("invalid_input", fields=wrong)
    store.update(tx, row, name, language, attributes)
    return _found(tx, caller, contact_id)


def delete(tx: Tx, caller: Caller, contact_id: int) -> None:
    """For good, with consent history and activity; that a person opted out is forgotten too.

    Raises: Refused("not_found").
    """
    row = _found(tx, caller, contact_id)
    store.delete(tx, row)
    audit.record(tx, caller, "contact.deleted", row.public_id, consent=row.consent)


def opt_out(tx: Tx, caller: Caller, contact_id: int, wish: ConsentGiven) -> Contact:
    """Returns the contact as it is now.

    Raises: Refused("not_found").
    """
    if consent.opt_out(tx, caller.account_id, contact_id, source=wish.source, proof=wish.proof):
        audit.record(tx, caller, "contact.opted_out", _found(tx, caller, contact_id).public_id)
    return _found(tx, caller, contact_id)


def opt_in(tx: Tx, caller: Caller, contact_id: int, wish: ConsentGiven) -> Contact:
    """Returns the contact as it is now.

    Raises: Refused("not_found").
    """
    if consent.opt_in(tx, caller.account_id, contact_id, source=wish.source, proof=wish.proof):
        audit.record(tx, caller, "contact.opted_in", _found(tx, caller, contact_id).public_id, source=wish.source)
    return _found(tx, caller, contact_id)


def check_address(text: str, region: str | None) -> str:
    """The E.164 form. Raises: Refused("invalid_input")."""
    try:
        return normalise(text, region)
    except PhoneError as error:
        raise invalid("address", error.reason_code) from None


def _found(tx: Tx, caller: Caller, contact_id: int) -> Contact:
    row = store.contact(tx, caller.account_id, contact_id)
    if row is None:
        raise Refused("not_found")
    return row


def _check(name: str, language: str | None, attributes: dict[str, str]) -> list[FieldError]:
    wrong = _check_length("name", name, MAX_NAME)
    if language is not None and not _LANGUAGE.fullmatch(language):
        wrong.append(FieldError("language", "language_tag", {}))
    if len(attributes) > MAX_ATTRIBUTES:
        wrong.append(FieldError("attributes", "attributes_too_many", {"limit": MAX_ATTRIBUTES}))
    for key, value in attributes.items():
        if not key or slug(key) != key:
            wrong.append(FieldError("attributes", "attribute_key", {"key": key[: MAX_KEY + 1]}))
        wrong += _check_length(f"attributes.{key}", value, MAX_VALUE)
    return wrong


def _check_length(field: str, text: str, limit: int) -> list[FieldError]:
    return [FieldError(field, "too_long", {"limit": limit})] if len(text) > limit else []
