"""A table as a chart: a dot for each median on a logarithmic scale, a line for its quartiles."""

from __future__ import annotations

import itertools
import math
from html import escape

from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.estimating import Row, Table
from tests.benchmarks.reporting import figure, is_ours

WIDTH = 760
LEFT, RIGHT = 330, 70  # room for the names, and for the figures
TOP, STEP, BOTTOM = 34, 22, 30

# On a card of its own, so that it can be read on any page; dark where the reader's system is.
_STYLE = """\
text{font:13px system-ui,sans-serif;fill:#24292f}
.card{fill:#fff}
.grid{stroke:#d0d7de}
.one{stroke:#57606a;stroke-dasharray:4 3}
.peer{fill:#8c959f;stroke:#8c959f}
.ours{fill:#0969da;stroke:#0969da}
text.ours{stroke:none;font-weight:600}
.small{font-size:11px}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.card{fill:#161b22}
.grid{stroke:#30363d}
.one{stroke:#8b949e}
.peer{fill:#8b949e;stroke:#8b949e}
.ours{fill:#58a6ff;stroke:#58a6ff}
}"""


def draw(table: Table) -> str:
    """A table's chart, as SVG."""
    rows = [row for row in table.rows if "control" not in row.name]
    low, high = _bounds(rows)
    height = TOP + STEP * len(rows) + BOTTOM
    title = escape(DESCRIPTIONS[table.name].title)
    baseline = escape(rows[0].name)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        f'width="{WIDTH}" role="img" aria-label="{title}: times {baseline}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="small" x="{LEFT}" y="20">times {baseline}; less is better</text>',
    ]
    for tick in _ticks(low, high):
        x = _place(tick, low, high)
        kind = "one" if tick == 1 else "grid"
        lines += [
            f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - BOTTOM}"/>',
            f'<text class="small" x="{x}" y="{height - 12}" text-anchor="middle">{tick:,g}</text>',
        ]
    for index, row in enumerate(rows):
        lines += _draw_row(row, TOP + STEP * index + STEP // 2, low, high)
    return "\n".join([*lines, "</svg>", ""])


def _draw_row(row: Row, y: int, low: float, high: float) -> list[str]:
    kind = "ours" if is_ours(row) else "peer"
    text = ' class="ours"' if is_ours(row) else ""
    lower, middle, upper = (_place(value, low, high) for value in (row.lower, row.ratio, row.upper))
    return [
        f'<text{text} x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>',
        f'<line class="{kind}" x1="{lower}" x2="{upper}" y1="{y}" y2="{y}" stroke-width="3"/>',
        f'<circle class="{kind}" cx="{middle}" cy="{y}" r="5"/>',
        f'<text{text} x="{WIDTH - 12}" y="{y + 4}" text-anchor="end">{figure(row.ratio)}</text>',
    ]


def _bounds(rows: list[Row]) -> tuple[float, float]:
    """From where to where the scale goes: all quartiles and 1, and some room."""
    low = min(1.0, *(row.lower for row in rows))
    high = max(1.0, *(row.upper for row in rows))
    room = (high / low) ** 0.04 * 1.02
    return low / room, high * room


def _place(value: float, low: float, high: float) -> float:
    part = math.log(value / low) / math.log(high / low)
    return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)


def _ticks(low: float, high: float) -> list[float]:
    """Round values on the scale, 1 among them, as many as have room."""
    for digits in ((1, 1.1, 1.2, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        ticks = [float(f"{digit}e{power}") for power in range(-4, 7) for digit in digits]
        shown = [tick for tick in ticks if low <= tick <= high]
        if _gap(shown, low, high) >= 34:
            return shown
    return [1.0]


def _gap(ticks: list[float], low: float, high: float) -> float:
    places = [_place(tick, low, high) for tick in ticks]
    gaps = [after - before for before, after in itertools.pairwise(places)]
    return min(gaps, default=0)
