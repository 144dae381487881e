"""What providers really send: each variant as bytes of its own, and all of them under every split of the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.assemble import Answer, Completion, Incomplete, new_call_id
from integrations.models.chunks import Chunk, decode_chunk
from integrations.models.sse import EventDecoder
from integrations.toolset import MAX_ARGUMENT_BYTES
from schemas.model import ModelEnd
from schemas.tool import ToolCall
from tests.support.chat_server import DONE, event, sse, usage_event

TOOLS = frozenset({"getBills", "getOrder", "get_a", "get_a_detail"})
OWN = "own"

Expected = tuple[str, list[tuple[str, str, str]], str]


def read(pieces: Iterable[bytes], taken: frozenset[str] = frozenset()) -> Expected:
    """Text, calls as (id, name, arguments) and the finish reason; an id made by us reads `own1`, `own2` ..."""
    completion, text = complete(pieces, taken)
    return text, [(call.id, call.name, call.arguments) for call in completion.calls], completion.end.finish_reason


def complete(pieces: Iterable[bytes], taken: frozenset[str] = frozenset(), **limits: Any) -> tuple[Completion, str]:
    made = iter(range(1, 100))
    answer = Answer(TOOLS, taken, lambda: f"{OWN}{next(made)}", **limits)
    events: EventDecoder[Chunk] = EventDecoder(decode_chunk)
    text = "".join(answer.add(chunk) for piece in pieces for chunk in events.feed(piece))
    text += "".join(answer.add(chunk) for chunk in events.close())
    completion = answer.end(marked=events.done)
    return completion, text + completion.text


def piece(
    *, index: Any = 0, call_id: Any = None, name: Any = None, arguments: Any = None, **delta: Any
) -> dict[str, Any]:
    """A delta with one piece of a call; `index=...` left out with `index=None`."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call: dict[str, Any] = {"type": "function", "function": function}
    if index is not None:
        call["index"] = index
    if call_id is not None:
        call["id"] = call_id
    return {"tool_calls": [call], **delta}


def body(*deltas: dict[str, Any], finish: str | None = "tool_calls") -> bytes:
    return b"".join(map(event, deltas)) + event(finish=finish) + DONE


def _arguments(part: str) -> dict[str, Any]:
    return piece(arguments=part)


HEAD = piece(call_id="call_a", name="getBills", arguments="")
WHOLE = ("call_a", "getBills", '{"page":1}')
CALL = [WHOLE]

