"""The plot of a run: time to the first chunk, CPU of a delta, memory of connections. Plain SVG of our own.

Its colours follow the reader's light or dark setting and it brings its own ground, so it is legible wherever it stands.
Pure; written by `all.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from bench.speed.compare import middle
from bench.speed.results import Results

_SHORT = {
    "direct": "no gateway",
    "steward": "Steward",
    "hand": "hand-written",
    "agents": "openai-agents",
    "pydantic": "pydantic-ai",
    "raw": "raw limit",
}
_WIDTH, _HEIGHT, _PANEL, _TOP, _BAR = 960, 300, 300, 62, 26
_STYLE = """
  svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --other: #8c959f; --ours: #0969da;
        --c-steward: #0969da; --c-hand: #bc4c00; --c-agents: #8250df; --c-pydantic: #1a7f37; --c-raw: #6e7781 }
  @media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d;
        --other: #6e7681; --ours: #4493f8; --c-steward: #4493f8; --c-hand: #f0883e; --c-agents: #ab7df8;
        --c-pydantic: #3fb950; --c-raw: #9198a1 } }
  text { font: 12px system-ui, sans-serif; fill: var(--ink) }
  .title { font-size: 14px; font-weight: 600 } .soft { fill: var(--soft) } .end { text-anchor: end }
  .ground { fill: var(--ground) } .bar { fill: var(--other) } .ours { fill: var(--ours) }
  .axis { stroke: var(--line); fill: none } .curve { fill: none; stroke-width: 2 }
"""


def plot(results: Results) -> str:
    """The SVG's text."""
    rounds = results.rounds
    first = {name: middle(rounds, "first", name, "first_p50_ms") for name in _SHORT}
    delta = {name: middle(rounds, "paced", name, "cpu_us_per_delta") for name in _SHORT}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="Steward beside other servers: time to the first chunk, CPU of a delta, memory of connections">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        *_bars(20, "Time to the first chunk", "ms, median; one client", first),
        *_bars(340, "CPU of a delta", "µs; 40 clients, 50 deltas a second", delta),
        *_curves(660, results),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bars(left: int, title: str, unit: str, values: dict[str, float]) -> Iterator[str]:
    known = {name: value for name, value in values.items() if value == value}
    yield from _titles(left, title, unit)
    most, start, room = max(known.values(), default=1), left + 92, _PANEL - 92 - 48
    for row, (name, value) in enumerate(known.items()):
        y, width = _TOP + row * (_BAR + 8), max(1.0, room * value / most)
        kind = "ours" if name == "steward" else "bar"
        yield f'<text class="end" x="{start - 6}" y="{y + 17}">{escape(_SHORT[name])}</text>'
        yield f'<rect class="{kind}" x="{start}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3"/>'
        yield f'<text x="{start + width + 5:.1f}" y="{y + 17}">{value:.3g}</text>'


def _curves(left: int, results: Results) -> Iterator[str]:
    """Megabytes of all idle connections over their number."""
    yield from _titles(left, "Memory of idle connections", "MiB over their number")
    counts = sorted({count for rounds in results.memory.values() for one in rounds for count in one})
    if not counts:
        return
    grown = {
        name: [(count, results.idle_kib(name, count) * count / 1024) for count in counts] for name in results.memory
    }
    most = max(mib for points in grown.values() for _, mib in points if mib == mib)
    x0, y0, wide, high = left + 34, _HEIGHT - 34, _PANEL - 150, _HEIGHT - 34 - _TOP
    yield f'<path class="axis" d="M{x0} {_TOP}V{y0}H{x0 + wide}"/>'
    yield f'<text class="soft end" x="{x0 - 5}" y="{_TOP + 5}">{most:.0f}</text>'
    yield f'<text class="soft end" x="{x0 - 5}" y="{y0 + 4}">0</text>'
    yield f'<text class="soft end" x="{x0 + wide + 12}" y="{y0 + 18}">{counts[-1]:,}</text>'
    ends = []
    for name, points in grown.items():
        places = [(x0 + wide * count / counts[-1], y0 - high * mib / most) for count, mib in points if mib == mib]
        path = " ".join(f"L{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="curve" style="stroke: var(--c-{name})" d="M{x0} {y0} {path}"/>'
        ends.append((places[-1][1], name))
    below = 0.0
    for y, name in sorted(ends):
        below = max(y + 4, below + 15)
        yield f'<text x="{x0 + wide + 6}" y="{below:.1f}" style="fill: var(--c-{name})">{escape(_SHORT[name])}</text>'


def _titles(left: int, title: str, unit: str) -> Iterator[str]:
    yield f'<text class="title" x="{left}" y="28">{escape(title)}</text>'
    yield f'<text class="soft" x="{left}" y="46">{escape(unit)}</text>'
