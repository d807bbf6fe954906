"""What the docs show of the code is what the code says, and they read well unrendered too."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from websocket_kit import (
    CloseCode,
    Cookie,
    Header,
    Query,
    WebSocket,
    WebSocketRoute,
    WebSocketRouter,
    query,
    websocket,
    wrap,
)
from websocket_kit.testing import Peer, backend, connect, lifespan, run
from websocket_kit.testing._profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page.read_text("utf-8") for page in DOCS.rglob("*.md")}
each_page = pytest.mark.parametrize("page", PAGES)


# ------------------------------------------------------------------------------- plain Markdown


def plain(page: str) -> str:
    """What a page shows where it is rendered as Markdown and no more, without its code."""
    return re.sub(r"<!--.*?-->|^```\w+$.*?^```$", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)


@each_page
def test_a_page_shows_no_directive_and_no_role(page: str) -> None:
    assert re.findall(r"^```\{.*|(?<!`)\{[a-z:]+\}`\S.*", plain(page), re.MULTILINE) == []


@each_page
def test_what_a_page_links_to_is_there(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", plain(page))
    assert [link for link in links if not (DOCS / page).parent.joinpath(link).exists()] == []


def test_the_index_links_to_every_page() -> None:
    assert set(re.findall(r"\]\((\S+\.md)\)", plain("index.md"))) == {*PAGES} - {"index.md"}


# ------------------------------------------------------------------------------- made from code


@each_page
def test_an_example_in_a_page_is_its_file(
    page: str, load_file: Callable[[Path], ModuleType]
) -> None:
    embed = load_file(DOCS / "embed.py").embed
    assert PAGES[page] == embed(PAGES[page]), "run: python docs/embed.py"


@pytest.fixture
def lifecycle(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The script that draws the lifecycle."""
    return load_file(DOCS / "lifecycle.py")


def test_the_lifecycle_diagram_is_drawn_from_the_table(lifecycle: ModuleType) -> None:
    drawn = (DOCS / "_static" / "lifecycle.svg").read_text("utf-8")
    assert drawn == lifecycle.draw(), "run: python docs/lifecycle.py"


def test_the_lifecycle_page_shows_the_table(lifecycle: ModuleType) -> None:
    page = PAGES["reference/lifecycle.md"]
    assert page == lifecycle.insert(page, lifecycle.tabulate()), "run: python docs/lifecycle.py"


def test_the_testing_page_shows_the_servers_habits(load_file: Callable[[Path], ModuleType]) -> None:
    profiles = load_file(DOCS / "profiles.py")
    page = PAGES["reference/testing.md"]
    assert page == profiles.insert(page, profiles.tabulate()), "run: python docs/profiles.py"


def test_the_servers_habits_are_all_of_a_profile() -> None:
    source = (DOCS / "profiles.py").read_text("utf-8")
    assert [field for field in Profile._fields if not re.search(rf"\.{field}\b", source)] == []


# -------------------------------------------------------------------- the runners of other projects


# What each example's runner needs; where there is a conftest.py, it stands beside.
RUNNERS = {
    "with_anyio": ["-panyio"],
    "with_pytest_asyncio": [
        "-ppytest_asyncio.plugin",
        "-oasyncio_default_fixture_loop_scope=function",
    ],
    "with_pytest_trio": ["-ppytest_trio.plugin"],
    "with_unittest": [],
    "with_hypothesis": [],
}


def start_runner(name: str, folder: Path) -> subprocess.Popen[str]:
    examples = DOCS / "examples" / "testing"
    shutil.copy(examples / f"{name}.py", folder / f"test_{name}.py")
    conftest = examples / f"{name}_conftest.py"
    if conftest.exists():
        shutil.copy(conftest, folder / "conftest.py")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-Werror", *RUNNERS[name]],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def runners(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of them at once: each takes a second, mostly to start."""
    with ExitStack() as at_the_end:
        processes: dict[str, subprocess.Popen[str]] = {}
        for name in RUNNERS:
            process = start_runner(name, tmp_path_factory.mktemp(name))
            processes[name] = at_the_end.enter_context(process)
            at_the_end.callback(process.kill)
        yield processes


@pytest.mark.parametrize("name", RUNNERS)
def test_an_example_passes_under_its_runner_in_virtual_time(
    name: str, runners: dict[str, subprocess.Popen[str]]
) -> None:
    # In each a handler takes a minute to answer.
    output, _ = runners[name].communicate(timeout=30)
    assert re.search(r"== \d passed in", output), output


# ------------------------------------------------------------------------------- the reference


def members(owner: type) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}


LISTED: dict[str, dict[str, Any]] = {
    "reference/websocket.md": {"WebSocket": WebSocket, **members(WebSocket)},
    "reference/routing.md": {
        "websocket": websocket,
        "query": query,
        "Query": Query,
        "Header": Header,
        "Cookie": Cookie,
        "WebSocketRoute": WebSocketRoute,
        "WebSocketRouter": WebSocketRouter,
        **members(WebSocketRouter),
    },
    "reference/starlette.md": {"wrap": wrap},
    "reference/testing.md": {
        "connect": connect,
        "lifespan": lifespan,
        "backend": backend,
        "run": run,
        **members(Peer),
    },
}


def parameters(member: Any) -> list[str] | None:
    """The names of a function's parameters; None of what isn't called."""
    if not callable(member):
        return None
    return sorted({*inspect.signature(member).parameters} - {"self"})


def listed(page: str) -> dict[str, list[str] | None]:
    """What the tables of a page have in their first column, as ``parameters`` gives it."""
    cells = " ".join(re.findall(r"^\| (.*?) \| ", plain(page), re.MULTILINE))
    found: dict[str, list[str] | None] = {}
    for name, call in re.findall(r"`(?:await |@)?(\w+)(\((?!\").*?\))?`", cells):
        found[name] = None
        if call:
            (function,) = ast.parse(f"def {name}{call}: ...").body
            found[name] = sorted(arg.arg for arg in ast.walk(function) if isinstance(arg, ast.arg))
    return found


@pytest.mark.parametrize("page", LISTED)
def test_the_reference_lists_every_name_and_its_parameters(page: str) -> None:
    there = {name: parameters(member) for name, member in LISTED[page].items()}
    shown = listed(page)
    assert {name: shown.get(name, "not listed") for name in there} == there


def test_the_reference_lists_every_close_code() -> None:
    shown = dict(re.findall(r"`([A-Z_]+)` (\d{4}) ", plain("reference/endings.md")))
    assert shown == {code.name: str(code.value) for code in CloseCode}
