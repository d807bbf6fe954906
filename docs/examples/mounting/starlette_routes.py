"""Put a route among Starlette's own.

A ``WebSocketRoute`` is a Starlette route, so it needs no router of ours.

Try it: ``python starlette_routes.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from websocket_kit import WebSocket, websocket


@websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"hello, {name} in {room}")


async def home(request: Request) -> PlainTextResponse:
    """Say where the chat is, by the route's name."""
    return PlainTextResponse(request.url_for("chat", room="lobby").path)


app = Starlette(routes=[Route("/", home), chat])

if __name__ == "__main__":
    uvicorn.run(app)
