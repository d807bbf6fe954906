"""What our own share of a message and of a connection is spent on: the same with a part left out.

A part is left out by putting in its place what a handler on raw ASGI would call itself, so these
apps are nothing to write at home.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive, Scope, Send

from tests.benchmarks.adapter import QUERY, REASON, App, Job, input_path, literal_path
from tests.benchmarks.cases import CONTROL, MESSAGES, Case, Connecting, connecting, echoing
from tests.benchmarks.libraries import fastapi, raw, websocket_kit
from tests.benchmarks.measuring import Candidate
from tests.benchmarks.messages import EVENT, Event
from websocket_kit import WebSocket, WebSocketRouter
from websocket_kit._lifecycle import RECEIVE

READ: dict[Job, Callable[[str], Any]] = {
    "dict": from_json,
    "union": EVENT.validator.validate_json,
}
TYPES: dict[Job, Any] = {"dict": WebSocket[dict[str, Any], Any], "union": WebSocket[Event, Event]}


def _through_coroutines(read: Callable[[str], Any]) -> App:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(raw.ACCEPT)
        ws = raw.Bare(receive, send)
        try:
            while True:
                await ws.send(raw.write(read(await ws.receive())))
        except EOFError:
            return

    return app


def _ours(job: Job, **instead: Callable[[Any], Any]) -> App:
    async def echo(ws: Any) -> None:
        async with ws:
            for name, function in instead.items():
                setattr(ws, name, function)
            while True:
                await ws.send(await ws.receive())

    echo.__annotations__["ws"] = TYPES[job]
    router = WebSocketRouter()
    router.websocket("/echo")(echo)
    return router


async def _receive(self: Any) -> str:
    event = await self._asgi_receive()
    if event["type"] == "websocket.disconnect":
        raise self._left(event, RECEIVE)
    text: str = event["text"]
    return text


async def _send(self: Any, message: str) -> None:
    await self._asgi_send({"type": "websocket.send", "text": message})


def _with(**methods: Any) -> type[WebSocket]:
    """A class like ours with these methods.

    Each has code of its own: CPython makes code fast for one class, and slow for two that share it.
    """
    own = {
        name: FunctionType(method.__code__.replace(), method.__globals__, name, method.__defaults__)
        for name, method in methods.items()
    }
    return type("Variant", (WebSocket,), {"__slots__": (), **own})


def _of_class(kind: type[WebSocket]) -> App:
    async def echo(ws: WebSocket) -> None:
        async with ws:
            ws.__class__ = kind
            while True:
                await ws.send(await ws.receive())

    router = WebSocketRouter()
    router.websocket("/echo")(echo)
    return router


def _text() -> AbstractContextManager[list[Candidate]]:
    baseline, make = raw.BASELINES["text"]
    ours: Any = WebSocket
    return echoing(
        {
            baseline: make(),
            CONTROL.format(baseline): make(),
            "websocket_kit": _of_class(_with(receive=ours.receive, send=ours.send)),
            "websocket_kit, a receive that only awaits": _of_class(
                _with(receive=_receive, send=ours.send)
            ),
            "websocket_kit, a send that only awaits": _of_class(
                _with(receive=ours.receive, send=_send)
            ),
            "websocket_kit, both": _of_class(_with(receive=_receive, send=_send)),
        },
        MESSAGES["text"],
    )


def _message(job: Job) -> Callable[[], AbstractContextManager[list[Candidate]]]:
    read = READ[job]
    baseline, make = raw.BASELINES[job]
    apps = {
        baseline: make(),
        CONTROL.format(baseline): make(),
        "raw ASGI: two bare coroutines": _through_coroutines(read),
        "websocket_kit": _ours(job),
        "websocket_kit, cast by the parser alone": _ours(job, _cast=read),
        "websocket_kit, sent by the serialiser alone": _ours(job, _encode=raw.write),
        "websocket_kit, both": _ours(job, _cast=read, _encode=raw.write),
    }
    return lambda: echoing(apps, MESSAGES[job])


async def _room(ws: WebSocket, room: str) -> None:
    async with ws:
        await ws.close(1000, room)


async def _nothing(ws: WebSocket) -> None:
    async with ws:
        await ws.close()


def _inputs() -> AbstractContextManager[list[Candidate]]:
    path, plain = input_path(49, "lobby"), literal_path(49)
    return connecting(
        {
            "fastapi": Connecting(fastapi.with_inputs(50), path, QUERY, REASON),
            CONTROL.format("fastapi"): Connecting(fastapi.with_inputs(50), path, QUERY, REASON),
            "websocket_kit": Connecting(websocket_kit.with_inputs(50), path, QUERY, REASON),
            "websocket_kit, the path's input alone": Connecting(
                websocket_kit.many(input_path, _room, 50), path, QUERY, "lobby"
            ),
            "websocket_kit, no inputs": Connecting(
                websocket_kit.many(literal_path, _nothing, 50), plain
            ),
            "websocket_kit, nor a close of the handler's own": Connecting(
                websocket_kit.with_routes(50), plain
            ),
            "raw ASGI": Connecting(raw.accept_and_close, plain),
        }
    )


CASES = [
    Case("text-parts", _text),
    Case("dict-parts", _message("dict")),
    Case("union-parts", _message("union")),
    Case("inputs-parts", _inputs),
]
