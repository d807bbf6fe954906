"""Make the docs' performance page of a run: ``python -m tests.benchmarks.page RUN.json``.

Without an argument it makes the page anew of the run that it shows, kept beside its charts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.benchmarks.charts import draw
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.estimating import Run, Table
from tests.benchmarks.reporting import (
    about_markdown,
    better_than_ours,
    figure,
    is_ours,
    table_markdown,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
CHARTS = DOCS / "_static" / "performance"
KEPT = CHARTS / "run.json"

_INTRODUCTION = """\
# Performance

<!-- made by python -m tests.benchmarks.page: change that, not this -->

What websocket_kit costs beside raw ASGI and beside its peers, measured in one run by one command:

```console
$ pip install -e '.[bench]'
$ python -m tests.benchmarks
```

Run it on your machine, with your Python; `--help` tells more.

## How to read the tables

A figure is a **ratio** of CPU times: how many times the baseline, which is the first row. Under 1
is faster than it. Ratios travel better than times do, though not all the way: from one processor to
another some were seen to change by a seventh, and from one run to the next on the same machine by a
twelfth (`receive` and `send` in memory: 1.98 to 2.15 in five runs). The last column, in
microseconds, is this machine's, and only says how much is at stake.

All candidates of a table are measured in one process, in rounds. Each round measures every one of
them for some milliseconds, in another order, with the garbage collector off, and divides by what
the baseline took in the same round. The figure is the median of the rounds; half of them lie
between the quartiles. A second copy of the baseline is measured like any candidate: where that
**control** isn't 1 within 5 % (6 % over loopback), the table is void and says so. Before anything
is timed each candidate has to show that it does the work. Each is written as its documentation
would have it; ours go through the router and `async with`, with all options at their defaults.

The charts show the same figures, on a logarithmic scale.

Measured with {about}
"""

_WHEN_NOT = """\
## What these figures don't say

They are the library's part. Over loopback the socket and the protocol are the greater part of a
message, and what your handler does comes on top of both. Choose by what work with each library is
like, and look here if you serve very many messages or very many connections.
"""


def make_page(run: Run) -> str:
    """The page, which shows the charts that ``draw`` makes."""
    parts = [_INTRODUCTION.format(about=about_markdown(run)).rstrip()]
    for table in run.tables:
        about = DESCRIPTIONS[table.name]
        chart = f"![{about.title}: a chart of the table below]({_chart_path(table)})"
        parts += [f"## {about.title}", about.what, chart, table_markdown(table), about.meaning]
        parts += _honestly(table)
    parts.append(_WHEN_NOT.rstrip())
    return "\n\n".join(parts) + "\n"


def _chart_path(table: Table) -> str:
    return f"_static/performance/{table.name}.svg"


def _honestly(table: Table) -> list[str]:
    """Which peers are better here than we are."""
    if table.void or not any(map(is_ours, table.rows)):
        return []
    better = better_than_ours(table)
    if not better:
        return []
    rows = ", ".join(f"{row.name} ({figure(row.ratio)})" for row in better)
    return [f"Better here than websocket_kit: {rows}."]


def write(run: Run) -> None:
    """Write the page, its charts and the run that they show."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    for old in CHARTS.glob("*.svg"):
        old.unlink()
    for table in run.tables:
        (CHARTS / f"{table.name}.svg").write_text(draw(table), "utf-8")
    KEPT.write_text(json.dumps(run.to_json(), indent=1) + "\n", "utf-8")
    PAGE.write_text(make_page(run), "utf-8")


if __name__ == "__main__":
    source = Path(sys.argv[1]) if sys.argv[1:] else KEPT
    write(Run.from_json(json.loads(source.read_text("utf-8"))))
