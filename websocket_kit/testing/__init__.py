"""Test WebSocket handlers in memory, on the test's own event loop, with no server and no sleeping.

    async def test_echo():
        async with connect(echo) as peer:
            await peer.send("hi")
            await peer.expect("hi")

``connect`` takes a handler, a route, a router or any ASGI app, and gives a ``Peer``. It needs no
pytest plugin but the one that runs async tests: anyio's, pytest-asyncio or pytest-trio. ``backend``
gives an ``anyio_backend`` fixture virtual time, ``run`` does without a plugin.
"""

from ._connect import connect
from ._lifespan import lifespan
from .failures import (
    ExpectationFailed,
    HandlerClosed,
    HandshakeRejected,
    LeftOver,
    WaitTimeout,
)
from .peer import Peer
from .transcript import Record, Transcript
from .virtual_time import backend, run

__all__ = [
    "ExpectationFailed",
    "HandlerClosed",
    "HandshakeRejected",
    "LeftOver",
    "Peer",
    "Record",
    "Transcript",
    "WaitTimeout",
    "backend",
    "connect",
    "lifespan",
    "run",
]
