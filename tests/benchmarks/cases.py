"""The cases that need no process but this one. Each checks its candidates first."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import uvloop
from starlette.testclient import TestClient

from tests.benchmarks.adapter import QUERY, REASON, App, Job, Library, input_path, literal_path
from tests.benchmarks.feeding import (
    check_connection,
    check_echo,
    time_connections,
    time_echo,
)
from tests.benchmarks.libraries import raw
from tests.benchmarks.measuring import SAMPLE, Candidate
from tests.benchmarks.messages import DICTS, EVENTS, PLAYERS, TEXTS
from websocket_kit.testing import connect, run

CONTROL = "{} once more (control)"
PEER_TIMEOUT = 20.0

MESSAGES: dict[Job, list[str]] = {
    "text": TEXTS,
    "dict": DICTS,
    "model": PLAYERS,
    "union": EVENTS,
}


class Case(NamedTuple):
    """A table to be.

    Attributes:
        name: What ``--only`` calls it.
        open: Gives the candidates, the baseline first, then the control; each has shown by then
            that it does the work.
        sample: CPU seconds of a sample.
        tolerance: How far from 1 the control's ratio may be.
        most_rounds: No more rounds than that, where one takes seconds.
    """

    name: str
    open: Callable[[], AbstractContextManager[list[Candidate]]]
    sample: float = SAMPLE
    tolerance: float = 0.05
    most_rounds: int = 1000


class _Libraries:
    """The libraries that are installed, loaded when first asked for."""

    NAMES = (
        *("raw", "websocket_kit", "starlette", "fastapi", "litestar"),
        *("blacksheep", "falcon", "quart", "chanx"),
    )

    def __init__(self) -> None:
        self.left_out: list[str] = []
        self._loaded: list[Library] | None = None

    def __iter__(self) -> Iterator[Library]:
        if self._loaded is None:
            self._loaded = []
            for name in self.NAMES:
                try:
                    module = importlib.import_module(f"tests.benchmarks.libraries.{name}")
                except ImportError as error:
                    self.left_out.append(f"{name}: {error}")
                else:
                    self._loaded.append(module.ADAPTER)
        return iter(self._loaded)


libraries = _Libraries()


@contextlib.contextmanager
def event_loop(
    make_loop: Callable[[], asyncio.AbstractEventLoop] | None,
) -> Generator[asyncio.Runner]:
    """An event loop for as long as a case takes, its last tasks let go at the end."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        yield runner


async def _bounded(check: Awaitable[None]) -> None:
    await asyncio.wait_for(check, PEER_TIMEOUT)


# ------------------------------------------------------------------------------- messages


