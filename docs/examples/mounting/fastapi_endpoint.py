"""Keep FastAPI's routing and injection, with our WebSocket in the handler.

``@endpoint`` goes under ``@app.websocket``: path, ``Query`` and ``Depends`` stay FastAPI's.

Try it: ``python fastapi_endpoint.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?token=ada-secret&limit=3'`` and
``curl http://127.0.0.1:8000/``. Without the token the handshake is refused with HTTP 401.
"""

from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel

from websocket_kit import WebSocket, WebSocketReject, endpoint

app = FastAPI()

USERS = {"ada-secret": "Ada"}


class Say(BaseModel):
    """What a client says."""

    text: str


class Said(BaseModel):
    """What the room hears."""

    room: str
    user: str
    text: str


def find_user(token: str = "") -> str | None:
    """Look up the user that a token belongs to."""
    return USERS.get(token)


@app.websocket("/rooms/{room}")
@endpoint
async def chat(
    ws: WebSocket[Say, Said],
    room: str,
    user: Annotated[str | None, Depends(find_user)],
    limit: Annotated[int, Query(ge=1)] = 10,
) -> None:
    """Repeat a signed-in user's first ``limit`` messages to the room."""
    if user is None:
        raise WebSocketReject(401)
    async with ws:
        for _ in range(limit):
            say = await ws.receive()
            await ws.send(Said(room=room, user=user, text=say.text))


@app.get("/")
async def home() -> str:
    """Answer HTTP beside the WebSocket endpoint."""
    return "hello, reader"


if __name__ == "__main__":
    uvicorn.run(app)
