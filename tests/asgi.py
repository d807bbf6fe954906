"""The testing kit's server, for tests that step through a WebSocket's calls one by one.

Tests that run a whole handler use ``websocket_kit.testing.connect``. Either way the server is
``Watched``: it also minds what the library promises a server beyond ASGI. What it minds is a
complaint, and a complaint fails the test: an exception alone would look to the app like a peer that
is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from typing import Any, TypeAlias

import anyio
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket as StarletteWebSocket

from websocket_kit import WebSocket, WebSocketHandshakeError, wrap
from websocket_kit.testing import _server, transcript
from websocket_kit.testing._profiles import PROFILES, Profile, make_scope

Event: TypeAlias = transcript.Event
Call: TypeAlias = Callable[[WebSocket[Any, Any]], Awaitable[Any]]

# All servers of a test.
servers: list[Watched] = []


def complaints() -> list[str]:
    """What the servers of this test have to complain of."""
    return [complaint for server in servers for complaint in server.complaints]


# ------------------------------------------------------------------- events, as an app sends them


def accept(subprotocol: str | None = None, *headers: tuple[bytes, bytes]) -> Event:
    return {"type": "websocket.accept", "subprotocol": subprotocol, "headers": list(headers)}


def text(message: str) -> Event:
    return {"type": "websocket.send", "text": message}


def binary(message: bytes) -> Event:
    return {"type": "websocket.send", "bytes": message}


def close(code: int, reason: str = "") -> Event:
    return {"type": "websocket.close", "code": code, "reason": reason}


def denial(status: int, body: bytes = b"", *headers: tuple[bytes, bytes]) -> list[Event]:
    length = (b"content-length", str(len(body)).encode())
    return [
        {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": [*headers, length],
        },
        {"type": "websocket.http.response.body", "body": body},
    ]


def noted(app: ASGIApp, sent: list[Event]) -> ASGIApp:
    """An app whose events are noted."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(event: Event) -> None:
            sent.append(event)
            await send(event)

        await app(scope, receive, note)

    return noting


async def receive_until_closed(ws: WebSocket[Any, Any]) -> None:
    """Receive, and hear that another task of this end has closed."""
    with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
        await ws.receive()


# -------------------------------------------------------------------------------------- the servers


class Watched(_server.Server):
    """The kit's server, which minds what the library promises: to ask and send no more than needed.

    Attributes:
        told: Whether the app has been told that the peer has left, by a send too.
    """

    def __init__(self, profile: Profile, scope: dict[str, Any], *, buffer: int) -> None:
        super().__init__(profile, scope, buffer=buffer)
        self.told = False
        self._heard = False
        self._receiving = False
        servers.append(self)

    async def receive(self) -> Event:
        if self._receiving:
            self.complaints.append("receive() while another one waits")
        if self._heard or self._state == "closed":
            self.complaints.append("receive() after the end")
        self._receiving = True
        try:
            event = await super().receive()
        finally:
            self._receiving = False
        self._heard = event["type"] in {"websocket.disconnect", "raise"}
        self.told = self.told or self._heard
        return event

    async def send(self, event: Event) -> None:
        if self.told:
            self.complaints.append(f"{event['type']} after the peer has left")
        if event["type"] == "websocket.close":
            plain = type(event["code"]) is int and type(event["reason"]) is str
            if not plain:
                self.complaints.append(f"close with {event['code']!r}, {event['reason']!r}")
        try:
            await super().send(event)
        except OSError:
            # A close that raises may have been refused for its code; whatever else is raised, the
            # peer may still be there.
            self.told = self.told or (self.has_left and event["type"] != "websocket.close")
            raise


# After the end ``receive`` waits for what the test pushes, if it is asked at all.
PROFILE = PROFILES["uvicorn"]._replace(more_receives=0, own_close_code=0, rejected_code=0)


