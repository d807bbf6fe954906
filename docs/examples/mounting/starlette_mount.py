"""Mount a router into Starlette.

Starlette runs the lifespan of the outer app, never of a mounted one, so the outer app is where it
goes; handlers find what it yields in ``ws.request.state``.

Try it: ``python starlette_mount.py``, then
``python -m websockets 'ws://127.0.0.1:8000/ws/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from websocket_kit import WebSocket, WebSocketRouter

router = WebSocketRouter()


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.request.state.greeting}, {name} in {room}")


async def home(request: Request) -> PlainTextResponse:
    """Answer HTTP beside the WebSocket routes."""
    return PlainTextResponse(f"{request.state.greeting}, reader")


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncGenerator[dict[str, str]]:
    """Open what requests and connections share."""
    yield {"greeting": "hello"}


app = Starlette(routes=[Route("/", home), Mount("/ws", router)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app)
