"""The API's document as the reference page shows it: sections, operations, fields as a tree, and a curl line for each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from wame_box.home.examples import BODIES, BOX, SAMPLES, sample
from wame_box.home.openapi import Json

# The order of the page; what is not named here comes at its end.
ORDER = ("Sessions", "Messages", "Contacts", "Lists", "Imports", "Campaigns", "Webhooks", "Account", "Sandbox")
DEEPEST = 5


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body. `limits` are in words of JSON Schema; `fields`: what an object or list holds."""

    name: str
    type: str
    required: bool
    text: str = ""
    limits: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    default: str = ""
    fields: list[Field] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """`type` is the media type where it is not JSON."""

    status: str
    text: str
    type: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    scope: str
    parameters: list[Field]
    body: list[Field]
    body_type: str
    answers: list[Answer]
    curl: str


@dataclass(frozen=True)
class Section:
    title: str
    anchor: str
    operations: list[Operation]


def sections(document: Json) -> list[Section]:
    """The operations of the document by their first tag."""
    reader = Reader(document.get("components", {}).get("schemas", {}))
    found: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or ["Other"])[0]
            found.setdefault(tag, []).append(reader.operation(method, path, operation))
    tags = sorted(found, key=lambda tag: (ORDER.index(tag) if tag in ORDER else len(ORDER), tag))
    return [Section(tag, re.sub(r"\W+", "-", tag.lower()), found[tag]) for tag in tags]