class Server(Watched):
    """A server to make a WebSocket on, with a peer that does what it is told beforehand.

    Attributes:
        tried: All that the app sent, also what the server refused or was stuck with.
        receives: How often the app asked for an event.
        fails: What sending an event of this type raises: an OSError where the peer is gone; where
            it is anything else, the peer may still be there.
        stuck: The types of events whose sending doesn't return until ``freed`` is set.
        slow_after: The types of events that are sent at once, though sending doesn't return until
            ``freed`` is set.
        refuses: The close codes that raise a bare Exception; daphne has such.
    """

    def __init__(
        self,
        *events: str | bytes | Event | BaseException,
        connect: bool = True,
        denial: bool = True,
        refuses: Container[int] = (),
        headers: dict[str, str] | None = None,
        **scope: Any,
    ) -> None:
        """Set a connection up.

        Args:
            events: What the peer does once it has asked to connect: a str or bytes is a message,
                an exception what ``receive`` raises. When all is received, ``receive`` waits.
            connect: Whether it asks to connect.
            denial: Whether the server offers denial responses.
            refuses: See the attribute.
            headers: The handshake's headers.
            scope: The rest of the scope.
        """
        profile = PROFILE._replace(offers_denial=denial)
        whole = make_scope(
            profile,
            path="/",
            raw_path=b"/",
            query_string=b"",
            headers=[(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            subprotocols=[],
            state=None,
        )
        if not denial:
            whole["extensions"] = {}
        super().__init__(profile, {**whole, **scope}, buffer=0)
        self.tried: list[Event] = []
        self.receives = 0
        self.fails: dict[str, BaseException] = {}
        self.stuck: set[str] = set()
        self.slow_after: set[str] = set()
        self.freed = anyio.Event()
        self.refuses = refuses
        if not connect:
            self._coming.clear()
        self.push(*events)

    @property
    def sent(self) -> list[Event]:
        """The events that the app sent and the server took."""
        return [record.event for record in self.transcript if record.direction == "<"]

    def forget(self) -> None:
        """Keep nothing of what was said, nor of what was raised, whose traceback keeps more."""
        self.transcript.clear()
        self.tried.clear()
        self.fails.clear()

    @property
    def asgi(self) -> tuple[Event, Any, Any]:
        """What an app is called with."""
        return self.scope, self.receive, self.send

    def websocket(self, **options: Any) -> WebSocket[Any, Any]:
        """A WebSocket on this connection."""
        return WebSocket(*self.asgi, **options)

    def wrapped(self) -> WebSocket:
        """A WebSocket on a socket of Starlette's on this connection."""
        return wrap(StarletteWebSocket(*self.asgi))

    def push(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more than the kit's
        self, *events: str | bytes | Event | BaseException
    ) -> None:
        """Let the peer send messages, or do something else."""
        for event in events:
            if isinstance(event, (str, bytes)):
                super().push(event)
            elif isinstance(event, BaseException):
                self._come({"type": "raise", "error": event})
            else:
                self._come(event)

    def leave(self, code: int = 1005, reason: str = "") -> None:
        """Let the peer leave; what is sent before the app has heard of it goes out."""
        self.push({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def receive(self) -> Event:
        self.receives += 1
        event = await super().receive()
        if event["type"] == "raise":
            # Taken out, or its traceback and this frame would keep each other.
            raise event.pop("error")  # noqa: EM101 - a key
        return event

    async def send(self, event: Event) -> None:
        self.tried.append(event)
        await super().send(event)
        if event["type"] in self.slow_after:
            await self.freed.wait()

    async def _hinder(self, event: Event) -> None:
        kind = event["type"]
        if kind in self.stuck:
            await self.freed.wait()
        if kind in self.fails:
            self.told = kind != "websocket.close" and isinstance(self.fails[kind], OSError)
            raise self.fails[kind]
        if kind == "websocket.close" and event["code"] in self.refuses:
            msg = f"close code {event['code']}"
            raise Exception(msg)  # noqa: TRY002 - what daphne raises
