"""The first schema. Times are integer milliseconds UTC; JSON columns are TEXT; every owned row has `account_id`."""

from __future__ import annotations

from typing import Any

KERNEL = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, session_id INTEGER, type TEXT NOT NULL, lane TEXT NOT NULL,
    sequence INTEGER NOT NULL, data TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_account ON events (account_id, id);
CREATE INDEX events_by_type ON events (account_id, type, id);

CREATE TABLE event_sequences (account_id INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;

CREATE TABLE failed_reactions (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, reaction TEXT NOT NULL, event TEXT NOT NULL, error TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX failed_reactions_due ON failed_reactions (next_at);

CREATE TABLE idempotency (
    account_id INTEGER NOT NULL, key TEXT NOT NULL, route TEXT NOT NULL, body_hash BLOB NOT NULL, status INTEGER NOT NULL,
    answer TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE files (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, sha256 BLOB NOT NULL, name TEXT NOT NULL, mime TEXT NOT NULL,
    size INTEGER NOT NULL, path TEXT NOT NULL, key BLOB NOT NULL, created_at INTEGER NOT NULL, UNIQUE (account_id, sha256)
) STRICT;

CREATE TABLE mails (
    id INTEGER PRIMARY KEY, account_id INTEGER, recipient TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL, error TEXT,
    created_at INTEGER NOT NULL, sent_at INTEGER
) STRICT;
CREATE INDEX mails_due ON mails (next_at) WHERE status = 'queued';

-- What a job works on is its row here; huey only carries the id.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, kind TEXT NOT NULL, target_id INTEGER NOT NULL,
    status TEXT NOT NULL, lease_until INTEGER, attempts INTEGER NOT NULL DEFAULT 0, error TEXT,
    created_at INTEGER NOT NULL, finished_at INTEGER
) STRICT;
CREATE INDEX jobs_open ON jobs (status, lease_until) WHERE status IN ('queued', 'running');
"""

ACCOUNTS = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, time_zone TEXT NOT NULL, language TEXT NOT NULL, region TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT NOT NULL, password_hash TEXT NOT NULL,
    is_operator INTEGER NOT NULL DEFAULT 0, language TEXT NOT NULL, created_at INTEGER NOT NULL,
    password_changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    account_id INTEGER NOT NULL REFERENCES accounts (id), member_id INTEGER NOT NULL REFERENCES members (id),
    role TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (account_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_member ON memberships (member_id);

CREATE TABLE logins (
    id INTEGER PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE, member_id INTEGER NOT NULL REFERENCES members (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id), user_agent TEXT NOT NULL, address TEXT NOT NULL,
    created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_of_member ON logins (member_id);

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), name TEXT NOT NULL, hint TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL, created_by INTEGER, created_at INTEGER NOT NULL,
    used_at INTEGER, revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_of_account ON api_keys (account_id, id);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY, account_id INTEGER, member_id INTEGER, key_id INTEGER, action TEXT NOT NULL, target TEXT NOT NULL,
    details TEXT NOT NULL, address TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_of_account ON audit (account_id, id);
"""

SESSIONS = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), name TEXT NOT NULL, engine TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT, wanted INTEGER NOT NULL DEFAULT 1, number TEXT, push_name TEXT,
    policy TEXT NOT NULL, settings TEXT NOT NULL, restricted_until INTEGER, paired_at INTEGER, connected_at INTEGER,
    status_at INTEGER NOT NULL, created_at INTEGER NOT NULL, deleted_at INTEGER
) STRICT;
CREATE INDEX sessions_of_account ON sessions (account_id, id);

