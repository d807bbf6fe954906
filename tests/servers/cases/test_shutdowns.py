"""SIGTERM with open connections: what both ends see of it, and how soon the process leaves."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.servers.launch import Server

if TYPE_CHECKING:
    from tests.servers.conftest import Measured, Same, Together

LONGEST = 8.0
DOING = {
    "receive": "/router/iterate",
    "task_group": "/router/group",
    "send_each": "/router/send-each?do=idle",
}


class Shutdown(NamedTuple):
    """What a SIGTERM does.

    Attributes:
        peer: What the peer of each handler sees.
        handler: How each handler ends.
        seconds: How long until the process has left; None: it was still there after 8 s.
    """

    peer: dict[str, str]
    handler: dict[str, str]
    seconds: float | None


def terminate(shared: Server) -> Shutdown:
    """Terminate a server of our own, a connection open to each handler."""
    with Server(shared.name) as server, ExitStack() as peers:
        stories = {doing: server.story() for doing in DOING}
        open_peers = {
            doing: peers.enter_context(server.open(path, stories[doing]))
            for doing, path in DOING.items()
        }
        for story in stories.values():
            story.wait("open")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        seconds = None
        try:
            server.process.wait(timeout=LONGEST)
            seconds = time.monotonic() - began
        except subprocess.TimeoutExpired:
            pass
        seen: dict[str, str] = {}
        for doing, peer in open_peers.items():
            peer.wait_at_most(0.2)
            try:
                seen[doing] = str(peer.end())
            except TimeoutError:
                seen[doing] = "nothing"
        told = {
            doing: story.all("ended")[0]["how"] if story.all("ended") else "nothing"
            for doing, story in stories.items()
        }
        return Shutdown(seen, told, seconds)


@pytest.mark.rule(15)
def test_sigterm_is_seen_by_the_peers(server: Server, same: Same, together: Together) -> None:
    same(together(terminate).peer, dict.fromkeys(DOING, "1012"))


@pytest.mark.rule(6, 15)
def test_sigterm_is_seen_by_the_handlers(server: Server, same: Same, together: Together) -> None:
    same(
        together(terminate).handler,
        {
            "receive": "returned",
            "task_group": "WebSocketDisconnectError 1012",
            "send_each": "WebSocketDisconnectError 1012",
        },
    )


@pytest.mark.rule(15)
def test_sigterm_ends_the_process(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    seconds = together(terminate).seconds
    if seconds is not None:
        measured(seconds)
    same(seconds is not None, True)
