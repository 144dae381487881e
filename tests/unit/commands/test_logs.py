"""The process's log: one event one line, JSON, masked. Logging is the process's, so each test runs its own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.logs import masked
from schemas.settings import PROJECT

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMTIzIn0.c2lnbmF0dXJl"
PREAMBLE = """\
import logging, structlog
from commands.logs import set_up_logging
set_up_logging({level!r})
log = structlog.get_logger("steward.test")
"""


def run(code: str, level: str = "INFO") -> subprocess.CompletedProcess[str]:
    program = PREAMBLE.format(level=level) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )


def events(code: str, level: str = "INFO") -> list[dict[str, Any]]:
    """What the code logs, one JSON value a line; standard output stays empty."""
    done = run(code, level)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_an_event_is_one_json_line() -> None:
    """Name, level, logger, time and fields; of structlog and of standard logging alike; Chinese as it is."""
    ours, theirs = events(
        """
        log.info("turn_started", caller="verified", note="物业")
        logging.getLogger("some.library").warning("lost %s of %d", "one", 2)
        """
    )
    assert (ours["event"], ours["level"], ours["logger"]) == ("turn_started", "info", "steward.test")
    assert (ours["caller"], ours["note"]) == ("verified", "物业")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("lost one of 2", "warning", "some.library")


def test_an_event_with_line_breaks_and_a_traceback_is_still_one_line() -> None:
    """Nobody can write a second event into the log from outside."""
    (event,) = events(
        """
        try:
            raise ValueError("first\\nsecond")
        except ValueError:
            log.exception("turn_defect", query='x\\n{"event": "forged"}')
        """
    )
    assert "ValueError: first\nsecond" in event["exception"]
    assert event["query"] == 'x\n{"event": "forged"}'


def test_the_context_of_a_turn_is_on_its_events() -> None:
    """Bound once, on every event inside, gone afterwards."""
    inside, outside = events(
        """
        with structlog.contextvars.bound_contextvars(turn_id="t1"):
            log.info("inside")
        log.info("outside")
        """
    )
    assert inside["turn_id"] == "t1"
    assert "turn_id" not in outside


def test_below_the_level_nothing_is_written() -> None:
    """And libraries that would write addresses or messages at INFO and DEBUG are quiet at every level."""
    names = [
        event["event"]
        for event in events(
            """
            log.debug("seen"); log.info("also")
            for name in ("httpx", "httpcore", "openai", "websockets.server", "sanic.websockets"):
                logging.getLogger(name).info("GET http://x/?token=abc")
                logging.getLogger(name).debug("frame")
            """,
            "DEBUG",
        )
    ]
    assert names == ["seen", "also"]
    assert [event["event"] for event in events('log.info("no"); log.warning("yes")', "WARNING")] == ["yes"]


SECRET_PLACES = f"""
    log.info("jwt {JWT} in the name")
    log.info("field", value="Bearer opaque-canary-1")
    log.info("nested", headers={{"authorization": "Bearer opaque-canary-2", "list": ["{JWT}"]}})
    log.info("object", error=RuntimeError("sent {JWT}"))
    logging.getLogger("library").warning("sent %s", "Bearer opaque-canary-3")
    logging.getLogger("library").warning("key sk-canary-1234567890")
    try:
        raise RuntimeError("sent {JWT}")
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
"""


def test_what_looks_like_a_credential_is_masked_wherever_it_stands() -> None:
    """In the event, a field, a nested field, an object's repr, a library's arguments, a traceback's message."""
    written = run(SECRET_PLACES).stderr
    assert len(written.splitlines()) == 8
    assert "canary" not in written
    assert JWT not in written
    assert written.count("***") >= 8


def test_on_a_terminal_it_is_pretty_and_masked_too() -> None:
    """No JSON, and nothing more is shown than in a file."""
    shell, terminal = pty.openpty()
    program = PREAMBLE.format(level="INFO") + textwrap.dedent(SECRET_PLACES)
    process = subprocess.Popen([sys.executable, "-W", "error", "-c", program], cwd=PROJECT, stderr=terminal)
    os.close(terminal)
    written = b""
    while True:
        try:
            piece = os.read(shell, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(shell)
    assert process.wait(60) == 0
    assert b"failed too" in written
    assert b"Traceback" in written
    assert b"canary" not in written
    assert JWT.encode() not in written
    assert not written.startswith(b"{")


STEERING = ["\x1b[2J", "\r", "\x07", "\x7f", "\x9b31m", "\u200f", "\u202e", "\u2028", "\u2067"]


@pytest.mark.parametrize("sign", STEERING)
def test_what_steers_a_terminal_is_written_as_an_escape(sign: str) -> None:
    """A24: neither a colour nor another direction nor a second line comes from what a client sent; nothing is lost."""
    event = masked(None, "info", {"query": f"a{sign}b", "exception": f"first\n\ta{sign}b"})
    assert event["query"] == f"a\\u{ord(sign[0]):04x}{sign[1:]}b"
    assert event["exception"] == f"first\n\ta\\u{ord(sign[0]):04x}{sign[1:]}b"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("GET /ws?token=opaque-canary&x=1", "GET /ws?token=***&x=1"),
        ("call 13812345678, please", "call ***, please"),
        ("order 2026112213812345678", "order 2026112213812345678"),
    ],
)
def test_a_token_in_an_address_and_a_mobile_number_are_masked(written: str, shown: str) -> None:
    """A03, A24: within other text, and no part of a longer number."""
    assert masked(None, "info", {"value": written})["value"] == shown


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Zl", "Zp")), max_size=600))
def test_a_value_is_cut(value: str) -> None:
    """A field is never longer than its limit and an ellipsis; an exception's text is never cut."""
    cut = masked(None, "info", {"value": value, "exception": value})
    assert len(str(cut["value"])) <= 257
    if "eyJ" not in value and "earer" not in value and "sk-" not in value:
        assert cut["exception"] == value
        assert len(value) > 256 or cut["value"] == value


@pytest.mark.parametrize("value", [None, True, 7, 1.5])
def test_plain_values_stay_what_they_are(value: Any) -> None:
    """Numbers are numbers in the log."""
    assert masked(None, "info", {"value": value}) == {"value": value}
