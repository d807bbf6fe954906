"""The docs' performance page."""

from __future__ import annotations

import json

from tests.benchmarks.charts import draw
from tests.benchmarks.estimating import Row, Run, Table
from tests.benchmarks.page import CHARTS, KEPT, PAGE, make_page

RAW = Row("raw ASGI", 1, 1, 1, 1e-6)
CONTROL = Row("raw ASGI once more (control)", 1, 1, 1, 1e-6)
OURS = Row("websocket_kit: receive, send", 1.7, 1.75, 1.8, 1.75e-6)


def page(*rows: Row) -> str:
    return make_page(Run({"CPython": "3.11"}, (Table("text", 0.05, rows),)))


def test_the_page_and_its_charts_are_made_of_the_run_that_is_kept() -> None:
    run = Run.from_json(json.loads(KEPT.read_text("utf-8")))
    why = "run: python -m tests.benchmarks.page"
    assert PAGE.read_text("utf-8") == make_page(run), why
    charts = {chart.name: chart.read_text("utf-8") for chart in CHARTS.glob("*.svg")}
    assert charts == {f"{table.name}.svg": draw(table) for table in run.tables}, why


def test_no_table_on_the_page_is_void() -> None:
    assert "VOID" not in PAGE.read_text("utf-8")


def test_each_table_has_its_chart_and_says_what_it_means() -> None:
    text = page(RAW, CONTROL, OURS)
    assert "](_static/performance/text.svg)" in text
    assert "what a library adds to a message" in text


def test_a_peer_that_is_better_is_named_under_the_table() -> None:
    faster = Row("litestar: listener", 1.4, 1.5, 1.6, 1.5e-6)
    assert "Better here than websocket_kit: litestar: listener (1.50)." in page(
        RAW, CONTROL, OURS, faster
    )


def test_nothing_is_said_of_peers_where_none_is_better() -> None:
    assert "Better here" not in page(RAW, CONTROL, OURS)


def test_a_void_table_compares_nothing() -> None:
    noisy = Row("raw ASGI once more (control)", 1.2, 1.2, 1.2, 1e-6)
    faster = Row("litestar: listener", 1.4, 1.5, 1.6, 1.5e-6)
    assert "Better here" not in page(RAW, noisy, OURS, faster)
