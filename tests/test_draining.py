"""``close_all()`` and ``connections``: who is there, and how they all leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio import current_time, sleep, sleep_forever

from tests.asgi import Event, Server, accept, close, denial, noted, text
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketDroppedError,
    WebSocketHandshakeError,
    WebSocketReject,
    WebSocketRouter,
    websocket,
)
from websocket_kit.testing import lifespan as run_its_lifespan
from websocket_kit.testing._running import calm_down

pytestmark = pytest.mark.anyio

Handler = Callable[[WebSocket], Awaitable[None]]


class WakingServer(Server):
    """A server that tells the app of the app's own close, as most do."""

    async def send(self, event: Any) -> None:
        await super().send(event)
        if event["type"] == "websocket.close":
            self.push({"type": "websocket.disconnect", "code": event["code"]})


class House:
    """A router with a handler at ``/``, and the connections it serves.

    Attributes:
        app: The router.
        ended: How long after the start each server's call of the app ended, by the server.
    """

    def __init__(self, handler: Handler, tasks: anyio.abc.TaskGroup, **options: Any) -> None:
        self.app = WebSocketRouter(**options)
        self.ended: dict[Server, float] = {}
        self._tasks = tasks
        self._start = current_time()

        @self.app.websocket("/")
        async def route(ws: WebSocket) -> None:
            await handler(ws)

    async def connect(self, server: Server | None = None, app: Any = None) -> Server:
        """Let a peer connect, and wait until its handler waits."""
        server = server or WakingServer()
        self._tasks.start_soon(self._serve, server, app or self.app)
        await calm_down()
        return server

    async def _serve(self, server: Server, app: Any) -> None:
        await app(*server.asgi)
        self.ended[server] = current_time() - self._start


@asynccontextmanager
async def house(handler: Handler, **options: Any) -> AsyncGenerator[House]:
    is_whole = False
    async with anyio.create_task_group() as tasks:
        yield House(handler, tasks, **options)
        is_whole = True
        tasks.cancel_scope.cancel()
    # A cancellation that gets out of the app ends the test's own body, without a word.
    assert is_whole


async def receive_all(ws: WebSocket) -> None:
    async with ws:
        async for _ in ws:
            pass


