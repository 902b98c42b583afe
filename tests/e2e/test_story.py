"""The main job as a person does it, in a real browser: from an empty box to a read campaign and a connected program.

Told twice: in French on a phone's screen and in English on a desk's. Nothing is found by its CSS class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import DESK, PHONE, Person, number_in
from tests.e2e.process import PASSWORD, BoxProcess, client, wait_for
from tests.e2e.receiver import Receiver, open_receiver

CONTACTS = Path("tests/data/contacts_1000.csv")
SESSION, LIST, CAMPAIGN = "Boutique", "Clients", "Degustation"
TEXT = "Bonjour {{first_name|cher client}}, la boutique ouvre samedi."
ANSWER = "Avec plaisir, à samedi !"
SENT_BY_PROGRAM = "+33639980777"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[BoxProcess]:
    """An empty box."""
    box = BoxProcess(tmp_path / "data")
    box.start()
    try:
        yield box
    finally:
        box.stop()
        print(box.troubles())  # noqa: T201 (shown when the test fails)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as receiver:
        yield receiver


@pytest.mark.parametrize(("lang", "width"), [("fr", PHONE), ("en", DESK)])
def test_the_main_job(browser_program: Browser, box: BoxProcess, receiver: Receiver, lang: str, width: int) -> None:
    with Person(browser_program, box.address, lang=lang, width=width, name=f"story-{lang}") as alice:
        set_up(alice, box.first_run())
        link_number(alice)
        calm_sandbox(alice)
        imported = import_contacts(alice)
        campaign = launch_campaign(alice, imported)
        watch_campaign(alice)
        customer = read_report(alice, campaign)
        answer_as_customer(alice, customer)
        key = make_key(alice)
        send_by_program(alice, key, "commande-1")
        add_webhook(alice, receiver)
        receive_by_program(alice, key, receiver)
        leave_and_return(alice)
        switch_to_dark(alice)


def set_up(alice: Person, link: str) -> None:
    """The wizard of the first run, which already speaks the browser's language and proposes its zone."""
    alice.open(link)
    alice.field("Your name").fill("Alice")
    alice.field("Email").fill("alice@example.com")
    alice.field("Password").fill(PASSWORD)
    alice.field("Name of the business").fill("Atelier Rivière")
    expect(alice.field("Time zone")).to_have_value("Europe/Paris")
    expect(alice.field("Language")).to_have_value(alice.lang)
    alice.field("Country").select_option("FR")
    alice.press("Set up the box")
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text(alice.t("Overview"))
    expect(alice.text("Your box is ready. Welcome!")).to_be_visible()


def link_number(alice: Person) -> None:
    """Two tabs: one shows the QR code, the other is the phone that decodes its picture."""
    alice.go("Sessions")
    alice.follow("Link a number")
    alice.field("Name").fill(SESSION)
    alice.press("Show the QR code")
    expect(alice.page.get_by_role("img", name=alice.t("QR code that links this session"))).to_be_visible()

    phone = alice.open("/sandbox", page=alice.context.new_page())
    alice.field("Name", within=phone).fill("Alice")
    alice.press("Add the phone", within=phone)
    alice.press("Scan the code of %(session)s", within=phone, session=SESSION)
    expect(alice.text("The phone is linked.", within=phone)).to_be_visible()
    phone.close()

    expect(alice.fact("Status")).to_contain_text(alice.t("Connected"))  # the first tab was told
    expect(alice.page.get_by_role("img", name=alice.t("QR code that links this session"))).to_have_count(0)


def calm_sandbox(alice: Person) -> None:
    """Fast, but slow enough to be watched; nearly everybody reads."""
    alice.follow("Sandbox")
    steps = {
        "The server answers after": 0.15,
        "Delivered after": 0.1,
        "Read after the delivery": 0.1,
        "Answered after the reading": 0.1,
    }
    most = alice.page.get_by_label(alice.t("at most"), exact=True)
    for row, (step, seconds) in enumerate(steps.items()):
        alice.field("%(step)s, at least", step=alice.t(step)).fill(str(seconds))
        most.nth(row).fill(str(seconds * 2))
    alice.field("Messages that are read").fill("90")
    alice.field("Messages that are answered").fill("5")
    alice.field("Messages that the server refuses").fill("2")
    alice.press("Save")
    expect(alice.text("The sandbox behaves so from the next message on.")).to_be_visible()


def import_contacts(alice: Person) -> int:
    """A file through the pages: its columns, a preview, a declared consent, a new list. How many became contacts."""
    alice.go("Imports")
    alice.follow("Import a CSV")
    alice.field("CSV file").set_input_files(CONTACTS)
    alice.press("Go on")
    expect(alice.page.get_by_role("table", name=alice.t("Preview")).get_by_role("row")).not_to_have_count(1)
    alice.field("What the column %(name)s becomes", name="company").select_option(label=alice.t("Leave out"))
    expect(alice.page.get_by_role("table", name=alice.t("Preview"))).not_to_contain_text("company")
    alice.page.get_by_role("radio", name=alice.t("They agreed")).check()
    alice.field("Where did they agree?").fill("carnet de la boutique")
    alice.field("Put them on a new list").fill(LIST)
    alice.press("Start the import")
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text(alice.t("Finished"))
    rows, imported = alice.figure("Rows"), alice.figure("Imported")
    assert rows == 1000
    assert rows == imported + alice.figure("Refused") + alice.figure("Duplicates")
    return imported


