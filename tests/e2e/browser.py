"""A person at a browser: real Chromium, watched, so that a page which complains or does not fit its screen fails the test.

A `Person` is one browser context (one login, one screen, one language). What a person does is written with roles, labels and
visible words, which `t` looks up in the catalogues: that a test finds a button proves that a screen reader finds it too.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, Request, Response, sync_playwright

from tests.e2e.process import PASSWORD
from wame_box.kernel.paths import asset_dir

KEPT = Path("screens/failures")  # where a failed test leaves its pictures and traces
PHONE, DESK = 390, 1440
HEIGHTS = {PHONE: 844, DESK: 900}
REGIONS = {"en": "en-GB", "fr": "fr-FR", "es": "es-ES"}
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
]

# Runs in every page before its own scripts: tells of policy violations, and of whatever makes the page wider than its screen.
WATCHMAN = """
(() => {
  const width = %d;
  addEventListener("securitypolicyviolation", (event) =>
    window.tellTest(`CSP: ${event.violatedDirective} blocked ${event.blockedURI} ${event.sourceFile || ""}:${event.lineNumber}`));
  let told = false;
  const end = (one) => Math.round(one.getBoundingClientRect().right);
  const culprits = () => [...document.querySelectorAll("body *")]
    .filter((one) => end(one) > width && one.offsetParent)
    .map((one) => `${one.tagName.toLowerCase()}.${[...one.classList].join(".")} to ${end(one)}`);
  const look = () => {
    if (told || !document.body || document.documentElement.scrollWidth <= width) return;
    told = true;
    window.tellTest(`${document.documentElement.scrollWidth} px wide on ${width} px: ${culprits().slice(-4).join(", ")}`);
  };
  addEventListener("load", () => {
    look();
    new ResizeObserver(look).observe(document.body);
    new MutationObserver(() => requestAnimationFrame(look)).observe(document.body, { childList: true, subtree: true });
  });
})();
"""


# -- words -------------------------------------------------------------------------------------------------------------


@cache
def _catalogue(lang: str) -> Catalog:
    with (asset_dir() / "locales" / lang / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=lang)


def t(lang: str, msgid: str, /, **params: object) -> str:
    """The text in the language, as the catalogue has it; what is not translated yet is English."""
    entry = _catalogue(lang).get(msgid)
    text = str(entry.string) if entry is not None and entry.string and not entry.fuzzy else msgid
    return text % params if params else text


def number_in(text: str) -> int:
    """The number that a text shows, whatever separates its thousands."""
    digits = re.sub(r"\D", "", text)
    assert digits, f"no number in {text!r}"
    return int(digits)


def _quoted(text: str) -> str:
    """For XPath, which knows no escapes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


# -- the browser -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path is not None, "Chromium is missing: run `make test`, which installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


def _width_of(page: Page) -> int:
    """How wide the page is; lets pending reports in, and waits for a page that is just being left."""
    while True:
        try:
            return int(page.evaluate("document.documentElement.scrollWidth"))
        except Error as error:
            if "context was destroyed" not in error.message:
                raise
            page.wait_for_load_state("load")


