"""``async with``: what it does at its end, and what is left afterwards.

What each error of a handler's ends it with is ``test_serving``'s table.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import current_time, sleep_forever
from pydantic import TypeAdapter

from tests.asgi import Event, Server, accept, close, denial
from websocket_kit import (
    CloseInfo,
    InvalidRouteError,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
)

pytestmark = pytest.mark.anyio


# ----------------------------------------------------------------------------- async with's end


async def test_async_with_closes_with_1000() -> None:
    server = Server()
    async with server.websocket() as ws:
        pass
    assert server.sent == [accept(), close(1000)]
    assert ws.close_info == CloseInfo(1000, "", "server")


async def test_async_with_leaves_a_closed_connection_as_it_is() -> None:
    server = Server()
    async with server.websocket() as ws:
        await ws.close(4000, "enough")
    assert server.sent == [accept(), close(4000, "enough")]


async def test_async_with_sends_a_peer_that_has_left_nothing() -> None:
    server = Server()
    server.leave()
    async with server.websocket() as ws:
        async for _ in ws:
            pass
    assert server.tried == [accept()]


async def test_a_peer_that_has_left_by_the_end_of_async_with_is_no_error() -> None:
    server = Server()
    async with server.websocket() as ws:
        server.fails["websocket.close"] = OSError("gone")
    assert ws.close_info == CloseInfo(1000, "", "server")


@pytest.mark.parametrize("answer", ["close", "reject", "leave"])
async def test_a_second_async_with_raises(answer: str) -> None:
    server = Server()
    ws = server.websocket()
    if answer == "close":
        async with ws:
            pass
    elif answer == "reject":
        await ws.reject()
    else:
        server.leave()
        async with ws:
            async for _ in ws:
                pass
    with pytest.raises(WebSocketHandshakeError) as caught:
        await ws.__aenter__()
    assert isinstance(caught.value, WebSocketDisconnectError) == (answer == "leave")


async def test_the_end_of_async_with_gives_a_close_that_blocks_five_seconds() -> None:
    server = Server()
    start = current_time()
    async with server.websocket():
        server.stuck.add("websocket.close")
    assert current_time() - start == pytest.approx(5)


async def test_a_cancelled_async_with_says_1012_before_the_cancellation_goes_on() -> None:
    server = Server()
    with anyio.move_on_after(3) as scope:
        async with server.websocket() as ws:
            await ws.receive()
    assert scope.cancelled_caught
    assert server.sent == [accept(), close(1012)]


async def test_a_cancelled_async_with_gives_a_close_that_blocks_one_second() -> None:
    server = Server()
    start = current_time()
    with anyio.move_on_after(3):
        async with server.websocket() as ws:
            server.stuck.add("websocket.close")
            await ws.receive()
    assert current_time() - start == pytest.approx(4)


async def test_async_with_cancelled_while_it_waits_for_the_handshake_refuses_it() -> None:
    server = Server(connect=False)

    async def enter() -> None:
        with anyio.move_on_after(3):
            await server.websocket().__aenter__()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(enter)
        await anyio.sleep(3.5)
        server.push({"type": "websocket.connect"})
    assert server.sent == denial(503)


async def test_async_with_cancelled_while_it_accepts_closes() -> None:
    server = Server()
    server.stuck.add("websocket.accept")
    ws = server.websocket()
    with anyio.move_on_after(3) as scope:
        await ws.__aenter__()
    assert scope.cancelled_caught
    assert ws.close_info == CloseInfo(1012, "", "server")


async def test_a_coroutine_that_is_thrown_away_awaits_nothing() -> None:
    sent: list[Event] = []

    async def receive() -> Event:
        if sent:
            await sleep_forever()
        return {"type": "websocket.connect"}

    async def send(event: Any) -> None:
        sent.append(event)

    async def handle() -> None:
        async with WebSocket({"type": "websocket", "path": "/"}, receive, send) as ws:
            await ws.receive()

    handling = handle()
    handling.send(None)  # by hand to its first wait, which is receive's
    handling.close()
    assert sent == [accept()]


async def test_a_goodbye_in_an_exception_group_leaves_async_with_bare() -> None:
    server = Server()
    server.leave(4001)
    gone = WebSocketDisconnectError(4001)
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with server.websocket() as ws:
            with pytest.raises(WebSocketDisconnectError):
                await ws.receive()
            msg = "two tasks heard it"
            raise ExceptionGroup(msg, [gone, ExceptionGroup(msg, [gone])])
    assert caught.value is gone
    assert server.tried == [accept()]


async def test_reject_in_async_with_is_too_late() -> None:
    server = Server()
    async with server.websocket() as ws:
        with pytest.raises(WebSocketHandshakeError, match="close"):
            await ws.reject()
    assert server.sent == [accept(), close(1000)]


# --------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
@pytest.mark.parametrize("use", ["iterate", "task group", "time out", "answer"])
async def test_nothing_keeps_a_finished_websocket_alive(
    use: str, make: Callable[[Server], WebSocket]
) -> None:
    server = Server("hi")
    if use != "task group":
        server.leave()

    async def handle() -> weakref.ref[object]:
        ws = make(server)
        await ws.accept()
        assert ws.request.url.path == "/"
        if use == "iterate":
            assert [message async for message in ws] == ["hi"]
        elif use == "task group":
            async with ws.task_group():
                assert await ws.receive() == "hi"
                await ws.close()
        elif use == "time out":
            assert await ws.receive(timeout=1) == "hi"
        else:
            await ws.answer(str.upper)
        return weakref.ref(ws)

    gc.collect()
    gc.disable()
    try:
        finished = await handle()
        await anyio.wait_all_tasks_blocked()
        assert finished() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------------------- out of place


def test_as_the_type_of_an_input_it_says_what_is_missing() -> None:
    with pytest.raises(InvalidRouteError, match="@endpoint"):
        TypeAdapter(WebSocket)
