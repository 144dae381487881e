"""`web/steward-client.js` in Chromium and in Node: against a really started Steward, and against a played gateway."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import estate
from tests.browser.tab import OpenTab
from tests.support.breaking_line import BreakingLine
from tests.support.played_gateway import PlayedGateway, Player
from tests.support.steward import Steward

BILLS = "查询我的物业费账单"
TOKEN = "your-token-here"
RUN = Path(__file__).parent / "client" / "node.mjs"

Scene = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["chromium", "node"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """`result = await scene(name, url=..., ...)`: plays a scene of `client/scenes.mjs`; options of the client are
    `options`."""
    if request.param == "node":
        return _in_node
    open_tab: OpenTab = request.getfixturevalue("open_tab")
    frontend: str = request.getfixturevalue("frontend")

    async def in_chromium(name: str, **given: Any) -> Any:
        tab = await open_tab(f"{frontend}/pages/commonjs.js")
        return await tab.page.evaluate(
            "([name, given]) => import('/client/scenes.mjs').then(({scenes}) => scenes[name](given))", [name, given]
        )

    return in_chromium


@pytest.fixture
def node() -> Scene:
    """The same for scenes that do not depend on what runs them."""
    return _in_node


async def _in_node(name: str, **given: Any) -> Any:
    program = shutil.which("node")
    assert program, "no Node: install the package nodejs"
    process = await asyncio.create_subprocess_exec(
        program, str(RUN), name, json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


def bubble(frames: list[dict[str, Any]]) -> str:
    """The text of a turn's frames."""
    return "".join(frame["content"] for frame in frames if frame["type"] == "chunk")


def whole(frames: list[dict[str, Any]]) -> bool:
    """From `thinking` to the one terminal, without a gap."""
    seqs = [frame["seq"] for frame in frames]
    ends = [frame.get("status") == "completed" or frame["type"] == "error" for frame in frames]
    begins = frames[0].get("status") == "thinking"
    return begins and seqs == list(range(seqs[0], seqs[0] + len(seqs))) and ends == [False] * (len(ends) - 1) + [True]


def address(steward: Steward, user_id: str = "user123", port: int | None = None) -> str:
    return f"ws://127.0.0.1:{port or steward.port}/ws/chat/{user_id}"


@pytest.mark.parametrize("kind", ["browser", "wx"])
async def test_questions_asked_at_once_are_answered_each_with_its_own_frames(
    steward: Steward, scene: Scene, kind: str
) -> None:
    """Three questions before the connection is open: three iterators, each from `thinking` to its terminal, in their
    order; by the browser's WebSocket and by a mini program's."""
    queries = [BILLS, "帮我查一下停车记录", "你好"]
    played = await scene("asks", url=address(steward), kind=kind, queries=queries, options={"token": TOKEN})
    answers = played["answers"]
    assert all(whole(answer) for answer in answers)
    assert estate.amounts(bubble(answers[0]))
    assert estate.amounts(bubble(answers[0])) <= estate.sums(steward.database, "user123")
    assert any(car in bubble(answers[1]) for car in estate.cars(steward.database, "user123"))
    assert [frame["type"] for frame in answers[0] if frame["type"] == "data"] == ["data"]
    assert [frame for frame in played["seen"]["frames"] if frame["type"] != "ready"] == [
        *answers[0],
        *answers[1],
        *answers[2],
    ]
    assert played["seen"]["states"] == ["connecting", "open", "closed"]
    assert played["place"]["after"] == answers[2][-1]["seq"]


async def test_the_text_of_a_question_in_one_line(steward: Steward, scene: Scene) -> None:
    """`await client.ask(query).text()` is the bubble."""
    text = await scene("text", url=address(steward), query=BILLS, options={"token": TOKEN})
    assert text.startswith("账单共")
    assert estate.amounts(text) <= estate.sums(steward.database, "user123")


async def test_a_line_that_breaks_loses_no_character(steward: Steward, scene: Scene) -> None:
    """The connection is dropped in the handshake, in `ready` and within the answer: the frames are those of an
    unbroken line, each once and in order."""
    async with BreakingLine(steward.port, [60, 400, 2_000, 4_000]) as line:
        played = await scene(
            "asks", url=address(steward, port=line.port), queries=[BILLS, BILLS], options={"token": TOKEN}
        )
        assert line.broken == 4
    first, second = played["answers"]
    assert whole(first)
    assert whole(second)
    assert bubble(first) == bubble(second) != ""
    assert played["seen"]["states"].count("waiting") == 4
    assert [frame for frame in played["seen"]["frames"] if frame["type"] != "ready"] == first + second


