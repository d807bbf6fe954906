"""Ending a task that goes on though it was cancelled.

A test that is over must not wait for one: neither the kit nor, at its end, the event loop. Neither
loop has a way for that, so this rests on private names of theirs.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterator
from typing import Any, NoReturn


def pierce(task: Any) -> None:
    """Cancel a task in spite of what shields it."""
    if _is_asyncios(task):
        task.cancel()  # which no shield of anyio's keeps off
        return
    around = task.parent_nursery._cancel_status
    for each in _family(task):
        status = each._cancel_status
        while status not in {around, None}:
            status._scope.shield = False
            status = status._parent


def abandon(task: Any) -> None:
    """Take a cancelled task from its event loop, wherever it stands."""
    if _is_asyncios(task):
        asyncio.tasks._unregister_task(task)
        task._log_destroy_pending = False
        _keep_for_ever(task)
        return
    family = list(_family(task))
    for each in family:
        _keep_for_ever(each.coro)
        each.coro = _Ended()
    pierce(task)  # the next cancellation is its next step
    for each in family:
        each._child_nurseries.clear()  # not left open by mistake: those in them end, too


def _is_asyncios(task: Any) -> bool:
    return isinstance(task, asyncio.Task)


class _Ended:
    """A coroutine that ends at its next step."""

    def send(self, _: object) -> NoReturn:
        raise StopIteration

    throw = send


def _family(task: Any) -> Iterator[Any]:
    """A task of trio's and those in its nurseries, the innermost first."""
    for nursery in list(task.child_nurseries):
        for child in list(nursery.child_tasks):
            yield from _family(child)
    yield task


def _keep_for_ever(coroutine: object) -> None:
    """Never have it collected: that raises GeneratorExit in it, which it would catch as well."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))
