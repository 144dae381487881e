"""What a turn on the embedded model costs: the gateway's own CPU, with the embedded estate as its upstream."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench.speed.figures import Figures
from bench.speed.job import Job
from bench.speed.lab import LabError, cores, load, on_core
from bench.speed.servers import AS_DELIVERED, RAISED
from commands.banner import DEMO_TOKEN, DEMO_USER
from tests.support.steward import start_steward

QUESTIONS = ("查询我的物业费账单", "帮我查一下停车记录", "我的维修单进度怎么样")

_CLIENTS = 5


def embedded(folder: Path, turns: int) -> dict[str, Figures]:
    """CPU milliseconds of a turn by question; the pauses of the model's typing cost no CPU, only time."""
    found = {}
    place = folder / "embedded"
    place.mkdir()
    with ExitStack() as stack:
        with on_core(cores()[0]):
            steward = stack.enter_context(start_steward(place, **RAISED, **AS_DELIVERED))
        for question in QUESTIONS:
            job = Job(
                url=f"{steward.ws}/ws/chat/{DEMO_USER}",
                server=steward.process.pid,
                hello=True,
                deltas="",
                query=question,
                token=DEMO_TOKEN,
                connections=_CLIENTS,
                turns=turns,
                warmup=1,
                session=5,
                stagger_s=1,
            )
            told = load(job, cores()[1])
            if not told.whole:
                raise LabError(f"embedded model, {question}: {told}")
            found[question] = {"cpu_ms_per_turn": told.cpu_s / told.turns * 1e3, **told.figures}
    return found
