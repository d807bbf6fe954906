"""Serve WebSocket routes in front of any ASGI app.

``router.wrap`` takes the WebSocket paths it knows and hands everything else to the other app.

Try it: ``python bare_wrap.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send

from websocket_kit import WebSocket, WebSocketRouter


async def site(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer HTTP, and nothing else, in raw ASGI."""
    if scope["type"] != "http":
        # ASGI: an app raises at a scope it doesn't know, a lifespan too.
        msg = f"this site speaks no {scope['type']}"
        raise ValueError(msg)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello, reader"})


@asynccontextmanager
async def lifespan(_router: WebSocketRouter) -> AsyncGenerator[dict[str, str]]:
    """Open what the connections share."""
    yield {"greeting": "hello"}


router = WebSocketRouter(lifespan=lifespan)


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.request.state.greeting}, {name} in {room}")


app = router.wrap(site)

if __name__ == "__main__":
    uvicorn.run(app)
