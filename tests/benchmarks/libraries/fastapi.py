"""FastAPI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.routing import Match

from tests.benchmarks.adapter import App, Library, input_path, literal_path
from tests.benchmarks.feeding import make_scope
from tests.benchmarks.messages import EVENT, PLAYER


async def _text(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            await ws.send_text(await ws.receive_text())
    except WebSocketDisconnect:
        pass


async def _json(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            await ws.send_json(await ws.receive_json())
    except WebSocketDisconnect:
        pass


async def _player_from_text(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            player = PLAYER.validate_json(await ws.receive_text())
            await ws.send_text(player.model_dump_json())
    except WebSocketDisconnect:
        pass


async def _player_from_json(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            player = PLAYER.validate_python(await ws.receive_json())
            await ws.send_json(player.model_dump())
    except WebSocketDisconnect:
        pass


async def _event_from_text(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            event = EVENT.validate_json(await ws.receive_text())
            await ws.send_text(event.model_dump_json())
    except WebSocketDisconnect:
        pass


async def _event_from_json(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            event = EVENT.validate_python(await ws.receive_json())
            await ws.send_json(event.model_dump())
    except WebSocketDisconnect:
        pass


async def _nothing(ws: WebSocket) -> None:
    await ws.accept()
    await ws.close()


async def _inputs(ws: WebSocket, room: str, limit: int, name: str = "guest") -> None:
    await ws.accept()
    await ws.close(1000, f"{room} {limit + 1} {name}")


def _app(handler: Callable[..., Any], *paths: str) -> FastAPI:
    app = FastAPI()
    for path in paths:
        app.websocket(path)(handler)
    return app


def _with_routes(routes: int) -> App:
    return _app(_nothing, *map(literal_path, range(routes)))


def with_inputs(routes: int) -> App:
    """So many routes with inputs."""
    return _app(_inputs, *map(input_path, range(routes)))


async def _room(ws: WebSocket, room: str) -> None:
    """Where one of many routes leads."""


def _finder(routes: int) -> Callable[[str], object]:
    every = _app(_room, *map(input_path, range(routes))).routes

    # What Router.app does.
    def room(path: str) -> object:
        scope = make_scope(path)
        for route in every:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return child_scope["path_params"]["room"]
        return None

    return room


ADAPTER = Library(
    "fastapi",
    {
        "text": {"receive_text, send_text": _app(_text, "/echo")},
        "dict": {"receive_json, send_json": _app(_json, "/echo")},
        "model": {
            "TypeAdapter by hand": _app(_player_from_text, "/echo"),
            "receive_json, send_json": _app(_player_from_json, "/echo"),
        },
        "union": {
            "TypeAdapter by hand": _app(_event_from_text, "/echo"),
            "receive_json, send_json": _app(_event_from_json, "/echo"),
        },
    },
    with_routes=_with_routes,
    with_inputs=with_inputs,
    finder=_finder,
)
