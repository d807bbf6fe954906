# pyright: reportPrivateUsage=false
"""How a connection is brought to its end by those who run its handler: one by one, or all at once.

What ends it is ``Channel``'s; here is what a handler's end means for it, and in which time.
"""

from __future__ import annotations

from contextlib import suppress

import anyio

from ._channel import CANCELLED_TIMEOUT, CLOSE_TIMEOUT, Channel
from ._ending import RETURNED, Ending, decide
from ._handshake import Rejection
from ._lifecycle import CONNECTING, REJECTED, State
from ._time_limit import in_time
from .closing import code_for_status
from .errors import WebSocketHandshakeError


def state_of(ws: Channel) -> State:
    """The state as of now."""
    ws._look()
    return ws._state


def is_over(ws: Channel) -> bool:
    """Whether it has ended as of now, and nothing is left to send."""
    ws._look()
    return ws._close_info is not None and not ws._owed


def foreign_origin(ws: Channel) -> Rejection | None:
    """Why the handshake's Origin may not connect; for a check before the handler runs."""
    return ws._foreign_origin() if ws._state is CONNECTING else None


async def refuse(ws: Channel, rejection: Rejection) -> None:
    """Refuse a handshake that gets to no handler. Takes 5 seconds at most."""
    with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
        await _turn_away(ws, rejection, code_for_status(rejection.status))


async def finish(ws: Channel, error: BaseException | None) -> Ending:
    """End a connection as its handler ended; done already, if it is over.

    Takes 5 seconds at most, one if cancelled. Cancelled by asyncio itself, which no shield keeps
    off, it sends what is left, and lets the cancellation go on.
    """
    if error is None or isinstance(error, Exception):
        ending = decide(error)
    elif isinstance(error, GeneratorExit):
        return decide(error)  # the coroutine is being thrown away and may not await
    else:
        ending = decide(error, cancelled=anyio.get_cancelled_exc_class())
    if is_over(ws):
        return ending
    try:
        if error is None and ws._open:
            # The way most connections end. A shield costs more than the close: it gets one below,
            # if need be.
            await in_time(CLOSE_TIMEOUT, ws._close(RETURNED.code, RETURNED.reason))
        else:
            timeout = CANCELLED_TIMEOUT if ending.then == "cancel" else CLOSE_TIMEOUT
            with anyio.move_on_after(timeout, shield=True):
                await _carry_out(ws, ending)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(CANCELLED_TIMEOUT, shield=True):
            await ws._send_owed()
        raise
    finally:
        if ws._dropped is None:  # else it is its drain's to send
            ws._owed = None
    return ending


async def _carry_out(ws: Channel, ending: Ending) -> None:
    if ws._owed:
        await ws._send_owed()
        return
    if ws._open:
        await ws._close(ending.code, ending.reason)
        return
    rejection = Rejection(ending.status, ending.body, ending.headers)
    await _turn_away(ws, rejection, ending.code)


async def _turn_away(ws: Channel, rejection: Rejection, code: int) -> None:
    with suppress(WebSocketHandshakeError, anyio.BusyResourceError):
        await ws._receive_connect()
    if ws._state is CONNECTING:
        # A plain close, and unlike a denial response no ERROR in uvicorn's log.
        await ws._refuse(rejection, code=code if rejection.is_plain else None)


# --------------------------------------------------------------------------------- for a drain


def drop(ws: Channel, code: int, reason: str, why: str) -> bool:
    """Count a connection as over, for its handler too; ``hang_up`` tells the peer.

    False where it is over already: its peer is told by whoever ended it.
    """
    ws._look()
    if ws._close_info is not None:
        return False
    ws._drop(code, reason, why)
    return True


async def hang_up(ws: Channel) -> None:
    """Send a dropped connection its close, or its refusal; nothing, if its peer left first."""
    try:
        with suppress(WebSocketHandshakeError):
            with suppress(anyio.BusyResourceError):
                await ws._receive_connect()
            await ws._send_owed()
    finally:
        ws._owed = None
        if ws._state is REJECTED:
            ws._log_rejected(Rejection(503, text=ws._dropped or ""))
        else:
            ws._log_closed()


def free_receiver(ws: Channel) -> None:
    """Wake the handler of a dropped connection, if it waits for a message that can't come."""
    ws._free_receiver()


def is_own(ws: Channel) -> bool:
    """Whether this very task runs the connection's handler."""
    handler = ws._handler()
    return handler is not None and handler.is_current()


def has_handler(ws: Channel) -> bool:
    """Whether router or endpoint runs the connection's handler, and that has not ended."""
    return ws._handling is not None


def cancel_handler(ws: Channel) -> None:
    """Cancel the handler, if router or endpoint runs it."""
    handler = ws._handler()
    if handler is not None:
        handler.cancel()
