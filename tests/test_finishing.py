"""How a connection ends on the server's side: ``close``, refused codes, bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever, wait_all_tasks_blocked
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Event, Server, accept, close, denial
from websocket_kit import (
    CloseCode,
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRoute,
    wrap,
)
from websocket_kit.testing import connect

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


# ---------------------------------------------------------------------------------------- close


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


# ---------------------------------------------------------------------------------- refused codes


def raw(server: Server) -> WebSocket:
    return WebSocket(*server.asgi)


def through_starlette(server: Server) -> WebSocket:
    return wrap(StarletteWebSocket(*server.asgi))


@pytest.mark.parametrize("make", [raw, through_starlette])
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


@pytest.mark.parametrize("make", [raw, through_starlette])
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


async def test_a_close_in_a_task_group_waits_until_the_servers_receive_is_free() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()

    async def receive() -> None:
        with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
            await ws.receive()

    async with ws.task_group() as tasks:
        tasks.start_soon(receive)
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


async def test_a_close_cancelled_after_the_server_has_it_is_not_sent_twice() -> None:
    server = Server()
    server.stuck.add("websocket.close")

    async def impatient(ws: WebSocket) -> None:
        await ws.accept()
        with anyio.move_on_after(1):
            await ws.close()

    await WebSocketRoute("/", impatient)(*server.asgi)
    assert server.tried == [accept(), close(1000)]


async def accept_only(ws: WebSocket) -> None:
    await ws.accept()


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


@pytest.mark.parametrize("make", [raw, through_starlette])
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
    assert ws.close_info == CloseInfo(1011, "", "server")


async def test_what_a_cancellation_leaves_of_a_rejection_is_sent_at_the_end() -> None:
    server = Server()
    sent: list[str] = []

    async def send_slowly(event: Event) -> None:
        sent.append(event["type"])
        await sleep(3)

    async def impatient(ws: WebSocket) -> None:
        with anyio.move_on_after(1):
            await ws.reject(401, body="who are you?")

    await WebSocketRoute("/", impatient)(server.scope, server.receive, send_slowly)
    assert sent == ["websocket.http.response.start", "websocket.http.response.body"]


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
    ws = through_starlette(server)
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
    assert ws.close_info == CloseInfo(None, "", "server" if end == "close" else "peer")
    assert not ws.open


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
