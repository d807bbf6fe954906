"""What comes first: the test, the handler, or the message between them."""

from __future__ import annotations

import pytest
from anyio import wait_all_tasks_blocked

from websocket_kit import WebSocket, WebSocketDisconnectError
from websocket_kit.testing import connect

pytestmark = pytest.mark.anyio


async def test_what_the_test_does_first_comes_before_what_the_handler_does_next() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            await ws.send("hi")

    for _ in range(20):  # trio shuffles its tasks
        async with connect(handler) as peer:
            peer.fail_send(OSError("gone"))


async def test_a_receive_without_time_left_gets_the_message_that_is_there() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await wait_all_tasks_blocked()
            await ws.send(await ws.receive(timeout=0))

    async with connect(handler) as peer:
        await peer.send("there")
        await peer.expect("there")
