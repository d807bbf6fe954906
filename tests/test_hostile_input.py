"""Hostile input of every kind: the outcome is a value, a refusal, or one of the library's errors.

The peer is not to be trusted, and the handler's author can slip: what either of them sends is
tried here from a corpus and from Hypothesis, through the router, as on a server.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from websocket_kit import (
    CloseCode,
    Header,
    WebSocket,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketError,
    WebSocketReject,
    WebSocketRouter,
)
from websocket_kit.testing import HandshakeRejected, connect, run

pytestmark = pytest.mark.hostile
INPUTS = "hostile inputs"  # a message counts as often as it is read: once as each type


class Join(BaseModel):
    kind: Literal["join"]
    room: str


class Say(BaseModel):
    kind: Literal["say"]
    text: str


class Color(Enum):
    RED = "red"


TYPES: list[Any] = [
    str,
    bytes,
    int,
    bool,
    dict,
    float,
    list[int],
    Any,
    Color,
    Literal["a", 1],
    Annotated[int, Field(gt=0)],
    Annotated[Join | Say, Field(discriminator="kind")],
    dict[str, list[Say]],
]

# Each is tried as it is, and as bytes.
CORPUS: dict[str, str] = {
    "empty": "",
    "deep": "[" * 100_000,
    "deep and closed": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 100_000,
    "a million digits": "9" * 1_000_000,
    "a huge number in JSON": '{"kind": ' + "9" * 5_000 + "}",
    "a huge exponent": "1e999",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "a NaN inside": '{"kind": "say", "text": NaN}',
    "a key twice": '{"kind": "say", "kind": "join", "room": "x", "text": "y"}',
    "a lone surrogate": "\ud800",
    "an escaped lone surrogate": '"\\ud800"',
    "a surrogate in a key": '{"\\udfff": 1}',
    "a BOM": "\ufeff{}",
    "NUL": "\x00",
    "control characters": "\r\n\x1b[31m",
    "full-width digits": "\uff11\uff12",
    "spaces round digits": " 1 ",
    "an underscore in digits": "1_000",
    "many wrong items": "[" + "{}," * 10_000 + "{}]",
    "many braces": "{}" * 100_000,
    "right to left": "\u202egnp.exe",
    "only a quote": '"',
    "JavaScript": "undefined",
    "a prototype": '{"__proto__": {"kind": "say"}}',
}
BINARY: dict[str, bytes] = {
    "invalid UTF-8": b"\xff\xfe",
    "UTF-16": '{"kind": "say"}'.encode("utf-16"),
    "UTF-32": "{}".encode("utf-32"),
    "overlong": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "cut in mid-character": "é".encode()[:1],
}


async def receive_all(messages: Sequence[str | bytes]) -> list[object]:
    """What a handler gets for each message as each type."""
    outcomes: list[object] = []

    async def take(ws: WebSocket) -> None:
        async with ws:
            for _ in messages:
                for tp in TYPES:
                    try:
                        outcomes.append(await ws.receive(tp))
                    except WebSocketError as error:
                        outcomes.append(error)
                    assert ws.open

    async with connect(take, timeout=20) as peer:
        for message in messages:
            for _ in TYPES:
                peer._server.push(message)  # noqa: SLF001 - a Peer sends nothing malformed
        await peer.expect_close(1000)
    assert all(len(str(error)) < 1_000 for error in outcomes if isinstance(error, WebSocketError))
    return outcomes


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("event_loop", ["asyncio", "trio"])
def test_a_hostile_message_is_a_value_or_an_error_of_ours(
    name: str, event_loop: Literal["asyncio", "trio"], tried: Counter[str]
) -> None:
    text = CORPUS[name]
    messages: list[str | bytes] = [text, text.encode("utf-8", "surrogatepass")]
    outcomes = run(receive_all, messages, backend=event_loop)
    tried[INPUTS] += len(outcomes)
    assert len(outcomes) == 2 * len(TYPES)


@pytest.mark.parametrize("name", BINARY)
def test_hostile_bytes_are_a_value_or_an_error_of_ours(name: str, tried: Counter[str]) -> None:
    outcomes = run(receive_all, [BINARY[name]])
    tried[INPUTS] += len(outcomes)
    assert len(outcomes) == len(TYPES)


@given(messages=st.lists(st.text() | st.binary(), min_size=1, max_size=5))
def test_any_message_is_a_value_or_an_error_of_ours(
    messages: list[str | bytes], tried: Counter[str]
) -> None:
    outcomes = run(receive_all, messages)
    tried[INPUTS] += len(outcomes)
    assert len(outcomes) == len(messages) * len(TYPES)


# -------------------------------------------------------------------------------- the handshake

app = WebSocketRouter(subprotocols=["chat"])


@app.websocket("/{room}/{number:int}")
async def enter(
    ws: WebSocket,
    room: str,
    number: int,
    count: int = 0,
    color: Color = Color.RED,
    x_token: Annotated[str, Header()] = "",
) -> None:
    async with ws:
        await ws.send([room, number, count, color, x_token])


async def outcome(path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """1000 for a connection that was served, or else the HTTP status."""
    try:
        async with connect(app, path, headers=headers) as peer:
            await peer.expect(list)
            return (await peer.expect_close()).code or 0
    except HandshakeRejected as rejected:
        return rejected.status


NO_HEADERS: list[tuple[bytes, bytes]] = []
HOSTILE_PATHS = {
    "/a/1": 1000,
    "/a/1?count=2": 1000,
    "/a/1?count=2&count=3": 1000,
    "/a/1?color=red": 1000,
    "/a/1?count=": 400,
    "/a/1?count=1e999": 400,
    "/a/1?count=%ff": 400,
    "/a/1?count=" + "9" * 5_000: 400,
    "/a/1?color=%0d%0aSet-Cookie:x": 400,
    "/a/1?" + "&".join(f"k{i}=v" for i in range(10_000)): 1000,
    "/%0d%0a/1": 1000,
    "/%ff/1": 1000,
    "/../1": 1000,
    "/..%2f..%2fetc/1": 404,
    "/a/-1": 404,
    "/a/" + "9" * 5_000: 404,
    "/a/1/": 1000,
    "//1": 404,
    "/" + "a/" * 10_000: 404,
    "/" + "a" * 100_000 + "/1": 1000,
}


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=lambda path: path[:40])
def test_a_hostile_path_is_served_or_refused(path: str, tried: Counter[str]) -> None:
    tried[INPUTS] += 1
    assert run(outcome, path, NO_HEADERS) == HOSTILE_PATHS[path]


@given(
    path=st.text(st.characters(exclude_categories=["Cs"])),
    query=st.text(st.characters(codec="ascii")),
)
def test_any_path_and_query_are_served_or_refused(
    path: str, query: str, tried: Counter[str]
) -> None:
    tried[INPUTS] += 2
    path = path.replace("?", "")
    assert run(outcome, f"/{path}?{query}", NO_HEADERS) in {1000, 400, 404}
    assert run(outcome, f"/a/1?count={query}", NO_HEADERS) in {1000, 400}


# No control character, which no server lets through (RFC 9110, section 5.5).
header_values = st.lists(st.integers(32, 126) | st.integers(128, 255), max_size=50).map(bytes)


names = st.sampled_from([b"x-token", b"origin", b"cookie"])


@given(headers=st.lists(st.tuples(names, header_values)))
def test_any_headers_are_served_or_refused(
    headers: list[tuple[bytes, bytes]], tried: Counter[str]
) -> None:
    tried[INPUTS] += 1
    assert run(outcome, "/a/1", headers) in {1000, 400, 403}


# ------------------------------------------------------------------------ what a handler sends

codes = st.integers(-1, 70_000) | st.sampled_from([1000, 1005, 1006, 1015, 3000, 4999])


@given(code=codes, reason=st.text())
def test_any_close_is_legal_or_refused_at_the_call(
    code: int, reason: str, tried: Counter[str]
) -> None:
    tried[INPUTS] += 1
    legal = code in range(1000, 1004) or code in range(1007, 1015) or code in range(3000, 5000)

    async def close(ws: WebSocket) -> None:
        await ws.accept()
        if legal:
            await ws.close(code, reason)
        else:
            with pytest.raises(ValueError, match="close code"):
                await ws.close(code, reason)
            await ws.close()

    async def main() -> None:
        async with connect(close) as peer:
            info = await peer.expect_close()
        assert info.code == (code if legal else 1000)
        assert len(info.reason.encode()) <= 123
        if not legal:
            return
        text = reason.encode("utf-8", "replace").decode()
        assert text.startswith(info.reason)

    run(main)


texts = st.text(max_size=20)


@given(name=texts, value=texts, subprotocol=texts | st.just("chat"), status=st.integers(0, 1_000))
def test_any_header_and_subprotocol_is_legal_or_refused_at_the_call(
    name: str, value: str, subprotocol: str, status: int, tried: Counter[str]
) -> None:
    tried[INPUTS] += 1

    async def answer(ws: WebSocket) -> None:
        try:
            await ws.accept(subprotocol, [(name, value)])
        except ValueError:
            try:
                await ws.reject(status, headers=[(name, value)])
            except ValueError:
                await ws.reject()
        else:
            await ws.close()

    async def main() -> None:
        try:
            async with connect(answer, subprotocols=["chat"]) as peer:
                assert peer.subprotocol == "chat" == subprotocol
                assert peer.headers.raw == [(name.lower().encode(), value.encode("latin-1"))]
        except HandshakeRejected as rejected:
            assert 400 <= rejected.status <= 599  # noqa: PT017
            lines = b"".join(name + value for name, value in rejected.headers.raw)
            assert not set(lines) & set(b"\r\n\0")

    run(main)


# ------------------------------------------------------------------------------------ secrets

SECRET = "s3cr3t-t0k3n"
BREAK = "\r\nERROR forged line \x1b[31m"


async def crash(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        raise RuntimeError(SECRET)


async def crash_before_accept(ws: WebSocket) -> None:
    raise RuntimeError(SECRET)


async def cast(ws: WebSocket) -> None:
    async with ws:
        await ws.receive(tp=int)


async def expect(ws: WebSocket) -> None:
    async with ws:
        await ws.expect("MYPROTOCOL V1.1")


async def need_number(ws: WebSocket, number: int) -> None: ...


async def refuse(ws: WebSocket) -> None:
    raise WebSocketReject(401)


async def close(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        raise WebSocketClose(CloseCode.POLICY_VIOLATION)


# Each handler, and what the peer sees of it: a close code or an HTTP status.
HANDLERS: list[tuple[Any, int]] = [
    (crash, 1011),
    (crash_before_accept, 500),
    (cast, 1007),
    (expect, 1008),
    (need_number, 400),
    (refuse, 401),
    (close, 1008),
]


@pytest.mark.parametrize(("handler", "seen"), HANDLERS)
@pytest.mark.parametrize("own_page", [True, False])
def test_a_secret_is_neither_on_the_wire_nor_in_a_log_line(
    handler: Any,
    seen: int,
    own_page: bool,
    caplog: pytest.LogCaptureFixture,
    tried: Counter[str],
) -> None:
    tried[INPUTS] += 1
    caplog.set_level(logging.DEBUG)
    router = WebSocketRouter()
    router.websocket("/rooms/{room}")(_with_room(handler))
    headers = {
        "authorization": f"Bearer {SECRET}",
        "cookie": f"sid={SECRET}",
        "origin": "http://testserver" if own_page else "http://evil.example\x9b[31m",
    }
    query = f"token={SECRET}&number={SECRET}%0d%0aforged"
    result = run(meet, router, f"/rooms/x%0d%0aforged?{query}", headers)
    assert result[0] == (seen if own_page else 403)
    assert SECRET not in result[1]
    lines = [record.getMessage() for record in caplog.records if record.name == "websocket_kit"]
    assert all(line.isprintable() for line in lines), "a line of the log is split, or forged"
    assert SECRET not in "".join(lines)


async def meet(router: Any, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """What a peer sees: the code or status, and all that came."""
    peer = None
    try:
        async with connect(router, path, headers=headers) as peer:
            await peer.send(BREAK)
            await peer.expect_close()
    except HandshakeRejected as rejected:
        return rejected.status, repr((rejected.headers, rejected.body))
    except RuntimeError as error:
        if peer is None:
            return 500, repr(error.__notes__)
    assert peer is not None
    assert peer.close_info is not None
    came = [record for record in peer.transcript if record.direction == "<"]
    return peer.close_info.code or 0, repr(came)


def _with_room(handler: Any) -> Any:
    async def with_number(ws: WebSocket, room: str, number: int) -> None: ...

    async def with_room(ws: WebSocket, room: str) -> None:
        await handler(ws)

    return with_number if handler is need_number else with_room


# ---------------------------------------------------------------------------------- the reason


@given(reason=st.text())
def test_whatever_reason_a_peer_gives_it_is_one_line_of_an_error(
    reason: str, tried: Counter[str]
) -> None:
    tried[INPUTS] += 1
    seen: list[WebSocketDisconnectError] = []

    async def listen(ws: WebSocket) -> None:
        async with ws:
            try:
                await ws.receive()
            except WebSocketDisconnectError as error:
                seen.append(error)
                raise

    async def main() -> None:
        async with connect(listen) as peer:
            await peer.close(4000, reason)

    run(main)
    assert str(seen[0]).isprintable()
    assert len(str(seen[0])) < 300