VARIANTS: dict[str, tuple[bytes, Expected]] = {
    "openai": (
        body(HEAD, piece(arguments='{"pa'), piece(arguments='ge":1}')) + usage_event(),
        ("", CALL, "tool_calls"),
    ),
    "index_missing": (
        body(
            piece(index=None, call_id="call_a", name="getBills", arguments='{"page"'),
            piece(index=None, arguments=":1}"),
        ),
        ("", CALL, "tool_calls"),
    ),
    "index_missing_two_calls": (
        body(
            piece(index=None, call_id="call_a", name="getBills", arguments='{"page"'),
            piece(index=None, arguments=":1}"),
            piece(index=None, call_id="call_b", name="getBills", arguments='{"page":'),
            piece(index=None, arguments="2}"),
        ),
        ("", [WHOLE, ("call_b", "getBills", '{"page":2}')], "tool_calls"),
    ),
    "index_always_0_with_other_ids": (
        body(
            HEAD,
            piece(arguments='{"page":1}'),
            piece(call_id="call_b", name="getOrder", arguments=""),
            piece(arguments='{"id":7}'),
        ),
        ("", [WHOLE, ("call_b", "getOrder", '{"id":7}')], "tool_calls"),
    ),
    "index_always_0_whole_calls_of_one_tool": (
        body(
            piece(call_id="call_a", name="getBills", arguments='{"page":1}'),
            piece(call_id="call_b", name="getBills", arguments='{"page":2}'),
        ),
        ("", [WHOLE, ("call_b", "getBills", '{"page":2}')], "tool_calls"),
    ),
    "index_always_0_and_empty_ids": (
        body(
            piece(call_id="", name="getBills", arguments='{"page":1}'),
            piece(call_id="", name="getBills", arguments='{"page":2}'),
            piece(call_id="", name="getOrder", arguments='{"page":2}'),
        ),
        (
            "",
            [
                ("own1", "getBills", '{"page":1}'),
                ("own2", "getBills", '{"page":2}'),
                ("own3", "getOrder", '{"page":2}'),
            ],
            "tool_calls",
        ),
    ),
    "index_interleaved": (
        body(
            HEAD,
            piece(index=1, call_id="call_b", name="getOrder", arguments=""),
            piece(index=0, arguments='{"page"'),
            piece(index=1, arguments='{"id"'),
            piece(index=0, arguments=":1}"),
            piece(index=1, arguments=":7}"),
        ),
        ("", [WHOLE, ("call_b", "getOrder", '{"id":7}')], "tool_calls"),
    ),
    "index_as_text": (
        body(piece(index="0", call_id="call_a", name="getBills"), piece(index="0", arguments='{"page":1}')),
        ("", CALL, "tool_calls"),
    ),
    "index_only_on_the_first_piece": (
        body(HEAD, piece(index=None, arguments='{"page"'), piece(index=None, arguments=":1}")),
        ("", CALL, "tool_calls"),
    ),
    "index_begins_at_1": (
        body(piece(index=1, call_id="call_a", name="getBills"), piece(index=1, arguments='{"page":1}')),
        ("", CALL, "tool_calls"),
    ),
    "index_counts_pieces": (
        body(
            HEAD,
            piece(index=1, call_id="call_a", arguments='{"page"'),
            piece(index=2, call_id="call_a", arguments=":1}"),
        ),
        ("", CALL, "tool_calls"),
    ),
    "two_calls_in_one_list_without_index": (
        event(
            {
                "tool_calls": [
                    {"id": "call_a", "function": {"name": "getBills", "arguments": '{"page":1}'}},
                    {"id": "call_b", "function": {"name": "getBills", "arguments": '{"page":1}'}},
                ]
            },
            "tool_calls",
        )
        + DONE,
        ("", [WHOLE, ("call_b", "getBills", '{"page":1}')], "tool_calls"),
    ),
    "empty_id_and_name_on_continuations": (
        body(HEAD, piece(call_id="", name="", arguments='{"page"'), piece(call_id="", name="", arguments=":1}")),
        ("", CALL, "tool_calls"),
    ),
    "null_id_and_name_on_continuations": (
        b"".join(
            [
                event(HEAD),
                sse(
                    {
                        "choices": [
                            {
                                "index": 0,
                                "delta": {
                                    "content": None,
                                    "tool_calls": [
                                        {
                                            "index": 0,
                                            "id": None,
                                            "type": None,
                                            "function": {"name": None, "arguments": '{"page":1}'},
                                        }
                                    ],
                                },
                            }
                        ]
                    }
                ),
                event(finish="tool_calls"),
                DONE,
            ]
        ),
        ("", CALL, "tool_calls"),
    ),
    "a_new_id_for_every_piece": (
        body(HEAD, piece(call_id="call_x", arguments='{"page"'), piece(call_id="call_y", arguments=":1}")),
        ("", CALL, "tool_calls"),
    ),
    "name_first_empty_later_real": (
        body(
            piece(call_id="call_a", name="", arguments=""),
            piece(name="getBills", arguments=""),
            piece(arguments='{"page":1}'),
        ),
        ("", CALL, "tool_calls"),
    ),
    "name_then_arguments": (
        body(piece(call_id="call_a", name="getBills"), piece(arguments='{"page":1}')),
        ("", CALL, "tool_calls"),
    ),
    "name_in_pieces": (
        body(piece(call_id="call_a", name="get"), piece(name="Bills"), piece(arguments='{"page":1}')),
        ("", CALL, "tool_calls"),
    ),
    "name_in_cumulative_pieces_is_two_tools_when_both_exist": (
        body(piece(call_id="", name="get_a", arguments="{}"), piece(call_id="", name="get_a_detail", arguments="{}")),
        ("", [("own1", "get_a", "{}"), ("own2", "get_a_detail", "{}")], "tool_calls"),
    ),
    "whole_call_in_one_chunk": (
        event(piece(call_id="call_a", name="getBills", arguments='{"page":1}'), "tool_calls") + DONE,
        ("", CALL, "tool_calls"),
    ),
    "id_and_name_repeated": (
        body(
            piece(call_id="call_a", name="getBills", arguments=""),
            piece(call_id="call_a", name="getBills", arguments='{"page"'),
            piece(call_id="call_a", name="getBills", arguments=":1}"),
            piece(call_id="call_a", name="getBills", arguments=""),
        ),
        ("", CALL, "tool_calls"),
    ),
    "arguments_on_the_finish_chunk": (
        event(HEAD) + event(piece(arguments='{"page"')) + event(piece(arguments=":1}"), "tool_calls") + DONE,
        ("", CALL, "tool_calls"),
    ),
    "whole_call_again_on_the_finish_chunk": (
        event(HEAD)
        + event(piece(arguments='{"page"'))
        + event(piece(arguments=":1}"))
        + event(piece(call_id="call_a", name="getBills", arguments='{"page":1}'), "tool_calls")
        + DONE,
        ("", CALL, "tool_calls"),
    ),
    "cumulative_arguments": (
        body(HEAD, *(piece(arguments='{"page":1}'[:end]) for end in (1, 3, 8, 9, 10, 10))),
        ("", CALL, "tool_calls"),
    ),
    "cumulative_arguments_with_id_and_name": (
        body(*(piece(call_id="call_a", name="getBills", arguments='{"page":1}'[:end]) for end in (2, 8, 10))),
        ("", CALL, "tool_calls"),
    ),
    "pieces_that_repeat_each_other_are_not_cumulative": (
        body(HEAD, *(piece(arguments=part) for part in ('{"fen":', "100", "00", "00", "}"))),
        ("", [("call_a", "getBills", '{"fen":1000000}')], "tool_calls"),
    ),
    "pieces_that_begin_like_the_whole_are_not_cumulative": (
        body(HEAD, *(piece(arguments=part) for part in ('{"', '{":1}'))),
        ("", [("call_a", "getBills", '{"{":1}')], "tool_calls"),
    ),
    "arguments_after_an_empty_object": (
        body(piece(call_id="call_a", name="getBills", arguments="{}"), *map(_arguments, ('{"pa', 'ge":1}'))),
        ("", CALL, "tool_calls"),
    ),
    "arguments_as_object": (
        body(piece(call_id="call_a", name="getBills", arguments={"page": 1})),
        ("", CALL, "tool_calls"),
    ),
    "arguments_empty": (
        body(piece(call_id="call_a", name="getBills", arguments="")),
        ("", [("call_a", "getBills", "{}")], "tool_calls"),
    ),
    "arguments_missing": (
        body(piece(call_id="call_a", name="getBills")),
        ("", [("call_a", "getBills", "{}")], "tool_calls"),
    ),
    "arguments_null": (
        body(piece(call_id="call_a", name="getBills", arguments="null")),
        ("", [("call_a", "getBills", "{}")], "tool_calls"),
    ),
    "arguments_that_are_no_json": (
        body(HEAD, piece(arguments="page=1")),
        ("", [("call_a", "getBills", "page=1")], "tool_calls"),
    ),
    "arguments_with_raw_newline": (
        body(HEAD, piece(arguments='{"text":"a\nb"}')),
        ("", [("call_a", "getBills", '{"text":"a\nb"}')], "tool_calls"),
    ),
    "arguments_truncated_though_finished": (
        body(HEAD, piece(arguments='{"page":1,"te')),
        ("", [], "length"),
    ),
    "finish_length_with_truncated_call": (
        body({"content": "好"}, HEAD, piece(arguments='{"page"'), finish="length"),
        ("好", [], "length"),
    ),
    "finish_length_before_any_arguments": (body(HEAD, finish="length"), ("", [], "length")),
    "finish_length_after_one_whole_call": (
        body(
            HEAD,
            piece(arguments='{"page":1}'),
            piece(index=1, call_id="call_b", name="getOrder", arguments='{"i'),
            finish="length",
        ),
        ("", CALL, "tool_calls"),
    ),
    "finish_stop_with_calls": (body(HEAD, piece(arguments='{"page":1}'), finish="stop"), ("", CALL, "tool_calls")),
    "finish_null_with_calls": (body(HEAD, piece(arguments='{"page":1}'), finish=None), ("", CALL, "tool_calls")),
    "finish_empty": (body({"content": "好"}, finish=""), ("好", [], "stop")),
    "finish_function_call": (
        body(HEAD, piece(arguments='{"page":1}'), finish="function_call"),
        ("", CALL, "tool_calls"),
    ),
    "finish_tool_calls_without_any": (body({"content": "好"}, finish="tool_calls"), ("好", [], "stop")),
    "finish_unknown": (body({"content": "好"}, finish="eos"), ("好", [], "stop")),
    "finish_max_tokens_in_capitals": (body({"content": "好"}, finish="MAX_TOKENS"), ("好", [], "length")),
    "finish_content_filter": (body({"content": "好"}, finish="content_filter"), ("好", [], "content_filter")),
    "finish_content_filter_drops_calls": (
        body(HEAD, piece(arguments='{"page":1}'), finish="content_filter"),
        ("", [], "content_filter"),
    ),
    "end_without_done": (
        event({"content": "好"}) + event(finish="stop"),
        ("好", [], "stop"),
    ),
    "end_without_last_newlines": (
        (event({"content": "好"}) + event(finish="stop")).rstrip(b"\n"),
        ("好", [], "stop"),
    ),
    "usage_with_null_choices": (
        event({"content": "好"}) + event(finish="stop") + sse({"choices": None, "usage": {"prompt_tokens": 3}}) + DONE,
        ("好", [], "stop"),
    ),
    "choice_null_delta_null": (
        sse({"choices": [None]})
        + sse({"choices": [{"index": 0, "delta": None}]})
        + sse({"choices": [{"index": 0, "delta": []}]})
        + event({"content": "好", "tool_calls": None})
        + event({"content": "的", "tool_calls": []}, "stop")
        + DONE,
        ("好的", [], "stop"),
    ),
    "second_choice_ignored": (
        event({"content": "好"})
        + sse({"choices": [{"index": 1, "delta": {"content": "坏"}}]})
        + event(finish="stop")
        + DONE,
        ("好", [], "stop"),
    ),
    "reasoning_content_ignored": (
        event({"reasoning_content": "让我想想"})
        + event({"content": None, "reasoning_content": "嗯", "reasoning": "hm"})
        + event({"content": "好"}, "stop")
        + DONE,
        ("好", [], "stop"),
    ),
    "think_block_hidden": (
        body(
            *({"content": part} for part in ("<thi", "nk>\n要不要", "调用 <tool_call>？</th", "ink>\n\n好", "的")),
            finish="stop",
        ),
        ("好的", [], "stop"),
    ),
    "tool_markup_hidden": (
        body(
            *({"content": part} for part in ("我查一下。\n", "<tool_", 'call>\n{"name":"getBills"}', "\n</tool_call>")),
            finish="stop",
        ),
        ("我查一下。\n", [], "stop"),
    ),
    "literal_tag_stays": (
        body({"content": "HTML 里没有 <think> 和 <tool_call> 标签"}, {"content": "，只有 <b>。"}, finish="stop"),
        ("HTML 里没有 <think> 和 <tool_call> 标签，只有 <b>。", [], "stop"),
    ),
    "white_space_before_calls": (
        event({"content": "\n\n"}) + body(HEAD, piece(arguments='{"page":1}')),
        ("", CALL, "tool_calls"),
    ),
    "content_as_parts": (
        event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "嗯"}]}]})
        + event({"content": [{"type": "text", "text": "好"}]}, "stop")
        + DONE,
        ("好", [], "stop"),
    ),
    "refusal": (body({"refusal": "不行"}, finish="stop"), ("不行", [], "stop")),
    "not_streamed": (
        json.dumps(
            {
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "tool_calls",
                        "message": {
                            "role": "assistant",
                            "content": "好",
                            "tool_calls": [
                                {"id": "call_a", "function": {"name": "getBills", "arguments": '{"page":1}'}}
                            ],
                        },
                    }
                ],
            },
            indent=2,
        ).encode(),
        ("好", CALL, "tool_calls"),
    ),
    "crlf_comments_bom_and_garbage": (
        b"\xef\xbb\xbf: OPENROUTER PROCESSING\r\n\r\nevent: message\r\nid: 1\r\nretry: 10\r\n"
        + event({"content": "好，"}).replace(b"\n", b"\r\n")
        + b'data: {"choices": [{"delta": {"content": "lo\r\n\r\n'
        + b"data:\r\n\r\n: keep-alive\r\nnonsense\r\n\r\n"
        + event({"content": "世界😀"}).replace(b"\n", b"\r\n").replace(b"data: ", b"data:")
        + event(finish="stop").replace(b"\n", b"\r\n")
        + b"data: [DONE]\r\n\r\n"
        + event({"content": "nothing after the end counts"}),
        ("好，世界😀", [], "stop"),
    ),
    "carriage_returns_alone": (body({"content": "好"}, finish="stop").replace(b"\n", b"\r"), ("好", [], "stop")),
    "no_blank_lines": (
        body({"content": "好"}, {"content": "的"}, finish="stop").replace(b"\n\n", b"\n"),
        ("好的", [], "stop"),
    ),
    "one_event_over_several_data_lines": (
        b'data: {"choices":\r\ndata: [{"delta":\r\ndata: {"content":"\xe5\xa5\xbd"},"finish_reason":"stop"}]}\r\n\r\n'
        + DONE,
        ("好", [], "stop"),
    ),
    "half_surrogate_pairs": (
        b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"\\ude00b\\ud83d"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"c"},"finish_reason":"stop"}]}\n\n',
        ("a😀b\ufffdc", [], "stop"),
    ),
    "raw_control_characters": (
        b'data: {"choices":[{"delta":{"content":"a\tb"},"finish_reason":"stop"}]}\n\n',
        ("a\tb", [], "stop"),
    ),
    "name_without_call_is_nothing": (body(piece(call_id="", name="", arguments=""), finish="stop"), ("", [], "stop")),
    "arguments_without_name": (
        body(piece(call_id="call_a", name="", arguments='{"page":1}')),
        ("", [("call_a", "", '{"page":1}')], "tool_calls"),
    ),
    "one_id_for_two_calls": (
        body(
            piece(index=0, call_id="call_a", name="getBills", arguments='{"page":1}'),
            piece(index=1, call_id="call_a", name="getOrder", arguments='{"id":7}'),
        ),
        ("", [WHOLE, ("own1", "getOrder", '{"id":7}')], "tool_calls"),
    ),
    "badly_formed_id": (
        body(piece(call_id="call a/ü", name="getBills", arguments='{"page":1}')),
        ("", [("own1", "getBills", '{"page":1}')], "tool_calls"),
    ),
    "tool_calls_as_one_object": (
        event({"tool_calls": {"id": "call_a", "function": {"name": "getBills", "arguments": '{"page":1}'}}}, "stop")
        + DONE,
        ("", CALL, "tool_calls"),
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_the_stream_gives_its_answer(name: str) -> None:
    """Whatever the provider made of the protocol, text, whole calls and the end come out."""
    sent, expected = VARIANTS[name]
    assert read([sent]) == expected


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_read_byte_by_byte_gives_the_same_answer(name: str) -> None:
    """The finest split of all, inside UTF-8, CRLF and escapes."""
    sent, expected = VARIANTS[name]
    assert read([sent[at : at + 1] for at in range(len(sent))]) == expected


# Bytes of more than one, line ends of two, escapes, held back markup, and the two forms of a body.
RECORDINGS = (
    "openai",
    "crlf_comments_bom_and_garbage",
    "half_surrogate_pairs",
    "one_event_over_several_data_lines",
    "think_block_hidden",
    "tool_markup_hidden",
    "literal_tag_stays",
    "cumulative_arguments",
    "id_and_name_repeated",
    "not_streamed",
    "carriage_returns_alone",
    "no_blank_lines",
)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_cut_in_two_gives_the_same_answer(name: str) -> None:
    """F40: exhaustively, at each byte of the body."""
    sent, expected = VARIANTS[name]
    different = [at for at in range(len(sent) + 1) if read([sent[:at], sent[at:]]) != expected]
    assert different == []


@given(data=st.data())
def test_any_split_of_the_bytes_gives_the_same_answer(data: st.DataObject) -> None:
    """F40: how the network cuts a body says nothing about the answer."""
    name = data.draw(st.sampled_from(sorted(VARIANTS)))
    sent, expected = VARIANTS[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    edges = [0, *cuts, len(sent)]
    assert read([sent[start:stop] for start, stop in pairwise(edges)]) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data(), cumulative=st.booleans())
def test_calls_survive_any_cutting_of_their_arguments(data: st.DataObject, cumulative: bool) -> None:
    """Arguments cut anywhere, sent as pieces or whole each time, one call after another or interleaved by index."""
    calls = data.draw(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), min_size=1, max_size=3))
    queues: list[list[bytes]] = []
    for number, arguments in enumerate(calls):
        text = json.dumps(arguments, ensure_ascii=data.draw(st.booleans()))
        edges = [0, *sorted(data.draw(st.lists(st.integers(1, len(text)), max_size=5))), len(text)]
        parts = [text[0 if cumulative else start : stop] for start, stop in pairwise(edges)]
        queues.append([event(piece(index=number, call_id=f"call_{number}", name="getBills", arguments=""))])
        queues[-1] += [event(piece(index=number, arguments=part)) for part in parts]
    sent: list[bytes] = [queue.pop(0) for queue in queues]
    while any(queues):
        sent.append(data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    completion, _ = complete([*sent, event(finish="tool_calls"), DONE])
    assert [json.loads(call.arguments) for call in completion.calls] == calls


@given(data=st.data())
def test_a_stream_that_is_cut_never_yields_a_part_of_a_call(data: st.DataObject) -> None:
    """Wherever the body ends, each call that comes out is one that the whole body has, or the answer is incomplete."""
    sent, expected = VARIANTS[data.draw(st.sampled_from(sorted(VARIANTS)))]
    part = sent[: data.draw(st.integers(0, len(sent)))]
    try:
        _, calls, _ = read([part])
    except Incomplete:
        return
    assert {call[1:] for call in calls} <= {call[1:] for call in expected[1]}


@given(st.binary(max_size=300) | st.lists(JSON, max_size=4).map(lambda values: b"".join(map(sse, values))))
def test_garbage_is_skipped_or_incomplete_but_never_an_accident(sent: bytes) -> None:
    """No body, however broken, raises anything but `Incomplete`."""
    with suppress(Incomplete):
        text, calls, reason = read([sent])
        text.encode()
        assert reason != "tool_calls" or calls


@given(delta=st.dictionaries(st.sampled_from(["content", "tool_calls", "refusal"]), JSON), choice=JSON)
def test_fields_of_any_kind_do_not_break_the_stream(delta: dict[str, Any], choice: Any) -> None:
    """A chunk with fields of unexpected kinds loses at most itself."""
    odd = event(delta) + sse({"choices": choice}) + event({"tool_calls": [delta]})
    text, _, _ = read([event({"content": "好"}) + odd + event({"content": "的"}) + event(finish="stop") + DONE])
    assert text.startswith("好")
    assert "的" in text


@pytest.mark.parametrize(
    ("sent", "code", "sentence"),
    [
        (sse({"error": {"message": "overloaded", "type": "server_error", "code": 503}}), "503", "overloaded"),
        (sse({"error": "quota exceeded"}), "", "quota exceeded"),
        (b"event: error\n" + sse({"code": "InvalidApiKey", "message": "wrong key"}), "InvalidApiKey", "wrong key"),
        (sse({"object": "error", "message": "too long", "code": 40303}), "40303", "too long"),
        (b'{"error": {"message": "not streamed", "code": "x"}}\n', "x", "not streamed"),
    ],
)
def test_an_error_object_inside_a_200_stream_is_an_error(sent: bytes, code: str, sentence: str) -> None:
    """Whatever its form, it ends the answer, with the provider's own words for the log."""
    with pytest.raises(Incomplete, match=sentence) as caught:
        read([sent + DONE])
    assert caught.value.fault is not None
    assert caught.value.fault.code == code


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        event({"content": "好"}),
        event(HEAD) + event(piece(arguments='{"page":1}')),
        event({"content": "好"}) + event(finish="error") + DONE,
        event({"content": "好"}) + event(finish="insufficient_system_resource") + DONE,
    ],
)
def test_an_answer_without_an_end_is_incomplete(sent: bytes) -> None:
    """Neither a finish reason nor [DONE], or a finish reason that means failure: this was not all."""
    with pytest.raises(Incomplete):
        read([sent])