async def test_an_approval_writes_once(steward: Steward, scene: Scene) -> None:
    """`approve` opens a turn that does what was shown; the same approval once more is refused with how it was decided;
    another one, answered with no, writes nothing."""
    trouble = "厨房水龙头一直滴水"
    steps = [{"query": words} for words in ("我想报修", "室内", trouble, "都可以")]
    yes, no = {"approved": True}, {"approved": False}
    estate.finish_leaks(steward.database, "user123")
    before = estate.repairs(steward.database, "user123")
    said = await scene(
        "dialogue",
        url=address(steward),
        steps=[*steps, yes, yes, *steps, no],
        options={"token": TOKEN},
    )
    parked, done, refused = said["results"][3:6]
    made = estate.repairs(steward.database, "user123").items() - before.items()
    assert parked[-1]["data"]["outcome"] == "approval"
    assert [description for _, description in made] == [trouble]
    assert whole(done)
    assert all(number in bubble(done) for number, _ in made)
    assert (refused["name"], refused["code"]) == ("StewardError", "approval_used")
    assert refused["message"]
    assert "取消" in bubble(said["results"][-1])


async def test_a_turn_is_stopped_whenever_it_is_asked_to(start: Callable[..., Any], node: Scene) -> None:
    """Before the connection is open, and in the middle of its text: the terminal says `cancelled`."""
    with start(STEWARD_TYPING_PAUSE_S="0.05") as own:
        said = await node("stops", url=address(own), query=BILLS, options={"token": TOKEN})
    for frames in (said["first"], said["second"]):
        assert whole(frames)
        assert frames[-1]["data"]["outcome"] == "cancelled"
    assert bubble(said["second"])


async def test_another_login_is_another_conversation_and_a_refused_one_says_so(steward: Steward, node: Scene) -> None:
    """A refused token ends with `login_required` and no further try; then the right one answers; nobody's question
    is answered with the request to log in."""
    tokens = ["no-such-token", TOKEN, ""]
    said = await node("logins", url=address(steward), query=BILLS, tokens=tokens, options={"token": TOKEN})
    refused, own, nobody = said["results"]
    assert refused["code"] == "login_required"
    assert "login_required" in said["errors"]
    assert estate.amounts(bubble(own))
    assert own[-1]["conversation_id"] != nobody[-1]["conversation_id"]
    assert "登录" in bubble(nobody)
    assert "waiting" not in said["states"]


async def test_a_foreign_address_ends_for_good(steward: Steward, node: Scene) -> None:
    """The login of another user than the address names: `identity_mismatch`, and the client does not come back."""
    said = await node("played", url=address(steward, "user456"), options={"token": TOKEN})
    assert said["results"][0]["code"] == "identity_mismatch"
    assert said["states"] == ["connecting", "closed"]


async def test_the_next_page_goes_on_at_the_place_of_the_last(steward: Steward, node: Scene) -> None:
    """With `place` the next page gets nothing twice; with `after: 0` in it, all of the conversation again."""
    first, second, third = await node("pages", url=address(steward), query=BILLS, options={"token": TOKEN})
    entries = [[frame for frame in frames if frame["type"] != "ready"] for frames in (first, second, third)]
    both = entries[0] + entries[1]
    assert [frame["seq"] for frame in both] == list(range(1, len(both) + 1))
    assert entries[2][: len(both)] == both
    assert second[0]["recovered"]


# ---- what a real server does seldom is played --------------------------------------------------------------------


async def _lost_log(player: Player) -> None:
    """The first question is answered half, then the process is gone."""
    await player.ready()
    asked = await player.receive()
    await player.thinking("t1", client_msg_id=asked["client_msg_id"])
    await player.entry("chunk", "t1", content="您有", is_final=False)
    player.socket.transport.abort()


async def test_a_lost_log_begins_the_bubble_again(node: Scene) -> None:
    """`recovered: false`: the snapshot of the own turn takes the bubble's place, and its rest follows."""

    async def back(player: Player) -> None:
        hello = await player.ready(recovered=False, epoch="e2", seq=40, turn_id="t1")
        assert (hello["epoch"], hello["after"]) == ("e", 2)
        player.seq = 40
        await player.send(type="snapshot", conversation_id="c", turn_id="t1", seq=40, content="您有 4", approvals=[])
        await player.words("t1", " 笔账单。")
        await player.completed("t1")

    async with PlayedGateway(_lost_log, back) as gateway:
        said = await node("played", url=gateway.url)
        await gateway.played()
    kinds = [frame["type"] for frame in said["results"][0]]
    assert kinds == ["status", "chunk", "snapshot", "chunk", "chunk", "status"]
    assert said["place"] == {"conversation_id": "c", "epoch": "e2", "after": 43}


