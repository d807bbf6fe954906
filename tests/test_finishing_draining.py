"""What the rest of the package does to a connection: drop it, hang it up, refuse it."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Server, accept, close, denial
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRoute,
    wrap,
)
from websocket_kit._draining import Connections
from websocket_kit._finishing import (
    cancel_handler,
    drop,
    free_receiver,
    hang_up,
    has_handler,
    is_own,
    refuse,
)
from websocket_kit._handshake import Rejection
from websocket_kit._serving import Service, serve
from websocket_kit.testing._running import calm_down

pytestmark = pytest.mark.anyio

WHY = "the house burns down"


async def test_a_connection_that_is_dropped_is_over_before_its_peer_is_told() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    drop(ws, 4000, "out", WHY)
    assert ws.close_info == CloseInfo(4000, "out", "server")
    assert server.sent == [accept()]
    with pytest.raises(WebSocketHandshakeError, match="because the house burns down"):
        await ws.send("hi")
    await hang_up(ws)
    assert server.sent == [accept(), close(4000, "out")]


async def test_a_handshake_that_is_dropped_is_answered_with_503(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    server = Server()
    ws = server.websocket()
    drop(ws, 4000, "out", WHY)
    await hang_up(ws)
    assert server.sent == denial(503)
    assert caplog.messages == ["rejected '/' from '127.0.0.1' with HTTP 503: the house burns down"]


async def test_a_handshake_that_is_dropped_before_its_peer_asks_is_answered_then() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    drop(ws, 4000, "out", WHY)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hang_up, ws)
        await calm_down()
        assert server.sent == []
        server.push({"type": "websocket.connect"})
    assert server.sent == denial(503)


async def test_who_is_accepting_meanwhile_is_told() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    async with anyio.create_task_group() as tasks:

        async def accept_it() -> None:
            with pytest.raises(WebSocketHandshakeError, match="because the house burns down"):
                await ws.accept()

        tasks.start_soon(accept_it)
        await calm_down()
        drop(ws, 4000, "out", WHY)
        await hang_up(ws)
        server.push({"type": "websocket.connect"})
    assert server.sent == denial(503)


async def test_a_handshake_whose_peer_has_left_is_sent_nothing() -> None:
    server = Server(connect=False)
    server.leave(1001)
    ws = server.websocket()
    drop(ws, 4000, "out", WHY)
    await hang_up(ws)
    assert server.tried == []
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_it_is_known_whether_a_handler_runs() -> None:
    seen: list[bool] = []

    async def handler(ws: WebSocket) -> None:
        seen.append(has_handler(ws))
        connections.append(ws)

    connections: list[WebSocket] = []
    await WebSocketRoute("/", handler)(*Server().asgi)
    seen.append(has_handler(connections[0]))
    assert seen == [True, False]
    assert not has_handler(Server().websocket())


async def test_one_that_is_over_is_not_dropped() -> None:
    server = Server()
    async with server.websocket() as ws:
        await ws.close(4001)
        drop(ws, 4000, "out", WHY)
        assert ws.close_info == CloseInfo(4001, "", "server")
    assert server.sent == [accept(), close(4001)]


async def test_one_whose_socket_others_have_closed_is_not_dropped() -> None:
    socket = StarletteWebSocket(*Server().asgi)
    ws = wrap(socket)
    await socket.accept()
    await socket.close(4001)
    drop(ws, 4000, "out", WHY)
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_what_a_drop_owes_goes_out_at_the_end_of_async_with() -> None:
    server = Server()
    async with server.websocket() as ws:
        drop(ws, 4000, "out", WHY)
    assert server.sent == [accept(), close(4000, "out")]


async def test_a_goodbye_that_comes_later_changes_nothing() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(WebSocketHandshakeError) as caught:
                await ws.receive()
            assert not isinstance(caught.value, WebSocketDisconnectError)

        tasks.start_soon(receive)
        await calm_down()
        drop(ws, 4000, "out", WHY)
        server.leave(1001)
    assert ws.close_info == CloseInfo(4000, "out", "server")


async def test_a_server_that_fails_meanwhile_changes_nothing_either() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(WebSocketHandshakeError, match="because the house burns down"):
                await ws.receive()

        tasks.start_soon(receive)
        await calm_down()
        drop(ws, 4000, "out", WHY)
        server.push(OSError("reset"))


# --------------------------------------------------------------------------- while it is served


async def serving(handler: Any, server: Server, helper: Any) -> float:
    """Serve a handler, let a helper do something to its connection; how long it took."""
    ws = server.websocket()
    start = current_time()
    async with anyio.create_task_group() as tasks:

        async def help_along() -> None:
            await calm_down()
            await helper(ws)

        tasks.start_soon(help_along)
        await serve(ws, Service("handler", handler), Connections())
    return current_time() - start


async def receive_one(ws: Any) -> None:
    async with ws:
        await ws.receive()


async def test_a_receiver_is_freed_once_its_connection_is_dropped() -> None:
    async def helper(ws: Any) -> None:
        free_receiver(ws)
        await sleep(1)
        drop(ws, 4000, "out", WHY)
        free_receiver(ws)

    server = Server()
    assert await serving(receive_one, server, helper) == pytest.approx(1)
    assert server.sent == [accept(), close(4000, "out")]


async def test_who_does_not_receive_is_not_freed() -> None:
    async def handler(ws: Any) -> None:
        async with ws:
            await sleep(3)

    async def helper(ws: Any) -> None:
        drop(ws, 4000, "out", WHY)
        free_receiver(ws)

    assert await serving(handler, Server(), helper) == pytest.approx(3)


async def test_who_has_received_a_last_event_is_not_freed() -> None:
    async def handler(ws: Any) -> None:
        async with ws:
            with pytest.raises(WebSocketHandshakeError):
                await ws.receive()
            await sleep(3)

    async def helper(ws: Any) -> None:
        drop(ws, 4000, "out", WHY)
        server.push("late")
        await sleep(1)
        free_receiver(ws)

    server = Server()
    assert await serving(handler, server, helper) == pytest.approx(3)


async def test_a_handler_is_cancelled_whatever_it_does() -> None:
    async def handler(ws: Any) -> None:
        async with ws:
            await sleep_forever()

    async def helper(ws: Any) -> None:
        await sleep(2)
        assert not is_own(ws)
        cancel_handler(ws)

    server = Server()
    assert await serving(handler, server, helper) == pytest.approx(2)
    assert server.sent == [accept(), close(1012)]


async def test_a_handler_that_cancels_itself_goes_on() -> None:
    async def handler(ws: Any) -> None:
        async with ws:
            assert is_own(ws)
            cancel_handler(ws)
            await sleep(1)

    async def helper(ws: Any) -> None:
        pass

    assert await serving(handler, Server(), helper) == pytest.approx(1)


async def test_a_connection_that_nothing_serves_has_no_handler_to_cancel() -> None:
    async with Server().websocket() as ws:
        cancel_handler(ws)
        assert not is_own(ws)
        await sleep(1)
        assert ws.open


# ---------------------------------------------------------------------------------------- refuse

TEXT = (b"content-type", b"text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("rejection", "offers_denial", "events"),
    [
        (Rejection(403), True, [close(1008)]),
        (Rejection(403, "who?"), True, denial(403, b"who?", TEXT)),
        (Rejection(503), True, denial(503)),
        (Rejection(503), False, [close(1011)]),
        (Rejection(429), False, [close(1008)]),
    ],
)
async def test_a_handshake_is_refused(
    rejection: Rejection, offers_denial: bool, events: Any
) -> None:
    server = Server(denial=offers_denial)
    await refuse(server.websocket(), rejection)
    assert server.sent == events


async def test_a_refusal_takes_five_seconds_at_most() -> None:
    start = current_time()
    await refuse(Server(connect=False).websocket(), Rejection(503))
    assert current_time() - start == pytest.approx(5)


async def test_a_refusal_of_a_peer_that_has_left_sends_nothing() -> None:
    server = Server(connect=False)
    server.leave()
    await refuse(server.websocket(), Rejection(503))
    assert server.tried == []
