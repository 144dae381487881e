"""Takes links, images and tags out of a model's answer while it streams, but for links to the hosts that are allowed.

A hijacked model may put what it read into an address that a client loads or that a resident taps (A40), or markup into
the page (A41). The rule does not hang on one renderer's grammar: whatever part of it could make a link is broken where
it stands (`](`, `]:`, `<` before a letter, a word that is an address). Only what is plainly well-formed and goes to an
allowed host is left whole. Next: `linktargets.py` for what may stay, `schemas/linktext.py` for what an address
is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Generator, Iterable

from agent.linktargets import BLANK, AllowedHosts, read_target
from schemas.linktext import WORD, apart, defanged, kind

# Above it, what is held back is neutralised and released: a client may wait, but not for ever.
MAX_HELD = 2048
# A link's label is seldom longer; one that is keeps its brackets, and loses its target all the same.
MAX_LABEL = 200

_ADDRESS_SIGNS = frozenset(":/\\.?#%&@<[]!")
_END_SIGNS = frozenset(".,;:?!'\")] \t\n\r")
# Prose in which nothing begins, after a blank (0) and as the rest of a word (1): Chinese, blanks, and words of letters
# and digits that are no beginning of an address; a number may have points (356.20, 2026-03-18).
_SIGNS = "[\u3001-\u303f\u3400-\u9fff\uff01-\uff5e ]"
_NUMBER = f"[0-9]++(?:[.,:-][0-9]++){{1,2}}+(?={_SIGNS})"
_WORDS = f"(?:{_NUMBER}|(?!(?:h(?:t(?:t(?:ps?)?)?)?|w{{1,3}})(?![0-9a-z]))[0-9a-z]++)?+"
_MORE = f"(?:{_SIGNS}++{_WORDS})*+"
_PROSE = (
    re.compile(_WORDS + _MORE, re.IGNORECASE | re.ASCII),
    re.compile("[0-9a-z]*+" + _MORE, re.IGNORECASE | re.ASCII),
)
_BEGINNINGS = ("https://", "http://", "www.")
# What stands before the end of a step and cannot be the beginning of an address: words, and numbers such as 356.20.
_NOT_BEGUN = re.compile("(?!.*www)[0-9A-Za-z\u3400-\u4dbf\u4e00-\u9fff.,:，。：；！？、]*", re.IGNORECASE)
# What is a user's name to some, where a mail address follows: `//?d=1>a@host`.
_OWN_SCHEME = re.compile(r"(?<![a-z0-9:/])//[^@/\[\]()]*$", re.IGNORECASE)
_MAX_RUN = 300
_BLANK, _BREAK = re.compile(r"\s"), re.compile(r"[\n\r]")
_WORD_SIGNS = "".join(WORD)


class LinkFilter:
    """One bubble's text on its way to the resident. `hosts` are compared whole, with the port where one is named;
    `removed` stands where an address was. What leaves does not depend on how the text was cut into pieces."""

    def __init__(self, hosts: Iterable[str] = (), removed: str = "…", max_held: int = MAX_HELD) -> None:
        self._hosts = AllowedHosts(hosts)
        self._removed, self._max_held = removed, max_held
        self._out: list[str] = []
        self._mode: Callable[[str], None] = self._text  # what the next character is for
        self._held = ""  # raw text that is not decided yet
        self._scan: Generator[bool | None, str, None] = read_target()
        self._pending = ""  # text from the first open `[` on
        self._open: list[tuple[int, bool]] = []  # of each open `[`: its place in `_pending`, whether it is an image's
        self._image = False  # the `![` of an image is out in this paragraph, and has not ended
        self._gone = ""  # the last character that was released
        self._run = ""  # the end of what was put, back to the last blank
        self._cut = False  # something was taken out here: its neighbours must not become one word
        self._bare_host = False  # an allowed address was put last, and what follows it could become part of its host
        self._whole = False  # the same of one with a path
        self._seam = False  # a step ended in what could be the beginning of an address
        self._slashes = False  # `//` was put last: `//"a"@host` is one address for some
        self._line = "blank"  # what stands in this line so far: blank, marks (no letter yet), text
        self._may_define = False  # a `[` began a line of this paragraph, so `]:` would define a link

    def push(self, text: str) -> str:
        """What can be shown now that `text` has come."""
        place = 0
        while place < len(text):
            prose = self._prose(text, place) if self._mode == self._text else ""
            if prose:
                self._put_prose(prose)
                place += len(prose)
            else:
                self._mode(text[place])
                place += 1
            if len(self._held) + len(self._pending) > self._max_held:
                self._overflow()
        return self._taken()

    def flush(self) -> str:
        """The rest, at the end of a step. What comes afterwards is still judged together with it."""
        held, self._held = self._held, ""
        mode, self._mode = self._mode, self._text
        if mode == self._word:
            self._end_word(held)
        elif mode == self._angle:
            self._put("<" if held == "<" else "< ")
            self._end_word(held[1:])
        elif mode == self._closing:
            self._close()
        elif mode == self._target:
            self._not_a_target(held)
        elif mode == self._bang:
            self._put(held)
        self._release()
        self._seam = _NOT_BEGUN.fullmatch(self._run) is None
        return self._taken()

    def clean(self, text: str) -> str:
        """`text` whole, where it did not stream."""
        return self.push(text) + self.flush()

    def _prose(self, text: str, place: int) -> str:
        """What of `text` from `place` on can be put at once: character by character it would come to the same."""
        if self._bare_host or self._whole or self._cut or self._seam or self._slashes or self._last == "<":
            return ""
        stem = self._stem()
        return _PROSE[stem != ""].match(text, place)[0] if _is_plain(stem) else ""  # type: ignore[index]  # may be empty

    # what a character can be for

    def _text(self, sign: str) -> None:
        stem = self._stem()
        if _is_plain(sign) and _is_plain(stem) and (stem or not _may_begin(sign)):
            self._put(sign)
        elif sign in WORD or _is_hidden(sign):
            self._held, self._mode = sign, self._word
        elif sign == "[":
            self._begin_label("[")
        elif sign == "]":
            self._held, self._mode = sign, self._closing
        elif sign == "<":
            self._held, self._mode = sign, self._angle
        elif sign == "!":
            self._held, self._mode = sign, self._bang
        elif sign in "\n\r":
            self._end_line(sign)
        else:
            self._put(sign)

    def _word(self, sign: str) -> None:
        if sign in WORD or _is_hidden(sign) or _goes_on(self._held, sign):
            self._held += sign
            if _is_plain(self._held) and not _may_begin(self._held) and not self._stem():
                self._put(self._let_go())  # the beginning of a word like any other
            return
        word = self._let_go()
        self._end_word(word)
        self._text(sign)

    def _bang(self, sign: str) -> None:
        self._let_go()
        if sign == "[":
            self._begin_label("![")
        else:
            self._put("!")
            self._text(sign)

    def _angle(self, sign: str) -> None:
        if self._held == "<" and not (_is_latin(sign) or sign in "/?"):
            self._let_go()
            self._put("< " if sign == "!" else "<")
            self._text(sign)
        elif sign in WORD or _is_hidden(sign) or _goes_on(self._held[1:], sign):
            self._held += sign
        else:
            word = self._let_go()[1:]
            if sign == ">" and self._hosts.find(word):
                self._put(f"<{word}>", raw=True)
            elif sign == ">" and kind(word) == "address":
                self._put(self._removed)
            else:
                self._put("< ")
                self._end_word(word)
                self._text(sign)

    def _closing(self, sign: str) -> None:
        if sign == "(":
            self._held, self._mode, self._scan = "](", self._target, read_target()
            next(self._scan)
            return
        self._let_go()
        self._close()
        self._text(sign)

    def _target(self, sign: str) -> None:
        self._held += sign
        verdict = self._scan.send(sign)
        if verdict is None:
            return
        held = self._let_go()
        if verdict:
            self._link(held)
        else:
            self._not_a_target(held[:-1])
            self._text(sign)

    def _skip(self, sign: str) -> None:
        """The rest of an address that was too long to be held."""
        if sign not in WORD and not _is_hidden(sign):
            self._mode = self._text
            self._text(sign)

    def _let_go(self) -> str:
        held, self._held, self._mode = self._held, "", self._text
        return held

    # what became of it

    def _end_word(self, word: str) -> None:
        """Put a word, or the end of one whose letters and digits are out, or what may be shown of it."""
        if not word:
            return
        stem = self._stem()
        url = self._hosts.find(word.rstrip(".,;:?"))
        if url and not stem:
            self._put(word)
            self._bare_host, self._whole = url["rest"] is None, True
            return
        what = kind(stem + word)
        if not _is_plain(stem):  # a step ended in it
            if what and not kind(word):
                self._put(" " + word)
                return
            stem, what = "", kind(word)
        if what == "address":
            self._put(self._removed + word[len(word.rstrip(".,;?")) :])
        elif what == "name" or ("@" in word and _OWN_SCHEME.search(self._run)):
            self._put(apart(stem + word)[len(stem) :])
        else:
            last = self._last
            before = last if last in ("`", "|") or _is_foreign(last) else ""
            self._put(" " + word if before and kind(before + word) else word)

    def _stem(self) -> str:
        """What was put last and would be one word with a letter that followed."""
        return self._run[len(self._run.rstrip(_WORD_SIGNS)) :]

    def _begin_label(self, signs: str) -> None:
        if signs == "[" and self._last == "\\":
            self._put(signs)
            return
        place = len(self._pending)
        if not self._open:  # from here on text is pending
            self._open.append((0, signs == "!["))
            self._put(signs)
            self._open[0] = (len(self._pending) - len(signs), signs == "![")  # a blank may stand before it
        else:
            self._put(signs)
            self._open.append((max(place, len(self._pending) - len(signs)), signs == "!["))

    def _close(self) -> None:
        """A `]` without a target: the label before it is text."""
        escaped = self._last == "\\"
        self._put("]")
        if self._open and not escaped:
            self._open.pop()
        if not self._open:
            self._release()

    def _not_a_target(self, held: str) -> None:
        """A `](` that begins no link for us must begin none for others."""
        self._close()
        self._put(" " + defanged(held[1:]))

    def _link(self, held: str) -> None:
        """`](target)` whole: an image goes, a link to an allowed host stays, of any other its label stays."""
        if not self._open:  # its label was too long, and is out
            self._keep(held) if self._hosts.keep_target(held) and not self._image else self._put("]")
            return
        place, image = self._open[-1]
        in_image = self._image or any(image for _, image in self._open)  # whose `]` it is, code spans may hide
        if not in_image and self._hosts.keep_target(held):
            self._keep(held)
        elif not image and not _ADDRESS_SIGNS.intersection(held[2:]):  # [注](见合同): no address, so nothing is lost
            self._put("] " + held[1:])
        else:
            label = "" if image else self._pending[place + 1 :]
            self._pending = self._pending[:place]
            self._cut = True
            self._put(label)
            self._cut = True
        self._open.pop()
        if not self._open:
            self._release()

    def _keep(self, held: str) -> None:
        """An allowed target; where its `[` is none to a renderer, its address stands in the text."""
        self._put(held, raw=True)
        self._bare_host = not re.search(r"://[^\s/?#]+[/?#]", held)

    def _end_line(self, sign: str) -> None:
        paragraph = self._line == "blank" and not (sign == "\n" and self._last == "\r")
        self._put(sign)
        self._may_define = self._may_define and not paragraph
        self._image = self._image and not paragraph
        if paragraph or not any(image for _, image in self._open):
            self._release()

    def _overflow(self) -> None:
        """Too much is held back: what is there goes out, harmless."""
        self._release()
        if len(self._held) <= self._max_held:
            return
        mode, held = self._mode, self._let_go()
        if mode == self._target:
            self._not_a_target(held)
        elif kind(self._stem() + held) == "address":
            self._put(self._removed)
            self._mode = self._skip
            return
        else:
            self._end_word(held) if mode == self._word else self._put("< " + held[1:])
        self._put(" ")  # the next word must not go on with this one

    # what leaves

    @property
    def _last(self) -> str:
        return self._pending[-1:] or self._gone

    def _put(self, text: str, *, raw: bool = False) -> None:
        """Add `text`, after a blank where it would make a link with what stands before it."""
        if not text:
            return
        if not raw and self._needs_blank(text):
            text = " " + text
        ends = all(sign in _END_SIGNS for sign in text) and not text[-1].isspace()
        self._bare_host, self._whole = self._bare_host and ends, self._whole and ends
        self._cut = self._seam = False
        self._run = _BLANK.split((self._run + text)[-_MAX_RUN:])[-1]
        self._slashes = text.replace("\\", "").endswith("//")
        self._may_define = self._may_define or ("[" in text and self._line != "text")
        line = _BREAK.split(text)
        if len(line) > 1:
            self._line = "blank"
        self._goes_on_with(line[-1])
        self._add(text)

    def _put_prose(self, text: str) -> None:
        """`_put` for what `_prose` gave."""
        _, blank, end = text.rpartition(" ")
        self._run = (end if blank else self._run + text)[-_MAX_RUN:]
        self._goes_on_with(text)
        self._add(text)

    def _goes_on_with(self, text: str) -> None:
        if self._line == "text":
            return
        if any(map(str.isalpha, text)):
            self._line = "text"
        elif self._line == "blank" and text.strip():
            self._line = "marks"

    def _add(self, text: str) -> None:
        if self._open:
            self._pending += text
            if len(self._pending) > MAX_LABEL and not any(image for _, image in self._open):
                self._release()
        else:
            self._out.append(text)
            self._gone = text[-1]

    def _needs_blank(self, text: str) -> bool:
        last, first = self._last, text[0]
        if self._seam and not first.isspace():
            return True
        if last == "]" and (first == "(" or (first == ":" and self._may_define)):
            return True
        if last == "!" and first == "[":  # a step ended between them: an image's whose link would be kept
            return True
        if last == "<" and (_is_latin(first) or first in "/!?"):
            return True
        if self._cut and last and _touch(last, first):
            return True
        if self._slashes and not (first.isspace() or first in "[]()"):
            return True
        if self._whole and not first.isascii() and not first.isspace():
            return True
        return self._bare_host and not all(sign in _END_SIGNS for sign in text)

    def _release(self) -> None:
        if self._pending:
            self._out.append(self._pending)
            self._gone = self._pending[-1]
        self._image = self._image or any(image for _, image in self._open)
        self._pending = ""
        self._open.clear()

    def _taken(self) -> str:
        taken, self._out = "".join(self._out), []
        return taken


def _is_latin(sign: str) -> bool:
    return sign.isascii() and sign.isalpha()


def _is_plain(word: str) -> bool:
    """Letters and digits, which make no address before another sign comes."""
    return word.isascii() and (word.isalnum() or not word)


def _is_foreign(sign: str) -> bool:
    """Whether a name may begin so: any other letter, or an emoji."""
    return sign != "" and not sign.isascii() and unicodedata.category(sign)[0] not in "PZC"


def _may_begin(word: str) -> bool:
    """Whether an address may begin so."""
    return any(beginning.startswith(word.lower()) for beginning in _BEGINNINGS)


def _is_hidden(sign: str) -> bool:
    """A control or format character: no renderer shows it, some leave it out."""
    return not (" " <= sign <= "~") and sign not in BLANK and unicodedata.category(sign) in ("Cc", "Cf")


def _goes_on(word: str, sign: str) -> bool:
    """Whether an address that began goes on with a letter of another script, as part of its host."""
    if not word or sign.isascii() or not sign.isalnum():
        return False
    if word.endswith("."):  # `.рф` is the one such ending that is linked without a scheme
        return sign in "рР" or "//" in word or word.lower().startswith("www.")
    return word.endswith(("//", "@")) or ("//" in word and not word[-1].isascii()) or not word[-1].isascii()


def _touch(last: str, first: str) -> bool:
    """Whether these two, side by side, could be within one address."""
    return (last in WORD and (first in WORD or first.isalnum())) or (first in WORD and last.isalnum())
