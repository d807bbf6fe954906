"""``task_group`` and ``send_each``, as far as they are the WebSocket's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio import current_time, sleep_forever, wait_all_tasks_blocked

from tests.asgi import Server, accept, text
from websocket_kit import WebSocket, WebSocketDisconnectError, WebSocketHandshakeError
from websocket_kit.testing import connect

pytestmark = pytest.mark.anyio


async def accepted(server: Server) -> WebSocket[Any, Any]:
    ws = server.websocket()
    await ws.accept()
    return ws


# ------------------------------------------------------------------------------------ task_group


async def test_task_group_runs_tasks_beside_a_reader() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws, ws.task_group() as tasks:
            tasks.start_soon(ws.send, "ho")
            assert await ws.receive() == "hi"

    async with connect(handler) as peer:
        await peer.expect("ho")
        await peer.send("hi")
        await peer.expect_close(1000)


async def test_a_negative_buffer_is_refused() -> None:
    ws = await accepted(Server())
    with pytest.raises(ValueError, match="buffer"):
        ws.task_group(buffer=-1)


# ------------------------------------------------------------------------------------- send_each


class Source:
    """An async iterable that notes how it ends."""

    def __init__(self, *items: Any, then: str = "end") -> None:
        self.items = items
        self.then = then
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                yield item
            if self.then == "wait":
                await sleep_forever()
            if self.then == "fail":
                raise ZeroDivisionError
        finally:
            self.closed = True


async def test_send_each_sends_every_item_and_closes_the_source() -> None:
    source = Source("one", {"two": 2})

    async def handler(ws: WebSocket[str, Any]) -> None:
        async with ws:
            await ws.send_each(source)
            assert source.closed
            assert ws.open

    async with connect(handler) as peer:
        await peer.expect("one")
        await peer.expect({"two": 2})
        await peer.expect_close(1000)


async def test_send_each_discards_what_comes_in() -> None:
    server = Server("one", "two")
    ws = await accepted(server)

    async def slow() -> AsyncIterator[str]:
        await wait_all_tasks_blocked()
        yield "hi"

    await ws.send_each(slow())
    server.push("three")
    assert await ws.receive() == "three"


async def test_send_each_ends_the_moment_the_peer_leaves() -> None:
    source = Source("one", then="wait")

    async def handler(ws: WebSocket[str, Any]) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError) as caught:
            await ws.send_each(source)
        assert caught.value.code == 1001
        assert source.closed

    async with connect(handler) as peer:
        await peer.expect("one")
        await peer.expect_nothing(within=30)
        start = current_time()
        await peer.close(1001)
        await peer.finished()
        assert current_time() == start


async def test_send_each_to_a_peer_that_is_gone_is_a_disconnect() -> None:
    source = Source("one", "two")
    gone = OSError("gone")

    async def handler(ws: WebSocket[str, Any]) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError) as caught:
            await ws.send_each(source)
        assert caught.value.__cause__ is gone
        assert source.closed

    async with connect(handler) as peer:
        peer.fail_send(gone)


async def test_an_item_that_cannot_be_sent_ends_send_each_and_closes_the_source() -> None:
    server = Server()
    ws = await accepted(server)
    source = Source("one", object(), "three")
    with pytest.raises(TypeError, match="cannot send"):
        await ws.send_each(source)
    assert server.sent == [accept(), text("one")]
    assert source.closed
    assert ws.open


async def test_an_error_of_the_source_comes_out_bare() -> None:
    ws = await accepted(Server())
    source = Source("one", then="fail")
    with pytest.raises(ZeroDivisionError):
        await ws.send_each(source)
    assert source.closed
    assert ws.open


async def test_an_error_of_the_source_keeps_its_cause() -> None:
    ws = await accepted(Server())

    async def fail() -> AsyncIterator[str]:
        yield "one"
        msg = "why"
        raise ZeroDivisionError from KeyError(msg)

    with pytest.raises(ZeroDivisionError) as caught:
        await ws.send_each(fail())
    assert isinstance(caught.value.__cause__, KeyError)


async def test_a_cancelled_send_each_closes_the_source() -> None:
    ws = await accepted(Server())
    source = Source("one", then="wait")
    with anyio.move_on_after(1) as scope:
        await ws.send_each(source)
    assert scope.cancelled_caught
    assert source.closed
    assert ws.open


async def test_a_send_each_that_may_not_begin_closes_the_source() -> None:
    items = aiter(Source("one"))
    with pytest.raises(WebSocketHandshakeError, match=r"call accept\(\) first"):
        await Server().websocket().send_each(items)
    assert [item async for item in items] == []


async def test_send_each_beside_a_receive_is_refused() -> None:
    server = Server()
    ws = await accepted(server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.send_each(Source("one"))
        server.push("hi")
    assert server.sent == [accept()]


async def test_a_source_that_cannot_be_closed_is_left_alone() -> None:
    class Three:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> Three:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    server = Server()
    ws = await accepted(server)
    await ws.send_each(Three())
    assert server.sent == [accept(), text("2"), text("1"), text("0")]


async def test_a_source_that_closes_slowly_is_given_one_second() -> None:
    ws = await accepted(Server())

    class Slow:
        def __aiter__(self) -> Slow:
            return self

        async def __anext__(self) -> str:
            raise ZeroDivisionError

        async def aclose(self) -> None:
            await sleep_forever()

    start = current_time()
    with pytest.raises(ZeroDivisionError):
        await ws.send_each(Slow())
    assert current_time() - start == pytest.approx(1)


async def test_send_each_in_a_task_group_leaves_receiving_to_the_group() -> None:
    async def handler(ws: WebSocket[str, Any]) -> None:
        async with ws, ws.task_group() as tasks:
            tasks.start_soon(ws.send_each, Source("one", "two"))
            assert await ws.receive() == "hi"

    async with connect(handler) as peer:
        await peer.send("hi")
        await peer.expect("one")
        await peer.expect("two")
        await peer.expect_close(1000)


async def test_send_each_in_a_task_group_ends_with_it() -> None:
    source = Source("one", then="wait")

    async def handler(ws: WebSocket[str, Any]) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group() as tasks:
                tasks.start_soon(ws.send_each, source)

    async with connect(handler) as peer:
        await peer.expect("one")
        assert not source.closed
        await peer.close()
        await peer.finished()
        assert source.closed


async def test_our_own_close_ends_send_each_with_a_plain_handshake_error() -> None:
    async def handler(ws: WebSocket) -> None:
        async def items() -> AsyncIterator[str]:
            yield "one"
            await ws.close(4000)
            yield "two"

        await ws.accept()
        with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
            await ws.send_each(items())

    async with connect(handler) as peer:
        await peer.expect("one")
        await peer.expect_close(4000)
