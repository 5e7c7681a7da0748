"""Structured logs: one JSON object a line with tenant and connection, secrets struck out. Not here: metrics."""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAME = re.compile(
    r"pass(word|wd)?$|secret|token|api_?key(?!_id)|authorization|credential|private_key", re.IGNORECASE
)
# A key, the password within a URL, the link of a password reset, the link that answers a message, of a label.
_SECRET_TEXT = re.compile(
    r"(fl_[A-Za-z0-9]{4})[A-Za-z0-9_-]+|(://[^:/@\s]*:)[^@\s]+(?=@)|(/password/[^/\s]+/|/notifications/answer/|/[a-z]+/report/)[^/\s]+"
)


def strike_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what looks like a secret, by its name or by its form, before a line is written."""
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = "•••"
        elif isinstance(value, str):
            event[name] = _SECRET_TEXT.sub(lambda m: f"{m[1] or m[2] or m[3]}•••", value)
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    strike_secrets,
]


def logging_config(*, level: str, style: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to stderr, as JSON or for people; bind tenant and connection with
    ``structlog.contextvars.bind_contextvars(tenant_id=…, connection_id=…)``."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if style == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Each of these says at INFO what our own lines say better.
            name: {"level": logging.WARNING}
            for name in ("asyncua", "axes", "httpx", "httpcore", "uvicorn.access")
        },
    }
