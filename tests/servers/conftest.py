"""Serve the app on every server, where ``--servers`` asks for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tests.servers.exceptions import EXCEPTIONS, Either, exception_of
from tests.servers.launch import KINDS, Server

CASES = Path(__file__).parent / "cases"
# What takes too long for the plain tests.
LONG = {CASES, Path(__file__).parent / "test_sigterm.py"}
LONGEST_CASE = 120.0

Found = TypeVar("Found")
Probe = Callable[[Server], Any]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without ``--servers`` the cases are not there at all."""
    if collection_path in LONG and not config.getoption("servers"):
        return True
    return None


def chosen(config: pytest.Config) -> list[str]:
    """The servers that ``--servers`` names."""
    wanted = str(config.getoption("servers"))
    names = list(KINDS) if wanted == "all" else wanted.split(",")
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        msg = f"--servers: no {', '.join(unknown)}; there are all, {', '.join(KINDS)}"
        raise pytest.UsageError(msg)
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case on every server."""
    if "server_name" in metafunc.fixturenames:
        metafunc.parametrize("server_name", chosen(metafunc.config), scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See that no exception is about a case that isn't there."""
    if config.getoption("servers") != "all" or any("::" in name for name in config.args):
        return
    cases = {case_of(item) for item in items if "server_name" in getattr(item, "fixturenames", ())}
    functions = {case.partition("[")[0] for case in cases}
    for case, _ in EXCEPTIONS:
        if case.partition("[")[0] in functions and case not in cases | functions:
            msg = f"tests/servers/exceptions.py: there is no case {case}"
            raise pytest.UsageError(msg)


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[[str], Server]]:
    """Start a server on first use; all stop when the session ends."""
    running: dict[str, Server] = {}
    with ExitStack() as servers:

        def start(name: str) -> Server:
            if name not in running:
                running[name] = servers.enter_context(Server(name))
            return running[name]

        yield start


@pytest.fixture
def server(server_name: str, start: Callable[[str], Server]) -> Server:
    """A running server, the same for the whole session."""
    return start(server_name)


class Same(Protocol):
    """Compare with what is the same on every server, but for the exceptions."""

    def __call__(self, outcome: object, usual: object) -> None:
        """Assert that it is ``usual``, or what the table says of this case on this server."""
        ...


def case_of(item: pytest.Item) -> str:
    """A test's name without its server: ``test_a_close[4000]``."""
    server: str = getattr(item, "callspec").params["server_name"]  # noqa: B009 - typed so
    return item.name.replace(f"[{server}-", "[").removesuffix(f"[{server}]")


@pytest.fixture
def same(request: pytest.FixtureRequest, server_name: str) -> Same:
    """What an outcome is compared with."""

    def compare(outcome: object, usual: object) -> None:
        exception = exception_of(case_of(request.node), server_name)
        if exception is None:
            assert outcome == usual
            return
        request.node.user_properties.append(("exception", exception))
        if isinstance(exception.instead, Either):
            assert outcome in exception.instead
        else:
            assert outcome != usual, "this is no exception any more"
            assert outcome == exception.instead

    return compare


class Together(Protocol):
    """Run a case that mostly waits on all servers at once."""

    def __call__(self, probe: Callable[[Server], Found]) -> Found:
        """What it finds on this server."""
        ...


@pytest.fixture(scope="session")
def everywhere(
    request: pytest.FixtureRequest, start: Callable[[str], Server]
) -> Iterator[Callable[[Probe], dict[str, Future[Any]]]]:
    """Run something on all chosen servers at once, and once."""
    names = chosen(request.config)
    with ThreadPoolExecutor(len(names)) as pool:

        @functools.cache
        def run(probe: Probe) -> dict[str, Future[Any]]:
            servers = {name: start(name) for name in names}
            return {name: pool.submit(probe, server) for name, server in servers.items()}

        yield run


@pytest.fixture
def together(server_name: str, everywhere: Callable[[Probe], dict[str, Future[Any]]]) -> Together:
    """Run a case that mostly waits on all servers at once."""

    def run(probe: Callable[[Server], Found]) -> Found:
        found: Found = everywhere(probe)[server_name].result(timeout=LONGEST_CASE)
        return found

    return run


Measured = Callable[[float], None]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Keep a figure, in seconds, for the docs."""

    def keep(seconds: float) -> None:
        request.node.user_properties.append(("seconds", seconds))

    return keep
