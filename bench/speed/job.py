"""What the load client is told to do, and what it tells; both cross between two processes as JSON.

`load.py` is the process, `lab.py` starts it.
"""

from __future__ import annotations

import msgspec

from bench.speed.figures import Figures


class Job(msgspec.Struct, kw_only=True):
    """A load. `turns` for each connection, or as many as `seconds` allow where it is 0; after `session` turns a client
    comes back on a new connection, where it is not 0. `stagger_s` is over how long the connections begin.

    `deltas` is what the played model is to answer (`bench/fake_deltas.py`); where it is empty, the answer's text is not
    looked at. `{user}` in `url` and `token` becomes a name for each connection. `hello`: clients greet as those of the
    project's library do, else they are the tutorial's. `active`: every connection asks once, and memory is looked at
    after `hold_s` while all turns are under way; nothing else is counted."""

    url: str
    server: int
    hello: bool
    deltas: str
    connections: int = 1
    turns: int = 0
    seconds: float = 0
    warmup: int = 1
    session: int = 0
    stagger_s: float = 0
    active: bool = False
    hold_s: float = 0
    timeout_s: float = 120
    query: str = "show my bills"
    token: str = "bench-token-{user}"


class Told(msgspec.Struct, kw_only=True):
    """What came of it. `faults` are the first sentences on what was wrong; there may be none."""

    turns: int
    seconds: float
    cpu_s: float
    figures: Figures
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    garbled: int = 0
    failed: int = 0
    faults: list[str] = []

    @property
    def whole(self) -> bool:
        """Every turn ended, with every delta once, in order, in complete frames."""
        return not (self.lost or self.repeated or self.reordered or self.garbled or self.failed or self.faults)
