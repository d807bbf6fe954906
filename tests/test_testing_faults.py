"""What a peer can have go wrong: it is gone, it stalls, a send fails, the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import CancelScope, current_time, sleep, sleep_forever
from starlette.websockets import WebSocket as StarletteWebSocket

from websocket_kit import CloseInfo, WebSocket, WebSocketDisconnectError, WebSocketRouter
from websocket_kit.testing import LeftOver, WaitTimeout, connect

pytestmark = pytest.mark.anyio

Steps = list[str]


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def note_the_end(ws: WebSocket, steps: Steps) -> None:
    await ws.accept()
    try:
        await ws.receive()
    except WebSocketDisconnectError as error:
        steps.append(f"disconnect {error.code}")
        await sleep(0.5)
        steps.append("tidied up")


# ---------------------------------------------------------------------------------------- drop


async def test_a_dropped_peer_is_gone_without_a_word() -> None:
    steps: Steps = []
    async with connect(note_the_end, steps=steps) as peer:
        peer.drop()
        assert not peer.open
    assert steps == ["disconnect None", "tidied up"]
    assert peer.close_info == CloseInfo(None, "", "peer")


async def test_a_drop_may_have_a_code() -> None:
    steps: Steps = []
    async with connect(note_the_end, steps=steps) as peer:
        peer.drop(1001)
    assert steps[0] == "disconnect 1001"


async def test_after_a_drop_send_raises_oserror() -> None:
    caught: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await sleep(1)
        for _ in range(2):
            try:
                await send({"type": "websocket.send", "text": "hi"})
            except OSError as error:
                caught.append(error)

    async with connect(app) as peer:
        peer.drop()
        await peer.finished(timeout=2)
    assert [str(error) for error in caught] == ["the peer is gone", "the peer is gone"]


async def test_messages_before_a_drop_still_arrive() -> None:
    received: list[str] = []

    async def read(ws: WebSocket) -> None:
        async with ws:
            received.extend([message async for message in ws])

    async with connect(read) as peer:
        await peer.send("one")
        await peer.send("two")
        peer.drop()
    assert received == ["one", "two"]


async def test_a_peer_can_be_dropped_once_only() -> None:
    async with connect(echo) as peer:
        await peer.close(4000)
        peer.drop()
    assert peer.close_info == CloseInfo(4000, "", "peer")


async def test_a_handler_that_only_sends_notices_a_drop() -> None:
    router = WebSocketRouter()

    @router.websocket("/")
    async def clock(ws: WebSocket) -> None:
        async with ws:
            while True:
                await ws.send("tick")
                await sleep(1)

    async with connect(router) as peer:
        await peer.expect("tick")
        await peer.expect("tick")
        peer.drop()
        await peer.finished(timeout=2)


# ---------------------------------------------------------------------------- stall and resume


@pytest.mark.parametrize("buffer", [0, 1, 16])
async def test_while_stalled_send_blocks_when_the_buffer_is_full(buffer: int) -> None:
    steps: Steps = []

    async def wait_then_tick(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
            for number in range(20):
                await ws.send(number)
                steps.append(str(number))

    async with connect(wait_then_tick, buffer=buffer) as peer:
        peer.stall()
        await peer.send("go")
        await anyio.wait_all_tasks_blocked()
        assert len(steps) == buffer
        peer.resume()
        assert [int(message) async for message in peer] == list(range(20))


async def test_the_buffer_is_16_messages_unless_told_otherwise() -> None:
    steps: Steps = []

    async def wait_then_tick(ws: WebSocket) -> None:
        await ws.accept()
        await sleep(1)
        for number in range(20):
            await ws.send(number)
            steps.append(str(number))

    async with connect(wait_then_tick, strict=False) as peer:
        peer.stall()
        await sleep(2)
        assert len(steps) == 16


async def test_reading_makes_room_for_one_more() -> None:
    steps: Steps = []

    async def wait_then_tick(ws: WebSocket) -> None:
        await ws.accept()
        await sleep(1)
        for number in range(5):
            await ws.send(number)
            steps.append(str(number))

    async with connect(wait_then_tick, buffer=2, strict=False) as peer:
        peer.stall()
        await sleep(2)
        assert len(steps) == 2
        await peer.receive()
        await anyio.wait_all_tasks_blocked()
        assert len(steps) == 3


async def test_a_send_with_a_deadline_gives_up_on_a_stalled_peer() -> None:
    async def impatient(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
            with anyio.move_on_after(5):
                await ws.send("never")
            await ws.close(1008, "too slow")

    async with connect(impatient, buffer=0) as peer:
        peer.stall()
        await peer.send("go")
        await peer.expect_close(1008, "too slow", timeout=6)
        assert current_time() == pytest.approx(5)


async def test_a_send_that_blocks_does_not_come_after_another_tasks_close() -> None:
    async def close_meanwhile(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await sleep(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, {"type": "websocket.send", "text": "never"})
            await anyio.wait_all_tasks_blocked()
            await send({"type": "websocket.close", "code": 4001})

    async with connect(close_meanwhile, buffer=0) as peer:
        peer.stall()
        await peer.finished(timeout=2)
        peer.resume()
        await peer.expect_close(4001)
    assert [record.event["type"] for record in peer.transcript][-1] == "websocket.close"


async def test_a_send_that_blocks_is_freed_when_the_peer_goes() -> None:
    async def block(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
            await ws.send("never")

    async with connect(block, buffer=0) as peer:
        peer.stall()
        await peer.send("go")
        await anyio.wait_all_tasks_blocked()
        peer.drop()
        await peer.finished()


# ----------------------------------------------------------------------------------- fail_send


async def send_three(ws: WebSocket, steps: Steps) -> None:
    async with ws:
        await ws.receive()
        for number in range(3):
            try:
                await ws.send(number)
            except WebSocketDisconnectError as error:
                steps.append(f"{number}: {error.__cause__!r}")
                raise
            steps.append(f"{number}: sent")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (0, ["0: ValueError('planted')"]),
        (1, ["0: sent", "1: ValueError('planted')"]),
        (2, ["0: sent", "1: sent", "2: ValueError('planted')"]),
        (3, ["0: sent", "1: sent", "2: sent"]),
    ],
)
async def test_the_handlers_next_send_but_after_raises(after: int, expected: Steps) -> None:
    steps: Steps = []
    async with connect(send_three, steps=steps, strict=False) as peer:
        peer.fail_send(ValueError("planted"), after=after)
        await peer.send("go")
        await peer.finished()
    assert steps == expected


async def test_several_sends_can_fail() -> None:
    outcomes: Steps = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        for number in range(5):
            try:
                await send({"type": "websocket.send", "text": str(number)})
            except OSError as error:
                outcomes.append(str(error))
            else:
                outcomes.append("sent")

    async with connect(app) as peer:
        peer.fail_send(OSError("first"), after=1)
        peer.fail_send(OSError("next"))
        peer.fail_send(OSError("last"), after=4)
        await peer.send("go")
        await peer.expect("0")
        await peer.expect("3")
    assert outcomes == ["sent", "first", "next", "sent", "last"]


async def test_an_error_that_escapes_comes_out_of_the_test() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "hi"})

    with pytest.raises(ValueError, match="planted"):
        async with connect(app) as peer:
            peer.fail_send(ValueError("planted"))
            await peer.send("go")


async def test_a_disconnect_that_starlette_makes_of_it_is_absorbed() -> None:
    async def handler(socket: StarletteWebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    async with connect(handler) as peer:
        peer.fail_send(OSError("planted"))
        await peer.send("go")
        await peer.finished()


async def test_a_negative_number_of_messages_is_refused() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="after is 0 or more, not -1"):
            peer.fail_send(OSError(), after=-1)


# ------------------------------------------------------------------------------------ shutdown


async def test_a_shutdown_tells_the_handler_and_waits() -> None:
    steps: Steps = []
    async with connect(note_the_end, steps=steps) as peer:
        await peer.shutdown()
        assert steps == ["disconnect 1012", "tidied up"]
        assert current_time() == pytest.approx(0.5)
    assert peer.close_info == CloseInfo(1012, "", "server")


async def test_after_the_grace_the_handler_is_cancelled() -> None:
    steps: Steps = []
    async with connect(note_the_end, steps=steps) as peer:
        await peer.shutdown(grace=0.2)
        assert current_time() == pytest.approx(0.2)
    assert steps == ["disconnect 1012"]
    assert repr(peer) == "<Peer of '/': handler cancelled>"


async def test_a_handler_that_hears_nothing_is_cancelled_after_a_second() -> None:
    async def deaf(ws: WebSocket) -> None:
        await ws.accept()
        await sleep_forever()

    async with connect(deaf) as peer:
        await peer.shutdown()
        assert current_time() == pytest.approx(1)


async def test_a_handler_that_resists_fails_the_shutdown() -> None:
    async def resist(ws: WebSocket) -> None:
        await ws.accept()
        with CancelScope(shield=True):
            await sleep(9)

    with pytest.raises(WaitTimeout, match="the end of the handler, cancelled after"):
        async with connect(resist) as peer:
            await peer.shutdown()


async def say_goodbye(ws: WebSocket) -> None:
    async with ws:
        try:
            await sleep_forever()
        finally:
            with CancelScope(shield=True):
                await ws.send("bye")


async def test_a_shutdown_excuses_what_it_causes() -> None:
    async with connect(say_goodbye, server="granian") as peer:
        await peer.shutdown()


async def test_a_shutdown_does_not_excuse_what_came_before() -> None:
    async with connect(echo, strict=True) as peer:
        await peer.send("hi")
        await anyio.wait_all_tasks_blocked()
        await peer.shutdown()
        await peer.expect("hi")
    with pytest.raises(LeftOver, match="1 message"):
        async with connect(echo) as peer:
            await peer.send("hi")
            await anyio.wait_all_tasks_blocked()
            await peer.shutdown()


async def test_a_bad_grace_is_refused() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="0 seconds or more"):
            await peer.shutdown(-1)


# --------------------------------------------------------------------------- cancel and finished


async def test_a_cancelled_handler_closes_with_1012() -> None:
    async with connect(echo) as peer:
        await peer.cancel()
        await peer.expect_close(1012)
    assert repr(peer) == "<Peer of '/': handler cancelled>"


async def test_messages_sent_on_cancellation_may_be_read_or_not() -> None:
    async with connect(say_goodbye) as peer:
        await peer.cancel()
    async with connect(say_goodbye) as peer:
        await peer.cancel()
        await peer.expect("bye")


async def test_cancel_waits_for_the_handler() -> None:
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await sleep_forever()
        finally:
            with CancelScope(shield=True):
                await sleep(3)

    async with connect(slow) as peer:
        with pytest.raises(WaitTimeout):
            await peer.cancel()
        await peer.cancel(timeout=3)
        assert current_time() == pytest.approx(3)


async def test_what_a_cancelled_handler_raises_comes_out() -> None:
    async def crash(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await sleep_forever()
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(crash) as peer:
            await peer.cancel()


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_cancellation_excuses_the_tasks_it_leaves() -> None:
    async def careless(ws: WebSocket) -> None:
        task = asyncio.create_task(sleep_forever())
        await ws.accept()
        await ws.receive()
        task.cancel()

    async with connect(careless) as peer:
        await peer.cancel()


async def test_finished_waits_for_the_handler() -> None:
    async def three_seconds(ws: WebSocket) -> None:
        async with ws:
            await sleep(3)

    async with connect(three_seconds) as peer:
        with pytest.raises(WaitTimeout):
            await peer.finished()
        await peer.finished(timeout=5)
        assert current_time() == pytest.approx(3)
        await peer.finished()


FAULTS: dict[str, Callable[[Any], Any]] = {
    "drop": lambda peer: peer.drop(),
    "close": lambda peer: peer.close(),
    "shutdown": lambda peer: peer.shutdown(),
    "cancel": lambda peer: peer.cancel(),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_before_another_is_harmless(fault: Callable[[Any], Any]) -> None:
    async with connect(echo) as peer:
        peer.stall()
        peer.fail_send(OSError())
        outcome = fault(peer)
        if outcome is not None:
            await outcome
        await peer.finished()
        peer.drop()
        peer.resume()
        await peer.cancel()
        await peer.shutdown()
