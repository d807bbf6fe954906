"""A chat in rooms: typed messages, unique names, and nobody held up by a slow neighbour.

What is said goes into every member's outbox, a bounded queue, without waiting; a task of the
member's own sends what is in it. Whoever reads so slowly that its outbox fills is let go.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from html import escape
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import BaseModel, Field, StringConstraints
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from websocket_kit import CloseCode, WebSocket, WebSocketClose, WebSocketRouter

__all__ = ["app", "chat", "pages", "rooms", "router"]

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32)]
RoomName = Annotated[str, StringConstraints(max_length=32, pattern=r"^[\w-]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]

# What a client sends


class Say(BaseModel):
    type: Literal["say"] = "say"
    text: Text


class Typing(BaseModel):
    type: Literal["typing"] = "typing"


# What it gets


class Welcome(BaseModel):
    type: Literal["welcome"] = "welcome"
    you: str
    here: list[str]


class Joined(BaseModel):
    type: Literal["joined"] = "joined"
    name: str


class Left(BaseModel):
    type: Literal["left"] = "left"
    name: str


class Said(BaseModel):
    type: Literal["said"] = "said"
    name: str
    text: str


class IsTyping(BaseModel):
    type: Literal["typing"] = "typing"
    name: str


ClientMessage = Annotated[Say | Typing, Field(discriminator="type")]
ServerMessage = Annotated[Welcome | Joined | Left | Said | IsTyping, Field(discriminator="type")]


class Member(NamedTuple):
    name: str
    outbox: MemoryObjectSendStream[ServerMessage]
    waiting: MemoryObjectReceiveStream[ServerMessage]
    stay: anyio.CancelScope


rooms: dict[str, dict[str, Member]] = {}
router = WebSocketRouter()


@router.websocket("/rooms/{room}")
async def chat(
    ws: WebSocket[ClientMessage, ServerMessage], room: RoomName, name: Name = "guest"
) -> None:
    """Let a member say things in a room until it leaves."""
    await ws.accept()
    with join(room, name) as member, member.stay:
        async with ws.task_group() as tasks:
            tasks.start_soon(deliver, member, ws)
            async for message in ws:
                if isinstance(message, Say):
                    broadcast(room, Said(name=member.name, text=message.text))
                else:
                    broadcast(room, IsTyping(name=member.name), but=member)
                await checkpoint()  # a burst is no reason to let go of those who keep up
    raise WebSocketClose(CloseCode.TRY_AGAIN_LATER, "you read too slowly")


async def deliver(member: Member, ws: WebSocket[ClientMessage, ServerMessage]) -> None:
    """Send what comes into a member's outbox, as fast as its connection takes it."""
    async for message in member.waiting:
        await ws.send(message)


def broadcast(room: str, message: ServerMessage, but: Member | None = None) -> None:
    """Put a message into every outbox of a room but one; whoever's is full is let go."""
    for member in rooms[room].values():
        if member is but:
            continue
        try:
            member.outbox.send_nowait(message)
        except anyio.WouldBlock:
            member.stay.cancel()


@contextmanager
def join(room: str, name: str) -> Generator[Member]:
    """Be in a room, under a name that nobody else there has; the others hear of both ends."""
    members = rooms.setdefault(room, {})
    names = chain([name], (f"{name} {number}" for number in count(2)))
    unique = next(candidate for candidate in names if candidate not in members)
    outbox, waiting = anyio.create_memory_object_stream[ServerMessage](64)
    broadcast(room, Joined(name=unique))
    members[unique] = Member(unique, outbox, waiting, anyio.CancelScope())
    outbox.send_nowait(Welcome(you=unique, here=list(members)))
    try:
        with outbox, waiting:
            yield members[unique]
    finally:
        # Nothing here waits, so nothing can cut it short.
        del members[unique]
        broadcast(room, Left(name=unique))
        if not members:
            del rooms[room]


PAGE = Path(__file__).parent / "page"
PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; connect-src 'self' ws: wss:; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(request: Request) -> HTMLResponse:
    """The page, the same for every room; its links start from where the app is mounted."""
    base = escape(f"{request.scope.get('root_path', '')}/")
    html = (PAGE / "index.html").read_text("utf-8").replace('base href="/"', f'base href="{base}"')
    return HTMLResponse(html, headers=PAGE_HEADERS)


pages = Starlette(
    routes=[
        Route("/", page),
        Route("/rooms/{room}", page),
        Mount("/static", StaticFiles(directory=PAGE)),
    ]
)
app = router.wrap(pages)
