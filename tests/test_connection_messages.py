"""Messages: sending, receiving, and the conversations made of the two."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from enum import Enum
from types import MappingProxyType
from typing import Any, cast
from unittest.mock import ANY

import anyio
import anyio.lowlevel
import pytest
from anyio import wait_all_tasks_blocked
from pydantic import BaseModel, Field

from tests.asgi import Server, accept, binary, close, receive_until_closed, text
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketCastError,
    WebSocketDisconnectError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    WebSocketTimeoutError,
)
from websocket_kit.testing import connect

pytestmark = pytest.mark.anyio


class Say(BaseModel):
    text: str


class Shout(BaseModel):
    loud: str = Field(serialization_alias="LOUD")


class Color(Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


class Data(bytes):
    __slots__ = ()


class Number(int):
    __slots__ = ()


# -------------------------------------------------------------------------------------- sending


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ("hi", text("hi")),
        ("", text("")),
        ("caf\u00e9", text("caf\u00e9")),
        (b"\x00\xff", binary(b"\x00\xff")),
        (bytearray(b"\x00"), binary(b"\x00")),
        (memoryview(b"\x00"), binary(b"\x00")),
        (True, text("true")),
        (7, text("7")),
        (None, text("null")),
        (1.5, text("1.5")),
        ({"a": [1]}, text('{"a":[1]}')),
        (Say(text="hi"), text('{"text":"hi"}')),
        (Color.RED, text('"red"')),
    ],
)
async def test_a_message_is_sent_as_one_event(message: Any, event: Any) -> None:
    server = Server()
    async with server.websocket() as ws:
        await ws.send(message)
    assert server.sent == [accept(), event, close(1000)]


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (Shout(loud="hi"), text('{"LOUD":"hi"}')),
        ("plain", text("plain")),
        (b"\x00", binary(b"\x00")),
    ],
)
async def test_with_sends_set_a_message_is_serialised_as_that_type(
    message: Any, event: Any
) -> None:
    server = Server()
    async with server.websocket(sends=Shout | Say) as ws:
        await ws.send(message)
    assert server.sent[1] == event


@pytest.mark.parametrize(
    ("message", "error", "named"),
    [
        (object(), TypeError, "object"),
        ({"a": object()}, TypeError, "object"),
        ("a\ud800", ValueError, "lone surrogate"),
        ({"a": "\ud800"}, ValueError, "dict"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_the_connection_stays_open(
    message: Any, error: type[Exception], named: str
) -> None:
    server = Server()
    async with server.websocket() as ws:
        with pytest.raises(error, match=named):
            await ws.send(message)
        assert server.tried == [accept()]
        await ws.send("hi")
    assert server.sent == [accept(), text("hi"), close(1000)]


async def test_any_number_of_tasks_may_send_and_every_message_arrives_whole() -> None:
    messages = [f"message {number}" for number in range(50)]

    async def handler(ws: WebSocket) -> None:
        async with ws, anyio.create_task_group() as tasks:
            for message in messages:
                tasks.start_soon(ws.send, message)

    async with connect(handler) as peer:
        assert sorted([message async for message in peer]) == sorted(messages)


async def test_a_task_may_send_while_another_receives() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws, anyio.create_task_group() as tasks:
            tasks.start_soon(ws.receive)
            await wait_all_tasks_blocked()
            await ws.send("meanwhile")

    async with connect(handler) as peer:
        await peer.expect("meanwhile")
        await peer.send("hi")
        await peer.expect_close(1000)


@pytest.mark.parametrize("message", ["hi", "caf\u00e9", {"a": 1}])
async def test_a_send_to_a_peer_that_is_gone_is_a_disconnect(message: Any) -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.send"] = OSError("gone")
    with pytest.raises(WebSocketDisconnectError):
        await ws.send(message)
    assert not ws.open


async def test_a_cancelled_send_leaves_the_connection_open() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.send")
    with anyio.move_on_after(1):
        await ws.send("hi")
    server.stuck.clear()
    await ws.send("again")
    assert server.sent == [accept(), text("again")]


# ------------------------------------------------------------------------------------ receiving


@pytest.mark.parametrize(
    ("message", "tp", "value"),
    [
        ("hi", str, "hi"),
        (b"caf\xc3\xa9", str, "caf\u00e9"),
        ("caf\u00e9", bytes, b"caf\xc3\xa9"),
        (b"\x00", bytes, b"\x00"),
        ("5", int, 5),
        (b"5", int, 5),
        ("true", bool, True),
        ('{"a": 1}', dict, {"a": 1}),
        ('{"text": "hi"}', Say, Say(text="hi")),
        (b'{"text": "hi"}', Say | Shout, Say(text="hi")),
        ("[1, 2]", list[int], [1, 2]),
        ("null", None, None),
    ],
)
async def test_a_message_is_cast_to_the_type_asked_for(message: Any, tp: Any, value: Any) -> None:
    async with Server(message).websocket() as ws:
        assert await ws.receive(tp) == value


@pytest.mark.parametrize(
    ("receives", "message", "value"),
    [(str, "5", "5"), (str, b"5", "5"), (int, "5", 5), (Say, '{"text": "hi"}', Say(text="hi"))],
)
async def test_without_a_type_it_is_cast_to_the_connections(
    receives: Any, message: Any, value: Any
) -> None:
    async with Server(message).websocket(receives=receives) as ws:
        assert await ws.receive() == value


async def test_the_type_asked_for_stands_before_the_connections() -> None:
    async with Server("5").websocket(receives=int) as ws:
        assert await ws.receive(str) == "5"


async def test_after_a_bad_message_the_next_one_is_received() -> None:
    async with Server("five", b"\xff", "5").websocket() as ws:
        with pytest.raises(WebSocketCastError):
            await ws.receive(int)
        with pytest.raises(WebSocketCastError):
            await ws.receive()
        assert ws.open
        assert await ws.receive(int) == 5


async def test_a_type_that_pydantic_does_not_know_loses_no_message() -> None:
    async with Server("hi").websocket() as ws:
        with pytest.raises(TypeError):
            await ws.receive(anyio.Event)
        assert await ws.receive() == "hi"


async def test_a_second_task_cannot_receive_at_the_same_time() -> None:
    server = Server()
    received: list[str] = []

    async def receive(ws: WebSocket) -> None:
        received.append(await ws.receive())

    async with server.websocket() as ws, anyio.create_task_group() as tasks:
        tasks.start_soon(receive, ws)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.receive()
        with pytest.raises(anyio.BusyResourceError):
            await ws.receive(timeout=1)
        with pytest.raises(anyio.BusyResourceError):
            await anext(aiter(ws))
        server.push("hi")
    assert received == ["hi"]


async def test_a_cancelled_receive_loses_no_message() -> None:
    server = Server()
    async with server.websocket() as ws:
        with anyio.move_on_after(1):
            await ws.receive()
        server.push("hi")
        assert await ws.receive() == "hi"


# ------------------------------------------------------------------------------------------ pair


async def test_pair_sends_then_returns_what_is_received() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            assert await ws.pair("how many?", tp=int) == 5

    async with connect(handler) as peer:
        await peer.expect("how many?")
        await peer.send("5")
        await peer.expect_close(1000)


async def test_pair_can_receive_first_and_returns_what_was_received() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            assert await ws.pair("taken", tp=int, recv_first=True) == 5

    async with connect(handler) as peer:
        await peer.expect_nothing(within=30)
        assert await peer.pair("5") == "taken"
        await peer.expect_close(1000)


@pytest.mark.parametrize("recv_first", [False, True])
async def test_pair_casts_to_the_connections_type_where_none_is_given(recv_first: bool) -> None:
    async with Server("5").websocket(receives=int) as ws:
        assert await ws.pair("?", recv_first=recv_first) == 5


@pytest.mark.parametrize("recv_first", [False, True])
@pytest.mark.parametrize(
    ("message", "arguments", "error"),
    [
        (object(), {}, TypeError),
        ("\ud800", {}, ValueError),
        ("hi", {"tp": anyio.Event}, TypeError),
        ("hi", {"timeout": -1}, ValueError),
        ("hi", {"timeout": "1"}, TypeError),
    ],
    ids=["message", "surrogate", "type", "negative timeout", "no timeout"],
)
async def test_on_a_bad_argument_pair_sends_and_receives_nothing(
    message: Any, arguments: Any, error: type[Exception], recv_first: bool
) -> None:
    server = Server("first")
    async with server.websocket() as ws:
        with pytest.raises(error):
            await ws.pair(message, recv_first=recv_first, **arguments)
        assert server.tried == [accept()]
        assert await ws.receive() == "first"


async def test_pair_sends_nothing_while_another_task_receives() -> None:
    server = Server()
    async with server.websocket() as ws, anyio.create_task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.pair("?")
        assert server.tried == [accept()]
        server.push("hi")


async def test_after_a_bad_message_pair_that_receives_first_sends_nothing() -> None:
    server = Server("five")
    async with server.websocket() as ws:
        with pytest.raises(WebSocketCastError):
            await ws.pair("taken", tp=int, recv_first=True)
        assert server.sent == [accept()]


async def test_pair_that_gets_a_bad_answer_leaves_the_connection_open() -> None:
    server = Server("five", "5")
    async with server.websocket() as ws:
        with pytest.raises(WebSocketCastError):
            await ws.pair("how many?", tp=int)
        assert await ws.receive(int) == 5


@pytest.mark.parametrize("recv_first", [False, True])
async def test_pair_with_a_peer_that_leaves_is_a_disconnect(recv_first: bool) -> None:
    server = Server()
    server.leave(1001)
    ws = server.websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.pair("?", recv_first=recv_first)
    assert caught.value.code == 1001


async def test_pair_whose_answer_comes_too_late_has_still_sent() -> None:
    server = Server()
    async with server.websocket() as ws:
        with pytest.raises(WebSocketTimeoutError):
            await ws.pair("?", timeout=2)
        assert server.sent == [accept(), text("?")]


# ---------------------------------------------------------------------------------------- expect


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ("hi", "hi"),
        (b"\x00", b"\x00"),
        (b"hi", "hi"),
        (bytearray(b"hi"), b"hi"),
        (memoryview(b"hi"), b"hi"),
        (5, "5"),
        (True, "true"),
        (False, "0"),
        ({"a": 1}, '{ "a": 1 }'),
        ([1, 2], "[1, 2]"),
        (1.5, "1.5"),
        (None, "null"),
        (Say(text="hi"), '{"text": "hi"}'),
        (Color.RED, "red"),
        (Text("hi"), "hi"),
        (Data(b"hi"), b"hi"),
        (Number(5), "5"),
        (MappingProxyType({"a": 1}), '{ "a": 1 }'),
        (range(3), "[0, 1, 2]"),
        ({"id": ANY}, '{"id": 5}'),
    ],
)
async def test_expect_takes_an_equal_message_and_returns_none(expected: Any, message: Any) -> None:
    async with Server(message).websocket() as ws:
        assert await ws.expect(expected) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("expected", "shown"), [(int, "int"), (dict, "dict"), (Say, "Say"), (list[int], "list[int]")]
)
async def test_expect_takes_no_type_and_names_what_does(expected: Any, shown: str) -> None:
    async with Server("3").websocket() as ws:
        with pytest.raises(TypeError) as caught:
            await ws.expect(expected)
        assert str(caught.value) == (
            f"expect() takes the message itself, not its type: receive(tp={shown})"
        )
        await ws.expect(3)


async def test_expect_takes_no_pattern() -> None:
    async with Server("3").websocket() as ws:
        with pytest.raises(TypeError, match=r"not a pattern: receive\(\) it, and match that"):
            await ws.expect(cast("Any", re.compile("3")))
        await ws.expect(3)


async def test_expect_takes_nothing_that_could_not_be_sent_and_loses_no_message() -> None:
    async with Server("next").websocket() as ws:
        with pytest.raises(TypeError, match="cannot send"):
            await ws.expect(cast("Any", iter("hi")))
        assert await ws.receive() == "next"


@pytest.mark.parametrize(
    ("expected", "message", "received"),
    [
        ("hi", "ho", "ho"),
        (5, "6", 6),
        (True, "false", False),
        ({"a": 1}, '{"a": 2}', {"a": 2}),
        (Say(text="hi"), '{"text": "ho"}', Say(text="ho")),
    ],
)
async def test_expect_says_what_came_instead(expected: Any, message: str, received: Any) -> None:
    async with Server(message, "next").websocket() as ws:
        with pytest.raises(WebSocketExpectError) as caught:
            await ws.expect(expected)
        assert caught.value.expected == expected
        assert caught.value.received == received
        assert not isinstance(caught.value, WebSocketCastError)
        assert await ws.receive() == "next"


@pytest.mark.parametrize(
    ("expected", "message"),
    [(5, "five"), (True, "yes"), (None, "nothing"), (Color.RED, "blue"), (Say(text="hi"), "[]")],
)
async def test_expect_fails_likewise_on_what_is_not_even_of_its_type(
    expected: Any, message: str
) -> None:
    async with Server(message, "next").websocket() as ws:
        with pytest.raises(WebSocketExpectError):
            await ws.expect(expected)
        assert await ws.receive() == "next"


async def test_expect_times_out() -> None:
    async with Server().websocket() as ws:
        with pytest.raises(WebSocketTimeoutError):
            await ws.expect("hi", timeout=1)


async def test_expect_meets_a_peer_that_leaves() -> None:
    server = Server()
    server.leave()
    ws = server.websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        await ws.expect("hi")


# ------------------------------------------------------------------------------------- iteration


async def iterate(ws: WebSocket) -> None:
    async for _ in ws:
        pass


async def test_iteration_gives_the_connections_type() -> None:
    received: list[int] = []

    async def handler(ws: WebSocket[int]) -> None:
        async with ws:
            received.extend([number async for number in ws])

    async with connect(handler) as peer:
        await peer.send("1")
        await peer.send(b"2")
    assert received == [1, 2]


async def test_iter_gives_another_type() -> None:
    received: list[int] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            received.extend([number async for number in ws.iter(int)])

    async with connect(handler) as peer:
        await peer.send("1")
        await peer.send("2")
    assert received == [1, 2]


async def test_iter_without_a_type_gives_the_connections() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            received.extend([message async for message in ws.iter()])

    async with connect(handler) as peer:
        await peer.send("1")
    assert received == ["1"]


DISCONNECT = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}


async def close_it(ws: WebSocket) -> None:
    await ws.close(4000, "enough")


async def nothing(_: WebSocket) -> None:
    pass


@pytest.mark.parametrize(
    ("end", "during", "info"),
    [
        (DISCONNECT, nothing, CloseInfo(1001, "bye", "peer")),
        ({"type": "websocket.disconnect"}, nothing, CloseInfo(None, "", "peer")),
        (OSError("gone"), nothing, CloseInfo(None, "", "peer")),
        ("more", close_it, CloseInfo(4000, "enough", "server")),
    ],
    ids=["the peer", "the peer without a code", "the transport", "this end"],
)
async def test_iteration_ends_whoever_ended_it_and_close_info_says_how(
    end: Any, during: Callable[[WebSocket], Awaitable[None]], info: CloseInfo
) -> None:
    ws = Server("one", end).websocket()
    await ws.accept()
    received: list[str] = []
    async for message in ws:
        received.append(message)
        await during(ws)
    assert received == ["one"]
    assert ws.close_info == info


async def test_iteration_ends_when_a_send_in_it_found_the_peer_gone() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        async for message in ws:
            received.append(message)
            with pytest.raises(WebSocketDisconnectError):
                await ws.send("thanks")

    async with connect(handler) as peer:
        peer.fail_send(OSError("gone"))
        await peer.send("one")
        await peer.send("two")
    assert received == ["one"]


async def test_iteration_ends_when_another_task_closes() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(iterate, ws)
        await wait_all_tasks_blocked()
        await ws.close()
        server.leave(1000)
    assert ws.close_info == CloseInfo(1000, "", "server")


async def test_iteration_over_a_connection_that_is_over_ends_at_once() -> None:
    ws = Server().websocket()
    await ws.reject()
    assert [message async for message in ws] == []


async def test_iteration_before_accept_is_an_error() -> None:
    with pytest.raises(WebSocketHandshakeError, match=r"call accept\(\) first"):
        await anext(aiter(Server().websocket()))


async def test_a_bad_message_comes_out_of_the_loop_and_a_new_loop_goes_on() -> None:
    received: list[int] = []

    async def handler(ws: WebSocket[int]) -> None:
        async with ws:
            with pytest.raises(WebSocketCastError):
                async for number in ws:
                    received.append(number)  # noqa: PERF401 - what came before the error counts
            received.extend([number async for number in ws])

    async with connect(handler) as peer:
        for message in ("1", "two", "3"):
            await peer.send(message)
    assert received == [1, 3]


async def test_a_loop_can_be_left_and_taken_up_again() -> None:
    async with Server("one", "two").websocket() as ws:
        async for message in ws:
            assert message == "one"
            break
        assert await ws.receive() == "two"


async def test_what_comes_after_a_close_of_another_task_is_no_message() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_closed, ws)
        await wait_all_tasks_blocked()
        await ws.close()
        server.push("late")


# ---------------------------------------------------------------------------------------- answer


async def shout(message: str) -> str:
    await anyio.lowlevel.checkpoint()
    return message.upper()


class Length:
    """A callable object."""

    async def __call__(self, message: str) -> int:
        return len(message)


ANSWERS: list[tuple[Callable[[str], object], list[str]]] = [
    (str.upper, ["ONE", "TWO"]),
    (shout, ["ONE", "TWO"]),
    (Length(), ["3", "3"]),
    (lambda message: {"was": message}, ['{"was":"one"}', '{"was":"two"}']),
    (lambda message: message if message == "two" else None, ["two"]),
    (lambda message: message == "two", ["false", "true"]),
    (lambda message: message[:0], ["", ""]),
]


@pytest.mark.parametrize(
    ("function", "answers"),
    ANSWERS,
    ids=["plain", "async", "object", "dict", "none", "bool", "empty"],
)
async def test_answer_sends_what_the_function_makes_of_each_message(
    function: Any, answers: list[Any]
) -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.answer(function)

    async with connect(handler) as peer:
        await peer.send("one")
        await peer.send("two")
        assert [await peer.receive() for _ in answers] == answers
        await peer.expect_nothing()


async def test_answer_takes_a_function_only() -> None:
    async with Server("hi").websocket() as ws:
        with pytest.raises(TypeError, match=r"answer\(\) takes a function that makes"):
            await ws.answer(cast("Any", "hi"))
        assert await ws.receive() == "hi"


async def test_answer_returns_when_the_peer_leaves_while_it_answers() -> None:
    ends: list[CloseInfo | None] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.answer(str.upper)
        ends.append(ws.close_info)

    async with connect(handler) as peer:
        peer.fail_send(OSError("gone"))
        await peer.send("one")
        await peer.send("two")
    assert ends == [CloseInfo(None, "", "peer")]


async def test_answer_returns_when_the_function_closes_the_connection() -> None:
    async def handler(ws: WebSocket) -> None:
        async def quit_at_once(_: str) -> None:
            await ws.close(4000)

        await ws.accept()
        await ws.answer(quit_at_once)

    async with connect(handler) as peer:
        await peer.send("quit")
        await peer.send("more")
        await peer.expect_close(4000)
        await peer.finished()


async def test_answer_returns_when_the_server_says_by_an_error_that_the_peer_is_gone() -> None:
    ws = Server("one", OSError("reset")).websocket()
    await ws.accept()
    await ws.answer(str.upper)
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_answer_returns_when_another_task_closes_while_it_waits() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.answer, str.upper)
        await wait_all_tasks_blocked()
        await ws.close(4000)
        server.push("late")
    assert server.sent == [accept(), close(4000)]


async def test_answer_takes_binary_messages_as_text_too() -> None:
    server = Server("one", b"two", {"type": "websocket.disconnect", "code": 1005})
    ws = server.websocket()
    await ws.accept()
    await ws.answer(str.upper)
    assert server.sent == [accept(), text("ONE"), text("TWO")]


async def test_answer_lets_the_function_receive_too() -> None:
    async def handler(ws: WebSocket) -> None:
        async def and_the_next(message: str) -> str:
            return message + await ws.receive()

        async with ws:
            await ws.answer(and_the_next)

    async with connect(handler) as peer:
        await peer.send("one")
        await peer.send("two")
        await peer.expect("onetwo")


async def test_answer_waits_no_longer_than_receive_timeout() -> None:
    async with Server("one").websocket(receive_timeout=1) as ws:
        with pytest.raises(WebSocketTimeoutError):
            await ws.answer(str.upper)


async def test_what_only_a_broken_server_sends_comes_out_of_answer() -> None:
    async with Server({"type": "websocket.strange"}).websocket() as ws:
        with pytest.raises(WebSocketHandshakeError, match=r"websocket\.strange"):
            await ws.answer(str.upper)
        assert ws.open


async def test_an_error_in_the_function_comes_out_of_answer() -> None:
    async with Server("one", "two").websocket() as ws:
        with pytest.raises(ZeroDivisionError):
            await ws.answer(lambda _: 1 // 0)
        assert await ws.receive() == "two"


async def test_a_bad_message_comes_out_of_answer() -> None:
    async with Server("one", "2").websocket(receives=int) as ws:
        with pytest.raises(WebSocketCastError):
            await ws.answer(lambda number: number + 1)
        assert await ws.receive() == 2


async def test_the_disconnect_of_another_connection_comes_out_of_answer() -> None:
    def fail(_: str) -> str:
        raise WebSocketDisconnectError

    async with Server("one").websocket() as ws:
        with pytest.raises(WebSocketDisconnectError):
            await ws.answer(fail)
        assert ws.open
