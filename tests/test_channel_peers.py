"""Peers that read too slowly and peers that send too often: the library ends the connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Server, accept, close, text
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRouter,
    WebSocketTimeoutError,
    wrap,
)
from websocket_kit.testing._running import calm_down

pytestmark = pytest.mark.anyio

STALLED = CloseInfo(3008, "messages were not read in time", "server")
FLOODED = CloseInfo(1008, "too many messages", "server")


def stalled(*events: str, closes: bool = True) -> Server:
    """A server whose peer reads no message, and no close either unless it ``closes``."""
    server = Server(*events)
    server.stuck.add("websocket.send")
    if not closes:
        server.stuck.add("websocket.close")
    return server


# ------------------------------------------------------------------------------- a stalled peer

SENDS: dict[str, Callable[[WebSocket[Any, Any]], Awaitable[Any]]] = {
    "text": lambda ws: ws.send("hi"),
    "more than ASCII": lambda ws: ws.send("caf\u00e9"),
    "bytes": lambda ws: ws.send(b"hi"),
    "JSON": lambda ws: ws.send({"a": 1}),
    "pair": lambda ws: ws.pair("hi"),
    "pair, receiving first": lambda ws: ws.pair("hi", recv_first=True),
}


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
async def test_a_send_that_a_peer_does_not_read_drops_the_peer(send: Any) -> None:
    server = stalled("hello")
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    start = current_time()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await send(ws)
    assert current_time() - start == pytest.approx(2)
    assert str(caught.value) == (
        "cannot send: the peer took no message for send_timeout=2 s;"
        " nothing more can be sent or received"
    )
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert str(caught.value.__cause__) == "the server's send took more than 2 s"
    assert caught.value.code is None
    assert ws.close_info == STALLED
    assert server.sent == [accept(), close(3008, "messages were not read in time")]


async def test_a_peer_that_reads_in_time_is_not_dropped() -> None:
    server = stalled()
    async with server.websocket(send_timeout=2) as ws, anyio.create_task_group() as tasks:
        tasks.start_soon(ws.send, "hi")
        await sleep(1.9)
        server.stuck.clear()
        server.freed.set()
    assert server.sent == [accept(), text("hi"), close(1000)]


async def test_without_the_option_a_send_waits_as_long_as_its_server_does() -> None:
    server = stalled()
    ws = server.websocket()
    await ws.accept()
    with anyio.move_on_after(30) as scope:
        await ws.send("hi")
    assert scope.cancelled_caught
    assert ws.open


async def test_the_close_of_a_stalled_peer_is_tried_for_a_second() -> None:
    server = stalled(closes=False)
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    start = current_time()
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    assert current_time() - start == pytest.approx(3)
    assert server.tried[-1] == close(3008, "messages were not read in time")
    assert server.sent == [accept()]


async def test_after_it_every_call_says_why() -> None:
    ws = stalled("hi").websocket(send_timeout=2)
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    assert not ws.open
    for call in (ws.send("hi"), ws.receive(), ws.close()):
        with pytest.raises(WebSocketDisconnectError, match="took no message for send_timeout=2 s"):
            await call


async def test_all_that_wait_to_send_are_told() -> None:
    server = stalled()
    told: list[float] = []

    async def send() -> None:
        with pytest.raises(WebSocketDisconnectError, match="took no message for send_timeout=2 s"):
            await ws.send("hi")
        told.append(current_time() - start)

    ws = server.websocket(send_timeout=2)
    await ws.accept()
    start = current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        tasks.start_soon(send)
    assert told == [pytest.approx(2), pytest.approx(2)]
    assert server.sent == [accept(), close(3008, "messages were not read in time")]


async def test_a_peer_that_leaves_meanwhile_has_left() -> None:
    server = stalled()
    server.stuck.clear()
    server.fails["websocket.send"] = OSError("reset")
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError, match="the peer has left"):
        await ws.send("hi")
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_a_goodbye_that_comes_later_changes_nothing() -> None:
    server = stalled()
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(
                WebSocketDisconnectError, match="took no message for send_timeout=2 s"
            ):
                await ws.receive()

        tasks.start_soon(receive)
        await calm_down()
        with pytest.raises(WebSocketDisconnectError):
            await ws.send("hi")
        server.leave(1001)
    assert ws.close_info == STALLED


async def test_a_message_that_comes_later_is_not_received() -> None:
    server = stalled()
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(
                WebSocketDisconnectError, match="took no message for send_timeout=2 s"
            ):
                await ws.receive()

        tasks.start_soon(receive)
        await calm_down()
        with pytest.raises(WebSocketDisconnectError):
            await ws.send("hi")
        server.push("late")


async def test_inside_a_task_group_the_group_ends_as_if_the_peer_had_left() -> None:
    server = stalled("one")
    received: list[str] = []
    ws = server.websocket(send_timeout=2)
    await ws.accept()

    async def receive() -> None:
        received.append(await ws.receive())
        await ws.receive()

    with pytest.raises(
        WebSocketDisconnectError, match=r"^the peer took no message for send_timeout=2 s"
    ):
        async with ws.task_group() as tasks:
            tasks.start_soon(receive)
            tasks.start_soon(ws.send, "hi")
            await sleep_forever()
    assert received == ["one"]
    assert server.sent == [accept(), close(3008, "messages were not read in time")]


async def test_send_each_ends_too() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[str]:
        try:
            while True:
                yield "tick"
        finally:
            closed.append(True)

    ws = stalled().websocket(send_timeout=2)
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError, match="took no message for send_timeout=2 s"):
        await ws.send_each(source())
    assert closed == [True]


async def test_answer_ends_quietly() -> None:
    ws = stalled("hi").websocket(send_timeout=2)
    await ws.accept()
    await ws.answer(str.upper)
    assert ws.close_info == STALLED


async def test_a_wrapped_socket_is_bounded_too() -> None:
    server = stalled()
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket, send_timeout=2)
    await ws.accept()
    start = current_time()
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    assert current_time() - start == pytest.approx(2)


async def test_a_socket_that_is_accepted_elsewhere_may_send_at_once() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket)
    await socket.accept()
    await ws.send("hi")
    assert server.sent[1] == text("hi")


# ------------------------------------------------- a handler that waits while another task sends


async def sends_to(
    handler: Callable[[WebSocket], Awaitable[None]], *, closes: bool = True
) -> tuple[Server, list[float]]:
    """A stalled peer, its handler served by a router, and another task that sends to it.

    Gives the server, and when the handler's app has ended.
    """
    server = stalled(closes=closes)
    app = WebSocketRouter(send_timeout=2)
    here: list[WebSocket] = []
    ended: list[float] = []

    @app.websocket("/")
    async def route(ws: WebSocket) -> None:
        here.append(ws)
        await handler(ws)

    async def serve() -> None:
        await app(*server.asgi)
        ended.append(current_time() - start)

    start = current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await calm_down()
        with pytest.raises(WebSocketDisconnectError):
            await here[0].send("hi")
        await sleep(10)
        tasks.cancel_scope.cancel()
    return server, ended


async def test_a_handler_that_waits_for_a_stalled_peer_is_not_left_waiting(
    anyio_backend_name: str,
) -> None:
    told: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            try:
                await ws.receive()
            except WebSocketDisconnectError as error:
                told.append(str(error))
                await sleep(1)  # it may take its time
                raise

    server, ended = await sends_to(handler)
    assert server.sent == [accept(), close(3008, "messages were not read in time")]
    if anyio_backend_name == "asyncio":
        assert ended == [pytest.approx(3)]
        assert "took no message for send_timeout=2 s" in told[0]
    else:  # what trio cancels stays cancelled
        assert ended == [pytest.approx(2)]


async def test_the_handler_of_a_peer_that_takes_no_close_either_ends_a_second_later() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass

    _, ended = await sends_to(handler, closes=False)
    assert ended == [pytest.approx(3)]


async def test_a_handler_that_does_something_else_goes_on() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await sleep(5)

    server, ended = await sends_to(handler)
    assert ended == [pytest.approx(5)]
    assert server.sent == [accept(), close(3008, "messages were not read in time")]


async def test_a_router_absorbs_it_with_one_line_at_info(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")
    app = WebSocketRouter(send_timeout=2)

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send("hi")

    await app(*stalled().asgi)
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.getMessage() == (
        "dropped '/' from '127.0.0.1': the peer took no message for send_timeout=2 s"
    )
    assert vars(record)["websocket_setting"] == "send_timeout"


# --------------------------------------------------------------------------- a peer that floods


async def test_messages_up_to_the_limit_are_received() -> None:
    async with Server("1", "2", "3").websocket(messages_per_second=3) as ws:
        assert [await ws.receive() for _ in range(3)] == ["1", "2", "3"]


async def test_a_message_over_the_limit_ends_the_connection_with_1008() -> None:
    server = Server("1", "2", "3")
    ws = server.websocket(messages_per_second=2)
    await ws.accept()
    assert [await ws.receive(), await ws.receive()] == ["1", "2"]
    with pytest.raises(WebSocketHandshakeError) as caught:
        await ws.receive()
    assert not isinstance(caught.value, WebSocketDisconnectError)
    assert str(caught.value) == (
        "cannot receive: this end has closed the connection, because the peer sent more than"
        " messages_per_second=2 (it can't be used again; leave the handler, or check ws.open"
        " first)"
    )
    assert ws.close_info == FLOODED
    assert server.sent == [accept(), close(1008, "too many messages")]


async def test_time_makes_room_for_more() -> None:
    server = Server("1", "2")
    async with server.websocket(messages_per_second=2) as ws:
        for _ in range(10):
            assert [await ws.receive(), await ws.receive()] == ["1", "2"]
            await sleep(1)
            server.push("1", "2")


async def test_iteration_just_ends() -> None:
    ws = Server(*"12345").websocket(messages_per_second=2)
    await ws.accept()
    assert [message async for message in ws] == ["1", "2"]
    assert ws.close_info == FLOODED


async def test_a_router_absorbs_it_and_says_so_in_one_line_at_info(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")
    app = WebSocketRouter()

    @app.websocket("/", messages_per_second=2)
    async def handler(ws: WebSocket) -> None:
        async with ws:
            while True:
                await ws.receive()

    server = Server(*"12345")
    await app(*server.asgi)
    assert server.sent == [accept(), close(1008, "too many messages")]
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.getMessage() == (
        "dropped '/' from '127.0.0.1': the peer sent more than messages_per_second=2"
    )
    assert vars(record)["websocket_setting"] == "messages_per_second"


async def test_a_close_that_blocks_is_tried_for_a_second_whatever_the_receives_timeout() -> None:
    server = Server(*"123")
    server.stuck.add("websocket.close")
    ws = server.websocket(messages_per_second=2)
    await ws.accept()
    start = current_time()
    with pytest.raises(WebSocketHandshakeError, match="messages_per_second=2"):
        while True:
            await ws.receive(timeout=0.5)
    assert current_time() - start == pytest.approx(1)


async def test_a_timeout_and_the_limit_go_together() -> None:
    ws = Server("1").websocket(messages_per_second=2, receive_timeout=5)
    await ws.accept()
    assert await ws.receive() == "1"
    with pytest.raises(WebSocketTimeoutError):
        await ws.receive()


async def test_a_goodbye_is_no_message() -> None:
    server = Server("1")
    server.leave(1001)
    ws = server.websocket(messages_per_second=1)
    await ws.accept()
    assert await ws.receive() == "1"
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    assert ws.close_info == CloseInfo(1001, "", "peer")


async def test_what_a_task_group_discards_counts_too() -> None:
    server = Server(*"12345")
    ws = server.websocket(messages_per_second=3)
    await ws.accept()
    with pytest.raises(WebSocketHandshakeError, match="messages_per_second=3"):
        async with ws.task_group(buffer=0):
            await sleep_forever()
    assert server.sent == [accept(), close(1008, "too many messages")]
    assert server.receives == 5  # connect, and four messages


async def test_in_a_task_group_who_receives_is_told_and_the_group_ends() -> None:
    server = Server(*"12")
    received: list[str] = []
    ws = server.websocket(messages_per_second=3)
    await ws.accept()

    async def receive() -> None:
        while True:
            received.append(await ws.receive())

    with pytest.raises(WebSocketHandshakeError, match="messages_per_second=3"):
        async with ws.task_group() as tasks:
            tasks.start_soon(receive)
            await calm_down()
            assert received == ["1", "2"]
            server.push(*"345")
            await sleep_forever()
    assert server.sent == [accept(), close(1008, "too many messages")]


async def test_what_a_full_buffer_held_back_is_not_held_against_the_peer() -> None:
    server = Server(*"123456")
    ws = server.websocket(messages_per_second=2)
    await ws.accept()
    async with ws.task_group(buffer=1):
        assert await ws.receive() == "1"
        await sleep(3)
        assert [await ws.receive() for _ in range(5)] == [*"23456"]


async def test_a_wrapped_socket_is_limited_too() -> None:
    server = Server(*"123")
    ws = wrap(StarletteWebSocket(*server.asgi), messages_per_second=2)
    await ws.accept()
    assert [message async for message in ws] == ["1", "2"]
    assert server.sent[-1] == close(1008, "too many messages")


async def test_a_message_behind_this_ends_own_close_counts_no_more() -> None:
    server = Server("1")
    ws = server.websocket(messages_per_second=1)
    await ws.accept()
    assert await ws.receive() == "1"
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
                await ws.receive()

        tasks.start_soon(receive)
        await calm_down()
        await ws.close(4000)
        server.push("2")
    assert ws.close_info == CloseInfo(4000, "", "server")


# -------------------------------------------------------------------------------------- the log


async def test_a_connection_is_logged_at_debug_from_its_accept_to_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    async with Server(path="/a").websocket():
        await sleep(1.5)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "accepted '/a' from '127.0.0.1'"),
        (
            "DEBUG",
            "closed '/a' from '127.0.0.1' by the server after 1.500 s: code 1000, reason ''",
        ),
    ]


async def test_a_peers_goodbye_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    server = Server(path="/a")
    server.leave(1001, "bye")
    with pytest.raises(WebSocketDisconnectError):
        async with server.websocket() as ws:
            await sleep(2)
            async for _ in ws:
                pass
            await ws.send("hi")
    assert caplog.messages == [
        "accepted '/a' from '127.0.0.1'",
        "closed '/a' from '127.0.0.1' by the peer after 2.000 s: code 1001, reason 'bye'",
    ]


async def test_a_goodbye_that_tells_more_is_not_logged_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A send has found the peer gone first, and knew no code."""
    caplog.set_level(logging.DEBUG, "websocket_kit")
    server = Server(path="/a")
    server.fails["websocket.send"] = OSError("reset")
    ws = server.websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group():
            await calm_down()
            server.leave(1001)
            await ws.send("hi")
    assert [message.split()[0] for message in caplog.messages] == ["accepted", "closed"]


