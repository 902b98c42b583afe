"""Every page that has an address of its own: it opens, fits a phone, needs a sign-in, has names for a screen reader and a
ring for the keyboard. And the watch over all browser tests notices what it should."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import PHONE, Person
from tests.e2e.process import BoxProcess
from wame_box.routes import all_handlers

STREAMS = {"/live"}

# What a screen reader would have no word for, and pages without exactly one main heading.
NAMELESS = """() => {
  const labels = (one) => [...(one.labels || [])].map((label) => label.textContent.trim()).join("");
  const name = (one) => one.ariaLabel || one.title || one.textContent.trim() || labels(one);
  const shown = (one) => one.type !== "hidden" && one.checkVisibility();
  const controls = [...document.querySelectorAll("a, button, input, select, textarea, summary")];
  const problems = controls.filter((one) => shown(one) && !name(one)).map((one) => one.outerHTML.slice(0, 120));
  const titles = document.querySelectorAll("h1").length;
  return titles === 1 ? problems : [...problems, `${titles} first headings`];
}"""

FOCUSED = """() => {
  const one = document.activeElement;
  const style = (each) => getComputedStyle(each);
  const outlined = (each) => each && style(each).outlineStyle !== "none" && parseFloat(style(each).outlineWidth) > 0;
  const ring = outlined(one) || outlined(one.closest("label")) || style(one).boxShadow !== "none";
  return { name: one.getAttribute("aria-label") || one.textContent.trim(), ring, tag: one.tagName };
}"""


def _addresses() -> list[str]:
    """Of everything one can GET for oneself without knowing an id; the API and public pages are told elsewhere."""
    found = [
        path
        for handler in all_handlers()
        if isinstance(handler, HTTPRouteHandler) and "GET" in handler.http_methods and handler.opt.get("access") != "public"
        for path in handler.paths
        if "{" not in path and not path.startswith("/api/") and path not in STREAMS
    ]
    return sorted(found)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxProcess]:
    """A box with Alice's account, and nothing in it."""
    box = BoxProcess(tmp_path_factory.mktemp("pages") / "data")
    box.create_account()
    box.start()
    try:
        yield box
    finally:
        box.stop()
        print(box.troubles())  # noqa: T201 (shown when a test fails)


@pytest.fixture
def alice(browser_program: Browser, box: BoxProcess) -> Iterator[Person]:
    """Signed in on a phone."""
    with Person(browser_program, box.address, width=PHONE, name="pages") as alice:
        alice.sign_in()
        yield alice


def test_pages_open_and_fit_a_phone(alice: Person) -> None:
    for path in _addresses():
        answer = alice.page.request.get(path)
        assert answer.status == 200, path
        if "<!doctype html>" in answer.text():  # else a part of a page
            alice.open(path)
            assert alice.page.evaluate(NAMELESS) == [], path


def test_pages_send_a_stranger_to_the_sign_in(box: BoxProcess) -> None:
    with httpx.Client(base_url=box.address, headers={"accept": "text/html"}) as stranger:
        for path in _addresses():
            answer = stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next="), path


def test_a_stranger_comes_back_to_the_page_he_wanted(browser_program: Browser, box: BoxProcess) -> None:
    with Person(browser_program, box.address, name="stranger") as alice:
        alice.open("/campaigns/new")
        expect(alice.page.get_by_role("heading", level=1)).to_have_text("Sign in")
        alice.field("Email").fill("alice@example.com")
        alice.field("Password").fill("not this one")
        with alice.expecting(401, 422):
            alice.press("Sign in")
        expect(alice.page.get_by_role("alert")).to_be_visible()
        alice.sign_in()
        assert alice.page.url.endswith("/campaigns/new")


@pytest.mark.parametrize(
    ("path", "action"), [("/sessions", "Link a number"), ("/campaigns/new", "Save and preview"), ("/keys", "Make the key")]
)
def test_the_keyboard_reaches_the_action(alice: Person, path: str, action: str) -> None:
    """With Tab alone, from the top of the page, and one always sees where one is."""
    alice.open(path)
    alice.page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        alice.page.keyboard.press("Tab")
        focused = alice.page.evaluate(FOCUSED)
        assert focused["ring"] or focused["tag"] == "BODY", focused
        if focused["name"] == action:
            return
    raise AssertionError(f"{action!r} is out of the keyboard's reach")


def test_the_skip_link_is_the_first_stop(alice: Person) -> None:
    alice.open("/messages")
    alice.page.keyboard.press("Tab")
    assert alice.page.evaluate(FOCUSED)["name"] == "Skip to the content"


@pytest.mark.parametrize(
    ("mischief", "complaint"),
    [
        ("console.error('broken')", "console error: broken"),
        ("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')", "CSP: style-src"),
        ("document.querySelector('h1').textContent = 'x'.repeat(400)", "px wide on 390 px"),
        ("fetch('/nowhere')", "/nowhere: 404"),
        ("setTimeout(() => { throw new Error('thrown') })", "thrown"),
    ],
)
def test_the_watch_notices(browser_program: Browser, box: BoxProcess, mischief: str, complaint: str) -> None:
    with Person(browser_program, box.address, width=PHONE, trace=False) as alice:
        alice.open("/sign-in")
        _do(alice.page, mischief)
        with pytest.raises(AssertionError, match=complaint):
            alice.look()
        alice.open("/sign-in")


def _do(page: Page, mischief: str) -> None:
    page.evaluate(f"() => {{ {mischief} }}")
    page.wait_for_timeout(200)
