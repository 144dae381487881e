"""The errors say what is wrong and where."""

from __future__ import annotations

import pytest

from schemas import errors


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.ConfigurationError("no such key"), "no such key"),
        (errors.ConfigurationError("no such key", file="a.yaml"), "a.yaml: no such key"),
        (errors.ConfigurationError("no such key", file="a.yaml", line=3), "a.yaml:3: no such key"),
        (errors.DocumentError("a.json", "not JSON"), "a.json: not JSON"),
        (errors.DocumentError("a.json", "cycle", pointer="/paths/x"), "a.json#/paths/x: cycle"),
        (errors.FrameRefused("busy", "frame.busy"), "busy: frame.busy"),
    ],
)
def test_an_error_reads_as_a_sentence_with_its_place(error: errors.StewardError, sentence: str) -> None:
    """File and line, document and pointer, where they are known."""
    assert str(error) == sentence


def test_a_model_that_was_interrupted_is_also_unavailable() -> None:
    """One `except` is enough where the difference does not matter."""
    assert issubclass(errors.ModelInterrupted, errors.ModelUnavailable)
    assert issubclass(errors.ModelUnavailable, errors.StewardError)
