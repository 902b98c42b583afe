"""The form of a contact: its text fields become what the operations take. Attributes are lines of `key: value`."""

from __future__ import annotations

from wame_box.contacts.columns import slug
from wame_box.contacts.models import Contact, ContactChange, NewContact
from wame_box.kernel.errors import N_, Problem, invalid, register

register({"attribute_line": Problem(422, N_("Line %(line)s is not of the form “name: value”."))})


def read_new(values: dict[str, str]) -> NewContact:
    """Raises: Refused("invalid_input")."""
    return NewContact(
        address=values.get("address", ""),
        name=values.get("name", ""),
        language=values.get("language") or None,
        attributes=_attributes(values.get("attributes", "")),
        consent_source=values.get("consent_source") or None,
    )


def read_change(values: dict[str, str], row: Contact) -> ContactChange:
    """Attributes that are no longer in the field are removed. Raises: Refused("invalid_input")."""
    given = _attributes(values.get("attributes", ""))
    changes: dict[str, str | None] = {key: given.get(key) for key in [*row.attributes, *given]}
    return ContactChange(values.get("name", ""), values.get("language") or None, changes)


def attribute_lines(attributes: dict[str, str]) -> str:
    """For the field: values with line breaks become one line."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in attributes.items())


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        name = slug(key)
        if not colon or not name:
            raise invalid("attributes", "attribute_line", line=number)
        if name in found:
            raise invalid("attributes", "attribute_twice", key=name)
        if value.strip():
            found[name] = value.strip()
    return found
