"""What operators are given: dashboard, alarms, container, unit and proxy name only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from integrations.metrics import Metrics
from integrations.standing import Standing
from integrations.upstream.client import UpstreamStatus
from schemas.settings import PROJECT, Settings

OPERATIONS = PROJECT / "docs" / "operations"
_OURS = re.compile(r"\bsteward_[a-z_]+[a-z]\b")
_OF_THE_PROCESS = re.compile(r"\bprocess_[a-z_]+[a-z]\b")


@pytest.fixture(scope="module")
def samples() -> set[str]:
    """Every sample name that a scrape can have."""
    status = UpstreamStatus("closed", 0, 0, 0, 10.0)
    metrics = Metrics(lambda: Standing(0, 0, {"a": status}, store_answers=True), "127.0.0.1", 0)
    found = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
        found |= {family.name + ending for ending in endings.get(family.type, ("",))}
    return found


def test_every_metric_of_the_dashboard_exists(samples: set[str]) -> None:
    """Each panel asks for something, of which every name can be scraped."""
    dashboard = json.loads((OPERATIONS / "grafana-dashboard.json").read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) >= len(panels) >= 15
    named = {name for expression in expressions for name in _names(expression)}
    assert all(_names(expression) for expression in expressions)
    assert named <= samples
    shown = {name.removesuffix("_bucket") for name in named}
    kept = {name for name in samples if name.startswith("steward_") and not name.endswith(("_sum", "_count"))}
    assert {name.removesuffix("_bucket") for name in kept} == {name for name in shown if name.startswith("steward_")}


def test_every_metric_of_the_alarms_exists(samples: set[str]) -> None:
    """Each rule names one that can be scraped, and has a sentence for whoever is woken."""
    rules = yaml.safe_load((OPERATIONS / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    for rule in rules:
        assert _names(rule["expr"]) <= samples
        assert rule["annotations"]["summary"]
    assert len([rule for rule in rules if _names(rule["expr"])]) == len(rules) - 1  # `up` is Prometheus' own


def _names(expression: str) -> set[str]:
    bare = re.sub(r"\{[^}]*\}", "", expression)
    return {*_OURS.findall(bare), *_OF_THE_PROCESS.findall(bare)}


def test_the_table_of_metrics_is_whole(samples: set[str]) -> None:
    """docs/operations has every metric of ours and no other."""
    table = [line for line in _page().splitlines() if line.startswith("| `steward_")]
    documented = {name for line in table for name in _OURS.findall(line.split("|")[1])}
    existing = {re.sub("_(bucket|sum|count)$", "", name) for name in samples if name.startswith("steward_")}
    assert documented == existing


def _page() -> str:
    return (OPERATIONS / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "path", [PROJECT / "Dockerfile", *sorted(OPERATIONS.iterdir())], ids=lambda path: str(path.relative_to(PROJECT))
)
def test_every_variable_exists(path: Path) -> None:
    """No file for operators names a setting that is none."""
    known = {str(info.validation_alias or f"STEWARD_{name.upper()}") for name, info in Settings.model_fields.items()}
    assert set(re.findall(r"\b(?:STEWARD|OPENAI)_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))) <= known


def _instructions() -> list[tuple[str, str]]:
    """Instruction and its words, of the Dockerfile; continued lines are one."""
    text = re.sub(r"\\\n", " ", (PROJECT / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_the_container_is_pinned_not_root_and_has_a_health_check() -> None:
    """One slim base with its patch version, a user of its own before CMD, `/livez` asked by a valid program."""
    instructions = _instructions()
    bases = [words.split()[0] for name, words in instructions if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    names = [name for name, _ in instructions]
    last_stage = names[len(names) - 1 - names[::-1].index("FROM") :]
    assert last_stage.index("USER") < last_stage.index("CMD")
    said = dict(instructions)
    assert said["USER"] not in ("root", "0")
    assert json.loads(said["CMD"]) == ["python", "app.py"]
    check = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    assert "/livez" in check[2]
    compile(check[2], "HEALTHCHECK", "exec")


def test_the_container_has_every_part_of_the_program_and_nothing_else() -> None:
    """What is copied is what `app.py` needs; .dockerignore lets the same through."""
    lines = [words.split() for name, words in _instructions() if name == "COPY" and "--from" not in words]
    copied = {word for words in lines for word in words[:-1]}
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests", "bench"}
    folders = {name for name in ("openapi", "test", "web") if (PROJECT / name).exists()}
    needed = {"requirements.txt", "app.py", "assembly.py", "main.py", *folders, *packages}
    assert copied == needed
    allowed = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in allowed if line.startswith("!")} == needed
    assert all((PROJECT / name).exists() for name in needed)


def test_the_unit_waits_longer_than_a_drain_and_is_not_root() -> None:
    """`TimeoutStopSec` above drain, farewell and grace; descriptors above the connections that are allowed."""
    lines = (OPERATIONS / "steward.service").read_text("utf-8").splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    defaults = Settings.model_construct()
    assert float(unit["TimeoutStopSec"]) > defaults.drain_s + 10
    assert int(unit["LimitNOFILE"]) > 2 * defaults.max_connections
    assert unit["DynamicUser"] == "yes"
    assert unit["ExecStart"].endswith("/python app.py")


def test_the_proxy_passes_a_websocket_on_and_waits_longer_than_a_ping() -> None:
    """Upgrade headers, the client's address replaced, timeouts above the heartbeat, braces closed."""
    text = re.sub(r"#.*", "", (OPERATIONS / "nginx.conf").read_text("utf-8"))
    assert text.count("{") == text.count("}")
    for directive in ("Upgrade $http_upgrade", "Connection $connection_upgrade", "X-Forwarded-For $remote_addr"):
        assert f"proxy_set_header {directive};" in text
    defaults = Settings.model_construct()
    timeout = re.search(r"proxy_read_timeout (\d+)s;", text)
    assert timeout is not None
    assert int(timeout[1]) > defaults.ping_interval_s + defaults.ping_timeout_s
    assert "/metrics" not in text


PAGES = sorted([PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    missing = [t for t in targets if "://" not in t and not (page.parent / unquote(t)).exists()]
    assert missing == []


def test_the_index_names_every_page() -> None:
    """docs/README.md, with every decision by its title."""
    index = (PROJECT / "docs" / "README.md").read_text("utf-8")
    for page in (PROJECT / "docs").rglob("*.md"):
        name = page.relative_to(PROJECT / "docs").as_posix()
        assert name == "README.md" or f"({name})" in index, name
    for page in (PROJECT / "docs" / "adr").glob("*.md"):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"- [{title}](adr/{page.name})" in index
