"""A file of contacts on its way in: stored encrypted, looked at by a child process, kept as an import that waits; its preview."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wame_box.accounts.models import Caller
from wame_box.contacts import import_store, parse, store
from wame_box.contacts.import_models import Import
from wame_box.contacts.models import Consent, Contact
from wame_box.contacts.parse import Inspection, ParsedRow, RefusedRow
from wame_box.kernel.db import Sql, Tx
from wame_box.kernel.errors import CODES, invalid
from wame_box.kernel.files import StoredFile
from wame_box.kernel.i18n import gettext
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.uploads import Upload

Starter = Callable[[Tx, Import], Import]


async def take(kernel: Kernel, caller: Caller, upload: Upload, starter: Starter | None = None) -> Import:
    """Makes an import, status `uploaded`, of what came with a form; `starter` starts it in the same transaction. The file is
    deleted if nothing comes of it.

    Raises: Refused("invalid_input") without a file, Refused("file_…") for one that is no table, Refused("too_heavy"), and
    what `starter` raises.
    """
    if upload.file is None:
        raise invalid("file", "required")
    kept = False
    try:
        inspection = await asyncio.to_thread(_inspect, kernel, upload.file)
        kept = True  # a write that is cancelled still commits: then the file stays
        row, known = await kernel.db.write(_keep, caller, upload.file, upload.file_name, inspection, starter)
        kept = not known
    except Exception:
        kept = False
        raise
    finally:
        if not kept:
            await asyncio.shield(asyncio.to_thread(kernel.files.delete, upload.file.name))
    return row


def _inspect(kernel: Kernel, file: StoredFile) -> Inspection:
    request = parse.Request(op="inspect", path=str(kernel.files.path(file.name)), key=file.key)
    (found,) = parse.in_child(request)
    if not isinstance(found, Inspection):
        raise TypeError(type(found).__name__)
    return found


def _keep(
    tx: Tx, caller: Caller, file: StoredFile, name: str, inspection: Inspection, starter: Starter | None
) -> tuple[Import, bool]:
    """The import, and whether its content was in the store before."""
    file_id, known = import_store.keep_file(tx, caller.account_id, file, name)
    row = import_store.insert(tx, caller.account_id, file_id, name, inspection, caller.member_id)
    return (starter(tx, row) if starter else row), known


# -- preview -----------------------------------------------------------------------------------------------------------

Fate = Literal["new", "known", "opted_out", "duplicate", "refused"]


@dataclass(frozen=True)
class PreviewRow:
    """A sample as it would be imported. `reason`: a code, for `refused`; `cells`: as in the file."""

    number: int
    fate: Fate
    cells: list[str]
    row: ParsedRow | None = None
    contact: Contact | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """The reason in the language spoken now."""
        return gettext(CODES[self.reason].text) if self.reason else ""


def preview(sql: Sql, account_id: int, found: Inspection, mapping: list[str], region: str | None) -> list[PreviewRow]:
    """The first rows of the file under a mapping.

    Raises: Refused("mapping_…").
    """
    rows = parse.sample_rows(found, mapping, region)
    known = store.by_addresses(sql, account_id, [row.phone for row in rows if isinstance(row, ParsedRow)])
    shown = []
    for row in rows:
        cells = found.samples[row.line - 1]
        if isinstance(row, RefusedRow):
            shown.append(PreviewRow(row.line, "refused", cells, reason=row.reason))
            continue
        contact = known.get(row.phone)
        shown.append(PreviewRow(row.line, _fate(row, contact), cells, row, contact))
    return shown


def _fate(row: ParsedRow, contact: Contact | None) -> Fate:
    if row.first_line is not None:
        return "duplicate"
    if contact is None:
        return "new"
    return "opted_out" if contact.consent is Consent.OPTED_OUT else "known"
