"""Let ``async with ws`` accept the connection and close it.

Try it: ``python context_manager.py``, then ``python -m websockets ws://127.0.0.1:8000/``.
The client sees one message, then the close code 1000. Had the block raised, it would see 1011.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def in_a_block(ws: WebSocket) -> None:
    """Send one message to a connection that the block opens and ends."""
    async with ws:
        await ws.send("hello")


if __name__ == "__main__":
    app.run()
