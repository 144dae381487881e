"""`docs/configuration.md` is what the settings model says, and says something of every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.settings_list import listed, markdown
from schemas.settings import PROJECT, Settings


def test_the_reference_is_current() -> None:
    """`python app.py settings --markdown > docs/configuration.md` would change nothing."""
    assert (PROJECT / "docs" / "configuration.md").read_text("utf-8") == markdown()


def test_the_reference_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same on every machine, whatever is set there."""
    before = markdown()
    monkeypatch.setenv("STEWARD_MAX_STEPS", "5")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert markdown() == before


def test_every_setting_is_explained_and_can_be_set_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a meaning; its default, set as its variable, gives the default back."""
    defaults = Settings.model_construct()
    for one in listed(defaults):
        assert one.meaning, one.variable
        if one.default and not Path(one.default).suffix and one.variable != "STEWARD_DATA_DIR":
            monkeypatch.setenv(one.variable, one.default)
    again = Settings()
    for name in Settings.model_fields:
        assert getattr(again, name) == getattr(defaults, name), name
