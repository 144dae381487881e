"""Logging of the process: one JSON line an event, pretty on a terminal; masked. Set up once by `app.py`.

Events of structlog and of the standard `logging` (Sanic's, libraries') go the same way to standard error.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_MAX_VALUE_CHARS = 256
# A JWT, and what follows "Bearer": no event means to carry one; a library's exception text might.
_SECRETS = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.?[\w-]*|(?<=[Bb]earer )[^\s\"',]+|\bsk-[\w-]{8,}")
# These say a request's whole address, query included, at INFO; or what a client sent, at DEBUG.
_QUIET = ("httpx", "httpcore", "httpx2", "httpcore2", "openai", "websockets", "sanic.websockets", "asyncio")


def masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a credential and cut long values, in every field of the event."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _clean(value, None if name == "exception" else _MAX_VALUE_CHARS)
    return event


def set_up_logging(level: str) -> None:
    """Send everything at `level` and above to standard error. JSON lines unless that is a terminal."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    pretty = sys.stderr.isatty()
    finish: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if pretty:
        finish += [masked, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        finish += [structlog.processors.format_exc_info, masked, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())], processors=finish
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _clean(value: str, max_chars: int | None) -> str:
    value = _SECRETS.sub("***", value)
    return value if max_chars is None or len(value) <= max_chars else value[:max_chars] + "…"
