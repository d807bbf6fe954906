"""Litestar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from litestar import Litestar, WebSocket, websocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

from tests.benchmarks.adapter import App, Library, input_path, literal_path
from tests.benchmarks.messages import Player
from tests.benchmarks.structs import EventStruct, PlayerStruct

Socket: TypeAlias = WebSocket[Any, Any, Any]

# Without the logging that it would set up for the whole process.
OPTIONS: dict[str, Any] = {"openapi_config": None, "logging_config": None}


@websocket("/echo")
async def _text(socket: Socket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@websocket_listener("/echo")
async def _text_listener(data: str) -> str:
    return data


@websocket("/echo")
async def _json(socket: Socket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_json(await socket.receive_json())
    except WebSocketDisconnect:
        pass


@websocket_listener("/echo")
async def _json_listener(data: dict[str, Any]) -> dict[str, Any]:
    return data


@websocket_listener("/echo")
async def _player_listener(data: Player) -> Player:
    return data


@websocket_listener("/echo")
async def _player_struct_listener(data: PlayerStruct) -> PlayerStruct:
    return data


@websocket_listener("/echo")
async def _event_struct_listener(data: EventStruct) -> EventStruct:
    return data


async def _nothing(socket: Socket) -> None:
    await socket.accept()
    await socket.close()


async def _inputs(socket: Socket, room: str, limit: int, name: str = "guest") -> None:
    await socket.accept()
    await socket.close(1000, f"{room} {limit + 1} {name}")


def _app(handler: Any) -> App:
    return Litestar([handler], **OPTIONS)


def _with_routes(routes: int) -> App:
    paths = list(map(literal_path, range(routes)))
    return Litestar([websocket(path)(_nothing) for path in paths], **OPTIONS)


def _with_inputs(routes: int) -> Litestar:
    paths = [input_path(index, "{room:str}") for index in range(routes)]
    return Litestar([websocket(path)(_inputs) for path in paths], **OPTIONS)


def _finder(routes: int) -> Callable[[str], object]:
    paths = [input_path(index, "{room:str}") for index in range(routes)]
    app = Litestar([websocket(path)(_nothing) for path in paths], **OPTIONS)
    find = app.asgi_router.handle_routing

    def room(path: str) -> object:
        return find(path=path, method=None)[3]["room"]

    return room


ADAPTER = Library(
    "litestar",
    {
        "text": {
            "receive_text, send_text": _app(_text),
            "listener": _app(_text_listener),
        },
        "dict": {
            "receive_json, send_json": _app(_json),
            "listener": _app(_json_listener),
        },
        "model": {
            "listener": _app(_player_listener),
            "listener, msgspec.Struct": _app(_player_struct_listener),
        },
        "union": {"listener, msgspec.Struct": _app(_event_struct_listener)},
    },
    with_routes=_with_routes,
    with_inputs=_with_inputs,
    finder=_finder,
)
