"""Peers that go away: how soon a handler knows, whatever it is doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.servers import wire
from tests.servers.wire import Peer

if TYPE_CHECKING:
    from tests.servers.conftest import Measured, Same, Together
    from tests.servers.launch import Server

# The longest that noticing may take, in seconds.
SOON = 2.0

DOING = {
    "receive": "/router/receive",
    "task_group, receiving": "/router/group?do=receive",
    "task_group, sending": "/router/group?do=send",
    "task_group, both": "/router/group?do=receive+send",
    "task_group, idle": "/router/group",
    "send_each": "/router/send-each",
    "send_each, idle": "/router/send-each?do=idle",
}


def leave_with_code(peer: Peer) -> None:
    peer.send(wire.close(1001))
    peer.end()


GOING: dict[str, Callable[[Peer], None]] = {
    "close": leave_with_code,
    "EOF": Peer.leave,
    "reset": Peer.reset,
}


@pytest.mark.rule(4, 6, 14)
@pytest.mark.parametrize("doing", DOING)
@pytest.mark.parametrize("going", GOING)
def test_a_peer_that_goes_is_noticed(
    server: Server, same: Same, measured: Measured, doing: str, going: str
) -> None:
    story = server.story()
    with server.open(DOING[doing], story) as peer:
        story.wait("open")
        if "send" in doing:
            peer.message()
        gone = time.monotonic()
        GOING[going](peer)
        how = story.ended(SOON)
    measured(story.wait("ended")["at"] - gone)
    if doing.startswith("send_each"):
        assert story.all("source closed")
    same(how.split(" ")[0], "WebSocketDisconnectError")


def only_sending(server: Server) -> str:
    story = server.story()
    with server.open("/router/send-only", story) as peer:
        peer.message()
        peer.reset()
    return story.ended()


@pytest.mark.rule(3, 4)
def test_a_handler_that_only_sends_notices_a_reset(
    server: Server, same: Same, together: Together
) -> None:
    same(together(only_sending), "WebSocketDisconnectError None")


@pytest.mark.rule(6)
def test_cleaning_up_after_the_peer_may_take_a_moment(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/clean-up", story) as peer:
        story.wait("open")
        peer.reset()
    how = story.ended().split(" ")[0]
    same((how, len(story.all("tidied"))), ("WebSocketDisconnectError", 1))


@pytest.mark.rule(16)
def test_a_silent_peer_is_closed_by_receive_timeout(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/impatient", story) as peer:
        seen = str(peer.end())
        same((seen, story.ended()), ("3008 no message in time", "WebSocketTimeoutError"))
