"""Make a route first and register it later.

``@websocket(...)`` works without a router, so a module can define routes and the application can
collect them. It takes the same arguments as ``@app.websocket(...)``.

Try it: ``python standard_decorator.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'``.
"""

from websocket_kit import WebSocket, WebSocketRouter, query, websocket


@websocket("/rooms/{room}")
@query("name", str, default="guest")
async def chat(ws: WebSocket, room: str, name: str) -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{name} joins {room}")


app = WebSocketRouter(routes=[chat])

if __name__ == "__main__":
    app.run()
