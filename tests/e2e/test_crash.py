"""kill -9 in the middle of work: nothing lost, nothing doubled."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx

from tests.e2e.process import BoxProcess, client, link_session, wait_for

SENDS = 1_000
KILLS = 5
IN_FLIGHT = 32  # the sandbox engine's max_in_flight
FINAL = {"sent", "delivered", "read", "failed"}


class Sender(threading.Thread):
    """A program that sends each of its references until it is answered, with an idempotency key."""

    def __init__(self, key: str, address: list[str], session: str, references: list[int]) -> None:
        super().__init__(daemon=True)
        self.accepted: dict[str, str] = {}
        self.refused: list[str] = []
        self._key, self._address, self._session, self._references = key, address, session, references

    def run(self) -> None:
        http = client(self._address[0], self._key)
        for number in self._references:
            body = {
                "session": self._session,
                "to": f"+3363998{number:04}",
                "type": "text",
                "text": {"body": f"Order {number} is ready."},
                "reference": f"order-{number}",
            }
            while True:
                try:
                    answer = http.post("/api/v1/messages", json=body, headers={"idempotency-key": f"key-{number}"})
                except httpx.TransportError:
                    time.sleep(0.05)
                    http.close()
                    http = client(self._address[0], self._key)
                    continue
                if answer.status_code == 202:
                    self.accepted[f"order-{number}"] = answer.json()["id"]
                else:
                    self.refused.append(answer.text)
                break
        http.close()


def test_a_thousand_sends_survive_five_kills(tmp_path: Path) -> None:
    """Each client reference ends in the sandbox's ledger under exactly one WhatsApp id, and in one final state."""
    chance = random.Random(20260101)
    box = BoxProcess(tmp_path / "data")
    key = box.create_account()
    box.start()
    address = [box.address]
    with client(box.address, key) as http:
        session = link_session(http, knobs={"read_rate": 0.3, "reply_rate": 0.02, "failure_rate": 0.02})
    parts = [list(range(start, SENDS, 4)) for start in range(4)]
    senders = [Sender(key, address, session, part) for part in parts]
    for sender in senders:
        sender.start()
    kills = 0
    while kills < KILLS:
        time.sleep(chance.uniform(0.15, 0.6))
        box.kill()
        kills += 1
        box.start()
        address[0] = box.address
    for sender in senders:
        sender.join(120)
        assert not sender.is_alive()
        assert sender.refused == []

    accepted = {reference: message for sender in senders for reference, message in sender.accepted.items()}
    assert len(accepted) == SENDS
    assert len(set(accepted.values())) == SENDS
    with client(box.address, key) as http:
        _wait_until_final(http)
        states = _states(http)
    assert box.stop() == 0
    assert set(states) == set(accepted.values())
    assert set(states.values()) <= FINAL

    ids, attempts = defaultdict(set), Counter[str]()
    for line in box.ledger():
        ids[str(line["reference"])].add(line["wa_id"])
        attempts["all"] += 1
    assert set(ids) == set(accepted)
    assert {reference: found for reference, found in ids.items() if len(found) != 1} == {}
    assert attempts["all"] - SENDS <= kills * IN_FLIGHT


def _wait_until_final(http: httpx.Client) -> None:
    def none_left() -> bool:
        return all(
            http.get("/api/v1/messages", params={"status": status, "direction": "out", "limit": 1}).json()["data"] == []
            for status in ("queued", "sending")
        )

    wait_for(none_left, seconds=120, what="every message in a final state")


def _states(http: httpx.Client) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor: str | None = None
    while True:
        params: dict[str, str] = {"limit": "200", "direction": "out"} | ({"cursor": cursor} if cursor else {})
        page = http.get("/api/v1/messages", params=params).raise_for_status().json()
        found |= {row["id"]: row["status"] for row in page["data"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found
