"""Logging of the process: one JSON line an event, pretty on a terminal; masked. Set up once by `assembly.py`.

Events of structlog and of the standard `logging` (Sanic's, libraries') go the same way to standard error.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_MAX_VALUE_CHARS = 256
# A JWT, what follows "Bearer" or "token=", a mobile number: no event means to carry one; a library's exception might.
_SECRETS = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.?[\w-]*|(?<=[Bb]earer )[^\s\"',]+|\bsk-[\w-]{8,}"
    r"|(?<=token=)[^\s\"'&,]+|(?<!\d)1[3-9]\d{9}(?!\d)",
)
# What steers a terminal or turns a line's direction (A24): written as an escape. A traceback keeps its lines.
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SANICS_ADVICE = "Sanic is running in PRODUCTION mode"  # on a terminal it advises a development server: not meant here
_SANICS_FAILURE = "Experienced exception while trying to serve"  # it raises it too: whoever catches it tells it once
# These say a request's whole address, query included, at INFO; or what a client sent, at DEBUG; or nothing of use.
_QUIET = ("httpx", "httpcore", "httpx2", "httpcore2", "openai", "websockets", "sanic.websockets", "asyncio", "sanic")


def masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a credential and cut long values, in every field of the event."""
    for name, value in event.items():
        event[name] = _masked_value(value, None if name in ("exception", "stack") else _MAX_VALUE_CHARS)
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
        render: structlog.types.Processor = structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        )
    else:
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    # a traceback becomes text before it is masked: an exception's message may carry what was sent
    finish += [structlog.processors.format_exc_info, masked, render]
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
    handler.addFilter(lambda record: not record.getMessage().startswith((_SANICS_ADVICE, _SANICS_FAILURE)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _masked_value(value: Any, max_chars: int | None) -> Any:
    """A value as it may be written; what is no plain value is written as its `repr`, which may hold anything."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _clean(value, max_chars)
        case Mapping():
            return {_clean(str(name), max_chars): _masked_value(member, max_chars) for name, member in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked_value(member, max_chars) for member in value]
    return _clean(repr(value), max_chars)


def _clean(value: str, max_chars: int | None) -> str:
    value = _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", _SECRETS.sub("***", value))
    return value if max_chars is None or len(value) <= max_chars else value[:max_chars] + "…"
