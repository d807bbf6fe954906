"""A soak: thousands of open sockets that come and go, and nothing may be left of them.

    python -m tests.servers.soak --minutes 5

A process serves a router on uvicorn; this one keeps sockets open to it that echo, are pushed to,
say goodbye, stop in mid-frame or are reset, and open again. Then all of them go, and what the
server holds is compared with what it held before the first came: tasks, file descriptors,
connection objects, and its memory over time. Exits with 1 if anything was left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Generator
from typing import Any, NamedTuple

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.servers.wire import Opcode, frame, handshake, text
from websocket_kit import WebSocket, WebSocketRouter

SOCKETS = 2_000
# How much of them goes and comes again at each wave.
SHARE = 0.1
# How long the server may take to let go of what is gone, and how long any socket may wait.
PATIENCE = 30.0
# What memory may grow by between the first and the last third of the waves: an allocator's noise.
GROWTH = 0.10


# ------------------------------------------------------------------------------------ the server

router = WebSocketRouter()


@router.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


@router.websocket("/push")
async def push(ws: WebSocket) -> None:
    async with ws:
        await ws.send_each(_ticks())


@router.websocket("/group")
async def group(ws: WebSocket) -> None:
    async with ws, ws.task_group() as tasks:
        tasks.start_soon(ws.send_each, _ticks())
        async for message in ws:
            await ws.send(message)


async def _ticks() -> AsyncIterator[str]:
    while True:
        await anyio.sleep(1)
        yield "tick"


class Holdings(NamedTuple):
    """What the server holds.

    Attributes:
        served: The connections its router counts.
        tasks: The tasks of its event loop.
        descriptors: The file descriptors of its process.
        objects: The connection objects that the collector knows.
        kib: The memory of its process that is resident, in KiB.
        log_lines: How many lines it has logged.
    """

    served: int
    tasks: int
    descriptors: int
    objects: int
    kib: int
    log_lines: int


async def tell(_: object) -> JSONResponse:
    gc.collect()
    objects = sum(type(thing) is WebSocket for thing in gc.get_objects())
    with open("/proc/self/statm") as file:  # noqa: ASYNC230, PTH123 - memory, not a disk
        pages = int(file.read().split()[1])
    return JSONResponse(
        Holdings(
            len(router.connections),
            len(asyncio.all_tasks()),
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            objects,
            pages * resource.getpagesize() // 1024,
            Counting.lines,
        )
    )


class Counting:
    """Standard error, with its lines counted."""

    lines = 0

    def write(self, line: str) -> int:
        Counting.lines += line.count("\n")
        return len(line)

    def flush(self) -> None:
        """Nothing is kept."""


def serve() -> None:
    """Serve until stopped; the first line says the port."""
    sys.stderr = Counting()
    app = router.wrap(Starlette(routes=[Route("/holdings", tell)]))
    raise_limit()
    # No pings: a peer here reads only when it talks, so one that stays for long would miss them.
    config = uvicorn.Config(
        app, port=0, log_level="warning", timeout_graceful_shutdown=5, ws_ping_interval=None
    )
    server = uvicorn.Server(config)

    async def main() -> None:
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and no event
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving

    asyncio.run(main())


@contextlib.contextmanager
def serving(module: str = "tests.servers.soak") -> Generator[tuple[int, subprocess.Popen[str]]]:
    """A process that serves; its port."""
    command = [sys.executable, "-m", module, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def raise_limit() -> None:
    """Let this process open as many sockets as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# ------------------------------------------------------------------------------------- the peers


