# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
"""Real servers and a real client over loopback: the CPU of the server's processes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.benchmarks.cases import CONTROL, PEER_TIMEOUT, Case
from tests.benchmarks.measuring import Candidate
from tests.benchmarks.messages import TEXTS

APP = "tests.benchmarks.served:app"
ROOT = Path(__file__).parents[2]
MESSAGE = TEXTS[0].encode()

# As a row shows it, and as served.APPS has it.
CANDIDATES = {
    "raw ASGI": "raw",
    CONTROL.format("raw ASGI"): "control",
    "websocket_kit": "websocket_kit",
    "starlette": "starlette",
    "fastapi": "fastapi",
    "litestar": "litestar",
}


def _commands(port: int) -> dict[str, list[str]]:
    return {
        "uvicorn": [
            *("uvicorn", APP, f"--port={port}", "--ws=websockets-sansio"),
            *("--log-level=warning", "--no-access-log"),
        ],
        "hypercorn": ["hypercorn", APP, f"--bind=127.0.0.1:{port}", "--log-level=WARNING"],
        "granian": [
            *("granian", APP, "--interface=asgi", f"--port={port}"),
            *("--log-level=warning", "--no-access-log"),
        ],
    }


@contextlib.contextmanager
def _serving(name: str) -> Generator[tuple[int, int]]:
    """A server for as long as a case takes: its process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", *_commands(port)[name]]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(process, port)
        yield process.pid, port
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    msg = f"the server doesn't start: {process.args!r}"
    raise RuntimeError(msg)


# ------------------------------------------------------------------------------ their CPU


def cpu_seconds(process: int) -> float:
    """What a process and all those it started have used so far, to the nanosecond.

    Linux only: everything else is counted in hundredths of a second.
    """
    return sum(map(_own_cpu_seconds, [process, *_descendants(process)]))


def _own_cpu_seconds(process: int) -> float:
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_descendants(child)]
    return found


# -------------------------------------------------------------------------------- clients


class _Echo(WSListener):
    """A client that sends the next message the moment it has the answer to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: set[bytes] = set()
        self._left = 0
        self._done: asyncio.Future[None] | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.answers.add(frame.get_payload_as_bytes())
        self._left -= 1
        if self._left > 0:
            transport.send(WSMsgType.TEXT, MESSAGE)
        elif self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def exchange(self, transport: WSTransport, count: int) -> None:
        self._left = count
        self._done = asyncio.get_running_loop().create_future()
        transport.send(WSMsgType.TEXT, MESSAGE)
        await asyncio.wait_for(self._done, PEER_TIMEOUT)


class _Closing(WSListener):
    """A client that answers the server's close."""

    code: object = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self.code = int(frame.get_close_code().value)
            transport.send_close(frame.get_close_code())
            transport.disconnect()


async def _connect_once(url: str) -> object:
    transport, listener = await ws_connect(_Closing, url)
    await asyncio.wait_for(transport.wait_disconnected(), PEER_TIMEOUT)
    assert isinstance(listener, _Closing)
    return listener.code


# ---------------------------------------------------------------------------------- cases


def _echoes(server: str) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    @contextlib.contextmanager
    def open_case() -> Generator[list[Candidate]]:
        opened: list[WSTransport] = []
        with asyncio.Runner() as runner, _serving(server) as (process, port):

            def candidate(shown: str, name: str) -> Candidate:
                url = f"ws://127.0.0.1:{port}/{name}/echo"
                transport, listener = runner.run(_open(url))
                opened.append(transport)

                def measure(count: int) -> float:
                    before = cpu_seconds(process)
                    runner.run(listener.exchange(transport, count))
                    return cpu_seconds(process) - before

                measure(1)
                assert listener.answers == {MESSAGE}, (shown, listener.answers)
                return Candidate(shown, measure)

            yield [candidate(shown, name) for shown, name in CANDIDATES.items()]
            runner.run(_close(opened))

    return open_case


async def _close(opened: list[WSTransport]) -> None:
    for transport in opened:
        transport.send_close(WSCloseCode.OK)
        transport.disconnect()
    await asyncio.wait([asyncio.ensure_future(t.wait_disconnected()) for t in opened], timeout=5)


async def _open(url: str) -> tuple[WSTransport, _Echo]:
    transport, listener = await ws_connect(_Echo, url)
    assert isinstance(listener, _Echo)
    return transport, listener


# What the server still does for a connection when its client has seen the end, in seconds.
AFTERMATH = 0.003


def _connections(server: str) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    @contextlib.contextmanager
    def open_case() -> Generator[list[Candidate]]:
        with asyncio.Runner() as runner, _serving(server) as (process, port):

            async def connect(url: str, count: int) -> None:
                for _ in range(count):
                    code = await _connect_once(url)
                    assert code == 1000, code
                await asyncio.sleep(AFTERMATH)

            def candidate(shown: str, name: str) -> Candidate:
                url = f"ws://127.0.0.1:{port}/{name}/connect"

                def measure(count: int) -> float:
                    before = cpu_seconds(process)
                    runner.run(connect(url, count))
                    return cpu_seconds(process) - before

                measure(1)
                return Candidate(shown, measure)

            yield [candidate(shown, name) for shown, name in CANDIDATES.items()]

    return open_case


_Kind = Literal["echo", "connect"]
_OPEN: dict[_Kind, Callable[[str], Callable[[], AbstractContextManager[list[Candidate]]]]] = {
    "echo": _echoes,
    "connect": _connections,
}

CASES = [
    Case(f"{server}-{kind}", opening(server), sample=0.015, tolerance=0.06)
    for server in ("uvicorn", "hypercorn", "granian")
    for kind, opening in _OPEN.items()
]
