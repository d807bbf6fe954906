"""How a connection ends: ``close``, and the end of ``async with``.

What each error of a handler's ends it with is ``test_serving``'s table.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import current_time, wait_all_tasks_blocked
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Server, accept, close, denial
from websocket_kit import (
    CloseCode,
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRouter,
    websocket,
    wrap,
)

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
    server = Server()

    async def handle() -> None:
        async with server.websocket() as ws:
            await ws.receive()

    handling = handle()
    with pytest.raises(StopIteration):
        # By hand: to the first wait, which is receive's.
        raise StopIteration(handling.send(None))
    handling.close()
    assert server.sent == [accept()]


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


@pytest.mark.parametrize("use", ["iterate", "task group", "time out", "answer"])
async def test_nothing_keeps_a_finished_websocket_alive(use: str) -> None:
    server = Server("hi")
    if use != "task group":
        server.leave()

    async def handle() -> weakref.ref[object]:
        ws = server.websocket()
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


async def test_a_peer_that_left_before_it_was_answered_is_not_answered() -> None:
    server = Server(connect=False)
    server.leave(1006)
    router: Any = WebSocketRouter([websocket("/")(_does_nothing)])
    await router(*server.asgi)
    assert server.sent == []


async def _does_nothing(ws: WebSocket) -> None: ...
