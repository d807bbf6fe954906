"""Sockets that belong to Starlette or FastAPI: ``wrap`` and ``endpoint``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from fastapi import Depends, FastAPI, Query
from fastapi import WebSocket as FastAPIWebSocket
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.websockets import WebSocket as StarletteWebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from tests.asgi import Call, Server, accept, close, denial, noted, text
from tests.asgi import Event as ASGIEvent
from websocket_kit import (
    CloseInfo,
    Cookie,
    InvalidRouteError,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketTimeoutError,
    endpoint,
    wrap,
)
from websocket_kit.testing import HandshakeRejected, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


class Say(BaseModel):
    text: str


class Event(BaseModel):
    text: str


def pair_up(*events: Any, **scope: Any) -> tuple[Server, StarletteWebSocket, WebSocket]:
    """A server, Starlette's socket on it, and ours around that."""
    server = Server(*events, **scope)
    socket = StarletteWebSocket(*server.asgi)
    return server, socket, wrap(socket)


# --------------------------------------------------------------------------------------------- wrap


async def test_a_wrapped_socket_does_what_a_websocket_does() -> None:
    server, _, ws = pair_up("hi", b"ho")
    async with ws:
        assert await ws.receive() == "hi"
        assert await ws.receive(bytes) == b"ho"
        await ws.send({"a": 1})
    assert server.sent == [accept(), text('{"a":1}'), close(1000)]


async def test_a_fastapi_socket_is_wrapped_alike() -> None:
    server = Server()
    async with wrap(FastAPIWebSocket(*server.asgi)):
        pass
    assert server.sent == [accept(), close(1000)]


async def test_wrap_takes_the_types_of_messages() -> None:
    server = Server('{"text":"hi"}')
    async with wrap(StarletteWebSocket(*server.asgi), receives=Say, sends=Event) as ws:
        assert await ws.receive() == Say(text="hi")
        await ws.send(Event(text="ho"))
    assert server.sent[1] == text('{"text":"ho"}')


async def test_wrap_takes_the_four_options() -> None:
    server = Server("too long", subprotocols=["chat"])
    ws = wrap(
        StarletteWebSocket(*server.asgi),
        subprotocols=["chat"],
        allowed_origins="*",
        max_message_bytes=3,
        receive_timeout=1,
    )
    async with ws:
        assert ws.subprotocol == "chat"
        with pytest.raises(WebSocketMessageTooBig):
            await ws.receive()
        with pytest.raises(WebSocketTimeoutError):
            await ws.receive()


@pytest.mark.parametrize(
    ("options", "error"),
    [({"max_messages": 1}, TypeError), ({"receive_timeout": -1}, ValueError)],
)
async def test_wrap_refuses_a_bad_option(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrap(StarletteWebSocket(*Server().asgi), **options)


@pytest.mark.parametrize("what", ["None", "a scope", "a WebSocket of ours"])
async def test_wrap_takes_nothing_but_a_socket_of_starlettes(what: str) -> None:
    socket: Any = {"a scope": Server().scope, "a WebSocket of ours": Server().websocket()}.get(what)
    with pytest.raises(TypeError, match=r"takes a starlette\.websockets\.WebSocket"):
        wrap(socket)


async def test_a_wrapped_socket_checks_the_origin_when_it_accepts() -> None:
    headers = {"host": "example.com", "origin": "https://evil.example"}
    server, _, ws = pair_up(headers=headers)
    with pytest.raises(WebSocketHandshakeError, match="allowed_origins"):
        await ws.accept()
    assert server.sent == denial(403)


async def test_a_task_group_around_a_wrapped_socket() -> None:
    server, _, ws = pair_up()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError) as caught:
        async with ws.task_group():
            await wait_all_tasks_blocked()
            server.push("hi")
            assert await ws.receive() == "hi"
            server.leave(4001)
            await ws.receive()
    assert caught.value.code == 4001


# ------------------------------------------------------------------- side by side: the socket first


async def test_what_the_socket_accepted_is_open() -> None:
    server, socket, ws = pair_up("hi")
    await socket.accept()
    assert ws.open
    async with ws:
        assert await ws.receive() == "hi"
        await ws.send("ho")
    assert server.sent == [accept(), text("ho"), close(1000)]


