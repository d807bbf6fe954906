"""Tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks.estimating import Row, Run, Table
from tests.benchmarks.reporting import (
    better_than_ours,
    figure,
    table_markdown,
    to_markdown,
    to_text,
)

RAW = Row("raw ASGI", 1, 1, 1, 1e-6)
CONTROL = Row("raw ASGI once more (control)", 0.99, 1.004, 1.01, 1.004e-6)
OURS = Row("websocket_kit: receive, send", 1.7, 1.75, 1.8, 1.75e-6, at_most=2.0)
SLOWER = Row("starlette: receive_text, send_text", 4, 4.8, 5, 4.8e-6)
FASTER = Row("litestar: listener", 1.4, 1.5, 1.6, 1.5e-6)


def table(*rows: Row, left_out: tuple[str, ...] = ()) -> Table:
    return Table("text", 0.05, rows, left_out)


def test_the_terminal_shows_ratios_quartiles_costs_and_targets() -> None:
    assert to_text(table(RAW, CONTROL, OURS)) == (
        "Text echo, in memory [text]\n"
        "                              ratio  quartiles  µs a message  target\n"
        "raw ASGI                       1.00  1.00-1.00             1\n"
        "raw ASGI once more (control)   1.00  0.99-1.01             1\n"
        "websocket_kit: receive, send   1.75  1.70-1.80          1.75   2 met"
    )


def test_the_terminal_says_which_target_is_missed() -> None:
    missed = Row("websocket_kit: receive, send", 2.1, 2.2, 2.3, 2.2e-6, at_most=2.0)
    assert to_text(table(RAW, CONTROL, missed)).endswith("2 MISSED")


def test_the_terminal_says_what_was_left_out_and_why() -> None:
    text = to_text(table(RAW, CONTROL, left_out=("chanx: No module named 'chanx'",)))
    assert text.endswith("left out: chanx: No module named 'chanx'")


@pytest.mark.parametrize("show", [to_text, table_markdown])
def test_a_void_table_says_so(show: Callable[[Table], str]) -> None:
    noisy = Row("raw ASGI once more (control)", 1.1, 1.2, 1.3, 1e-6)
    assert "VOID: the control's ratio is 1.200, more than 0.05 from 1." in show(table(RAW, noisy))


def test_markdown_sets_our_rows_in_bold() -> None:
    assert table_markdown(table(RAW, CONTROL, OURS)) == (
        "| | ratio | quartiles | µs a message |\n"
        "|---|---:|---:|---:|\n"
        "| raw ASGI | 1.00 | 1.00-1.00 | 1 |\n"
        "| raw ASGI once more (control) | 1.00 | 0.99-1.01 | 1 |\n"
        "| **websocket_kit: receive, send** | **1.75** | 1.70-1.80 | 1.75 |"
    )


def test_a_runs_markdown_says_what_it_ran_on_and_heads_each_table() -> None:
    text = to_markdown(Run({"CPython": "3.11.7", "Linux": "on 2 CPUs"}, (table(RAW, CONTROL),)))
    assert text.startswith("CPython 3.11.7, Linux on 2 CPUs.\n\n## Text echo, in memory\n\n| | ")


def test_a_peer_with_a_lower_ratio_is_named() -> None:
    assert better_than_ours(table(RAW, CONTROL, OURS, SLOWER, FASTER)) == [FASTER]


def test_no_library_is_compared_with_none() -> None:
    bare = Row("raw ASGI: two bare coroutines", 1.6, 1.7, 1.8, 1.7e-6)
    assert better_than_ours(table(RAW, CONTROL, OURS, bare)) == []


def test_a_baseline_that_is_a_library_is_a_peer() -> None:
    baseline = Row("starlette", 1, 1, 1, 1e-6)
    control = Row("starlette once more (control)", 1, 1, 1, 1e-6)
    assert better_than_ours(table(baseline, control, OURS)) == [baseline]


@pytest.mark.parametrize(
    ("ratio", "shown"), [(0.054, "0.05"), (1.768, "1.77"), (23.46, "23.5"), (4810.4, "4,810")]
)
def test_a_ratio_has_as_many_digits_as_it_is_worth(ratio: float, shown: str) -> None:
    assert figure(ratio) == shown
