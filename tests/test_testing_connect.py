"""Entering and leaving ``connect``: the handshake, whose exception comes out, what strict finds."""

from __future__ import annotations

import asyncio
import re
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from anyio import CancelScope, create_task_group, current_time, sleep, sleep_forever
from fastapi import FastAPI
from starlette import websockets
from starlette.websockets import WebSocket as StarletteWebSocket
from starlette.websockets import WebSocketDisconnect

from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketReject,
    WebSocketRouter,
    websocket,
)
from websocket_kit.starlette import endpoint
from websocket_kit.testing import HandshakeRejected, LeftOver, Peer, WaitTimeout, connect

pytestmark = pytest.mark.anyio
Call = Callable[[Peer], Awaitable[object]]
MINE = "the test's own"
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def greet_by_name(ws: WebSocket, name: str) -> None:
    async with ws:
        await ws.send(f"hello, {name}")


async def crash(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        raise ZeroDivisionError


async def linger(ws: WebSocket, seconds: float) -> None:
    """Takes its time when the peer has left."""
    await ws.accept()
    async for _ in ws:
        pass
    await sleep(seconds)


@dataclass
class Unhashable(Exception):  # noqa: N818 - what it is
    number: int


class Scope:
    """An app that keeps the scope it is given."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await receive()
        await send({"type": "websocket.accept"})
        await receive()


# -------------------------------------------------------------------------------- the handshake


async def test_entering_does_the_handshake_and_leaving_closes() -> None:
    async with connect(echo) as peer:
        assert peer.open
        assert peer.close_info is None
    assert not peer.open
    assert peer.close_info == CloseInfo(1000, "", "peer")


async def test_the_scope_is_a_clients() -> None:
    app = Scope()
    async with connect(app, "/rooms/caf%C3%A9?name=Ada&x=%20"):
        pass
    assert app.scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/rooms/café",
        "raw_path": b"/rooms/caf%C3%A9",
        "query_string": b"name=Ada&x=%20",
        "root_path": "",
        "headers": [
            (b"host", b"testserver"),
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"sec-websocket-version", b"13"),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


async def test_a_path_is_encoded_as_a_client_does() -> None:
    app = Scope()
    async with connect(app, "/café 1?q=ü/ä"):
        pass
    assert app.scope["path"] == "/café 1"
    assert app.scope["raw_path"] == b"/caf%C3%A9%201"
    assert app.scope["query_string"] == b"q=%C3%BC/%C3%A4"


async def test_headers_join_a_clients_own_and_replace_them() -> None:
    app = Scope()
    given = [("Host", "example.com"), ("X-Token", "1"), ("X-Token", "2")]
    async with connect(app, headers=given):
        pass
    assert app.scope["headers"][-3:] == [
        (b"host", b"example.com"),
        (b"x-token", b"1"),
        (b"x-token", b"2"),
    ]
    assert [name for name, _ in app.scope["headers"]].count(b"host") == 1


async def test_subprotocols_are_offered() -> None:
    app = Scope()
    async with connect(app, subprotocols=["v2", "v1"]):
        pass
    assert app.scope["subprotocols"] == ["v2", "v1"]
    assert (b"sec-websocket-protocol", b"v2, v1") in app.scope["headers"]


async def test_the_state_is_a_copy_for_each_connection() -> None:
    app = Scope()
    state = {"rooms": ["lobby"]}
    async with connect(app, state=state):
        app.scope["state"]["own"] = True
    assert app.scope["state"] == {"rooms": ["lobby"], "own": True}
    assert app.scope["state"]["rooms"] is state["rooms"]
    assert state == {"rooms": ["lobby"]}


async def test_a_close_before_accept_is_http_403() -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4401})

    with pytest.raises(HandshakeRejected) as caught:
        async with connect(refuse):
            pass
    assert (caught.value.status, caught.value.body) == (403, b"")


async def test_a_return_before_accept_is_http_403() -> None:
    async def ignore(ws: WebSocket) -> None:
        pass

    with pytest.raises(HandshakeRejected, match="403"):
        async with connect(ignore):
            pass


async def test_a_denial_response_may_come_in_parts() -> None:
    async def deny(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"retry-after", b"5")]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        for body, more in [(b"come ", True), (b"back", True), (b" later", False)]:
            await send({"type": "websocket.http.response.body", "body": body, "more_body": more})
        await receive()

    with pytest.raises(HandshakeRejected) as caught:
        async with connect(deny):
            pass
    rejected = caught.value
    assert (rejected.status, rejected.body) == (503, b"come back later")
    assert rejected.headers["retry-after"] == "5"


async def test_a_crash_before_accept_comes_out_with_what_the_peer_saw() -> None:
    async def crash_early(ws: WebSocket) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        async with connect(crash_early):
            pass
    assert caught.value.__notes__ == ["the peer saw HTTP 500"]


async def test_a_handshake_that_is_not_answered_ends_the_handler() -> None:
    ended: list[str] = []

    async def undecided(ws: WebSocket) -> None:
        try:
            await sleep_forever()
        finally:
            ended.append("handler")

    with pytest.raises(WaitTimeout):
        async with connect(undecided):
            pass
    assert ended == ["handler"]


async def test_a_handler_that_goes_on_after_a_rejection_is_left_over() -> None:
    async def go_on(ws: WebSocket) -> None:
        await ws.reject(404)
        await sleep_forever()

    with pytest.raises(LeftOver, match="has not ended"):
        async with connect(go_on):
            pass
    with pytest.raises(HandshakeRejected, match="404"):
        async with connect(go_on, strict=False):
            pass


# ---------------------------------------------------------------------- whose exception comes out


async def test_the_handlers_exception_comes_out_of_the_next_receive() -> None:
    async with connect(crash) as peer:
        await peer.send("go")
        with pytest.raises(ZeroDivisionError):
            await peer.receive()


MEETING_THE_END: dict[str, Call] = {
    "receive": lambda peer: peer.receive(),
    "expect a value": lambda peer: peer.expect("x"),
    "expect a type": lambda peer: peer.expect(str),
    "silence": lambda peer: peer.expect_nothing(),
    "long silence": lambda peer: peer.expect_nothing(1),
    "play": lambda peer: peer.play("< x"),
    "iterate": anext,
}


@pytest.mark.parametrize("call", MEETING_THE_END.values(), ids=MEETING_THE_END)
async def test_whatever_meets_the_end_raises_the_handlers_exception(call: Call) -> None:
    async with connect(crash) as peer:
        await peer.send("go")
        with pytest.raises(ZeroDivisionError):
            await call(peer)


NEEDING_A_CONNECTION: dict[str, Call] = {
    "send": lambda peer: peer.send("x"),
    "pair": lambda peer: peer.pair("x"),
    "close": lambda peer: peer.close(),
    "play": lambda peer: peer.play("> x"),
}


@pytest.mark.parametrize("call", NEEDING_A_CONNECTION.values(), ids=NEEDING_A_CONNECTION)
async def test_what_needs_an_open_connection_raises_it_too(call: Call) -> None:
    async with connect(crash) as peer:
        await peer.send("go")
        await peer.finished()
        with pytest.raises(ZeroDivisionError):
            await call(peer)


async def test_messages_before_a_crash_are_read_first() -> None:
    async def talk_then_crash(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("one")
        await ws.send("two")
        raise ZeroDivisionError

    async with connect(talk_then_crash) as peer:
        await peer.expect("one")
        await peer.expect("two")
        with pytest.raises(ZeroDivisionError):
            await peer.receive()


async def test_the_handlers_exception_comes_out_once() -> None:
    async with connect(crash) as peer:
        await peer.send("go")
        with pytest.raises(ZeroDivisionError):
            await peer.receive()
        with pytest.raises(WebSocketDisconnectError) as caught:
            await peer.receive()
        assert caught.value.code == 1011


async def test_the_handlers_exception_comes_out_at_the_end_at_the_latest() -> None:
    with pytest.raises(ZeroDivisionError):
        async with connect(crash) as peer:
            await peer.send("go")


async def test_a_matching_expect_close_leaves_the_exception_for_the_end() -> None:
    with pytest.raises(ZeroDivisionError):
        async with connect(crash) as peer:
            await peer.send("go")
            await peer.expect_close(1011)


async def test_the_exception_has_the_handlers_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        async with connect(crash) as peer:
            await peer.send("go")
            await peer.receive()
    assert caught.traceback[-1].name == "crash"


async def test_an_exception_after_the_goodbye_comes_out() -> None:
    async def crash_late(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(crash_late):
            pass


async def test_a_loop_does_not_take_the_handlers_handshake_error_for_an_end() -> None:
    async def misuse(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
        await ws.send("too late")

    with pytest.raises(WebSocketHandshakeError, match="cannot send"):
        async with connect(misuse) as peer:
            await peer.send("go")
            async for _ in peer:
                pass


async def test_a_keyboard_interrupt_in_the_handler_reaches_the_test() -> None:
    async def interrupt(ws: WebSocket) -> None:
        await ws.accept()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with connect(interrupt) as peer:
            await peer.receive()


async def test_a_group_of_the_handlers_own_stays_one() -> None:
    async def crash_twice(ws: WebSocket) -> None:
        await ws.accept()
        msg = "two"
        raise ExceptionGroup(msg, [ValueError("a"), KeyError("b")])

    with pytest.raises(ExceptionGroup, match="two"):
        async with connect(crash_twice):
            pass


# ------------------------------------------------------------------------------ the test's own


async def test_the_tests_own_failure_comes_out_as_it_is() -> None:
    with pytest.raises(AssertionError, match=MINE) as caught:
        async with connect(echo):
            raise AssertionError(MINE)
    assert not hasattr(caught.value, "__notes__")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", [ZeroDivisionError("theirs"), Unhashable(1)], ids=type)
async def test_the_tests_own_failure_goes_before_the_handlers(error: Exception) -> None:
    async def crash_with(ws: WebSocket) -> None:
        async with ws:
            raise error

    with pytest.raises(AssertionError, match=MINE) as caught:
        async with connect(crash_with) as peer:
            await peer.finished()
            raise AssertionError(MINE)
    (note,) = caught.value.__notes__
    assert re.match(
        rf"Beside that, the handler of '/' crashed with {type(error).__name__}: .* at ", note
    )


async def test_the_handlers_exception_is_not_told_twice() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        async with connect(crash) as peer:
            await peer.send("go")
            await peer.receive()
    assert not hasattr(caught.value, "__notes__")


async def test_what_is_left_does_not_hide_the_tests_own_failure() -> None:
    with pytest.raises(AssertionError, match=MINE) as caught:
        async with connect(echo) as peer:
            await peer.send("unread")
            raise AssertionError(MINE)
    assert not isinstance(caught.value, LeftOver)


async def test_what_is_left_of_several_connections_is_told_together() -> None:
    route = websocket("/{name}")(greet_by_name)
    with pytest.raises(LeftOver, match=r"^something is left of the connection to '/Bob\?x=1'") as e:
        async with connect(route, "/Ada"), connect(route, "/Eve"), connect(route, "/Bob?x=1"):
            pass
    assert e.value.__notes__ == [
        (
            f"Beside that, something is left of the connection to '/{name}' (strict=False allows"
            f" it):\n- 1 message of the handler's nobody read: 'hello, {name}'"
        )
        for name in ("Eve", "Ada")
    ]


async def test_after_a_failure_what_is_left_is_not_told() -> None:
    with pytest.raises(AssertionError, match=MINE) as caught:
        async with connect(greet_by_name, name="Ada"):
            raise AssertionError(MINE)
    assert not hasattr(caught.value, "__notes__")


async def test_what_strict_false_allows_is_not_told_beside_another_connections() -> None:
    with pytest.raises(LeftOver) as caught:
        async with (
            connect(greet_by_name, name="Ada", strict=False),
            connect(greet_by_name, name="Bob"),
        ):
            pass
    assert not hasattr(caught.value, "__notes__")


async def test_after_a_failed_test_the_handler_is_seen_to_its_end() -> None:
    peers: list[Peer] = []
    with pytest.raises(AssertionError):
        async with connect(linger, seconds=0.5, timeout=None) as peer:
            peers.append(peer)
            raise AssertionError
    assert repr(peers[0]) == "<Peer of '/': handler finished>"


async def test_after_a_failed_test_that_takes_a_second_at_most() -> None:
    peers: list[Peer] = []
    with pytest.raises(AssertionError):
        async with connect(linger, seconds=99, timeout=50) as peer:
            peers.append(peer)
            raise AssertionError
    assert current_time() == pytest.approx(1.0)
    assert repr(peers[0]) == "<Peer of '/': handler cancelled>"


# ------------------------------------------------------------------------- goodbyes are no crashes


async def loop_in_starlette(socket: StarletteWebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


async def loop_in_asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await sleep(1)


async def loop_in_tasks(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    async with create_task_group() as tasks:
        tasks.start_soon(send_twice, send)
        tasks.start_soon(send_twice, send)


async def send_twice(send: Any) -> None:
    await send({"type": "websocket.send", "text": "tick"})
    await sleep(1)
    with CancelScope(shield=True):
        await send({"type": "websocket.send", "text": "tock"})


async def loop_in_ours(ws: WebSocket) -> None:
    await ws.accept()
    while True:
        await ws.send(await ws.receive())


async def go_on_in_starlette(socket: StarletteWebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        await socket.receive_text()
    await socket.receive()


@pytest.mark.skipif(  # the oldest Starlette that is allowed is tested too
    not hasattr(websockets, "WebSocketDisconnected"), reason="Starlette of before it had the name"
)
async def test_starlettes_other_name_for_a_disconnect_is_absorbed_too() -> None:
    async with connect(go_on_in_starlette) as peer:
        peer.drop()
        await peer.finished()
    assert "crashed with WebSocketDisconnected" in repr(peer)


@pytest.mark.parametrize("handler", [loop_in_starlette, loop_in_ours])
async def test_a_disconnect_that_escapes_after_the_peer_left_is_absorbed(handler: Any) -> None:
    async with connect(handler) as peer:
        await peer.send("hi")
        await peer.expect("hi")
    assert repr(peer).startswith("<Peer of '/': handler crashed with WebSocketDisconnect") or (
        repr(peer) == "<Peer of '/': handler finished>"
    )


@pytest.mark.parametrize("app", [loop_in_asgi, loop_in_tasks])
async def test_what_send_raises_after_the_peer_left_is_absorbed(app: Any) -> None:
    async with connect(app, strict=False) as peer:
        await peer.expect("tick")


async def test_a_disconnect_while_the_peer_is_there_is_a_crash() -> None:
    async def pass_on(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise WebSocketDisconnectError(1001)

    with pytest.raises(WebSocketDisconnectError):
        async with connect(pass_on):
            pass


@pytest.mark.parametrize(
    ("message", "code"),
    [("not a number", 1007), ("2", 1008), (None, 3008)],
    ids=["cast", "expectation", "timeout"],
)
@pytest.mark.parametrize("routed", [True, False], ids=["route", "function"])
async def test_what_a_router_absorbs_is_no_failure(
    message: str | None, code: int, routed: bool
) -> None:
    async def protocol(ws: WebSocket) -> None:
        async with ws:
            await ws.expect(1, timeout=5)

    router = WebSocketRouter()
    router.websocket("/")(protocol)
    async with connect(router if routed else protocol) as peer:
        if message is not None:
            await peer.send(message)
        await peer.expect_close(code, timeout=6)


# --------------------------------------------------------------- another connection's disconnect

members: list[WebSocket] = []


async def tell_everyone(ws: WebSocket) -> None:
    async with ws:
        members.append(ws)
        try:
            async for message in ws:
                for member in members:
                    await member.send(message)
        finally:
            members.remove(ws)


async def tell_everyone_at_once(ws: WebSocket) -> None:
    async with ws:
        members.append(ws)
        try:
            async for message in ws:
                async with create_task_group() as tasks:
                    for member in members:
                        tasks.start_soon(member.send, message)
        finally:
            members.remove(ws)


async def tell_everyone_without_a_with(ws: WebSocket) -> None:
    await ws.accept()
    members.append(ws)
    try:
        async for message in ws:
            for member in members:
                await member.send(message)
    finally:
        members.remove(ws)


async def tell_everyone_but_the_lost(ws: WebSocket) -> None:
    with suppress(WebSocketDisconnectError):
        await tell_everyone(ws)


def in_fastapi(handler: Any) -> FastAPI:
    app = FastAPI()
    app.add_api_websocket_route("/", endpoint(handler))
    return app


ANOTHERS = (
    "This is another connection's disconnect: the handler's own peer had not left. Who sends on"
    " behalf of others catches WebSocketDisconnectError."
)
TELLERS: dict[str, Any] = {
    "bare": tell_everyone,
    "route": websocket("/")(tell_everyone),
    "router": WebSocketRouter(routes=[websocket("/")(tell_everyone)]),
    "endpoint": in_fastapi(tell_everyone),
    "task group": websocket("/")(tell_everyone_at_once),
    "without async with": websocket("/")(tell_everyone_without_a_with),
    "bare, without async with": tell_everyone_without_a_with,
}


@pytest.mark.parametrize("target", TELLERS.values(), ids=TELLERS)
async def test_another_connections_disconnect_that_ends_a_handler_is_a_crash(target: Any) -> None:
    async with connect(target) as bob:
        with pytest.raises(WebSocketDisconnectError) as caught:
            async with connect(target) as ada:
                bob.fail_send(OSError("planted"))
                await ada.send("hi")
                await ada.finished()
                assert ada.close_info == CloseInfo(1011, "", "server")
                assert "crashed with" in repr(ada)
        assert caught.value.__notes__ == [ANOTHERS]


async def test_another_connections_disconnect_comes_out_of_the_next_receive() -> None:
    async with connect(TELLERS["route"]) as bob, connect(TELLERS["route"]) as ada:
        bob.fail_send(OSError("planted"))
        await ada.send("hi")
        with pytest.raises(WebSocketDisconnectError, match="cannot send: the peer has left"):
            await ada.receive()


async def test_another_connections_disconnect_after_the_peer_left_is_absorbed() -> None:
    async with connect(TELLERS["route"]) as bob:
        async with connect(TELLERS["route"]) as ada:
            bob.fail_send(OSError("planted"))
            await ada.send("hi")
            ada.drop()
        assert repr(ada) == "<Peer of '/': handler finished>"


async def test_another_connections_disconnect_that_the_app_catches_is_its_own_affair() -> None:
    async with connect(TELLERS["route"]) as bob:
        async with connect(websocket("/")(tell_everyone_but_the_lost)) as ada:
            bob.fail_send(OSError("planted"))
            await ada.send("hi")
            await ada.expect_close(1011)
        assert repr(ada) == "<Peer of '/': handler finished>"


# -------------------------------------------------------------------------------------- leaving


async def test_leaving_waits_until_every_other_task_is_blocked() -> None:
    steps: list[str] = []

    async def work(ws: WebSocket) -> None:
        async with ws:
            message = await ws.receive()
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            steps.append(message)
            await ws.receive()

    async with connect(work) as peer:
        await peer.send("hi")
    assert steps == ["hi"]


async def test_leaving_waits_for_the_handler() -> None:
    async with connect(linger, seconds=0.5) as peer:
        pass
    assert current_time() == pytest.approx(0.5)
    assert repr(peer) == "<Peer of '/': handler finished>"


async def test_a_handler_that_ends_at_the_deadline_is_in_time() -> None:
    async with connect(linger, seconds=1.0):
        pass


@pytest.mark.parametrize("timeout", [3.0, None])
async def test_the_timeout_is_how_long_leaving_waits(timeout: float | None) -> None:
    async with connect(linger, seconds=2.5, timeout=timeout):
        pass


async def test_a_handler_that_will_not_end_fails_the_test_and_is_cancelled() -> None:
    peers: list[Peer] = []
    with pytest.raises(LeftOver, match="has not ended 1 s after its peer left"):
        async with connect(linger, seconds=99) as peer:
            peers.append(peer)
    assert repr(peers[0]) == "<Peer of '/': handler cancelled>"
    async with connect(linger, seconds=99, strict=False):
        pass


async def test_messages_that_nobody_read_fail_the_test() -> None:
    with pytest.raises(LeftOver, match="1 message of the handler's nobody read: 'hi'"):
        async with connect(echo) as peer:
            await peer.send("hi")
    async with connect(echo, strict=False) as peer:
        await peer.send("hi")


async def test_messages_sent_while_leaving_need_not_be_read() -> None:
    async def say_goodbye(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        await receive()
        await send({"type": "websocket.send", "text": "bye"})

    async with connect(say_goodbye, server="granian"):
        pass


async def illegal(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.accept"})


async def illegal_and_calm(scope: Any, receive: Any, send: Any) -> None:
    try:
        await illegal(scope, receive, send)
    except RuntimeError:
        await receive()


async def test_a_send_under_way_while_another_task_closes_is_legal() -> None:
    """Which of the two the server takes first is the event loop's to say: trio shuffles them."""

    async def send(ws: WebSocket) -> None:
        with suppress(WebSocketHandshakeError):  # the close came first
            await ws.send("x")

    async def both(ws: WebSocket) -> None:
        await ws.accept()
        async with create_task_group() as tasks:
            tasks.start_soon(send, ws)
            tasks.start_soon(ws.close, 4000)

    for _ in range(20):
        async with connect(both) as peer:
            with suppress(WebSocketHandshakeError):
                await peer.receive()


@pytest.mark.parametrize("app", [illegal, illegal_and_calm])
async def test_an_event_in_an_illegal_order_fails_the_test(app: Any) -> None:
    with pytest.raises(LeftOver, match=r"ASGI does not allow 'websocket\.accept' after accept"):
        async with connect(app):
            pass
    async with connect(app, strict=False):
        pass


async def test_a_test_that_meets_an_illegal_event_is_told_of_it() -> None:
    with pytest.raises(LeftOver, match="ASGI does not allow") as caught:
        async with connect(illegal) as peer:
            await peer.receive()
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(WebSocketDisconnectError):
        async with connect(illegal, strict=False) as peer:
            await peer.receive()


async def test_the_tests_own_failure_tells_of_an_illegal_event() -> None:
    with pytest.raises(AssertionError, match=MINE) as caught:
        async with connect(illegal):
            raise AssertionError(MINE)
    assert "ASGI does not allow 'websocket.accept' after accept" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (["send"], "'websocket.send' before the handshake is answered"),
        (["http.response.body"], "'websocket.http.response.body' before the handshake is"),
        (["accept", "http.response.start"], "'websocket.http.response.start' after accept"),
        (["accept", "close", "send"], "'websocket.send' after the end"),
        (["accept", "close", "close"], "'websocket.close' after the end"),
        (["close", "accept"], "'websocket.accept' after the end"),
        (["http.response.start", "accept"], "'websocket.accept' within a denial response"),
        (["http.response.start", "http.response.body", "close"], "'websocket.close' after the"),
        (["accept", "lifespan"], "'websocket.lifespan' after accept"),
    ],
    ids=range(9),
)
async def test_every_event_has_its_time(events: list[str], text: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "send": {"text": "hi"},
        "http.response.start": {"status": 404},
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for event in events:
            await send({"type": f"websocket.{event}", **more.get(event, {})})

    with pytest.raises(LeftOver, match=f"ASGI does not allow {text}"):
        async with connect(app):
            pass


@pytest.mark.parametrize(
    "message", [{}, {"text": None}, {"text": "a", "bytes": b"b"}], ids=["none", "null", "both"]
)
async def test_a_message_is_either_text_or_bytes(message: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", **message})

    with pytest.raises(LeftOver, match="ASGI does not allow a message with"):
        async with connect(app):
            pass


@on_asyncio
async def test_a_task_left_running_fails_the_test_and_is_cancelled() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def leak(ws: WebSocket) -> None:
        tasks.append(asyncio.create_task(sleep_forever()))
        await ws.accept()

    with pytest.raises(LeftOver, match="a task it started goes on"):
        async with connect(leak):
            pass
    assert tasks.pop().cancelled()
    async with connect(leak, strict=False):
        pass


@on_asyncio
async def test_a_task_of_the_tests_own_is_no_leak() -> None:
    async with connect(echo):
        own = asyncio.create_task(sleep_forever())
    assert not own.done()
    own.cancel()


@on_asyncio
async def test_a_task_that_ends_with_the_handler_is_no_leak() -> None:
    async def tidy(ws: WebSocket) -> None:
        task = asyncio.create_task(sleep(0.5))
        await ws.accept()
        await task

    async with connect(tidy):
        pass


@on_asyncio
async def test_the_loops_own_task_factory_still_makes_the_tasks() -> None:
    made: list[str] = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(factory)
    async with connect(echo):
        pass
    assert len(made) == 1


# -------------------------------------------------------------------------- several, and cancelled


class Room:
    """A chat of everyone who is there."""

    def __init__(self) -> None:
        self.members: list[WebSocket] = []

    async def join(self, ws: WebSocket) -> None:
        async with ws:
            self.members.append(ws)
            try:
                async for message in ws:
                    for member in self.members:
                        await member.send(message)
            finally:
                self.members.remove(ws)


async def test_several_peers_talk_to_each_other() -> None:
    room = Room()
    async with connect(room.join) as ada, connect(room.join) as bob, connect(room.join) as eve:
        await ada.send("hi")
        for peer in (ada, bob, eve):
            await peer.expect("hi")
        await bob.send("ho")
        for peer in (eve, bob, ada):
            await peer.expect("ho")
        await eve.close()
        await eve.finished()
        await ada.send("alone?")
        await ada.expect("alone?")
        await bob.expect("alone?")


async def test_peers_may_be_in_tasks_of_their_own() -> None:
    async def talk(message: str) -> None:
        async with connect(echo) as peer:
            for _ in range(10):
                assert await peer.pair(message) == message

    async with create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(talk, str(number))


async def test_a_handler_may_connect_to_another() -> None:
    async def relay(ws: WebSocket) -> None:
        async with ws, connect(echo) as peer:
            async for message in ws:
                await ws.send(await peer.pair(message))

    async with connect(relay) as peer:
        assert await peer.pair("hi") == "hi"


async def test_a_hundred_peers_at_once() -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connect(echo)) for _ in range(100)]
        for number, peer in enumerate(peers):
            assert await peer.pair(number, int) == number


