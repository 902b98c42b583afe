"""The log: one line a fact on standard error, key=value or JSON. Never message texts, numbers or secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def set_up_log(level: str, shape: str) -> None:
    """`level`: debug, info, warning or error; `shape`: text or json. Libraries speak from warning on."""
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), format="%(levelname)s %(name)s %(message)s")
    last: Any = structlog.processors.JSONRenderer() if shape == "json" else structlog.processors.LogfmtRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
