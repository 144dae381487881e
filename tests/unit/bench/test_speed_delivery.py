"""The load client's judgement: what was lost, repeated, reordered or late is found, and nothing else is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fake_deltas import Shape
from bench.speed.delivery import Bubble, Verdict
from bench.speed.grammar import Data, Frame, FrameOrder
from bench.speed.job import Told

SHAPE = Shape(count=5)
DELTAS = [f"{number:05d}xxx" for number in range(5)]
THINKING, CHUNK = Frame(type="status", status="thinking"), Frame(type="chunk", content="a")
CLOSING = Frame(type="chunk", content="", is_final=True)
COMPLETED = Frame(type="status", status="completed", data=Data("success"))


def verdict(*texts: str, shape: Shape = SHAPE) -> Verdict:
    bubble = Bubble(shape)
    for text in texts:
        bubble.add(text, 0)
    return bubble.verdict()


@given(st.lists(st.integers(0, 40)))
def test_a_whole_answer_is_whole_however_its_text_is_cut(cuts: list[int]) -> None:
    """A gateway may put deltas together or take them apart."""
    text, places = "".join(DELTAS), sorted({0, 40, *cuts})
    assert verdict(*(text[start:end] for start, end in pairwise(places))).whole


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (DELTAS[:2] + DELTAS[3:], Verdict(lost=1)),
        (DELTAS[:-1], Verdict(lost=1)),
        ([], Verdict(lost=5)),
        ([*DELTAS[:3], DELTAS[2], *DELTAS[3:]], Verdict(repeated=1)),
        ([DELTAS[0], DELTAS[2], DELTAS[1], *DELTAS[3:]], Verdict(reordered=1)),
        ([*DELTAS, DELTAS[0]], Verdict(repeated=1, reordered=1)),
        ([*DELTAS, "00009xxx"], Verdict(garbled=1)),
        ([*DELTAS, "x"], Verdict(garbled=1)),
        (["hello   ", *DELTAS[1:]], Verdict(garbled=1)),
    ],
)
def test_what_is_wrong_with_an_answer_is_found(texts: list[str], found: Verdict) -> None:
    """Each kind by its name, and no other."""
    assert verdict(*texts) == found
    assert not found.whole


@given(st.lists(st.integers(1, 47)))
def test_each_delta_is_late_by_the_time_since_its_stamp_when_all_of_it_is_there(cuts: list[int]) -> None:
    """Also one whose pieces came in two chunks: the later one counts."""
    shape = Shape(count=2, size=24, stamped=True)
    text = f"00000{100:015d}xxxx00001{200:015d}xxxx"
    bubble, places = Bubble(shape), sorted({0, 48, *cuts})
    for number, (start, end) in enumerate(pairwise(places)):
        bubble.add(text[start:end], 1000 + number)
    arrival = [1000 + next(n for n, place in enumerate(places[1:]) if place >= end) for end in (24, 48)]
    assert bubble.late_us == [arrival[0] - 100, arrival[1] - 200]
    assert bubble.verdict().whole


def faults(*frames: Frame) -> list[str]:
    order = FrameOrder()
    for frame in frames:
        order.add(frame)
    return order.faults


def test_complete_turns_have_no_fault() -> None:
    """One after another on a connection, numbered."""
    turn = (THINKING, CHUNK, CHUNK, CLOSING, COMPLETED)
    numbered = [Frame(f.type, f.status, f.content, f.is_final, seq) for seq, f in enumerate(turn * 2)]
    assert faults(*numbered) == []
    assert faults(*turn * 2) == []


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ((THINKING, CHUNK, COMPLETED), "no closing chunk"),
        ((THINKING, CHUNK, CLOSING, CHUNK, CLOSING, COMPLETED), "a chunk after the closing one"),
        ((CHUNK, CLOSING, COMPLETED), "chunk before thinking"),
        ((Frame("status", "thinking", seq=1), Frame("chunk", is_final=True, seq=3)), "seq 3 after 1"),
        ((THINKING, Frame("error", content="busy")), "error: busy"),
        ((THINKING, Frame("status", "completed", data=Data("limit"))), "outcome limit"),
    ],
)
def test_an_incomplete_turn_is_found(frames: tuple[Frame, ...], fault: str) -> None:
    """By what docs/protocol.md says of a turn."""
    assert fault in faults(*frames)


def test_a_client_that_has_not_greeted_may_see_gaps_but_nothing_twice() -> None:
    """Frames that it does not know are left out for it (docs/protocol.md, rule 4)."""
    order = FrameOrder(gaps=True)
    for seq in (1, 3, 3):
        order.add(Frame("status", "thinking", seq=seq))
    assert order.faults == ["seq 3 after 3"]


@pytest.mark.parametrize("wrong", ["lost", "repeated", "reordered", "garbled", "failed"])
def test_a_run_with_anything_wrong_is_not_whole(wrong: str) -> None:
    """No figure counts of one in which a client did not get all."""
    told = {"turns": 1, "seconds": 1.0, "cpu_s": 1.0, "figures": {}}
    assert Told(**told).whole
    assert not Told(**told, **{wrong: 1}).whole
    assert not Told(**told, faults=["seq 3 after 1"]).whole


def test_a_shape_without_room_for_what_it_must_carry_is_refused() -> None:
    """A stamp cut short would be read as another time."""
    assert Shape.of("show my bills fake:n=7,ms=20,size=24,stamp=1 please") == Shape(7, 0.02, 24, True)
    with pytest.raises(ValueError, match="no room"):
        Shape.of("fake:size=19,stamp=1")
