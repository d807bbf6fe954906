"""What servers do: the events they give, and what they raise."""

from __future__ import annotations

import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from tests.asgi import Call, Event, Server, accept, close, receive_until_closed
from websocket_kit import (
    CloseCode,
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
)
from websocket_kit.testing._running import calm_down

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


# ------------------------------------------------------------------------------------ handshake


async def test_a_server_that_begins_with_a_message_is_told_so() -> None:
    server = Server("hi", connect=False)
    with pytest.raises(WebSocketHandshakeError, match="instead of a handshake"):
        await server.websocket().accept()
    assert server.tried == []


@pytest.mark.parametrize("kind", ["websocket.http.response.start", "websocket.http.response.body"])
async def test_a_server_that_raises_in_a_rejection_is_sent_no_more_of_it(kind: str) -> None:
    server = Server()
    server.fails[kind] = OSError("gone")
    await server.websocket().reject(401, body="who are you?")
    assert server.tried[-1]["type"] == kind


# ------------------------------------------------------------------------------- what is left of it


async def cancel_a_receive(ws: WebSocket) -> None:
    with anyio.move_on_after(1):
        await ws.receive()


async def wait_too_long(ws: WebSocket) -> None:
    with suppress(TimeoutError):
        await ws.receive(timeout=1)


async def get_too_much(ws: WebSocket) -> None:
    with suppress(WebSocketMessageTooBig):
        await ws.receive()


async def get_too_much_with_a_limit_on(ws: WebSocket) -> None:
    with suppress(WebSocketMessageTooBig):
        await ws.receive(timeout=1)


async def hear_a_goodbye(ws: WebSocket) -> None:
    with suppress(WebSocketDisconnectError):
        await ws.receive()


async def meet_a_goodbye(ws: WebSocket) -> None:
    with suppress(WebSocketDisconnectError):
        await ws.send("hi")


async def cancel_a_send(ws: WebSocket) -> None:
    with anyio.move_on_after(1):
        await ws.send("hi")


async def hear_a_goodbye_in_a_task_group(ws: WebSocket) -> None:
    with suppress(WebSocketDisconnectError):
        async with ws.task_group():
            await ws.receive()


async def meet_a_goodbye_in_a_task_group(ws: WebSocket) -> None:
    with suppress(WebSocketDisconnectError):
        async with ws.task_group():
            await ws.send("hi")


async def fail_in_a_task_group(ws: WebSocket) -> None:
    with suppress(ExceptionGroup):
        async with ws.task_group():
            raise ValueError


async def fail_to_send_each(ws: WebSocket) -> None:
    async def fail() -> AsyncIterator[str]:
        raise ValueError
        yield "never"

    with suppress(ValueError):
        await ws.send_each(fail())


# From Python 3.12 on a bare asynccontextmanager that turns an error into a group of it leaves the
# two in a cycle through its own frame, with nothing of ours in it.
contextlibs = pytest.mark.skipif(  # the standard library's, and so not ours to break
    sys.version_info >= (3, 12), reason="asynccontextmanager itself leaves a cycle"
)
BIG = {"type": "websocket.receive", "text": "x" * 9}
GOODBYE = {"type": "websocket.disconnect", "code": 1000}


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(
    ("call", "event"),
    [
        (cancel_a_receive, None),
        (wait_too_long, None),
        (get_too_much, BIG),
        (get_too_much_with_a_limit_on, BIG),
        (hear_a_goodbye, GOODBYE),
        (meet_a_goodbye, None),
        (cancel_a_send, None),
        pytest.param(hear_a_goodbye_in_a_task_group, GOODBYE, marks=contextlibs),
        pytest.param(hear_a_goodbye_in_a_task_group, OSError, marks=contextlibs),
        pytest.param(meet_a_goodbye_in_a_task_group, None, marks=contextlibs),
        pytest.param(fail_in_a_task_group, None, marks=contextlibs),
        pytest.param(fail_to_send_each, None, marks=contextlibs),
    ],
)
async def test_an_error_that_was_handled_keeps_no_connection_and_no_message_alive(
    call: Callable[[WebSocket], Awaitable[None]], event: Event | type[OSError] | None
) -> None:
    class Message(dict[str, Any]):
        """One that can be referred to weakly."""

    server = Server()
    alive: list[weakref.ref[Any]] = []
    if isinstance(event, type):
        server.push(event())
    elif event is not None:
        message = Message(event)
        alive.append(weakref.ref(message))
        server.push(message)
        del message
    if call is cancel_a_send:
        server.stuck.add("websocket.send")
    else:
        server.fails["websocket.send"] = OSError()

    async def connect() -> None:
        ws = server.websocket(max_message_bytes=8)
        alive.append(weakref.ref(ws))
        await ws.accept()
        await call(ws)

    await connect()
    await calm_down()
    server.forget()
    assert [reference() for reference in alive] == [None] * len(alive)


