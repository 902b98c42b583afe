"""The page that says what the columns of a file are: its form, read and shown again."""

from __future__ import annotations

from typing import Any, NamedTuple

from wame_box.contacts.columns import ATTRIBUTE, IGNORE, SINGLE_FIELDS, slug
from wame_box.contacts.import_models import ConsentDeclared, Existing, ImportWish
from wame_box.contacts.parse import Inspection
from wame_box.kernel import ids

SAMPLES = 3


class Column(NamedTuple):
    """A column of the file as the form shows it. `field`: phone, name …, `attribute` or ignore; `key`: of the attribute."""

    number: int
    name: str
    samples: list[str]
    field: str
    key: str


def columns(found: Inspection, values: dict[str, str]) -> list[Column]:
    """As chosen in the form, or as guessed when nothing was chosen yet."""
    return [_column(found, index, values) for index in range(len(found.columns))]


def _column(found: Inspection, index: int, values: dict[str, str]) -> Column:
    guessed = found.mapping[index]
    field = "attribute" if guessed.startswith(ATTRIBUTE) else guessed
    key = guessed.removeprefix(ATTRIBUTE) if field == "attribute" else ""
    field = values.get(f"field-{index}", field)
    if field not in (*SINGLE_FIELDS, "attribute", IGNORE):
        field = IGNORE
    key = slug(values.get(f"key-{index}", "")) or key
    own = slug(found.columns[index]) if found.has_header else ""
    cells = [sample[index] for sample in found.samples if sample[index]]
    return Column(index, found.columns[index], cells[:SAMPLES], field, key or own or f"column_{index + 1}")


def read_mapping(found: Inspection, values: dict[str, str]) -> list[str]:
    return [ATTRIBUTE + one.key if one.field == "attribute" else one.field for one in columns(found, values)]


def read_wish(found: Inspection, values: dict[str, str]) -> ImportWish:
    """Raises: Refused("bad_id")."""
    choice = values.get("consent")
    declared = ConsentDeclared(choice == "agreed", values.get("consent_source", "")) if choice else None
    existing = values.get("existing", "")
    return ImportWish(
        mapping=read_mapping(found, values),
        region=values.get("region") or None,
        consent=declared,
        existing=Existing(existing) if existing in set(Existing) else Existing.FILL,
        list_id=ids.parse("lst", values["list"]) if values.get("list") else None,
        list_name=values.get("list_name", ""),
    )


def first_values(region: str | None, list_id: str) -> dict[str, Any]:
    """What the form says before anybody touched it."""
    return {"region": region or "", "list": list_id, "existing": Existing.FILL.value}
