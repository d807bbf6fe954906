"""Chat both ways at once: one task sends what is typed here, the other prints what arrives.

Needs aiofiles (``pip install aiofiles``), to read the terminal without stopping the event loop.

Try it: ``python two_way_chat.py`` in one terminal, ``python -m websockets ws://127.0.0.1:8000/``
in another, and type in both. When the client leaves, both tasks end. The terminal is read in a
thread that nothing can interrupt: the next line typed after a client has left is lost, and Ctrl+C
takes effect after the next Enter.
"""

import aiofiles

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


async def send_typed_lines(ws: WebSocket) -> None:
    """Send every line typed in this terminal."""
    async for line in aiofiles.stdin:
        await ws.send(line.rstrip("\n"))


@app.websocket("/")
async def chat(ws: WebSocket) -> None:
    """Print what the peer says while a second task sends what is typed here."""
    async with ws, ws.task_group() as tasks:
        tasks.start_soon(send_typed_lines, ws)
        async for message in ws:
            print(message, flush=True)


if __name__ == "__main__":
    app.run()
