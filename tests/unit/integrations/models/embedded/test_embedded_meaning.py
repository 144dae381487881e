"""What words mean across languages, slips that hide them, and what such guesses may fill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.models.embedded import enums, meaning, translations
from integrations.models.embedded.bare import completed
from integrations.models.embedded.catalogue import verb_classes
from integrations.models.embedded.extract import Scene
from integrations.models.embedded.rank import Catalogue, rank
from integrations.models.embedded.schema import Slot, slots_of
from integrations.models.embedded.slips import Slips
from integrations.models.embedded.spans import spans_of
from integrations.models.embedded.text import spoken, stem
from schemas.tool import ToolSpec
from tests.support.library import called
from tests.unit.integrations.models.embedded.test_embedded_choice import say

NOW = datetime(2026, 3, 18, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
WORDS = meaning.words()
assert WORDS is not None


def _object(required: list[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _enum(*values: str, about: str) -> Slot:
    return slots_of(_object(["kind"], kind={"type": "string", "enum": list(values), "description": about}))[0]


def test_a_word_is_put_as_others_by_how_much_of_a_sense_it_is() -> None:
    """A sense of one word counts whole, the head of a longer one more than what stands before it."""
    assert translations.senses("座位")[stem("seat")] == 1.0
    tennis = translations.senses("网球场")
    assert 1.0 > tennis[stem("court")] > tennis[stem("tennis")] > 0


def test_a_word_without_a_sense_has_those_of_its_characters_weaker() -> None:
    """电费 stands in no dictionary; 费 is a fee."""
    assert "电费" not in translations.translations()
    assert 0 < translations.senses("电费")[stem("fee")] < translations.senses("费")[stem("fee")]


def test_without_the_file_no_word_has_a_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left are the vectors."""
    monkeypatch.setattr(translations, "FILE", translations.FILE.with_name("none"))
    translations.translations.cache_clear()
    translations.senses.cache_clear()
    try:
        assert translations.senses("座位") == {}
        assert translations.sounds("费") == []
    finally:
        translations.translations.cache_clear()
        translations.senses.cache_clear()


def test_two_words_that_are_put_as_the_same_are_near_but_not_the_same() -> None:
    """位子 and 座位 are both a seat; a word is itself."""
    assert meaning.translated("座位", "seat") == meaning.translated("座位", "座位") == 1.0
    assert 0 < meaning.translated("座位", "位子") < 1.0
    assert meaning.translated("座位", "invoice") == 0.0


def test_words_that_mean_the_same_have_one_stem() -> None:
    """A word that stands for another is cut as that other is."""
    assert stem("car") == stem("vehicle") == stem("vehicles")
    assert stem("move") == stem("moving")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("查水废", "查水费"), ("norht gate", "north gate"), ("水费多少", "水费多少"), ("north", "north")],
)
def test_a_slip_that_sounds_or_looks_like_a_word_of_the_tools_is_put_right(said: str, meant: str) -> None:
    """Only what is no word itself is changed, one character for one."""
    assert Slips(WORDS, ["查询水费 / Water fees", "North gate"]).mend(said) == meant


def test_words_of_asking_are_no_slips() -> None:
    """要 stays, though 约 sounds like it and a tool has 预约 and 约我."""
    assert Slips(WORDS, ["约我", "月卡"]).mend("要我续两个月") == "要我续两个月"


def test_a_verb_parted_by_a_count_is_one_word() -> None:
    """登个记 is 登记."""
    assert spoken("给他登个记，再打个分") == "给他登记，再打分"


def test_a_compound_says_the_value_beside_what_all_values_are() -> None:
    """网球场 is a tennis court: tennis, and not table tennis."""
    slot = _enum("badminton", "tennis", "table_tennis", about="Kind of court: badminton, tennis, table_tennis")
    heard = enums.hear("定网球场")
    assert enums.near(heard, slot, WORDS, frozenset({"court", "hire"})) == "tennis"


