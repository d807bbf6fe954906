"""Take inputs from the path.

Try it: ``python path_inputs.py``, then ``python -m websockets ws://127.0.0.1:8000/rooms/lobby/seats/3``.
A seat that is not a number matches no route: the handshake is refused with HTTP 404.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/rooms/{room}/seats/{seat:int}")
async def sit(ws: WebSocket, room: str, seat: int) -> None:
    """Say where the peer sits."""
    async with ws:
        await ws.send(f"you sit on seat {seat} in {room}")


if __name__ == "__main__":
    app.run()
