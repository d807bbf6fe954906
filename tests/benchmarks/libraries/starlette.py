"""Starlette."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Match, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.benchmarks.adapter import App, Library, input_path, literal_path
from tests.benchmarks.feeding import make_scope


async def _text(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            await ws.send_text(await ws.receive_text())
    except WebSocketDisconnect:
        pass


async def _text_by_iteration(ws: WebSocket) -> None:
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)


async def _json(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            await ws.send_json(await ws.receive_json())
    except WebSocketDisconnect:
        pass


async def _nothing(ws: WebSocket) -> None:
    await ws.accept()
    await ws.close()


async def _inputs(ws: WebSocket) -> None:
    room = ws.path_params["room"]
    limit = int(ws.query_params["limit"])
    name = ws.query_params.get("name", "guest")
    await ws.accept()
    await ws.close(1000, f"{room} {limit + 1} {name}")


def _app(handler: Callable[[WebSocket], object], *paths: str) -> Starlette:
    return Starlette(routes=[WebSocketRoute(path, handler) for path in paths])


def _with_routes(routes: int) -> App:
    return _app(_nothing, *map(literal_path, range(routes)))


def _with_inputs(routes: int) -> App:
    return _app(_inputs, *map(input_path, range(routes)))


def _finder(routes: int) -> Callable[[str], object]:
    every = _app(_nothing, *map(input_path, range(routes))).routes

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
    "starlette",
    {
        "text": {
            "receive_text, send_text": _app(_text, "/echo"),
            "iter_text, send_text": _app(_text_by_iteration, "/echo"),
        },
        "dict": {"receive_json, send_json": _app(_json, "/echo")},
    },
    with_routes=_with_routes,
    with_inputs=_with_inputs,
    finder=_finder,
    most_routes=10_000,
)
