"""How a connection ends with its handler: in which time, and after a cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever, wait_all_tasks_blocked

from tests.asgi import Event, Server, accept, close, denial
from websocket_kit import WebSocket, WebSocketReject, WebSocketRoute
from websocket_kit.testing import connect

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["close", "async with", "cancelled"])
async def test_a_send_that_is_bounded_by_a_middleware_may_wait_too(way: str) -> None:
    server = Server()

    async def send(event: Any) -> None:
        with anyio.move_on_after(0.5):
            await server.send(event)

    ws = WebSocket(server.scope, server.receive, send)
    await ws.accept()
    server.stuck.add("websocket.close")
    start = current_time()
    if way == "close":
        await ws.close()
    elif way == "async with":
        async with ws:
            pass
    else:
        with anyio.move_on_after(3):
            async with ws:
                await ws.receive()
    assert current_time() - start == pytest.approx(3.5 if way == "cancelled" else 0.5)
    assert not ws.open


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
async def test_the_end_of_async_with_tries_again_too(make: Callable[[Server], WebSocket]) -> None:
    server = Server(refuses=[1011])
    with pytest.raises(ZeroDivisionError):
        async with make(server):
            raise ZeroDivisionError
    assert server.sent == [accept(), close(4011)]


async def does_nothing(ws: WebSocket) -> None: ...


async def test_a_peer_that_left_before_it_was_answered_is_not_answered() -> None:
    server = Server(connect=False)
    server.leave(1006)
    await WebSocketRoute("/", does_nothing)(*server.asgi)
    assert server.tried == []


async def test_a_cancelled_handler_that_never_answered_says_503() -> None:
    async def wait(_: WebSocket) -> None:
        await anyio.sleep_forever()

    server = Server()
    with anyio.move_on_after(1):
        await WebSocketRoute("/", wait)(*server.asgi)
    assert server.sent == denial(503)


async def test_a_page_of_the_servers_own_gets_through_both_checks_of_its_origin() -> None:
    async def accepts(ws: WebSocket) -> None:
        await ws.accept()

    headers = {"host": "example.com", "origin": "https://example.com"}
    async with connect(WebSocketRoute("/", accepts), headers=headers) as peer:
        await peer.expect_close(1000)


async def test_a_close_cancelled_before_the_server_has_it_is_sent_at_the_end() -> None:
    async def says_why(ws: WebSocket) -> None:
        await ws.accept()
        async with ws.task_group() as tasks:
            try:
                await wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
                await sleep_forever()
            finally:
                await ws.close(4000, "enough")

    async with connect(WebSocketRoute("/", says_why)) as peer:
        await peer.expect_close(4000, "enough")


async def accept_only(ws: WebSocket) -> None:
    await ws.accept()


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # trio has no such cancel
async def test_a_rejection_goes_out_whole_though_its_server_cancels_it() -> None:
    async def reject(ws: WebSocket) -> None:
        raise WebSocketReject(401, "who are you?")

    server = Server()
    server.stuck.add("websocket.http.response.body")
    task = asyncio.create_task(WebSocketRoute("/", reject)(*server.asgi))
    await wait_all_tasks_blocked()
    server.stuck.clear()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.rejection is not None
    assert server.rejection.body == b"who are you?"


async def test_the_close_of_a_handler_that_returned_goes_out_though_it_is_cancelled() -> None:
    sent: list[Event] = []
    server = Server()

    async def send_behind_a_lock(event: Event) -> None:
        if event["type"] == "websocket.close":
            await sleep(0.5)
        sent.append(event)

    route = WebSocketRoute("/", accept_only)
    with anyio.move_on_after(0.2) as cancelled:
        await route(server.scope, server.receive, send_behind_a_lock)
    assert cancelled.cancelled_caught
    assert sent == [accept(), close(1000)]


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
async def test_the_close_at_the_end_of_async_with_goes_out_though_it_is_cancelled(
    make: Callable[[Server], WebSocket],
) -> None:
    server = Server()
    with anyio.CancelScope() as cancelled:
        async with make(server):
            cancelled.cancel()
    assert cancelled.cancelled_caught
    assert server.sent == [accept(), close(1000)]


async def test_the_close_of_a_handler_that_returned_is_given_one_second_once_cancelled() -> None:
    server = Server()
    server.stuck.add("websocket.close")
    start = current_time()
    with anyio.move_on_after(0.5) as cancelled:
        await WebSocketRoute("/", accept_only)(*server.asgi)
    assert cancelled.cancelled_caught
    assert current_time() - start == pytest.approx(1.5)


async def test_the_close_of_a_handler_that_returned_is_given_five_seconds() -> None:
    server = Server()
    server.stuck.add("websocket.close")
    start = current_time()
    await WebSocketRoute("/", accept_only)(*server.asgi)
    assert current_time() - start == pytest.approx(5)


async def test_a_rejection_that_blocks_is_given_five_seconds_and_then_no_more() -> None:
    server = Server()
    server.stuck.add("websocket.http.response.start")

    async def rejects(ws: WebSocket) -> None:
        await ws.reject(401, body="who are you?")

    start = current_time()
    await WebSocketRoute("/", rejects)(*server.asgi)
    assert current_time() - start == pytest.approx(5)
    assert [event["type"] for event in server.tried] == ["websocket.http.response.start"]


async def test_a_rejection_that_blocks_after_a_cancellation_is_given_one_second_once() -> None:
    server = Server(connect=False)
    server.stuck.add("websocket.http.response.start")

    async def enters(ws: WebSocket) -> None:
        async with ws:
            pytest.fail("there was no handshake")

    start = current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(WebSocketRoute("/", enters), *server.asgi)
        await wait_all_tasks_blocked()
        start = current_time()
        tasks.cancel_scope.cancel()
        server.push({"type": "websocket.connect"})
    assert current_time() - start == pytest.approx(1)
    assert [event["type"] for event in server.tried] == ["websocket.http.response.start"]


async def test_a_handler_that_is_thrown_away_sends_nothing() -> None:
    sent: list[Event] = []

    async def receive() -> Event:
        if sent:
            await sleep_forever()
        return {"type": "websocket.connect"}

    async def send(event: Any) -> None:
        sent.append(event)

    async def wait(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()

    serving = WebSocketRoute("/", wait)({"type": "websocket", "path": "/"}, receive, send)
    serving.send(None)  # by hand to its first wait, which is receive's
    serving.close()
    assert sent == [accept()]