async def test_a_socket_that_is_accepted_already_is_wrapped_open() -> None:
    server = Server("hi")
    socket = StarletteWebSocket(*server.asgi)
    await socket.accept()
    ws = wrap(socket)
    assert ws.open
    with pytest.raises(WebSocketHandshakeError):
        await ws.accept()
    assert await ws.receive() == "hi"


async def test_a_socket_whose_handshake_was_read_already_is_accepted() -> None:
    server = Server("hi")
    socket = StarletteWebSocket(*server.asgi)
    await socket.receive()
    async with wrap(socket) as ws:
        assert await ws.receive() == "hi"
    assert server.receives == 2


async def test_a_socket_whose_handshake_was_read_already_is_rejected() -> None:
    server, socket, ws = pair_up()
    await socket.receive()
    await ws.reject(401)
    assert server.sent == denial(401)


CALLS: dict[str, Call] = {
    "send": lambda ws: ws.send("hi"),
    "send json": lambda ws: ws.send({"a": 1}),
    "receive": lambda ws: ws.receive(),
    "receive in time": lambda ws: ws.receive(timeout=1),
    "close": lambda ws: ws.close(),
    "enter": lambda ws: ws.__aenter__(),
    "pair": lambda ws: ws.pair("hi"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("used", [False, True], ids=["unused", "used before"])
async def test_what_the_socket_closed_is_over(call: Any, used: bool) -> None:
    server, socket, ws = pair_up("one", "two")
    await socket.accept()
    if used:
        assert await ws.receive() == "one"
        await ws.send("thanks")
    await socket.close(4000, "enough")
    before = server.receives, len(server.tried)
    with pytest.raises(WebSocketHandshakeError) as caught:
        with anyio.fail_after(10):
            await call(ws)
    assert not isinstance(caught.value, WebSocketDisconnectError)
    assert not ws.open
    assert ws.close_info is not None
    assert ws.close_info.by == "server"
    assert (server.receives, len(server.tried)) == before


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("used", [False, True], ids=["unused", "used before"])
async def test_what_the_socket_saw_leave_has_left(call: Any, used: bool) -> None:
    server, socket, ws = pair_up("one")
    server.leave(4001)
    await socket.accept()
    assert await (ws.receive() if used else socket.receive_text()) == "one"
    if used:
        await ws.send("thanks")
    with pytest.raises(WebSocketDisconnect):
        await socket.receive_text()
    before = server.receives, len(server.tried)
    with pytest.raises(WebSocketDisconnectError):
        await call(ws)
    assert not ws.open
    assert ws.close_info is not None
    assert ws.close_info.by == "peer"
    assert (server.receives, len(server.tried)) == before


async def test_iteration_ends_when_the_socket_closes() -> None:
    _, socket, ws = pair_up("one", "two")
    await socket.accept()
    received: list[str] = []
    async for message in ws:
        received.append(message)
        await socket.close()
    assert received == ["one"]


async def test_async_with_sends_a_socket_that_was_closed_nothing_more() -> None:
    server, socket, ws = pair_up()
    async with ws:
        await socket.close(4000)
    assert server.sent == [accept(), close(4000)]


async def test_async_with_sends_a_peer_that_the_socket_saw_leave_nothing() -> None:
    server, socket, ws = pair_up()
    server.leave()
    async with ws:
        with pytest.raises(WebSocketDisconnect):
            await socket.receive_text()
    assert server.tried == [accept()]


async def test_a_denial_that_the_socket_sent_has_rejected() -> None:
    server, socket, ws = pair_up()
    await socket.receive()
    await socket.send_denial_response(PlainTextResponse("no", status_code=401))
    assert ws.close_info == CloseInfo(None, "", "server")
    assert not ws.open
    with pytest.raises(WebSocketHandshakeError):
        await ws.accept()
    with pytest.raises(WebSocketHandshakeError):
        await ws.reject()
    assert server.sent[0]["status"] == 401


async def test_a_denial_that_the_socket_has_only_begun_has_rejected() -> None:
    server, socket, ws = pair_up()
    await socket.receive()
    await socket.send({"type": "websocket.http.response.start", "status": 401, "headers": []})
    with pytest.raises(WebSocketHandshakeError, match="rejected"):
        await ws.accept()
    assert len(server.sent) == 1
    await socket.send({"type": "websocket.http.response.body", "body": b""})


async def test_a_socket_that_was_closed_before_accept_is_over() -> None:
    server, socket, ws = pair_up()
    await socket.receive()
    await socket.close()
    with pytest.raises(WebSocketHandshakeError):
        await ws.accept()
    assert server.sent == [close(1000)]


@pytest.mark.parametrize("end", ["close", "deny", "leave"])
async def test_a_socket_that_is_over_already_is_wrapped_over(end: str) -> None:
    server, socket, _ = pair_up()
    if end == "deny":
        await socket.receive()
        await socket.send_denial_response(PlainTextResponse(status_code=401))
    elif end == "close":
        await socket.accept()
        await socket.close()
    else:
        server.leave()
        await socket.accept()
        await socket.receive()
    ws = wrap(socket)
    assert not ws.open
    assert ws.close_info is not None
    with pytest.raises(WebSocketHandshakeError):
        await ws.__aenter__()


# ----------------------------------------------------------------------- side by side: ours first


async def test_what_we_accepted_the_socket_may_use() -> None:
    server, socket, ws = pair_up("one", "two")
    async with ws:
        assert await socket.receive_text() == "one"
        assert await ws.receive() == "two"
        await socket.send_text("ho")
    assert socket.application_state is WebSocketState.DISCONNECTED
    assert server.sent == [accept(), text("ho"), close(1000)]


async def test_what_we_closed_the_socket_knows_is_over() -> None:
    _, socket, ws = pair_up()
    await ws.accept()
    await ws.close()
    with pytest.raises(RuntimeError):
        await socket.send_text("hi")
    with pytest.raises(RuntimeError):
        await socket.receive_text()


async def test_what_we_closed_is_over_for_all_though_that_was_cancelled() -> None:
    server, socket, ws = pair_up()
    server.stuck.add("websocket.close")
    await ws.accept()
    with anyio.move_on_after(1):
        await ws.close(4000)
    assert not ws.open
    assert wrap(socket).close_info is not None
    with pytest.raises(RuntimeError):
        await socket.send_text("hi")
    with pytest.raises(RuntimeError):
        await socket.close()


async def test_what_we_rejected_the_socket_knows_is_over() -> None:
    _, socket, ws = pair_up()
    await ws.reject()
    with pytest.raises(RuntimeError):
        await socket.accept()


async def test_a_peer_that_we_saw_leave_the_socket_knows_has_left() -> None:
    server, socket, ws = pair_up()
    server.leave()
    await ws.accept()
    with pytest.raises(WebSocketDisconnectError):
        await ws.receive()
    assert socket.client_state is WebSocketState.DISCONNECTED


@pytest.mark.parametrize("message", ["hi", {"a": 1}])
@pytest.mark.parametrize("gone", [OSError("gone"), RuntimeError("gone")], ids=repr)
async def test_a_send_that_fails_below_the_socket_is_a_disconnect(
    gone: Exception, message: Any
) -> None:
    server, _, ws = pair_up()
    await ws.accept()
    server.fails["websocket.send"] = gone
    with pytest.raises(WebSocketDisconnectError):
        await ws.send(message)
    assert ws.close_info == CloseInfo(None, "", "peer")


async def test_a_close_that_fails_below_the_socket_counts_as_closed() -> None:
    server, _, ws = pair_up()
    await ws.accept()
    server.fails["websocket.close"] = OSError("gone")
    await ws.close(1001)
    assert ws.close_info == CloseInfo(1001, "", "server")


async def test_a_peer_that_left_before_the_handshake_is_a_disconnect_through_a_socket_too() -> None:
    server = Server(connect=False)
    server.leave()
    with pytest.raises(WebSocketDisconnectError):
        await wrap(StarletteWebSocket(*server.asgi)).accept()


# ---------------------------------------------------------------------- endpoint, in Starlette


def serve(handler: Any) -> Starlette:
    return Starlette(routes=[StarletteRoute("/{room}", handler)])


async def test_an_endpoint_gives_a_starlette_handler_our_websocket() -> None:
    @endpoint
    async def chat(ws: WebSocket[Say, Event]) -> None:
        async with ws:
            async for message in ws:
                await ws.send(Event(text=message.text.upper()))

    async with connect(serve(chat), "/lobby") as peer:
        assert await peer.pair(Say(text="hi")) == '{"text":"HI"}'


async def test_the_sockets_own_path_parameters_are_in_the_request() -> None:
    @endpoint
    async def chat(ws: WebSocket) -> None:
        async with ws:
            await ws.send(ws.request.path_params["room"])

    async with connect(serve(chat), "/lobby") as peer:
        await peer.expect("lobby")


async def test_an_endpoint_takes_the_four_options() -> None:
    @endpoint(subprotocols=["chat"], allowed_origins="*", max_message_bytes=3, receive_timeout=1)
    async def chat(ws: WebSocket) -> None:
        async with ws:
            assert ws.subprotocol == "chat"
            with pytest.raises(WebSocketMessageTooBig):
                await ws.receive()
            with pytest.raises(WebSocketTimeoutError):
                await ws.receive()

    headers = {"host": "example.com", "origin": "https://evil.example"}
    async with connect(serve(chat), "/lobby", subprotocols=["chat"], headers=headers) as peer:
        assert peer.subprotocol == "chat"
        await peer.send("too long")
        await peer.expect_close(1000, timeout=2)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"max_messages": 1}, TypeError), ({"receive_timeout": -1}, ValueError)],
)
def test_an_endpoint_refuses_a_bad_option(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        endpoint(**options)


async def test_an_endpoint_checks_the_origin_before_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @endpoint
    async def chat(ws: WebSocket) -> None:
        pytest.fail("it ran")

    headers = {"host": "example.com", "origin": "https://evil.example"}
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(serve(chat), "/lobby", headers=headers):
            pass
    assert (caught.value.status, dict(caught.value.headers)) == (403, {})  # a plain close
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        "rejected '/lobby' from '127.0.0.1' with HTTP 403: origin 'https://evil.example'"
    )


