"""Return something from a handler: it is ignored.

A connection has no response, so nobody would ever see the value. At run time it is dropped and the
connection ends with 1000 as usual. A type checker says so earlier: a handler returns ``None``.
Where a function has to return something else, a comment on the decorator's line silences the
checker and names exactly what it silences: the first is mypy's, the second pyright's.

Try it: ``python return_ignored.py``, then ``python -m websockets ws://127.0.0.1:8000/``.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def answer(ws: WebSocket) -> int:
    """Return a number that nothing reads."""
    async with ws:
        await ws.send("hello")
    return 42


if __name__ == "__main__":
    app.run()
