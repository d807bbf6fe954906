"""The connections a router serves, and how they all come to an end at once."""

from __future__ import annotations

from typing import Any

import anyio

from ._finishing import cancel_handler, drop, free_receiver, hang_up, has_handler, is_own
from ._handshake import Rejection
from ._logging import logger
from ._options import check_timeout
from .closing import check_close
from .connection import WebSocket

# How long a server may take to wake a receive once it has closed, in seconds.
WAKING_TIMEOUT = 1.0
# How long a handler that is cancelled may take to end, in seconds.
HANDLER_TIMEOUT = 2.0

WHY = "the server closes its connections"
DRAINING = Rejection(503, text=WHY)


class Connections:
    """The connections that are being served, from the handshake until the handler has ended.

    Attributes:
        draining: How many calls are closing them; while there is one, new ones are refused.
    """

    __slots__ = ("_changed", "_hanging_up", "_served", "draining")

    def __init__(self) -> None:
        """Begin with none."""
        # A set; as a dict it is half as large, and in order.
        self._served: dict[WebSocket[Any, Any], None] = {}
        self.draining = 0
        self._hanging_up: dict[WebSocket[Any, Any], anyio.Event] = {}
        self._changed: anyio.Event | None = None  # there while somebody waits for it

    def opened(self) -> frozenset[WebSocket[Any, Any]]:
        """Those that are open."""
        return frozenset(ws for ws in self._served if ws.open)

    def add(self, ws: WebSocket[Any, Any]) -> None:
        """Count a connection in, before its handler runs."""
        self._served[ws] = None

    async def leave(self, ws: WebSocket[Any, Any]) -> None:
        """Count a connection out, once a close that is just being sent has gone out.

        Until then its server must not end it. If cancelled, it is counted out at once.
        """
        hung_up = self._hanging_up.get(ws)
        try:
            if hung_up is not None:
                with anyio.move_on_after(WAKING_TIMEOUT, shield=True):
                    await hung_up.wait()
        finally:
            self.discard(ws)

    def discard(self, ws: WebSocket[Any, Any]) -> None:
        """Count it out, once its handler has ended."""
        self._served.pop(ws, None)
        if self._changed is not None:
            self._changed.set()

    async def close_all(self, code: int = 1012, reason: str = "", grace: float = 5.0) -> None:
        """What ``WebSocketRouter.close_all`` promises."""
        code, reason = check_close(code, reason)
        seconds = check_timeout(grace)
        if seconds is None:
            msg = "grace is a number of seconds, not None"
            raise TypeError(msg)
        served = [*self._served]
        self.draining += 1
        try:
            logger.debug("closing %d connections with code %d", len(served), code)
            scopes: dict[WebSocket[Any, Any], anyio.CancelScope] = {}
            for ws in served:  # at once, so that no handler gets in between
                if drop(ws, code, reason, WHY):
                    scopes[ws] = anyio.CancelScope(shield=True)
                    self._hanging_up[ws] = anyio.Event()
            others = {ws for ws in served if not is_own(ws)}
            # Each has a second at least, whatever becomes of the call: it counts as closed.
            least = anyio.current_time() + WAKING_TIMEOUT
            try:
                async with anyio.create_task_group() as tasks:
                    for ws, scope in scopes.items():
                        tasks.start_soon(self._hang_up, ws, scope)
                    try:
                        await self._see_out(others, seconds)
                    finally:
                        for scope in scopes.values():
                            scope.deadline = least
            except BaseException:  # cancelled: those that nobody else tells must not wait for ever
                for ws in self._served.keys() & others:
                    free_receiver(ws)
                raise
        finally:
            self.draining -= 1

    async def _hang_up(self, ws: WebSocket[Any, Any], scope: anyio.CancelScope) -> None:
        try:
            with scope:
                await hang_up(ws)
        finally:
            self._hanging_up.pop(ws).set()

    async def _see_out(self, some: set[WebSocket[Any, Any]], grace: float) -> None:
        """Wait until the handlers of these have ended, and help those along that don't."""
        waking = min(WAKING_TIMEOUT, grace)
        for seconds, then in ((waking, free_receiver), (grace - waking, cancel_handler)):
            if await self._are_gone(some, seconds):
                return
            for ws in self._served.keys() & some:
                then(ws)
        if not await self._are_gone(some, HANDLER_TIMEOUT):
            left = [ws for ws in self._served if ws in some and has_handler(ws)]
            if left:  # else only closes are still under way, which have time limits of their own
                text = "%d handlers go on after they were cancelled, that of %r for one"
                logger.warning(text, len(left), left[0])

    async def _are_gone(self, some: set[WebSocket[Any, Any]], seconds: float) -> bool:
        """Wait until none of these is served; False if that takes too long."""
        with anyio.move_on_after(seconds):
            while not self._served.keys().isdisjoint(some):
                if self._changed is None or self._changed.is_set():
                    self._changed = anyio.Event()
                await self._changed.wait()
        return self._served.keys().isdisjoint(some)
