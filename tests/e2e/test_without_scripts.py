"""The main job in a browser that runs no JavaScript: every form and question is a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import PHONE, Person, number_in
from tests.e2e.process import BoxProcess, client, link_session, wait_for

FAST = {
    "ack_ms": [1, 5],
    "deliver_ms": [1, 5],
    "read_ms": [1, 5],
    "read_rate": 1.0,
    "failure_rate": 0.0,
    "not_on_whatsapp_rate": 0.0,
}
PEOPLE = (
    "name;phone;city\nZoé Marin;06 39 98 12 34;Lyon\nAnn Lee;+44 7700 900123;Leeds\nNobody;12;Nowhere\nZoé;+33639981234;Lyon\n"
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[BoxProcess]:
    """A box with Alice's account and a linked session."""
    box = BoxProcess(tmp_path / "data")
    key = box.create_account()
    box.start()
    try:
        with client(box.address, key) as http:
            link_session(http, knobs=dict(FAST))
        yield box
    finally:
        box.stop()
        print(box.troubles())  # noqa: T201 (shown when the test fails)


def test_the_main_job_without_scripts(browser_program: Browser, box: BoxProcess) -> None:
    with Person(browser_program, box.address, width=PHONE, javascript=False, name="without-scripts") as alice:
        alice.sign_in()
        make_and_delete_contact(alice)
        import_people(alice)
        launch_campaign(alice)
        read_report(alice)


def make_and_delete_contact(alice: Person) -> None:
    alice.go("Contacts")
    alice.follow("Add a contact")
    alice.field("Phone number").fill("12")
    with alice.expecting(422):
        alice.press("Add the contact")
    expect(alice.page.get_by_role("alert")).to_contain_text("Please correct one field.")
    alice.field("Phone number").fill("+33 6 39 98 55 66")
    alice.field("Name").fill("Bob Passant")
    alice.press("Add the contact")
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Bob Passant")
    alice.page.get_by_label("More", exact=True).click()
    alice.press("Delete")
    expect(alice.page.get_by_role("heading", level=1)).to_have_text("Delete this contact?")
    alice.press("Delete")
    expect(alice.text("The contact is deleted.")).to_be_visible()
    expect(alice.page.get_by_text("Bob Passant")).to_have_count(0)


def import_people(alice: Person) -> None:
    alice.go("Imports")
    alice.follow("Import a CSV")
    alice.field("CSV file").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE.encode()})
    alice.press("Go on")
    alice.field("What the column %(name)s becomes", name="city").select_option(label="Leave out")
    alice.press("Show the preview again")
    preview = alice.page.get_by_role("table", name="Preview")
    expect(preview).to_contain_text("Ann Lee")
    expect(preview).not_to_contain_text("Leeds")
    alice.page.get_by_role("radio", name="They agreed").check()
    alice.field("Where did they agree?").fill("shop")
    alice.field("Put them on a new list").fill("Customers")
    alice.press("Start the import")
    reload_until(alice, "Finished")
    assert (alice.figure("Rows"), alice.figure("Imported")) == (4, 2)
    assert (alice.figure("Refused"), alice.figure("Duplicates")) == (1, 1)


def launch_campaign(alice: Person) -> None:
    alice.go("Campaigns")
    alice.follow("New campaign")
    alice.field("Name").fill("Autumn")
    alice.field("To").select_option(label="Customers (2 contacts)")
    alice.field("Message").fill("Hello {{first_name|there}}, the shop opens on Saturday.")
    alice.press("Save and preview")
    expect(alice.page.get_by_role("log")).to_contain_text("the shop opens on Saturday")
    alice.follow("Review and launch")
    alice.press("Launch the campaign")
    reload_until(alice, "Finished")


def read_report(alice: Person) -> None:
    alice.follow("Report")
    wait_for(lambda: alice.page.reload() and alice.figure("Read") == 2, what="both have read it")
    recipients = alice.page.get_by_role("table", name="Recipients")
    assert recipients.get_by_role("row").filter(has_text="Read").filter(has_text="Ann Lee").count() == 1
    alice.page.get_by_text("Show the numbers as a table").click()
    last = alice.page.get_by_role("group").get_by_role("row").last
    assert number_in(last.get_by_role("cell").nth(1).inner_text()) == 2


def reload_until(alice: Person, word: str) -> None:
    """As one does without scripts."""
    heading = alice.page.get_by_role("heading", level=1)
    wait_for(lambda: word in heading.inner_text() or (alice.page.reload() and False), what=word)
    alice.look()
