"""Before a connection is open: the handshake, and the two answers to it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from starlette.websockets import WebSocket as StarletteWebSocket

from tests.asgi import Server, accept, close, denial, text
from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    wrap,
)

pytestmark = pytest.mark.anyio

CONNECT = {"type": "websocket.connect"}


# ----------------------------------------------------------------------------------- making one


async def test_only_a_scope_of_a_websocket_is_wrapped() -> None:
    server = Server()
    with pytest.raises(TypeError, match="not 'http'"):
        WebSocket({"type": "http"}, server.receive, server.send)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subprotocol": ["chat"]}, TypeError),
        ({"subprotocols": "chat"}, TypeError),
        ({"subprotocols": ["two words"]}, ValueError),
        ({"allowed_origins": ["example.com"]}, ValueError),
        ({"max_message_bytes": -1}, ValueError),
        ({"receive_timeout": -0.1}, ValueError),
    ],
)
async def test_a_bad_option_is_refused_when_the_websocket_is_made(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Server().websocket(**options)


async def test_a_type_that_pydantic_does_not_know_is_refused_when_the_websocket_is_made() -> None:
    with pytest.raises(TypeError, match="cannot cast to"):
        WebSocket(*Server().asgi, receives=anyio.Event)


async def test_a_new_websocket_is_neither_open_nor_over() -> None:
    ws = Server().websocket()
    assert not ws.open
    assert ws.close_info is None
    assert ws.subprotocol is None


async def test_its_repr_says_where_it_stands() -> None:
    ws = Server(path="/rooms/\x1b[2J").websocket()
    assert repr(ws) == r"<WebSocket '/rooms/\x1b[2J' CONNECTING>"
    await ws.accept()
    assert repr(ws) == r"<WebSocket '/rooms/\x1b[2J' OPEN>"


# ---------------------------------------------------------------------------------- the request


async def test_the_request_shows_the_handshake() -> None:
    ws = Server(
        path="/rooms",
        query_string=b"name=Ada",
        headers={"host": "example.com", "cookie": "token=s3cret"},
        state={"pool": "db"},
    ).websocket()
    assert str(ws.request.url) == "ws://example.com/rooms?name=Ada"
    assert ws.request.query_params["name"] == "Ada"
    assert ws.request.headers["host"] == "example.com"
    assert ws.request.cookies == {"token": "s3cret"}
    assert ws.request.client == ("127.0.0.1", 50000)
    assert ws.request.state.pool == "db"


async def test_the_request_is_made_once() -> None:
    ws = Server().websocket()
    assert ws.request is ws.request


async def test_the_request_has_a_default_for_whatever_a_server_leaves_out() -> None:
    server = Server()
    ws = WebSocket({"type": "websocket", "path": "/rooms"}, server.receive, server.send)
    assert str(ws.request.url) == "/rooms"
    assert ws.request.url.path == "/rooms"
    assert list(ws.request.query_params) == []
    assert list(ws.request.headers) == []
    assert ws.request.cookies == {}
    assert ws.request.client is None
    assert not hasattr(ws.request.state, "pool")


async def test_the_request_on_daphne_has_the_scheme_ws() -> None:
    server = Server()
    scope = {
        "type": "websocket",
        "path": "/rooms",
        "headers": [(b"host", b"example.com")],
        "query_string": b"",
        "client": ["127.0.0.1", 50000],
        "server": ["127.0.0.1", 8000],
        "subprotocols": [],
        "asgi": {"version": "3.0"},
    }
    ws = WebSocket(scope, server.receive, server.send)
    assert str(ws.request.url) == "ws://example.com/rooms"
    assert ws.request.client == ("127.0.0.1", 50000)


async def test_ports_that_a_server_gives_as_text_become_numbers() -> None:
    ws = Server(client=("127.0.0.1", "50000"), server=("127.0.0.1", "8000")).websocket()
    assert ws.request.client == ("127.0.0.1", 50000)
    assert ws.request.url.port == 8000


async def test_a_unix_sockets_path_is_no_port() -> None:
    ws = Server(client=None, server=("/run/app.sock", None)).websocket()
    assert ws.request.client is None
    assert ws.request.scope["server"] == ("/run/app.sock", None)


async def test_the_servers_own_scope_is_left_as_it_is() -> None:
    scope: dict[str, Any] = {"type": "websocket", "path": "/"}
    server = Server()
    ws = WebSocket(scope, server.receive, server.send)
    assert ws.request.url.path == "/"
    assert ws.scope is scope
    assert scope == {"type": "websocket", "path": "/"}


# --------------------------------------------------------------------------------------- accept


async def test_accept_waits_for_the_handshake() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.accept)
        await wait_all_tasks_blocked()
        assert server.sent == []
        assert not ws.open
        server.push(CONNECT)
    assert server.sent == [accept()]
    assert ws.open


async def test_accept_happens_once() -> None:
    ws = Server().websocket()
    await ws.accept()
    with pytest.raises(WebSocketHandshakeError, match="already accepted"):
        await ws.accept()
    assert ws.open


async def test_async_with_accepts() -> None:
    server = Server()
    async with server.websocket() as ws:
        assert server.sent == [accept()]
        assert ws.open


async def test_async_with_takes_an_accepted_connection_as_it_is() -> None:
    server = Server()
    ws = server.websocket()
    await ws.accept(headers={"x-room": "lobby"})
    async with ws as same:
        assert same is ws
        assert server.sent == [accept(None, (b"x-room", b"lobby"))]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Room": "lobby"},
        [("X-Room", "lobby")],
        [(b"X-Room", b"lobby")],
    ],
)
async def test_accept_sends_headers_along(headers: Any) -> None:
    server = Server()
    await server.websocket().accept(headers=headers)
    assert server.sent == [accept(None, (b"x-room", b"lobby"))]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x-room": "lobby\r\nset-cookie: admin=1"}, ValueError),
        ({"x-room": "lobby\n"}, ValueError),
        ({"x-room": "lobby\0"}, ValueError),
        ({"x-room\r\nx": "lobby"}, ValueError),
        ({"x room": "lobby"}, ValueError),
        ({"": "lobby"}, ValueError),
        ({"x-room": "\u4e2d"}, ValueError),
        ({"Sec-WebSocket-Protocol": "chat"}, ValueError),
        ({"x-room": 5}, TypeError),
        (None, TypeError),
    ],
)
async def test_a_malformed_header_is_refused_and_nothing_is_sent(
    headers: Any, error: type[Exception]
) -> None:
    server = Server()
    ws = server.websocket()
    with pytest.raises(error):
        await ws.accept(headers=headers)
    assert server.tried == []
    await ws.accept()
    assert ws.open


async def test_a_peer_that_left_before_its_handshake_was_read_is_a_disconnect() -> None:
    server = Server(connect=False)
    server.leave(1001, "tab closed")
    ws = server.websocket()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.accept()
    assert (caught.value.code, caught.value.reason) == (1001, "tab closed")
    assert ws.close_info == CloseInfo(1001, "tab closed", "peer")
    assert server.sent == []


async def test_a_receive_that_raises_in_the_handshake_is_a_disconnect() -> None:
    gone = OSError("gone")
    server = Server(gone, connect=False)
    with pytest.raises(WebSocketDisconnectError) as caught:
        await server.websocket().accept()
    assert caught.value.__cause__ is gone


async def test_a_send_that_raises_in_accept_is_a_disconnect() -> None:
    server = Server()
    gone = server.fails["websocket.accept"] = RuntimeError("gone")
    ws = server.websocket()
    with pytest.raises(WebSocketDisconnectError) as caught:
        await ws.accept()
    assert caught.value.__cause__ is gone
    assert not ws.open


async def test_a_server_that_begins_with_something_else_is_told_so() -> None:
    server = Server("hi", connect=False)
    with pytest.raises(
        WebSocketHandshakeError, match=r"'websocket\.receive' instead of a handshake"
    ):
        await server.websocket().accept()
    assert server.sent == []


async def test_a_second_task_cannot_accept_at_the_same_time() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.accept)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.accept()
        server.push(CONNECT)
    assert server.sent == [accept()]


async def test_a_second_task_that_enters_at_the_same_time_does_not_end_the_connection() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ws.accept)
        await wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await ws.__aenter__()
        server.push({"type": "websocket.connect"})
    assert server.tried == [accept()]
    assert ws.open


async def test_accept_cancelled_while_it_waits_can_be_called_again() -> None:
    server = Server(connect=False)
    ws = server.websocket()
    with anyio.move_on_after(1):
        await ws.accept()
    assert not ws.open
    server.push(CONNECT)
    await ws.accept()
    assert server.sent == [accept()]


async def test_accept_cancelled_while_it_sends_counts_as_accepted() -> None:
    server = Server()
    server.stuck.add("websocket.accept")
    ws = server.websocket()
    with anyio.move_on_after(1):
        await ws.accept()
    assert ws.open


# --------------------------------------------------------------------------------- subprotocols


@pytest.mark.parametrize(
    ("ours", "offered", "chosen"),
    [
        ([], ["chat"], None),
        (["chat"], [], None),
        (["chat"], ["other"], None),
        (["chat"], ["other", "chat"], "chat"),
        (["v2", "v1"], ["v1", "v2"], "v2"),
        (["v3", "v1"], ["v2", "v1"], "v1"),
    ],
)
async def test_the_first_of_our_subprotocols_that_was_offered_is_accepted(
    ours: list[str], offered: list[str], chosen: str | None
) -> None:
    server = Server(subprotocols=offered)
    ws = server.websocket(subprotocols=ours)
    await ws.accept()
    assert server.sent == [accept(chosen)]
    assert ws.subprotocol == chosen


async def test_accept_can_choose_another_subprotocol_that_was_offered() -> None:
    server = Server(subprotocols=["v1", "token.abc"])
    ws = server.websocket(subprotocols=["v1"])
    await ws.accept("token.abc")
    assert ws.subprotocol == "token.abc"
    assert server.sent == [accept("token.abc")]


@pytest.mark.parametrize(
    ("chosen", "offered"),
    [("chat", []), ("chat", ["other"]), ("", [""]), ("a\r\nb", ["a\r\nb"])],
)
async def test_a_subprotocol_that_was_not_offered_is_refused_and_nothing_is_sent(
    chosen: str, offered: list[str]
) -> None:
    server = Server(subprotocols=offered)
    ws = server.websocket()
    with pytest.raises(ValueError, match="did not offer it"):
        await ws.accept(chosen)
    assert server.tried == []
    await ws.accept()
    assert ws.subprotocol is None


# --------------------------------------------------------------------------------------- origin

FOREIGN = {"host": "example.com", "origin": "https://evil.example"}


@pytest.mark.parametrize("offers_denial", [True, False])
async def test_accept_rejects_a_foreign_origin_and_says_which_option_lets_it_in(
    offers_denial: bool,
) -> None:
    server = Server(headers=FOREIGN, denial=offers_denial)
    ws = server.websocket()
    with pytest.raises(WebSocketHandshakeError, match="allowed_origins"):
        await ws.accept()
    assert server.sent == (denial(403) if offers_denial else [close(1008)])
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_a_foreign_origin_is_no_disconnect() -> None:
    with pytest.raises(WebSocketHandshakeError) as caught:
        await Server(headers=FOREIGN).websocket().accept()
    assert not isinstance(caught.value, WebSocketDisconnectError)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "example.com"}, []),
        ({"host": "example.com", "origin": "https://example.com"}, []),
        (FOREIGN, ["https://evil.example"]),
        (FOREIGN, "*"),
    ],
)
async def test_accept_lets_in_no_origin_its_own_and_those_that_are_allowed(
    headers: dict[str, str], allowed: Any
) -> None:
    server = Server(headers=headers)
    await server.websocket(allowed_origins=allowed).accept()
    assert server.sent == [accept()]


async def test_a_foreign_origin_can_be_rejected_by_hand() -> None:
    server = Server(headers=FOREIGN)
    await server.websocket().reject(401)
    assert server.sent == denial(401)


# --------------------------------------------------------------------------------------- reject


async def test_reject_answers_with_a_start_and_exactly_one_body() -> None:
    server = Server()
    await server.websocket().reject()
    assert server.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 403,
            "headers": [(b"content-length", b"0")],
        },
        {"type": "websocket.http.response.body", "body": b""},
    ]


TEXT = (b"content-type", b"text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ("caf\u00e9", {}, denial(401, "caf\u00e9".encode(), TEXT)),
        (b"\x00", {"Content-Type": "x/y"}, denial(401, b"\x00", (b"content-type", b"x/y"))),
        ("", {"Retry-After": "5"}, denial(401, b"", (b"retry-after", b"5"))),
    ],
)
async def test_reject_sends_a_body_and_headers(
    body: str | bytes, headers: dict[str, str], expected: Any
) -> None:
    server = Server()
    await server.websocket().reject(401, body=body, headers=headers)
    assert server.sent == expected


async def test_reject_sends_no_second_content_length() -> None:
    server = Server()
    await server.websocket().reject(401, body="no", headers={"Content-Length": "2"})
    assert [name for name, _ in server.sent[0]["headers"]] == [b"content-length", b"content-type"]


@pytest.mark.parametrize("extensions", [{}, None, {"tls": {}}])
@pytest.mark.parametrize(("status", "code"), [(403, 1008), (404, 1008), (503, 1011)])
async def test_reject_is_a_plain_close_where_no_denial_is_offered(
    status: int, code: int, extensions: Any
) -> None:
    server = Server(extensions=extensions)
    await server.websocket().reject(status, body="no", headers={"x-why": "because"})
    assert server.sent == [close(code)]


async def test_reject_says_that_it_was_reject_whose_peer_has_left() -> None:
    server = Server({"type": "websocket.disconnect", "code": 1001}, connect=False)
    with pytest.raises(WebSocketDisconnectError, match="cannot reject: the peer has left"):
        await server.websocket().reject(401)


async def test_after_reject_the_connection_is_over() -> None:
    server = Server()
    ws = server.websocket()
    await ws.reject()
    assert not ws.open
    assert ws.close_info == CloseInfo(None, "", "server")
    assert server.receives == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"status": 200}, ValueError),
        ({"status": 302}, ValueError),
        ({"status": 600}, ValueError),
        ({"status": "403"}, TypeError),
        ({"body": None}, TypeError),
        ({"body": {"a": 1}}, TypeError),
        ({"headers": {"x": "a\nb"}}, ValueError),
    ],
)
async def test_reject_refuses_a_bad_argument_and_sends_nothing(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    server = Server()
    ws = server.websocket()
    with pytest.raises(error):
        await ws.reject(**arguments)
    assert server.tried == []
    await ws.accept()
    assert server.sent == [accept()]


@pytest.mark.parametrize("kind", ["websocket.http.response.start", "websocket.http.response.body"])
async def test_a_peer_that_is_gone_by_then_counts_as_rejected(kind: str) -> None:
    server = Server()
    server.fails[kind] = OSError("gone")
    ws = server.websocket()
    await ws.reject()
    assert ws.close_info == CloseInfo(None, "", "server")


async def test_a_peer_that_left_before_reject_is_a_disconnect() -> None:
    server = Server(connect=False)
    server.leave()
    with pytest.raises(WebSocketDisconnectError):
        await server.websocket().reject()


async def test_reject_waits_for_the_handshake() -> None:
    server = Server(connect=False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.websocket().reject)
        await wait_all_tasks_blocked()
        assert server.sent == []
        server.push(CONNECT)
    assert server.sent == denial(403)


async def test_messages_that_came_early_wait_for_accept() -> None:
    server = Server("early")
    async with server.websocket() as ws:
        assert await ws.receive() == "early"
        await ws.send("late")
    assert server.sent == [accept(), text("late"), close(1000)]


async def test_a_handshake_that_was_received_by_others_is_not_waited_for_again() -> None:
    server = Server()
    socket = StarletteWebSocket(*server.asgi)
    await socket.receive()
    await wrap(socket).accept()
    assert server.sent == [accept()]