async def test_a_question_whose_turn_is_gone_from_the_log_is_asked_again_under_its_name(node: Scene) -> None:
    """The snapshot is that of another turn: the question is repeated as the same one, and its own snapshot ends it."""
    names = []

    async def first(player: Player) -> None:
        await player.ready()
        names.append((await player.receive())["client_msg_id"])
        await player.thinking("t1", client_msg_id=names[0])
        player.socket.transport.abort()

    async def back(player: Player) -> None:
        await player.ready(recovered=False, epoch="e2", seq=40)
        player.seq = 40
        await player.send(
            type="snapshot", conversation_id="c", turn_id="t9", seq=40, content="别的", approvals=[], outcome="success"
        )
        names.append((await player.receive())["client_msg_id"])
        await player.send(
            type="snapshot", conversation_id="c", turn_id="t1", seq=40, content="答", approvals=[], outcome="success"
        )

    async with PlayedGateway(first, back) as gateway:
        said = await node("played", url=gateway.url)
        await gateway.played()
    assert names[0] == names[1]
    assert [frame["type"] for frame in said["results"][0]] == ["status", "snapshot"]
    assert said["results"][0][-1]["content"] == "答"


async def test_a_question_lost_before_it_became_a_turn_is_sent_again_under_its_name(node: Scene) -> None:
    """Where the turn did begin, what was missed is waited for first, and nothing is sent twice."""
    names = []

    async def lost(player: Player) -> None:
        await player.ready()
        names.append((await player.receive())["client_msg_id"])
        player.socket.transport.abort()

    async def lost_again(player: Player) -> None:
        await player.ready()
        names.append((await player.receive())["client_msg_id"])
        player.socket.transport.abort()

    async def back(player: Player) -> None:
        await player.ready(seq=4)
        await player.thinking("t1", client_msg_id=names[0])
        await player.words("t1", "好")
        await player.completed("t1")
        second = await player.receive()
        assert second["query"] == "二"
        await player.thinking("t2", client_msg_id=second["client_msg_id"])
        await player.completed("t2")

    async with PlayedGateway(lost, lost_again, back) as gateway:
        said = await node("played", url=gateway.url, queries=["一", "二"])
        await gateway.played()
    assert names[0] == names[1]
    assert [bubble(frames) for frames in said["results"]] == ["好", ""]


async def test_what_may_be_tried_again_is_and_what_may_not_is_thrown(node: Scene) -> None:
    """`rate_limited` is repeated after its time; `too_large` refuses the question; the next one is answered."""

    async def gateway_part(player: Player) -> None:
        await player.ready()
        name = (await player.receive())["client_msg_id"]
        await player.send(type="error", content="慢", code="rate_limited", retryable=True, retry_after_ms=20)
        assert (await player.receive())["client_msg_id"] == name
        await player.send(type="error", content="太长", code="too_large", retryable=False, field="query")
        await player.thinking("t2", client_msg_id=(await player.receive())["client_msg_id"])
        await player.completed("t2")

    async with PlayedGateway(gateway_part) as gateway:
        said = await node("played", url=gateway.url, queries=["一", "二"])
        await gateway.played()
    refused, answered = said["results"]
    assert (refused["code"], refused["message"]) == ("too_large", "太长")
    assert whole(answered)


async def test_silence_is_asked_about_and_then_left(node: Scene) -> None:
    """A `ping` after the heartbeat's time; a gateway that does not answer is left for a new connection."""

    async def silent(player: Player) -> None:
        await player.ready()
        await player.receive()
        frame = json.loads(await player.socket.recv())
        assert frame == {"type": "ping"}
        await player.socket.wait_closed()

    async def back(player: Player) -> None:
        await player.ready()
        await player.thinking("t1", client_msg_id=(await player.receive())["client_msg_id"])
        await player.completed("t1")

    async with PlayedGateway(silent, back) as gateway:
        said = await node("played", url=gateway.url, options={"heartbeat_ms": 500})
        await gateway.played()
    assert whole(said["results"][0])
    assert said["states"] == ["connecting", "open", "waiting", "connecting", "open", "closed"]


async def test_a_conversation_that_is_gone_becomes_a_new_one(node: Scene) -> None:
    """`not_found` to a `hello` that names a conversation: `hello` again without it."""

    async def part(player: Player) -> None:
        named = await player.receive()
        assert named["conversation_id"] == "gone"
        await player.send(type="error", content="没有", code="not_found", retryable=False, field="conversation_id")
        hello = await player.ready()
        assert "conversation_id" not in hello
        await player.thinking("t1", client_msg_id=(await player.receive())["client_msg_id"])
        await player.completed("t1")
        assert await player.receive() == {"type": "feedback", "turn_id": "t1", "score": -1, "comment": "不对"}

    place = {"conversation_id": "gone", "epoch": "e0", "after": 7}
    async with PlayedGateway(part) as gateway:
        said = await node("played", url=gateway.url, rate=["t1", -1, "不对"], stays=True, options={"place": place})
        await gateway.played()
    assert whole(said["results"][0])
