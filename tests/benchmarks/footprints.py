"""What is there once: the memory of a connection that waits, and the time of an import."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Generator

from starlette.types import Message, Scope

from tests.benchmarks.adapter import App
from tests.benchmarks.cases import CONTROL, Case, event_loop, libraries
from tests.benchmarks.feeding import CONNECT, DISCONNECT, make_scope
from tests.benchmarks.libraries import raw
from tests.benchmarks.measuring import Candidate

# ---------------------------------------------------------------------------------- memory

PARKED = 100
# Turns of the event loop within which every app waits for its first message.
SETTLED = 30


@contextlib.contextmanager
def _parked() -> Generator[list[Candidate]]:
    name, make = raw.BASELINES["text"]
    apps = {name: make(), CONTROL.format(name): make()}
    for library in libraries:
        apps |= library.ways("text")
    with event_loop(None) as runner:

        def measure(app: App) -> Callable[[int], float]:
            return lambda count: runner.run(_parked_bytes(app, count))

        yield [Candidate(name, measure(app), units=PARKED) for name, app in apps.items()]


class _ParkedPeer:
    """A peer that connects and says nothing, until it is told to leave."""

    def __init__(self) -> None:
        self.waits = False
        self.leave = asyncio.get_running_loop().create_future()
        self._connected = False

    async def receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return CONNECT
        self.waits = True
        await self.leave
        return DISCONNECT

    async def send(self, event: Message) -> None:
        """Take what the app sends."""


async def _run(app: App, scope: Scope, peer: _ParkedPeer) -> None:
    await app(scope, peer.receive, peer.send)


async def _parked_bytes(app: App, count: int) -> float:
    """What so many connections allocate that wait for their first message, task and all."""
    peers = [_ParkedPeer() for _ in range(count)]
    scopes = [make_scope("/echo") for _ in range(count)]
    gc.collect()
    tracemalloc.start()
    async with asyncio.TaskGroup() as tasks:
        before, _ = tracemalloc.get_traced_memory()
        for peer, scope in zip(peers, scopes, strict=True):
            tasks.create_task(_run(app, scope, peer))
        for _ in range(SETTLED):
            await asyncio.sleep(0)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        waiting = [peer.waits for peer in peers]
        for peer in peers:
            peer.leave.set_result(None)
    assert all(waiting)
    return after - before


# -------------------------------------------------------------------------------- an import

_NEEDED = "starlette.routing, starlette.websockets, anyio, TypeAdapter"
_NEEDED_IMPORTS = (
    "import starlette.routing, starlette.websockets, anyio\nfrom pydantic import TypeAdapter"
)
IMPORTS = {
    _NEEDED: _NEEDED_IMPORTS,
    CONTROL.format("the same"): _NEEDED_IMPORTS,
    "websocket_kit": "import websocket_kit",
    "fastapi": "from fastapi import FastAPI, WebSocket",
    "litestar": "from litestar import Litestar, websocket",
    "blacksheep": "from blacksheep import Application, WebSocket",
}
_PROGRAM = """\
import time
began = time.process_time()
{imports}
print(time.process_time() - began)
"""


@contextlib.contextmanager
def _imports() -> Generator[list[Candidate]]:
    candidates = [Candidate(name, _measure(imports), units=1) for name, imports in IMPORTS.items()]
    for candidate in candidates:
        candidate.measure(1)  # compiles what isn't, and fails if it isn't there
    yield candidates


def _measure(imports: str) -> Callable[[int], float]:
    program = _PROGRAM.format(imports=imports)
    # Without compiled files an import is mostly their compilation.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def measure(_count: int) -> float:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return float(done.stdout)

    return measure


CASES = [Case("memory", _parked), Case("import", _imports, most_rounds=15)]
