"""Run every case on every server and write down what was measured, as Markdown.

python -m tests.servers.matrix            print it
python -m tests.servers.matrix --write    put it into docs/reliability.md
"""

from __future__ import annotations

import contextlib
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.exceptions import Row
from tests.servers.launch import KINDS, ROOT, versions
from tests.servers.rules import RULES

PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- measured by python -m tests.servers.matrix -->\n"
END = "<!-- end of what is measured -->\n"

SHORT = {
    "uvicorn": "uvicorn",
    "uvicorn-websockets": "uvicorn `websockets`",
    "uvicorn-wsproto": "uvicorn `wsproto`",
    "hypercorn-asyncio": "hypercorn asyncio",
    "hypercorn-trio": "hypercorn trio",
    "daphne": "daphne",
    "granian": "granian",
    "gunicorn": "gunicorn",
    "h2corn": "h2corn",
}
WORDS = {
    "mib": "MiB",
    "http": "HTTP",
    "sigterm": "SIGTERM",
    "librarys": "library's",
    "ones": "one's",
    "peers": "peer's",
    "servers": "server's",
    "utf": "UTF",
}
# Where they are plurals.
PLURALS = ("by the peer's", "by the server's")
# The cases whose figures are a table of their own, and what its rows are called.
NOTICED = "test_a_peer_that_goes_is_noticed"
FIGURES = {
    "test_a_close_to_a_peer_that_reads_nothing_takes_five_seconds_at_most": (
        "`close` to a peer that reads nothing"
    ),
    "test_a_reset_wakes_a_send_that_waits": "reset, in a `send` that waits",
    "test_a_reset_wakes_a_send_that_waits_in_a_task_group": (
        "reset, in a `send` that waits in a task group"
    ),
    "test_a_peer_that_answers_no_ping_is_noticed_where_the_server_is_told_to_ping": (
        "no pong, pings a second apart"
    ),
    "test_a_peer_that_reads_nothing_is_dropped_by_send_timeout": (
        "`send` to a peer that reads nothing, `send_timeout` a second"
    ),
    "test_a_peer_that_resets_before_the_answer_ends_the_handler": (
        "reset before the answer, until the handler has ended"
    ),
    "test_sigterm_ends_the_process": "SIGTERM, until the process has left",
}


