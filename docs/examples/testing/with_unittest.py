"""Tests in a ``unittest.TestCase``: ``run`` gives each an event loop in virtual time."""

import unittest

import anyio

from websocket_kit import WebSocket
from websocket_kit.testing import connect, run


async def echo(ws: WebSocket) -> None:
    """Send back what comes, a minute later."""
    async with ws:
        async for message in ws:
            await anyio.sleep(60)
            await ws.send(message)


class TestEcho(unittest.TestCase):
    """One test for each event loop."""

    def test_on_asyncio(self) -> None:
        """``run`` takes an async function and its arguments."""
        run(self.what_is_said_comes_back, "hi")

    def test_on_trio(self) -> None:
        """The same on the other event loop."""
        run(self.what_is_said_comes_back, "hi", backend="trio")

    async def what_is_said_comes_back(self, message: str) -> None:
        """What both run."""
        async with connect(echo, timeout=61) as peer:
            await peer.send(message)
            await peer.expect_nothing(within=59)
            await peer.expect(message)
