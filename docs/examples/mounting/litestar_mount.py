"""Mount a router into Litestar.

Try it: ``python litestar_mount.py``, then
``python -m websockets 'ws://127.0.0.1:8000/ws/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from litestar import Litestar, get
from litestar.handlers import asgi
from starlette.types import Receive, Scope, Send

from websocket_kit import WebSocket, WebSocketRouter

router = WebSocketRouter()


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.scope['litestar_app'].state.greeting}, {name} in {room}")


@asgi("/ws", is_mount=True, copy_scope=True)
async def sockets(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand everything under ``/ws`` to the router."""
    await router(scope, receive, send)


@get("/")
async def home() -> str:
    """Answer HTTP beside the WebSocket routes."""
    return "hello, reader"


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncGenerator[None]:
    """Open what requests and connections share."""
    app.state.greeting = "hello"
    yield


app = Litestar([home, sockets], lifespan=[lifespan], logging_config=None)

if __name__ == "__main__":
    uvicorn.run(app)
