"""What a peer says and hears: messages, deadlines, and how either end closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever
from pydantic import BaseModel

from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketCastError,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
)
from websocket_kit.testing import ExpectationFailed, Peer, WaitTimeout, connect

pytestmark = pytest.mark.anyio


class Point(BaseModel):
    x: int


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def repeat(scope: Any, receive: Any, send: Any) -> None:
    """An echo that leaves text text, and bytes bytes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


async def count(ws: WebSocket, upto: int) -> None:
    async with ws:
        for number in range(1, upto + 1):
            await ws.send(number)


async def close_with(ws: WebSocket, code: int, reason: str) -> None:
    async with ws:
        await ws.receive()
        raise WebSocketClose(code, reason)


# -------------------------------------------------------------------------- what the handler said


async def test_the_peer_sees_how_it_was_accepted() -> None:
    async def accept(ws: WebSocket) -> None:
        await ws.accept("v1", headers=[("X-Session", "7"), ("Set-Cookie", "a=b")])
        await ws.receive()

    async with connect(accept, subprotocols=["v2", "v1"]) as peer:
        assert peer.subprotocol == "v1"
        assert peer.headers["x-session"] == "7"
        assert peer.headers.getlist("set-cookie") == ["a=b"]


async def test_a_peer_that_was_told_nothing_has_no_subprotocol_and_no_headers() -> None:
    async with connect(echo) as peer:
        assert peer.subprotocol is None
        assert list(peer.headers) == []


async def test_a_peer_says_whose_it_is_and_what_the_handler_does() -> None:
    async with connect(echo, "/rooms/7") as peer:
        assert repr(peer).startswith("<Peer of '/rooms/7': handler running at ")
    assert repr(peer) == "<Peer of '/rooms/7': handler finished>"


# ------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ("hi", {"text": "hi"}),
        (b"hi", {"bytes": b"hi"}),
        (bytearray(b"hi"), {"bytes": b"hi"}),
        (5, {"text": "5"}),
        (True, {"text": "true"}),
        (None, {"text": "null"}),
        ({"x": 1}, {"text": '{"x":1}'}),
        (Point(x=1), {"text": '{"x":1}'}),
    ],
    ids=repr,
)
async def test_the_peer_sends_what_a_websocket_does(message: Any, event: dict[str, Any]) -> None:
    async with connect(repeat, strict=False) as peer:
        await peer.send(message)
        assert peer.transcript[-1].event == {"type": "websocket.receive", **event}


async def test_what_cannot_be_sent_is_refused() -> None:
    async with connect(echo) as peer:
        with pytest.raises(TypeError, match="object"):
            await peer.send(object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("sent", "tp", "received"),
    [
        ("hi", str, "hi"),
        (b"hi", str, "hi"),
        (b"hi", bytes, b"hi"),
        ("5", int, 5),
        ("true", bool, True),
        ('{"x": 1}', dict, {"x": 1}),
        ('{"x": 1}', Point, Point(x=1)),
        ("[1, 2]", list[int], [1, 2]),
        ("null", Point | None, None),
        ("yes", Literal["yes", "no"], "yes"),
    ],
    ids=repr,
)
async def test_the_peer_receives_what_a_websocket_does(sent: Any, tp: Any, received: Any) -> None:
    async with connect(repeat) as peer:
        await peer.send(sent)
        assert await peer.receive(tp) == received


async def test_after_a_cast_error_the_next_message_comes() -> None:
    async with connect(echo) as peer:
        await peer.send("one")
        await peer.send("2")
        with pytest.raises(WebSocketCastError):
            await peer.receive(int)
        assert await peer.receive(int) == 2


async def test_pair_sends_and_returns_the_answer() -> None:
    async with connect(echo) as peer:
        assert await peer.pair("hi") == "hi"
        assert await peer.pair(5, int) == 5


async def test_pair_may_receive_first() -> None:
    async def ask(ws: WebSocket) -> None:
        async with ws:
            assert await ws.pair({"x": 1}) == "answer"

    async with connect(ask) as peer:
        assert await peer.pair("answer", Point, recv_first=True) == Point(x=1)


async def test_iteration_ends_with_the_connection() -> None:
    async with connect(count, upto=3) as peer:
        assert [message async for message in peer] == ["1", "2", "3"]
    assert peer.close_info == CloseInfo(1000, "", "server")


async def test_iteration_ends_when_the_peer_has_closed() -> None:
    async with connect(count, upto=2) as peer:
        await peer.finished()
        assert [message async for message in peer] == ["1", "2"]
        assert [message async for message in peer] == []


async def test_messages_are_there_after_this_end_has_closed() -> None:
    async with connect(echo) as peer:
        await peer.send("hi")
        await anyio.wait_all_tasks_blocked()
        await peer.close()
        assert await peer.receive() == "hi"


# ---------------------------------------------------------------------------------- every deadline


async def silent(ws: WebSocket) -> None:
    async with ws:
        await sleep_forever()


async def test_a_wait_takes_one_second_unless_told_otherwise() -> None:
    async with connect(silent, strict=False) as peer:
        with pytest.raises(WaitTimeout):
            await peer.receive()
        assert current_time() == pytest.approx(1)


async def test_connect_sets_the_timeout_of_every_wait() -> None:
    async with connect(silent, timeout=5, strict=False) as peer:
        with pytest.raises(WaitTimeout):
            await peer.receive()
        assert current_time() == pytest.approx(5)


