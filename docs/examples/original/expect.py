"""Require one exact message, and end the connection if another one comes.

Try it: ``python expect.py``, then ``python -m websockets ws://127.0.0.1:8000/`` and type
``MYPROTOCOL V1.1``: the answer is ``ACK``. Type anything else and the connection ends with 1008.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def handshake(ws: WebSocket) -> None:
    """Go on only if the peer speaks the same version of the protocol."""
    async with ws:
        await ws.expect("MYPROTOCOL V1.1")
        await ws.send("ACK")


if __name__ == "__main__":
    app.run()
