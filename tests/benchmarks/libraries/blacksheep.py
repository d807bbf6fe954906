# pyright: reportUnknownMemberType=false
"""BlackSheep, which is typed in part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from blacksheep import Application, WebSocket, WebSocketDisconnectError
from blacksheep.server.routing import RouteMethod, Router

from tests.benchmarks.adapter import App, Library, input_path, literal_path


async def _text(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        pass


async def _json(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_json(await websocket.receive_json())
    except WebSocketDisconnectError:
        pass


async def _nothing(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


async def _inputs(websocket: WebSocket, room: str, limit: int, name: str = "guest") -> None:
    await websocket.accept()
    await websocket.close(1000, f"{room} {limit + 1} {name}")


def _app(handler: Callable[..., Any], *paths: str) -> Application:
    app = Application(router=Router())
    for path in paths:
        app.router.add_ws(path, handler)
    asyncio.run(app.start())  # type: ignore[no-untyped-call]
    return app


def _with_routes(routes: int) -> App:
    return _app(_nothing, *map(literal_path, range(routes)))


def _with_inputs(routes: int) -> App:
    return _app(_inputs, *map(input_path, range(routes)))


def _finder(routes: int) -> Callable[[str], object]:
    router = _app(_nothing, *map(input_path, range(routes))).router

    def room(path: str) -> object:
        found = router.get_match_by_method_and_path(RouteMethod.GET_WS, path)
        assert found is not None
        return (found.values or {})["room"]

    return room


ADAPTER = Library(
    "blacksheep",
    {
        "text": {"receive_text, send_text": _app(_text, "/echo")},
        "dict": {"receive_json, send_json": _app(_json, "/echo")},
    },
    with_routes=_with_routes,
    with_inputs=_with_inputs,
    finder=_finder,
)