@contextlib.contextmanager
def echoing(
    apps: Mapping[str, App],
    texts: Sequence[str],
    *,
    suspends: bool = False,
    make_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Generator[list[Candidate]]:
    """Apps that send every message back, by the names of their rows."""
    with event_loop(make_loop) as runner:

        def measure(app: App) -> Callable[[int], float]:
            return lambda count: runner.run(time_echo(app, texts, count, suspends=suspends))

        for app in apps.values():
            runner.run(_bounded(check_echo(app, texts)))
        yield [Candidate(name, measure(app)) for name, app in apps.items()]


def _echo(
    job: Job,
    *,
    suspends: bool = False,
    make_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    def open_case() -> AbstractContextManager[list[Candidate]]:
        name, make = raw.BASELINES[job]
        apps = {name: make(), CONTROL.format(name): make()}
        for library in libraries:
            apps |= library.ways(job)
        return echoing(apps, MESSAGES[job], suspends=suspends, make_loop=make_loop)

    return open_case


# ---------------------------------------------------------------------------- connections


class Connecting(NamedTuple):
    """An app that accepts and closes.

    Attributes:
        app: The app.
        path: Where it does.
        query: The query of the handshake.
        reason: The reason of the close, which shows that inputs were read; "": any.
    """

    app: App
    path: str
    query: str = ""
    reason: str = ""


@contextlib.contextmanager
def connecting(apps: Mapping[str, Connecting]) -> Generator[list[Candidate]]:
    """Such apps, by the names of their rows."""
    with event_loop(None) as runner:

        def measure(app: App, path: str, query: str) -> Callable[[int], float]:
            return lambda count: runner.run(time_connections(app, path, query, count))

        for app in apps.values():
            runner.run(_bounded(check_connection(*app)))
        yield [Candidate(name, measure(*app[:3])) for name, app in apps.items()]


def _connections(
    baseline: str, routes: int, *, inputs: bool
) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    def open_case() -> AbstractContextManager[list[Candidate]]:
        path = input_path(routes - 1, "lobby") if inputs else literal_path(routes - 1)
        query, reason = (QUERY, REASON) if inputs else ("", "")
        makers = {
            library.name: make
            for library in libraries
            if (make := library.with_inputs if inputs else library.with_routes) is not None
        }
        order = {baseline: baseline, CONTROL.format(baseline): baseline} | {n: n for n in makers}
        return connecting(
            {
                shown: Connecting(makers[name](routes), path, query, reason)
                for shown, name in order.items()
            }
        )

    return open_case


# More than any library remembers the results of.
ROOMS = 4096


def _routes_of(counts: tuple[int, ...]) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    @contextlib.contextmanager
    def open_case() -> Generator[list[Candidate]]:
        makers = {
            library.name: (library.finder, library.most_routes)
            for library in libraries
            if library.finder is not None
        }
        candidates: list[Candidate] = []
        for name, (make, most) in makers.items():
            for count in counts:
                if count > most:
                    continue
                shown = f"{name}, {count:,} {'route' if count == 1 else 'routes'}"
                candidates.append(Candidate(shown, _look_ups(make(count), count - 1)))
                if not candidates[1:]:
                    again = _look_ups(make(count), count - 1)
                    candidates.append(Candidate(CONTROL.format(shown), again))
        yield candidates

    return open_case


def _look_ups(find: Callable[[str], object], last: int) -> Callable[[int], float]:
    paths = itertools.cycle([input_path(last, f"room-{number}") for number in range(ROOMS)])
    for number in range(3):
        assert find(input_path(last, f"{number}")) == str(number)

    def measure(count: int) -> float:
        some = list(itertools.islice(paths, count))
        began = time.process_time()
        for path in some:
            find(path)
        return time.process_time() - began

    return measure


# -------------------------------------------------------------------------------- testing


@contextlib.contextmanager
def _tests() -> Generator[list[Candidate]]:
    app = next(
        iter(next(lib for lib in libraries if lib.name == "websocket_kit").ways("text").values())
    )

    def with_test_client(client: TestClient) -> None:
        with client.websocket_connect("/echo") as session:
            session.send_text("hi")
            assert session.receive_text() == "hi"

    async def with_connect() -> None:
        async with connect(app, "/echo") as peer:
            await peer.send("hi")
            await peer.expect("hi")

    def timed(test: Callable[[], None]) -> Callable[[int], float]:
        def measure(count: int) -> float:
            began = time.process_time()
            for _ in range(count):
                test()
            return time.process_time() - began

        return measure

    async def many(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            await with_connect()
        return time.process_time() - began

    def on_one_loop(count: int) -> float:
        return runner.run(many(count))

    name = "Starlette's TestClient"
    with TestClient(app) as shared, event_loop(None) as runner:
        yield [
            Candidate(name, timed(lambda: with_test_client(TestClient(app)))),
            Candidate(CONTROL.format(name), timed(lambda: with_test_client(TestClient(app)))),
            Candidate(f"{name}, inside with", timed(lambda: with_test_client(shared))),
            Candidate("websocket_kit: connect, a loop each", timed(lambda: run(with_connect))),
            Candidate("websocket_kit: connect, on one loop", on_one_loop),
        ]


CASES: list[Case] = [
    Case("text", _echo("text")),
    Case("turn-asyncio", _echo("text", suspends=True)),
    Case("turn-uvloop", _echo("text", suspends=True, make_loop=uvloop.new_event_loop)),
    Case("dict", _echo("dict")),
    Case("model", _echo("model")),
    Case("union", _echo("union")),
    Case("connect-1", _connections("starlette", 1, inputs=False)),
    Case("connect-50", _connections("starlette", 50, inputs=False)),
    Case("inputs-1", _connections("fastapi", 1, inputs=True)),
    Case("inputs-50", _connections("fastapi", 50, inputs=True)),
    Case("routes", _routes_of((1, 10, 100, 1_000, 10_000))),
    Case("testing", _tests, sample=0.02),
]
