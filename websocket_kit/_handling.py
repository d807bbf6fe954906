"""A handler while it runs, and cancelling it from outside.

An anyio cancel scope would do, at a fifth of what it costs to serve a connection. On asyncio the
task itself can be cancelled for nothing; only then it has to be taken back in the end, as
``asyncio.timeout`` does, so that the server's task is as it was.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import anyio


class Handling(Protocol):
    """A handler that runs."""

    def is_current(self) -> bool:
        """Whether it is the caller's own: whether this task runs the handler."""
        ...

    def cancel(self) -> None:
        """Cancel the handler, unless it is the caller's own."""
        ...

    def take_back(self, error: BaseException) -> bool:
        """Take the cancellation back, for whoever tells the handler otherwise.

        False where it was none of this one's, or can't be taken back; it has to go on then.
        """
        ...


class OnAsyncio:
    """A handler in a task of asyncio's. Whoever runs it calls ``end``."""

    __slots__ = ("_cancels", "_task")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        """Take the task that runs the handler."""
        self._task = task
        self._cancels = 0

    def end(self, error: BaseException | None) -> bool:
        """End; true where the error is the cancellation from here, and no other's too."""
        return self._cancels > 0 and self._uncancel() and isinstance(error, asyncio.CancelledError)

    def is_current(self) -> bool:
        """As in ``Handling``."""
        return asyncio.current_task() is self._task

    def cancel(self) -> None:
        """As in ``Handling``."""
        if not self.is_current():
            self._cancels += 1
            self._task.cancel()

    def take_back(self, error: BaseException) -> bool:
        """As in ``Handling``."""
        ours = isinstance(error, asyncio.CancelledError) and self.is_current()
        return ours and self._uncancel()

    def _uncancel(self) -> bool:
        """Take back what was cancelled from here; whether that was all there is."""
        left = 1
        while self._cancels:
            self._cancels -= 1
            left = self._task.uncancel()
        return not left


class OnTrio:
    """A handler in a cancel scope that the current task has entered, and which ends it."""

    __slots__ = ("_scope", "_task_id")

    def __init__(self, scope: anyio.CancelScope) -> None:
        """Take the scope around the handler."""
        self._scope = scope
        self._task_id = anyio.get_current_task().id

    def is_current(self) -> bool:
        """As in ``Handling``."""
        return anyio.get_current_task().id == self._task_id

    def cancel(self) -> None:
        """As in ``Handling``."""
        if not self.is_current():
            self._scope.cancel()

    def take_back(self, error: BaseException) -> bool:  # noqa: ARG002 - as the other's
        """As in ``Handling``: what is cancelled stays so, to the end of the scope."""
        return False