async def test_an_unannotated_first_parameter_is_the_websocket() -> None:
    async def chat(ws: WebSocket) -> None:
        async with ws:
            await ws.send(type(ws).__name__)

    del chat.__annotations__["ws"]
    async with connect(serve(endpoint(chat)), "/lobby") as peer:
        await peer.expect("WebSocket")


def test_an_endpoint_keeps_the_handlers_name_and_docs() -> None:
    @endpoint
    async def chat(ws: WebSocket) -> None:
        """Chat."""

    assert chat.__name__ == "chat"
    assert chat.__doc__ == "Chat."


def plain(ws: WebSocket) -> None: ...


async def without_parameters() -> None: ...


async def with_another_socket(socket: StarletteWebSocket) -> None: ...


async def with_an_unknown_name(ws: WebSocket) -> None: ...


with_an_unknown_name.__annotations__["ws"] = "Nowhere"


async def with_an_unknown_type(ws: WebSocket[Server, str]) -> None: ...


async def with_our_mark(ws: WebSocket, sid: Annotated[str, Cookie()]) -> None: ...


BAD_ENDPOINTS: list[tuple[Any, str]] = [
    (plain, "async def"),
    (without_parameters, "takes no WebSocket"),
    (with_another_socket, "imported from websocket_kit"),
    (with_an_unknown_name, "Nowhere"),
    (with_an_unknown_type, "Server"),
    (with_our_mark, "import Cookie from fastapi"),
]


