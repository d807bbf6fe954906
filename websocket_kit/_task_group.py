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
from starlette.websockets import WebSocketDisconnect

from ._channel import Channel
from ._ending import root
from ._lifecycle import Call, State
from ._reader import Reader


@asynccontextmanager
async def run_task_group(ws: Channel, buffer: int) -> AsyncGenerator[anyio.abc.TaskGroup]:
    """What ``WebSocket.task_group`` promises."""
    ws._check(Call.TASK_GROUP)
    ws._check_free()
    if ws._reader is not None:
        action = "receiving from"
        raise anyio.BusyResourceError(action)
    reader = ws._reader = Reader(ws._read_ahead, buffer)
    if buffer and ws._leftover:
        reader.events, ws._leftover = ws._leftover, None
    ws._receive_now = None

    def is_goodbye(error: BaseException) -> bool:
        """Whether a task has only heard that the peer has left, which the group sees to."""
        if ws._state is not State.DISCONNECTED or not isinstance(root(error), WebSocketDisconnect):
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
                        yield cast("anyio.abc.TaskGroup", _Tasks(tasks, is_goodbye))
                    except Exception as error:
                        if not is_goodbye(error):
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
        raise only if isinstance(only, WebSocketDisconnect) else failure
    if ws._state is State.DISCONNECTED:
        raise ws._disconnect_error() from reader.cause


class _Tasks:
    """An anyio task group in which hearing that the peer has left is not a failure.

    A failure would cancel the task that receives before it has what the peer sent.
    """

    def __init__(
        self, group: anyio.abc.TaskGroup, is_goodbye: Callable[[BaseException], bool]
    ) -> None:
        self._group: Any = group
        self._is_goodbye = is_goodbye

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
            if unless() or not self._is_goodbye(error):
                raise
            return None


anyio.abc.TaskGroup.register(_Tasks)