class Results:
    """What came of the cases: a pytest plugin that takes notes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.outcomes: dict[str, dict[str, Counter[str]]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        self.exceptions: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self.seconds: dict[tuple[str, str, str], float] = {}
        self.rules: dict[int, set[str]] = defaultdict(set)
        self._cases: dict[str, tuple[str, str, str]] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note which case on which server it is, and which rules it is about."""
        spec: Any = getattr(item, "callspec", None)
        if spec is None or "server_name" not in spec.params:
            return
        function: str = getattr(item, "originalname")  # noqa: B009 - typed so
        rest = {name: str(value) for name, value in spec.params.items() if name != "server_name"}
        parameters = ", ".join(rest[name] for name in sorted(rest))
        self._cases[item.nodeid] = (function, spec.params["server_name"], parameters)
        for mark in item.iter_markers("rule"):
            for rule in mark.args:
                self.rules[rule].add(function)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how it went."""
        if report.nodeid not in self._cases or not (report.when == "call" or report.failed):
            return
        function, server, parameters = self._cases[report.nodeid]
        properties = dict(report.user_properties)
        row = properties.get("exception")
        kind = "failed" if report.failed else "usual" if row is None else "exception"
        self.outcomes[function][server][kind] += 1
        if isinstance(row, Row):
            self.exceptions[function, server].append(row)
        if isinstance(seconds := properties.get("seconds"), float):
            self.seconds[function, server, parameters] = seconds


def sentence(function: str) -> str:
    """A test's name as a sentence."""
    words = function.removeprefix("test_").split("_")
    found = " ".join(WORDS.get(word, word) for word in words)
    for plural in PLURALS:
        found = found.replace(plural, plural.replace("'", ""))
    return found


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a Markdown table."""
    heads = list(head)
    lines = [
        f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *map(list, rows))
    ]
    return [*lines, ""]


def matrix(results: Results) -> list[str]:
    """Case by case, server by server; a number points to the exception below."""
    numbers: dict[str, int] = {}
    rows: list[list[str]] = []
    for function, servers in results.outcomes.items():
        size = max(sum(kinds.values()) for kinds in servers.values())
        cells = [sentence(function) + (f" ({size})" if size > 1 else "")]
        for server in KINDS:
            marks: list[str] = []
            kinds = servers.get(server, Counter[str]())
            if kinds["failed"]:
                marks.append(f"**{kinds['failed']} failed**")
            for row in results.exceptions[function, server]:
                number = numbers.setdefault(row.why, len(numbers) + 1)
                if f"[{number}]" not in marks:
                    marks.append(f"[{number}]")
            cells.append(" ".join(marks) or "✓")
        rows.append(cells)
    lines = table(["on this server", *(SHORT[server] for server in KINDS)], rows)
    lines += ["What is different, and why:", ""]
    lines += [f"{number}. {why}" for why, number in numbers.items()]
    return [*lines, ""]


def passed(results: Results) -> list[str]:
    """How many cases end as everywhere, as the exception says, or not."""
    rows: list[list[str]] = []
    for server in KINDS:
        total: Counter[str] = Counter()
        for servers in results.outcomes.values():
            total += servers.get(server, Counter[str]())
        cells = [str(total[kind]) for kind in ("usual", "exception", "failed")]
        rows.append([SHORT[server], versions(KINDS[server]), *cells])
    return table(["server", "versions", "as everywhere", "as its exception says", "failed"], rows)


def noticed(results: Results) -> list[str]:
    """How long it takes to notice that the peer is gone, in milliseconds."""
    ways = sorted({key[2] for key in results.seconds if key[0] == NOTICED}, key=_by_going)
    rows = [
        [way, *(_milliseconds(results.seconds.get((NOTICED, server, way))) for server in KINDS)]
        for way in ways
    ]
    return table(["milliseconds", *(SHORT[server] for server in KINDS)], rows)


def figures(results: Results) -> list[str]:
    """The other times that were measured, in seconds."""
    rows: list[list[str]] = []
    for function, name in FIGURES.items():
        found = [results.seconds.get((function, server, "")) for server in KINDS]
        rows.append([name, *("" if each is None else f"{each:.2f}" for each in found)])
    return table(["seconds", *(SHORT[server] for server in KINDS)], rows)


def rules(results: Results) -> list[str]:
    """Which cases are about which rule."""
    rows = [
        [str(number), rule, "; ".join(sorted(map(sentence, results.rules[number])))]
        for number, rule in RULES.items()
    ]
    return table(["", "rule", "cases"], rows)


def _by_going(way: str) -> tuple[str, str]:
    doing, _, going = way.rpartition(", ")
    return going, doing


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{max(seconds, 0) * 1000:.0f}"


def report(results: Results) -> str:
    """All of it."""
    lines = [
        f"Measured on Python {platform.python_version()}, {platform.system()}.",
        "",
        *passed(results),
        "## Case by case",
        "",
        "✓ is the same outcome as everywhere, a number in brackets an exception explained below.",
        "A number in parentheses says how many cases the row stands for.",
        "",
        *matrix(results),
        "## How soon the end is noticed",
        "",
        "From the moment the peer closes, ends or resets its TCP connection until the handler has",
        "ended, by what the handler is doing.",
        "",
        *noticed(results),
        *figures(results),
        "## Rule by rule",
        "",
        *rules(results),
    ]
    return "\n".join(lines).rstrip()


def main(arguments: list[str]) -> int:
    """Run the cases, write the page."""
    results = Results()
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main(
            ["-q", "--servers=all", str(Path(__file__).parent / "cases")], plugins=[results]
        )
    found = report(results)
    if "--write" in arguments:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}", "utf-8")
    else:
        print(found)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
