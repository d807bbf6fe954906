"""The habits of each server, habit by habit: what an app and its peer see of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import anyio
import pytest

from websocket_kit import CloseInfo, WebSocket
from websocket_kit.testing import HandshakeRejected, LeftOver, connect

pytestmark = pytest.mark.anyio

ServerName = Literal["uvicorn", "hypercorn", "daphne", "granian"]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Event = dict[str, Any]

SERVERS: list[ServerName] = ["uvicorn", "hypercorn", "daphne", "granian"]
every_server = pytest.mark.parametrize("server", SERVERS)
ACCEPT = {"type": "websocket.accept"}


def by_server(**expected: Any) -> pytest.MarkDecorator:
    """A test of one habit, with what each server makes of it."""
    assert list(expected) == SERVERS
    return pytest.mark.parametrize(("server", "expected"), expected.items(), ids=SERVERS)


class App:
    """An app that accepts, does what it is told, and keeps what it receives.

    Attributes:
        received: The events after the connect; None for a receive that blocks.
        raised: What its sends have raised.
    """

    def __init__(self, *steps: Event | Literal["receive"], accept: bool = True) -> None:
        self.scope: Event = {}
        self.received: list[Event | None] = []
        self.raised: list[Exception] = []
        self._steps = (ACCEPT, *steps) if accept else steps

    async def __call__(self, scope: Event, receive: Any, send: Send) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        for step in self._steps:
            if step == "receive":
                with anyio.move_on_after(0.1) as waiting:
                    self.received.append(await receive())
                if waiting.cancelled_caught:
                    self.received.append(None)
            else:
                try:
                    await send(step)
                except Exception as error:  # noqa: BLE001 - servers raise anything
                    self.raised.append(error)

    @property
    def codes(self) -> list[int | None]:
        """The codes of the disconnects; None for a receive that blocks."""
        return [None if event is None else event["code"] for event in self.received]


def text(message: str) -> Event:
    return {"type": "websocket.send", "text": message}


def close(code: int = 1000, reason: str = "") -> Event:
    return {"type": "websocket.close", "code": code, "reason": reason}


# ------------------------------------------------------------------------------------- the scope


EVERY_KEY = {
    "type",
    "asgi",
    "http_version",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
    "subprotocols",
    "state",
    "extensions",
}


@by_server(
    uvicorn=set(),
    hypercorn=set(),
    daphne={"http_version", "scheme", "state", "extensions"},
    granian=set(),
)
async def test_keys_that_the_scope_lacks(server: ServerName, expected: set[str]) -> None:
    app = App("receive")
    async with connect(app, server=server):
        pass
    assert EVERY_KEY - app.scope.keys() == expected
    assert app.scope.keys() <= EVERY_KEY


@by_server(uvicorn="2.4", hypercorn="2.3", daphne=None, granian="2.3")
async def test_the_version_of_asgi(server: ServerName, expected: str | None) -> None:
    app = App("receive")
    async with connect(app, server=server):
        pass
    assert app.scope["asgi"].get("spec_version") == expected


@by_server(
    uvicorn=(("127.0.0.1", 50000), ("testserver", 80)),
    hypercorn=(("127.0.0.1", 50000), ("testserver", 80)),
    daphne=(["127.0.0.1", 50000], ("testserver", 80)),
    granian=(("127.0.0.1", "50000"), ("testserver", "80")),
)
async def test_the_addresses(server: ServerName, expected: object) -> None:
    app = App("receive")
    async with connect(app, server=server):
        pass
    assert (app.scope["client"], app.scope["server"]) == expected


@every_server
async def test_a_state_that_is_given_is_there(server: ServerName) -> None:
    app = App("receive")
    async with connect(app, server=server, state={"db": 1}):
        pass
    assert app.scope["state"] == {"db": 1}


# ------------------------------------------------------------------------------------- accepting


@by_server(uvicorn=["1"], hypercorn=["1"], daphne=[], granian=[])
async def test_the_headers_of_accept(server: ServerName, expected: list[str]) -> None:
    app = App({**ACCEPT, "headers": [(b"x-token", b"1")]}, "receive", accept=False)
    async with connect(app, server=server) as peer:
        assert peer.headers.getlist("x-token") == expected


@by_server(uvicorn="sent", hypercorn="raises", daphne="raises", granian="sent")
async def test_a_subprotocol_that_was_not_offered(server: ServerName, expected: str) -> None:
    app = App({**ACCEPT, "subprotocol": "chat"}, ACCEPT, accept=False)
    async with connect(app, server=server, strict=False) as peer:
        assert peer.subprotocol == ("chat" if expected == "sent" else None)
    with pytest.raises(LeftOver, match="subprotocol 'chat', which was not offered"):
        async with connect(app, server=server):
            pass


@every_server
async def test_a_close_before_accept_is_http_403(server: ServerName) -> None:
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(App(close(4401), accept=False), server=server):
            pass
    assert caught.value.status == 403


@every_server
async def test_a_return_before_accept_is_http_403(server: ServerName) -> None:
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(App(accept=False), server=server):
            pass
    assert caught.value.status == 403


@by_server(
    uvicorn=[1006, 1005, None],
    hypercorn=[None, None, None],
    daphne=[1006, None, None],
    granian=[1005, 1005, 1005],
)
async def test_receive_after_a_close_before_accept(server: ServerName, expected: object) -> None:
    app = App(close(), "receive", "receive", "receive", accept=False)
    with pytest.raises(HandshakeRejected):
        async with connect(app, server=server):
            pass
    assert app.codes == expected


@by_server(uvicorn=500, hypercorn=500, daphne=500, granian=403)
async def test_a_crash_before_accept(server: ServerName, expected: int) -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        async with connect(crash, server=server):
            pass
    assert caught.value.__notes__ == [f"the peer saw HTTP {expected}"]


@by_server(uvicorn=b"come back", hypercorn=b"come back", daphne=None, granian=b"come ")
async def test_a_denial_response(server: ServerName, expected: bytes | None) -> None:
    app = App(
        {"type": "websocket.http.response.start", "status": 503},
        {"type": "websocket.http.response.body", "body": b"come ", "more_body": True},
        {"type": "websocket.http.response.body", "body": b"back"},
        accept=False,
    )
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(app, server=server, strict=False):
            pass
    if expected is None:
        assert caught.value.status == 403
        assert str(app.raised[0]) == (
            "ASGI does not allow a denial response, which the scope does not offer"
        )
    else:
        assert (caught.value.status, caught.value.body) == (503, expected)


@by_server(uvicorn=401, hypercorn=401, daphne=403, granian=401)
async def test_our_own_rejection_is_right_on_each(server: ServerName, expected: int) -> None:
    async def refuse(ws: WebSocket) -> None:
        await ws.reject(401)

    with pytest.raises(HandshakeRejected) as caught:
        async with connect(refuse, server=server):
            pass
    assert caught.value.status == expected


# -------------------------------------------------------------------------------------- messages


@by_server(
    uvicorn={"bytes": b"hi"},
    hypercorn={"bytes": b"hi", "text": None},
    daphne={"bytes": b"hi"},
    granian={"bytes": b"hi"},
)
async def test_a_binary_message(server: ServerName, expected: Event) -> None:
    app = App("receive")
    async with connect(app, server=server) as peer:
        await peer.send(b"hi")
        await peer.finished()
    assert app.received == [{"type": "websocket.receive", **expected}]


@by_server(uvicorn=["", "end"], hypercorn=["", "end"], daphne=["end"], granian=["", "end"])
async def test_an_empty_message(server: ServerName, expected: list[str]) -> None:
    async with connect(App(text(""), text("end")), server=server) as peer:
        assert [message async for message in peer] == expected


@by_server(uvicorn=["one", "two"], hypercorn=["one", "two"], daphne=["one", "two"], granian=["two"])
async def test_a_cancelled_receive(server: ServerName, expected: list[str]) -> None:
    received: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        with anyio.move_on_after(1):
            await receive()
        while (event := await receive())["type"] == "websocket.receive":
            received.append(event["text"])

    async with connect(app, server=server) as peer:
        await anyio.sleep(2)
        await peer.send("one")
        await peer.send("two")
    assert received == expected


# ----------------------------------------------------------------------------------- goodbyes


@by_server(
    uvicorn={"code": 4000, "reason": "café"},
    hypercorn={"code": 1006},
    daphne={"code": 4000},
    granian={"code": 4000},
)
async def test_what_the_app_sees_of_a_peers_close(server: ServerName, expected: Event) -> None:
    app = App("receive")
    async with connect(app, server=server) as peer:
        await peer.close(4000, "café")
    assert app.received == [{"type": "websocket.disconnect", **expected}]


@by_server(uvicorn=1005, hypercorn=1006, daphne=1006, granian=1005)
async def test_what_the_app_sees_of_a_reset(server: ServerName, expected: int) -> None:
    app = App("receive")
    async with connect(app, server=server) as peer:
        peer.drop()
    assert app.codes == [expected]


@by_server(
    uvicorn=[1006, 1005, None, None],
    hypercorn=[1006, None, None, None],
    daphne=[1006, None, None, None],
    granian=[1006, 1005, 1005, 1005],
)
async def test_what_the_app_sees_after_that(server: ServerName, expected: object) -> None:
    app = App("receive", "receive", "receive", "receive")
    async with connect(app, server=server) as peer:
        peer.drop(1006)
    assert app.codes == expected


@by_server(
    uvicorn=[4001, 1005, None],
    hypercorn=[1000, None, None],
    daphne=[4001, None, None],
    granian=[1005, 1005, 1005],
)
async def test_what_the_app_sees_after_its_own_close(server: ServerName, expected: object) -> None:
    app = App(close(4001), "receive", "receive", "receive")
    async with connect(app, server=server):
        pass
    assert app.codes == expected


@by_server(uvicorn=True, hypercorn=False, daphne=False, granian=False)
async def test_whether_sending_to_a_peer_that_is_gone_raises(
    server: ServerName, expected: bool
) -> None:
    app = App("receive", text("hi"), close())
    async with connect(app, server=server) as peer:
        peer.drop()
    assert [isinstance(error, OSError) for error in app.raised] == [True, True] * expected


@by_server(uvicorn="enough", hypercorn="enough", daphne="", granian="enough")
async def test_the_reason_that_reaches_the_peer(server: ServerName, expected: str) -> None:
    async with connect(App(close(4001, "enough")), server=server) as peer:
        assert await peer.expect_close(4001) == CloseInfo(4001, expected, "server")


@every_server
async def test_a_return_without_a_close_leaves_1006(server: ServerName) -> None:
    async with connect(App(), server=server) as peer:
        await peer.expect_close(1006)


@by_server(uvicorn=1006, hypercorn=1011, daphne=1011, granian=1005)
async def test_a_crash_leaves(server: ServerName, expected: int) -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(crash, server=server) as peer:
            await peer.expect_close(expected)


CODES = [999, 1000, 1001, 1005, 1011, 1014, 1015, 2000, 3000, 4999, 5000]


@by_server(
    uvicorn=[1000, 1001, 1011, 1014, 3000, 4999],
    hypercorn=CODES,
    daphne=[1000, 3000, 4999],
    granian=CODES,
)
async def test_the_codes_that_an_app_may_close_with(
    server: ServerName, expected: list[int]
) -> None:
    closed: list[int] = []
    for code in CODES:
        app = App(close(code))
        async with connect(app, server=server) as peer:
            info = await peer.expect_close()
        if not app.raised:
            assert info.code == code
            closed.append(code)
    assert closed == expected


@by_server(uvicorn=None, hypercorn="é" * 61, daphne="", granian="é" * 61)
async def test_a_reason_of_more_than_123_bytes(server: ServerName, expected: str | None) -> None:
    app = App(close(4001, "é" * 62))
    async with connect(app, server=server) as peer:
        info = await peer.expect_close()
    if expected is None:
        assert str(app.raised[0]) == "the close reason is over 123 bytes"
    else:
        assert info.reason == expected


@by_server(uvicorn=1011, hypercorn=1011, daphne=4011, granian=1011)
async def test_our_own_close_gets_through_on_each(server: ServerName, expected: int) -> None:
    async def fail(ws: WebSocket) -> None:
        async with ws:
            await ws.close(1011)

    async with connect(fail, server=server) as peer:
        await peer.expect_close(expected)


@every_server
async def test_an_echo_is_the_same_on_each(server: ServerName) -> None:
    async def echo(ws: WebSocket) -> None:
        async with ws:
            async for message in ws:
                await ws.send(message)

    for leave in ("close", "drop", "shutdown", "cancel"):
        async with connect(echo, server=server) as peer:
            assert await peer.pair("hi") == "hi"
            outcome = getattr(peer, leave)()
            if outcome is not None:
                await outcome


@every_server
async def test_an_app_that_always_receives_once_more_can_be_cancelled(server: ServerName) -> None:
    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await receive()

    async with connect(deaf, server=server) as peer:
        peer.drop()
        await peer.cancel()


@every_server
async def test_a_shutdown_is_told_as_1012(server: ServerName) -> None:
    app = App("receive")
    async with connect(app, server=server) as peer:
        await peer.shutdown()
        await peer.expect_close(1012)
    assert app.codes == [1012]
