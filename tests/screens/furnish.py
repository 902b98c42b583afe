"""Fills a box as a few weeks of use would: every state that a page can show is there once. All through the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.process import PASSWORD, link_session, wait_for
from tests.e2e.receiver import Receiver

CONTACTS = Path("tests/data/contacts_1000.csv")
CUSTOMER = "+33639980777"
FAST = {
    "ack_ms": [1, 10],
    "deliver_ms": [20, 400],
    "read_ms": [50, 900],
    "reply_ms": [50, 900],
    "reply_rate": 0.1,
    "failure_rate": 0.02,
    "not_on_whatsapp_rate": 0.03,
    "replies": ["Merci beaucoup !", "Great, see you on Saturday.", "¿Cuánto cuesta?", "STOP", "Who is this?"],
}
TEXT = (
    "Bonjour {{first_name|cher client}},\n\nla dégustation d'automne commence samedi à 10 h dans notre boutique de "
    "{{city|Lyon}}. Nous gardons une bouteille pour vous.\n\nVotre Atelier Rivière"
)


class House:
    """What was made; `paths` gives each page its address."""

    def __init__(self, http: httpx.Client, receiver: Receiver) -> None:
        self.http, self.receiver = http, receiver
        self.paths: dict[str, str] = {}

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(path, json=body) if body is not None else self.http.post(path)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        wait_for(condition, seconds=60, what=what)


def furnish(http: httpx.Client, receiver: Receiver) -> dict[str, str]:
    """Name of a page → its address in this box."""
    house = House(http, receiver)
    _endpoints(house)
    sessions = _sessions(house)
    customers = _contacts(house)
    _campaigns(house, sessions, customers)
    _messages(house, sessions)
    _keys(house)
    _deliveries(house)
    return house.paths


def _sessions(house: House) -> dict[str, str]:
    http = house.http
    shop = link_session(http, name="Boutique", number="+33639980100", knobs=dict(FAST))
    slow = link_session(http, name="Service après-vente", number="+33639980101")
    lost = link_session(http, name="Ancien téléphone de l'entrepôt de Villeurbanne", number="+33639980102")
    house.post("/api/v1/sandbox/phones/+33639980102/state", {"state": "lost"})
    house.until(lambda: house.get(f"/api/v1/sessions/{lost}")["status"] == "logged_out", "a session logged out")
    house.post(f"/api/v1/sessions/{slow}/pacing", {"policy": "careful"})
    new = house.post("/api/v1/sessions", {"name": "Stand du marché", "engine": "sandbox"})["id"]
    house.post("/api/v1/sandbox/phones", {"name": "Téléphone du marché", "number": "+33639980103"})
    house.until(lambda: http.get(f"/api/v1/sessions/{new}/qr").is_success, "a QR code")
    house.paths |= {
        "session": f"/sessions/{shop}",
        "session-pairing": f"/sessions/{new}",
        "session-logged-out": f"/sessions/{lost}",
        "session-sandbox": f"/sessions/{shop}/sandbox",
        "session-pacing": f"/sessions/{slow}/pacing",
        "phone-linked": "/sandbox/+33639980100",
        "phone-lost": "/sandbox/+33639980102",
        "phone-to-scan": f"/sandbox/+33639980103?session={new}",
    }
    return {"shop": shop, "slow": slow}


def _contacts(house: House) -> str:
    """The id of the list."""
    wish = {"list_name": "Clients de la boutique", "consent": '{"agreed": true, "source": "carnet de la boutique"}'}
    with CONTACTS.open("rb") as file:
        made = house.http.post("/api/v1/imports", files={"file": file}, data=wish).raise_for_status().json()
    path = f"/api/v1/imports/{made['id']}"
    house.until(lambda: house.get(path)["status"] == "finished", "the import")
    house.post("/api/v1/lists", {"name": "Presse"})
    first, second, third = (row["id"] for row in house.get("/api/v1/contacts?limit=3")["data"])
    house.post(f"/api/v1/contacts/{second}/opt-out", {})
    house.post("/api/v1/contacts", {"address": "+447700900456", "name": "Bartholomew Featherstonehaugh-Cholmondeley"})
    people = house.get("/api/v1/lists")["data"]
    lists = {one["name"]: one["id"] for one in people}
    clients = lists["Clients de la boutique"]
    house.paths |= {
        "import": f"/imports/{made['id']}",
        "import-duplicates": f"/imports/{made['id']}?show=duplicate",
        "contact": f"/contacts/{first}",
        "contact-opted-out": f"/contacts/{second}",
        "contact-edit": f"/contacts/{third}/edit",
        "contact-opt-in": f"/contacts/{second}/opt-in",
        "contacts-search": "/contacts?q=marie",
        "contacts-nothing": "/contacts?q=zzzzzz",
        "list": f"/lists/{clients}",
        "list-empty": f"/lists/{lists['Presse']}",
    }
    return str(clients)


def _campaigns(house: House, sessions: dict[str, str], people: str) -> None:
    def draft(name: str, session: str, **more: Any) -> str:
        body = {"name": name, "session": session, "list": people, "type": "text", "text": {"body": TEXT}} | more
        return str(house.post("/api/v1/campaigns", body)["id"])

    def launch(name: str, session: str, **wish: Any) -> str:
        made = draft(name, session)
        house.post(f"/api/v1/campaigns/{made}/launch", wish)
        return made

    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    finished = launch("Dégustation d'automne", sessions["shop"])
    path = f"/api/v1/campaigns/{finished}"
    house.until(lambda: house.get(path)["status"] == "finished", "the campaign")
    running = launch("Rappel du service après-vente aux anciens clients", sessions["slow"])
    paused = launch("Soldes", sessions["slow"])
    house.post(f"/api/v1/campaigns/{paused}/pause")
    stopped = launch("Essai", sessions["slow"])
    house.post(f"/api/v1/campaigns/{stopped}/stop")
    scheduled = launch("Ouverture de Noël", sessions["shop"], scheduled_at=later)
    waiting = draft("Vœux de la nouvelle année", sessions["shop"])
    image = {
        "type": "image",
        "text": None,
        "image": {"url": "https://example.com/affiche.jpg", "caption": "Salut {{nickname}} !"},
    }
    picture = draft("Affiche sans valeur de secours", sessions["shop"], **image)
    house.paths |= {
        "campaign-finished": f"/campaigns/{finished}",
        "campaign-report": f"/campaigns/{finished}/report",
        "campaign-report-failed": f"/campaigns/{finished}/report?status=failed",
        "campaign-running": f"/campaigns/{running}",
        "campaign-running-report": f"/campaigns/{running}/report",
        "campaign-paused": f"/campaigns/{paused}",
        "campaign-stopped": f"/campaigns/{stopped}",
        "campaign-scheduled": f"/campaigns/{scheduled}",
        "campaign-draft": f"/campaigns/{waiting}",
        "campaign-draft-image": f"/campaigns/{picture}",
        "campaign-edit": f"/campaigns/{waiting}/edit",
        "campaign-confirm": f"/campaigns/{waiting}/confirm",
        "campaign-confirm-nobody": f"/campaigns/{picture}/confirm",
    }


def _messages(house: House, sessions: dict[str, str]) -> None:
    """A conversation, a failed message and one that waits."""
    shop = sessions["shop"]

    def send(text: str, **more: Any) -> str:
        body = {"session": shop, "to": CUSTOMER, "type": "text", "text": {"body": text}} | more
        return str(house.post("/api/v1/messages", body)["id"])

    def hear(text: str) -> None:
        house.post("/api/v1/sandbox/messages", {"session": shop, "from": CUSTOMER, "text": text})

    hear("Bonjour, avez-vous encore le coffret de six verres ?")
    house.until(lambda: "coffret" in house.http.get("/api/v1/messages?direction=in&limit=5").text, "a message")
    first = send("Bonjour ! Oui, il en reste trois. Voulez-vous que nous en gardions un ?", reference="commande-4711")
    image = {"url": f"{house.receiver.url}/verre.jpg", "caption": "Le voici."}
    house.post("/api/v1/messages", {"session": shop, "to": CUSTOMER, "type": "image", "image": image})
    hear("Oui, volontiers. Je passe samedi.\nMerci !")
    house.until(lambda: house.get(f"/api/v1/messages/{first}")["status"] in ("delivered", "read"), "delivered")
    later = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    waiting = send("N'oubliez pas : demain de 10 h à 19 h.", scheduled_at=later)
    failed = house.get("/api/v1/messages?status=failed&limit=1")["data"][0]["id"]
    house.paths |= {
        "message": f"/messages/{first}",
        "message-waiting": f"/messages/{waiting}",
        "message-failed": f"/messages/{failed}",
        "messages-received": "/messages?direction=in",
        "messages-nothing": "/messages?q=%2B33639989999",
        "chat": f"/chats/{shop}/{CUSTOMER}",
        "phone-customer": f"/sandbox/{CUSTOMER}",
        "phone-chat": f"/sandbox/+33639980100?session={shop}&chat=%2B33639980777",
    }


def _keys(house: House) -> None:
    """Through the pages: a key makes no keys."""
    with httpx.Client(base_url=house.http.base_url, headers={"sec-fetch-site": "same-origin"}) as browser:
        browser.post("/sign-in", data={"email": "alice@example.com", "password": PASSWORD})
        browser.post("/keys", data={"name": "Caisse de la boutique", "scopes": ["messages:send", "messages:read"]})
        made = browser.post("/keys", data={"name": "Ancien site", "scopes": ["messages:read"]})
        newest = re.findall(r"/keys/(key_\w+)/revoke", made.text)[0]
        browser.post(f"/keys/{newest}/revoke", data={"confirmed": "1"})


def _endpoints(house: House) -> None:
    good = house.post("/api/v1/endpoints", {"url": house.receiver.url, "name": "Caisse"})["id"]
    bad = house.post("/api/v1/endpoints", {"url": "http://127.0.0.1:9/wame", "name": "Ancien site", "types": ["message.*"]})["id"]
    off = house.post("/api/v1/endpoints", {"url": "https://example.com/hook", "name": "Essai", "types": ["session.status"]})["id"]
    house.http.patch(f"/api/v1/endpoints/{off}", json={"enabled": False}).raise_for_status()
    house.paths |= {
        "endpoint": f"/webhooks/{good}",
        "endpoint-failing": f"/webhooks/{bad}",
        "endpoint-off": f"/webhooks/{off}",
        "endpoint-edit": f"/webhooks/{bad}/edit",
    }


def _deliveries(house: House) -> None:
    for name in ("endpoint", "endpoint-failing"):
        endpoint = house.paths[name].removeprefix("/webhooks/")
        tested = house.post(f"/api/v1/endpoints/{endpoint}/test")
        house.paths[f"{name}-delivery"] = f"/webhooks/{endpoint}/deliveries/{tested['delivery']}"
