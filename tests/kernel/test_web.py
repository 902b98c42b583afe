"""What HTTP means for the box: problems, error pages, headers, origins, sizes, and input that makes no sense."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import House, open_house
from tests.factories import PASSWORD, Person, make_account
from wame_box.kernel.i18n import gettext, use_language
from wame_box.kernel.web import SECURITY_POLICY

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("web")) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(shared: House) -> Person:
    return await make_account(shared.box, "Atelier", "Alice", "alice@example.com")


@pytest.fixture
def program(shared: House, owner: Person) -> httpx.AsyncClient:
    return shared.program(owner)


@pytest.fixture
def browser(shared: House, owner: Person) -> httpx.AsyncClient:
    return shared.browser(owner)


# -- problems ----------------------------------------------------------------------------------------------------------


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:wame-box:problem:{code}")
    assert body["title"]
    return body


async def test_an_unknown_address(program: httpx.AsyncClient) -> None:
    check_problem(await program.get("/api/v1/nothing"), 404, "not_found")
    check_problem(await program.post("/api/v1/messages/x/y/z", json={}), 404, "not_found")


async def test_a_method_that_the_address_does_not_take(program: httpx.AsyncClient) -> None:
    answer = await program.put("/api/v1/messages", json={})
    check_problem(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'session': 1}",
        b'{"session": "x",}',
        b"\xff\xfe\x00",
        b'{"text": {"body": "\\ud800"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"nul",
    ],
)
async def test_a_body_that_is_no_json(program: httpx.AsyncClient, body: bytes) -> None:
    check_problem(
        await program.post("/api/v1/messages", content=body, headers={"content-type": "application/json"}), 400, "malformed"
    )


async def test_no_body_at_all(program: httpx.AsyncClient) -> None:
    answer = check_problem(await program.post("/api/v1/messages"), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in answer["errors"]] == [("body", "required")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        ({}, "session"),
        ({"session": 7, "to": "x"}, "session"),
        ({"session": "ses_0000000000000", "to": None}, "to"),
        ({"session": "ses_0000000000000", "to": "+33639980001", "type": "video"}, "type"),
        ({"session": "ses_0000000000000", "to": "+33639980001", "text": {"body": 3}}, "text.body"),
        ({"session": "ses_0000000000000", "to": "+33639980001", "text": {"body": "x", "bold": True}}, "text.bold"),
        ({"session": "ses_0000000000000", "to": "+33639980001", "text": {}}, "text.body"),
        ({"session": "ses_0000000000000", "to": "+33639980001", "colour": "red"}, "colour"),
    ],
)
async def test_wrong_types_name_the_field(program: httpx.AsyncClient, body: Any, field: str) -> None:
    answer = check_problem(await program.post("/api/v1/messages", content=json.dumps(body)), 422, "invalid_input")
    assert [error["field"] for error in answer["errors"]] == [field]


async def test_a_wrong_query_names_the_field(program: httpx.AsyncClient) -> None:
    answer = check_problem(await program.get("/api/v1/messages?status=gone"), 422, "invalid_input")
    assert [error["field"] for error in answer["errors"]] == ["status"]
    check_problem(await program.get("/api/v1/messages?limit=0"), 422, "bad_limit")
    check_problem(await program.get("/api/v1/messages?limit=201"), 422, "bad_limit")
    check_problem(await program.get("/api/v1/messages?cursor=msg_0000000000001"), 422, "bad_cursor")


async def test_a_body_of_more_than_ten_megabytes(program: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    big = b'{"session": "' + b"x" * (10 * 1024 * 1024) + b'"}'
    check_problem(await program.post("/api/v1/messages", content=big), 413, "body_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 1024 * 1024

    check_problem(await program.post("/api/v1/messages", content=chunks()), 413, "body_too_large")
    page = await browser.post("/send", data={"text": "x" * (10 * 1024 * 1024)})
    assert page.status_code == 413


async def test_one_megabyte_of_text_is_too_long_and_no_bug(program: httpx.AsyncClient) -> None:
    body = {"session": "ses_0000000000000", "to": "+33639980001", "text": {"body": "é" * 1_000_000}}
    answer = check_problem(await program.post("/api/v1/messages", json=body), 422, "invalid_input")
    assert [error["field"] for error in answer["errors"]] == ["text.body"]
    assert len(json.dumps(answer)) < 2_000


# -- methods -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/health", "/sign-in", "/", "/messages", "/nothing", "/api/v1/messages", "/live?topics=messages"]
)
async def test_head_is_get_without_a_body(browser: httpx.AsyncClient, path: str) -> None:
    head = await browser.head(path)
    assert head.content == b""
    if path.startswith("/live"):
        assert (head.status_code, head.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        return
    got = await browser.get(path)
    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_options_tells_the_methods_and_opens_nothing(shared: House) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await shared.client().options("/api/v1/messages", headers=headers)
    assert answer.status_code == 204
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    assert not [name for name in answer.headers if name.startswith("access-control")]


# -- pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/", "/messages", "/messages/x"])
async def test_security_headers_of_pages(browser: httpx.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    assert headers["content-security-policy"] == SECURITY_POLICY
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_static_files_may_be_kept_by_browsers(shared: House) -> None:
    page = (await shared.client().get("/sign-in")).text
    found = re.search(r'href="(/static/[^"]+[.]css[^"]*)"', page)
    assert found
    answer = await shared.client().get(found[1])
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("language", ["en", "fr", "es"])
async def test_an_error_page_speaks_the_readers_language(shared: House, language: str) -> None:
    with use_language(language):
        sentence = gettext("This does not exist, or not any more.")
    answer = await shared.client(headers={"accept-language": f"{language}, en;q=0.5"}).get("/nothing")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")
    assert f'<html lang="{language}"' in answer.text
    assert sentence.replace("'", "&#39;") in answer.text


async def test_a_members_error_page(shared: House, browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/messages/msg_0000000000001")
    assert answer.status_code == 404
    assert 'lang="en"' in answer.text
    wrong = await browser.put("/messages")
    assert (wrong.status_code, wrong.headers["content-type"].split(";")[0]) == (405, "text/html")


async def test_a_form_that_can_not_be_read(browser: httpx.AsyncClient) -> None:
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/json",
        "text/plain",
        "x",
        "a/b; charset=nope",
    ):
        for body in (b"--y\r\n", b"%ff%00&&==", b'{"a', b""):
            for path in ("/sign-in", "/send", "/contacts/new", "/keys"):
                answer = await browser.post(path, content=body, headers={"content-type": kind})
                assert answer.status_code < 500, (kind, body, path, answer.text[-300:])


# -- where one is sent -------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/%0d%0aset-cookie:x=1\r\nx: y",
    "/x\r\nset-cookie: a=b",
    "",
]


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_nobody_is_sent_elsewhere(shared: House, browser: httpx.AsyncClient, owner: Person, target: str) -> None:
    login = await shared.client().post("/sign-in", data={"email": "alice@example.com", "password": PASSWORD, "next": target})
    for answer in (
        login,
        await browser.get("/sign-in", params={"next": target}),
        await browser.post("/theme", data={"theme": "dark", "next": target}),
        await browser.post("/language", data={"language": "en", "next": target}),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), target
        assert "set-cookie: a" not in str(answer.headers)


@pytest.mark.parametrize("target", ["/messages?q=a%20b&status=queued", "/contacts?q=中文", "/contacts?q=💥", "/contacts?q=é"])
async def test_one_comes_back_to_where_one_was(browser: httpx.AsyncClient, target: str) -> None:
    answer = await browser.get("/sign-in", params={"next": target})
    assert answer.status_code == 303
    assert str(httpx.URL(answer.headers["location"])) == str(httpx.URL(target))


async def test_the_way_to_the_sign_in_keeps_the_query(shared: House) -> None:
    answer = await shared.client(headers={"accept": "text/html"}).get("/messages?status=queued&q=a")
    assert answer.headers["location"] == "/sign-in?next=/messages%3Fstatus%3Dqueued%26q%3Da"


# -- origins -----------------------------------------------------------------------------------------------------------

CROSS = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


async def test_a_login_cookie_from_another_site_may_not_write(shared: House, owner: Person) -> None:
    browser = shared.client(cookies={"wame_login": owner.login})
    for headers in (
        CROSS,
        {"origin": "https://evil.example"},
        {**CROSS, "authorization": "Basic YTpi"},
        {**CROSS, "x-api-key": ""},
    ):
        answer = await browser.post("/api/v1/contacts", json={"address": "+33639980050"}, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM), headers
        assert answer.json()["code"] == "wrong_origin"
    fine = await browser.post("/api/v1/contacts", json={"address": "+33639980050"}, headers={"sec-fetch-site": "same-origin"})
    assert fine.status_code == 201


async def test_a_form_from_another_site_is_refused_in_the_readers_language(shared: House, owner: Person) -> None:
    browser = shared.client(cookies={"wame_login": owner.login}, headers={"accept-language": "fr-FR,fr;q=0.9"})
    answer = await browser.post("/theme", data={"theme": "dark"}, headers=CROSS)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert '<html lang="fr"' in answer.text
    assert "autre site" in answer.text
    assert answer.headers["content-security-policy"]
    in_spanish = await browser.post("/theme", headers={**CROSS, "cookie": "lang=es"})
    assert '<html lang="es"' in in_spanish.text


async def test_a_key_works_from_anywhere(program: httpx.AsyncClient) -> None:
    answer = await program.post("/api/v1/contacts", json={"address": "+33639980051"}, headers=CROSS)
    assert answer.status_code == 201


# -- nonsense ----------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3))
FIELDS: dict[str, list[str]] = {
    "/api/v1/messages": ["session", "to", "type", "text", "image", "reference", "scheduled_at"],
    "/api/v1/sessions": ["name", "engine", "policy"],
    "/api/v1/contacts": ["address", "name", "language", "attributes", "consent"],
    "/api/v1/lists": ["name"],
    "/api/v1/campaigns": ["name", "session", "list", "type", "text", "image", "scheduled_at"],
    "/api/v1/endpoints": ["url", "name", "events", "types"],
    "/api/v1/keys": ["name", "scopes"],
    "/api/v1/sandbox/phones": ["number", "name"],
    "/api/v1/sandbox/messages": ["from", "to", "session", "text", "number"],
}
PLAUSIBLE = st.sampled_from(
    [
        "ses_0000000000001",
        "+33639980001",
        "text",
        "image",
        "sandbox",
        "\0",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "http://[::1]:x/",
        "https://exa mple/",
        {"body": "\0"},
        {"url": "http://\0"},
        {"url": "https://" + "a" * 300},
        10**30,
        -1,
        ["messages:read"],
    ]
)


@pytest.mark.parametrize("path", list(FIELDS))
async def test_no_nonsense_is_a_bug(browser: httpx.AsyncClient, path: str) -> None:
    """Bodies that look more or less like those that the route takes, some forty for each."""
    bodies: list[Any] = []

    @settings(max_examples=40, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(FIELDS[path]), PLAUSIBLE | JSON, max_size=6) | JSON)
    def gather(body: Any) -> None:
        bodies.append(body)

    gather()
    for body in bodies:
        answer = await browser.post(path, content=json.dumps(body))
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == PROBLEM
