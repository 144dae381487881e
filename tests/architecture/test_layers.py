"""The design's "Layers", read from the source: who imports whom, opens sockets, reads variables, reveals tokens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from schemas.settings import PROJECT

OURS = ("agent", "app", "assembly", "blueprints", "commands", "demo", "integrations", "main", "schemas")
NETWORK = {"httpcore", "httpx", "httpx2", "aiohttp", "tenacity", "openai"}
SANIC = {"sanic", "sanic_ext"}
REVEALERS = {f"integrations/upstream/{name}.py" for name in ("auth", "identity", "scrub")}
# What touches files, sockets, processes or the clock of the machine.
IO_MODULES = {
    "asyncio", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request", *NETWORK, *SANIC,
}  # fmt: skip
IO_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}


def files() -> list[Path]:
    """Every Python file of the product, tests and measurements aside."""
    found = [PROJECT / f"{name}.py" for name in ("app", "assembly", "main")]
    for folder in OURS:
        found += sorted((PROJECT / folder).rglob("*.py"))
    return found


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that a file imports, inside functions and type-checking blocks too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative imports hide the layer"
            assert node.module is not None
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def top(module: str) -> str:
    return module.partition(".")[0]


def forbidden(path: Path, modules: set[str]) -> list[str]:
    """`file:line: module` of every import of one of the top-level `modules`."""
    return sorted({f"{name_of(path)}:{line}: {top(m)}" for line, m in imported(path) if top(m) in modules})


def under(path: Path, *folders: str) -> bool:
    return any(name_of(path) == folder or name_of(path).startswith(f"{folder}/") for folder in folders)


def violations(modules: set[str], *, only_in: tuple[str, ...] = (), never_in: tuple[str, ...] = ()) -> list[str]:
    return [
        violation
        for path in files()
        if (not under(path, *only_in) if only_in else True) and (under(path, *never_in) if never_in else True)
        for violation in forbidden(path, modules)
    ]


def test_every_part_of_the_house_is_looked_at() -> None:
    """A renamed folder must not make the other tests true of nothing."""
    assert {top(name_of(path).replace(".py", "").replace("/", ".")) for path in files()} == set(OURS)


def test_network_libraries_only_in_integrations() -> None:
    """And none of them in `integrations/openapi`."""
    assert violations(NETWORK, only_in=("integrations",)) == []
    assert violations(NETWORK, never_in=("integrations/openapi",)) == []


def test_sanic_only_where_http_is_spoken() -> None:
    """`assembly.py`, `blueprints`, `demo`."""
    assert violations(SANIC, only_in=("assembly.py", "blueprints", "demo")) == []


@pytest.mark.parametrize(
    ("folder", "may_import"),
    [
        ("schemas", {"schemas"}),
        ("agent", {"agent", "schemas"}),
        ("blueprints", {"blueprints", "agent", "schemas"}),
        ("integrations", {"integrations", "schemas"}),
        ("demo", {"demo"}),
        ("commands", {"commands", "integrations", "schemas", "demo"}),
    ],
)
def test_layers(folder: str, may_import: set[str]) -> None:
    """blueprints > agent > schemas; integrations > schemas; the two sides never meet but in `assembly.py`."""
    assert violations(set(OURS) - may_import, never_in=(folder,)) == []


def test_nobody_imports_app_but_main() -> None:
    """`serve` is handed to the commands, and `app.py` alone imports what joins the parts."""
    assert violations({"app", "main"}, only_in=("main.py",)) == []
    assert violations({"assembly"}, only_in=("app.py",)) == []


def reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return (
            isinstance(node.value, ast.Name)
            and node.value.id == "os"
            and node.attr in ("environ", "environb", "getenv")
        )
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "os"
        and any(alias.name in ("environ", "environb", "getenv") for alias in node.names)
    )


def test_the_environment_is_read_in_app_alone() -> None:
    """Settings are passed in everywhere else. (`schemas/settings.py` reads it through pydantic, called by `app.py`.)"""
    readers = {name_of(path) for path in files() for node in ast.walk(tree(path)) if reads_environment(node)}
    assert readers <= {"app.py"}


def test_a_token_is_revealed_only_where_it_is_sent_checked_or_masked() -> None:
    """`.reveal` is named in three files; `Credential`'s own attribute in its own file."""
    named: dict[str, set[str]] = {"reveal": set(), "_token": set()}
    for path in files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr in named:
                named[node.attr].add(name_of(path))
    assert named["reveal"] <= REVEALERS
    assert named["_token"] <= {"schemas/credential.py"}


def test_the_agent_knows_no_credential() -> None:
    """Nor do the blueprints: the token leaves the frame into the toolset at once."""
    for folder in ("agent", "blueprints"):
        for path in files():
            if under(path, folder):
                assert not [module for _, module in imported(path) if module.startswith("schemas.credential")]


def test_the_openapi_folder_is_pure() -> None:
    """No file, socket, clock or process, but for `load.py`, which reads the document."""
    found = []
    for path in files():
        if not under(path, "integrations/openapi") or path.name == "load.py":
            continue
        found += [
            f"{name_of(path)}:{line}: {module}"
            for line, module in imported(path)
            if module in IO_MODULES or top(module) in IO_MODULES
        ]
        found += [
            f"{name_of(path)}:{node.lineno}: {node.func.id}()"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS
        ]
    assert found == []


def test_agent_and_schemas_do_no_io() -> None:
    """The agent reaches the outside through its ports alone; tasks, time and paths of settings aside."""
    outward = IO_MODULES - {"asyncio", "time", "pathlib"}
    found = [
        f"{name_of(path)}:{line}: {module}"
        for path in files()
        if under(path, "agent", "schemas")
        for line, module in imported(path)
        if module in outward or top(module) in outward
    ]
    assert found == []


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_a_file_opens_with_a_sentence(path: Path) -> None:
    """What it does, and who is next."""
    sentence = ast.get_docstring(tree(path))
    assert sentence
    assert len(sentence.split()) >= 4 or len(sentence) >= 12


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every identifier and string of a file; docstrings and comments are for people."""
    bodies = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, bodies) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(path)):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                yield node.lineno, text
            case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.ClassDef(name=text):
                yield node.lineno, text


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_no_code_outside_the_estate_knows_its_words(path: Path) -> None:
    """The tools come from documents: no identifier and no text of the code names what the estate is about.

    `banner.py` alone may: it prints the tutorial's three prompts where the embedded estate runs.
    """
    if under(path, "demo", "commands/banner.py"):
        return
    words = re.compile(r"(?<![a-z])(bills?|parkings?|repairs?)(?![a-z])|账单|停车|报修")
    found = [
        f"{name_of(path)}:{line}: {text[:60]}"
        for line, text in said_in(path)
        if words.search(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
    ]
    assert found == []
