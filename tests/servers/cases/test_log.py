"""What the log holds: nothing of ordinary goodbyes, and a traceback of each failure."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.servers import wire
from tests.servers.launch import eventually

if TYPE_CHECKING:
    from tests.servers.conftest import Same
    from tests.servers.launch import Server, Story

SECRET = "the-password-is-swordfish"
HANDLERS = (
    "receive",
    "iterate",
    "echo",
    "send-only",
    "group?do=receive",
    "group?do=send",
    "group",
    "send-each",
)


def fail(server: Server) -> int:
    """Let a handler fail; where in the log that is, which some servers write a second later."""
    story = server.story()
    with server.open("/router/ending?how=raise", story) as peer:
        peer.send(wire.text("go on"))
        peer.end()

    def line() -> int:
        return next((i for i, line in enumerate(server.log) if f"swordfish {story.key}" in line), 0)

    return eventually(line)


def say_goodbyes(server: Server) -> None:
    with ExitStack() as peers:
        going: list[tuple[wire.Peer, str, Story]] = []
        for path, how in itertools.product(HANDLERS, ("close", "leave", "reset") * 3):
            story = server.story()
            peer = peers.enter_context(server.open(f"/router/{path}", story))
            peer.send(wire.text("hello"))
            going.append((peer, how, story))
        for peer, how, _ in going:
            match how:
                case "close":
                    with suppress(ConnectionError):  # it has been closed already
                        peer.send(wire.close(1000))
                    peer.end()
                case "leave":
                    peer.leave()
                case _:
                    peer.reset()
        for *_, story in going:
            story.ended()


@pytest.mark.rule(3, 14)
def test_ordinary_goodbyes_leave_no_line_in_the_log(server: Server, same: Same) -> None:
    left: list[str] = []
    for _ in range(
        3
    ):  # an earlier case's traceback may come late; a goodbye's line comes each time
        left = left_by_goodbyes(server)
        if not left:
            break
    same(left, [])


def left_by_goodbyes(server: Server) -> list[str]:
    """What the log holds between two failures with goodbyes in between, if more than without."""
    first, second = fail(server), fail(server)
    say_goodbyes(server)
    third = fail(server)
    usual, found = server.log[first + 1 : second + 1], server.log[second + 1 : third + 1]
    return [] if len(found) == len(usual) else found


@pytest.mark.rule(7)
def test_a_handler_that_fails_leaves_a_traceback(server: Server, same: Same) -> None:
    first, second = fail(server), fail(server)
    between = server.log[first + 1 : second + 1]
    same(sum(line.startswith("RuntimeError: ") for line in between), 1)


@pytest.mark.rule(7)
def test_a_handler_that_fails_after_the_goodbye_leaves_a_traceback_too(
    server: Server, same: Same
) -> None:
    story = server.story()
    failure = f"RuntimeError: {SECRET} {story.key}"

    def tracebacks() -> list[str]:
        return [line for line in server.log if line.startswith(failure)]

    with server.open("/router/fail-after", story) as peer:
        peer.send(wire.close(1000))
        peer.end()
    eventually(tracebacks)  # some servers write it a second later
    same(len(tracebacks()), 1)


FORGED = "%0d%0aforged%1b[31m"
TOKEN = "t0ken-of-ada"


def test_what_a_peer_puts_into_a_handshake_makes_no_line_of_its_own(
    server: Server, same: Same
) -> None:
    secrets = [("Authorization", f"Bearer {TOKEN}"), ("Cookie", f"sid={TOKEN}")]
    heard = b""
    first = fail(server)
    for headers in (secrets, [*secrets, ("Origin", "http://evil.example\x9b[31m")]):
        path = f"/router/rooms/{FORGED}?seat={FORGED}&token={TOKEN}"
        with server.open(path, headers=headers) as peer:
            heard += peer.heard
        story = server.story()
        with server.open(f"/router/ending?how=raise&token={TOKEN}", story, headers=headers) as peer:
            if peer.status == 101:
                peer.send(wire.text("go on"), wire.close(4000, "\r\nforged\x1b[31m"))
                peer.end()
            heard += peer.heard
    second = fail(server)
    lines = server.log[first + 1 : second]
    forged = [line for line in lines if line.startswith("forged") or "\x1b[31m" in line]
    leaked = [line for line in lines if TOKEN in line]
    heard_it = TOKEN.encode() in heard
    same([*forged, *leaked, *(["heard"] if heard_it else [])], [])