def test_an_id_that_the_conversation_already_uses_is_replaced() -> None:
    """Providers that count from call_0 in every answer do not confuse the history."""
    sent, _ = VARIANTS["openai"]
    assert read([sent], frozenset({"call_a", "own1"}))[1] == [("own2", "getBills", '{"page":1}')]


def test_own_ids_have_the_form_that_every_provider_takes() -> None:
    """Nine letters and digits, never the same."""
    made = {new_call_id() for _ in range(200)}
    assert len(made) == 200
    assert all(len(call_id) == 9 and call_id.isalnum() and call_id.isascii() for call_id in made)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 120, "completion_tokens": 90}, (120, 90)),
        ({"prompt_tokens": -1, "completion_tokens": 10**12}, (100, 80)),
        ({"prompt_tokens": 1, "completion_tokens": 1}, (100, 80)),
        ({"prompt_tokens": "20", "completion_tokens": True}, (100, 80)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (100, 80)),
        ({}, (100, 80)),
        (None, (100, 80)),
        ("20", (100, 80)),
    ],
)
def test_usage_is_read_or_counted_here_where_it_is_missing_or_absurd(usage: Any, expected: tuple[int, int]) -> None:
    """F45: on a chunk without choices, inside a choice, or nowhere; the budget never sees 0 or nonsense."""
    for sent in (
        event({"content": "好" * 80}, "stop") + event(choices=[], usage=usage),
        sse({"choices": [{"index": 0, "delta": {"content": "好" * 80}, "finish_reason": "stop", "usage": usage}]}),
    ):
        completion, _ = complete([sent], asked_tokens=100)
        assert completion.end == ModelEnd("stop", *expected)


