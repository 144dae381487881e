"""What follows `](` in markdown, and which addresses are surely those of an allowed host. Pure; `links.py` uses it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable

from schemas.linktext import has_entity, kind

_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.:-]+)(?P<rest>[/?#][a-z0-9\-._~/?#&=%+:@,;$]*)?", re.I)
_UNSURE = re.compile(r"\.\.|---|\?\?|//|www\.", re.IGNORECASE)  # where a renderer may end one address, begin another
_TARGET = re.compile(r'\]\(\s*(?P<url>[^\s()<>"]+)(?:\s+"(?P<title>[^"\\<>\[\]()`*_!\n&]*)")?\s*\)')
BLANK = " \t\n\r\f\v"


class AllowedHosts:
    """Hosts that links may lead to, compared whole, with the port where one is named."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)

    def keep_target(self, held: str) -> bool:
        """Whether `](target)` is well-formed, and its host one of these."""
        target = _TARGET.fullmatch(held)
        if target is None or not self.find(target["url"]):
            return False
        return not any(map(kind, (target["title"] or "").split()))

    def find(self, word: str) -> re.Match[str] | None:
        """The parts of an address to an allowed host of which every renderer and browser reads the same host."""
        if not self._hosts or "://" not in word:
            return None
        url = _URL.fullmatch(word)
        if url is None or has_entity(word):
            return None
        default = ":443" if url["scheme"].lower() == "https" else ":80"
        if url["host"].lower().removesuffix(default) not in self._hosts:
            return None
        rest = url["rest"] or ""
        # `_evil.com_` in a query is emphasis for some, and then a name of its own
        others = re.split(r"[_~=@:,;+&?#%$]", rest)[1:]
        return None if _UNSURE.search(rest) or any(map(kind, others)) else url


def read_target() -> Generator[bool | None, str, None]:
    """Reads what follows `](`, a character at a time: None while it may become a link's target, True with its last
    character, False if it is none (CommonMark 6.3)."""
    sign = yield None
    while sign in BLANK:
        sign = yield None
    if sign == "<":
        sign = yield None
        while sign != ">":
            if sign in "\n\r<":
                yield False
            if sign == "\\":
                yield None
            sign = yield None
        sign = yield None
    else:
        depth = 0
        while sign not in BLANK and (depth or sign != ")"):
            if sign == "\\":
                yield None
            else:
                depth += (sign == "(") - (sign == ")")
            sign = yield None
    blank = False
    while sign in BLANK:
        blank, sign = True, (yield None)
    if blank and sign in "\"'(":
        close = ")" if sign == "(" else sign
        sign = yield None
        while sign != close:
            if sign == "\\":
                yield None
            sign = yield None
        sign = yield None
        while sign in BLANK:
            sign = yield None
    yield sign == ")"
