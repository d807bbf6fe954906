"""Accept and close by hand.

Try it: ``python accept_and_close.py``, then ``python -m websockets ws://127.0.0.1:8000/``.
The client sees one message, then the close code 4000 with its reason.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def by_hand(ws: WebSocket) -> None:
    """Accept the connection, send one message and close with a code of our own."""
    await ws.accept()
    await ws.send("hello")
    await ws.close(4000, "see you")


if __name__ == "__main__":
    app.run()
