"""The application's OpenAPI 3.1 document, completed: what the framework can't know is added, what is not the API's left out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.serialization import encode_json

from wame_box.kernel.paging import LIMIT, MOST
from wame_box.kernel.web import PROBLEM

API = "/api/v1/"
Json = dict[str, Any]

# Parameters that mean the same everywhere.
LIMIT_MEANS = f"How many at most: 1 to {MOST}, {LIMIT} when left out."
CURSOR_MEANS = "Where to go on: `next_cursor` of the answer before."
IDEMPOTENCY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "Any text of your own. The same key with the same body is done once and gets the same answer for 24 hours.",
}
PROBLEM_SCHEMA: Json = {
    "title": "Problem",
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable: go by it, not by the sentence.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "description": "A stable name made of the code."},
        "title": {"type": "string", "description": "A sentence for people."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "One of the error codes."},
        "params": {"type": "object", "description": "What fills the sentence."},
        "errors": {
            "type": "array",
            "description": "The fields that are wrong, where it is about fields.",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Its path in the body, such as `text.body`."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
NOISE = ("deprecated", "allowEmptyValue", "allowReserved")


def document(app: Litestar) -> Json:
    """The whole document, built anew. Each operation has `x-scope`: what a key needs for it (none where it is public)."""
    made: Json = msgspec.json.decode(encode_json(app.openapi_schema.to_schema()))
    schemas: Json = made.setdefault("components", {}).setdefault("schemas", {})
    _describe(schemas)
    schemas["Problem"] = PROBLEM_SCHEMA
    handlers = {key: handler for handler in _handlers(app) for key in _places(*handler)}
    made["paths"] = {path: item for path, item in made["paths"].items() if path.startswith(API)}
    for path, item in made["paths"].items():
        for method in item:
            _complete(item[method], handlers[path, method][1])
    return made


def _handlers(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                yield route.path_format, handler


def _places(path: str, handler: HTTPRouteHandler) -> list[tuple[str, str]]:
    return [(path, method.lower()) for method in handler.http_methods]


def _complete(operation: Json, handler: HTTPRouteHandler) -> None:
    operation["operationId"] = handler.handler_name
    if text := _prose(inspect.getdoc(handler.fn)):
        operation["description"] = text
    if handler.opt.get("access") == "public":
        operation["security"] = []
    else:
        operation["x-scope"] = str(handler.opt["scope"])
    parameters = [_tidy(one) for one in operation.get("parameters", [])]
    if "once" in inspect.signature(handler.fn).parameters:
        parameters.append(IDEMPOTENCY)
    if parameters:
        operation["parameters"] = parameters
    operation.pop("deprecated", None)
    answers = {status: one for status, one in operation["responses"].items() if status != "400"}
    answers["default"] = {
        "description": "Refused, with a code.",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    operation["responses"] = answers


def _tidy(parameter: Json) -> Json:
    kept = {name: value for name, value in parameter.items() if name not in NOISE}
    if parameter["in"] == "query" and parameter["name"] == "limit":
        kept |= {"description": LIMIT_MEANS, "schema": {"type": "integer", "minimum": 1, "maximum": MOST}}
    elif parameter["in"] == "query" and parameter["name"] == "cursor":
        kept |= {"description": CURSOR_MEANS, "schema": {"type": "string"}}
    return kept


def _describe(schemas: Json) -> None:
    """Gives each shape the text that its struct has in the code."""
    texts = _struct_texts()
    for name, schema in schemas.items():
        if text := texts.get(name):
            schema.setdefault("description", text)


def _struct_texts() -> dict[str, str]:
    """Name of a struct of the box → its docstring. A name that two structs share has none."""
    texts: dict[str, str] = {}
    doubled: set[str] = set()
    for struct in _below(msgspec.Struct):
        own = struct.__dict__.get("__doc__")
        if struct.__module__.startswith("wame_box.") and own:
            if struct.__name__ in texts:
                doubled.add(struct.__name__)
            texts[struct.__name__] = _prose(own)
    return {name: text for name, text in texts.items() if name not in doubled}


def _below(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield child
        yield from _below(child)


def _prose(text: str | None) -> str:
    """A docstring as running text: lines joined, paragraphs kept; what it says of exceptions is for readers of the code."""
    paragraphs = [re.sub(r"\s*\n\s*", " ", part.strip()) for part in inspect.cleandoc(text or "").split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part and not part.startswith("Raises"))
