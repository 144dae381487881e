"""The events of a played model's answer, encoded beforehand, and how its name or a query asks for them.

`fake:n=400,ms=20,size=24,stamp=1` are 400 deltas of 24 characters with 20 ms between them; `ms=0` is a whole answer at
once. Every delta begins with its number (five digits), so that a client finds what was lost, repeated or reordered
however a gateway regroups the text; with `stamp=1` the monotonic time of its sending in microseconds follows (15
digits), from which a client on the same machine reads how late it is. Sent by `fake_model.py`, read by
`speed/delivery.py`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

NUMBER, STAMP = 5, 15

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    """An HTTP chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: dict[str, Any], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """One event with the fields that a real provider sends, as one HTTP chunk."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    value: dict[str, Any] = {
        "id": "chatcmpl-000000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [] if usage else [choice],
        "usage": usage,
    }
    return chunk(b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n")


ROLE = event({"role": "assistant", "content": ""})
_USAGE = event({}, usage={"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20})
_DONE = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def end(finish: str, *, usage: bool) -> bytes:
    """The last events of an answer; that of the usage only where it was asked for."""
    return event({}, finish) + (_USAGE if usage else b"") + _DONE


STOP = {usage: end("stop", usage=usage) for usage in (False, True)}


def tool_call(number: int, name: str, arguments: str, *, usage: bool) -> bytes:
    """A whole answer that calls one tool, its arguments in two pieces as providers send them."""
    function = {"name": name, "arguments": ""}
    call = {"index": 0, "id": f"call_{number:08d}", "type": "function", "function": function}
    pieces = [event({"role": "assistant", "content": None, "tool_calls": [call]})]
    for part in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
        pieces.append(event({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
    return b"".join((HEAD, *pieces, end("tool_calls", usage=usage)))


@dataclass(frozen=True)
class Shape:
    """One kind of answer: how many deltas, how many characters each, the seconds between them, whether stamped."""

    count: int = 100
    interval_s: float = 0.0
    size: int = 8
    stamped: bool = False

    def __post_init__(self) -> None:
        if self.size < NUMBER + STAMP * self.stamped:
            raise ValueError("no room for the number (5) and the stamp (15)")

    @classmethod
    def of(cls, text: str) -> Shape:
        """From the first `fake:…` of a text, up to a blank; what is not given there is as in the class."""
        words = text.partition("fake:")[2].split(maxsplit=1)
        options = dict(pair.split("=", 1) for pair in words[0].split(",") if "=" in pair) if words else {}
        return cls(
            count=int(options.get("n", cls.count)),
            interval_s=float(options.get("ms", 0)) / 1000,
            size=int(options.get("size", cls.size)),
            stamped=options.get("stamp") == "1",
        )


class Deltas:
    """The encoded deltas of a shape. `whole` is all of them with the head, without the end."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        pad = "x" * (shape.size - NUMBER - STAMP * shape.stamped)
        if shape.stamped:
            encoded = event({"content": "~" * NUMBER + "^" * STAMP + pad})
            self._before, _, rest = encoded.partition(b"~" * NUMBER)
            self._behind = rest[STAMP:]
        self._encoded = [] if shape.stamped else [event({"content": f"{n:05d}{pad}"}) for n in range(shape.count)]
        self._whole = HEAD + ROLE + b"".join(self._encoded)

    def one(self, number: int) -> bytes:
        """The delta of that number; a stamped one is of this moment."""
        if not self.shape.stamped:
            return self._encoded[number]
        return b"%b%05d%015d%b" % (self._before, number, time.monotonic_ns() // 1000, self._behind)

    def whole(self) -> bytes:
        """Head, role and all deltas."""
        if not self.shape.stamped:
            return self._whole
        return HEAD + ROLE + b"".join(map(self.one, range(self.shape.count)))