async def test_a_wrapped_socket_that_others_end_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    socket = StarletteWebSocket(*Server(path="/a").asgi)
    await socket.accept()
    ws = wrap(socket)
    await socket.close(4000)
    assert not ws.open
    assert caplog.messages == ["closed '/a' from '127.0.0.1' by the server: code 4000, reason ''"]


@pytest.mark.parametrize(
    ("offers_denial", "status", "seen"), [(True, 401, 401), (False, 401, 403), (True, 403, 403)]
)
async def test_a_rejection_is_logged_with_the_status_that_the_peer_sees(
    offers_denial: bool, status: int, seen: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    await Server(path="/a", denial=offers_denial).websocket().reject(status)
    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert record.getMessage() == f"rejected '/a' from '127.0.0.1' with HTTP {seen}"
    assert vars(record)["websocket_status"] == seen
    assert vars(record)["websocket_setting"] is None


async def test_a_foreign_page_that_a_bare_websocket_rejects_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"host": "example.com", "origin": "https://evil.example"}
    with pytest.raises(WebSocketHandshakeError):
        await Server(headers=headers).websocket().accept()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert vars(record)["websocket_setting"] == "allowed_origins"


async def test_no_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    async with Server(*"12345").websocket() as ws:
        for _ in range(5):
            await ws.send(await ws.receive())
    assert len(caplog.messages) == 2