async def receive_one(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()


async def sleep_on(ws: WebSocket) -> None:
    async with ws:
        await sleep_forever()


async def seconds(call: Awaitable[object]) -> float:
    """How long a call takes."""
    start = current_time()
    await call
    return current_time() - start


# ------------------------------------------------------------------------------- who is there


async def test_a_router_knows_who_is_there() -> None:
    async with house(receive_all) as rooms:
        assert rooms.app.connections == frozenset()
        first = await rooms.connect(WakingServer(client=("192.0.2.1", 1)))
        await rooms.connect(WakingServer(client=("192.0.2.2", 2)))
        clients = {ws.scope["client"][0] for ws in rooms.app.connections}
        assert clients == {"192.0.2.1", "192.0.2.2"}
        first.leave()
        await calm_down()
        assert [ws.scope["client"][0] for ws in rooms.app.connections] == ["192.0.2.2"]


async def test_who_is_not_accepted_yet_or_over_already_is_not_there() -> None:
    async def handler(ws: WebSocket) -> None:
        await sleep(1)
        async with ws:
            await sleep(1)
            await ws.close()
            await sleep(1)

    async with house(handler) as rooms:
        await rooms.connect()
        there: list[int] = []
        await sleep(0.5)
        for _ in range(3):
            there.append(len(rooms.app.connections))
            await sleep(1)
        assert there == [0, 1, 0]


async def test_the_connections_are_a_snapshot_that_can_be_gone_through() -> None:
    async with house(receive_all) as rooms:
        servers = [await rooms.connect() for _ in range(3)]
        for ws in rooms.app.connections:
            await ws.close(1001)
            await calm_down()
        assert [server.sent[-1] for server in servers] == [close(1001)] * 3
        assert rooms.app.connections == frozenset()


async def test_a_handler_that_raises_is_counted_out() -> None:
    async def handler(ws: WebSocket) -> None:
        raise ZeroDivisionError

    app = WebSocketRouter()
    app.websocket("/")(handler)
    with pytest.raises(ZeroDivisionError):
        await app(*Server().asgi)
    assert await seconds(app.close_all()) == 0


async def test_included_routes_count_towards_the_router_that_serves_them() -> None:
    async with house(receive_all) as rooms:
        outer = WebSocketRouter()
        outer.include(rooms.app, prefix="/v1")
        await rooms.connect(WakingServer(path="/v1"), outer)
        assert (len(outer.connections), len(rooms.app.connections)) == (1, 0)
        await rooms.connect()
        assert (len(outer.connections), len(rooms.app.connections)) == (1, 1)


async def test_connections_behind_wrap_count_too_but_not_those_of_the_other_app() -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(accept())
        await sleep_forever()

    async with house(receive_all) as rooms:
        app = rooms.app.wrap(other)
        await rooms.connect(app=app)
        await rooms.connect(Server(path="/elsewhere"), app)
        assert len(rooms.app.connections) == 1


# ---------------------------------------------------------------------------- they all leave


async def test_every_peer_is_told_1012() -> None:
    async with house(receive_all) as rooms:
        servers = [await rooms.connect() for _ in range(5)]
        assert await seconds(rooms.app.close_all()) == 0
        assert [server.sent for server in servers] == [[accept(), close(1012)]] * 5
        assert len(rooms.ended) == 5
        assert rooms.app.connections == frozenset()


async def test_every_peer_is_told_another_code_and_a_reason_if_there_is_one() -> None:
    async with house(receive_all) as rooms:
        server = await rooms.connect()
        await rooms.app.close_all(4000, "see you at example.com " + "x" * 200)
        assert server.sent[1] == close(4000, ("see you at example.com " + "x" * 200)[:123])


async def test_with_nobody_there_it_takes_no_time() -> None:
    assert await seconds(WebSocketRouter().close_all()) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"code": 999}, ValueError),
        ({"code": "1012"}, TypeError),
        ({"reason": None}, TypeError),
        ({"grace": -1}, ValueError),
        ({"grace": None}, TypeError),
        ({"grace": "5"}, TypeError),
    ],
)
async def test_what_cannot_be_is_refused_and_nobody_has_to_leave(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    async with house(receive_all) as rooms:
        await rooms.connect()
        with pytest.raises(error):
            await rooms.app.close_all(**arguments)
        assert len(rooms.app.connections) == 1


async def test_new_ones_are_welcome_afterwards() -> None:
    async with house(receive_all) as rooms:
        await rooms.connect()
        await rooms.app.close_all()
        server = await rooms.connect()
        assert server.sent == [accept()]


async def test_new_ones_are_answered_with_503_meanwhile() -> None:
    called: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        called.append(ws)
        await sleep_on(ws)

    async with house(handler) as rooms, anyio.create_task_group() as tasks:
        await rooms.connect()
        tasks.start_soon(rooms.app.close_all)
        await sleep(1)
        late = await rooms.connect()
        assert late.sent == denial(503)
        without_denial = await rooms.connect(Server(denial=False))
        assert without_denial.sent == [close(1011)]
        assert len(called) == 1


@pytest.mark.parametrize(("offers_denial", "events"), [(True, denial(503)), (False, [close(1011)])])
async def test_a_handshake_that_goes_on_is_answered_with_503(
    offers_denial: bool, events: Any
) -> None:
    met: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await sleep(1)  # who may this be?
        try:
            await ws.accept()
        except WebSocketHandshakeError as error:
            met.append(str(error))
            raise

    async with house(handler) as rooms:
        server = await rooms.connect(Server(denial=offers_denial))
        assert await seconds(rooms.app.close_all()) == pytest.approx(1)
        assert server.sent == events
        assert met == [
            (
                "cannot accept: the handshake was rejected, because the server closes its"
                " connections (it can't be used again; leave the handler, or check ws.open first)"
            )
        ]


async def test_a_handshake_whose_peer_has_not_asked_yet_is_answered_when_it_does() -> None:
    async with house(receive_all) as rooms, anyio.create_task_group() as tasks:
        server = await rooms.connect(Server(connect=False))
        tasks.start_soon(rooms.app.close_all)
        await calm_down()
        server.push({"type": "websocket.connect"})
        await calm_down()
        assert server.sent == denial(503)


async def test_a_handshake_whose_peer_leaves_is_sent_nothing() -> None:
    async def handler(ws: WebSocket) -> None:
        await sleep_forever()

    async with house(handler) as rooms:
        server = Server(connect=False)
        server.leave()
        await rooms.connect(server)
        await rooms.app.close_all(grace=1)
        assert server.tried == []


async def test_a_peer_that_has_left_already_is_sent_nothing() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass
            await sleep(2)

    async with house(handler) as rooms:
        server = await rooms.connect()
        server.leave()
        await calm_down()
        assert await seconds(rooms.app.close_all()) == pytest.approx(2)
        assert server.sent == [accept()]


async def test_a_close_that_daphne_refuses_goes_out_otherwise() -> None:
    async with house(sleep_on) as rooms:
        server = await rooms.connect(Server(refuses={1012}))
        await rooms.app.close_all(grace=1)
        assert server.sent == [accept(), close(4012)]


# ------------------------------------------------------------------------- what a handler meets


CALLS: dict[str, Callable[[WebSocket[Any, Any]], Awaitable[Any]]] = {
    "send": lambda ws: ws.send("hi"),
    "receive": lambda ws: ws.receive(),
    "pair": lambda ws: ws.pair("hi"),
    "close": lambda ws: ws.close(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_handlers_next_call_raises_and_the_router_absorbs_it(
    call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    met: list[Exception] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            await sleep(1)
            try:
                await call(ws)
            except WebSocketHandshakeError as error:
                met.append(error)
                raise

    caplog.set_level(logging.INFO, "websocket_kit")
    async with house(handler) as rooms:
        server = await rooms.connect()
        assert await seconds(rooms.app.close_all()) == pytest.approx(1)
        assert not isinstance(met[0], WebSocketDisconnectError)
        assert "because the server closes its connections" in str(met[0])
        assert server.sent == [accept(), close(1012)]
    assert caplog.messages == []


async def test_a_handler_that_calls_after_its_own_close_is_not_absorbed() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.close()
            await ws.send("hi")

    app = WebSocketRouter()
    app.websocket("/")(handler)
    with pytest.raises(WebSocketHandshakeError):
        await app(*Server().asgi)


async def test_a_receive_that_waits_is_told() -> None:
    met: list[type[Exception]] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            try:
                await ws.receive()
            except WebSocketHandshakeError as error:
                met.append(type(error))
                raise

    async with house(handler) as rooms:
        await rooms.connect()
        assert await seconds(rooms.app.close_all()) == 0
        assert met == [WebSocketDroppedError]


async def test_iteration_just_ends_and_what_comes_after_it_runs() -> None:
    saved: list[CloseInfo | None] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass
            await sleep(2)
            saved.append(ws.close_info)

    async with house(handler) as rooms:
        await rooms.connect()
        assert await seconds(rooms.app.close_all()) == pytest.approx(2)
        assert saved == [CloseInfo(1012, "", "server")]


async def test_a_task_group_ends_as_if_the_peer_had_left() -> None:
    met: list[Exception] = []
    stopped: list[str] = []

    async def tick(ws: WebSocket) -> None:
        try:
            await sleep_forever()
        finally:
            stopped.append("tick")

    async def handler(ws: WebSocket) -> None:
        async with ws:
            try:
                async with ws.task_group() as tasks:
                    tasks.start_soon(tick, ws)
                    async for _ in ws:
                        pass
                    stopped.append("receive")
                    await sleep_forever()
            except WebSocketHandshakeError as error:
                met.append(error)
                raise

    async with house(handler) as rooms:
        server = await rooms.connect(Server())
        assert await seconds(rooms.app.close_all()) == 0
        assert sorted(stopped) == ["receive", "tick"]
        assert "because the server closes its connections" in str(met[0])
        assert server.sent == [accept(), close(1012)]


async def test_a_task_that_only_sends_is_stopped_in_its_task_group() -> None:
    async def source() -> AsyncGenerator[str]:
        yield "tick"
        await sleep_forever()

    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send_each(source())

    async with house(handler) as rooms:
        server = await rooms.connect(Server())
        assert await seconds(rooms.app.close_all()) == 0
        assert server.sent == [accept(), text("tick"), close(1012)]


async def test_a_group_of_tasks_that_all_meet_it_is_absorbed() -> None:
    async def send_late(ws: WebSocket) -> None:
        await sleep(1)
        await ws.send("hi")

    async def handler(ws: WebSocket) -> None:
        async with ws, anyio.create_task_group() as tasks:
            tasks.start_soon(send_late, ws)
            tasks.start_soon(send_late, ws)

    async with house(handler) as rooms:
        await rooms.connect()
        await rooms.app.close_all()
        assert len(rooms.ended) == 1


async def test_answer_ends_quietly() -> None:
    steps: list[str] = []

    async def think(message: str) -> str:
        await sleep(1)
        return message

    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.answer(think)
            steps.append("after")

    async with house(handler) as rooms:
        await rooms.connect(WakingServer("hi"))
        await rooms.app.close_all()
        assert steps == ["after"]


async def test_another_error_of_a_handler_is_still_raised() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            try:
                await ws.receive()
            except WebSocketHandshakeError:
                raise ZeroDivisionError from None

    with pytest.raises(ExceptionGroup) as caught:
        async with house(handler) as rooms:
            await rooms.connect()
            await rooms.app.close_all()
    assert caught.group_contains(ZeroDivisionError)


# ------------------------------------------------------------------------------- what is bounded


async def test_handlers_have_the_grace_and_then_are_cancelled() -> None:
    async with house(sleep_on) as rooms:
        server = await rooms.connect()
        assert await seconds(rooms.app.close_all()) == pytest.approx(5)
        assert server.sent == [accept(), close(1012)]
        assert len(rooms.ended) == 1


@pytest.mark.parametrize("grace", [0, 0.5, 30])
async def test_the_grace_may_be_another(grace: float) -> None:
    async with house(sleep_on) as rooms:
        server = await rooms.connect()
        assert await seconds(rooms.app.close_all(4000, grace=grace)) == pytest.approx(grace)
        assert server.sent == [accept(), close(4000)]


async def test_a_handler_that_refuses_to_end_is_waited_for_two_seconds_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            with anyio.CancelScope(shield=True):
                try:
                    await sleep(20)
                except BaseException:  # noqa: BLE001 - it is a stubborn one
                    await sleep(20)

    async with house(handler) as rooms:
        await rooms.connect()
        await rooms.connect()
        assert await seconds(rooms.app.close_all()) == pytest.approx(7)
    assert caplog.messages == [
        ("2 handlers go on after they were cancelled, that of <WebSocket '/' CLOSED> for one")
    ]
    assert caplog.records[0].levelname == "WARNING"


async def test_a_peer_that_takes_no_close_holds_nobody_else_up() -> None:
    async with house(receive_all) as rooms:
        stuck = WakingServer()
        stuck.stuck.add("websocket.close")
        await rooms.connect(stuck)
        server = await rooms.connect()
        assert await seconds(rooms.app.close_all()) <= 3
        assert server.sent == [accept(), close(1012)]
        assert rooms.ended[server] == 0


@pytest.mark.parametrize("make", [WakingServer, Server])
async def test_a_call_that_is_cancelled_still_closes_all_and_leaves_no_handler_waiting(
    make: type[Server],
) -> None:
    """However early: what counts as closed for its handler must be so for its peer."""
    async with house(receive_all) as rooms:
        servers = [await rooms.connect(make()) for _ in range(3)]
        with anyio.move_on_after(0):
            await rooms.app.close_all()
        await sleep(1)
        assert [server.sent for server in servers] == [[accept(), close(1012)]] * 3
        assert len(rooms.ended) == 3


@pytest.mark.parametrize("begin", ["by itself", "in a task group", "in the connection's own"])
async def test_a_handler_that_closes_all_is_closed_itself(begin: str) -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            if begin == "by itself":
                await rooms.app.close_all(4000)
                return
            async with (
                ws.task_group() if begin.endswith("own") else anyio.create_task_group() as tasks
            ):
                tasks.start_soon(rooms.app.close_all, 4000)
                await sleep_forever()

    async with house(handler) as rooms:
        server = await rooms.connect()
        await sleep(9)
        assert server.sent == [accept(), close(4000)]
        assert len(rooms.ended) == 1


async def test_a_server_that_does_not_end_a_receive_has_a_second(anyio_backend_name: str) -> None:
    met: list[type[BaseException]] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            try:
                await ws.receive()
            except BaseException as error:
                met.append(type(error))
                raise

    async with house(handler) as rooms:
        server = await rooms.connect(Server())
        assert await seconds(rooms.app.close_all()) == pytest.approx(1)
        assert server.sent == [accept(), close(1012)]
        assert len(rooms.ended) == 1
        if anyio_backend_name == "asyncio":
            assert met == [WebSocketDroppedError]
        else:
            assert met == [anyio.get_cancelled_exc_class()]


async def test_the_same_holds_for_a_receive_with_a_timeout() -> None:
    async with house(receive_all, receive_timeout=30) as rooms:
        await rooms.connect(Server())
        assert await seconds(rooms.app.close_all()) == pytest.approx(1)


class OneAtATime(WakingServer):
    """A server that sends nothing while a receive waits, as granian."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = anyio.Lock()

    async def receive(self) -> Any:
        async with self._lock:
            return await super().receive()

    async def send(self, event: Any) -> None:
        async with self._lock:
            await super().send(event)


@pytest.mark.parametrize("handler", [receive_all, receive_one])
async def test_a_receive_is_ended_for_a_server_that_does_not_send_meanwhile(
    handler: Handler,
) -> None:
    async with house(handler) as rooms:
        server = await rooms.connect(OneAtATime())
        assert await seconds(rooms.app.close_all()) == pytest.approx(1)
        assert server.sent == [accept(), close(1012)]


async def test_a_handler_that_does_something_else_keeps_its_grace() -> None:
    done: list[bool] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            await sleep(3)
            done.append(True)

    async with house(handler) as rooms:
        await rooms.connect(Server())
        assert await seconds(rooms.app.close_all()) == pytest.approx(3)
        assert done == [True]


async def test_an_app_that_ends_waits_for_its_close_to_go_out() -> None:
    """A server that is told nothing makes up an end of its own."""

    class Slow(WakingServer):
        async def send(self, event: Any) -> None:
            if event["type"] == "websocket.close":
                await sleep(0.5)
            await super().send(event)

    async def handler(ws: WebSocket) -> None:
        async with ws:
            await sleep(0.1)
            await ws.send("hi")

    async with house(handler) as rooms:
        server = await rooms.connect(Slow())
        await rooms.app.close_all()
        assert rooms.ended[server] == pytest.approx(0.5)
        assert server.sent == [accept(), close(1012)]


# ----------------------------------------------------------------------- at the same time as it


RESPONSE = "websocket.http.response.start"


def stuck_with(kind: str, make: type[Server] = Server) -> Server:
    """A server that takes no event of this kind before it is freed."""
    server = make()
    server.stuck.add(kind)
    return server


async def free_during_a_drain(
    rooms: House, server: Server, seconds: float, grace: float = 5.0
) -> None:
    """Close all, the server among them, which is freed so long after that began."""
    await rooms.connect(server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rooms.app.close_all, 1012, "", grace)
        await sleep(seconds)
        server.freed.set()


async def close_at_once(ws: WebSocket) -> None:
    await ws.accept()
    raise WebSocketClose(4001)


async def test_a_rejection_under_way_is_its_handlers_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")

    async def handler(ws: WebSocket) -> None:
        await ws.reject(401)

    server = stuck_with(RESPONSE)
    async with house(handler) as rooms:
        await free_during_a_drain(rooms, server, 0.5)
    assert server.sent == denial(401)
    assert caplog.messages == [
        "closing 1 connections with code 1012",
        "rejected '/' from '127.0.0.1' with HTTP 401",
    ]


async def test_one_that_its_handler_has_closed_is_not_closed_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4000)
        await sleep(1)

    async with house(handler) as rooms:
        server = await rooms.connect()
        await rooms.app.close_all()
    assert server.sent == [accept(), close(4000)]
    assert len([line for line in caplog.messages if line.startswith("closed")]) == 1


async def test_a_refusal_under_way_is_whole_though_the_handler_ends() -> None:
    async def handler(ws: WebSocket) -> None:
        await sleep(1)
        await ws.accept()

    server = stuck_with(RESPONSE)
    async with house(handler) as rooms:
        await free_during_a_drain(rooms, server, 1.5)
    assert server.sent == denial(503)


async def test_who_asks_to_connect_as_it_begins_is_answered() -> None:
    async def handler(ws: WebSocket) -> None:
        raise WebSocketReject(401)

    server = Server(connect=False)
    async with house(handler) as rooms:
        await rooms.connect(server)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rooms.app.close_all)
            server.push({"type": "websocket.connect"})
        await calm_down()
        assert server in rooms.ended
    assert server.sent in (denial(401), denial(503))  # whichever came first


async def test_the_close_of_a_handler_that_has_ended_is_not_cancelled() -> None:
    server = stuck_with("websocket.close", WakingServer)
    async with house(close_at_once) as rooms:
        await free_during_a_drain(rooms, server, 0.5, grace=0)
    assert server.sent == [accept(), close(4001)]
    assert server in rooms.ended


async def test_a_close_that_is_under_way_is_no_handler_that_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = stuck_with("websocket.close")
    async with house(close_at_once) as rooms:
        await rooms.connect(server)
        await rooms.app.close_all(grace=0)
    assert caplog.messages == []


async def test_the_refusal_of_a_bad_input_is_not_cancelled() -> None:
    app = WebSocketRouter()

    @app.websocket("/")
    async def handler(ws: WebSocket, size: int) -> None:
        """Never called."""

    server = stuck_with(RESPONSE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, *server.asgi)
        await calm_down()
        tasks.start_soon(app.close_all, 1012, "", 0)
        await sleep(0.5)
        server.freed.set()
    assert server.rejection is not None
    assert server.rejection.status == 400


async def hear_the_end(ws: WebSocket) -> None:
    await ws.accept()
    with suppress(WebSocketHandshakeError):
        await ws.receive()


async def test_a_handler_that_ended_while_its_peer_takes_no_close_makes_room() -> None:
    server = stuck_with("websocket.close")
    async with house(hear_the_end, max_connections=1) as rooms:
        await rooms.connect(server)
        await rooms.app.close_all(grace=1.5)
        newcomer = await rooms.connect()
    assert server in rooms.ended
    assert newcomer.sent[0] == accept()


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # trio has no such cancel
async def test_one_whose_server_cancels_it_as_it_waits_for_its_close_is_gone() -> None:
    server = stuck_with("websocket.close")
    async with house(hear_the_end, max_connections=1) as rooms:
        task = asyncio.create_task(rooms.app(*server.asgi))
        await calm_down()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rooms.app.close_all)
            await sleep(1.5)  # its receive was ended after one
            task.cancel()
        again = await seconds(rooms.app.close_all())
        newcomer = await rooms.connect()
    assert task.cancelled()
    assert again == 0
    assert newcomer.sent[0] == accept()


async def test_one_that_is_cancelled_as_its_close_is_under_way_waits_for_that() -> None:
    server = stuck_with("websocket.close")
    seen: list[bool] = []
    async with house(hear_the_end) as rooms, anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()
        has_left = anyio.Event()

        async def serve() -> None:
            with scope:
                await rooms.app(*server.asgi)
            has_left.set()

        tasks.start_soon(serve)
        await calm_down()
        tasks.start_soon(rooms.app.close_all)
        await sleep(1.5)  # its receive was ended after one
        scope.cancel()
        await calm_down()
        seen.append(has_left.is_set())
        server.freed.set()
        await calm_down()
        seen.append(has_left.is_set())
    assert seen == [False, True]


async def test_one_that_calls_it_does_not_wait_for_itself() -> None:
    took: list[float] = []

    async def handler(ws: WebSocket) -> None:
        async with ws:
            if await ws.receive() == "close":
                took.append(await seconds(rooms.app.close_all()))

    async with house(handler) as rooms:
        other = await rooms.connect()
        server = await rooms.connect(WakingServer("close"))
        assert took == [0]
        assert server.sent == other.sent == [accept(), close(1012)]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_two_at_once_wait_for_the_same(turns: int) -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await sleep(2)

    async with house(handler) as rooms:
        server = await rooms.connect()
        took: list[float] = []

        async def close_all(code: int) -> None:
            took.append(await seconds(rooms.app.close_all(code)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close_all, 1001)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.start_soon(close_all, 1012)
        assert took == [pytest.approx(2), pytest.approx(2)]
        assert server.sent[-1]["type"] == "websocket.close"
        assert len([event for event in server.sent if event["type"] == "websocket.close"]) == 1


async def test_cancelling_it_lets_new_ones_in_again() -> None:
    async with house(sleep_on) as rooms:
        await rooms.connect()
        with anyio.move_on_after(2):
            await rooms.app.close_all()
        server = await rooms.connect()
        assert server.sent == [accept()]


# ---------------------------------------------------------------------------------- by itself


async def test_a_drain_and_its_connections_are_logged_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")

    async def handler(ws: WebSocket) -> None:
        if ws.scope["client"][1] == 2:
            await sleep(1)
        await receive_all(ws)

    async with house(handler) as rooms:
        await rooms.connect()
        await rooms.connect(WakingServer(client=("192.0.2.1", 2)))
        await rooms.app.close_all()
    assert sorted(caplog.messages) == [
        "accepted '/' from '127.0.0.1'",
        "closed '/' from '127.0.0.1' by the server after 0.000 s: code 1012, reason ''",
        "closing 2 connections with code 1012",
        "rejected '/' from '192.0.2.1' with HTTP 503: the server closes its connections",
    ]
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


async def test_a_route_that_serves_alone_drains_as_its_lifespan_ends() -> None:
    @websocket("/")
    async def route(ws: WebSocket) -> None:
        await receive_all(ws)

    async with house(receive_all) as rooms:
        server = await rooms.connect(app=route)
        await run_lifespan(route)
        assert server.sent == [accept(), close(1012)]


async def test_a_router_drains_as_its_lifespan_ends_while_what_it_gave_is_still_there() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(_: WebSocketRouter) -> AsyncGenerator[None]:
        yield
        steps.append("the database is closed")

    async def handler(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass
        steps.append("saved in the database")

    async with house(handler, lifespan=lifespan) as rooms:
        server = await rooms.connect()
        await run_lifespan(rooms.app)
        assert server.sent == [accept(), close(1012)]
        assert steps == ["saved in the database", "the database is closed"]


async def run_lifespan(app: Any) -> list[str]:
    """Let a server start and stop; what the app answers."""
    sent: list[Event] = []
    async with run_its_lifespan(noted(app, sent)):
        pass
    return [event["type"] for event in sent]


@pytest.mark.parametrize("own", [True, False])
async def test_inside_wrap_it_drains_as_the_other_apps_lifespan_ends(own: bool) -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        if not own:
            msg = "no lifespan here"
            raise ValueError(msg)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async with house(receive_all) as rooms:
        app = rooms.app.wrap(other)
        server = await rooms.connect(app=app)
        assert await run_lifespan(app) == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        assert server.sent == [accept(), close(1012)]
