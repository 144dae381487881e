"""What the chat page is told before anybody has logged in: `web/page.json`. Made by `assembly.py`."""

from __future__ import annotations

import msgspec

from schemas.turn import Locale


class Suggestions(msgspec.Struct, frozen=True):
    """Questions that the tools of one upstream answer, in one language. `title` is what residents call it."""

    title: str
    questions: list[str]


class DemoLogin(msgspec.Struct, frozen=True):
    """The login of the embedded estate. Printed in the tutorial: no secret."""

    user_id: str
    token: str


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the assistant's and `suggestions` are questions to begin with, both by language; `demo` is there where
    the estate is the embedded one."""

    name: dict[Locale, str]
    locale: Locale
    suggestions: dict[Locale, list[Suggestions]]
    demo: DemoLogin | None = None
