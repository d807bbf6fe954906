"""What a message may weigh, and how long to wait for one."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable
from math import inf, nan
from typing import Any

import anyio
import pytest
from anyio import current_time, wait_all_tasks_blocked

from tests.asgi import Call, Server
from websocket_kit import (
    WebSocket,
    WebSocketMessageTooBig,
    WebSocketTimeoutError,
)

pytestmark = pytest.mark.anyio


# ----------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("limit", "message", "size"),
    [
        (8, "12345678", 8),
        (8, b"12345678", 8),
        (8, "\u00e9\u00e9\u00e9\u00e9", 8),
        (8, "\U0001f600\U0001f600", 8),
        (0, "", 0),
        (1_048_576, "x" * 1_048_576, 1_048_576),
    ],
)
async def test_a_message_of_exactly_the_limit_is_received(
    limit: int, message: str | bytes, size: int
) -> None:
    encoded = message.encode() if isinstance(message, str) else message
    assert len(encoded) == size
    async with Server(message).websocket(max_message_bytes=limit) as ws:
        assert await ws.receive(bytes) == encoded


@pytest.mark.parametrize(
    ("limit", "message", "size"),
    [
        (8, "123456789", 9),
        (8, b"123456789", 9),
        (8, "\u00e9\u00e9\u00e9\u00e9!", 9),
        (8, "\U0001f600\U0001f600!", 9),
        (8, "\u4e2d\u4e2d\u4e2d", 9),
        (0, "x", 1),
    ],
)
@pytest.mark.parametrize("tp", [str, bytes, dict])
async def test_a_message_over_the_limit_is_dropped_unparsed(
    limit: int, message: str | bytes, size: int, tp: Any
) -> None:
    async with Server(message, "").websocket(max_message_bytes=limit) as ws:
        with pytest.raises(WebSocketMessageTooBig) as caught:
            await ws.receive(tp)
        assert (caught.value.size_bytes, caught.value.limit_bytes) == (size, limit)
        assert await ws.receive() == ""


@pytest.mark.usefixtures("_no_collector")
async def test_a_message_that_is_too_big_is_not_kept_until_it_is_asked_for() -> None:
    class Text(str):  # noqa: SLOT000 - one that can be referred to weakly
        pass

    server = Server()
    alive: list[weakref.ref[Text]] = []
    for _ in range(2):
        text = Text("x" * 9)
        alive.append(weakref.ref(text))
        server.push({"type": "websocket.receive", "text": text})
        del text
    server.forget()
    ws = server.websocket(max_message_bytes=8)
    await ws.accept()
    async with ws.task_group() as tasks:
        await wait_all_tasks_blocked()
        assert [reference() for reference in alive] == [None, None]
        for _ in range(2):
            with pytest.raises(WebSocketMessageTooBig) as caught:
                await ws.receive()
            assert caught.value.size_bytes == 9
        tasks.cancel_scope.cancel()


async def test_a_mebibyte_is_the_limit_where_none_is_set() -> None:
    async with Server("x" * 1_048_577).websocket() as ws:
        with pytest.raises(WebSocketMessageTooBig) as caught:
            await ws.receive()
        assert caught.value.limit_bytes == 1_048_576


async def test_none_sets_no_limit() -> None:
    async with Server("x" * 2_000_000).websocket(max_message_bytes=None) as ws:
        assert len(await ws.receive()) == 2_000_000


# -------------------------------------------------------------------------------------- timeouts


async def test_receive_waits_as_long_as_it_is_told() -> None:
    server = Server()
    async with server.websocket() as ws:
        start = current_time()
        with pytest.raises(WebSocketTimeoutError) as caught:
            await ws.receive(timeout=2.5)
        assert current_time() - start == pytest.approx(2.5)
        assert caught.value.timeout == 2.5
        assert ws.open
        server.push("hi")
        assert await ws.receive(timeout=2.5) == "hi"


async def test_a_timeout_of_zero_takes_the_message_that_is_there() -> None:
    async with Server("hi").websocket() as ws:
        assert await ws.receive(timeout=0) == "hi"


async def test_a_timeout_of_zero_waits_for_none_that_is_not() -> None:
    async with Server().websocket() as ws:
        start = current_time()
        with pytest.raises(WebSocketTimeoutError) as caught:
            await ws.receive(timeout=0)
        assert caught.value.timeout == 0
        assert current_time() == start


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(-1, ValueError), (nan, ValueError), (True, TypeError), ("1", TypeError)],
)
async def test_a_bad_timeout_is_refused_and_no_message_is_lost(
    timeout: Any, error: type[Exception]
) -> None:
    async with Server("hi").websocket() as ws:
        with pytest.raises(error):
            await ws.receive(timeout=timeout)
        assert await ws.receive(timeout=inf) == "hi"


async def iterate(ws: WebSocket[str, str]) -> None:
    async for _ in ws:
        pass


WAITS: dict[str, Call] = {
    "receive": lambda ws: ws.receive(),
    "pair": lambda ws: ws.pair("?"),
    "pair, receiving first": lambda ws: ws.pair("!", recv_first=True),
    "expect": lambda ws: ws.expect("hi"),
    "iteration": iterate,
    "answer": lambda ws: ws.answer(str.upper),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_the_option_receive_timeout_bounds_every_receive(
    wait: Callable[[WebSocket[str, str]], Awaitable[Any]],
) -> None:
    server = Server()
    async with server.websocket(receive_timeout=3) as ws:
        start = current_time()
        with pytest.raises(WebSocketTimeoutError) as caught:
            await wait(ws)
        assert current_time() - start == pytest.approx(3)
        assert caught.value.timeout == 3
        server.push("hi")
        assert await ws.receive() == "hi"


LIMITED: list[Call] = [
    lambda ws: ws.receive(timeout=1),
    lambda ws: ws.pair("?", timeout=1),
    lambda ws: ws.expect("hi", timeout=1),
]


@pytest.mark.parametrize(
    "call",
    LIMITED,
    ids=["receive", "pair", "expect"],
)
async def test_a_timeout_given_stands_before_the_option(call: Any) -> None:
    async with Server().websocket(receive_timeout=3) as ws:
        with pytest.raises(WebSocketTimeoutError) as caught:
            await call(ws)
        assert caught.value.timeout == 1


async def test_a_timeout_of_none_waits_for_ever_whatever_the_option() -> None:
    server = Server()
    async with server.websocket(receive_timeout=3) as ws, anyio.create_task_group() as tasks:

        async def push_late() -> None:
            await anyio.sleep(30)
            server.push("hi")

        tasks.start_soon(push_late)
        assert await ws.receive(timeout=None) == "hi"
