"""Serve an application with ``app.run()`` and its options.

Needs uvicorn and websockets, which the extra ``server`` installs.

``host`` and ``port`` say where to listen; every other keyword goes to uvicorn as it is. To restart
on changes or run several processes, use uvicorn's own command: ``uvicorn run:app --reload``.

Try it: ``PORT=9000 python run.py``, then ``python -m websockets ws://127.0.0.1:9000/``.
"""

import os

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def echo(ws: WebSocket) -> None:
    """Send back what arrives."""
    async with ws:
        async for message in ws:
            await ws.send(message)


if __name__ == "__main__":
    app.run(
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        log_level="warning",
        ws_max_size=65_536,
        timeout_graceful_shutdown=5,
    )
