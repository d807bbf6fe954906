"""Run one handler on one connection and see it to its end.

The router and ``endpoint`` share it: after it the connection is over, and what is left of the
handler's error is either nothing or something worth a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from ._channel import Channel, finish, state_of
from ._lifecycle import State

logger = logging.getLogger("websocket_kit")


async def serve(ws: Channel, running: Awaitable[object], name: str, /) -> None:
    """Await a handler's coroutine, then end its connection as ``_ending`` says.

    Args:
        ws: The handler's connection.
        running: The handler, called.
        name: The handler's name, for the log.

    Raises:
        BaseException: What the handler raised, unless it was about the connection only.
    """
    try:
        await running
    except BaseException as error:
        left_open = state_of(ws) is State.OPEN
        ending = await finish(ws, error)
        if ending.then in {"cancel", "raise"}:
            raise
        if ending.then == "log":
            logger.info("%s ended its connection: %s", name, error)
        elif ending.then == "disconnect" and left_open:
            logger.warning("%s stopped because another connection's peer left: %s", name, error)
    else:
        unanswered = state_of(ws) is State.CONNECTING
        await finish(ws, None)
        if unanswered:
            logger.warning(
                "%s returned without accepting its connection, which was rejected with HTTP 403;"
                ' call accept(), or use "async with ws"',
                name,
            )
