"""The schema of `sandbox/world.db`: what the little WhatsApp must remember over a kill. Ordered, append-only migrations."""

from __future__ import annotations

from typing import Any

from sqlite_utils.migrations import Migrations

WORLD = Migrations("wame_box_sandbox")

# Phones that somebody made or touched; every other number is a customer's phone that is on.
# chats: one for each number that a session wrote with; `messages` counts what is kept of it.
# pending: what is still to happen. `held`: the phone that should do it is off.
FIRST = """
CREATE TABLE phones (
    account_id INTEGER NOT NULL, number TEXT NOT NULL, name TEXT NOT NULL, owner INTEGER NOT NULL, state TEXT NOT NULL,
    created_at INTEGER NOT NULL, PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    session_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, number TEXT NOT NULL, linked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE chats (
    session_id INTEGER NOT NULL, number TEXT NOT NULL, account_id INTEGER NOT NULL, messages INTEGER NOT NULL,
    last_at INTEGER NOT NULL, PRIMARY KEY (session_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX chats_latest ON chats (session_id, last_at);
CREATE INDEX chats_of_phone ON chats (account_id, number);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, session_id INTEGER NOT NULL, number TEXT NOT NULL, wa_id TEXT NOT NULL,
    outgoing INTEGER NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL, reference TEXT, state INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_by_wa_id ON messages (session_id, wa_id);
CREATE INDEX messages_of_chat ON messages (session_id, number, id);

CREATE TABLE pending (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, session_id INTEGER NOT NULL, number TEXT NOT NULL, wa_id TEXT NOT NULL,
    kind TEXT NOT NULL, due_at INTEGER NOT NULL, held INTEGER NOT NULL, message_kind TEXT, content TEXT
) STRICT;
CREATE INDEX pending_of_session ON pending (session_id, due_at) WHERE held = 0;
CREATE INDEX pending_held ON pending (account_id, number) WHERE held = 1;
"""


@WORLD(name="m0001_first")
def first(database: Any) -> None:
    for statement in FIRST.split(";\n"):
        if statement.strip():
            database.execute(statement)
