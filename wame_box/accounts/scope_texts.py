"""What each scope allows, in a few words, for the page that makes keys and the reference."""

from __future__ import annotations

from wame_box.accounts.permissions import Scope
from wame_box.kernel.errors import N_

SCOPE_TEXTS: dict[Scope, str] = {
    Scope.MESSAGES_SEND: N_("Send messages"),
    Scope.MESSAGES_READ: N_("Read messages and their states"),
    Scope.SESSIONS_READ: N_("See sessions and their QR codes"),
    Scope.SESSIONS_WRITE: N_("Add, link, stop and delete sessions"),
    Scope.CONTACTS_READ: N_("Read contacts, lists and imports"),
    Scope.CONTACTS_WRITE: N_("Change and import contacts and lists"),
    Scope.CAMPAIGNS_READ: N_("Read campaigns and reports"),
    Scope.CAMPAIGNS_WRITE: N_("Make, launch, pause and stop campaigns"),
    Scope.WEBHOOKS_READ: N_("Read endpoints, deliveries and events"),
    Scope.WEBHOOKS_WRITE: N_("Change endpoints, read their secrets, replay deliveries"),
    Scope.SANDBOX_WRITE: N_("Use the virtual phones of the sandbox"),
    Scope.ACCOUNT_READ: N_("Read the account's settings"),
    Scope.ACCOUNT_WRITE: N_("Change the account's settings"),
}
