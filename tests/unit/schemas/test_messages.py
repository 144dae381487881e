"""The sentences for people: both languages, the same placeholders; which language a resident is answered in."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import MESSAGES, language_of, localise, text
from schemas.settings import PROJECT
from schemas.turn import Locale

_HAN = re.compile(r"[\u4e00-\u9fff]")


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_every_message_is_there_in_both_languages_with_the_same_placeholders(key: str) -> None:
    """Chinese in the first place, English without a Han character in the second."""
    zh, en = MESSAGES[key]
    assert placeholders(zh) == placeholders(en)
    assert _HAN.search(zh) or not _HAN.search(re.sub(r"\{\w+\}", "", zh + en))
    assert not _HAN.search(en)
    assert zh
    assert en


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_every_message_can_be_said(key: str) -> None:
    """With its placeholders filled nothing of the template is left."""
    for locale in ("zh", "en"):
        said = text(key, locale, **dict.fromkeys(placeholders(MESSAGES[key][0]), "X1"))
        assert not re.search(r"\{\w+\}", said)


def sources() -> list[Path]:
    folders = ("agent", "blueprints", "commands", "integrations", "schemas")
    return [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]


def test_every_key_that_the_code_names_exists() -> None:
    """Keys are texts, so nothing else would notice a typing mistake before a resident does."""
    prefixes = "|".join(sorted({key.split(".")[0] for key in MESSAGES}))
    named = {
        (path.name, key)
        for path in sources()
        for key in re.findall(rf'"((?:{prefixes})\.[a-z_]+)"', path.read_text("utf-8"))
    }
    assert named
    named.discard(("tracing.py", "error.type"))  # an attribute of OpenTelemetry's, and no message
    assert {(file, key) for file, key in named if key not in MESSAGES} == set()


@pytest.mark.parametrize("code", ["model_unavailable", "turn_interrupted", "internal", "shutting_down"])
def test_every_code_that_ends_a_turn_has_its_sentence(code: str) -> None:
    """`error.<code>` is said by the grammar."""
    assert f"error.{code}" in MESSAGES


def test_an_unknown_key_is_an_error() -> None:
    """Nothing is made up."""
    with pytest.raises(KeyError):
        text("no.such.key", "zh")


@given(st.text(max_size=30))
def test_what_is_filled_in_is_never_read_as_a_template(value: str) -> None:
    """Braces of an upstream's message or a client's frame are just characters."""
    said = text("tool.unknown", "en", name=value)
    assert said == f"There is no tool named {localise(value, 'en')}"


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        ("查询账单 / List bills", "查询账单", "List bills"),
        ("List bills / 查询账单", "查询账单", "List bills"),
        ("查询账单", "查询账单", "查询账单"),
        ("List bills", "List bills", "List bills"),
        ("read / write", "read / write", "read / write"),
        ("水费 / 电费", "水费 / 电费", "水费 / 电费"),
        ("a/b 中文", "a/b 中文", "a/b 中文"),
        ("", "", ""),
    ],
)
def test_the_half_of_a_bilingual_text(value: str, zh: str, en: str) -> None:
    """Only halves of different script are two languages."""
    assert (localise(value, "zh"), localise(value, "en")) == (zh, en)


@given(st.text(max_size=40))
def test_localising_gives_a_part_of_the_text(value: str) -> None:
    """Nothing is added, and a localised text stays what it is."""
    for locale in ("zh", "en"):
        half = localise(value, locale)
        assert half in value


@pytest.mark.parametrize(
    ("query", "default", "language"),
    [("查询账单", "en", "zh"), ("pay bill 3号楼", "en", "zh"), ("my bills", "zh", "en"), ("12", "zh", "zh"),
     ("12", "en", "en"), ("?", "en", "en"), ("a", "zh", "zh"), ("", "zh", "zh"),
     ("BX20261122-0007", "zh", "zh"), ("order BX2026", "zh", "en")],
)  # fmt: skip
def test_the_language_of_a_query(query: str, default: Locale, language: Locale) -> None:
    """What shows none is answered in the default."""
    assert language_of(query, default) == language
