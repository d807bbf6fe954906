"""The server's side of a connection, in memory, at next to no cost.

The less the server does, the more of a ratio is the library's: over a real server all of them come
closer to 1, which the cases over loopback show.
"""

from __future__ import annotations

import itertools
import json
import time
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from tests.benchmarks.adapter import App

CONNECT: Message = {"type": "websocket.connect"}
DISCONNECT: Message = {"type": "websocket.disconnect", "code": 1005, "reason": ""}

# How many turns of the event loop an app may take to answer what it was sent.
PATIENCE = 1_000_000

HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
    (b"origin", b"http://127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"cookie", b"session=eyJ1c2VyIjoiYWRhIn0"),
]


def make_scope(path: str, query: str = "") -> Scope:
    """A scope as uvicorn gives it, for a browser's handshake."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": HEADERS,
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


@types.coroutine
def loop_turn() -> Generator[None]:
    """Wait for the event loop to come round, as a receive does while the peer is silent."""
    yield


def serve(
    events: Iterator[Message], replies: int, *, suspends: bool
) -> tuple[Receive, Send, Callable[[], int]]:
    """A server's ``receive`` and ``send``, and how many events were sent so far.

    It gives these events, one after the other, and after so many sent ones the peer leaves: Falcon
    and Quart read ahead, and would throw away what the peer sent before it left.
    """
    following = events.__next__
    sent = 0

    async def receive() -> Message:
        try:
            return following()
        except StopIteration:
            return await leave()

    async def receive_one_turn_later() -> Message:
        await loop_turn()
        try:
            return following()
        except StopIteration:
            return await leave()

    async def leave() -> Message:
        for _ in range(PATIENCE):
            if sent >= replies:
                return DISCONNECT
            await loop_turn()
        msg = f"{sent} events were sent where {replies} should have been"
        raise AssertionError(msg)

    async def send(_event: Message) -> None:
        nonlocal sent
        sent += 1

    return receive_one_turn_later if suspends else receive, send, lambda: sent


async def time_echo(app: App, texts: Sequence[str], count: int, *, suspends: bool = False) -> float:
    """The CPU seconds that an echo takes for so many messages, the handshake left out."""
    began = 0.0

    def start_the_clock() -> Iterator[Message]:
        nonlocal began
        began = time.process_time()
        yield from ()

    messages: list[Message] = [{"type": "websocket.receive", "text": text} for text in texts]
    events = itertools.chain(
        [CONNECT],
        start_the_clock(),
        itertools.islice(itertools.cycle(messages), count),
    )
    receive, send, sent = serve(events, count + 1, suspends=suspends)
    await app(make_scope("/echo"), receive, send)
    seconds = time.process_time() - began
    assert sent() == count + 1
    return seconds


async def time_connections(app: App, path: str, query: str, count: int) -> float:
    """The CPU seconds that so many connections take which the app accepts and closes."""
    scopes = [make_scope(path, query) for _ in range(count)]
    servers = [serve(iter([CONNECT]), 2, suspends=False) for _ in range(count)]
    began = time.process_time()
    for scope, (receive, send, _) in zip(scopes, servers, strict=True):
        await app(scope, receive, send)
    seconds = time.process_time() - began
    assert all(sent() == 2 for _, _, sent in servers)
    return seconds


# --------------------------------------------------------------------------------- checking


async def record(
    app: App, scope: Scope, texts: Iterable[str] = (), *, closes: bool = False
) -> list[Message]:
    """What an app sends on a connection whose peer sends these texts and leaves when answered."""
    messages = [{"type": "websocket.receive", "text": text} for text in texts]
    events: list[Message] = []
    receive, count, _ = serve(iter([CONNECT, *messages]), 1 + len(messages) + closes, suspends=True)

    async def send(event: Message) -> None:
        events.append(event)
        await count(event)

    await app(scope, receive, send)
    return events


async def check_echo(app: App, texts: Sequence[str]) -> None:
    """See that an app sends every message back, JSON for JSON as an equal value.

    Raises:
        AssertionError: It doesn't.
    """
    accept, *replies = await record(app, make_scope("/echo"), texts)
    assert accept["type"] == "websocket.accept", accept
    for text, reply in itertools.zip_longest(texts, replies):
        assert reply["type"] == "websocket.send", reply
        answer = reply.get("text") or reply["bytes"].decode()
        assert answer == text or _holds(json.loads(answer), json.loads(text)), answer


def _holds(value: Any, expected: Any) -> bool:
    """Whether a JSON value is the one expected, members that chanx adds aside."""
    holds: bool = value in (expected, {**value, **expected})
    return holds


async def check_connection(app: App, path: str, query: str, reason: str) -> None:
    """See that an app accepts and closes, with this reason.

    Raises:
        AssertionError: It doesn't.
    """
    sent = await record(app, make_scope(path, query), closes=True)
    assert [event["type"] for event in sent] == ["websocket.accept", "websocket.close"], sent
    assert not reason or sent[1]["reason"] == reason, sent