def test_reasoning_and_calls_count_as_output() -> None:
    """F45: what a resident does not see is paid for too."""
    sent = body({"reasoning_content": "想" * 50}, {"reasoning": "m" * 40}, HEAD, piece(arguments='{"page":1}'))
    completion, _ = complete([sent])
    assert completion.end.output_tokens == 50 + 10 + 2 + 3


def test_an_answer_is_cut_at_its_limit_wherever_the_bytes_are_cut() -> None:
    """F46: the text up to the limit, finish `length`, and not one token more."""
    sent = b"".join(event({"content": "字" * 30}) for _ in range(10)) + event(finish="stop") + DONE
    for size in (1, 7, 500, len(sent)):
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        completion, text = complete(pieces, max_tokens=100)
        assert text == "字" * 100
        assert completion.end == ModelEnd("length", 0, 100)


def test_a_call_is_not_yielded_by_an_answer_that_was_cut_in_it() -> None:
    """F46, F38: the limit falls into the arguments."""
    sent = body(HEAD, *[piece(arguments='{"text":"' + "x" * 300)] * 3, piece(arguments='"}'))
    completion, _ = complete([sent], max_tokens=100)
    assert completion.calls == ()
    assert completion.end.finish_reason == "length"


def test_cumulative_arguments_are_counted_once() -> None:
    """F46: a provider that resends the beginning each time does not use up the limit with it."""
    whole = json.dumps({"text": "x" * 400})
    sent = body(HEAD, *(piece(arguments=whole[:end]) for end in range(1, len(whole) + 1)))
    completion, _ = complete([sent], max_tokens=450)
    assert [call.arguments for call in completion.calls] == [whole]


