"""Tables of a run: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.descriptions import DESCRIPTIONS, Description
from tests.benchmarks.estimating import Row, Run, Table

OURS = "websocket_kit"


def to_text(table: Table) -> str:
    """A table for the terminal, with what we want to stay below."""
    about = DESCRIPTIONS[table.name]
    head = ("", "ratio", "quartiles", about.unit, "target")
    lines = [(*_cells(row, about), _verdict(row)) for row in table.rows]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    text = [f"{about.title} [{table.name}]"]
    for first, *rest in (head, *lines):
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        text.append("  ".join(cells).rstrip())
    text += [f"left out: {reason}" for reason in table.left_out]
    if table.void:
        text.append(void_note(table))
    return "\n".join(text)


def to_markdown(run: Run) -> str:
    """All tables, under their headings."""
    parts = [about_markdown(run)]
    for table in run.tables:
        parts += [f"## {DESCRIPTIONS[table.name].title}", table_markdown(table)]
    return "\n\n".join(parts) + "\n"


def about_markdown(run: Run) -> str:
    """What a run ran on and with, as one line."""
    return ", ".join(f"{name} {version}" for name, version in run.about.items()) + "."


def table_markdown(table: Table) -> str:
    """One table, ours in bold."""
    about = DESCRIPTIONS[table.name]
    lines = ["| | ratio | quartiles | " + about.unit + " |", "|---|---:|---:|---:|"]
    for row in table.rows:
        name, *figures = _cells(row, about)
        if is_ours(row):
            name, figures[0] = f"**{name}**", f"**{figures[0]}**"
        lines.append(f"| {name} | {' | '.join(figures)} |")
    if table.left_out:
        lines += ["", f"Left out: {'; '.join(table.left_out)}."]
    if table.void:
        lines += ["", f"**{void_note(table)}**"]
    return "\n".join(lines)


def void_note(table: Table) -> str:
    """Why a table means nothing."""
    return (
        f"VOID: the control's ratio is {table.rows[1].ratio:.3f}, more than {table.tolerance:.2f}"
        " from 1. The machine was too noisy; run it again."
    )


def better_than_ours(table: Table) -> list[Row]:
    """The peers with a lower ratio than the best of our rows, leaving out baseline and control.

    Where the baseline is a library's, not raw ASGI, it is a peer too.
    """
    ours = [row.ratio for row in table.rows if is_ours(row)]
    return [
        row
        for row in table.rows
        if "control" not in row.name and not _is_floor(row) and row.ratio < min(ours)
    ]


def is_ours(row: Row) -> bool:
    """Whether a row is this library's."""
    return row.name.startswith(OURS)


def _is_floor(row: Row) -> bool:
    return row.name.startswith(("raw ASGI", "starlette.routing,"))


def _cells(row: Row, about: Description) -> Sequence[str]:
    cost = row.cost * about.scale
    return (
        row.name,
        figure(row.ratio),
        f"{figure(row.lower)}-{figure(row.upper)}",
        f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}",
    )


def figure(ratio: float) -> str:
    """A ratio with as many digits as it is worth: 1.77, 23.5, 4,810."""
    if ratio < 10:
        return f"{ratio:.2f}"
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _verdict(row: Row) -> str:
    if row.at_most is None:
        return ""
    return f"{row.at_most:g} {'met' if row.ratio <= row.at_most else 'MISSED'}"