class Peer:
    """One socket, of asyncio."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, path: str, *, receive_buffer: int | None = None) -> Peer:
        """Connect; the kernel keeps about ``receive_buffer`` bytes that are not read."""
        connection = socket.socket()
        connection.setblocking(False)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=connection)
            writer.write(handshake(port, path))
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return cls(reader, writer)

    async def pair(self, message: str) -> None:
        """Have a message echoed, whatever is pushed in between."""
        async with asyncio.timeout(PATIENCE):
            self.writer.write(text(message))
            while (await self.read()) != message.encode():
                pass

    async def read(self) -> bytes:
        """The payload of the next frame."""
        return (await self.frame())[1]

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and its payload."""
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)

    async def end(self) -> int | None:
        """The code with which the server closes; None where it goes without one."""
        with contextlib.suppress(EOFError, ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    opcode, payload = await self.frame()
                    if opcode == Opcode.CLOSE:
                        self.writer.write(frame(Opcode.CLOSE, payload[:2]))
                        self.writer.close()
                        return int.from_bytes(payload[:2]) if payload else None
        return None

    async def leave(self, way: str) -> None:
        """Say goodbye, be gone in mid-frame, or reset."""
        if way == "goodbye":
            self.writer.write(frame(8, (1000).to_bytes(2)))
            async with asyncio.timeout(PATIENCE):
                await self.reader.read()
            self.writer.close()
        else:
            if way == "mid-frame":
                self.writer.write(text("x" * 100)[:50])
                await self.writer.drain()
            self.writer.transport.abort()


async def ask(port: int) -> Holdings:
    """What the server holds now."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        host = f"127.0.0.1:{port}"
        writer.write(
            f"GET /holdings HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
    return Holdings(*json.loads(answer.partition(b"\r\n\r\n")[2]))


async def ask_at_rest(port: int) -> Holdings:
    """What it holds once it serves nobody."""
    deadline = time.monotonic() + PATIENCE
    while True:
        held = await ask(port)
        if held.served == 0 or time.monotonic() > deadline:
            await asyncio.sleep(1)  # uvicorn's own close timers
            return await ask(port)
        await asyncio.sleep(0.2)


PATHS = ["/echo", "/echo", "/push", "/group"]
WAYS = ["goodbye", "mid-frame", "reset"]


async def soak(port: int, *, sockets: int, seconds: float) -> dict[str, Any]:
    """Keep so many sockets coming and going for so long; the figures."""
    chance = random.Random(0)  # noqa: S311 - not a secret

    async def come() -> tuple[Peer, str]:
        path = chance.choice(PATHS)
        return await Peer.open(port, path), path

    async def go(peer: Peer) -> None:
        await peer.leave(chance.choice(WAYS))

    async def wave(peers: list[tuple[Peer, str]]) -> list[tuple[Peer, str]]:
        chance.shuffle(peers)
        number = max(1, int(len(peers) * SHARE))
        going, staying = peers[:number], peers[number:]
        talking = [peer for peer, path in staying[: 2 * number] if path != "/push"]
        await asyncio.gather(*(peer.pair("hello") for peer in talking))
        await asyncio.gather(*(go(peer) for peer, _ in going))
        return staying + await asyncio.gather(*(come() for _ in going))

    # What is made once, at the first connections of each kind, is no leak.
    warming = [await come() for _ in range(50)]
    await asyncio.gather(*(go(peer) for peer, _ in warming))
    before = await ask_at_rest(port)

    peers = [await come() for _ in range(sockets)]
    full: list[Holdings] = []
    connections, stop = sockets, time.monotonic() + seconds
    while time.monotonic() < stop:
        peers = await wave(peers)
        connections += int(sockets * SHARE)
        full.append(await ask(port))
    await asyncio.gather(*(go(peer) for peer, _ in peers))
    after = await ask_at_rest(port)

    third = max(1, len(full) // 3)
    first = statistics.median(held.kib for held in full[:third])
    last = statistics.median(held.kib for held in full[-third:])
    return {
        "sockets open at once": sockets,
        "connections in all": connections,
        "waves": len(full),
        "leaked tasks": after.tasks - before.tasks,
        "leaked file descriptors": after.descriptors - before.descriptors,
        "leaked connection objects": after.objects - before.objects,
        "connections still counted": after.served,
        "lines logged": after.log_lines - before.log_lines,
        "memory, first third (MiB)": round(first / 1024, 1),
        "memory, last third (MiB)": round(last / 1024, 1),
        "KiB a socket": round((first - before.kib) / sockets, 1),
    }


def failures(figures: dict[str, Any]) -> list[str]:
    """What the figures may not be."""
    nothing = ["leaked tasks", "leaked file descriptors", "leaked connection objects"]
    nothing += ["connections still counted", "lines logged"]
    found = [f"{name}: {figures[name]}" for name in nothing if figures[name] > 0]
    first, last = figures["memory, first third (MiB)"], figures["memory, last third (MiB)"]
    if last > first * (1 + GROWTH):
        found.append(f"memory grew from {first} to {last} MiB")
    return found


def main() -> int:
    """Run the soak, print its figures."""
    parser = argparse.ArgumentParser(description="Soak a router on uvicorn.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    raise_limit()
    with serving() as (port, _):
        figures = asyncio.run(soak(port, sockets=options.sockets, seconds=options.minutes * 60))
    for name, value in figures.items():
        print(f"| {name} | {value} |")
    found = failures(figures)
    print("Left over: " + "; ".join(found) if found else "Nothing was left.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
