"""A server's ``receive`` whose wait outlasts a cancellation, where a server needs that.

A server in Python has a method that gives a coroutine, and cancelling that loses nothing. One in
another language (granian) gives a future, and the message that comes for a cancelled future is
lost. So the future is not cancelled with the task that waits for it, but kept for the next call.
"""

from __future__ import annotations

import asyncio
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ._reader import Event

if TYPE_CHECKING:
    from starlette.types import Receive


_PYTHONS = (FunctionType, MethodType)


def keep(receive: Receive) -> Receive:
    """The same ``receive``, losing nothing to a cancellation."""
    kept = type(receive) in _PYTHONS or isinstance(receive, KeptReceive)
    return receive if kept else KeptReceive(receive)


def give_up(receive: Receive) -> None:
    """End a wait that was kept: such a server sends no close during one."""
    if isinstance(receive, KeptReceive):
        receive.give_up()


class KeptReceive:
    """A server's ``receive``, which may give a future."""

    __slots__ = ("_pending", "_receive")

    def __init__(self, receive: Any) -> None:
        """Receive with ``receive``, from one task at a time."""
        self._receive = receive
        self._pending: asyncio.Future[Event] | None = None  # what nobody has heard the outcome of

    async def __call__(self) -> Event:
        """Receive. If cancelled, the next call gets what this one would have."""
        pending = self._pending
        if pending is None:
            given = self._receive()
            # What is there already is no future; what is a coroutine too (h2corn) loses nothing.
            if asyncio.iscoroutine(given) or not asyncio.isfuture(given):
                event: Event = await given
                return event
            pending = self._pending = given
        if not pending.done():
            await asyncio.wait((pending,))
        if pending.cancelled():
            return {"type": "websocket.disconnect"}
        self._pending = None
        return pending.result()

    def give_up(self) -> None:
        """End the wait, if there is one: whoever waits is told that the connection is over."""
        if self._pending is not None:
            self._pending.cancel()