# -------------------------------------------------------------------------------------- sending


class Odd(BaseException):
    """What a server might raise of its own."""


GONE = [OSError("gone"), RuntimeError("gone"), Exception("gone"), Odd("gone")]


@pytest.mark.parametrize("gone", GONE, ids=repr)
@pytest.mark.parametrize("message", ["hi", b"hi", {"a": 1}])
async def test_whatever_a_server_raises_from_send_is_a_disconnect(
    gone: BaseException, message: Any
) -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.send"] = gone
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.send(message)
    assert caught.value.__cause__ is gone
    assert caught.value.code is None
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_after_a_failed_send_the_server_is_asked_nothing_more() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.send"] = OSError("gone")
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    tried, receives = len(server.tried), server.receives
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    assert (len(server.tried), server.receives) == (tried, receives)


@pytest.mark.parametrize(("refuses", "code"), [({}, 1011), ({1011}, 4011)])
async def test_a_server_that_refused_a_message_is_told_to_close(
    refuses: set[int], code: int
) -> None:
    server = Server(refuses=refuses)
    ws = server.websocket()
    server.fails["websocket.send"] = RuntimeError("over 1 MiB")
    with pytest.raises(WebSocketDisconnectError):
        async with ws:
            await ws.send("hi")
    assert server.sent == [accept(), close(code)]
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_a_peer_that_is_gone_by_the_servers_own_word_is_sent_no_close() -> None:
    server = Server()
    server.fails["websocket.send"] = OSError("gone")
    with pytest.raises(WebSocketDisconnectError):
        async with server.websocket() as ws:
            await ws.send("hi")
    assert server.sent == [accept()]


async def test_a_goodbye_that_follows_a_refused_message_is_sent_no_close() -> None:
    server = Server()
    ws = server.websocket()
    server.fails["websocket.send"] = RuntimeError("gone")
    with pytest.raises(WebSocketDisconnectError):
        async with ws, ws.task_group() as tasks:
            tasks.start_soon(ws.send, "hi")
            await calm_down()
            server.leave(1001)
            await anyio.sleep_forever()
    assert server.sent == [accept()]
    assert ws.close_info == CloseInfo(1001, "", "peer")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_in_the_server_is_no_disconnect(stop: type[BaseException]) -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.send"] = stop()
    with pytest.raises(stop):
        await ws.send("hi")
    assert ws.open


async def test_a_send_that_fails_because_another_task_closed_is_no_disconnect() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.stuck.add("websocket.send")

    async def send() -> None:
        with pytest.raises(WebSocketHandshakeError) as caught:
            await ws.send("hi")
        assert not isinstance(caught.value, WebSocketDisconnectError)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        await wait_all_tasks_blocked()
        await ws.close()
        server.fails["websocket.send"] = RuntimeError("closed")
        server.freed.set()
    assert ws.close_info == CloseInfo(1000, "", "server")


# ------------------------------------------------------------------------------------ receiving


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ({"text": "hi", "bytes": None}, "hi"),
        ({"text": None, "bytes": b"hi"}, "hi"),
        ({"text": "", "bytes": None}, ""),
        ({"bytes": b""}, ""),
        ({}, ""),
    ],
)
async def test_an_event_is_text_where_its_text_is_not_none(event: Any, value: str) -> None:
    async with Server({"type": "websocket.receive", **event}).websocket() as ws:
        assert await ws.receive() == value


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        ({"code": 1000}, 1000, ""),
        ({"code": 4000, "reason": "caf\u00e9"}, 4000, "caf\u00e9"),
        ({"code": 1001, "reason": None}, 1001, ""),
        ({"code": 1005}, None, ""),
        ({"code": 1006, "reason": ""}, None, ""),
        ({"code": None}, None, ""),
        ({}, None, ""),
    ],
)
async def test_a_peer_that_leaves_is_a_disconnect_with_its_code_and_reason(
    event: Any, code: int | None, reason: str
) -> None:
    ws = Server({"type": "websocket.disconnect", **event}).websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.receive()
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert ws.close_info == CloseInfo(code, reason, "peer")
    assert not ws.open


async def test_a_peers_code_is_a_plain_int_whatever_the_server_gives() -> None:
    ws = Server({"type": "websocket.disconnect", "code": CloseCode.GOING_AWAY}).websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.receive()
    assert type(caught.value.code) is int
    assert caught.value.code == 1001


