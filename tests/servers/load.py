"""Load: what stalled and flooding peers cost a server, and what its other peers notice of them.

    python -m tests.servers.load                    on uvicorn; about a minute and a half
    python -m tests.servers.load --server granian   on another of tests/servers
    python -m tests.servers.load --quick            ten seconds; CI's

Prints Markdown: peak memory under pressure and a neighbour's latency meanwhile, the memory of a
socket that waits, what SIGTERM does to hundreds of open sockets, and what ordinary goodbyes leave
in the log. All of it is bounded, on 127.0.0.1, and stopped at the end. Exits with 1 where uvicorn
logs a goodbye, keeps a peer that ``send_timeout`` should drop, or a shutdown isn't seen by all.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.servers.launch import KINDS, RUN, Server, Story, eventually
from tests.servers.matrix import table
from tests.servers.soak import WAYS, Peer, raise_limit
from tests.servers.wire import binary

# What floods: messages of 64 KiB.
MESSAGE = binary(b"x" * 65_536)
# The longest that a process may take to leave, in seconds.
LONGEST = 15.0


class Size(NamedTuple):
    """How much of everything.

    Attributes:
        seconds: How long a neighbour talks, first alone and then under pressure.
        goodbyes: How many sockets open and close while the log is looked at.
        parked: How many sockets wait while the memory is looked at.
        terminated: How many sockets are open at a SIGTERM.
    """

    seconds: float
    goodbyes: int
    parked: int
    terminated: int


FULL = Size(seconds=10, goodbyes=1_000, parked=4_000, terminated=500)
QUICK = FULL._replace(seconds=2.5)


class Pressure(NamedTuple):
    """Peers that are a burden.

    Attributes:
        name: What they are called in the table.
        path: What they ask for.
        peers: How many there are.
        floods: Whether they send as fast as they can; else they read nothing.
    """

    name: str
    path: str
    peers: int
    floods: bool


IN_TIME = Pressure("100 stalled peers, `send_timeout=1`", "/load/pour-in-time", 100, floods=False)
PRESSURES = [
    Pressure("100 stalled peers", "/load/pour", 100, floods=False),
    IN_TIME,
    Pressure("10 flooding peers", "/load/slow", 10, floods=True),
    Pressure("10 flooding peers, in `task_group`", "/load/slow-in-group", 10, floods=True),
]
GOING = ["/router/receive", "/router/echo", "/router/group?do=send", "/router/send-each"]
WAITING = ["/router/iterate", "/router/group", "/router/send-each?do=idle"]


def kib(server: Server, field: str) -> int:
    """``VmRSS`` or ``VmHWM``, its peak, of all processes of a server together."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has just ended
            if os.getpgid(int(status.parent.name)) == server.process.pid:
                found = re.search(rf"{field}:\s+(\d+)", status.read_text())
                total += int(found[1]) if found else 0
    return total


async def open_many(
    server: Server, paths: list[str], count: int, *, receive_buffer: int | None = None
) -> tuple[list[Peer], list[Story]]:
    """So many peers, on the paths in turn, and what their handlers tell; none may be refused."""
    peers: list[Peer] = []
    stories = [server.story() for _ in range(count)]
    for path, story in zip(itertools.cycle(paths), stories, strict=False):
        asked = f"{path}{'&' if '?' in path else '?'}key={story.key}"
        peers.append(await Peer.open(server.port, asked, receive_buffer=receive_buffer))
    return peers, stories


def let_go(peers: list[Peer]) -> None:
    """Reset what is still open of them."""
    for peer in peers:
        peer.writer.transport.abort()


def count_ended(stories: list[Story]) -> int:
    """How many handlers have ended."""
    return sum(bool(story.all("ended")) for story in stories)


# ----------------------------------------------------------------------------------- under pressure