@pytest.mark.parametrize(
    ("handler", "match"),
    BAD_ENDPOINTS,
)
def test_what_can_be_no_endpoint_is_refused_where_it_is_defined(handler: Any, match: str) -> None:
    with pytest.raises(InvalidRouteError, match=match):
        endpoint(handler)


# ------------------------------------------------------------------------ endpoint, in FastAPI


HTTP: dict[str, Any] = {
    "headers": [],
    "query_string": b"",
    "root_path": "",
    "scheme": "http",
    "server": None,
}


async def ask() -> ASGIEvent:
    return {"type": "http.request", "body": b"", "more_body": False}


async def forget(event: ASGIEvent) -> None:
    """Send nobody anything."""


async def current_user(token: str) -> str:
    return token.upper()


async def test_fastapi_injects_what_it_always_does() -> None:
    app = FastAPI()

    @app.websocket("/rooms/{room}")
    @endpoint
    async def chat(
        ws: WebSocket[Say, Event],
        room: int,
        user: Annotated[str, Depends(current_user)],
        limit: Annotated[int, Query(ge=1)] = 10,
    ) -> None:
        async with ws:
            said = await ws.receive()
            await ws.send(Event(text=f"{user} in {room + 1}, {limit}: {said.text}"))

    async with connect(app, "/rooms/4?token=ada&limit=2") as peer:
        assert await peer.pair(Say(text="hi")) == '{"text":"ADA in 5, 2: hi"}'
        await peer.expect_close(1000)


