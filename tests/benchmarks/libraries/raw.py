"""No library: ASGI as it is, which is what the others are measured by."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json
from starlette.types import Receive, Scope, Send

from tests.benchmarks.adapter import App, Job, Library
from tests.benchmarks.messages import EVENT, PLAYER

ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close", "code": 1000, "reason": ""}


def echo_text() -> App:
    """Text back as it came."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": event["text"]})

    return app


def echo_json(read: Callable[[str], Any], write: Callable[[Any], str]) -> App:
    """JSON to a value and back."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": write(read(event["text"]))})

    return app


class Bare:
    """Two coroutines around the server's two, and nothing in them."""

    __slots__ = ("_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        """Around these two."""
        self._receive = receive
        self._send = send

    async def receive(self) -> str:
        """The next text; EOFError: the peer left."""
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise EOFError
        text: str = event["text"]
        return text

    async def send(self, text: str) -> None:
        """Send a text."""
        await self._send({"type": "websocket.send", "text": text})


async def echo_through_coroutines(_scope: Scope, receive: Receive, send: Send) -> None:
    """The least that a library with an async receive and an async send can cost."""
    await receive()
    await send(ACCEPT)
    ws = Bare(receive, send)
    try:
        while True:
            await ws.send(await ws.receive())
    except EOFError:
        return


async def _same(text: str) -> str:
    return text


async def echo_through_function(_scope: Scope, receive: Receive, send: Send) -> None:
    """The least that a library can cost which calls an async function for each message."""
    await receive()
    await send(ACCEPT)
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": await _same(event["text"])})


async def accept_and_close(_scope: Scope, receive: Receive, send: Send) -> None:
    """A connection that says nothing."""
    await receive()
    await send(ACCEPT)
    await send(CLOSE)


def write(value: Any) -> str:
    """A value as JSON text, by the fastest means that pydantic has."""
    return to_json(value).decode()


# The baseline of each job. Each call makes another function, for the baseline and the control.
BASELINES: dict[Job, tuple[str, Callable[[], App]]] = {
    "text": ("raw ASGI", echo_text),
    "dict": ("raw ASGI, pydantic_core", lambda: echo_json(from_json, write)),
    "model": (
        "raw ASGI, validate_json, to_json",
        lambda: echo_json(PLAYER.validator.validate_json, write),
    ),
    "union": (
        "raw ASGI, validate_json, to_json",
        lambda: echo_json(EVENT.validator.validate_json, write),
    ),
}

ADAPTER = Library(
    "raw ASGI",
    {
        "text": {
            "two bare coroutines": echo_through_coroutines,
            "an async function": echo_through_function,
        },
        "dict": {"the json module": echo_json(json.loads, json.dumps)},
    },
    with_routes=lambda _routes: accept_and_close,
)
