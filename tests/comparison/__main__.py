"""Compare what tests of the same app cost and find with each tool: a Markdown table.

    python -m tests.comparison

Every run is a process of its own, with a hard timeout. It takes a few minutes.
"""

from __future__ import annotations

import ast
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# In seconds, for a run. A test that hangs is stopped long before, by the plugin that measures it.
TIMEOUT = 120.0
CHATS = 20
REPEAT = 100


class Tool(NamedTuple):
    """One of those that are compared: its name, its distribution, its file of tests here."""

    name: str
    distribution: str
    file: str


TOOLS = [
    Tool("websocket_kit", "websocket-kit", "in_websocket_kit"),
    Tool("Starlette", "starlette", "in_starlette"),
    Tool("Litestar", "litestar", "in_litestar"),
    Tool("httpx-ws", "httpx-ws", "in_httpx_ws"),
    Tool("Channels", "channels", "in_channels"),
]

GUEST = "test_a_guest_is_welcomed"
NONSENSE = "test_nonsense_is_closed_with_4400"
CHAT = "test_two_clients_talk"
# Faults that a test can fail at by what it asserts, and those tests.
SEEN = {"wrong message": GUEST, "wrong code": NONSENSE, "crash before": GUEST}


class Measured(list[dict[str, Any]]):
    """What a run has measured: a dictionary for each test that has come to an end, in order."""

    def of(self, test: str) -> dict[str, Any]:
        """What was measured of a test."""
        return next(run for run in reversed(self) if run["test"] == test)


def run(file: str, test: str = "", *, fault: str = "", repeat: int = 1) -> Measured:
    """Run the tests of a file, or one of them, in a folder and a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE / f"{file}.py", folder)
        measured = Path(folder, "measured.jsonl")
        measured.touch()
        options = ["-p", "anyio", "-p", "tests.comparison.measure", "-p", "no:cacheprovider"]
        process = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "-k", test, f"{file}.py"],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(HERE.parents[1]),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "FAULT": fault,
                "MEASURED": str(measured),
                "REPEAT": str(repeat),
            },
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        # 1 is the code of a failed test, and of one that hung and was stopped.
        assert process.returncode in {0, 1}, process.stdout
        return Measured(map(json.loads, measured.read_text("utf-8").splitlines()))


# ---------------------------------------------------------------------------------- what is asked


def lines_of_code(file: str) -> int:
    """The lines of a file that aren't blank, comments or docstrings."""
    source = (HERE / f"{file}.py").read_text("utf-8")
    tree = ast.parse(source)
    docs = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in docs
        for number, line in enumerate(source.splitlines(), 1)
    )


def verdict(file: str, fault: str, test: str = GUEST) -> str:
    """How a test ends that meets a fault."""
    measured = run(file, test, fault=fault)
    if not measured:
        return "**hangs**"
    result = measured.of(test)
    if result["passed"]:
        return "**passes**"
    return f"fails in {result['seconds']:.1f} s" if result["seconds"] > 0.5 else "fails"


def lines_of_output(file: str) -> str:
    """How long the reports of the planted failures are, in lines."""
    lines = [run(file, test, fault=fault).of(test)["lines"] for fault, test in SEEN.items()]
    return f"{sum(lines)} ({', '.join(map(str, lines))})"


def milliseconds(file: str) -> str:
    """The machine time of a test, its event loop included: the median of many."""
    measured = run(file, f"{GUEST} or {NONSENSE}", repeat=REPEAT)
    return f"{1000 * statistics.median(run['machine'] for run in measured):.1f} ms"


def lost(file: str) -> str:
    """How many runs of the chat's test hang or fail."""
    runs = [run(file, CHAT) for _ in range(CHATS)]
    number = sum(not measured or not measured.of(CHAT)["passed"] for measured in runs)
    return f"**{number} of {CHATS}**" if number else f"0 of {CHATS}"


def column(tool: Tool) -> dict[str, str]:
    """All answers of a tool."""
    print(f"{tool.name} …", file=sys.stderr)
    whole = run(tool.file)
    assert all(test["passed"] for test in whole), f"{tool.name}: {whole}"
    silence = whole.of("test_silence_is_closed_with_4408")
    file = tool.file
    return {
        "lines of test code": str(lines_of_code(file)),
        "the handler never answers": verdict(file, "silence"),
        "it crashes instead of answering": verdict(file, "crash before"),
        "it crashes after its last answer": verdict(file, "crash after"),
        "it sends a message too many": verdict(file, "one more"),
        "it goes on though its peer has left": verdict(file, "goes on"),
        "it leaves a task running": verdict(file, "task"),
        "it closes with 4401 before accept; the test sees": whole.of(
            "test_a_handshake_without_a_token_is_rejected"
        )["saw"],
        "it answers the handshake with HTTP 401; the test sees": whole.of(
            "test_a_banned_guest_is_told"
        )["saw"],
        "two clients talk: runs that hang or fail": lost(file),
        "lines reported for three failures": lines_of_output(file),
        "a time limit of 5 s is tested in": f"{silence['seconds']:.3f} s",
        "machine time of that test": f"{1000 * silence['machine']:.0f} ms",
        "machine time of a short test": milliseconds(file),
    }


def main() -> None:
    """Print the table, and what it was measured with."""
    columns = {tool.name: column(tool) for tool in TOOLS}
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in columns[TOOLS[0].name]:
        print(f"| {row} | {' | '.join(answers[row] for answers in columns.values())} |")
    entered = lost("in_starlette_entered")
    print(f"\nStarlette's two clients inside of `with TestClient(app) as client`: {entered}.")
    names = ["pytest", "anyio", *(tool.distribution for tool in TOOLS)]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    today = dt.datetime.now(tz=dt.UTC).date()
    print(f"\n{today:%Y-%m-%d}, Python {platform.python_version()}, {versions}.")


if __name__ == "__main__":
    main()
