# pyright: reportPrivateUsage=false
"""A task group beside a reader: other tasks may send while one receives."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.abc

from ._channel import Channel
from ._ending import is_goodbye, root
from ._lifecycle import DISCONNECTED, RECEIVE, TASK_GROUP
from ._reader import Reader
from .errors import WebSocketHandshakeError


@asynccontextmanager
async def run_task_group(ws: Channel, buffer: int) -> AsyncGenerator[anyio.abc.TaskGroup]:
    """What ``WebSocket.task_group`` promises."""
    await ws._demand(_check, ws)
    reader = ws._reader = Reader(ws._read_ahead, buffer)
    if buffer and ws._leftover:
        reader.events, ws._leftover = ws._leftover, None
    ws._receive_now = None

    def has_heard(error: BaseException) -> bool:
        """Whether a task has only heard that the connection is over, which the group sees to."""
        if not (_others_ended(ws) and is_goodbye(root(error))):
            return False
        reader.leave()
        return True

    failure: Exception | None = None
    try:
        async with anyio.create_task_group() as readers:
            try:
                async with anyio.create_task_group() as tasks:
                    readers.start_soon(reader.run, tasks.cancel_scope.cancel)
                    try:
                        yield cast("anyio.abc.TaskGroup", _Tasks(tasks, has_heard))
                    except Exception as error:
                        if not has_heard(error):
                            raise
            except Exception as error:  # noqa: BLE001 - raised below, outside the outer group
                failure = error
            await reader.stop()
    finally:
        ws._reader = None
        if ws._open and reader.events:
            ws._leftover = reader.events
        if not ws._receiving:
            ws._rest()
    if failure is not None:
        only = root(failure)
        try:
            raise only if is_goodbye(only) else failure
        finally:
            del failure, only  # as in Channel._not_sent
    if _others_ended(ws):
        cause, reader.cause = reader.cause, None
        raise _goodbye(ws) from cause


def _check(ws: Channel) -> None:
    """Raise unless a task group may begin now."""
    ws._check(TASK_GROUP)
    ws._check_free()
    if ws._reader is not None:
        action = "receiving from"
        raise anyio.BusyResourceError(action)


def _others_ended(ws: Channel) -> bool:
    """Whether the peer has left, or the library has ended the connection itself."""
    return ws._state is DISCONNECTED or ws._dropped is not None


def _goodbye(ws: Channel) -> WebSocketHandshakeError:
    gone = ws._state is DISCONNECTED
    return ws._disconnect_error() if gone else ws._illegal(RECEIVE)


class _Tasks:
    """An anyio task group in which hearing that the peer has left is not a failure.

    A failure would cancel the task that receives before it has what the peer sent.
    """

    def __init__(
        self, group: anyio.abc.TaskGroup, has_heard: Callable[[BaseException], bool]
    ) -> None:
        self._group: Any = group
        self._has_heard = has_heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._group, name)

    def start_soon(
        self, function: Callable[..., Awaitable[Any]], *args: Any, **options: Any
    ) -> Any:
        @functools.wraps(function)  # for the task's name
        async def run() -> Any:
            return await self._guard(function(*args))

        return self._group.start_soon(run, **options)

    def create_task(self, coroutine: Coroutine[Any, Any, Any], **options: Any) -> Any:
        options.setdefault("name", getattr(coroutine, "__qualname__", None))
        return self._group.create_task(self._guard(coroutine), **options)

    async def start(
        self, function: Callable[..., Awaitable[Any]], *args: Any, **options: Any
    ) -> Any:
        @functools.wraps(function)
        async def run(*, task_status: anyio.abc.TaskStatus[Any]) -> Any:
            starting = True

            def started(value: object = None) -> None:
                nonlocal starting
                starting = False
                task_status.started(value)

            work = function(*args, task_status=SimpleNamespace(started=started))
            # Before it has started, an error is for who called start().
            return await self._guard(work, unless=lambda: starting)

        return await self._group.start(run, **options)

    async def _guard(
        self, work: Awaitable[Any], *, unless: Callable[[], bool] = lambda: False
    ) -> Any:
        try:
            return await work
        except Exception as error:
            if unless() or not self._has_heard(error):
                raise
            return None


anyio.abc.TaskGroup.register(_Tasks)