async def test_one_task_may_enter_and_another_leave() -> None:
    entered = anyio.Event()
    leave = anyio.Event()
    peers: list[Peer] = []
    connection = connect(echo)

    async def enter() -> None:
        peers.append(await connection.__aenter__())
        entered.set()

    async def exit_later() -> None:
        await leave.wait()
        await connection.__aexit__(None, None, None)

    async with create_task_group() as tasks:
        tasks.start_soon(exit_later)
        tasks.start_soon(enter)
        await entered.wait()
        assert await peers[0].pair("hi") == "hi"
        leave.set()
    assert peers[0].close_info == CloseInfo(1000, "", "peer")


async def test_a_cancelled_test_cancels_nothing_of_the_handlers_goodbye() -> None:
    steps: list[str] = []

    async def tidy(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass
        await sleep(0.5)
        steps.append("tidied up")

    with anyio.move_on_after(2) as scope:
        async with connect(tidy) as peer:
            await peer.receive(timeout=None)
    assert scope.cancelled_caught
    assert steps == ["tidied up"]


async def test_a_test_cancelled_while_entering_cancels_the_handler() -> None:
    ended: list[str] = []

    async def undecided(ws: WebSocket) -> None:
        try:
            await sleep_forever()
        finally:
            ended.append("handler")

    with anyio.move_on_after(2) as scope:
        async with connect(undecided, timeout=None):
            pass
    assert scope.cancelled_caught
    assert ended == ["handler"]


@pytest.mark.parametrize(("seconds", "waited"), [(0.5, 0.5), (99, 1)])
async def test_the_clean_up_of_a_handler_given_up_has_a_second(
    seconds: float, waited: float
) -> None:
    async def undecided(ws: WebSocket) -> None:
        try:
            await sleep_forever()
        finally:
            with CancelScope(shield=True):
                await sleep(seconds)

    start = current_time()
    with anyio.move_on_after(2):
        async with connect(undecided, timeout=None):
            pass
    assert current_time() - start == pytest.approx(2 + waited)


async def test_a_test_cancelled_while_leaving_cancels_the_handler() -> None:
    peers: list[Peer] = []
    with anyio.move_on_after(2) as scope:
        async with connect(linger, seconds=99, timeout=None) as peer:
            peers.append(peer)
    assert scope.cancelled_caught
    assert repr(peers[0]) == "<Peer of '/': handler cancelled>"


async def test_a_generator_that_is_dropped_cancels_the_handler() -> None:
    async def fixture() -> AsyncGenerator[Peer]:
        async with connect(linger, seconds=99) as peer:
            yield peer

    dropped = fixture()
    peer = await anext(dropped)
    await dropped.aclose()
    await anyio.wait_all_tasks_blocked()
    assert repr(peer) == "<Peer of '/': handler cancelled>"


@types.coroutine
def abandon(coroutine: Coroutine[Any, Any, None], entered: list[Peer]) -> Generator[Any, Any, None]:
    """Run a coroutine until it has entered, then close it, as happens to one nobody awaits."""
    value = None
    while True:
        waits_for = coroutine.send(value)
        if entered:
            return coroutine.close()
        value = yield waits_for


async def test_a_coroutine_that_is_abandoned_cancels_the_handler() -> None:
    peers: list[Peer] = []

    async def test() -> None:
        async with connect(linger, seconds=99) as peer:
            peers.append(peer)
            await sleep_forever()

    await abandon(test(), peers)
    await anyio.wait_all_tasks_blocked()
    assert repr(peers[0]) == "<Peer of '/': handler cancelled>"


async def test_a_rejection_in_the_body_is_the_tests_own() -> None:
    async def refuse(ws: WebSocket) -> None:
        raise WebSocketReject(401)

    with pytest.raises(HandshakeRejected):
        async with connect(echo), connect(refuse):
            pass