def test_one_word_for_all_of_a_value_outdoes_a_part_of_another() -> None:
    """空调 is an air conditioner though 洗 is to wash."""
    slot = _enum("air_conditioner", "washing_machine", about="Appliance: air_conditioner, washing_machine")
    assert enums.near(enums.hear("洗空调"), slot, WORDS, frozenset({"clean"})) == "air_conditioner"


def test_a_value_of_what_is_over_is_not_said_by_its_verb_alone() -> None:
    """要交多少 does not ask for what is paid; 交过的 does."""
    slot = _enum("paid", "open", about="Status: paid, open")
    assert enums.near(enums.hear("我要付的"), slot, WORDS, frozenset()) is None


def test_two_words_that_stand_together_say_a_value_even_where_the_title_has_one() -> None:
    """ "moving out" is move_out for a moving permit."""
    slot = _enum("move_in", "move_out", about="Type: move_in, move_out")
    assert enums.best(enums.hear("moving out of 3-1-204"), slot, titled=frozenset({stem("moving")})) == "move_out"


@pytest.mark.parametrize("summary", ["Look up a moving permit", "Check the order", "查询搬家放行条"])
def test_a_summary_that_begins_with_looking_is_a_read(summary: str) -> None:
    """Though a noun in it is a verb of writing elsewhere."""
    assert verb_classes(summary, summary, ToolSpec("x", summary, {}, effect="read")) == {"lookup"}


def test_an_end_without_a_beginning_is_a_day() -> None:
    """`validUntil` alone takes the day that is said; beside a beginning it is the end of a stretch, `toDate` too."""
    day = {"type": "string", "format": "date"}
    assert [s.role for s in slots_of(_object([], validUntil=day))] == [""]
    assert [s.role for s in slots_of(_object([], fromDate=day, toDate=day))] == ["from", "to"]


REGISTER = ToolSpec(
    "registerAnimal",
    "登记动物 / Register an animal",
    _object(
        ["species", "animalName"],
        species={"type": "string", "enum": ["dog", "cat", "other"], "description": "种类：dog 狗、cat 猫、other 其他"},
        animalName={"type": "string", "description": "动物的名字 / What the animal is called"},
    ),
    effect="write",
)
STATE = ToolSpec(
    "getAnimal",
    "查询动物档案 / Show the file of an animal",
    _object(["no"], no={"type": "string", "pattern": r"^AN\d{4}$", "description": "编号 / Number"}),
)


def test_a_name_is_no_description_that_tells_a_kind() -> None:
    """The kind is asked for, though "other" is one and a text is there."""
    answer = say("登记动物，名字叫旺财", (REGISTER, STATE))
    assert answer.pending == {"operationId": "registerAnimal", "missing": ["species"]}


def test_a_name_is_what_is_said_behind_called() -> None:
    """Nothing else of the sentence is taken."""
    assert called(say("登记动物，是狗，名字叫旺财", (REGISTER, STATE))) == [
        ("registerAnimal", {"species": "dog", "animalName": "旺财"})
    ]


def test_an_id_alone_asks_the_reading_tool_that_it_completes() -> None:
    """With anything else in the sentence it does not."""
    catalogue = Catalogue((REGISTER, STATE))
    for text, name in (("AN1234", "getAnimal"), ("AN1234 太贵了", None)):
        spans = spans_of(text, NOW)
        found = completed(rank(catalogue, text, Scene(spans, NOW, {})), spans)
        assert (found.tool.name if found else None) == name


@pytest.mark.parametrize(("text", "hours"), [("valid for an hour", 1), ("从八点半到九点半", 1)])
def test_a_length_is_said_by_an_article_or_by_two_times(text: str, hours: int) -> None:
    """ "An hour" is one; between two times are as many hours, or sixty times as many minutes."""
    for unit, many in (("hours", 1), ("minutes", 60)):
        name = "小时数 / Hours" if unit == "hours" else "分钟数 / Minutes"
        tool = ToolSpec(
            "open", f"开门 / Open\n{name}", _object([unit], **{unit: {"type": "integer", "description": name}})
        )
        found = rank(Catalogue((tool,)), text, Scene(spans_of(text, NOW), NOW, {}))[0].found
        assert [value.value for value in found.values()] == [hours * many]
