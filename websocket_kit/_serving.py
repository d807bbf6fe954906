# pyright: reportPrivateUsage=false
"""Run one handler on one connection and see it to its end.

The router and ``endpoint`` share it: who gets to a handler at all, and that after it the connection
is over, and what is left of the handler's error either nothing or something worth a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, NamedTuple

import anyio

from ._channel import Channel
from ._draining import DRAINING, Connections
from ._ending import Ending, is_goodbye, root
from ._finishing import finish, foreign_origin, is_over, refuse, state_of
from ._handling import OnAsyncio, OnTrio
from ._handshake import Rejection
from ._lifecycle import CONNECTING
from ._limits import Gate
from ._logging import client_host, log
from ._time_limit import asyncio_task
from .connection import WebSocket
from .errors import WebSocketMessageTooBig, WebSocketTimeoutError

# Whom the testing kit has told of what ended a handler, its own peer's goodbye aside: what is
# raised may be swallowed further up, and what is absorbed with a line in the log is seen nowhere.
failure_watcher: ContextVar[Callable[[BaseException, Ending], None] | None] = ContextVar(
    "websocket_kit_failure_watcher", default=None
)


class Service(NamedTuple):
    """What serves connections.

    Attributes:
        name: The handler's name, for the log.
        begin: Calls the handler with a connection, or says why it can't be called.
        gates: What limits how many connections there may be.
    """

    name: str
    begin: Callable[[WebSocket[Any, Any]], Awaitable[object] | Rejection]
    gates: tuple[Gate, ...] = ()


def serve(
    ws: WebSocket[Any, Any], service: Service, connections: Connections
) -> Coroutine[Any, Any, None]:
    """Let a handshake in, await its handler, then end its connection as ``_ending`` says.

    Args:
        ws: The handler's connection.
        service: The handler and what is known of it.
        connections: Where the connection is counted among others, which may be closed together.

    Raises:
        BaseException: What the handler raised, unless it was about the connection only.
    """
    serving = _serve(ws, service, connections)
    task = asyncio_task()
    if task is None:
        return _in_scope(ws, serving)
    ws._handling = task
    return serving


async def _in_scope(ws: Channel, serving: Awaitable[None]) -> None:
    scope = anyio.CancelScope()
    try:
        with scope:
            ws._handling = OnTrio(scope)
            await serving
    except BaseExceptionGroup as group:
        # Of goodbyes and the cancellation, which the scope has taken out.
        if not (scope.cancel_called and is_goodbye(root(group))):
            raise


async def _serve(ws: WebSocket[Any, Any], service: Service, connections: Connections) -> None:
    # While the handler runs all this waits with it: each name in it is memory of a connection's.
    running: Awaitable[object] | Rejection | None
    running = DRAINING if connections.draining else _let_in(ws, service.gates)
    if running is not None:
        await refuse(ws, running)
        return
    connections.add(ws)
    try:
        running = service.begin(ws)
        if isinstance(running, Rejection):
            _no_longer_runs(ws)
            await refuse(ws, running)
        else:
            await running
            _no_longer_runs(ws)
            if not is_over(ws):
                await _end(ws, service.name)
    except BaseException as error:
        if not await _settle(ws, error, service.name):
            raise
    finally:
        if service.gates:
            _let_out(ws, service.gates)
        if connections.draining:
            await connections.leave(ws)
        else:
            connections.discard(ws)


async def _settle(ws: WebSocket[Any, Any], error: BaseException, name: str) -> bool:
    """End the connection as the handler's error says; whether that was all, as in ``absorb``."""
    only_cancelled = _no_longer_runs(ws, error)
    return await absorb(ws, error, name) or only_cancelled


def _no_longer_runs(ws: Channel, error: BaseException | None = None) -> bool:
    """Note that the handler has ended: nothing cancels what is left to do for its connection.

    Whether the error is the cancellation of the handler alone, which is taken back.
    """
    handling, ws._handling = ws._handling, None
    return isinstance(handling, OnAsyncio) and handling.end(error)


def _let_in(ws: Channel, gates: tuple[Gate, ...]) -> Rejection | None:
    """Why a handshake may not get to its handler; None if it may, and then it is counted in."""
    rejection = foreign_origin(ws)
    if rejection is None and gates:
        client = client_host(ws.scope)
        rejection = next(filter(None, (gate.refusal(client) for gate in gates)), None)
        if rejection is None:
            _counted_as[ws] = client
            for gate in gates:
                gate.enter(client)
    return rejection


# The client of each connection that is counted: its handler may change what the scope says.
_counted_as: dict[Channel, str | None] = {}


def _let_out(ws: Channel, gates: tuple[Gate, ...]) -> None:
    client = _counted_as.pop(ws)
    for gate in gates:
        gate.leave(client)


async def absorb(ws: WebSocket[Any, Any], error: BaseException, name: str) -> bool:
    """End the connection as the handler's error says; whether that was all the error is about."""
    only = root(error)
    anothers = is_goodbye(only) and _is_anothers(ws)
    ending = await finish(ws, error)
    if ending.then == "log":
        _log_ending(ws, name, only, ending)
    if anothers:
        _log_anothers(ws, name, ending)
    if anothers or ending.then in {"log", "raise"}:
        watcher = failure_watcher.get()
        if watcher is not None:
            watcher(error if ending.then == "raise" else only, ending)
    return ending.then not in {"cancel", "raise"}


def _is_anothers(ws: WebSocket[Any, Any]) -> bool:
    """Whether a goodbye can't be the connection's own: its peer is there, or its handler closed."""
    info = ws.close_info
    return info is None or (info.by == "server" and ws._dropped is None)


async def _end(ws: Channel, name: str) -> None:
    """End the connection of a handler that has returned."""
    unanswered = state_of(ws) is CONNECTING
    await finish(ws, None)
    if unanswered:
        _log_unanswered(ws, name)


def _log_unanswered(ws: Channel, name: str) -> None:
    log(
        logging.WARNING,
        "unanswered",
        ws.scope,
        ": %s returned without accepting its connection, which was rejected with HTTP 403;"
        ' call accept(), or use "async with ws"',
        name,
        handler=name,
    )


# Their texts are the library's own words and numbers; those of other errors may hold what a handler
# expected, or what a validator of its author's says.
_SAFE = {WebSocketMessageTooBig, WebSocketTimeoutError}


def _log_ending(ws: Channel, name: str, error: BaseException, ending: Ending) -> None:
    log(
        logging.INFO,
        "failed",
        ws.scope,
        ": %s ended its connection: %s (%s)",
        name,
        error if type(error) in _SAFE else ending.reason,
        type(error).__name__,
        handler=name,
        code=ending.code,
    )


def _log_anothers(ws: Channel, name: str, ending: Ending) -> None:
    log(
        logging.WARNING,
        "failed",
        ws.scope,
        ": %s stopped because another connection's peer left",
        name,
        handler=name,
        code=ending.code,
    )