def test_arguments_of_ten_megabytes_are_kept_only_so_far_that_they_are_refused() -> None:
    """A42: nothing of their size reaches the history; what is kept is longer than the toolset accepts."""
    piece_of = piece(arguments="x" * 100_000)
    completion, _ = complete([event(HEAD), event(piece(arguments='{"text":"')), *[event(piece_of)] * 100, DONE])
    (call,) = completion.calls
    assert len(call.arguments) == MAX_ARGUMENT_BYTES + 1


def test_calls_beyond_any_budget_are_not_kept() -> None:
    """A42: ten thousand calls in one answer, each with an index of its own."""
    pieces = [event(piece(index=at, call_id=f"c{at}", name="getBills", arguments="{}")) for at in range(10_000)]
    completion, _ = complete([*pieces, event(finish="tool_calls"), DONE])
    assert len(completion.calls) == 128
    assert {call.arguments for call in completion.calls} == {"{}"}


def test_reasoning_comes_with_the_calls_it_led_to_where_it_is_wanted() -> None:
    """Under either of its names, joined; not for an answer in words, and not unless asked for."""
    thoughts = [{"reasoning_content": "先"}, {"reasoning_content": "查"}]
    with_call = body(*thoughts, HEAD, piece(arguments='{"page":1}'))
    assert complete([with_call], keep_reasoning=True)[0].end.reasoning == "先查"
    assert complete([with_call.replace(b"reasoning_content", b"reasoning")], keep_reasoning=True)[0].end.reasoning
    assert complete([body(*thoughts, {"content": "好"}, finish="stop")], keep_reasoning=True)[0].end.reasoning == ""
    assert complete([with_call])[0].end.reasoning == ""


def test_calls_are_plain_tool_calls() -> None:
    """What comes out is the agent's own value."""
    completion, _ = complete([VARIANTS["openai"][0]])
    assert completion.calls == (ToolCall(*WHOLE),)
