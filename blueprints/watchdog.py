"""A thread that notices when the event loop does not run, and logs what it is stuck in. Next: `health.py`."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback

import structlog

from schemas.observer import Observer

log = structlog.get_logger(__name__)


class Watchdog:
    """`limit_s`: how long the loop may be busy with one thing. `observer` is told how late each beat comes. Started and
    stopped in the loop that it watches."""

    def __init__(self, limit_s: float, observer: Observer) -> None:
        self._observer = observer
        self._limit_s = limit_s
        self._step_s = min(0.25, limit_s / 4)
        self._beaten = time.monotonic()
        self._blocked = False
        self._beat: asyncio.TimerHandle | None = None
        self._loop_thread = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def blocked(self) -> bool:
        """Whether the loop is stuck, or was until a moment ago: what was asked meanwhile is answered after it."""
        return self._blocked

    def start(self) -> None:
        """Watch the running loop."""
        self._loop_thread = threading.get_ident()
        self._beat_again()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        if self._beat is not None:
            self._beat.cancel()
        if self._thread is not None:
            self._thread.join()

    def _tick(self) -> None:
        self._observer.loop_lagged(max(0.0, time.monotonic() - self._beaten - self._step_s))
        self._beat_again()

    def _beat_again(self) -> None:
        self._beaten = time.monotonic()
        self._beat = asyncio.get_running_loop().call_later(self._step_s, self._tick)

    def _watch(self) -> None:
        while not self._stop.wait(self._step_s):
            silent_s = time.monotonic() - self._beaten
            if silent_s > self._limit_s and not self._blocked:
                self._blocked = True
                frame = sys._current_frames().get(self._loop_thread)
                stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
                log.error("loop_blocked", seconds=round(silent_s, 1), stack=stack)
            elif self._blocked and silent_s < 4 * self._step_s:
                log.warning("loop_runs_again")
                self._blocked = False
