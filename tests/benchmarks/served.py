"""What the servers of the loopback cases serve: all candidates in one process, told apart by path.

``/websocket_kit/echo`` is the echo of websocket_kit, ``/starlette/connect`` Starlette's connection
that is accepted and closed, and so on. The baseline is ``raw``, its copy ``control``.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from tests.benchmarks.adapter import App, Library, literal_path
from tests.benchmarks.libraries import fastapi, litestar, raw, starlette, websocket_kit

PATHS = {"echo": "/echo", "connect": literal_path(0)}


def _apps(library: Library) -> dict[str, App]:
    assert library.with_routes is not None
    return {"echo": next(iter(library.ways("text").values())), "connect": library.with_routes(1)}


def _raw() -> dict[str, App]:
    return {"echo": raw.echo_text(), "connect": raw.accept_and_close}


APPS: dict[str, dict[str, App]] = {
    "raw": _raw(),
    "control": _raw(),
    "websocket_kit": _apps(websocket_kit.ADAPTER),
    "starlette": _apps(starlette.ADAPTER),
    "fastapi": _apps(fastapi.ADAPTER),
    "litestar": _apps(litestar.ADAPTER),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a connection to the app that its path names."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    _, name, job = scope["path"].split("/")
    scope["path"] = PATHS[job]
    scope["raw_path"] = PATHS[job].encode()
    await APPS[name][job](scope, receive, send)
