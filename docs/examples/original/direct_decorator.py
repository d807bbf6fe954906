"""Make a route and register it at once.

``@app.websocket(...)`` takes the same arguments as ``@websocket(...)`` and returns the same
``WebSocketRoute``.

Try it: ``python direct_decorator.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'``.
"""

from websocket_kit import WebSocket, WebSocketRouter, query

app = WebSocketRouter()


@app.websocket("/rooms/{room}")
@query("name", str, default="guest")
async def chat(ws: WebSocket, room: str, name: str) -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{name} joins {room}")


if __name__ == "__main__":
    app.run()
