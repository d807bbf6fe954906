"""Reading ahead of the handler, so that a peer that leaves is noticed while others send.

One reader owns the server's ``receive`` and hands over through a bounded buffer: a timeout of the
handler's never cancels a server's ``receive``, which loses messages on some.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

Event: TypeAlias = MutableMapping[str, Any]

# How long a task that receives may stay away, once the peer has left, before what the peer sent
# before counts as unwanted.
GRACE = 1.0


class Reader:
    """Moves events from a server into a buffer until the peer leaves or it is stopped.

    Attributes:
        events: What was read and not yet handed over, at most ``buffer`` of it.
        goodbye: Whether the peer has left.
        cause: What the server raised, if that is how it said so.
    """

    def __init__(self, read: Callable[[], Awaitable[Event | None]], buffer: int) -> None:
        """Read with ``read``, which gives None when the peer has left."""
        self._read = read
        self.buffer = buffer
        self.events: deque[Event] = deque()
        self.goodbye = False
        self.cause: BaseException | None = None
        self._wanted = False  # a task has received since the last look
        self._told = False  # a task has heard that there is nothing more
        self._waiting = False  # a task waits for an event now
        self._running = False
        self._changed = anyio.Event()  # replaced each time it is set
        self._scope = anyio.CancelScope()
        self._stopped = anyio.Event()

    async def run(self, on_goodbye: Callable[[], None]) -> None:
        """Read until the peer leaves; then call ``on_goodbye``, what it sent before delivered."""
        self._running = True
        try:
            with self._scope:
                while not self._scope.cancel_called:
                    await self._read_one()
        finally:
            self._stopped.set()
        if self.goodbye:
            await self._deliver_the_rest()
            on_goodbye()

    async def _read_one(self) -> None:
        while self.buffer and len(self.events) >= self.buffer:
            await self._changed.wait()
        event = await self._read()
        if event is None:
            self.leave()
        elif self.buffer:
            self.events.append(event)
            self._change()

    async def _deliver_the_rest(self) -> None:
        """Wait while a task receives: until it is told that this was all, or stays away."""
        receives = self._waiting or (self.events and self._wanted)
        while receives and not self._told:
            self._wanted = False
            with anyio.move_on_after(GRACE):
                while not self._wanted:
                    await self._changed.wait()
            receives = self._wanted

    async def next(self) -> Event | None:
        """The next event, or None once the peer has left or the reader was stopped.

        If cancelled, no event is lost.
        """
        self._wanted = True
        self._change()
        while not self.events:
            if self.goodbye or self._scope.cancel_called:
                self._told = True
                self._change()
                return None
            self._waiting = True
            try:
                await self._changed.wait()
            finally:
                self._waiting = False
                self._wanted = True  # it is back: with an event, with none, or cancelled
                self._change()
        # A burst is handed over with a turn for the other tasks after each message.
        await cancel_shielded_checkpoint()
        event = self.events.popleft()
        self._change()
        return event

    def leave(self) -> None:
        """Take it that the peer has left: nothing more is read."""
        self.goodbye = True
        self._scope.cancel()
        self._change()

    async def stop(self) -> None:
        """Stop reading, and wait until the server's ``receive`` is free again."""
        self._scope.cancel()
        self._change()
        if self._running:
            await self._stopped.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
