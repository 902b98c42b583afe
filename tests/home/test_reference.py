"""The API's reference and its OpenAPI document, through the door."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.conftest import House
from wame_box.accounts.permissions import Scope
from wame_box.home.reference_view import Reader, sections
from wame_box.kernel.errors import CODES
from wame_box.webhooks.catalogue import EVENT_TYPES

Json = dict[str, Any]


@pytest.fixture
async def document(house: House) -> Json:
    answer = await house.client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def operations(document: Json) -> list[tuple[str, str, Json]]:
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


async def test_the_document_is_complete(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    found = operations(document)
    assert len(found) > 50
    names = [one["operationId"] for _, _, one in found]
    assert len(set(names)) == len(names)
    for path, method, one in found:
        where = f"{method} {path}"
        assert path.startswith("/api/v1/"), where
        assert one["tags"], where
        assert one["summary"], where
        assert one.get("description"), where
        assert one["x-scope"] in set(Scope), where
        assert "default" in one["responses"], where


async def test_every_reference_in_the_document_leads_somewhere(document: Json) -> None:
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', str(document).replace("'", '"')))
    assert wanted
    assert wanted <= set(document["components"]["schemas"])


async def test_what_can_be_repeated_takes_an_idempotency_key(document: Json) -> None:
    def takes(path: str) -> bool:
        return any(one["name"] == "Idempotency-Key" for one in document["paths"][path]["post"].get("parameters", []))

    assert takes("/api/v1/messages")
    assert not takes("/api/v1/keys")  # its answer shows a secret


async def test_the_page_shows_every_operation_code_and_event(browser: httpx.AsyncClient, document: Json) -> None:
    page = (await browser.get("/reference")).text
    for _, _, one in operations(document):
        assert f'<details class="wb-op" id="{one["operationId"]}"' in page
    for code in CODES:
        assert f'id="code-{code}"' in page
    for event in EVENT_TYPES:
        assert f"<code>{event.name}</code>" in page
    assert "style=" not in page
    assert re.search(r"\son\w+=", page) is None


async def test_examples_name_this_box_and_things_of_the_reader(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert "ses_…" in (await browser.get("/reference")).text
    session = (await api.post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    page = (await browser.get("/reference")).text
    assert f"curl http://box.test/api/v1/sessions/{session}" in page
    assert "box.example" not in page


async def test_the_page_speaks_the_readers_language(browser: httpx.AsyncClient) -> None:
    english = (await browser.get("/reference")).text
    await browser.post("/language", data={"language": "fr", "next": "/reference"})
    french = (await browser.get("/reference")).text
    assert '<html lang="fr"' in french
    assert "is described in English" not in english
    assert french != english


async def test_the_page_is_for_members(house: House) -> None:
    answer = await house.client().get("/reference", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/reference")


async def test_the_example_of_a_send_is_accepted_as_it_stands(
    browser: httpx.AsyncClient, api: httpx.AsyncClient, document: Json
) -> None:
    session = (await api.post("/api/v1/sessions", json={"name": "Shop"})).json()["id"]
    send = next(one for section in sections(document) for one in section.operations if one.anchor == "send_message")
    body = re.search(r"-d '(.*)'$", send.curl, re.DOTALL)
    assert body
    answer = await api.post(
        "/api/v1/messages", content=body[1].replace("ses_", session), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 202, answer.text


def test_a_shape_inside_itself_ends() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}}
    reader = Reader({"Tree": tree})
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}}
    shown = reader.operation("get", "/api/v1/tree", {"operationId": "tree", "responses": {"200": answer}})
    assert [one.name for one in shown.answers[0].fields] == ["children"]
    assert shown.answers[0].fields[0].fields == []
