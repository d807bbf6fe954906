"""Put a route among FastAPI's own.

Try it: ``python fastapi_route.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

import uvicorn
from fastapi import FastAPI

from websocket_kit import WebSocket, websocket


@websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"hello, {name} in {room}")


app = FastAPI()
app.router.routes.append(chat)


@app.get("/")
async def home() -> str:
    """Answer HTTP beside the WebSocket route."""
    return "hello, reader"


if __name__ == "__main__":
    uvicorn.run(app)
