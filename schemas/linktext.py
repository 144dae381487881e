"""What a renderer of markdown makes a link of: addresses in plain words, and text in which no such thing is left.

Two layers need the same answer: the filter of a model's answers (`agent/links.py`) and what a resident is shown of a
write (`integrations/approval_text.py`). Rules of CommonMark 0.31, of GFM's autolinks and of linkify-it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

# The characters an address is made of, where they stand side by side. What is missing (blanks, brackets, quotes, `*`,
# `` ` ``, `|`, `!`) ends a word; a renderer may go on there, but the word before it is judged for itself.
WORD = frozenset("#$%&'+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ\\^_abcdefghijklmnopqrstuvwxyz~")

# The endings that linkify-it links without a scheme: its list, and every country.
_ENDINGS = (
    "biz|com|edu|gov|net|org|pro|web|xxx|aero|asia|coop|info|museum|name|shop|рф|xn--[a-z0-9-]+"
    "|a[cdefgilmnoqrstuwxz]|b[abdefghijmnorstvwyz]|c[acdfghiklmnoruvwxyz]|d[ejkmoz]|e[cegrstu]|f[ijkmor]"
    "|g[abdefghilmnpqrstuwy]|h[kmnrtu]|i[delmnoqrst]|j[emop]|k[eghimnprwyz]|l[abcikrstuvy]|m[acdeghklmnopqrstuvwxyz]"
    "|n[acefgilopruz]|om|p[aefghklmnrstwy]|qa|r[eosuw]|s[abcdeghijklmnortuvxyz]|t[cdfghjklmnortvwz]|u[agksyz]"
    "|v[aceginu]|w[fs]|y[et]|z[amw]"
)
_LETTER = "[a-z0-9$+=^~`|\u0080-\U0010ffff]"  # for linkify-it, a name may be of symbols
_ADDRESS = re.compile(
    rf"""
    :/{{2,}}[^\s/]                                                  # any scheme with an authority
    | (?:https?|ftp|wss?) : /                                       # one that a renderer may take further than we do
    | (?<![a-z0-9]) (?:https?|ftp|mailto|xmpp|javascript|vbscript|file|blob|view-source) : \S
    | (?<![a-z0-9]) data : (?: [a-z]+/ | [;,] )
    | (?<![a-z0-9]) // [^/\s]* \.                                   # the page's own scheme
    | (?: // | @ ) localhost
    | (?<![a-z0-9]) www \. [^.\s]
    | {_LETTER} [-_]* \. (?: {_ENDINGS} ) (?: [/?\#] | :[0-9] ) \S  # a name and what is asked of it
    | [a-z\u0080-\U0010ffff] [-_]* \. [a-z]{{2}} [-a-z0-9]* (?: [/?\#] | :[0-9] ) \S   # of an ending that is not listed
    | [/@] [0-9]+ (?: \.[0-9]+ ){{3}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NAME = re.compile(rf"{_LETTER}[-_]*\.(?:{_ENDINGS})(?![a-z0-9])", re.IGNORECASE)
# A mail address alone: a tap writes an empty letter, nothing is sent by itself.
_MAIL = re.compile(r"[a-z0-9][a-z0-9_+-]*(?:\.[a-z0-9_+-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+[.,;:?]*", re.IGNORECASE)
_HIDDEN = "".join(map(chr, range(32))) + "\x7f\u200b\u200c\u200d\u2060\ufeff\u00ad"
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_WORDS = re.compile(  # CJK punctuation ends a word for every renderer
    r"[#$%&'+,\-./0-9:;=?@A-Z\\^_`a-z|~\x00-\x08\x0e-\x1b\x7f\u0080-\u200f\u2028-\u2fff\u3004-\u3007\u3012\u3013\u301c-\ufefe"
    r"\uff10-\uff19\uff21-\U0010ffff]+"
)
_DEFANGED = re.compile(r":?/{2,}|[:.&\\]|@(?=localhost)", re.IGNORECASE)

_NEEDED = frozenset(".:/&\\")  # no address is without one of them

Kind = Literal["address", "name"]


def kind(word: str) -> Kind | None:
    """Whether `word` (no blanks, see `WORD`) is or holds an address; a `name` is one without scheme, path and query,
    which may as well be a missing blank (`paid.It`). Entities, escapes and hidden characters change nothing."""
    if _NEEDED.isdisjoint(word):
        return None
    forms = _forms(word)
    if any(_ADDRESS.search(form) for form in forms):
        return "address"
    named = any(_NAME.search(form) for form in forms)
    if named and _MAIL.fullmatch(word.lstrip(_HIDDEN)) and not _NAME.search(word.partition("@")[0]):
        return None
    return "name" if named else None


def has_entity(word: str) -> bool:
    """Whether a renderer reads part of `word` as another character."""
    return _ENTITY.search(word) is not None


def apart(name: str) -> str:
    """A `name` with a blank after its dots, so that nothing links it and nothing of it is lost."""
    spaced = re.sub(r"\.(?=[^\W\d_])", ". ", name)
    return spaced if kind(spaced.replace(" ", "\n")) is None else re.sub(r"([.&\\])", r"\1 ", name)


def defanged(text: str) -> str:
    """`text` to be read exactly and linked by nobody: what would make a link, an image or a tag stands in brackets
    (`https[://]evil[.]com`), as security notices write addresses. Nothing is left out or hidden."""
    text = _WORDS.sub(lambda match: _DEFANGED.sub(r"[\g<0>]", match[0]) if kind(match[0]) else match[0], text)
    text = re.sub(r"//(?=\\*[^\s\[\]()#-'+-;=?@A-Z\\^_a-z~])", r"[\g<0>]", text)  # `//"a"@host` is one address for some
    text = re.sub(r"<(?=[A-Za-z/!?])", "[<]", text)
    return re.sub(r"\]([(:]+)", r"][\1]", text)


def _forms(word: str) -> set[str]:
    """What renderers and browsers may read `word` as."""
    forms = set()
    for plain in {word, html.unescape(word)} if "&" in word else {word}:
        shown = plain
        if not plain.isascii() or not plain.isprintable():
            shown = "".join(sign for sign in plain if unicodedata.category(sign) not in ("Cc", "Cf"))
        for form in {plain, shown}:
            forms |= {form, _ESCAPE.sub(r"\1", form), form.replace("\\", "/")}
    return forms
