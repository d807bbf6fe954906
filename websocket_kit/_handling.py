"""A handler while it runs, and cancelling it from outside.

An anyio cancel scope would do, at a fifth of what it costs to serve a connection. On asyncio the
task itself can be cancelled for nothing; only then it has to be taken back in the end, as
``asyncio.timeout`` does, so that the server's task is as it was.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Protocol, Self

import anyio

from ._time_limit import asyncio_task


class Handling(Protocol):
    """A context manager around a handler, which absorbs its own cancellation."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """End; true where the error is the cancellation from here, and no other's too."""
        ...

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


def handling() -> Handling:
    """For the handler that this task is about to run."""
    task = asyncio_task()
    return _OnTrio() if task is None else _OnAsyncio(task)


class _OnAsyncio:
    __slots__ = ("_cancels", "_task")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._cancels = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return self._cancels > 0 and self._uncancel() and isinstance(error, asyncio.CancelledError)

    def is_current(self) -> bool:
        return asyncio.current_task() is self._task

    def cancel(self) -> None:
        if not self.is_current():
            self._cancels += 1
            self._task.cancel()

    def take_back(self, error: BaseException) -> bool:
        ours = isinstance(error, asyncio.CancelledError) and self.is_current()
        return ours and self._uncancel()

    def _uncancel(self) -> bool:
        """Take back what was cancelled from here; whether that was all there is."""
        left = 1
        while self._cancels:
            self._cancels -= 1
            left = self._task.uncancel()
        return not left


class _OnTrio:
    __slots__ = ("_scope", "_task_id")

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()
        self._task_id = anyio.get_current_task().id

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return bool(self._scope.__exit__(kind, error, traceback))

    def is_current(self) -> bool:
        return anyio.get_current_task().id == self._task_id

    def cancel(self) -> None:
        if not self.is_current():
            self._scope.cancel()

    def take_back(self, error: BaseException) -> bool:  # noqa: ARG002 - as the other's
        return False  # what is cancelled stays so, to the end of the scope
