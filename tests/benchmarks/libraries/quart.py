# pyright: reportUnknownMemberType=false
"""Quart, which is typed in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart import Quart, websocket

from tests.benchmarks.adapter import App, Library, input_path, literal_path


async def _text() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def _json() -> None:
    while True:
        await websocket.send_json(await websocket.receive_json())


async def _nothing() -> None:
    await websocket.accept()
    await websocket.close(1000)


async def _inputs(room: str) -> None:
    limit = int(websocket.args["limit"])
    name = websocket.args.get("name", "guest")
    await websocket.accept()
    await websocket.close(1000, f"{room} {limit + 1} {name}")


def _app(handler: Callable[..., Any], *paths: str) -> Quart:
    app = Quart(__name__)
    for path in paths:
        app.add_websocket(path, path, handler)
    return app


def _with_routes(routes: int) -> App:
    return _app(_nothing, *map(literal_path, range(routes)))


def _werkzeug_path(index: int) -> str:
    return input_path(index, "<room>")


def _with_inputs(routes: int) -> Quart:
    return _app(_inputs, *map(_werkzeug_path, range(routes)))


def _finder(routes: int) -> Callable[[str], object]:
    adapter = _with_inputs(routes).url_map.bind("127.0.0.1:8000")

    def room(path: str) -> object:
        return adapter.match(path, websocket=True)[1]["room"]

    return room


ADAPTER = Library(
    "quart",
    {
        "text": {"receive, send": _app(_text, "/echo")},
        "dict": {"receive_json, send_json": _app(_json, "/echo")},
    },
    with_routes=_with_routes,
    with_inputs=_with_inputs,
    finder=_finder,
)
