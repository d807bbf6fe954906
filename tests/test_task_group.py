"""Sending while receiving: ``task_group``."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever, wait_all_tasks_blocked

from tests.asgi import Call, Server, accept, close, receive_until_closed
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketTimeoutError,
)
from websocket_kit.testing import connect

pytestmark = pytest.mark.anyio


async def accepted(server: Server, **options: Any) -> WebSocket[Any, Any]:
    ws = server.websocket(**options)
    await ws.accept()
    return ws


# ------------------------------------------------------------------------------- ordinary service


async def test_one_task_receives_while_another_sends() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async def receive() -> None:
            received.extend([await ws.receive(), await ws.receive()])

        async def send() -> None:
            await ws.send("one")
            await ws.send("two")

        await ws.accept()
        async with ws.task_group() as tasks:
            tasks.start_soon(receive)
            tasks.start_soon(send)
        await ws.close(4000)

    async with connect(handler) as peer:
        await peer.expect("one")
        await peer.expect("two")
        await peer.send("hi")
        await peer.expect_nothing()
        await peer.send("ho")
        await peer.expect_close(4000)
    assert received == ["hi", "ho"]


async def test_it_waits_for_its_tasks_and_then_stops_reading() -> None:
    server = Server()
    ws = await accepted(server)
    async with ws.task_group() as tasks:
        tasks.start_soon(sleep, 10)
    assert current_time() == pytest.approx(10, abs=1)
    server.push("hi")
    await wait_all_tasks_blocked()
    assert await ws.receive() == "hi"


async def test_the_body_may_receive_itself() -> None:
    ws = await accepted(Server("hi"))
    async with ws.task_group():
        assert await ws.receive() == "hi"


async def test_iteration_in_it_ends_when_the_peer_leaves() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group():
                received.extend([message async for message in ws])
        assert ws.close_info == CloseInfo(1001, "", "peer")

    async with connect(handler) as peer:
        await peer.send("one")
        await peer.send("two")
        await peer.close(1001)
    assert received == ["one", "two"]


# ------------------------------------------------------------------------------- the peer leaves


async def test_when_the_peer_leaves_and_nobody_receives_every_task_is_cancelled_at_once() -> None:
    cancelled: list[str] = []

    async def wait(name: str) -> None:
        try:
            await sleep_forever()
        finally:
            cancelled.append(name)

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError) as caught:
            async with ws.task_group() as tasks:
                tasks.start_soon(wait, "child")
                await wait("body")
        assert (caught.value.code, caught.value.reason) == (4001, "bye")

    async with connect(handler) as peer:
        await peer.expect_nothing(within=5)
        start = current_time()
        await peer.close(4001, "bye")
        await peer.finished()
        assert current_time() == start
    assert sorted(cancelled) == ["body", "child"]


async def test_messages_that_nobody_has_received_do_not_delay_that() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group():
                await sleep_forever()

    async with connect(handler) as peer:
        await peer.send("one")
        await peer.send("two")
        await peer.expect_nothing(within=5)
        start = current_time()
        await peer.close()
        await peer.finished()
        assert current_time() == start


async def test_a_group_that_has_just_begun_has_half_a_second_to_receive_what_was_sent() -> None:
    server = Server("one", "two")
    server.leave()
    ws = await accepted(server)
    received: list[str] = []

    async def receive() -> None:
        await sleep(0.4)
        received.extend([message async for message in ws])

    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            tasks.start_soon(receive)
            await sleep_forever()
    assert received == ["one", "two"]
    assert current_time() == pytest.approx(0.4, abs=0.01)


async def test_a_task_that_has_just_received_has_half_a_second_to_come_back() -> None:
    saved: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async def save() -> None:
            async for message in ws:
                await sleep(0.4)
                saved.append(message)

        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group() as tasks:
                tasks.start_soon(save)

    async with connect(handler) as peer:
        await peer.send("one")
        await peer.expect_nothing(within=0.1)
        await peer.close()
    assert saved == ["one"]


async def test_what_the_peer_sent_before_is_delivered_to_a_task_that_receives() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async def receive_slowly() -> None:
            while True:
                received.append(await ws.receive())
                await sleep(0.4)

        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group() as tasks:
                tasks.start_soon(receive_slowly)

    async with connect(handler) as peer:
        await peer.expect_nothing(within=5)
        for message in ("one", "two", "three"):
            await peer.send(message)
        await peer.close()
        await peer.finished(timeout=2)
    assert received == ["one", "two", "three"]


async def test_the_task_that_receives_hears_of_the_goodbye_itself() -> None:
    heard: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        async def receive() -> None:
            try:
                await ws.receive()
            except WebSocketDisconnectError as error:
                heard.append(error.code)

        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group() as tasks:
                tasks.start_soon(receive)

    async with connect(handler) as peer:
        await peer.expect_nothing()
        await peer.close(4001)
    assert heard == [4001]


async def test_a_task_that_stays_away_for_over_half_a_second_is_not_waited_for() -> None:
    received: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async def receive_too_slowly() -> None:
            while True:
                received.append(await ws.receive())
                await sleep(30)

        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group() as tasks:
                tasks.start_soon(receive_too_slowly)

    async with connect(handler) as peer:
        await peer.expect_nothing()
        start = current_time()
        await peer.send("one")
        await peer.send("two")
        await peer.close()
        await peer.finished()
        assert current_time() - start == pytest.approx(0.5)
    assert received == ["one"]


async def test_the_messages_left_by_an_earlier_group_are_delivered_before_the_goodbye() -> None:
    server = Server("one", "two", "three")
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
    received: list[str] = []

    async def receive_slowly() -> None:
        while True:
            received.append(await ws.receive())
            await sleep(0.4)

    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            tasks.start_soon(receive_slowly)
            await wait_all_tasks_blocked()
            server.leave()
    assert received == ["one", "two", "three"]


async def test_a_send_that_hears_of_the_goodbye_does_not_end_the_task_that_receives() -> None:
    server = Server()
    ws = await accepted(server)
    received: list[str] = []
    heard: list[str] = []

    async def receive_slowly() -> None:
        async for message in ws:
            received.append(message)
            await sleep(0.4)

    async def tick() -> None:
        while True:
            await sleep(0.1)
            try:
                await ws.send("tick")
            except WebSocketDisconnectError:
                heard.append("goodbye")
                raise

    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group() as tasks:
            tasks.start_soon(receive_slowly)
            tasks.start_soon(tick)
            await tasks.start(tick_once_started, tick)
            server.push("one", "two", "three")
            server.leave(4001)
            await tick()
    assert received == ["one", "two", "three"]
    assert heard == ["goodbye"] * 3
    assert caught.value.code == 4001


async def tick_once_started(tick: Any, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    task_status.started()
    await tick()


async def test_after_a_send_that_fails_the_rest_and_the_goodbye_are_still_read() -> None:
    server = Server()
    ws = await accepted(server)
    received: list[str] = []

    async def receive() -> None:
        async for message in ws:
            received.append(message)
            await sleep(0.1)

    gone = OSError("gone")
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group(buffer=1) as tasks:
            tasks.start_soon(receive)
            await wait_all_tasks_blocked()
            server.push("one", "two", "three")
            server.leave(4001)
            server.fails["websocket.send"] = gone
            await ws.send("hi")
    assert received == ["one", "two", "three"]
    assert caught.value.code == 4001
    assert caught.value.__cause__ is gone
    assert ws.close_info == CloseInfo(4001, "", "peer")


async def test_a_send_that_fails_ends_the_group_soon_if_no_goodbye_follows() -> None:
    server = Server()
    ws = await accepted(server)
    server.fails["websocket.send"] = OSError("gone")

    async def receive() -> None:
        with pytest.raises(WebSocketDisconnectError):
            await ws.receive()

    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            tasks.start_soon(receive)
            await wait_all_tasks_blocked()
            await ws.send("hi")
    assert current_time() == pytest.approx(0.1, abs=0.01)


async def test_the_first_error_of_the_servers_is_the_cause() -> None:
    first = OSError("gone")
    server = Server()
    ws = await accepted(server)
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group() as tasks:
            tasks.start_soon(receive_all, ws)
            await wait_all_tasks_blocked()
            server.fails["websocket.send"] = first
            with pytest.raises(WebSocketDisconnectError):
                await ws.send("hi")
            server.push(OSError("also gone"))
    assert caught.value.__cause__ is first


async def test_a_task_whose_start_hears_of_the_goodbye_tells_who_starts_it() -> None:
    server = Server()
    ws = await accepted(server)
    server.fails["websocket.send"] = OSError("gone")

    async def greet(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        await ws.send("hi")
        task_status.started()

    told: list[str] = []
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            try:
                await tasks.start(greet)
            except WebSocketDisconnectError:
                told.append("who started it")
    assert told == ["who started it"]


async def test_the_goodbye_of_another_connection_is_an_error_like_any() -> None:
    server, other = Server(), Server()
    ws, gone = await accepted(server), await accepted(other)
    other.fails["websocket.send"] = OSError("gone")

    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            tasks.start_soon(gone.send, "hi")
            await sleep_forever()
    assert ws.open


async def test_its_tasks_are_anyios() -> None:
    ws = await accepted(Server())
    done: list[str] = []

    async def work(name: str) -> str:
        done.append(name)
        done.append(str(anyio.get_current_task().name))
        return name

    async with ws.task_group() as tasks:
        assert isinstance(tasks, anyio.abc.TaskGroup)
        tasks.start_soon(work, "one", name="first")
        await wait_all_tasks_blocked()
        assert done == ["one", "first"]
        tasks.start_soon(sleep_forever)
        tasks.cancel_scope.cancel()
    assert ws.open


@pytest.mark.skipif(  # the oldest anyio that is allowed is tested too
    not hasattr(anyio.abc.TaskGroup, "create_task"), reason="anyio before 4.14 has no create_task"
)
async def test_a_task_made_of_a_coroutine_hears_of_the_goodbye_too() -> None:
    server = Server()
    ws = await accepted(server)
    received: list[str] = []

    async def receive() -> None:
        async for message in ws:
            received.append(message)
            await sleep(0.1)

    async def send() -> None:
        await sleep(0.05)
        await ws.send("hi")

    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group() as tasks:
            tasks.create_task(receive())
            tasks.create_task(send())
            await wait_all_tasks_blocked()
            server.push("one", "two")
            server.leave()
    assert received == ["one", "two"]


async def test_the_disconnect_is_bare_though_every_task_met_it() -> None:
    server = Server()
    ws = await accepted(server)

    async def send() -> None:
        await sleep(1)
        await ws.send("hi")

    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(send)
            await wait_all_tasks_blocked()
            server.fails["websocket.send"] = OSError("gone")
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_send_that_finds_the_peer_gone_ends_the_group_even_if_it_is_caught() -> None:
    server = Server()
    ws = await accepted(server)
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group():
            server.fails["websocket.send"] = OSError("gone")
            with pytest.raises(WebSocketDisconnectError):
                await ws.send("hi")
            await sleep_forever()


async def test_a_receive_that_raises_in_the_server_is_the_cause() -> None:
    gone = OSError("gone")
    ws = await accepted(Server(gone))
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group():
            await sleep_forever()
    assert caught.value.__cause__ is gone


async def test_after_the_end_the_server_is_asked_for_nothing_more() -> None:
    server = Server("one")
    server.leave()
    ws = await accepted(server)
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group():
            await sleep_forever()
    receives = server.receives
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group():
            pass
    assert server.receives == receives


# ------------------------------------------------------------------------------------ the buffer


async def test_a_full_buffer_stops_the_reading() -> None:
    server = Server("one", "two", "three", "four")
    ws = await accepted(server)
    async with ws.task_group(buffer=2):
        await wait_all_tasks_blocked()
        assert server.receives == 3  # the handshake, and two messages
        assert await ws.receive() == "one"
        await wait_all_tasks_blocked()
        assert server.receives == 4
        assert [await ws.receive() for _ in range(3)] == ["two", "three", "four"]


async def test_sixty_four_messages_may_wait_where_nothing_is_said() -> None:
    server = Server(*["hi"] * 100)
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
        assert server.receives == 65


async def test_a_goodbye_behind_a_full_buffer_shows_at_the_next_send() -> None:
    server = Server("one")
    server.leave()
    ws = await accepted(server)
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group(buffer=1):
            await sleep(30)
            assert ws.open
            server.fails["websocket.send"] = OSError("gone")
            await ws.send("hi")


@pytest.mark.parametrize("buffer", [None, 1.5, "64", True])
async def test_a_buffer_that_is_no_number_of_messages_is_refused(buffer: Any) -> None:
    ws = await accepted(Server())
    with pytest.raises(TypeError) as caught:
        ws.task_group(buffer)
    assert str(caught.value) == f"buffer is an int, not {buffer!r}"


async def test_a_buffer_of_zero_discards_what_comes_in_and_notices_the_goodbye() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnectError):
            async with ws.task_group(buffer=0):
                await ws.send("hi")
                await sleep_forever()

    async with connect(handler) as peer:
        for message in ("one", "two"):
            await peer.send(message)
        await peer.expect("hi")
        await peer.send("three")
        await peer.close()
        await peer.finished()


async def receive_all(ws: WebSocket) -> None:
    async for _ in ws:
        pass


RECEIVES: list[Call] = [
    lambda ws: ws.receive(),
    lambda ws: ws.receive(timeout=1),
    lambda ws: ws.expect("one"),
    lambda ws: ws.pair("?"),
    lambda ws: ws.pair("!", recv_first=True),
    receive_all,
]


@pytest.mark.parametrize(
    "call",
    RECEIVES,
    ids=["receive", "with a timeout", "expect", "pair", "pair, receiving first", "iteration"],
)
async def test_receiving_beside_a_buffer_of_zero_is_refused_and_nothing_is_sent(call: Any) -> None:
    server = Server("one")
    ws = await accepted(server)
    async with ws.task_group(buffer=0):
        with pytest.raises(WebSocketHandshakeError, match="give it a buffer"):
            await call(ws)
    assert server.tried == [accept()]
    assert ws.open


# ------------------------------------------------------------------------------------- leftovers


async def test_what_was_not_received_is_there_after_the_group_in_order() -> None:
    server = Server("one", "two", "three")
    ws = await accepted(server)
    async with ws.task_group():
        assert await ws.receive() == "one"
        await wait_all_tasks_blocked()
    server.push("four")
    assert [await ws.receive() for _ in range(3)] == ["two", "three", "four"]


async def test_what_two_groups_left_stays_in_order() -> None:
    server = Server("one", "two")
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
    server.push("three", "four")
    async with ws.task_group():
        assert await ws.receive() == "one"
        await wait_all_tasks_blocked()
    server.push("five")
    assert [await ws.receive() for _ in range(4)] == ["two", "three", "four", "five"]


async def test_leftovers_are_cast_and_measured_like_any_message() -> None:
    server = Server("5", "x" * 9)
    ws = await accepted(server, max_message_bytes=8)
    async with ws.task_group():
        await wait_all_tasks_blocked()
    assert await ws.receive(int, timeout=1) == 5
    with pytest.raises(Exception, match="limit is 8"):
        await ws.receive()


async def test_what_was_not_received_does_not_hold_up_one_that_only_sends() -> None:
    server = Server("one")
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
    server.leave(1001)
    started = current_time()
    with pytest.raises(WebSocketDisconnectError):
        async with ws.task_group(buffer=0):
            await sleep_forever()
    assert current_time() == started


async def test_after_our_own_close_leftovers_are_not_received() -> None:
    server = Server("one")
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
    await ws.close()
    with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
        await ws.receive()


# -------------------------------------------------------------------------------------- timeouts


async def test_a_receives_timeout_never_cancels_the_servers_receive() -> None:
    server = Server()
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
        for _ in range(3):
            with pytest.raises(WebSocketTimeoutError):
                await ws.receive(timeout=1)
        assert server.receives == 2  # the handshake, and one that still waits
        server.push("hi")
        assert await ws.receive(timeout=1) == "hi"


async def test_a_timeout_of_zero_takes_what_was_read_ahead() -> None:
    server = Server("hi")
    ws = await accepted(server)
    async with ws.task_group():
        await wait_all_tasks_blocked()
        assert await ws.receive(timeout=0) == "hi"
        with pytest.raises(WebSocketTimeoutError):
            await ws.receive(timeout=0)


async def test_the_option_receive_timeout_holds_in_the_group() -> None:
    ws = await accepted(Server(), receive_timeout=2)
    async with ws.task_group():
        with pytest.raises(WebSocketTimeoutError):
            await ws.receive()


async def test_a_cancelled_receive_in_the_group_loses_no_message() -> None:
    server = Server()
    ws = await accepted(server)
    async with ws.task_group():
        with anyio.move_on_after(1):
            await ws.receive()
        server.push("one", "two")
        assert [await ws.receive(), await ws.receive()] == ["one", "two"]


async def test_a_receive_cancelled_as_its_message_comes_loses_none() -> None:
    server = Server()
    ws = await accepted(server)
    scope = anyio.CancelScope()
    received: list[str] = []

    async def receive() -> None:
        with scope:
            received.append(await ws.receive())

    async with ws.task_group() as tasks:
        tasks.start_soon(receive)
        await wait_all_tasks_blocked()
        server.push("one")
        scope.cancel()
        await wait_all_tasks_blocked()
        server.push("two")
        while len(received) < 2:
            received.append(await ws.receive())
    assert received == ["one", "two"]


# ------------------------------------------------------------------------------------ concurrency


async def test_a_second_task_cannot_receive_at_the_same_time() -> None:
    server = Server()
    ws = await accepted(server)
    async with ws.task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.receive()
        server.push("hi")


async def test_a_group_in_a_group_is_refused() -> None:
    ws = await accepted(Server("hi"))
    async with ws.task_group():
        with pytest.raises(anyio.BusyResourceError):
            async with ws.task_group():
                pass
        assert await ws.receive() == "hi"


async def test_a_group_beside_a_receive_is_refused() -> None:
    server = Server()
    ws = await accepted(server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            async with ws.task_group():
                pass
        server.push("hi")


async def test_a_group_before_accept_is_refused() -> None:
    with pytest.raises(WebSocketHandshakeError, match=r"call accept\(\) first"):
        async with Server().websocket().task_group():
            pass


async def test_a_group_can_follow_a_group() -> None:
    server = Server("one")
    ws = await accepted(server)
    async with ws.task_group():
        assert await ws.receive() == "one"
    async with ws.task_group(buffer=0):
        await ws.send("hi")
    server.push("two")
    assert await ws.receive() == "two"


# ---------------------------------------------------------------------------------- other endings


async def test_our_own_close_ends_a_pending_receive_with_a_plain_handshake_error() -> None:
    server = Server()
    ws = await accepted(server)

    async def receive() -> None:
        with pytest.raises(WebSocketHandshakeError, match="this end has closed") as caught:
            await ws.receive()
        assert not isinstance(caught.value, WebSocketDisconnectError)

    async with ws.task_group() as tasks:
        tasks.start_soon(receive)
        await wait_all_tasks_blocked()
        await ws.close(1001)
    assert server.sent == [accept(), close(1001)]
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_our_own_close_ends_iteration_in_another_task() -> None:
    ws = await accepted(Server())
    async with ws.task_group() as tasks:
        tasks.start_soon(receive_all, ws)
        await wait_all_tasks_blocked()
        await ws.close()
    assert ws.close_info == CloseInfo(1000, "", "server")


async def test_our_own_close_goes_out_when_the_servers_receive_is_free() -> None:
    server = Server()
    order: list[str] = []

    async def receive() -> Any:
        try:
            return await server.receive()
        finally:
            order.append("receive ended")

    async def send(event: Any) -> None:
        order.append(event["type"])
        await server.send(event)

    ws = WebSocket(server.scope, receive, send)
    await ws.accept()
    async with ws.task_group():
        await wait_all_tasks_blocked()
        await ws.close()
    assert order == ["receive ended", "websocket.accept", "receive ended", "websocket.close"]


async def test_an_error_in_a_task_comes_as_a_group_and_the_connection_stays_open() -> None:
    ws = await accepted(Server())

    async def fail() -> None:
        msg = "boom"
        raise ZeroDivisionError(msg)

    with pytest.raises(ExceptionGroup) as caught:
        async with ws.task_group() as tasks:
            tasks.start_soon(fail)
            await sleep_forever()
    assert [repr(error) for error in caught.value.exceptions] == ["ZeroDivisionError('boom')"]
    assert ws.open


async def test_an_error_in_the_body_comes_as_a_group_too() -> None:
    ws = await accepted(Server())
    with pytest.raises(ExceptionGroup) as caught:
        async with ws.task_group():
            raise ZeroDivisionError
    assert [repr(error) for error in caught.value.exceptions] == ["ZeroDivisionError()"]
    assert ws.open


async def test_an_error_beside_the_goodbye_comes_as_a_group() -> None:
    async def handler(ws: WebSocket) -> None:
        async def fail_when_cancelled() -> None:
            try:
                await sleep_forever()
            finally:
                raise ZeroDivisionError

        await ws.accept()
        async with ws.task_group() as tasks:
            tasks.start_soon(fail_when_cancelled)

    with pytest.raises(ExceptionGroup) as caught:
        async with connect(handler) as peer:
            await peer.close()
    assert caught.group_contains(ZeroDivisionError)


async def test_a_group_that_is_cancelled_from_outside_leaves_the_connection_as_it_is() -> None:
    server = Server()
    ws = await accepted(server)
    with anyio.move_on_after(1) as scope:
        async with ws.task_group():
            await sleep_forever()
    assert scope.cancelled_caught
    assert ws.open
    server.push("hi")
    assert await ws.receive() == "hi"


async def test_a_group_can_be_cancelled_through_its_own_scope() -> None:
    server = Server("one")
    ws = await accepted(server)
    async with ws.task_group() as tasks:
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert ws.open
    assert await ws.receive() == "one"


async def test_a_task_outside_the_group_goes_on_receiving_when_the_group_ends() -> None:
    server = Server()
    ws = await accepted(server)
    received: list[str] = []

    async def receive() -> None:
        received.append(await ws.receive())

    async with anyio.create_task_group() as tasks:
        async with ws.task_group():
            tasks.start_soon(receive)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        server.push("after the group")
    assert received == ["after the group"]


async def test_a_close_ends_the_receive_of_another_task_that_waits_for_the_reader() -> None:
    server = Server()
    ws = await accepted(server)

    async with ws.task_group() as tasks:
        tasks.start_soon(receive_until_closed, ws)
        await wait_all_tasks_blocked()
        await ws.close(4000)