CREATE TABLE session_states (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, session_id INTEGER NOT NULL REFERENCES sessions (id),
    status TEXT NOT NULL, reason TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_states_of_session ON session_states (session_id, id);
"""

CONTACTS = """
-- search: name and number as `contacts/search.py` folds them.
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), address TEXT NOT NULL, name TEXT NOT NULL,
    language TEXT, attributes TEXT NOT NULL, search TEXT NOT NULL, consent TEXT NOT NULL, consent_source TEXT,
    consent_proof TEXT, consent_at INTEGER, opted_out_at INTEGER, import_id INTEGER, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, UNIQUE (account_id, address)
) STRICT;
CREATE INDEX contacts_of_account ON contacts (account_id, id);
CREATE INDEX contacts_by_consent ON contacts (account_id, consent, id);

-- How many contacts of an account have said what; kept with each change.
CREATE TABLE contact_counts (
    account_id INTEGER NOT NULL, consent TEXT NOT NULL, contacts INTEGER NOT NULL, PRIMARY KEY (account_id, consent)
) STRICT, WITHOUT ROWID;

-- Which contacts hold which three letters in a row; rowid is the contact. `contacts.search` decides in the end.
CREATE VIRTUAL TABLE contact_search USING fts5 (
    search, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'
);

CREATE TABLE consent_records (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    consent TEXT NOT NULL, source TEXT NOT NULL, proof TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_of_contact ON consent_records (contact_id, id);

CREATE TABLE lists (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), name TEXT NOT NULL COLLATE NOCASE,
    members INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, UNIQUE (account_id, name)
) STRICT;

CREATE TABLE list_members (
    list_id INTEGER NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
    contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE, added_at INTEGER NOT NULL,
    PRIMARY KEY (list_id, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lists_of_contact ON list_members (contact_id);

-- next_line: rows that begin before it are done. rows = imported + refused + duplicates; updated is a part of imported.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), file_id INTEGER NOT NULL REFERENCES files (id),
    file_name TEXT NOT NULL, status TEXT NOT NULL, inspection TEXT NOT NULL, options TEXT, next_line INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0, imported INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0, error TEXT,
    created_by INTEGER, created_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER
) STRICT;
CREATE INDEX imports_of_account ON imports (account_id, id);

