"""``close_all`` while the server goes on: who is told what, and who is waited for."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.servers import wire

if TYPE_CHECKING:
    from tests.servers.conftest import Same, Together
    from tests.servers.launch import Server

DOING = ["iterate", "group", "send-each", "busy"]
# The grace of three seconds, of which granian takes one before it says goodbye; and a busy machine.
LONGEST = 4.5


class Drained(NamedTuple):
    """What a drain does.

    Attributes:
        peers: What the peer of each handler sees; the last is in its handshake.
        handlers: How each handler ends.
        meanwhile: The status of a handshake that comes while it goes on.
        there: How many connections the router counts before and after.
        in_time: Whether it took no longer than the grace and some.
        afterwards: The status of a handshake that comes after it.
    """

    peers: dict[str, str]
    handlers: dict[str, str]
    meanwhile: int
    there: list[int]
    in_time: bool
    afterwards: int


def drain(server: Server) -> Drained:
    answers: list[str] = []
    with ExitStack() as stack:
        stories = {doing: server.story() for doing in [*DOING, "late"]}
        peers = {
            doing: stack.enter_context(server.open(f"/drained/{doing}", stories[doing]))
            for doing in DOING
        }
        waiting = stack.enter_context(server.ask("/drained/late", stories["late"]))
        for doing in DOING:
            stories[doing].wait("open")
        stories["late"].wait("waits")
        draining = threading.Thread(target=lambda: answers.append(server.request("/drain")[1]))
        draining.start()
        with pytest.raises(wire.OverError) as over:  # it has begun, and the busy one holds it up
            peers["iterate"].message()
        with server.open("/drained/iterate", server.story()) as newcomer:
            meanwhile = newcomer.status
        seen = {doing: str(peers[doing].end()) for doing in DOING[1:]}
        seen["iterate"] = str(over.value)
        seen["late"] = str(waiting.answer())
        told = {doing: story.ended() for doing, story in stories.items()}
        draining.join(timeout=10)
    before, after, seconds = json.loads(answers[0])
    with server.open("/drained/iterate", server.story()) as newcomer:
        afterwards = newcomer.status
    return Drained(seen, told, meanwhile, [before, after], seconds < LONGEST, afterwards)


@pytest.mark.rule(15)
def test_a_drain_tells_every_peer(server: Server, same: Same, together: Together) -> None:
    found = together(drain)
    same(found.peers, {**dict.fromkeys(DOING, "1012 back soon"), "late": "503"})


@pytest.mark.rule(6, 7, 15)
def test_a_drain_ends_every_handler(server: Server, same: Same, together: Together) -> None:
    found = together(drain)
    assert found.there == [len(DOING), 0]
    assert found.in_time
    same(
        found.handlers,
        {
            "iterate": "returned",
            "group": "WebSocketDroppedError",
            "send-each": "WebSocketDroppedError",
            "busy": "cancelled",
            "late": "cancelled",
        },
    )


@pytest.mark.rule(10, 15)
def test_a_drain_refuses_newcomers_until_it_is_over(
    server: Server, same: Same, together: Together
) -> None:
    found = together(drain)
    same((found.meanwhile, found.afterwards), (503, 101))
