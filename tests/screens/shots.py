"""What is photographed: pages by name, and what a person does on some of them before the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.browser import Person

CONTACTS = Path("tests/data/contacts_1000.csv")
Act = Callable[[Person], None]


def _nothing(person: Person) -> None:
    """The page as it opens."""


@dataclass(frozen=True)
class Shot:
    """A picture. `status`: what the page, or what is done on it, answers."""

    name: str
    path: str
    act: Act = _nothing
    status: int = 200


ADDRESSES = {
    "home": "/",
    "sessions": "/sessions",
    "session-new": "/sessions/new",
    "phones": "/sandbox",
    "messages": "/messages",
    "send": "/send",
    "contacts": "/contacts",
    "contact-new": "/contacts/new",
    "lists": "/lists",
    "imports": "/imports",
    "import-new": "/imports/new",
    "campaigns": "/campaigns",
    "campaign-new": "/campaigns/new",
    "webhooks": "/webhooks",
    "webhook-new": "/webhooks/new",
    "keys": "/keys",
    "reference": "/reference",
    "settings": "/settings",
}
EMPTY = [
    "home",
    "sessions",
    "phones",
    "messages",
    "send",
    "contacts",
    "lists",
    "imports",
    "campaigns",
    "campaign-new",
    "webhooks",
    "keys",
]


def _upload(person: Person) -> None:
    person.field("CSV file").set_input_files(CONTACTS)
    person.press("Go on")


def _wrong_number(person: Person) -> None:
    person.field("Phone number").fill("12")
    person.press("Add the contact")


def _nothing_written(person: Person) -> None:
    person.page.evaluate("document.querySelectorAll('form').forEach((one) => one.noValidate = true)")
    person.press("Save and preview")


def _nothing_told(person: Person) -> None:
    person.page.evaluate("document.querySelectorAll('form').forEach((one) => one.noValidate = true)")
    person.press("Set up the box")


def _make_key(person: Person) -> None:
    person.field("Name").fill("Boutique en ligne")
    person.press("Make the key")


def _ask(button: str, menu: bool = False) -> Act:
    def act(person: Person) -> None:
        if menu:
            person.page.get_by_label(person.t("More"), exact=True).first.click()
        person.button(button).click()
        expect(person.page.get_by_role("dialog")).to_be_visible()

    return act


def _open_more(person: Person) -> None:
    person.page.get_by_label(person.t("More"), exact=True).first.click()


def _open_member(person: Person) -> None:
    person.member_menu()


def _show_secret(person: Person) -> None:
    person.press("Show the secret")


def _open_numbers(person: Person) -> None:
    person.text("Show the numbers as a table").click()


def _open_operation(person: Person) -> None:
    person.page.evaluate("document.querySelector('details[data-ref-item], [data-ref-item] details')?.setAttribute('open', '')")


def of_a_stranger() -> list[Shot]:
    return [Shot("sign-in", "/sign-in")]


def of_a_new_box(link: str) -> list[Shot]:
    return [
        Shot("welcome", link),
        Shot("welcome-wrong", link, _nothing_told, 422),
        Shot("welcome-locked", "/welcome?token=old", status=403),
        Shot("welcome-sign-in", "/sign-in"),
    ]


def of_an_empty_account() -> list[Shot]:
    return [Shot(f"empty-{name}", ADDRESSES[name]) for name in EMPTY]


def of_a_busy_account(paths: dict[str, str]) -> list[Shot]:
    plain = [Shot(name, path) for name, path in (ADDRESSES | paths).items()]
    acted = [
        Shot("menu-member", "/settings", _open_member),
        Shot("import-mapping", "/imports/new", _upload),
        Shot("contact-new-wrong", "/contacts/new", _wrong_number, 422),
        Shot("contact-menu", paths["contact"], _open_more),
        Shot("contact-dialog", paths["contact"], _ask("Delete", menu=True)),
        Shot("campaign-new-wrong", "/campaigns/new", _nothing_written, 422),
        Shot("campaign-stop-dialog", paths["campaign-running"], _ask("Stop")),
        Shot("campaign-report-table", paths["campaign-report"], _open_numbers),
        Shot("endpoint-secret", paths["endpoint"], _show_secret),
        Shot("reference-open", "/reference", _open_operation),
        Shot("keys-made", "/keys", _make_key),
        Shot("not-found", "/nowhere", status=404),
        Shot("campaign-not-found", "/campaigns/cmp_0000000000000", status=404),
    ]
    return plain + acted
