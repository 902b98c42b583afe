"""What the reference's examples say: values for fields, ids of the reader's own account, and whole bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Stands for the box's own address until the page is shown.
BOX = "https://box.example"

# The kind of id that a field or path parameter takes, by its name. `ses_` alone stands for an id of the reader's account.
IDS = {
    "session": "ses",
    "message": "msg",
    "batch": "bat",
    "contact": "con",
    "list": "lst",
    "import": "imp",
    "campaign": "cmp",
    "endpoint": "end",
    "delivery": "dlv",
    "event": "evt",
    "key": "key",
}

# Values where the schema has no example of its own, by the field's name.
SAMPLES: dict[str, Any] = {
    "name": "Spring sale",
    "number": "+33639980012",
    "from": "+33639980012",
    "to": "+33639980012",
    "address": "+33639980012",
    "numbers": ["+33639980012"],
    "url": "https://example.com/hook",
    "body": "Hello!",
    "text": "Hello!",
    "language": "en",
    "time_zone": "Europe/Paris",
    "source": "sign-up form",
    "types": ["message.*"],
    "scopes": ["messages:send"],
}

# Whole bodies, by operation, where the fields that are required make no sense alone.
BODIES: dict[str, Any] = {
    "send_message": {"session": "ses_", "to": "+33639980012", "type": "text", "text": {"body": "Hello!"}},
    "choose_pacing": {"policy": "normal"},
    "post_session": {"name": "Shop", "engine": "sandbox"},
    "patch_session": {"name": "Shop"},
    "create_campaign": {
        "name": "Spring sale",
        "session": "ses_",
        "type": "text",
        "text": {"body": "Hello {{first_name|friend}}, everything is 20 % off this week."},
    },
    "launch_campaign": {"scheduled_at": None},
    "create_endpoint": {"url": "https://example.com/hook", "name": "Shop", "types": ["message.*", "campaign.finished"]},
    "create_key": {"name": "online shop", "scopes": ["messages:send", "messages:read"]},
    "post_message": {"session": "ses_", "from": "+33639980012", "text": "Is it still there?"},
    "post_phone": {"name": "Test phone"},
    "change_account": {"name": "Shop", "time_zone": "Europe/Paris"},
}


def sample(name: str, schema: Mapping[str, Any]) -> Any:
    """A value for a field of this name and schema."""
    if name in IDS:
        return f"{IDS[name]}_"
    if name in SAMPLES:
        return SAMPLES[name]
    if schema.get("type") == "boolean":
        return True
    if schema.get("type") in ("integer", "number"):
        return schema.get("minimum", 1)
    return "2030-05-01T09:00:00Z" if schema.get("format") == "date-time" else "…"
