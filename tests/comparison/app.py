"""The app that each tool tests: a protocol and a chat, in plain Starlette.

Neither knows any of the tools, Starlette's own apart. The environment variable ``FAULT`` plants one
of the faults below in the protocol, and the same tests run again.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

FAULT = os.environ.get("FAULT", "")
PATIENCE = 5.0


async def sums(ws: WebSocket) -> None:
    """Welcome a guest and add numbers up; nonsense is closed with 4400, silence with 4408."""
    token = ws.query_params.get("token")
    if token == "banned":
        raise HTTPException(401, "you are banned")
    if token != "secret":
        await ws.close(4401)
        return
    await ws.accept()
    try:
        with anyio.fail_after(PATIENCE):
            hello, _, name = (await ws.receive_text()).partition(" ")
        if hello == "HELLO":
            await welcome(ws, name)
            await add_up(ws)
        else:
            await ws.close(4000 if FAULT == "wrong code" else 4400)
    except TimeoutError:
        await ws.close(4408)
    except WebSocketDisconnect:
        pass
    if FAULT == "goes on":
        await anyio.sleep_forever()


async def welcome(ws: WebSocket, name: str) -> None:
    """Answer a greeting."""
    if FAULT == "silence":
        await anyio.sleep_forever()
    if FAULT == "crash before":
        raise LookupError(name)
    await ws.send_text(f"{'HELLO' if FAULT == 'wrong message' else 'WELCOME'} {name}")
    if FAULT == "crash after":
        raise LookupError(name)
    if FAULT == "one more":
        await ws.send_text("one message more")
    if FAULT == "task":
        tasks.add(asyncio.create_task(asyncio.sleep(3600)))


async def add_up(ws: WebSocket) -> None:
    """Answer each number with the sum so far."""
    total = 0
    async for text in ws.iter_text():
        total += int(text)
        await ws.send_text(str(total))


async def chat(ws: WebSocket) -> None:
    """Tell every member what one says: a chat as FastAPI's documentation has it."""
    name = ws.query_params["name"]
    await ws.accept()
    members.append(ws)
    await broadcast(f"{name} joined")
    try:
        async for text in ws.iter_text():
            await broadcast(f"{name}: {text}")
    finally:
        members.remove(ws)
        await broadcast(f"{name} left")


async def broadcast(text: str) -> None:
    """Send to every member."""
    for member in members:
        await member.send_text(text)


members: list[WebSocket] = []
tasks: set[asyncio.Task[None]] = set()
# Of any type, since Litestar's idea of an ASGI app is its own.
app: Any = Starlette(routes=[WebSocketRoute("/sums", sums), WebSocketRoute("/chat", chat)])
