"""Run every Python block of README.md and the docs, and lend the tests a real server."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib.util
import re
import signal
import socket
import sys
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from hypothesis import settings
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path
    from types import FrameType, ModuleType

    from starlette.types import ASGIApp

# How much Hypothesis tries: pytest --hypothesis-profile=thorough, as CI does for some tests.
for profile, examples in {"quick": 15, "thorough": 100, "long": 10_000}.items():
    settings.register_profile(profile, deadline=None, max_examples=examples)
settings.load_profile("quick")

BLOCK_TIMEOUT = 10.0
# What docs/embed.py writes: a whole example, which has a test of its own.
EMBEDDED = re.compile(r"<!-- from examples/\S+ -->\n+\Z")
_execute = PythonEvaluator()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what asks for the cases of ``tests/servers``."""
    parser.addoption(
        "--servers",
        default="",
        metavar="NAMES",
        help='real servers to run tests/servers/cases on, with commas between, or "all"',
    )


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at all tests again: there are thousands."""
    gc.freeze()


def _run_in_order(example: Example) -> None:
    """Run a block after the blocks above it, once each, in whatever order the tests come."""
    done: set[int] = example.namespace.setdefault("__done__", set())
    for block in example.document.examples():
        embedded = EMBEDDED.search(block.document.text[: block.start])
        if block.start <= example.start and block.start not in done and not embedded:
            with _patience():
                _execute(block)
            done.add(block.start)


@contextlib.contextmanager
def _patience() -> Generator[None]:
    """Interrupt what takes too long: Starlette's test client waits for ever."""
    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, BLOCK_TIMEOUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    msg = f"the block took more than {BLOCK_TIMEOUT:g} s"
    raise TimeoutError(msg)


def _name_the_module(namespace: dict[str, Any]) -> None:
    """Keep ``if __name__ == "__main__"`` from starting a server."""
    namespace["__name__"] = "docs"


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser(language="python", evaluator=_run_in_order)],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    setup=_name_the_module,
).pytest()


class _Server(uvicorn.Server):
    """A uvicorn server that says when it listens, and stops as soon as it is told to."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        """Configure it for a test: quiet, and done waiting for open connections in a second."""
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                root_path=root_path,
                timeout_graceful_shutdown=1,
            )
        )
        self.listening = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_stop = asyncio.Event()

    async def main_loop(self) -> None:
        """Tell the thread that waits for it; uvicorn's own then looks ten times a second."""
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        self.listening.set()
        await self._told_to_stop.wait()

    def stop(self) -> None:
        """Stop, as another thread wants."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told_to_stop.set)


@contextlib.contextmanager
def _on_uvicorn(app: ASGIApp, *, root_path: str = "") -> Generator[int]:
    server = _Server(app, root_path)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        assert server.listening.wait(timeout=5), "uvicorn does not start"
        port: int = listener.getsockname()[1]
        yield port
    finally:
        server.stop()
        thread.join(timeout=5)
        listener.close()
        assert not thread.is_alive(), "uvicorn does not stop"


@pytest.fixture(scope="session")
def on_uvicorn() -> Callable[..., AbstractContextManager[int]]:
    """A real uvicorn for as long as a ``with`` block runs, which is given its port.

    It listens on 127.0.0.1; ``root_path`` is an option.
    """
    return _on_uvicorn


@pytest.fixture(scope="session")
def load_file() -> Callable[[Path], ModuleType]:
    """Import a Python file by its path, unedited and once."""

    @functools.cache
    def load(path: Path) -> ModuleType:
        name = f"loaded_{path.parent.name}_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load
