"""Mount a router into FastAPI.

Try it: ``python fastapi_mount.py``, then
``python -m websockets 'ws://127.0.0.1:8000/ws/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request

from websocket_kit import WebSocket, WebSocketRouter

router = WebSocketRouter()


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.request.state.greeting}, {name} in {room}")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[dict[str, str]]:
    """Open what requests and connections share."""
    yield {"greeting": "hello"}


app = FastAPI(lifespan=lifespan)
app.mount("/ws", router)


@app.get("/")
async def home(request: Request) -> str:
    """Answer HTTP beside the WebSocket routes."""
    return f"{request.state.greeting}, reader"


if __name__ == "__main__":
    uvicorn.run(app)
