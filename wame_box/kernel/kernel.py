"""The kernel's pieces in one hand: what every slice's handlers and workers get."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.kernel.clock import Clock
from wame_box.kernel.config import Config
from wame_box.kernel.db import Database
from wame_box.kernel.files import FileStore
from wame_box.kernel.live import LiveHub
from wame_box.kernel.outbound_http import OutboundHttp


@dataclass(frozen=True)
class Kernel:
    config: Config
    clock: Clock
    db: Database
    live: LiveHub
    files: FileStore
    http: OutboundHttp
