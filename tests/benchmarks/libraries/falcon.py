"""Falcon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from falcon import WebSocketDisconnected
from falcon.asgi import App as FalconApp
from falcon.asgi import Request, WebSocket

from tests.benchmarks.adapter import App, Library, input_path, literal_path

Falcon: TypeAlias = "FalconApp[Request, Any]"


class _Text:
    async def on_websocket(self, _req: Request, ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except WebSocketDisconnected:
            pass


class _Json:
    async def on_websocket(self, _req: Request, ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_media(await ws.receive_media())
        except WebSocketDisconnected:
            pass


class _Nothing:
    async def on_websocket(self, _req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()


class _Inputs:
    async def on_websocket(self, req: Request, ws: WebSocket, room: str) -> None:
        limit = req.get_param_as_int("limit", required=True)
        name = req.get_param("name", default="guest")
        await ws.accept()
        await ws.close(1000, f"{room} {limit + 1} {name}")


def _app(resource: Any, *paths: str) -> Falcon:
    app = FalconApp()
    for path in paths:
        app.add_route(path, resource)
    return app


def _with_routes(routes: int) -> App:
    return _app(_Nothing(), *map(literal_path, range(routes)))


def _with_inputs(routes: int) -> App:
    return _app(_Inputs(), *map(input_path, range(routes)))


def _finder(routes: int) -> Callable[[str], object]:
    find = _app(_Inputs(), *map(input_path, range(routes)))._router.find  # noqa: SLF001 - what __call__ does first

    def room(path: str) -> object:
        found = find(path)
        assert found is not None
        return found[2]["room"]

    return room


ADAPTER = Library(
    "falcon",
    {
        "text": {"receive_text, send_text": _app(_Text(), "/echo")},
        "dict": {"receive_media, send_media": _app(_Json(), "/echo")},
    },
    with_routes=_with_routes,
    with_inputs=_with_inputs,
    finder=_finder,
)
