"""Servers of their own: with pings, with a root path, and with a peer that may bring them down."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.servers import wire
from tests.servers.launch import KINDS, Server, eventually

if TYPE_CHECKING:
    from tests.servers.conftest import Measured, Same, Together
    from tests.servers.launch import Story

# Pings are a second apart, and a pong has a second to come.
LONGEST = 15.0


class Found(NamedTuple):
    """What came of the settings.

    Attributes:
        answer: The echo of a message, at the same path as without a root path.
        handler: How the handler of a peer that answers no ping ended.
        seconds: How long after the last sign of life that was.
        unharmed: Whether the server still answers after data that came before a refusal.
    """

    answer: str | bytes
    handler: str
    seconds: float
    unharmed: bool


def set_otherwise(shared: Server) -> Found:
    kind = KINDS[shared.name]
    with Server(shared.name, f"{kind.keepalive or ''} {kind.root_path or ''}") as server:
        with server.open("/router/echo", server.story()) as peer:
            peer.send(wire.text("hello"))
            answer = peer.message()
        story = server.story()
        with server.open("/router/receive", story):
            began = story.wait("open")["at"]
            ended = eventually(lambda: story.all("ended"), LONGEST)
        seconds = (ended[0]["at"] if ended else time.monotonic()) - began
        unharmed = not brings_down(server, "/nowhere", server.story())
        return Found(answer, ended[0]["how"] if ended else "waits on", seconds, unharmed)


def brings_down(server: Server, path: str, story: Story) -> bool:
    """Send a message before the handshake is answered, and go; whether the server goes too."""
    with server.ask(path, story) as peer, suppress(OSError):
        peer.send(wire.text("let me in"))
        peer.answer()
        peer.wait_at_most(1)
        peer.end()
    return eventually(lambda: not server.answers(), timeout=0.5)


def send_early(shared: Server) -> str:
    """What becomes of the handler of a peer that did not wait to be let in."""
    with Server(shared.name) as server:
        story = server.story()
        if brings_down(server, "/router/receive", story):
            return "the server is gone"
        return "ended" if eventually(lambda: story.all("ended"), 2) else "waits on"


@pytest.mark.rule(13)
def test_paths_are_the_same_under_a_root_path(
    server: Server, same: Same, together: Together
) -> None:
    same(together(set_otherwise).answer, "hello")


def test_data_before_a_handshake_is_refused_harms_nobody_else(
    server: Server, same: Same, together: Together
) -> None:
    same(together(set_otherwise).unharmed, True)


def test_data_before_a_handshake_is_accepted_leaves_no_handler_behind(
    server: Server, same: Same, together: Together
) -> None:
    same(together(send_early), "ended")


@pytest.mark.rule(2, 16)
def test_a_peer_that_answers_no_ping_is_noticed_where_the_server_is_told_to_ping(
    server: Server, same: Same, together: Together, measured: Measured
) -> None:
    found = together(set_otherwise)
    if found.seconds < LONGEST:
        measured(found.seconds)
    same(found.handler, "WebSocketDisconnectError None")
