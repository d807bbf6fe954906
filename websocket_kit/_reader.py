"""Reading ahead of the handler, so that a peer that leaves is noticed while others send.

One reader owns the server's ``receive`` and hands over through a bounded buffer: a timeout of the
handler's never cancels a server's ``receive``, which loses messages on some.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

Event: TypeAlias = MutableMapping[str, Any]

# How long after its last receive a task still counts as one that receives, in seconds: what the
# peer sent before it left waits so long for the task to come back.
GRACE = 0.5
# How long reading goes on once a send has found out that the peer is gone, in seconds. What the
# peer sent before, and its goodbye, are in the server's memory by then.
LAST_WORDS = 0.1


class Reader:
    """Moves events from a server into a buffer until the peer leaves or it is stopped.

    Attributes:
        buffer: How many events may wait; 0: they are discarded.
        events: What was read and not yet handed over.
        over: Whether nothing more is read.
        cause: What the server raised, if that is how it said that the peer has left.
    """

    def __init__(self, read: Callable[[], Awaitable[Event | None]], buffer: int) -> None:
        """Read with ``read``, which gives None when the peer has left."""
        self._read = read
        self.buffer = buffer
        self.events: deque[Event] = deque()
        self.over = False
        self.cause: BaseException | None = None
        self._received = False  # a task has received
        self._since = anyio.current_time()  # its last receive, the start before; inf: it waits
        self._told = False  # it has heard that there is nothing more
        self._leaving = False
        self._stopping = False
        self._running = False
        self._changed = anyio.Event()  # replaced each time it is set
        self._scope = anyio.CancelScope()
        self._stopped = anyio.Event()

    async def run(self, on_goodbye: Callable[[], None]) -> None:
        """Read until the peer leaves; then call ``on_goodbye``, what it sent before delivered."""
        self._running = True
        try:
            with self._scope:
                while not self.over:
                    await self._read_one()
        finally:
            self._stopped.set()
        self.over = True
        self._change()
        await self._deliver_the_rest()
        if not self._stopping:
            on_goodbye()

    async def _read_one(self) -> None:
        # What is left after the peer is gone only moves here from the server's memory.
        while self.buffer and len(self.events) >= self.buffer and not self._leaving:
            await self._changed.wait()
        event = await self._read()
        if event is None:
            self.over = True
        elif self.buffer:
            self.events.append(event)
            self._change()

    async def _deliver_the_rest(self) -> None:
        """Wait until the task that receives, if one does, has heard that this was all."""
        while (self.events or self._received) and not (self._told or self._stopping):
            left = self._since + GRACE - anyio.current_time()
            if left <= 0:
                return
            with anyio.move_on_after(left):
                await self._changed.wait()

    async def next(self) -> Event | None:
        """The next event, or None once there is none and the peer has left or reading stopped.

        If cancelled, no event is lost.
        """
        self._received = True
        self._since = math.inf
        try:
            while True:
                while not self.events:
                    if self.over:
                        self._told = True
                        return None
                    await self._changed.wait()
                # A burst is handed over with a turn for the other tasks after each message.
                await cancel_shielded_checkpoint()
                if self.events:  # still: reading may have been stopped
                    return self.events.popleft()
        finally:
            self._since = anyio.current_time()
            self._change()

    def leave(self, cause: BaseException | None = None) -> None:
        """Take it that the peer is gone: read only what the server still has."""
        if self._leaving or self.over:
            return
        self._leaving = True
        self.cause = cause
        self._scope.deadline = anyio.current_time() + (LAST_WORDS if self.buffer else 0)
        self._change()

    def end(self) -> None:
        """Take it that nothing more is read; for what reads, while the server's is free."""
        self.over = True
        self._stopped.set()

    async def stop(self, *, goodbye: bool = False) -> None:
        """Stop reading, and wait until the server's ``receive`` is free again.

        Args:
            goodbye: The connection is over for every task: say so as if the peer had left, though
                what it sent before is not delivered.
        """
        self.over = True
        if goodbye:
            self.events.clear()
        else:
            self._stopping = True
        self._change()
        if not self._stopped.is_set():
            self._scope.cancel()
            if self._running:
                await self._stopped.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