def launch_campaign(alice: Person, imported: int) -> str:
    """A draft with a variable, its preview, the last look, the launch; the campaign's address."""
    alice.go("Campaigns")
    alice.follow("New campaign")
    alice.field("Name").fill(CAMPAIGN)
    alice.field("To").select_option(label=alice.t("%(name)s (%(count)s contacts)", name=LIST, count=imported))
    alice.field("Message").fill(TEXT)
    alice.press("Save and preview")
    preview = alice.page.get_by_role("region", name=alice.t("Preview"))
    first = preview.get_by_role("log").inner_text()
    assert "{{" not in first
    assert "la boutique ouvre samedi" in first
    alice.follow("Next contact", within=preview)
    expect(preview.get_by_role("log")).not_to_have_text(first)
    alice.follow("Review and launch")
    alice.press("Launch the campaign")
    return alice.page.url


def watch_campaign(alice: Person) -> None:
    """Numbers rise by themselves; paused they stand still; resumed it comes to its end."""
    alice.page.evaluate("window.stillTheSamePage = true")
    wait_for(lambda: alice.figure("Delivered") > 20, what="deliveries on the page")
    alice.press("Pause")
    expect(alice.text("Nothing more goes out until you resume it.")).to_be_visible()
    alice.press("Resume")
    alice.page.evaluate("window.stillTheSamePage = true")
    before = alice.figure("Sent")
    wait_for(lambda: alice.figure("Sent") > before, what="more sent after resuming")
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text(alice.t("Finished"), timeout=30_000)
    assert alice.page.evaluate("window.stillTheSamePage"), "the page was loaded again"


def read_report(alice: Person, campaign: str) -> str:
    """Funnel, chart and recipients; the number of one who read it."""
    alice.follow("Report")
    audience, sent = alice.figure("Audience"), alice.figure("Sent")
    delivered, read = alice.figure("Delivered"), alice.figure("Read")
    assert audience >= sent >= delivered >= read > 0
    funnel = alice.page.get_by_role("list").filter(has=alice.page.get_by_role("progressbar", name=alice.t("Replied")))
    assert number_in(funnel.get_by_role("listitem").first.locator("strong").inner_text()) == sent
    expect(alice.page.get_by_role("img", name=alice.t("Messages over time")).locator("canvas")).to_be_visible()
    with alice.page.expect_navigation():
        alice.page.get_by_label(alice.t("Any status")).select_option(label=alice.t("Read"))
    row = alice.page.get_by_role("table", name=alice.t("Recipients")).get_by_role("rowheader").first
    row.get_by_role("link").click()
    alice.settle()
    return alice.fact("Number").inner_text()


def answer_as_customer(alice: Person, number: str) -> None:
    """The customer's virtual phone has the message; his answer arrives in the box, live."""
    dialled = "+" + re.sub(r"\D", "", number)
    alice.follow("Open the conversation")
    phone = alice.open(f"/sandbox/{dialled}", page=alice.context.new_page())
    expect(phone.get_by_role("log")).to_contain_text("la boutique ouvre samedi")
    phone.get_by_role("textbox", name=alice.t("Write a message")).fill(ANSWER)
    alice.press("Send", within=phone.get_by_role("main"))
    expect(phone.get_by_role("log")).to_contain_text(ANSWER)
    phone.close()
    expect(alice.page.get_by_role("log")).to_contain_text(ANSWER)
    alice.go("Messages")
    expect(alice.page.get_by_role("table", name=alice.t("Messages"))).to_contain_text(ANSWER)


def make_key(alice: Person) -> str:
    alice.go("API keys")
    alice.field("Name").fill("Caisse")
    alice.press("Make the key")
    shown = alice.page.get_by_role("status").filter(has=alice.page.get_by_role("heading"))
    return shown.get_by_text(re.compile(r"^wame_\w+$")).inner_text()


def send_by_program(alice: Person, key: str, order: str) -> None:
    with client(alice.address, key) as http:
        session = http.get("/api/v1/sessions").raise_for_status().json()["data"][0]["id"]
        # Of the campaign's messages some were refused; this one must not be among the unlucky.
        http.patch(f"/api/v1/sessions/{session}/sandbox", json={"failure_rate": 0}).raise_for_status()
        body = {"session": session, "to": SENT_BY_PROGRAM, "type": "text", "text": {"body": "Votre commande est prête."}}
        answer = http.post("/api/v1/messages", json=body, headers={"idempotency-key": order})
        assert answer.status_code == 202, answer.text
        path = f"/api/v1/messages/{answer.json()['id']}"
        wait_for(lambda: http.get(path).json()["status"] in ("delivered", "read"), what="delivered")


def add_webhook(alice: Person, receiver: Receiver) -> None:
    alice.go("Webhooks")
    alice.follow("Add an endpoint")
    alice.field("URL").fill(receiver.url)
    alice.press("Add the endpoint")
    alice.press("Send a test")
    expect(alice.text("The test arrived")).to_be_visible()


def receive_by_program(alice: Person, key: str, receiver: Receiver) -> None:
    """What the receiver gets verifies with the secret that the page shows."""
    alice.press("Show the secret")
    secret = alice.page.get_by_text(re.compile(r"^whsec_\S+$")).first.inner_text()
    receiver.calls.get(timeout=10).verify(secret)
    send_by_program(alice, key, "commande-2")
    for type in ("message.sent", "message.delivered"):
        receiver.next(type).verify(secret)


def leave_and_return(alice: Person) -> None:
    alice.press("Sign out", within=alice.member_menu())
    expect(alice.text("You are signed out.")).to_be_visible()
    alice.sign_in()
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text(alice.t("Overview"))


def switch_to_dark(alice: Person) -> None:
    light = alice.page.evaluate("getComputedStyle(document.body).backgroundColor")
    alice.press("Dark", within=alice.member_menu())
    alice.page.reload()
    dark = alice.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (light, dark)]
    assert brightness[0] > 600 > 200 > brightness[1]