class Reader:
    """Reads operations with the schemas they refer to."""

    def __init__(self, schemas: Json) -> None:
        self._schemas = schemas

    def operation(self, method: str, path: str, given: Json) -> Operation:
        body_type, body_schema = _content(given.get("requestBody", {}))
        parameters = [
            self._field(one["name"], one["schema"] | _only(one, "description"), one.get("required", False))
            for one in given.get("parameters", [])
        ]
        return Operation(
            anchor=given["operationId"],
            method=method.upper(),
            path=path,
            summary=given.get("summary", path),
            paragraphs=given.get("description", "").split("\n\n") if given.get("description") else [],
            scope=given.get("x-scope", ""),
            parameters=parameters,
            body=self._fields(body_schema),
            body_type=body_type,
            answers=[self._answer(status, one) for status, one in given["responses"].items() if status != "default"],
            curl=self._curl(method.upper(), path, given, body_type, body_schema),
        )

    def _answer(self, status: str, given: Json) -> Answer:
        media, schema = _content(given)
        return Answer(status, given.get("description", ""), "" if media == "application/json" else media, self._fields(schema))

    # -- fields --------------------------------------------------------------------------------------------------------

    def _fields(self, schema: Json, seen: tuple[str, ...] = ()) -> list[Field]:
        """What an object holds, or the objects of a list."""
        schema, seen = self._resolve(schema, seen)
        if schema.get("type") == "array":
            return self._fields(schema.get("items", {}), seen)
        if len(seen) > DEEPEST:
            return []
        required = schema.get("required", [])
        return [self._field(name, one, name in required, seen) for name, one in schema.get("properties", {}).items()]

    def _field(self, name: str, schema: Json, required: bool, seen: tuple[str, ...] = ()) -> Field:
        inner, below = self._resolve(schema, seen)
        item = self._resolve(inner.get("items", {}), below)[0] if inner.get("type") == "array" else inner
        default = schema.get("default", inner.get("default"))
        return Field(
            name,
            self._type(schema, seen),
            required,
            schema.get("description") or inner.get("description") or "",
            _limits(inner),
            [str(choice) for choice in item.get("enum", []) if choice is not None],
            "" if default in (None, "", [], {}) else json.dumps(default),
            self._fields(inner, below) if self._has_fields(inner, below) else [],
        )

    def _has_fields(self, schema: Json, seen: tuple[str, ...]) -> bool:
        inner = self._resolve(schema.get("items", {}), seen)[0] if schema.get("type") == "array" else schema
        return bool(inner.get("properties"))

    def _resolve(self, schema: Json, seen: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """Follows references, and a choice between one thing and null. A shape inside itself ends there."""
        parts = [part for part in schema.get("oneOf") or schema.get("anyOf") or [] if part.get("type") != "null"]
        if len(parts) == 1:
            resolved, seen = self._resolve(parts[0], seen)
            return resolved | _only(schema, "description", "default"), seen
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name in seen:
                return {"type": "object"}, seen
            resolved, seen = self._resolve(self._schemas.get(name, {}), (*seen, name))
            return resolved | _only(schema, "description", "default"), seen
        return schema, seen

    def _type(self, schema: Json, seen: tuple[str, ...]) -> str:
        parts: list[Json] = schema.get("oneOf") or schema.get("anyOf") or []
        if parts:
            return " | ".join(dict.fromkeys(self._type(part, seen) for part in parts))
        resolved, below = self._resolve(schema, seen)
        if resolved is not schema and ("oneOf" in resolved or "anyOf" in resolved):
            return self._type(resolved, below)
        kind = resolved.get("type", "any")
        if isinstance(kind, list):
            return " | ".join(sorted(kind, key=lambda one: one == "null"))
        if kind == "array":
            return f"{self._type(resolved.get('items', {}), below)}[]"
        return "date-time" if resolved.get("format") == "date-time" else str(kind)

    # -- examples ------------------------------------------------------------------------------------------------------

    def _curl(self, method: str, path: str, given: Json, body_type: str, body: Json) -> str:
        address = BOX + re.sub(r"\{(\w+?)(_id)?\}", lambda part: str(sample(part[1], {})), path)
        lines = ["curl" + ("" if method in ("GET", "POST") else f" -X {method}"), '-H "Authorization: Bearer $WAME_KEY"']
        media = _content(given["responses"].get("200", {}))[0]
        if method == "POST" and not body:
            lines[0] += " -X POST"
        if media == "text/event-stream":
            lines[0] += " -N"
        elif media.startswith(("image/", "text/csv")):
            lines.append(f"-o {path.rpartition('/')[2]}")
        if any(one.get("name") == "Idempotency-Key" for one in given.get("parameters", [])):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        if body_type == "multipart/form-data":
            lines.append("-F file=@contacts.csv")
        elif body_type == "application/json":
            example = BODIES.get(given["operationId"]) or self._example(body, ())
            text = json.dumps(example, ensure_ascii=False, indent=2).replace("'", "'\\''")
            lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
        lines[0] += f" {address}"
        return " \\\n  ".join(lines)

    def _example(self, schema: Json, seen: tuple[str, ...], name: str = "") -> Any:
        schema, seen = self._resolve(schema, seen)
        for given in (*schema.get("examples", [])[:1], schema.get("const"), *schema.get("enum", [])[:1]):
            if given is not None:
                return given
        kind = schema.get("type")
        if kind == "array":
            return SAMPLES.get(name) or [self._example(schema.get("items", {}), seen)]
        if kind != "object":
            return sample(name, schema)
        required = schema.get("required") or list(schema.get("properties", {}))[:1]
        fields = schema.get("properties", {})
        return {one: self._example(fields[one], seen, one) for one in fields if one in required}


def _content(given: Json) -> tuple[str, Json]:
    """(media type, schema) of a body or answer; empty without one."""
    for media, one in given.get("content", {}).items():
        return media, one.get("schema", {})
    return "", {}


def _limits(schema: Json) -> list[str]:
    names = {
        "minLength": "min. length {}",
        "maxLength": "max. length {}",
        "minimum": "≥ {}",
        "maximum": "≤ {}",
        "minItems": "min. {} items",
        "maxItems": "max. {} items",
        "pattern": "pattern {}",
    }
    return [shape.format(schema[name]) for name, shape in names.items() if name in schema]


def _only(given: Json, *names: str) -> Json:
    return {name: given[name] for name in names if name in given}
