"""Which call is legal when: every state and every call, then any calls in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asgi import Server, accept, close, denial, text
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketRoute,
    WebSocketTimeoutError,
)
from websocket_kit.testing import run

# ----------------------------------------------------------------------- every state, every call


async def connecting(server: Server, ws: WebSocket) -> None:
    pass


async def accepted(server: Server, ws: WebSocket) -> None:
    await ws.accept()


async def closed(server: Server, ws: WebSocket) -> None:
    await ws.accept()
    await ws.close()


async def rejected(server: Server, ws: WebSocket) -> None:
    await ws.reject()


async def left(server: Server, ws: WebSocket) -> None:
    await ws.accept()
    server.fails["websocket.send"] = OSError("gone")
    with pytest.raises(WebSocketDisconnectError):
        await ws.send("hi")


async def task_group(ws: WebSocket) -> None:
    async with ws.task_group():
        pass


async def items() -> AsyncIterator[str]:
    yield "hi"


CALLS: dict[str, Callable[[WebSocket], Awaitable[Any]]] = {
    "accept": lambda ws: ws.accept(),
    "reject": lambda ws: ws.reject(),
    "close": lambda ws: ws.close(),
    "enter": lambda ws: ws.__aenter__(),
    "send": lambda ws: ws.send("hi"),
    "send json": lambda ws: ws.send({"a": 1}),
    "receive": lambda ws: ws.receive(),
    "receive in time": lambda ws: ws.receive(timeout=1),
    "pair": lambda ws: ws.pair("hi"),
    "pair, receiving first": lambda ws: ws.pair("hi", recv_first=True),
    "expect": lambda ws: ws.expect("hi"),
    "send_each": lambda ws: ws.send_each(items()),
    "task_group": task_group,
}

OK, ILLEGAL, GONE = "ok", WebSocketHandshakeError, WebSocketDisconnectError
STATES = (connecting, accepted, closed, rejected, left)
TABLE = {
    # call                    connecting accepted closed   rejected  left
    "accept": (OK, ILLEGAL, ILLEGAL, ILLEGAL, GONE),
    "reject": (OK, ILLEGAL, ILLEGAL, ILLEGAL, GONE),
    "close": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "enter": (OK, OK, ILLEGAL, ILLEGAL, GONE),
    "send": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "send json": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "receive": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "receive in time": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "pair": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "pair, receiving first": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "expect": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "send_each": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
    "task_group": (ILLEGAL, OK, ILLEGAL, ILLEGAL, GONE),
}


@pytest.mark.anyio
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", STATES)
async def test_a_call_is_legal_or_says_why_not(
    state: Callable[[Server, WebSocket], Awaitable[None]], call: str
) -> None:
    expected = TABLE[call][STATES.index(state)]
    server = Server("hi")
    ws = server.websocket()
    await state(server, ws)
    if expected == OK:
        await CALLS[call](ws)
        return
    before = (list(server.tried), server.receives, ws.close_info, ws.open)
    with pytest.raises(WebSocketHandshakeError) as caught:
        await CALLS[call](ws)
    assert type(caught.value) is expected
    assert (server.tried, server.receives, ws.close_info, ws.open) == before


# --------------------------------------------------------------------- any calls, in any order


class Model:
    """What should happen, said more simply than the library does it."""

    def __init__(self) -> None:
        self.state = "connecting"
        self.queue: list[str] = []
        self.sent: list[Any] = []
        self.goodbye = False  # waits in the server to be received
        self.cut = False  # every send raises
        self.info: CloseInfo | None = None

    def illegal(self) -> type[Exception]:
        return WebSocketDisconnectError if self.state == "left" else WebSocketHandshakeError

    def leave(self, code: int | None = None) -> type[Exception]:
        self.state, self.info = "left", CloseInfo(code, "", "peer")
        return WebSocketDisconnectError

    # Each method says what the call returns or raises.

    def accept(self) -> Any:
        if self.state != "connecting":
            return self.illegal()
        self.state = "open"
        if self.cut:
            return self.leave()
        self.sent.append(accept())
        return None

    def enter(self) -> Any:
        return None if self.state == "open" else self.accept()

    def reject(self) -> Any:
        if self.state != "connecting":
            return self.illegal()
        self.state, self.info = "rejected", CloseInfo(None, "", "server")
        if not self.cut:
            self.sent.extend(denial(403))
        return None

    def send(self) -> Any:
        if self.state != "open":
            return self.illegal()
        if self.cut:
            return self.leave()
        self.sent.append(text("hi"))
        return None

    def receive(self) -> Any:
        if self.state != "open":
            return self.illegal()
        if self.queue:
            return self.queue.pop(0)
        return self.leave(4001) if self.goodbye else WebSocketTimeoutError

    def close(self) -> Any:
        if self.state != "open":
            return self.illegal()
        self.state, self.info = "closed", CloseInfo(1001, "", "server")
        if not self.cut:
            self.sent.append(close(1001))
        return None

    # What the peer and the network do.

    def peer_sends(self) -> None:
        if not self.goodbye:
            self.queue.append(f"message {len(self.queue)}")

    def peer_leaves(self) -> None:
        self.goodbye = True

    def network_fails(self) -> None:
        self.cut = True

    def finish(self) -> None:
        """The handler returns."""
        if self.state == "open":
            self.state, self.info = "closed", CloseInfo(1000, "", "server")
            if not self.cut:
                self.sent.append(close(1000))
        elif self.state == "connecting":
            self.state, self.info = "rejected", CloseInfo(None, "", "server")
            if not self.cut:
                self.sent.append(close(1000))  # before accept any code says HTTP 403


EVENTS = ["peer_sends", "peer_leaves", "network_fails"]
ACTIONS: dict[str, Callable[[WebSocket], Awaitable[Any]]] = {
    "accept": lambda ws: ws.accept(),
    "enter": lambda ws: enter(ws),  # noqa: PLW0108 - defined below
    "reject": lambda ws: ws.reject(),
    "send": lambda ws: ws.send("hi"),
    "receive": lambda ws: ws.receive(timeout=0),
    "close": lambda ws: ws.close(1001),
}


async def enter(ws: WebSocket) -> None:
    await ws.__aenter__()


def happen(event: str, server: Server, model: Model) -> None:
    """Let the peer or the network do something."""
    if event == "network_fails":
        for kind in ("accept", "send", "close", "http.response.start", "http.response.body"):
            server.fails[f"websocket.{kind}"] = OSError("gone")
    elif event == "peer_sends" and not model.goodbye:
        server.push(f"message {len(model.queue)}")
    elif event == "peer_leaves" and not model.goodbye:
        server.leave(4001)
    getattr(model, event)()


async def compare(steps: list[str]) -> None:
    """Take these steps with a WebSocket and with the model, side by side."""
    server, model = Server(), Model()
    finished: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        finished.append(ws)
        for step in steps:
            if step in EVENTS:
                happen(step, server, model)
                continue
            expected = getattr(model, step)()
            if isinstance(expected, type):
                error: type[BaseException] = expected
                with pytest.raises(error) as caught:
                    await ACTIONS[step](ws)
                assert type(caught.value) is expected
            else:
                assert await ACTIONS[step](ws) == expected
            assert ws.open == (model.state == "open")
            assert ws.close_info == model.info

    await WebSocketRoute("/", handler)(*server.asgi)
    model.finish()
    assert server.sent == model.sent
    assert finished[0].close_info == model.info
    assert server.complaints == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.sampled_from([*ACTIONS, *EVENTS]), max_size=15))
def test_any_calls_in_any_order_do_what_the_model_says(
    backend: Literal["asyncio", "trio"], steps: list[str]
) -> None:
    run(compare, steps, backend=backend)


# -------------------------------------------------------------------------- a call too many yields


Calls: TypeAlias = list[Callable[[WebSocket], Awaitable[object]]]

TALK: Calls = [
    lambda ws: ws.send("hi"),
    lambda ws: ws.receive(),
    lambda ws: ws.pair("hi"),
    lambda ws: ws.expect("hi"),
]


async def group(ws: WebSocket) -> None:
    async with ws.task_group():
        pytest.fail("it was legal")


async def send_each(ws: WebSocket) -> None:
    async def items() -> AsyncIterator[str]:
        yield "hi"

    await ws.send_each(items())


BESIDE_A_RECEIVE: Calls = [*TALK[1:], group, send_each]
AFTER_THE_END: Calls = [
    TALK[0],
    *BESIDE_A_RECEIVE,
    lambda ws: ws.accept(),
    lambda ws: ws.reject(),
    lambda ws: ws.close(),
    lambda ws: ws.__aenter__(),
]


@pytest.mark.parametrize("call", AFTER_THE_END)
@pytest.mark.anyio
async def test_a_call_after_the_end_lets_a_cancellation_in(
    call: Callable[[WebSocket], Awaitable[object]],
) -> None:
    ws = Server().websocket()
    await ws.accept()
    await ws.close()
    with anyio.CancelScope() as scope:
        scope.cancel()
        with suppress(WebSocketHandshakeError):
            await call(ws)
    assert scope.cancelled_caught


@pytest.mark.parametrize("call", BESIDE_A_RECEIVE)
@pytest.mark.anyio
async def test_a_receive_beside_another_tasks_lets_a_cancellation_in(
    call: Callable[[WebSocket], Awaitable[object]],
) -> None:
    ws = Server().websocket()
    await ws.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.receive)
        await wait_all_tasks_blocked()
        with anyio.CancelScope() as scope:
            scope.cancel()
            with suppress(anyio.BusyResourceError):
                await call(ws)
        assert scope.cancelled_caught
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_an_accept_beside_another_tasks_lets_a_cancellation_in() -> None:
    ws = Server(connect=False).websocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.accept)
        await wait_all_tasks_blocked()
        with anyio.CancelScope() as scope:
            scope.cancel()
            with suppress(anyio.BusyResourceError):
                await ws.accept()
        assert scope.cancelled_caught
        tasks.cancel_scope.cancel()
