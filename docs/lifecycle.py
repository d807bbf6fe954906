"""Draw the lifecycle from its table: ``python docs/lifecycle.py`` rewrites what shows it.

``lifecycle.svg`` is the diagram; in ``reference/lifecycle.md`` the part between two markers is the
table. A test fails while either differs from ``websocket_kit._lifecycle``.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from pathlib import Path

from websocket_kit._lifecycle import TRANSITIONS, Call, State, explain

DOCS = Path(__file__).parent
DIAGRAM = DOCS / "_static" / "lifecycle.svg"
PAGE = DOCS / "reference" / "lifecycle.md"
MARKERS = ("<!-- made by docs/lifecycle.py -->\n", "<!-- until here -->\n")

# The only thing the table doesn't say is where to draw a state: column and row.
PLACES = {
    State.CONNECTING: (0, 0),
    State.OPEN: (1, 0),
    State.CLOSED: (2, 0),
    State.REJECTED: (0, 1),
    State.DISCONNECTED: (1, 1),
}
WIDTH, HEIGHT, ACROSS, DOWN = 190, 60, 300, 130


def draw() -> str:
    """The diagram, as SVG."""
    calls: defaultdict[tuple[State, State], list[str]] = defaultdict(list)
    for (state, call), after in TRANSITIONS.items():
        calls[state, after].append(call.name.lower())
    unfinished = {state for state, _ in TRANSITIONS}
    lines: list[str] = []
    for (state, after), names in calls.items():
        if state is not after:
            lines += _arrow(state, after, ", ".join(names), style="solid")
    for state in State:
        if state in unfinished:
            lines += _arrow(state, State.DISCONNECTED, "the peer leaves", style="dashed")
    for state in State:
        lines += _box(state, ", ".join(calls[state, state]))
    return "\n".join([_HEAD, *lines, "</svg>", ""])


_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 830 230" width="830" \
font-family="sans-serif" font-size="13" text-anchor="middle">
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" \
markerHeight="8" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#555"/></marker></defs>
<rect width="830" height="230" rx="8" fill="#fff"/>"""
_BOX_STYLE = 'fill="#f4f6f8" stroke="#555"'
_LINE_STYLE = 'stroke="#555" marker-end="url(#head)"'


def _corner(state: State) -> tuple[int, int]:
    column, row = PLACES[state]
    return 20 + column * ACROSS, 20 + row * DOWN


def _box(state: State, stays: str) -> list[str]:
    x, y = _corner(state)
    middle = x + WIDTH // 2
    box = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" {_BOX_STYLE}/>'
    if not stays:
        return [box, f'<text x="{middle}" y="{y + 35}" font-weight="bold">{state.name}</text>']
    return [
        box,
        f'<text x="{middle}" y="{y + 25}" font-weight="bold">{state.name}</text>',
        f'<text x="{middle}" y="{y + 45}" font-size="11">{escape(stays)}</text>',
    ]


def _arrow(state: State, after: State, label: str, *, style: str) -> list[str]:
    (x, y), (x_after, y_after) = _corner(state), _corner(after)
    dashes = ' stroke-dasharray="5 4"' if style == "dashed" else ""
    if y == y_after:
        start, end = (x + WIDTH, y + HEIGHT // 2), (x_after, y + HEIGHT // 2)
        text = f'x="{(start[0] + end[0]) // 2}" y="{start[1] - 8}"'
    elif x == x_after:
        start, end = (x + WIDTH // 2, y + HEIGHT), (x + WIDTH // 2, y_after)
        text = f'x="{start[0] + 12}" y="{(start[1] + end[1]) // 2 + 4}" text-anchor="start"'
    else:
        start, end = (x + WIDTH, y + HEIGHT), (x_after, y_after)
        text = ""  # the like arrow beside it has the label
    ends = f'x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"'
    line = f"<line {ends} {_LINE_STYLE}{dashes}/>"
    return [line, f"<text {text}>{escape(label)}</text>"] if text else [line]


def tabulate() -> str:
    """The state after every call in every state, and what the errors say of the illegal ones."""
    rows = [
        "| call | " + " | ".join(state.name for state in State) + " |",
        "|---" * (len(State) + 1) + "|",
    ]
    for call in Call:
        after = [TRANSITIONS.get((state, call)) for state in State]
        cells = ["illegal" if state is None else state.name for state in after]
        rows.append(f"| {call.name.lower()} | " + " | ".join(cells) + " |")
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for state in State:
        for call in Call:
            if TRANSITIONS.get((state, call)) is None and state is not State.DISCONNECTED:
                said = explain(state, call).partition(": ")[2]
                texts[said].append(call.value)
    rows += ["", "| an illegal call | says |", "|---|---|"]
    for said, names in texts.items():
        rows.append(f"| {', '.join(names)} | `cannot …: {said}` |")
    return "\n".join([*rows, ""])


def insert(page: str, table: str) -> str:
    """The page with the table between its markers."""
    before, rest = page.split(MARKERS[0])
    _, after = rest.split(MARKERS[1])
    return f"{before}{MARKERS[0]}\n{table}\n{MARKERS[1]}{after}"


if __name__ == "__main__":
    DIAGRAM.write_text(draw(), encoding="utf-8")
    PAGE.write_text(insert(PAGE.read_text("utf-8"), tabulate()), encoding="utf-8")
