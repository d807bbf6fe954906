"""The transcript: records as data, and as a dialogue that fits on a screen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from anyio import sleep

from websocket_kit import WebSocket
from websocket_kit.testing import HandshakeRejected, Record, Transcript, connect

pytestmark = pytest.mark.anyio


async def converse(ws: WebSocket) -> None:
    await ws.accept("chat")
    await ws.send(await ws.receive())
    await sleep(1.25)
    await ws.close(4001, "enough")


async def test_a_transcript_is_a_list_of_records() -> None:
    async with connect(converse, subprotocols=["chat"]) as peer:
        await peer.send("hi")
        await peer.expect("hi")
        await peer.expect_close(timeout=2)
        transcript = peer.transcript
    assert [(record.direction, record.event["type"]) for record in transcript] == [
        (">", "websocket.connect"),
        ("<", "websocket.accept"),
        (">", "websocket.receive"),
        ("<", "websocket.send"),
        ("<", "websocket.close"),
    ]
    assert transcript[-1] == Record(
        1.25, "<", {"type": "websocket.close", "code": 4001, "reason": "enough"}
    )
    time, direction, event = transcript[2]
    assert (time, direction, event["text"]) == (0, ">", "hi")


async def test_a_transcript_prints_as_a_dialogue() -> None:
    async with connect(converse, subprotocols=["chat"]) as peer:
        await peer.send("hi")
        await peer.expect("hi")
        await peer.expect_close(timeout=2)
    assert str(peer.transcript) == (
        "  0.000 > connect\n"
        "  0.000 < accept chat\n"
        "  0.000 > hi\n"
        "  0.000 < hi\n"
        "  1.250 < close 4001 enough"
    )


async def test_time_begins_with_the_connection() -> None:
    await sleep(3)
    async with connect(converse, subprotocols=["chat"]) as peer:
        await peer.send("hi")
        await peer.expect("hi")
        await peer.expect_close(timeout=2)
    assert [round(record.time, 3) for record in peer.transcript][:3] == [0, 0, 0]


async def test_a_rejection_is_in_it() -> None:
    async def deny(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 404})
        await send({"type": "websocket.http.response.body", "body": b"gone"})
        await send({"type": "websocket.close"})

    with pytest.raises(AssertionError, match=re.escape("0.000 < reject 404\n")) as caught:
        async with connect(deny):
            pass
    assert str(caught.value).endswith("    0.000 < body b'gone'")
    with pytest.raises(HandshakeRejected):
        async with connect(deny, strict=False):
            pass


MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"type": "websocket.connect"}, "connect"),
    ({"type": "websocket.accept"}, "accept"),
    ({"type": "websocket.accept", "subprotocol": "chat"}, "accept chat"),
    ({"type": "websocket.send", "text": "hi"}, "hi"),
    ({"type": "websocket.send", "text": ""}, "''"),
    ({"type": "websocket.send", "text": "two\nlines"}, r"'two\nlines'"),
    ({"type": "websocket.send", "bytes": b"\x00\xff"}, r"b'\x00\xff'"),
    ({"type": "websocket.receive", "text": None, "bytes": b"hi"}, "b'hi'"),
    ({"type": "websocket.receive", "text": "café"}, "café"),
    ({"type": "websocket.receive", "text": "\x1b[31m"}, r"'\x1b[31m'"),
    ({"type": "websocket.close"}, "close 1000"),
    ({"type": "websocket.close", "code": 4001, "reason": None}, "close 4001"),
    ({"type": "websocket.close", "code": 4001, "reason": "a\nb"}, r"close 4001 'a\nb'"),
    ({"type": "websocket.close", "code": 4001, "reason": 5}, "close 4001 5"),
    ({"type": "websocket.disconnect", "code": 1005}, "disconnect 1005"),
    ({"type": "websocket.http.response.start", "status": 404}, "reject 404"),
    ({"type": "websocket.http.response.body", "body": b"no"}, "body b'no'"),
    ({"type": "websocket.http.response.body"}, "body b''"),
    ({"type": "lifespan.startup"}, "{'type': 'lifespan.startup'}"),
]


@pytest.mark.parametrize(("event", "text"), MESSAGES, ids=[text for _, text in MESSAGES])
def test_an_event_is_told_in_a_line(event: dict[str, Any], text: str) -> None:
    assert str(Record(12.3456, "<", event)) == f" 12.346 < {text}"


@pytest.mark.parametrize("message", ["x" * 10_000_000, b"x" * 10_000_000], ids=["text", "bytes"])
def test_a_long_message_is_cut(message: str | bytes) -> None:
    kind = "text" if isinstance(message, str) else "bytes"
    line = str(Record(0, "<", {"type": "websocket.send", kind: message}))
    assert len(line) == 100
    assert line.endswith("x…")


def numbered(count: int) -> Transcript:
    return Transcript(
        Record(number, "<", {"type": "websocket.send", "text": str(number)})
        for number in range(count)
    )


def test_thirty_records_are_all_told() -> None:
    assert len(str(numbered(30)).splitlines()) == 30


@pytest.mark.parametrize("count", [31, 1000])
def test_of_more_the_beginning_and_the_end_are_told(count: int) -> None:
    lines = str(numbered(count)).splitlines()
    assert len(lines) == 29
    assert lines[0].endswith("< 0")
    assert lines[13].endswith("< 13")
    assert lines[14] == f"        … {count - 28} more …"
    assert lines[15].endswith(f"< {count - 14}")
    assert lines[-1].endswith(f"< {count - 1}")
