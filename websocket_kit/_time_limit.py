"""A time limit for the last words of a connection, which costs nothing where none waits.

anyio's cancel scope is right everywhere, and costs a quarter of what it takes to serve a connection
that says nothing. Servers take a close without waiting, so on asyncio the call is made first, and
only one that waits gets a timer, which cancels the task as ``asyncio.timeout`` does. (A scope can't
come so late: one that the call has opened by then would be inside it and end after it.)
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, cast

import anyio


def asyncio_task() -> asyncio.Task[Any] | None:
    """The task that runs, on asyncio; None on trio."""
    try:
        return asyncio.current_task()
    except RuntimeError:  # no asyncio here
        return None


@types.coroutine
def in_time(seconds: float, call: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    """Await a coroutine for so many seconds at most; what is left of it then is cancelled.

    On asyncio it is the task that is cancelled, which no anyio shield inside the coroutine keeps
    off: it may not have one.
    """
    try:
        loop = asyncio.get_running_loop()  # a tenth of what current_task() costs
    except RuntimeError:  # trio
        yield from _in_scope(seconds, call)
        return
    try:
        waits_for = call.send(None)
    except StopIteration:
        return
    with _Timer(seconds, loop):
        yield from _rest(call, waits_for)


async def _in_scope(seconds: float, call: Coroutine[Any, Any, None]) -> None:
    with anyio.move_on_after(seconds):
        await call


class _Timer:
    """Cancels the task after so many seconds, and takes that back at the end."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._seconds = seconds
        self._loop = loop
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._expired = False

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        self._cancelling = self._task.cancelling()
        self._handle = self._loop.call_later(self._seconds, self._expire)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._handle.cancel()
        if not self._expired:
            return False
        only_ours = self._task.uncancel() <= self._cancelling
        return only_ours and isinstance(error, asyncio.CancelledError)


def _rest(call: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine whose first step is made."""
    while True:
        try:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - the coroutine's own business
                waits_for = call.throw(error)
            else:
                waits_for = call.send(None)
        except StopIteration:
            return
