"""What type checkers make of wrapping, routing and endpoints. Checked, never run."""

from __future__ import annotations

from typing import Annotated, Any, assert_type

from fastapi import Depends, FastAPI
from fastapi import WebSocket as FastAPIWebSocket
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket as StarletteWebSocket

from websocket_kit import (
    Header,
    Query,
    Sendable,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketRoute,
    WebSocketRouter,
    endpoint,
    query,
    websocket,
    wrap,
)


class Join(BaseModel):
    room: str


class Say(BaseModel):
    text: str


# ---------------------------------------------------------------------------------- raw ASGI


def make(scope: Scope, receive: Receive, send: Send) -> None:
    assert_type(WebSocket(scope, receive, send), WebSocket[str, Sendable])
    assert_type(WebSocket(scope, receive, send, receives=Say), WebSocket[Say, Sendable])
    either = WebSocket(scope, receive, send, receives=Join | Say)
    assert_type(either, WebSocket[Join | Say, Sendable])
    assert_type(WebSocket(scope, receive, send, receives=int, sends=Say), WebSocket[int, Say])
    WebSocket(
        scope,
        receive,
        send,
        subprotocols=["chat"],
        allowed_origins="*",
        max_message_bytes=None,
        receive_timeout=1.5,
        send_timeout=1.5,
        messages_per_second=0.5,
    )
    WebSocket(scope, receive, send, max_connections=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    WebSocket(scope, receive, send, max_messages=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    WebSocket(scope, receive, send, receive_timeout="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def defaults(ws: WebSocket, received: WebSocket[Say]) -> None:
    assert_type(ws, WebSocket[str, Sendable])
    assert_type(received, WebSocket[Say, Sendable])


# ---------------------------------------------------------------------------------- wrapping


async def wrapping(socket: StarletteWebSocket, other: FastAPIWebSocket, request: object) -> None:
    assert_type(await wrap(socket).receive(), str)
    assert_type(await wrap(other).receive(), str)
    assert_type(await wrap(socket, receives=Join | Say).receive(), Join | Say)
    assert_type(wrap(socket, receives=Say, sends=Join), WebSocket[Say, Join])
    await wrap(socket).send({"a": 1})
    await wrap(socket, sends=Join).send(Join(room="lobby"))
    await wrap(socket, sends=Join).send(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wrap(request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wrap(socket, max_messages=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def pass_it_on(socket: StarletteWebSocket) -> None:
    """What is wrapped without types goes where a plain WebSocket does."""
    await takes_plain(wrap(socket))


async def takes_plain(ws: WebSocket) -> None: ...


# ----------------------------------------------------------------------------------- routing

app = WebSocketRouter()


@app.websocket("/rooms/{room}", max_message_bytes=100)
@query("name", str, default="guest")
async def chat(ws: WebSocket[Say, Join], room: str, name: str) -> None: ...


@websocket("/echo/{times:int}", name="echo")
async def echo(
    ws: WebSocket,
    times: int,
    user_agent: Annotated[str, Header()],
    page: Annotated[int, Query(alias="p")] = 1,
) -> None: ...


assert_type(chat, WebSocketRoute)
assert_type(echo, WebSocketRoute)
app.include(echo)
app.include(app, prefix="/v1")
assert_type(app.routes, list[WebSocketRoute])
WebSocketRouter([chat, echo], receive_timeout=5)
WebSocketRouter(max_messages=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.include("/echo")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@app.websocket("/returns")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def returns(ws: WebSocket) -> str:
    return await ws.receive()


@app.websocket("/plain")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def plain(ws: WebSocket) -> None: ...


@app.websocket("/other")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def other_first(room: str, ws: WebSocket) -> None: ...


@app.websocket("/nothing")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def nothing() -> None: ...


app.websocket("/option", max_messages=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# ---------------------------------------------------------------------------------- endpoints

fastapi_app = FastAPI()


def current_user() -> str:
    return "Ada"


@fastapi_app.websocket("/rooms/{room}")
@endpoint
async def talk(
    ws: WebSocket[Say, Join], room: str, user: Annotated[str, Depends(current_user)]
) -> None: ...


@fastapi_app.websocket("/limited/{room}")
@endpoint(max_message_bytes=100)
async def talk_briefly(room: str, ws: WebSocket) -> None: ...


@endpoint  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def not_async(ws: WebSocket) -> None: ...


@endpoint  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def returns_too(ws: WebSocket) -> str:
    return await ws.receive()


endpoint(max_messages=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


# ------------------------------------------------------------------------------------- errors


def goodbye(error: WebSocketDisconnectError) -> None:
    assert_type(error.code, int | None)
    assert_type(error.reason, str)


# ----------------------------------------------------------------------------- who is there


async def who_is_there() -> None:
    app = WebSocketRouter(max_connections=1000, max_connections_per_client=None)
    websocket("/", max_connections=1, messages_per_second=5)
    endpoint(max_connections=1)
    assert_type(app.connections, frozenset[WebSocket[Any, Any]])
    assert_type(await app.close_all(code=1001, reason="bye", grace=2.5), None)
    await app.close_all(grace=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
