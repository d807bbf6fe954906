"""``WebSocket`` where a limit is on, or the log: the slow ways of accept, send and answer."""

from __future__ import annotations

import logging

import pytest

from tests.asgi import Server, accept, text
from websocket_kit import CloseInfo, WebSocketDisconnectError, WebSocketHandshakeError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("message", ["hi", "café", b"hi", {"a": 1}, 5])
async def test_what_is_sent_is_the_same_with_a_timeout(message: object) -> None:
    plain, bounded = Server(), Server()
    async with plain.websocket() as ws:
        await ws.send(message)
    async with bounded.websocket(send_timeout=5) as ws:
        await ws.send(message)
    assert plain.sent == bounded.sent


async def test_what_cannot_be_sent_is_refused_with_a_timeout_too() -> None:
    async with Server().websocket(send_timeout=5) as ws:
        with pytest.raises(TypeError):
            await ws.send(object())
        with pytest.raises(ValueError, match="surrogate"):
            await ws.send("\ud800")
        assert ws.open


async def test_answer_ends_where_the_library_ends_the_connection() -> None:
    server = Server("hi")
    server.stuck.add("websocket.send")
    ws = server.websocket(send_timeout=2)
    await ws.accept()
    await ws.answer(str.upper)
    assert ws.close_info == CloseInfo(3008, "messages were not read in time", "server")


async def test_answer_ends_where_the_peer_leaves_before_the_answer() -> None:
    server = Server("hi")
    server.fails["websocket.send"] = OSError("reset")
    ws = server.websocket()
    await ws.accept()
    await ws.answer(str.upper)
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_answer_raises_where_its_function_has_closed_and_still_answers() -> None:
    ws = Server("hi").websocket()

    async def close_and_answer(message: str) -> str:
        await ws.close()
        return message

    await ws.accept()
    with pytest.raises(WebSocketHandshakeError, match="this end has closed") as caught:
        await ws.answer(close_and_answer)
    assert not isinstance(caught.value, WebSocketDisconnectError)


async def test_limits_that_nothing_meets_change_nothing() -> None:
    server = Server("1", "2")
    options = {"send_timeout": 5, "receive_timeout": 5, "messages_per_second": 100}
    async with server.websocket(**options) as ws:
        assert await ws.receive(int) == 1
        assert await ws.pair("?") == "2"
    assert server.sent[:2] == [accept(), text("?")]


async def test_an_accept_is_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    await Server(path="/a").websocket().accept()
    assert caplog.messages == ["accepted '/a' from '127.0.0.1'"]
