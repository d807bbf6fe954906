"""Serve WebSocket routes in front of Quart.

``router.wrap`` takes the WebSocket paths it knows and hands everything else to Quart, startup and
shutdown too. The router's own lifespan runs inside Quart's.

Try it: ``python quart_wrap.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from quart import Quart

from websocket_kit import WebSocket, WebSocketRouter

site = Quart(__name__)


@site.before_serving
async def open_site() -> None:
    """Open what the site's requests share."""
    site.config["GREETING"] = "hello"


@site.get("/")
async def home() -> str:
    """Answer HTTP beside the WebSocket routes."""
    return f"{site.config['GREETING']}, reader"


@asynccontextmanager
async def lifespan(_router: WebSocketRouter) -> AsyncGenerator[dict[str, str]]:
    """Open what the connections share."""
    yield {"greeting": site.config["GREETING"]}


router = WebSocketRouter(lifespan=lifespan)


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.request.state.greeting}, {name} in {room}")


app = router.wrap(site)

if __name__ == "__main__":
    uvicorn.run(app)
