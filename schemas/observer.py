"""What the parts tell of their work as it happens: numbers and words of ours, never an id, a token or free text.

Each part calls one method where it knows the fact anyway; nothing is told per delta. An `Observer` by itself keeps how
the model does, for `/readyz`; `integrations/metrics.py` counts as well.
"""

from __future__ import annotations

from typing import Literal

from schemas.turn import Usage

ModelState = Literal["untried", "answering", "failing"]


class Observer:
    """Hears everything. `model_state` is how the last step's model call ended. Times are in seconds."""

    def __init__(self) -> None:
        self.model_state: ModelState = "untried"

    def connected(self) -> None:
        """A client was let in."""

    def disconnected(self, close_code: int) -> None:
        """A connection that was let in is over, or (4429) one was not let in."""

    def refused(self, code: str) -> None:
        """A client's frame was answered with an error; `code` is the protocol's."""

    def turn_ended(self, outcome: str, took_s: float, first_text_s: float | None, usage: Usage) -> None:
        """A turn has its terminal. `first_text_s`: how long the resident waited for the first words, if any came."""

    def step_ended(self, took_s: float, *, answered: bool) -> None:
        """A step's model call is over; `answered` is False where the model was unavailable or broke off."""
        self.model_state = "answering" if answered else "failing"

    def model_retried(self) -> None:
        """A request to the model's provider is made once more."""

    def tool_called(self, upstream: str, outcome: str, took_s: float | None) -> None:
        """A tool call has its result: `ok`, or the result's error. `upstream` is empty where no tool has that name;
        `took_s` is None where nothing was sent."""

    def upstream_asked(self, upstream: str, outcome: str, attempts: int) -> None:
        """A call of an upstream is over, the gateway's own questions included."""

    def handed_over(self) -> None:
        """The resident was given the contact of the estate's office."""

    def start(self) -> None:
        """The process is about to serve. Raises `ConfigurationError`."""

    def close(self) -> None:
        """The process ends."""

    def loop_lagged(self, lag_s: float) -> None:
        """How late the event loop ran what was due."""