class Person:
    """One person's browser: pages that are watched, in one language and on one screen."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        lang: str = "en",
        width: int = DESK,
        theme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        name: str = "page",
        trace: bool = True,
    ) -> None:
        self.address, self.lang, self.width, self.name = address, lang, width, name
        self.faults: list[str] = []
        self._expected: set[int] = set()
        self._trace = trace
        self.context: BrowserContext = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            is_mobile=width < 600,
            has_touch=width < 600,
            locale=REGIONS[lang],
            timezone_id="Europe/Paris",
            color_scheme=theme,
            reduced_motion="reduce",
            java_script_enabled=javascript,
            accept_downloads=True,
        )
        self.context.set_default_timeout(10_000)
        self.context.expose_binding("tellTest", lambda source, text: self.faults.append(f"{source['page'].url}: {text}"))
        self.context.add_init_script(WATCHMAN % width)
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("requestfailed", self._on_failed)
        self.context.on("response", self._on_response)
        if trace:
            self.context.tracing.start(snapshots=True)
        self.page: Page = self.context.new_page()

    # -- watching

    def _on_console(self, message: ConsoleMessage) -> None:
        answer = re.search(r"the server responded with a status of (\d+)", message.text)
        if message.type in ("error", "warning") and not (answer and int(answer[1]) in self._expected):
            self.faults.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _on_failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # leaving a page aborts its live stream, a download its navigation
            self.faults.append(f"{request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.faults.append(f"{response.request.method} {response.url}: {response.status}")

    @contextlib.contextmanager
    def expecting(self, *statuses: int) -> Iterator[None]:
        """Inside, answers with these statuses are meant."""
        self._expected |= set(statuses)
        yield
        self.look()
        self._expected -= set(statuses)

    def look(self) -> None:
        """Fails if any page complained or is wider than the screen."""
        for page in self.context.pages:
            if not page.is_closed():
                wide = _width_of(page)
                if wide > self.width:
                    self.faults.append(f"{page.url}: {wide} px wide on {self.width} px")
        found, self.faults = list(dict.fromkeys(self.faults)), []
        assert not found, "the pages complained:\n  " + "\n  ".join(found)

    # -- the end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if error is None:
                self.look()
        except AssertionError:
            kind = AssertionError
            raise
        finally:
            self._close(failed=kind is not None)

    def _close(self, *, failed: bool) -> None:
        with contextlib.suppress(Error):
            if failed:
                KEPT.mkdir(parents=True, exist_ok=True)
                for count, page in enumerate(self.context.pages):
                    page.screenshot(path=KEPT / f"{self.name}-{count}.png", full_page=True)
            if self._trace:
                self.context.tracing.stop(path=KEPT / f"{self.name}.zip" if failed else None)
        self.context.close()

    # -- acting

    def t(self, msgid: str, /, **params: object) -> str:
        return t(self.lang, msgid, **params)

    def open(self, path: str, *, page: Page | None = None) -> Page:
        page = page or self.page
        page.goto(path)
        self.look()
        return page

    def button(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> Locator:
        return (within or self.page).get_by_role("button", name=self.t(msgid, **params), exact=True).first

    def link(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> Locator:
        return (within or self.page).get_by_role("link", name=self.t(msgid, **params), exact=True).first

    def text(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> Locator:
        """What people can read somewhere on the page."""
        return (within or self.page).get_by_text(self.t(msgid, **params)).first

    def field(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> Locator:
        """By its label; that the label also says "optional" or counts characters doesn't matter."""
        label = rf"^\s*{re.escape(self.t(msgid, **params))}\s*(\d[\d\s.,]*/.*|{re.escape(self.t('optional'))}.*)?$"
        return (within or self.page).get_by_label(re.compile(label)).first

    def fact(self, msgid: str, *, within: Page | None = None) -> Locator:
        """What stands under or beside a name: in a tile, or in a list of facts."""
        name = f"dt[normalize-space(.)={_quoted(self.t(msgid))}]"
        return (within or self.page).locator(f"xpath=//{name}/following-sibling::dd[1]").first

    def figure(self, msgid: str) -> int:
        return number_in(self.fact(msgid).inner_text())

    def press(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> None:
        """Presses a button; what it leads to is looked at."""
        self.button(msgid, within=within, **params).click()
        self.settle()

    def follow(self, msgid: str, *, within: Locator | Page | None = None, **params: object) -> None:
        """Follows a link."""
        self.link(msgid, within=within, **params).click()
        self.settle()

    def settle(self, page: Page | None = None) -> None:
        (page or self.page).wait_for_load_state("load")
        self.look()

    def go(self, section: str) -> None:
        """To a section, through the menu, which a phone must open first."""
        if self.width < 600:
            self.button("Menu").click()
        self.follow(section, within=self.page.get_by_role("navigation", name=self.t("Sections")))

    def member_menu(self) -> Locator:
        """Opens the menu of who is signed in."""
        if self.width < 600:
            self.button("Menu").click()
        menu = self.page.get_by_role("group").filter(has=self.page.get_by_text("Alice")).last
        menu.locator("summary").click()
        return menu

    def sign_in(self, email: str = "alice@example.com", password: str = PASSWORD) -> None:
        if "/sign-in" not in self.page.url:
            self.open("/sign-in")
        self.field("Email").fill(email)
        self.field("Password").fill(password)
        self.press("Sign in")
