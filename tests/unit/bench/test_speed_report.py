"""What the speed bench makes of its figures: reports of tools are read rightly, goals are judged, the page and the plot
are whole, and what was not measured is said to be so."""

import math
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench.speed.compare import added_ms, ratio
from bench.speed.goals import Goal, goals
from bench.speed.lab import LabError, process, wait_for_port
from bench.speed.plot import plot
from bench.speed.profiler import Row, rows
from bench.speed.report import report
from bench.speed.results import Results, machine
from bench.speed.scaling import catalogue_of, growth
from bench.speed.startup import Import, by_package
from bench.speed.usage import cpu_s
from integrations.catalogue import load_catalogue

ROUNDS = {
    "busy": {"": [{"share": 0.02}]},
    "burst": {
        "steward": [{"turns_per_cpu_s": 30.0}, {"turns_per_cpu_s": 20.0}, {"turns_per_cpu_s": 22.0}],
        "hand": [{"turns_per_cpu_s": 3.0}, {"turns_per_cpu_s": 1.0}, {"turns_per_cpu_s": 2.0}],
    },
    "first": {"direct": [{"first_p50_ms": 0.5}], "hand": [{"first_p50_ms": 4.5}], "steward": [{"first_p50_ms": 1.0}]},
}


def test_own_times_of_modules_are_added_up_by_package() -> None:
    """Of `python -X importtime`: the first column is a module's own time, in microseconds."""
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1500 |       1500 |   sanic.app\n"
        "import time:       500 |       2000 | sanic\n"
        "import time:       100 |        100 | json\n"
    )
    assert by_package(report) == (2.1, [Import("sanic", 2.0, 2), Import("json", 0.1, 1)])


def test_a_function_counts_itself_at_the_end_of_a_stack_and_once_within_it() -> None:
    """Also one that calls itself: it is within a sample or it is not."""
    folded = "main (app.py);turn (agent/loop.py);turn (agent/loop.py) 3\nmain (app.py:1) 1\n"
    assert rows(folded) == [Row("turn (agent/loop.py)", 0.75, 0.75), Row("main (app.py)", 0.25, 1.0)]


def test_ratios_are_of_the_same_round() -> None:
    """Not of the medians: rounds differ, and a machine slows all of one down."""
    assert ratio(ROUNDS, "burst", "steward", "hand", "turns_per_cpu_s") == 11
    assert added_ms(ROUNDS, "steward") == 0.5


def test_growth_is_that_of_the_worst_step() -> None:
    """By sizes in their order, however they were measured."""
    assert growth({300: 9.0, 3: 1.0, 30: 2.0}) == 4.5
    assert math.isnan(growth({3: 1.0}))


def test_a_goal_is_met_at_its_bound_and_unknown_where_it_was_not_measured() -> None:
    """No figure is no success."""
    assert Goal("", 10, 10, "×", at_least=True).met is True
    assert Goal("", 9.9, 10, "×", at_least=True).met is False
    assert Goal("", 10.1, 10, "×").met is False
    assert Goal("", math.nan, 10, "×").met is None


def test_an_empty_run_still_makes_a_page_a_plot_and_only_unknown_goals() -> None:
    """What failed is named in the page."""
    results = Results("make bench", machine(), missing=["compared: it failed"])
    assert [goal.met for goal in goals(results)] == [None] * 13
    assert "**Not measured:** compared: it failed" in report(results, "speed.svg")
    ET.fromstring(plot(results))  # noqa: S314 - it is our own


def test_the_page_and_the_plot_have_the_figures_of_a_run() -> None:
    """The table judges them; the plot is well-formed and names every server that was measured."""
    memory = {"steward": [{500: 12.0, 2000: 20.0}], "raw": [{500: 20.0, 2000: 25.0}]}
    results = Results("make bench", machine(), rounds=ROUNDS, memory=memory)
    page = report(results, "speed.svg")
    assert "| turns per CPU-second, burst, beside the hand-written server | 11.00 × | ≥ 10 × | yes |" in page
    assert "| time added to the first chunk, of the hand-written server's | 0.12 × | ≤ 0.125 × | yes |" in page
    svg = ET.fromstring(plot(results))  # noqa: S314 - it is our own
    drawn = {element.text for element in svg.iter() if element.text}
    assert {"no gateway", "Steward", "hand-written", "raw limit", "2,000"} <= drawn


def test_figures_of_a_busy_machine_are_not_for_publishing() -> None:
    """CPU times grow where caches and cores are shared."""
    busy = Results("make bench", machine(), rounds={"busy": {"": [{"share": 0.3}]}})
    assert "too much to publish" in report(busy, "")
    assert "too much to publish" not in report(Results("make bench", machine(), rounds=ROUNDS), "")


def test_a_catalogue_has_as_many_tools_as_it_is_measured_with(tmp_path: Path) -> None:
    """The document of the bills, and others like it."""
    file = Path(catalogue_of(40, tmp_path))
    assert len(load_catalogue(file, {"BENCH_UPSTREAM": "http://127.0.0.1:1"}).tools) == 40


def test_a_process_is_ended_with_its_children_whatever_fails(tmp_path: Path) -> None:
    """A run that breaks off leaves nothing behind that takes the core of the next one."""
    child = tmp_path / "child"
    command = ["sh", "-c", f"sleep 1000 & echo $! > {child}; wait"]

    def fail_within() -> None:
        with process(command, 0, tmp_path / "log", {}):
            until = time.monotonic() + 60
            while not (child.exists() and child.read_text().strip()) and time.monotonic() < until:
                time.sleep(0.01)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()
    stat = Path(f"/proc/{child.read_text().strip()}/stat")
    until = time.monotonic() + 60
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """With the end of what it wrote."""
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import sys; sys.exit('no such module')"]
    with process(command, 0, log, {}) as running, pytest.raises(LabError, match="no such module"):
        wait_for_port(1, running, log)


def test_the_cpu_time_of_another_process_is_read() -> None:
    """That of its threads together, in seconds, as the process itself would say."""
    program = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True); input()"
    running = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        running.stdout.readline()
        assert 0.2 <= cpu_s(running.pid) < 5
    finally:
        running.kill()
        running.communicate()
    assert cpu_s(os.getpid()) > 0
