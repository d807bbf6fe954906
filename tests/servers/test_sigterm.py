"""``run()`` told to stop: what the peers see, and how soon the process is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WAIT = 5.0

APP = """
import sys
import anyio
from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/receive")
async def receive(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


@app.websocket("/push")
async def push(ws: WebSocket) -> None:
    async def ticks():
        yield "tick"
        await anyio.sleep_forever()

    async with ws:
        await ws.send_each(ticks())


@app.websocket("/busy")
async def busy(ws: WebSocket) -> None:
    async with ws:
        await anyio.sleep_forever()


app.run(port=0, log_level="warning", ws=sys.argv[1], timeout_graceful_shutdown=2)
"""


@contextmanager
def running(path: Path, implementation: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A process that serves the app above, and its address."""
    path.write_text(APP)
    command = [sys.executable, "-W", "ignore", str(path), implementation]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        patience = threading.Timer(4 * WAIT, process.kill)
        patience.start()
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[2]
        finally:
            process.kill()
            process.wait(WAIT)
            patience.cancel()


def code_of(client: ClientConnection) -> int | None:
    """The code with which the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.recv(timeout=WAIT)
    return None if closed.value.rcvd is None else closed.value.rcvd.code


# What a busy machine may add, in seconds.
LEEWAY = 1.0


@pytest.mark.parametrize("implementation", ["websockets-sansio", "websockets", "wsproto"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("paths", "longest"),
    [
        (["/receive", "/push"] * 10, 1.0),
        # It is cancelled after four fifths of the two seconds that there are.
        (["/receive", "/push", "/busy"], 2.0),
    ],
    ids=["waiting", "busy"],
)
def test_peers_see_1012_at_once_and_the_process_leaves_within_the_grace(
    implementation: str, number: int, paths: list[str], longest: float, tmp_path: Path
) -> None:
    with running(tmp_path / "app.py", implementation) as (process, address), ExitStack() as stack:
        clients = [
            stack.enter_context(
                connect(address + path, open_timeout=WAIT, close_timeout=WAIT, proxy=None)
            )
            for path in paths
        ]
        start = time.monotonic()
        process.send_signal(number)
        assert {code_of(client) for client in clients} == {1012}
        process.wait(WAIT)
        assert time.monotonic() - start < longest + LEEWAY
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