async def receive_in_task_group(ws: WebSocket) -> None:
    async with ws.task_group():
        await anyio.sleep_forever()


RECEIVES: dict[str, Call] = {
    "receive": lambda ws: ws.receive(),
    "receive in time": lambda ws: ws.receive(timeout=5),
    "task group": receive_in_task_group,
}


@pytest.mark.parametrize("receive", RECEIVES.values(), ids=RECEIVES)
@pytest.mark.parametrize("gone", GONE, ids=repr)
async def test_whatever_a_server_raises_from_receive_is_a_disconnect(
    gone: BaseException, receive: Call
) -> None:
    ws = Server(gone).websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await receive(ws)
    assert caught.value.__cause__ is gone
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_after_the_peer_left_later_calls_answer_from_memory() -> None:
    server = Server()
    server.leave(4000, "bye")
    ws = server.websocket()
    await ws.accept()
    for _ in range(3):
        with pytest.raises(WebSocketDisconnectError) as caught:
            await ws.receive()
        assert (caught.value.code, caught.value.reason) == (4000, "bye")
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")
    assert server.receives == 2  # the handshake and the goodbye
    assert server.tried == [accept()]


async def test_what_comes_when_a_send_has_met_the_goodbye_is_the_last() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    server.fails["websocket.send"] = OSError("gone")
    received: list[str] = []

    async def receive() -> None:
        received.append(await ws.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await wait_all_tasks_blocked()
        with pytest.raises(WebSocketDisconnectError):
            await ws.send("hi")
        server.push("last")
    assert received == ["last"]
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    assert server.receives == 2  # the handshake, and the one that was waiting


@pytest.mark.parametrize("late", ["late", {"type": "websocket.disconnect", "code": 1000}])
async def test_what_comes_after_our_own_close_is_no_message_and_no_disconnect(late: Any) -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()

    async def receive() -> None:
        with pytest.raises(WebSocketHandshakeError, match="this end has closed") as caught:
            await ws.receive()
        assert not isinstance(caught.value, WebSocketDisconnectError)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await wait_all_tasks_blocked()
        await ws.close(1001)
        server.push(late)
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_a_receive_that_raises_after_our_own_close_is_no_disconnect() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_closed, ws)
        await wait_all_tasks_blocked()
        await ws.close(1001)
        server.push(RuntimeError("closed"))
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_an_event_that_is_none_of_asgis_is_an_error_that_names_it() -> None:
    async with Server({"type": "websocket.ping"}, "hi").websocket() as ws:
        with pytest.raises(WebSocketHandshakeError, match=r"'websocket\.ping'"):
            await ws.receive()
        assert await ws.receive() == "hi"


# ------------------------------------------------------------------------------- in a task group


async def test_what_is_left_of_a_group_is_received_before_what_the_server_still_has() -> None:
    server = Server("one", "two", b"three")
    async with server.websocket() as ws:
        async with ws.task_group():
            assert await ws.receive() == "one"
            await wait_all_tasks_blocked()
        server.push("four")
        assert [await ws.receive() for _ in range(3)] == ["two", "three", "four"]


async def test_what_was_read_ahead_of_a_goodbye_is_still_received() -> None:
    ws = Server("one", "two", {"type": "websocket.disconnect", "code": 4001}).websocket()
    await ws.accept()
    received: list[str] = []
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group():
            while True:
                received.append(await ws.receive())
                await wait_all_tasks_blocked()
    assert received == ["one", "two"]
    assert caught.value.code == 4001


async def test_beside_a_buffer_of_zero_nothing_is_received() -> None:
    async with Server("one").websocket() as ws, ws.task_group(buffer=0):
        with pytest.raises(WebSocketHandshakeError, match="give it a buffer"):
            await ws.receive()


async def test_a_second_receive_is_refused_while_the_first_waits_for_the_reader() -> None:
    server = Server()
    async with server.websocket() as ws, ws.task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.receive()
        server.push("hi")


async def test_a_send_that_fails_ends_the_reading() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group():
            await wait_all_tasks_blocked()
            server.fails["websocket.send"] = OSError("gone")
            with pytest.raises(WebSocketDisconnectError):
                await ws.send("hi")
            await anyio.sleep_forever()


async def test_a_receive_from_outside_a_group_goes_on_when_the_group_ends() -> None:
    server = Server()
    received: list[str] = []

    async def receive(ws: WebSocket) -> None:
        received.append(await ws.receive())

    async with server.websocket() as ws, anyio.create_task_group() as outside:
        async with ws.task_group():
            outside.start_soon(receive, ws)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        server.push("hi")
    assert received == ["hi"]
