"""What type checkers make of the testing kit. Checked, never run.

A line that must be an error carries the comment that silences it, and a comment that silences
nothing is an error itself, under mypy and pyright alike.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Literal, assert_type

from litestar import Litestar
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from websocket_kit import CloseInfo, WebSocket, WebSocketRouter, websocket
from websocket_kit.testing import (
    ExpectationFailed,
    HandshakeRejected,
    LeftOver,
    Peer,
    Record,
    Transcript,
    WaitTimeout,
    backend,
    connect,
    lifespan,
    run,
)


class Join(BaseModel):
    room: str


class Say(BaseModel):
    text: str


async def handler(ws: WebSocket[Join | Say, Say], room: str) -> None: ...


async def asgi(scope: Scope, receive: Receive, send: Send) -> None: ...


# ------------------------------------------------------------------------------------ connecting


async def connecting() -> None:
    assert_type(connect(handler, room="lobby"), AbstractAsyncContextManager[Peer])
    async with connect(handler, inputs={"room": "lobby"}) as peer:
        assert_type(peer, Peer)
    connect(websocket("/")(handler), "/?name=Ada", headers={"X-Token": "t"})
    connect(WebSocketRouter(), "/", headers=[("X-Token", "t")], subprotocols=["v1"])
    connect(Starlette(), state={"db": 1}, timeout=None, buffer=0, strict=False)
    connect(asgi, server="granian", timeout=5)
    connect(Litestar())
    connect(handler, path="/")  # an input named so
    connect(handler, server="apache")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    connect(handler, "/", ())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    connect(handler, timeout="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    connect(handler, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def starting() -> None:
    async with lifespan(Starlette(), timeout=None) as state:
        assert_type(state, dict[str, Any])
    lifespan(asgi)
    lifespan(Litestar())
    lifespan("app")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -------------------------------------------------------------------------------------- messages


async def receiving(peer: Peer) -> None:
    assert_type(await peer.receive(), str)
    assert_type(await peer.receive(timeout=None), str)
    assert_type(await peer.receive(int), int)
    assert_type(await peer.receive(tp=int, timeout=1), int)
    assert_type(await peer.receive(Join | Say), Join | Say)
    assert_type(await peer.receive(list[int]), list[int])
    assert_type(await peer.receive(dict), dict[str, Any])
    assert_type(await peer.receive(dict[str, int]), dict[str, int])
    assert_type(await peer.receive(Literal["yes", "no"]), Literal["yes", "no"])
    assert_type(await peer.receive(Annotated[int, Field(gt=0)]), int)
    async for message in peer:
        assert_type(message, str)
    await peer.receive(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await peer.receive(timeout="1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


async def sending(peer: Peer) -> None:
    assert_type(await peer.send("hi"), None)
    await peer.send(Say(text="hi"), timeout=1)
    await peer.send(object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(await peer.pair("hi"), str)
    assert_type(await peer.pair("hi", int), int)
    assert_type(await peer.pair({"a": 1}, Join | Say, recv_first=True), Join | Say)
    assert_type(await peer.pair("hi", dict), dict[str, Any])
    assert_type(await peer.pair("hi", dict[str, int]), dict[str, int])


async def expecting(peer: Peer) -> None:
    assert_type(await peer.expect("hi"), None)
    assert_type(await peer.expect(5), None)
    assert_type(await peer.expect({"a": 1}, timeout=1), None)
    assert_type(await peer.expect(Say(text="hi")), None)
    assert_type(await peer.expect(int), int)
    assert_type(await peer.expect(Say), Say)
    assert_type(await peer.expect(Join | Say), Join | Say)
    assert_type(await peer.expect(list[int]), list[int])
    assert_type(await peer.expect(dict), dict[str, Any])
    assert_type(await peer.expect(dict[str, int]), dict[str, int])
    assert_type(await peer.expect(Literal["yes", "no"]), Literal["yes", "no"])
    assert_type(await peer.expect(re.compile("hi")), re.Match[str])
    assert_type(await peer.expect(re.compile(b"hi")), re.Match[bytes])
    assert_type(await peer.expect(str.isdecimal), Any)
    assert_type(await peer.expect(lambda message: len(message) > 5), Any)
    await peer.expect(object())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await peer.expect("hi", timeout="1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert_type(await peer.expect_nothing(within=5), None)
    assert_type(await peer.expect_close(), CloseInfo)
    assert_type(await peer.expect_close(1000, "done", timeout=1), CloseInfo)
    await peer.expect_close("done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(await peer.play("> hi"), None)


async def the_rest(peer: Peer) -> None:
    assert_type(peer.open, bool)
    assert_type(peer.close_info, CloseInfo | None)
    assert_type(peer.subprotocol, str | None)
    assert_type(peer.headers, Headers)
    assert_type(peer.transcript, Transcript)
    assert_type(peer.transcript[0], Record)
    assert_type(peer.transcript[0].time, float)
    assert_type(peer.transcript[0].direction, Literal[">", "<"])
    assert_type(await peer.close(4000, "bye"), None)
    assert_type(peer.drop(1001), None)
    assert_type(peer.stall(), None)
    assert_type(peer.resume(), None)
    assert_type(peer.fail_send(OSError(), after=1), None)
    assert_type(await peer.shutdown(grace=5), None)
    assert_type(await peer.cancel(timeout=1), None)
    assert_type(await peer.finished(timeout=None), None)
    peer.open = False  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    peer.fail_send(OSError)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def failing(rejected: HandshakeRejected, failed: ExpectationFailed) -> None:
    assert_type(rejected.status, int)
    assert_type(rejected.headers, Headers)
    assert_type(rejected.body, bytes)
    assert_type(failed.expected, object)
    assert_type(failed.received, object)
    assert_type(failed.handler, str)
    assert_type(failed.transcript, Transcript)


async def catching(peer: Peer) -> None:
    try:
        await peer.receive()
    except WaitTimeout as error:
        timeout: TimeoutError = error
        assertion: AssertionError = error
        print(timeout, assertion)
    except LeftOver as error:
        failure: ExpectationFailed = error
        print(failure)


# ----------------------------------------------------------------------------------- event loops


async def add(left: int, right: int) -> int:
    return left + right


def running() -> None:
    assert_type(backend("asyncio"), tuple[str, dict[str, Any]])
    assert_type(backend("trio", virtual=False), tuple[str, dict[str, Any]])
    assert_type(run(add, 1, 2), int)
    assert_type(run(add, 1, 2, backend="trio", virtual=False), int)
    backend("curio")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    run(add, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    run(add, 1, 2, backend="curio")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    run(failing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