async def test_a_call_sets_its_own_timeout() -> None:
    async with connect(silent, strict=False) as peer:
        waits = [
            peer.receive(timeout=3),
            peer.pair("hi", timeout=3),
            peer.expect("hi", timeout=3),
            peer.expect_close(timeout=3),
            peer.finished(timeout=3),
        ]
        for number, wait in enumerate(waits, 1):
            with pytest.raises(WaitTimeout, match="waited 3 s"):
                await wait
            assert current_time() == pytest.approx(3 * number)


async def test_a_wait_without_a_timeout_goes_on() -> None:
    async def slow(ws: WebSocket) -> None:
        async with ws:
            await sleep(50)
            await ws.send("at last")

    async with connect(slow) as peer:
        assert await peer.receive(timeout=None) == "at last"


@pytest.mark.parametrize("seconds", [1, 0.25])
async def test_what_comes_at_the_very_deadline_is_in_time(seconds: float) -> None:
    async def punctual(ws: WebSocket) -> None:
        async with ws:
            await sleep(seconds)
            await ws.send("now")

    async with connect(punctual) as peer:
        assert await peer.receive(timeout=seconds) == "now"


async def test_a_timeout_of_nothing_takes_what_is_there() -> None:
    async with connect(echo, timeout=0.5) as peer:
        with pytest.raises(WaitTimeout, match="waited 0 s"):
            await peer.receive(timeout=0)
        await peer.send("hi")
        assert await peer.receive(timeout=0) == "hi"
    assert current_time() == 0


async def test_a_bad_timeout_is_refused() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="a timeout is 0 seconds or more"):
            await peer.receive(timeout=-1)


async def test_a_peer_that_sends_waits_for_room() -> None:
    async def late(ws: WebSocket) -> None:
        await ws.accept()
        await sleep(0.5)
        async for _ in ws:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("websocket_kit.testing._server.MAX_WAITING", 2)
        async with connect(late) as peer:
            for message in ["one", "two", "three"]:
                await peer.send(message)
            assert current_time() == pytest.approx(0.5)


# --------------------------------------------------------------------------------------- closing


async def test_the_handlers_close_is_told_with_code_and_reason() -> None:
    async with connect(close_with, code=4001, reason="enough") as peer:
        await peer.send("go")
        with pytest.raises(WebSocketDisconnectError) as caught:
            await peer.receive()
        assert (caught.value.code, caught.value.reason) == (4001, "enough")
        assert str(caught.value).startswith(
            "expected a message of type str, received close 4001 'enough'\nhandler: finished\n"
        )
        with pytest.raises(WebSocketDisconnectError, match="cannot send: the handler's end is"):
            await peer.send("hi")
        with pytest.raises(WebSocketDisconnectError, match="cannot close: the handler's end is"):
            await peer.close()
    assert peer.close_info == CloseInfo(4001, "enough", "server")


async def test_the_peers_close_is_told_with_code_and_reason() -> None:
    seen: list[CloseInfo | None] = []

    async def watch(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass
            seen.append(ws.close_info)

    async with connect(watch) as peer:
        await peer.close(4000, "café")
        assert not peer.open
    assert seen == [CloseInfo(4000, "café", "peer")]
    assert peer.close_info == CloseInfo(4000, "café", "peer")


async def test_after_its_own_close_a_peer_can_do_no_more() -> None:
    calls: list[Callable[[Peer], Awaitable[object]]] = [
        lambda peer: peer.receive(),
        lambda peer: peer.send("hi"),
        lambda peer: peer.close(),
    ]
    async with connect(echo) as peer:
        await peer.close()
        for call in calls:
            with pytest.raises(WebSocketHandshakeError, match="this end has closed") as caught:
                await call(peer)
            assert not isinstance(caught.value, WebSocketDisconnectError)


async def test_a_close_is_checked_as_a_websockets() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="1006"):
            await peer.close(1006)
        await peer.close(4000, "é" * 100)
    assert peer.close_info == CloseInfo(4000, "é" * 61, "peer")


async def test_a_handler_that_returns_without_closing_leaves_1006() -> None:
    async def forget(ws: WebSocket) -> None:
        await ws.accept()

    async with connect(forget) as peer:
        with pytest.raises(WebSocketDisconnectError) as caught:
            await peer.receive()
        assert caught.value.code == 1006
    assert peer.close_info == CloseInfo(1006, "", "server")


async def test_expect_close_returns_how_it_closed() -> None:
    for code, reason in [(None, None), (4001, None), (None, "enough"), (4001, "enough")]:
        async with connect(close_with, code=4001, reason="enough") as peer:
            await peer.send("go")
            assert await peer.expect_close(code, reason) == CloseInfo(4001, "enough", "server")


async def test_after_its_own_close_a_peer_may_expect_that() -> None:
    async with connect(echo) as peer:
        await peer.close(4000, "bye")
        assert await peer.expect_close(4000, "bye") == CloseInfo(4000, "bye", "peer")


async def test_expect_close_waits() -> None:
    async def protocol(ws: WebSocket) -> None:
        async with ws:
            await ws.receive(timeout=5)

    async with connect(protocol) as peer:
        await peer.expect_close(3008, timeout=6)
        assert current_time() == pytest.approx(5)


async def test_expect_close_leaves_a_message_that_came_instead() -> None:
    async with connect(echo) as peer:
        await peer.send("hi")
        with pytest.raises(ExpectationFailed):
            await peer.expect_close()
        await peer.expect("hi")


async def test_another_close_than_expected_has_the_crash_as_its_cause() -> None:
    async def crash(ws: WebSocket) -> None:
        async with ws:
            raise ZeroDivisionError

    with pytest.raises(ExpectationFailed) as caught:
        async with connect(crash) as peer:
            await peer.expect_close(1000)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