async def talk(server: Server, seconds: float) -> float:
    """A well-behaved neighbour: 99 of 100 of its round trips take no more seconds than that."""
    peer = await Peer.open(server.port, "/load/echo")
    trips: list[float] = []
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        began = time.perf_counter()
        await peer.pair("hello")
        trips.append(time.perf_counter() - began)
        await asyncio.sleep(0.002)
    await peer.leave("goodbye")
    return statistics.quantiles(trips, n=100)[98]


async def flood(peer: Peer) -> None:
    """Send as fast as the server takes it."""
    while True:
        peer.writer.write(MESSAGE)
        await peer.writer.drain()


class Pressed(NamedTuple):
    """What pressure does.

    Attributes:
        before: The resident memory before it, in KiB.
        peak: The most there was, in KiB.
        idle: A neighbour's round trip before it, the 99th percentile, in seconds.
        meanwhile: The same under pressure.
        dropped: How many of the peers' handlers have ended at last.
    """

    before: int
    peak: int
    idle: float
    meanwhile: float
    dropped: int


async def press(server: Server, pressure: Pressure, seconds: float) -> Pressed:
    await talk(server, 0.3)  # what is made once
    before, idle = kib(server, "VmRSS"), await talk(server, seconds)
    peers, stories = await open_many(server, [pressure.path], pressure.peers, receive_buffer=65_536)
    floods = [asyncio.ensure_future(flood(peer)) for peer in peers if pressure.floods]
    meanwhile = await talk(server, seconds)
    dropped = count_ended(stories)
    for task in floods:
        task.cancel()
    await asyncio.gather(*floods, return_exceptions=True)
    let_go(peers)
    return Pressed(before, kib(server, "VmHWM"), idle, meanwhile, dropped)


def under_pressure(name: str, pressures: list[Pressure], seconds: float) -> list[str]:
    """Print what each pressure does; what is wrong with that."""
    rows: list[list[str]] = []
    wrong: list[str] = []
    for pressure in pressures:
        with Server(name) as server:  # each its own: the peak is a process's
            found = asyncio.run(press(server, pressure, seconds))
        each = (found.peak - found.before) / pressure.peers
        rows.append(
            [
                pressure.name,
                f"{found.before / 1024:.0f}",
                f"{found.peak / 1024:.0f}",
                f"{each:.0f}",
                str(found.dropped),
                f"{found.idle * 1000:.1f}",
                f"{found.meanwhile * 1000:.1f}",
            ]
        )
        if pressure is IN_TIME and found.dropped < pressure.peers:
            wrong.append(f"only {found.dropped} of {pressure.peers} stalled peers were dropped")
    head = ["", "MiB before", "MiB at its peak", "KiB a peer", "dropped", "p99 before, ms"]
    print("\n".join(table([*head, "p99 meanwhile, ms"], rows)))
    return wrong


# -------------------------------------------------------------------------------- sockets that wait


async def park(servers: dict[str, Server], count: int) -> dict[str, float]:
    """The KiB of a waiting socket, by path; each path has a server process."""
    before: dict[str, int] = {}
    peers: list[Peer] = []
    for path, server in servers.items():
        warming, _ = await open_many(server, [path], 100)  # what is made once
        await asyncio.gather(*(peer.leave("goodbye") for peer in warming))
        before[path] = kib(server, "VmRSS")
    for path, server in servers.items():
        peers += (await open_many(server, [path], count))[0]
    await asyncio.sleep(0.5)
    found = {path: kib(server, "VmRSS") - before[path] for path, server in servers.items()}
    let_go(peers)
    return {path: grown / count for path, grown in found.items()}


def parked(name: str, count: int) -> None:
    """Print what a waiting socket costs through the library and without."""
    with Server(name) as ours, Server(name) as bare:
        found = asyncio.run(park({"/load/echo": ours, "/load/raw": bare}, count))
    through, without = found["/load/echo"], found["/load/raw"]
    cells = [f"{count:,}", f"{without:.1f}", f"{through:.1f}", f"{through - without:.1f}"]
    head = ["sockets", "KiB each, bare ASGI", "KiB each, the library", "over bare ASGI"]
    print("\n".join(table(head, [cells])))


