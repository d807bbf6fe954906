"""Peers and handlers that don't read: who waits for whom, and for how long."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.servers import wire
from tests.servers.launch import eventually

if TYPE_CHECKING:
    from tests.servers.conftest import Measured, Same, Together
    from tests.servers.launch import Server

MIB = 1024 * 1024
LIMIT = 64 * MIB


class Poured(NamedTuple):
    """What came of sending to a peer that reads nothing.

    Attributes:
        send: ``"waits"`` once the server is full; or it ``"hangs"``, whatever its timeout; or the
            server ``"buffers"`` 64 MiB and more.
        how: How the handler ended, or ``"waits on"``.
        seconds: How long that took, from when the peer was gone or the close began.
    """

    send: str
    how: str
    seconds: float


def pour(server: Server, then: str, *, reset: bool) -> Poured:
    story = server.story()
    with server.open(f"/router/pour?then={then}", story, receive_buffer=65_536) as peer:
        stuck = eventually(lambda: story.all("stuck"), timeout=8)
        send = "hangs" if not stuck else "waits" if stuck[0]["sent"] < LIMIT else "buffers"
        began = time.monotonic()
        if reset or not stuck:
            peer.reset()
        ended = eventually(lambda: story.all("ended"), timeout=7)
        how = ended[0]["how"] if ended else "waits on"
        return Poured(send, how, ended[0]["at"] - began if ended else math.inf)


def pour_and_close(server: Server) -> Poured:
    return pour(server, "close", reset=False)


def pour_and_reset(server: Server) -> Poured:
    return pour(server, "send", reset=True)


def pour_and_reset_in_group(server: Server) -> Poured:
    return pour(server, "group", reset=True)


@pytest.mark.rule(6, 7)
def test_a_close_to_a_peer_that_reads_nothing_takes_five_seconds_at_most(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    found = together(pour_and_close)
    if found.send == "waits":
        measured(found.seconds)
    assert found.seconds < 6
    same((found.send, found.how), ("waits", "returned"))


@pytest.mark.rule(4)
def test_a_reset_wakes_a_send_that_waits(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    found = together(pour_and_reset)
    if found.send == "waits":
        measured(found.seconds)
    same((found.send, found.how), ("waits", "WebSocketDisconnectError None"))


@pytest.mark.rule(4)
def test_a_reset_wakes_a_send_that_waits_in_a_task_group(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    found = together(pour_and_reset_in_group)
    if found.send == "waits":
        measured(found.seconds)
    same((found.send, found.how), ("waits", "WebSocketDisconnectError None"))


def pour_in_time(server: Server) -> tuple[str, float]:
    """How a handler with a ``send_timeout`` of a second ended, and how long its last send took."""
    story = server.story()
    with server.open("/router/pour-in-time", story, receive_buffer=65_536):
        ended = eventually(lambda: story.all("ended"), timeout=6)
        waited = story.all("waited")
        how = ended[0]["how"] if ended else "waits on"
        return how, waited[0]["seconds"] if waited else math.inf


@pytest.mark.rule(6)
def test_a_peer_that_reads_nothing_is_dropped_by_send_timeout(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    how, seconds = together(pour_in_time)
    if seconds < math.inf:
        measured(seconds)
    same((how, seconds < 3), ("WebSocketDisconnectError None", True))


def shout(server: Server) -> tuple[bool, bool]:
    """Send to a handler that doesn't receive, up to 32 MiB; then let it."""
    story = server.story()
    chunk = wire.binary(b"x" * 65_536)
    with server.open("/router/deaf", story) as peer:
        sent = peer.send_until_stuck(chunk, limit_bytes=512 * len(chunk), patience=1)
        stuck = sent < 512 * len(chunk)
        server.go_ahead(story)
        peer.send(chunk[sent % len(chunk) :] if sent % len(chunk) else b"", wire.binary(b"end"))
        size = story.wait("received")["size"]
        chunks = -(-sent // len(chunk))
        return stuck, size == chunks * 65_536 + 3


@pytest.mark.rule(5)
def test_a_handler_that_reads_nothing_stops_the_peer(
    server: Server, same: Same, together: Together
) -> None:
    same(together(shout), (True, True))
