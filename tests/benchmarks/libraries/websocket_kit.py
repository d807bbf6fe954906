"""websocket_kit, through the router and inside ``async with``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.adapter import App, Library, input_path, literal_path
from tests.benchmarks.messages import Event, Player
from websocket_kit import WebSocket, WebSocketRouter


def _routed(handler: Callable[..., Any]) -> App:
    router = WebSocketRouter()
    router.websocket("/echo")(handler)
    return router


async def _text(ws: WebSocket) -> None:
    async with ws:
        while True:
            await ws.send(await ws.receive())


async def _text_by_iteration(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def _same(message: str) -> str:
    return message


async def _text_by_answer(ws: WebSocket) -> None:
    async with ws:
        await ws.answer(_same)


async def _text_by_plain_answer(ws: WebSocket) -> None:
    async with ws:
        await ws.answer(str)


async def _dict(ws: WebSocket) -> None:
    async with ws:
        while True:
            await ws.send(await ws.receive(dict))


async def _player(ws: WebSocket[Player, Player]) -> None:
    async with ws:
        while True:
            await ws.send(await ws.receive())


async def _player_by_tp(ws: WebSocket) -> None:
    async with ws:
        while True:
            await ws.send(await ws.receive(Player))


async def _event(ws: WebSocket[Event, Event]) -> None:
    async with ws:
        while True:
            await ws.send(await ws.receive())


async def _event_by_iteration(ws: WebSocket[Event, Event]) -> None:
    async with ws:
        async for event in ws:
            await ws.send(event)


async def _nothing(ws: WebSocket) -> None:
    async with ws:
        pass


async def _inputs(ws: WebSocket, room: str, limit: int, name: str = "guest") -> None:
    async with ws:
        await ws.close(1000, f"{room} {limit + 1} {name}")


def many(path: Callable[[int], str], handler: Callable[..., Any], routes: int) -> WebSocketRouter:
    """So many routes to one handler."""
    router = WebSocketRouter()
    for index in range(routes):
        router.websocket(path(index))(handler)
    return router


def with_routes(routes: int) -> App:
    """So many routes without inputs, whose handler does nothing."""
    return many(literal_path, _nothing, routes)


def with_inputs(routes: int) -> App:
    """So many routes with inputs."""
    return many(input_path, _inputs, routes)


async def _room(ws: WebSocket, room: str) -> None:
    """Where one of many routes leads."""


def _finder(routes: int) -> Callable[[str], object]:
    find = many(input_path, _room, routes)._matcher.find  # noqa: SLF001 - what __call__ does first

    def room(path: str) -> object:
        found = find(path)
        assert found is not None
        return found[1]["room"]

    return room


ADAPTER = Library(
    "websocket_kit",
    {
        "text": {
            "receive, send": _routed(_text),
            "async for": _routed(_text_by_iteration),
            "answer, async function": _routed(_text_by_answer),
            "answer, plain function": _routed(_text_by_plain_answer),
        },
        "dict": {"receive(dict), send": _routed(_dict)},
        "model": {
            "WebSocket[Model, Model]": _routed(_player),
            "receive(Model), send": _routed(_player_by_tp),
        },
        "union": {
            "WebSocket[Event, Event]": _routed(_event),
            "the same, async for": _routed(_event_by_iteration),
        },
    },
    with_routes=with_routes,
    with_inputs=with_inputs,
    finder=_finder,
    most_routes=10_000,
)
