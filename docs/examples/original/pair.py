"""Ask a question and receive its answer, in one call.

Try it: ``python pair.py``, then ``python -m websockets ws://127.0.0.1:8000/`` and answer ``36``.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def ask(ws: WebSocket) -> None:
    """Ask for a number, then send the number after it."""
    async with ws:
        age = await ws.pair("How old are you?", tp=int)
        await ws.send(age + 1)


if __name__ == "__main__":
    app.run()
