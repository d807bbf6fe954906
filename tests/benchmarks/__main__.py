"""Measure websocket_kit beside its peers: ``python -m tests.benchmarks --help``."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

from tests.benchmarks import cases, footprints, loopback, parts
from tests.benchmarks.cases import Case
from tests.benchmarks.estimating import Run, Table, estimate
from tests.benchmarks.measuring import QUICK_SAMPLE, take_rounds
from tests.benchmarks.reporting import to_markdown, to_text
from tests.benchmarks.targets import TARGETS

CASES = [*cases.CASES, *parts.CASES, *footprints.CASES, *loopback.CASES]
ROUNDS = 21
SHOWN_VERSIONS = (
    *("pydantic", "starlette", "fastapi", "litestar", "blacksheep", "falcon", "quart", "chanx"),
    *("uvicorn", "hypercorn", "granian", "uvloop"),
)


def measure(case: Case, rounds: int, sample: float) -> Table:
    """Make a case's table."""
    with case.open() as candidates:
        costs = take_rounds(candidates, min(rounds, case.most_rounds), sample=sample)
    rows = estimate(costs, TARGETS.get(case.name, {}))
    return Table(case.name, case.tolerance, rows, tuple(cases.libraries.left_out))


def about() -> dict[str, str]:
    """What this is run on and with."""
    versions = {platform.python_implementation(): platform.python_version()}
    for name in SHOWN_VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions | {platform.system(): f"on {os.cpu_count()} CPUs"}


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 if a table is void."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    names = ", ".join(case.name for case in CASES)
    parser.add_argument(
        "--only", metavar="CASES", help=f"some cases, with commas and wildcards: {names}"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that all runs; the figures are worth nothing"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the run there as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    options = parser.parse_args(arguments)
    patterns = options.only.split(",") if options.only else ["*"]
    chosen = [c for c in CASES if any(fnmatch.fnmatch(c.name, pattern) for pattern in patterns)]
    if not chosen:
        parser.error(f"no such case: {options.only} (there are {names})")

    began = time.monotonic()
    tables: list[Table] = []
    for case in chosen:
        rounds = 1 if options.quick else options.rounds
        tables.append(measure(case, rounds, QUICK_SAMPLE if options.quick else case.sample))
        print(to_text(tables[-1]), end="\n\n", flush=True)
    run = Run(about(), tuple(tables))
    if options.json:
        options.json.write_text(json.dumps(run.to_json(), indent=1) + "\n", "utf-8")
    if options.markdown:
        options.markdown.write_text(to_markdown(run), "utf-8")
    print(f"{time.monotonic() - began:.0f} s.")
    void = [table.name for table in tables if table.void]
    if options.quick:
        print("A quick run: it shows that all cases work, and its figures mean nothing.")
        return 0
    if void:
        print(f"VOID: {', '.join(void)}. The machine was too noisy for them; run them again.")
    return 1 if void else 0


if __name__ == "__main__":
    sys.exit(main())
