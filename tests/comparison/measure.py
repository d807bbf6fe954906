"""A pytest plugin that writes down what each test costs, how it ends and what it says."""

from __future__ import annotations

import faulthandler
import json
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Saw: TypeAlias = Callable[[str], None]

FILE = Path(os.environ["MEASURED"])
# What is not over by then, in seconds, hangs: the slowest test waits for five.
LIMIT = 10.0
REPEAT = int(os.environ.get("REPEAT", "1"))


@pytest.fixture
def saw(record_property: Callable[[str, object], None]) -> Saw:
    """Note what the test sees of a rejected handshake."""
    return lambda what: record_property("saw", what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run them over and over; in turn, so that each is torn down before it comes again."""
    items[:] = items * REPEAT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Write a line for a test, its set-up and its tear-down included; none if it hangs."""
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    item.user_properties.clear()
    reports.clear()
    machine = time.process_time()
    result = yield
    faulthandler.cancel_dump_traceback_later()
    measured = {
        "test": item.name,
        "machine": time.process_time() - machine,
        "seconds": sum(report.duration for report in reports),
        "passed": all(report.passed for report in reports),
        "lines": sum(len(report.longreprtext.splitlines()) for report in reports),
        **dict(item.user_properties),
    }
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(measured) + "\n")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the report of one part of a test."""
    reports.append(report)


reports: list[pytest.TestReport] = []
