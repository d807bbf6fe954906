"""Take inputs from the query string.

Try it: ``python query_inputs.py``, then
``python -m websockets 'ws://127.0.0.1:8000/search?term=tea&limit=3&since=yesterday'``.
Leave out ``term``, or write ``limit=many``, and the handshake is refused with HTTP 400 and a JSON
list of what was wrong; the handler does not run.
"""

from websocket_kit import WebSocket, WebSocketRouter, query

app = WebSocketRouter()


@app.websocket("/search")
@query("term", str)
@query("limit", int, default=10)
@query("since", int, str, default="ever")
async def search(ws: WebSocket, term: str, limit: int, since: int | str) -> None:
    """Send back the three inputs: one required, two with a default, one of several types."""
    async with ws:
        await ws.send({"term": term, "limit": limit, "since": since})


@app.websocket("/plain")
async def plain(ws: WebSocket, term: str, limit: int = 10) -> None:
    """Take the same inputs from annotations alone."""
    async with ws:
        await ws.send({"term": term, "limit": limit})


if __name__ == "__main__":
    app.run()
