"""A server whose receive gives futures, as granian does, and what a cancellation leaves of it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import anyio
import pytest
from anyio import fail_after, move_on_after, wait_all_tasks_blocked
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Event, Server
from websocket_kit import (
    WebSocket,
    WebSocketHandshakeError,
    WebSocketRouter,
    WebSocketTimeoutError,
    endpoint,
    wrap,
)
from websocket_kit._kept_receive import KeptReceive, keep

pytestmark = pytest.mark.anyio
# What gives futures runs on asyncio alone.
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)


class Granian:
    """A server that gives futures: those that it will fulfil, in order, after ``connect``."""

    def __init__(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        self.futures: list[asyncio.Future[Event]] = [loop.create_future() for _ in range(count)]
        self.sent: list[Event] = []
        # A method that isn't Python's, as granian's isn't; what is there already is no future.
        self.receive: Any = deque([connected(), *self.futures]).popleft

    async def send(self, event: Event) -> None:
        # A close doesn't go out while a receive is pending.
        assert event["type"] != "websocket.close" or not self.is_pending()
        self.sent.append(event)

    def is_pending(self) -> bool:
        given = len(self.futures) + 1 - len(self.receive.__self__)
        return any(not future.done() for future in self.futures[: given - 1])

    def websocket(self) -> WebSocket:
        return WebSocket({"type": "websocket"}, self.receive, self.send)

    def starlette(self) -> WebSocket:
        return wrap(StarletteWebSocket({"type": "websocket"}, self.receive, self.send))


async def connected() -> Event:
    return {"type": "websocket.connect"}


def text(message: str) -> Event:
    return {"type": "websocket.receive", "text": message}


async def test_a_receive_in_python_is_left_alone() -> None:
    server = Server()
    assert keep(connected) is connected
    assert keep(server.receive) == server.receive
    async with server.websocket():
        pass


@on_asyncio
@pytest.mark.parametrize("make", [Granian.websocket, Granian.starlette])
async def test_the_message_of_a_cancelled_receive_is_the_next_ones(make: Any) -> None:
    server = Granian(2)
    ws: WebSocket = make(server)
    await ws.accept()
    with move_on_after(0):
        await ws.receive()
    with pytest.raises(WebSocketTimeoutError):
        await ws.receive(timeout=0)
    server.futures[0].set_result(text("one"))
    server.futures[1].set_result(text("two"))
    assert [await ws.receive(), await ws.receive()] == ["one", "two"]


@on_asyncio
async def test_a_message_that_comes_in_the_turn_of_the_cancellation_is_the_next_ones() -> None:
    server = Granian(1)
    ws = server.websocket()
    await ws.accept()
    task = asyncio.ensure_future(ws.receive())
    await wait_all_tasks_blocked()
    server.futures[0].set_result(text("one"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ws.receive() == "one"


@on_asyncio
async def test_the_message_that_a_task_group_waited_for_is_there_after_it() -> None:
    server = Granian(1)
    ws = server.websocket()
    await ws.accept()
    async with ws.task_group():
        await wait_all_tasks_blocked()
    server.futures[0].set_result(text("one"))
    assert await ws.receive() == "one"


@on_asyncio
@pytest.mark.parametrize("make", [Granian.websocket, Granian.starlette])
async def test_a_close_gives_up_what_was_waited_for(make: Any) -> None:
    server = Granian(1)
    ws: WebSocket = make(server)
    async with ws:
        with move_on_after(0):
            await ws.receive()
    assert server.futures[0].cancelled()
    assert [event["type"] for event in server.sent] == ["websocket.accept", "websocket.close"]


@on_asyncio
async def test_where_nothing_is_waited_for_nothing_is_given_up() -> None:
    server = Granian(1)
    async with server.websocket():
        pass
    assert not server.futures[0].done()
    assert server.sent[-1]["type"] == "websocket.close"


@on_asyncio
async def test_a_close_wakes_the_task_that_receives() -> None:
    server = Granian(1)
    ws = server.websocket()
    await ws.accept()
    with fail_after(1):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ws.close)
            with pytest.raises(WebSocketHandshakeError, match="this end has closed the connection"):
                await ws.receive()


@on_asyncio
async def test_an_app_behind_routers_keeps_and_gives_up_likewise() -> None:
    server = Granian(2)
    got: list[str] = []

    @endpoint
    async def page(ws: WebSocket) -> None:
        await ws.accept()
        with move_on_after(0):
            await ws.receive()
        server.futures[0].set_result(text("one"))
        got.append(await ws.receive())
        with move_on_after(0):
            await ws.receive()

    inner = Starlette(routes=[StarletteRoute("/", page)])
    app = WebSocketRouter().wrap(WebSocketRouter().wrap(inner))
    scope: Event = {"type": "websocket", "path": "/", "headers": []}
    await app(scope, server.receive, server.send)
    assert got == ["one"]
    assert server.futures[1].cancelled()
    assert server.sent[-1]["type"] == "websocket.close"


class CoroutineFuture(asyncio.Future[Event]):
    """A future that is a coroutine too, as h2corn's is: it can't be waited for by asyncio.wait."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.get_loop().call_soon(self.set_result, event)

    def close(self) -> None: ...
    def send(self, value: object) -> None: ...
    def throw(self, error: object) -> None: ...


@on_asyncio
async def test_a_future_that_is_a_coroutine_too_is_awaited_as_it_is() -> None:
    receive = KeptReceive(deque([CoroutineFuture(text("one"))]).popleft)
    assert await receive() == text("one")


@on_asyncio
async def test_what_a_server_raises_comes_out_once() -> None:
    server = Granian(2)
    receive = KeptReceive(server.receive)
    await receive()
    with move_on_after(0):
        await receive()
    server.futures[0].set_exception(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await receive()
    server.futures[1].set_result(text("two"))
    assert await receive() == text("two")
