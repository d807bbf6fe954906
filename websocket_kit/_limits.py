"""How many may connect, and how often a peer may send. Only counting: nothing here does I/O."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from ._handshake import Rejection
from .errors import shorten

# A receive that waits so long, in seconds, has shown that nothing of the peer's was left unread.
CAUGHT_UP = 0.1


class Gate:
    """Counts the connections of a router, a route or an endpoint, and refuses those over a limit.

    Those behind it are counted from the handshake until their handler has ended.
    """

    def __init__(self, max_connections: int | None, max_connections_per_client: int | None) -> None:
        """Take the two options."""
        self._most = max_connections
        self._most_per_client = max_connections_per_client
        self._count = 0
        self._clients: Counter[str | None] = Counter()
        self._warned = False

    def refusal(self, client: str | None) -> Rejection | None:
        """Why one more connection of this client may not come in; None if it may."""
        most = self._most_per_client
        if most is not None and self._clients[client] >= most:
            who = "whose address is unknown" if client is None else shorten(client)
            text = (
                f"the client {who} has all the connections that"
                f" max_connections_per_client={most} allows"
            )
            return Rejection(
                429, text=text, setting="max_connections_per_client", level=logging.INFO
            )
        most = self._most
        if most is not None and self._count >= most:
            text = f"there are all the connections that max_connections={most} allows"
            # An operator must know, and be told once rather than for every handshake of a flood.
            level = logging.INFO if self._warned else logging.WARNING
            self._warned = True
            return Rejection(503, text=text, setting="max_connections", level=level)
        return None

    def enter(self, client: str | None) -> None:
        """Count a connection in."""
        self._count += 1
        self._clients[client] += 1

    def leave(self, client: str | None) -> None:
        """Count it out."""
        self._count -= 1
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
        if self._most is not None and self._count <= self._most // 2:
            self._warned = False


def gates_of(settings: Any) -> tuple[Gate, ...]:
    """The gate that settings ask for, if they do."""
    limits = settings.max_connections, settings.max_connections_per_client
    return () if limits == (None, None) else (Gate(*limits),)


class Bucket:
    """Says when a peer sends more than so many messages a second.

    A token bucket: it holds as many as one second brings, at least one. Messages are counted when
    they are read, so time in which nothing was being read fills it beyond that: they may have come
    in that time one by one.
    """

    __slots__ = ("_last", "_rate", "_tokens")

    def __init__(self, rate: float) -> None:
        """Start full."""
        self._rate = rate
        self._tokens = max(rate, 1.0)
        self._last: float | None = None

    def take(self, asked: float, now: float) -> bool:
        """Count a message that was asked for and came at these times; False if it is too many."""
        if self._last is not None:
            self._tokens += self._rate * (now - self._last)
        self._last = now
        if now - asked >= CAUGHT_UP:
            self._tokens = min(self._tokens, max(self._rate, 1.0))
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