-- The lines that became no contact. outcome: refused | duplicate; first_line: where a duplicate's number stood first.
CREATE TABLE import_lines (
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE, outcome TEXT NOT NULL, line INTEGER NOT NULL,
    reason TEXT NOT NULL, first_line INTEGER, raw TEXT NOT NULL, PRIMARY KEY (import_id, outcome, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_activity (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    kind TEXT NOT NULL, batch_id INTEGER, message_id INTEGER, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX activity_of_contact ON contact_activity (contact_id, id);
"""

MESSAGING = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), session_id INTEGER NOT NULL,
    kind TEXT NOT NULL, status TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0, read INTEGER NOT NULL DEFAULT 0, replied INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0, complete INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, finished_at INTEGER
) STRICT;
CREATE INDEX batches_running ON batches (session_id, id) WHERE status = 'running';

-- The facts of a message. batch_id 0: sent on its own. is_new: the recipient never heard from this session, nor wrote to it.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, session_id INTEGER NOT NULL, batch_id INTEGER NOT NULL DEFAULT 0,
    contact_id INTEGER, direction TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL, status TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, is_new INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL, wait_reason TEXT,
    wa_id TEXT, reference TEXT, attempts INTEGER NOT NULL DEFAULT 0, error TEXT, created_at INTEGER NOT NULL,
    claimed_at INTEGER, sent_at INTEGER, delivered_at INTEGER, read_at INTEGER, played_at INTEGER, failed_at INTEGER,
    replied_at INTEGER
) STRICT;
CREATE INDEX messages_queue ON messages (session_id, batch_id, is_new, priority, due_at, id) WHERE status = 'queued';
CREATE INDEX messages_postponed ON messages (session_id, id) WHERE status = 'queued' AND wait_reason IS NOT NULL;
CREATE INDEX messages_in_flight ON messages (session_id, id) WHERE status = 'sending';
CREATE UNIQUE INDEX messages_by_wa_id ON messages (session_id, wa_id) WHERE wa_id IS NOT NULL;
CREATE INDEX messages_of_account ON messages (account_id, id);
CREATE INDEX messages_by_status ON messages (account_id, status, id)
    WHERE status IN ('queued', 'unknown', 'played', 'failed', 'cancelled', 'expired');
CREATE INDEX messages_received ON messages (account_id, id) WHERE direction = 'in';
CREATE INDEX messages_of_chat ON messages (session_id, address, id);
CREATE UNIQUE INDEX messages_once_per_contact ON messages (batch_id, contact_id) WHERE batch_id > 0;
CREATE UNIQUE INDEX messages_once_per_address ON messages (batch_id, address) WHERE batch_id > 0;

CREATE TABLE message_contents (message_id INTEGER PRIMARY KEY REFERENCES messages (id), content TEXT NOT NULL) STRICT;

-- Receipts that came before the message was known under WhatsApp's id.
CREATE TABLE parked_receipts (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL, wa_id TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
    error TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX parked_receipts_by_wa_id ON parked_receipts (session_id, wa_id);

-- Whom a session knows: who was written to, who wrote.
CREATE TABLE peers (
    session_id INTEGER NOT NULL, address TEXT NOT NULL, contact_id INTEGER, first_out_at INTEGER, last_out_at INTEGER,
    first_in_at INTEGER, last_in_at INTEGER, PRIMARY KEY (session_id, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE pacing (session_id INTEGER PRIMARY KEY, state TEXT NOT NULL, wait_until INTEGER, wait_reason TEXT) STRICT;
"""

WEBHOOKS = """
-- last_*: how the latest attempt went. failing_since: the first failure that no success followed.
CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), url TEXT NOT NULL, name TEXT NOT NULL,
    secret TEXT NOT NULL, types TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, failing_since INTEGER,
    last_at INTEGER, last_code INTEGER, last_error TEXT, created_at INTEGER NOT NULL, deleted_at INTEGER
) STRICT;
CREATE INDEX endpoints_of_account ON endpoints (account_id, id);

-- Deliveries of one endpoint and lane go one after the other while all goes well.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    event_id INTEGER NOT NULL, lane TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL, status_code INTEGER, error TEXT, replay_of INTEGER, created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, status, id);

CREATE TABLE delivery_attempts (
    id INTEGER PRIMARY KEY, delivery_id INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE, status_code INTEGER,
    error TEXT, answer TEXT NOT NULL, milliseconds INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_of_delivery ON delivery_attempts (delivery_id, id);
"""

CAMPAIGNS = """
-- cursor: the last contact that expansion looked at; audience: how many it looked at; expanded: all of them.
CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), name TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT, session_id INTEGER, list_id INTEGER, kind TEXT NOT NULL, body TEXT NOT NULL, image_url TEXT, batch_id INTEGER,
    include_unconsented INTEGER NOT NULL DEFAULT 0, cursor INTEGER NOT NULL DEFAULT 0, expanded INTEGER NOT NULL DEFAULT 0,
    audience INTEGER NOT NULL DEFAULT 0, skipped TEXT NOT NULL DEFAULT '{}', scheduled_at INTEGER, launched_at INTEGER,
    launched_by INTEGER, finished_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX campaigns_of_account ON campaigns (account_id, id);
CREATE UNIQUE INDEX campaigns_by_batch ON campaigns (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX campaigns_scheduled ON campaigns (scheduled_at) WHERE status = 'scheduled';
CREATE INDEX campaigns_expanding ON campaigns (id) WHERE expanded = 0 AND status IN ('running', 'paused');
"""


def migrate(database: Any) -> None:
    for part in (KERNEL, ACCOUNTS, SESSIONS, CONTACTS, MESSAGING, WEBHOOKS, CAMPAIGNS):
        for statement in part.split(";\n"):
            if statement.strip():
                database.execute(statement)
