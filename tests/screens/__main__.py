"""`make screens`: every page in two languages, sizes and themes, into screens/<lang>-<width>-<theme>/<name>.png.

A page that complains, or is wider than its screen, counts as failed. `ARGS="--only campaign"` takes the pages whose name has
the word; `--lang fr --width 390 --theme dark` one kind.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Error

from tests.e2e.browser import DESK, PHONE, Person, chromium
from tests.e2e.process import BoxProcess, client
from tests.e2e.receiver import open_receiver
from tests.screens.furnish import furnish
from tests.screens.shots import Shot, of_a_busy_account, of_a_new_box, of_a_stranger, of_an_empty_account

OUT = Path("screens")
SET_LANGUAGE = (
    """(language) => fetch("/language", { method: "POST", body: new URLSearchParams({ language }) }).then(() => null)"""
)


@dataclass
class Album:
    """The pictures of one language, width and theme."""

    browser: Browser
    address: str
    lang: str
    width: int
    theme: str
    only: str
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return OUT / f"{self.lang}-{self.width}-{self.theme}"

    def take(self, shots: list[Shot], email: str | None, address: str = "") -> None:
        """As the member with this address, or as a stranger; of this box, or of another."""
        wanted = [shot for shot in shots if self.only in shot.name]
        if not wanted:
            return
        theme = "dark" if self.theme == "dark" else "light"
        options = {"lang": self.lang, "width": self.width, "trace": False}
        with Person(self.browser, address or self.address, theme=theme, **options) as person:  # type: ignore[arg-type]
            if email is not None:
                person.sign_in(email)
                person.page.evaluate(SET_LANGUAGE, self.lang)
            for shot in wanted:
                self._one(person, shot)

    def _one(self, person: Person, shot: Shot) -> None:
        try:
            with person.expecting(*([shot.status] if shot.status != 200 else [])):
                person.page.goto(shot.path)
                shot.act(person)
                person.settle()
            _photograph(person, self.folder / f"{shot.name}.png")
            self.passed += 1
        except (AssertionError, Error) as error:
            self.failed.append(f"{self.folder.name}/{shot.name}: {str(error).strip()[:600]}")
            person.faults.clear()
            _photograph(person, self.folder / f"{shot.name}.png")


def _photograph(person: Person, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    person.page.wait_for_timeout(120)  # charts draw after the page has loaded
    person.page.screenshot(path=path, full_page=True, animations="disabled", caret="hide")


def _albums(options: argparse.Namespace, browser: Browser, address: str) -> list[Album]:
    kinds = itertools.product(options.lang, options.width, options.theme)
    return [Album(browser, address, lang, width, theme, options.only) for lang, width, theme in kinds]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__)
    parser.add_argument("--only", default="", help="a part of the pages' names")
    parser.add_argument("--lang", nargs="+", default=["en", "fr"])
    parser.add_argument("--width", nargs="+", type=int, default=[DESK, PHONE])
    parser.add_argument("--theme", nargs="+", default=["light", "dark"])
    return parser.parse_args()


def main() -> int:
    options = _options()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_receiver() as receiver:
        box = BoxProcess(Path(folder) / "data")
        key = box.create_account("Atelier Rivière", "alice@example.com")
        box.create_account("Café Charlie", "charlie@example.com")
        box.start()
        new = BoxProcess(Path(folder) / "new")
        new.start()
        try:
            with client(box.address, key) as http:
                paths = furnish(http, receiver)
            with chromium() as browser:
                albums = _albums(options, browser, box.address)
                link = new.first_run()
                for album in albums:
                    album.take(of_a_new_box(link), None, new.address)
                    album.take(of_a_stranger(), None)
                    album.take(of_an_empty_account(), "charlie@example.com")
                    album.take(of_a_busy_account(paths), "alice@example.com")
        finally:
            box.stop()
            new.stop()
            troubles = box.troubles() + new.troubles()
    failed = [line for album in albums for line in album.failed]
    lines = [*failed, *([troubles] if troubles else [])]
    lines.append(f"{sum(album.passed for album in albums)} passed, {len(failed)} failed in {time.monotonic() - started:.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
