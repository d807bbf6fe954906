"""Receive a message and answer it, in one call.

Try it: ``python pair_recv_first.py``, then ``python -m websockets ws://127.0.0.1:8000/`` and say
something. With ``recv_first`` the answer goes out after the peer has spoken; what it said is
returned, as it is without ``recv_first``.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def greet(ws: WebSocket) -> None:
    """Wait for the peer's name, say that it came, then use it."""
    async with ws:
        name = await ws.pair("got it", recv_first=True)
        await ws.send(f"hello, {name}")


if __name__ == "__main__":
    app.run()
