"""A token is revealed where it is sent, verified or masked, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
ALLOWED = {f"integrations/upstream/{name}.py" for name in ("auth", "identity", "scrub")}
PACKAGES = ("agent", "blueprints", "commands", "integrations", "schemas")


def _reveals(source: str) -> bool:
    """True if the source calls, passes or looks up anything named `reveal`, or reaches for the hidden field."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("reveal", "_token"):
            return True
        if isinstance(node, ast.Constant) and node.value in ("reveal", "_token"):
            return True
    return False


def test_only_three_files_reveal_a_credential() -> None:
    """`.reveal` appears in auth.py, identity.py and scrub.py of integrations/upstream alone, beside its definition."""
    files = [file for package in PACKAGES for file in (PROJECT / package).rglob("*.py")]
    assert len(files) > 20
    found = {str(file.relative_to(PROJECT)) for file in files if _reveals(file.read_text(encoding="utf-8"))}
    assert found - {"schemas/credential.py"} <= ALLOWED
    assert "integrations/upstream/auth.py" in found


def test_the_check_sees_every_way_of_revealing() -> None:
    """A call, a reference, `getattr` and the field itself are all noticed; a word in a text is not."""
    for source in ("c.reveal()", "f = c.reveal", "getattr(c, 'reveal')()", "c._token"):
        assert _reveals(source)
    assert not _reveals('"""This would reveal nothing."""\nx = 1  # reveal')