async def test_in_fastapi_the_websocket_need_not_come_first() -> None:
    app = FastAPI()

    @app.websocket("/rooms/{room}")
    @endpoint
    async def chat(room: str, ws: WebSocket) -> None:
        async with ws:
            await ws.send(room)

    async with connect(app, "/rooms/lobby") as peer:
        await peer.expect("lobby")
        await peer.expect_close(1000)


async def test_in_fastapi_every_parameter_may_be_keyword_only() -> None:
    app = FastAPI()

    @app.websocket("/rooms/{room}")
    @endpoint
    async def chat(*, ws: WebSocket, room: str) -> None:
        async with ws:
            await ws.send(room)

    server = Server(path="/rooms/lobby")
    await app(*server.asgi)
    assert server.sent == [accept(), text("lobby"), close(1000)]


async def test_in_fastapi_the_websocket_may_have_any_name() -> None:
    app = FastAPI()

    @app.websocket("/rooms/{name}")
    @endpoint(max_message_bytes=3)
    async def chat(name: str, connection: WebSocket) -> None:
        async with connection:
            await connection.send(name)

    async with connect(app, "/rooms/lobby") as peer:
        await peer.expect("lobby")


class Chat:
    @endpoint
    async def annotated(self, ws: WebSocket) -> None:
        async with ws:
            await ws.send(type(self).__name__)

    @endpoint
    async def bare(self, ws: Any) -> None:
        async with ws:
            await ws.send(type(self).__name__)


@pytest.mark.parametrize("method", [Chat().annotated, Chat().bare])
async def test_a_method_may_be_one(method: Any) -> None:
    async with connect(Starlette(routes=[StarletteRoute("/", method)])) as peer:
        await peer.expect("Chat")
    app = FastAPI()
    app.add_api_websocket_route("/", Chat().annotated)
    async with connect(app) as peer:
        await peer.expect("Chat")


async def test_on_a_route_for_http_it_says_so() -> None:
    app = FastAPI()

    @app.get("/chat")
    @endpoint
    async def chat(ws: WebSocket) -> None:
        """Never called."""

    with pytest.raises(TypeError) as caught:
        await app({"type": "http", "method": "GET", "path": "/chat", **HTTP}, ask, forget)
    assert str(caught.value) == (
        f"endpoint {chat.__qualname__!r} was called with no WebSocket of Starlette's:"
        " is it on a route for HTTP?"
    )


async def test_on_a_route_of_starlettes_for_http_it_says_so() -> None:
    @endpoint
    async def chat(ws: WebSocket) -> None:
        """Never called."""

    with pytest.raises(TypeError, match="is it on a route for HTTP"):
        await chat(Request({"type": "http", "headers": []}))


async def test_dependencies_with_a_yield_are_left_after_the_end() -> None:
    app = FastAPI()
    sent: list[Any] = []

    async def session() -> AsyncIterator[str]:
        yield "session"
        sent.append("left")

    @app.websocket("/")
    @endpoint
    async def chat(ws: WebSocket, _: Annotated[str, Depends(session)]) -> None:
        await ws.accept()

    async with connect(noted(app, sent)):
        pass
    assert sent == [accept(), close(1000), "left"]


async def test_an_endpoint_can_be_an_object_or_a_partial() -> None:
    async def greet(greeting: str, ws: WebSocket) -> None:
        async with ws:
            await ws.send(greeting)

    async with connect(serve(endpoint(functools.partial(greet, "hello"))), "/lobby") as peer:
        await peer.expect("hello")


def test_without_endpoint_fastapis_error_says_to_add_it() -> None:
    app = FastAPI()
    with pytest.raises(Exception, match="@endpoint"):

        @app.websocket("/")
        async def chat(ws: WebSocket) -> None: ...


def test_without_endpoint_it_says_so_of_a_typed_websocket_too() -> None:
    app = FastAPI()
    with pytest.raises(Exception, match="@endpoint"):

        @app.websocket("/")
        async def chat(ws: WebSocket[Say, Event]) -> None: ...


@pytest.mark.parametrize("name", ["max_connections", "max_connections_per_client"])
async def test_a_socket_that_is_wrapped_counts_no_connections(name: str) -> None:
    socket = StarletteWebSocket(*Server().asgi)
    options: Any = {name: 1}
    with pytest.raises(TypeError, match="option of a route, the router and endpoint"):
        wrap(socket, **options)
