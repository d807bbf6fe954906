"""A server of one connection, in memory, for apps under test to talk to.

It is as strict as the strictest real one. An event that ASGI doesn't allow, two receives at once
or a receive after the end is a complaint, and a complaint fails the test: an exception alone would
look to the app like a peer that is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Container, MutableMapping
from typing import Any, TypeAlias

import anyio

from websocket_kit import WebSocket

Event: TypeAlias = MutableMapping[str, Any]

complaints: list[str] = []

Call: TypeAlias = Callable[[WebSocket[Any, Any]], Awaitable[Any]]

DENIAL: dict[str, dict[str, object]] = {"websocket.http.response": {}}


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


# --------------------------------------------------------------------------------------- the server


class Server:
    """The server, and the peer behind it.

    Attributes:
        scope: The connection's scope.
        sent: The events that the app sent and the server took.
        tried: All that the app sent, also what the server refused or was stuck with.
        receives: How often the app asked for an event.
        fails: What sending an event of this type raises: an OSError where the peer is gone; where
            it is anything else, the peer may still be there.
        stuck: The types of events whose sending doesn't return until ``freed`` is set.
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
        self.scope: Event = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "subprotocols": [],
            "state": {},
            "extensions": DENIAL if denial else {},
            **scope,
        }
        self.sent: list[Event] = []
        self.tried: list[Event] = []
        self.receives = 0
        self.fails: dict[str, BaseException] = {}
        self.stuck: set[str] = set()
        self.freed = anyio.Event()
        self.refuses = refuses
        self._events: deque[Event | BaseException] = deque()
        self._arrived = anyio.Event()
        self._receiving = False
        self._peer_left = False  # as the app has been told, by receive or send
        self._said_goodbye = False  # by receive
        self._state = "connecting"
        if connect:
            self.push({"type": "websocket.connect"})
        self.push(*events)

    @property
    def asgi(self) -> tuple[Event, Any, Any]:
        """What an app is called with."""
        return self.scope, self.receive, self.send

    def websocket(self, **options: Any) -> WebSocket[Any, Any]:
        """A WebSocket on this connection."""
        return WebSocket(*self.asgi, **options)

    # ------------------------------------------------------------------------------- the peer

    def push(self, *events: str | bytes | Event | BaseException) -> None:
        """Let the peer send messages, or do something else."""
        for event in events:
            if isinstance(event, str):
                self._events.append({"type": "websocket.receive", "text": event})
            elif isinstance(event, bytes):
                self._events.append({"type": "websocket.receive", "bytes": event})
            else:
                self._events.append(event)
        self._arrived.set()
        self._arrived = anyio.Event()

    def leave(self, code: int = 1005, reason: str = "") -> None:
        """Let the peer leave."""
        self.push({"type": "websocket.disconnect", "code": code, "reason": reason})

    # ---------------------------------------------------------------------------------- ASGI

    async def receive(self) -> Event:
        """What the app calls for the next event."""
        self.receives += 1
        if self._receiving:
            self._complain("receive() while another one waits")
        if self._said_goodbye or self._state == "closed":
            self._complain("receive() after the end")
        self._receiving = True
        try:
            while not self._events:
                await self._arrived.wait()
        finally:
            self._receiving = False
        event = self._events.popleft()
        if isinstance(event, BaseException):
            self._said_goodbye = self._peer_left = True
            raise event
        self._said_goodbye = event["type"] == "websocket.disconnect"
        self._peer_left = self._peer_left or self._said_goodbye
        return event

    async def send(self, event: Event) -> None:
        """What the app calls with each event."""
        kind = event["type"]
        self.tried.append(event)
        if self._peer_left and kind not in self.fails:
            self._complain(f"{kind} after the peer has left")
        self._check(event)
        if kind in self.stuck:
            await self.freed.wait()
        if kind in self.fails:
            self._peer_left = isinstance(self.fails[kind], OSError)
            raise self.fails[kind]
        if kind == "websocket.close" and event["code"] in self.refuses:
            msg = f"close code {event['code']}"
            raise Exception(msg)  # noqa: TRY002 - what daphne raises
        self._state = self._next_state(event)
        self.sent.append(event)

    def _check(self, event: Event) -> None:
        kind = event["type"].removeprefix("websocket.")
        if kind not in _LEGAL[self._state]:
            self._complain(f"{kind} while {self._state}")
        if kind == "send" and len({"text", "bytes"} & event.keys()) != 1:
            self._complain(f"send with neither or both of text and bytes: {event}")
        if kind == "close" and not (type(event["code"]) is int and type(event["reason"]) is str):
            self._complain(f"close with {event['code']!r}, {event['reason']!r}")
        if kind == "accept" and event["subprotocol"] not in {None, *self.scope["subprotocols"]}:
            self._complain(f"accept with a subprotocol that was not offered: {event}")
        if kind == "http.response.start" and self.scope["extensions"] != DENIAL:
            self._complain("a denial response, which is not offered")

    def _next_state(self, event: Event) -> str:
        kind = event["type"].removeprefix("websocket.")
        if kind == "http.response.body" and event.get("more_body"):
            return self._state
        return _AFTER.get(kind, self._state)

    def _complain(self, text: str) -> None:
        complaints.append(text)


_LEGAL: dict[str, set[str]] = {
    "connecting": {"accept", "close", "http.response.start"},
    "open": {"send", "close"},
    "denying": {"http.response.body"},
    "closed": set(),
}
_AFTER = {
    "accept": "open",
    "close": "closed",
    "http.response.start": "denying",
    "http.response.body": "closed",
}
