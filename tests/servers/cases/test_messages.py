"""Messages: what arrives whole, and what a broken one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from tests.servers import wire
from tests.servers.wire import End, Opcode

if TYPE_CHECKING:
    from tests.servers.conftest import Same, Together
    from tests.servers.launch import Server

MIB = 1024 * 1024


def without_reason(end: End) -> str:
    """The code; servers word their own reasons as they like."""
    return str(end._replace(reason=""))


@pytest.mark.rule(12)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_text_and_bytes_are_what_they_were(server: Server, same: Same, way: str) -> None:
    with (
        server.open(f"/{way}/echo", server.story()) as text,
        server.open(f"/{way}/echo-bytes", server.story()) as binary,
    ):
        for peer in (text, binary):
            peer.send(wire.text("grüße"), wire.binary("grüße".encode()))
        got = [peer.message() for peer in (text, text, binary, binary)]
    same(got, ["grüße", "grüße", "grüße".encode(), "grüße".encode()])


@pytest.mark.rule(12)
def test_empty_messages_arrive(server: Server, same: Same) -> None:
    with server.open("/router/echo", server.story()) as peer:
        peer.send(wire.text(""), wire.binary(b""), wire.text("end"))
        got = [peer.message()]
        while got[-1] != "end":
            got.append(peer.message())
        same(got, ["", "", "end"])


@pytest.mark.parametrize("size", [2, 3], ids=["two", "three"])
def test_a_message_in_fragments_is_one_message(server: Server, same: Same, size: int) -> None:
    fragments = [b"caf\xc3", b"\xa9 ", b"noir"]  # the first ends in the middle of a character
    if size == 2:
        fragments[1:] = [b"".join(fragments[1:])]
    with server.open("/router/echo", server.story()) as peer:
        peer.wait_at_most(2)
        peer.send(
            wire.frame(Opcode.TEXT, fragments[0], final=False),
            wire.frame(Opcode.PING, b"are you there?"),
            *(wire.frame(Opcode.CONTINUATION, each, final=False) for each in fragments[1:-1]),
            wire.frame(Opcode.CONTINUATION, fragments[-1]),
        )
        try:
            got = peer.message()
        except TimeoutError:
            got = "never comes"
        same(got, "café noir")


def test_frames_that_trickle_in_byte_by_byte_are_messages(server: Server, same: Same) -> None:
    with server.open("/router/echo", server.story()) as peer:
        for byte in wire.text("slowly") + wire.text("but surely"):
            peer.send(bytes([byte]))
        same([peer.message(), peer.message()], ["slowly", "but surely"])


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_decent_client_is_answered_and_says_goodbye(
    server: Server, same: Same, compression: str | None
) -> None:
    story = server.story()
    url = f"ws://127.0.0.1:{server.port}/router/echo?key={story.key}"
    with connect(url, compression=compression, proxy=None, open_timeout=5, close_timeout=5) as peer:
        message = "spam and eggs " * 10_000
        peer.send(message)
        assert peer.recv(timeout=5) == message
        peer.close(1000)
        same((peer.close_code, story.ended()), (1000, "returned"))


@pytest.mark.parametrize("size", [65_535, MIB // 2], ids=["64 KiB", "512 KiB"])
def test_a_large_message_comes_in_whole(server: Server, same: Same, size: int) -> None:
    with server.open("/router/sizes", server.story()) as peer:
        peer.send(wire.binary(b"x" * size))
        same(peer.message(), str(size))


def test_a_message_of_eight_mib_comes_in_whole(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/sizes", story) as peer:
        try:
            peer.send(wire.binary(b"x" * (8 * MIB)))
            got: object = peer.message()
        except (OSError, wire.OverError):
            got = story.ended()
        same(got, str(8 * MIB))


def send_seventeen_mib(server: Server) -> tuple[str, str]:
    story = server.story()
    with server.open("/router/sizes", story) as peer:
        peer.send_until_stuck(wire.binary(b"x" * (17 * MIB)), limit_bytes=17 * MIB, patience=2)
        return without_reason(peer.end()), story.ended().split(" ")[0]


@pytest.mark.rule(2)
def test_a_message_over_the_servers_own_limit_ends_the_connection(
    server: Server, same: Same, together: Together
) -> None:
    same(together(send_seventeen_mib), ("1009", "WebSocketDisconnectError"))


def test_a_message_of_eight_mib_goes_out_whole(server: Server, same: Same) -> None:
    with server.open(f"/router/large?size={8 * MIB}") as peer:
        try:
            got = peer.message()
            outcome = "whole" if got == b"0123456789abcdef" * (8 * MIB // 16) else "broken"
        except wire.OverError as over:
            outcome = str(over)
        same(outcome, "whole")


def test_a_message_over_the_librarys_limit_ends_with_1009(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/small", story) as peer:
        peer.send(wire.text("x" * 1_000), wire.text("x" * 1_001))
        assert peer.message() == "x" * 1_000
        same(
            (str(peer.end()), story.ended()),
            ("1009 the message is too big", "WebSocketMessageTooBig"),
        )


def test_the_messages_of_four_tasks_arrive_whole_and_in_order(server: Server, same: Same) -> None:
    with server.open("/router/chorus") as peer:
        voices: dict[str, list[int]] = {}
        for _ in range(800):
            message = peer.message()
            assert isinstance(message, str)
            voice, number, song = (message + " ").split(" ", 3)[:3]
            assert song == "la" * (int(voice) * 500)
            voices.setdefault(voice, []).append(int(number))
        same(voices, {voice: list(range(200)) for voice in "0123"})
        assert str(peer.end()) == "1000"


BROKEN = {
    "invalid UTF-8": (wire.frame(Opcode.TEXT, b"\xff\xfe"), "1007"),
    "half a character": (wire.frame(Opcode.TEXT, b"caf\xc3"), "1007"),
    "a reserved bit": (wire.frame(Opcode.TEXT, b"x", reserved=2), "1002"),
    "an unknown opcode": (wire.frame(3, b"x"), "1002"),
    "a continuation of nothing": (wire.frame(Opcode.CONTINUATION, b"x"), "1002"),
    "a message inside another": (
        wire.frame(Opcode.TEXT, b"x", final=False) + wire.text("y"),
        "1002",
    ),
    "a ping in fragments": (wire.frame(Opcode.PING, b"x", final=False), "1002"),
    "a ping of 126 bytes": (wire.frame(Opcode.PING, b"x" * 126), "1002"),
    "no mask": (wire.frame(Opcode.TEXT, b"x", masked=False), "1002"),
    "a close with half a code": (wire.frame(Opcode.CLOSE, b"\x03"), "1002"),
    "a close with code 1005": (wire.close(1005), "1002"),
    "a close with invalid UTF-8": (wire.frame(Opcode.CLOSE, b"\x03\xe8\xff"), "1007"),
}


@pytest.mark.rule(2)
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_frame_is_a_peer_that_left(server: Server, same: Same, what: str) -> None:
    story = server.story()
    with server.open("/router/receive", story) as peer:
        story.wait("open")
        peer.send(BROKEN[what][0])
        peer.end()
        same(story.ended().split(" ")[0], "WebSocketDisconnectError")


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_frame_is_answered_with_the_code_that_says_why(
    server: Server, same: Same, what: str
) -> None:
    data, code = BROKEN[what]
    story = server.story()
    with server.open("/router/receive", story) as peer:
        story.wait("open")
        peer.send(data)
        same(without_reason(peer.end()), code)


@pytest.mark.rule(2)
def test_half_a_frame_and_a_reset_is_a_peer_that_left(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/receive", story) as peer:
        story.wait("open")
        peer.send(wire.text("a whole one"), wire.text("only half of this")[:9])
        story.wait("message")
        peer.reset()
    same(story.ended(), "WebSocketDisconnectError None")