# ------------------------------------------------------------------------------------------ SIGTERM


class Left(NamedTuple):
    """How a process leaves.

    Attributes:
        seconds: How long it takes; None: it was still there after 15 s.
        status: Its exit status, negative for a signal.
        codes: The close codes that the peers have seen; None: no close frame.
    """

    seconds: float | None
    status: int | None
    codes: Counter[int | None]


async def terminate(server: Server, sockets: int) -> Left:
    peers, stories = await open_many(server, WAITING, sockets)
    assert await asyncio.to_thread(eventually, lambda: all(s.all("open") for s in stories))
    ends = [asyncio.ensure_future(peer.end()) for peer in peers]
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    seconds = None
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(server.process.wait, LONGEST)
        seconds = time.monotonic() - began
    status = server.process.poll()
    server.stop()  # lest peers wait for what doesn't leave
    return Left(seconds, status, Counter(await asyncio.gather(*ends)))


def sigterm(name: str, sockets: int) -> list[str]:
    """Print what SIGTERM does, to ``run()`` and to the server; what is wrong with that."""
    rows: list[list[str]] = []
    wrong: list[str] = []
    for label, kind in {"`run()`": RUN, name: KINDS[name]}.items():
        with Server(name, kind=kind) as server:
            left = asyncio.run(terminate(server, sockets))
        codes = ", ".join(f"{code or 'none'}: {count}" for code, count in left.codes.items())
        seconds = f"over {LONGEST:g}" if left.seconds is None else f"{left.seconds:.2f}"
        rows.append([label, str(sockets), seconds, str(left.status), codes])
        if kind is RUN and (left.codes != {1012: sockets} or left.seconds is None):
            wrong.append(f"run(), told to stop: {codes}, {seconds} s")
    head = ["", "open sockets", "seconds", "exit status", "close codes that peers saw"]
    print("\n".join(table(head, rows)))
    return wrong


# ----------------------------------------------------------------------------------------- goodbyes


async def say_goodbyes(server: Server, count: int) -> list[Story]:
    ways = itertools.cycle(WAYS)
    gone: list[Story] = []
    while len(gone) < count:
        peers, stories = await open_many(server, GOING, 100)
        await asyncio.gather(*(peer.leave(next(ways)) for peer in peers))
        gone += stories
    return gone


def goodbyes(name: str, count: int) -> list[str]:
    """Print how many lines goodbyes leave in the log; what is wrong with that."""
    with Server(name) as server:
        before = len(server.log)
        stories = asyncio.run(say_goodbyes(server, count))
        eventually(lambda: count_ended(stories) == count)
        time.sleep(1)  # some servers write a moment later
        ended, lines = count_ended(stories), server.log[before:]
    cells = [f"{count:,}", f"{ended:,}", str(len(lines))]
    print("\n".join(table(["goodbyes", "handlers ended", "lines logged"], [cells])))
    wrong = [f"{len(lines)} lines logged: {lines[:3]}"] if lines else []
    return wrong + ([f"only {ended} handlers ended"] if ended < count else [])


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Put a server under load.")
    parser.add_argument("--server", choices=KINDS, default="uvicorn")
    parser.add_argument("--quick", action="store_true", help="only what is judged, and little")
    options = parser.parse_args()
    raise_limit()
    name, size = options.server, QUICK if options.quick else FULL
    wrong = goodbyes(name, size.goodbyes)
    wrong += sigterm(name, size.terminated)
    wrong += under_pressure(name, [IN_TIME] if options.quick else PRESSURES, size.seconds)
    if not options.quick:
        parked(name, size.parked)
    print("Wrong: " + "; ".join(wrong) if wrong else "As it should be.")
    return 1 if wrong and name.startswith("uvicorn") else 0


if __name__ == "__main__":
    sys.exit(main())
