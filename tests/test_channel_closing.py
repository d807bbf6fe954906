"""How a connection ends by ``close``, and where others use its socket too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import current_time, wait_all_tasks_blocked
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Event, Server, accept, close, denial, receive_until_closed
from websocket_kit import (
    CloseCode,
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRoute,
    endpoint,
    wrap,
)
from websocket_kit._finishing import drop, finish
from websocket_kit.testing import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Handler = Callable[[WebSocket], Coroutine[Any, Any, None]]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        ((), close(1000)),
        ((1001,), close(1001)),
        ((4999, "bye"), close(4999, "bye")),
        ((CloseCode.FORBIDDEN, "no"), close(3003, "no")),
        ((1000, "x" * 124), close(1000, "x" * 123)),
        ((1000, "\u00e9" * 62), close(1000, "\u00e9" * 61)),
        ((1000, "a\ud800"), close(1000, "a?")),
    ],
)
async def test_close_sends_a_code_and_a_reason_that_fits(arguments: Any, event: Any) -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    await ws.close(*arguments)
    assert server.sent == [accept(), event]
    assert ws.close_info == CloseInfo(event["code"], event["reason"], "server")
    assert not ws.open


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((999,), ValueError),
        ((1004,), ValueError),
        ((1005,), ValueError),
        ((1006,), ValueError),
        ((1015,), ValueError),
        ((2999,), ValueError),
        ((5000,), ValueError),
        (("1000",), TypeError),
        ((1000, b"bye"), TypeError),
    ],
)
async def test_close_refuses_a_bad_argument_and_the_connection_stays_open(
    arguments: Any, error: type[Exception]
) -> None:
    server = Server()
    async with server.websocket() as ws:
        with pytest.raises(error):
            await ws.close(*arguments)
        assert ws.open
        assert server.tried == [accept()]


async def test_a_connection_is_closed_once() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    await ws.close(1001)
    with pytest.raises(WebSocketHandshakeError, match="closed once"):
        await ws.close()
    assert server.sent == [accept(), close(1001)]
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_of_two_tasks_that_close_at_once_the_second_is_told_so() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.close")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.close, 1001)
        await wait_all_tasks_blocked()
        with pytest.raises(WebSocketHandshakeError):
            await ws.close(1002)
        server.freed.set()
    assert server.sent == [accept(), close(1001)]


async def test_after_our_own_close_send_and_receive_are_plain_handshake_errors() -> None:
    server = Server("unread")
    ws = server.websocket()
    await ws.accept()
    await ws.close()
    for call in (ws.send("hi"), ws.send({"a": 1}), ws.receive(), ws.receive(timeout=1)):
        with pytest.raises(WebSocketHandshakeError) as caught:
            await call
        assert not isinstance(caught.value, WebSocketDisconnectError)
    assert server.receives == 1  # the handshake


async def test_close_after_the_peer_left_is_a_disconnect() -> None:
    server = Server()
    server.leave(4001)
    ws = server.websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.close()
    assert caught.value.code == 4001
    assert ws.close_info == CloseInfo(4001, "", "peer")


async def test_a_peer_that_is_gone_by_then_counts_as_closed() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.close"] = OSError("gone")
    await ws.close(1001, "bye")
    assert ws.close_info == CloseInfo(1001, "bye", "server")


async def test_a_close_that_blocks_is_given_up_after_five_seconds() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.close")
    start = current_time()
    await ws.close(1001)
    assert current_time() - start == pytest.approx(5)
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_a_cancelled_close_has_ended_the_connection() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.close")
    with anyio.move_on_after(1) as scope:
        await ws.close(1001)
    assert scope.cancelled_caught
    assert not ws.open
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_a_close_that_waits_a_while_goes_out() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.close")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.close)
        await anyio.sleep(3)
        server.freed.set()
    assert server.sent == [accept(), close(1000)]


async def test_a_server_that_first_waits_and_then_refuses_a_code_is_tried_again() -> None:
    server = Server(refuses=[1011])
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.close")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.close, 1011)
        await anyio.sleep(3)
        server.freed.set()
    assert server.sent == [accept(), close(4011)]


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
@pytest.mark.parametrize(
    ("refuses", "code", "tried", "ended"),
    [
        ([], 1011, [1011], 1011),
        ([1011], 1011, [1011, 4011], 4011),
        ([1001], 1001, [1001, 4001], 4001),
        ([1011, 4011], 1011, [1011, 4011, 1000], 1000),
        ([1011, 4011, 1000], 1011, [1011, 4011, 1000], 1011),
    ],
)
async def test_a_legal_close_that_a_server_refuses_is_tried_again(
    make: Callable[[Server], WebSocket],
    refuses: list[int],
    code: int,
    tried: list[int],
    ended: int,
) -> None:
    server = Server(refuses=refuses)
    ws = make(server)
    await ws.accept()
    await ws.close(code, "why")
    assert server.tried[1:] == [close(each, "why") for each in tried]
    assert ws.close_info == CloseInfo(ended, "why", "server")


async def test_a_peer_that_leaves_as_its_handshake_is_refused_is_told_no_more() -> None:
    server = Server(denial=False)
    server.fails["websocket.close"] = OSError("gone")
    await server.websocket().reject(401)
    assert [event["type"] for event in server.tried] == ["websocket.close"]


async def test_a_rejection_says_what_its_body_is() -> None:
    server = Server()
    await server.websocket().reject(401, body="who are you?")
    kind = (b"content-type", b"text/plain; charset=utf-8")
    assert server.sent == denial(401, b"who are you?", kind)


async def test_a_rejection_has_one_content_length() -> None:
    server = Server()
    await server.websocket().reject(401, headers={"Content-Length": "0"})
    assert server.sent == denial(401)


async def test_a_close_in_a_task_group_waits_until_the_servers_receive_is_free() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()

    async with ws.task_group() as tasks:
        tasks.start_soon(receive_until_closed, ws)
        await wait_all_tasks_blocked()
        await ws.close(1001)
    assert server.sent == [accept(), close(1001)]


async def test_a_goodbye_that_comes_while_a_close_waits_for_the_servers_receive_is_none() -> None:
    server = Server()
    freed = anyio.Event()

    async def receive() -> Event:
        if server.receives == 0:
            return await server.receive()
        with anyio.move_on_after(30, shield=True):
            await freed.wait()
        return {"type": "websocket.disconnect", "code": 1001}

    ws = WebSocket(server.scope, receive, server.send)
    await ws.accept()
    async with ws.task_group() as tasks:
        await wait_all_tasks_blocked()
        tasks.start_soon(ws.close, 4000)
        await wait_all_tasks_blocked()
        assert server.sent == [accept()]
        freed.set()
    assert server.sent == [accept(), close(4000)]
    assert ws.close_info == CloseInfo(4000, "", "server")


# ------------------------------------------------------------------- beside a socket of Starlette's


async def test_what_a_wrapped_socket_accepted_is_open() -> None:
    server = Server("hi")
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket)
    await socket.accept()
    assert ws.open
    assert await ws.receive() == "hi"


async def test_a_wrapped_socket_whose_handshake_was_read_already_is_accepted() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    await socket.receive()
    await wrap(socket).accept()
    assert server.sent == [accept()]


async def test_a_send_that_fails_below_a_wrapped_socket_is_a_disconnect() -> None:
    server = Server()
    ws = server.wrapped()
    await ws.accept()
    server.fails["websocket.send"] = OSError("gone")
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")


@pytest.mark.parametrize("end", ["close", "leave"])
async def test_what_a_wrapped_socket_ended_is_over(end: str) -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket)
    await ws.accept()
    if end == "close":
        await socket.close(4000)
    else:
        server.leave(4001)
        await socket.receive()
    assert ws.close_info == (
        CloseInfo(4000, "", "server") if end == "close" else CloseInfo(None, "", "peer")
    )
    assert not ws.open


@pytest.mark.parametrize("reading", [False, True], ids=["alone", "in a task group"])
async def test_a_receive_ends_as_after_a_close_of_our_own_if_a_wrapped_socket_is_closed(
    reading: bool,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = StarletteWebSocket(scope, receive, send)
        ws = wrap(socket)
        await ws.accept()
        async with ws.task_group() if reading else anyio.create_task_group() as tasks:
            tasks.start_soon(close_later, socket)
            with pytest.raises(WebSocketHandshakeError, match="this end has closed") as caught:
                await ws.receive()
            assert not isinstance(caught.value, WebSocketDisconnectError)
            assert ws.close_info == CloseInfo(4000, "bye", "server")

    async def close_later(socket: StarletteWebSocket) -> None:
        await wait_all_tasks_blocked()
        await socket.close(4000, "bye")

    async with connect(app) as peer:
        await peer.expect_close(4000, "bye")


async def test_a_socket_may_be_wrapped_for_every_message() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    await wrap(socket).accept()
    for _ in range(1500):
        await wrap(socket).send("hi")
    await wrap(socket).close()
    assert len(server.sent) == 1502


async def test_a_wrapped_socket_that_is_closed_before_accept_had_no_code_to_send() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket)
    await socket.receive()
    await socket.close(4000)
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_a_wrapped_socket_is_sent_nothing_after_the_end() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    ws = wrap(socket)
    await ws.accept()
    server.leave()
    await socket.receive()
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    assert server.tried == [accept()]


async def test_a_wrapped_socket_whose_handshake_was_read_already_is_rejected() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    await socket.receive()
    await wrap(socket).reject()
    assert server.sent == denial(403)


async def test_a_peer_that_leaves_after_the_library_has_dropped_it_changes_nothing() -> None:
    server = Server(connect=False)
    ws = server.websocket()

    async def accept_it() -> None:
        with pytest.raises(WebSocketHandshakeError, match="the server stops"):
            await ws.accept()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(accept_it)
        await wait_all_tasks_blocked()
        drop(ws, 1012, "", "the server stops")
        server.leave(1001)
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_a_second_code_for_a_server_that_refused_the_first_can_be_cancelled() -> None:
    server = Server(refuses={1011})
    server.stuck.add("websocket.close")
    ws = server.websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.close, 1011)
        await wait_all_tasks_blocked()
        server.freed.set()
        server.freed = anyio.Event()  # the second is stuck again
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert server.tried == [accept(), close(1011), close(4011)]
    server.freed.set()
    await finish(ws, None)
    assert server.sent == [accept(), close(4011)]
    assert ws.close_info == CloseInfo(4011, "", "server")


# --------------------------------------------------------------------------------- cancelled


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
async def test_a_close_cancelled_on_its_way_to_the_server_is_sent_at_the_end(
    make: Callable[[Server], WebSocket],
) -> None:
    server = Server()
    async with make(server) as ws:
        server.stuck.add("websocket.close")
        with anyio.move_on_after(1):
            await ws.close(4000, "enough")
        server.stuck.clear()
    assert server.sent == [accept(), close(4000, "enough")]


@pytest.mark.parametrize("make", [Server.websocket, Server.wrapped])
async def test_a_close_cancelled_when_the_server_has_it_arrives_once(
    make: Callable[[Server], WebSocket],
) -> None:
    server = Server()
    server.slow_after.add("websocket.close")
    async with make(server) as ws:
        with anyio.move_on_after(1):
            await ws.close(4000, "enough")
    assert server.sent == [accept(), close(4000, "enough")]
    server.complaints.clear()  # the second was refused


async def on_a_route(handler: Handler, server: Server) -> None:
    await WebSocketRoute("/", handler)(*server.asgi)


async def at_an_endpoint(handler: Handler, server: Server) -> None:
    async def handle(ws: WebSocket) -> None:
        await handler(ws)

    await endpoint(handle)(StarletteWebSocket(*server.asgi))


@pytest.mark.parametrize("serve", [on_a_route, at_an_endpoint])
@pytest.mark.parametrize("when", ["stuck", "slow_after"])
@pytest.mark.parametrize("event", ["start", "body"])
async def test_a_rejection_cancelled_half_way_is_whole_at_the_end(
    serve: Callable[[Handler, Server], Awaitable[None]], when: str, event: str
) -> None:
    async def reject(ws: WebSocket) -> None:
        with anyio.move_on_after(1) as limit:
            await ws.reject(401, body="who are you?")
        assert limit.cancelled_caught
        server.stuck.clear()

    server = Server()
    getattr(server, when).add(f"websocket.http.response.{event}")
    await serve(reject, server)
    answer = server.rejection
    assert answer is not None
    assert (answer.status, answer.body) == (401, b"who are you?")
    assert server.answered
    server.complaints.clear()  # what the server had was refused the second time


@pytest.mark.parametrize("error", [RuntimeError("I have it"), Exception("I have it")])
async def test_a_rejection_whose_start_is_refused_may_have_begun_and_gets_its_body(
    error: Exception,
) -> None:
    server = Server()
    server.fails["websocket.http.response.start"] = error
    await server.websocket().reject(401, body="who are you?")
    assert [event["type"] for event in server.tried] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    server.complaints.clear()
