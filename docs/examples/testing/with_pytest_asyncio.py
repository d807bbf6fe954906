"""A test under pytest-asyncio."""

from collections.abc import AsyncGenerator

import anyio
import pytest
import pytest_asyncio

from websocket_kit import WebSocket
from websocket_kit.testing import Peer, connect


async def echo(ws: WebSocket) -> None:
    """Send back what comes, a minute later."""
    async with ws:
        async for message in ws:
            await anyio.sleep(60)
            await ws.send(message)


@pytest_asyncio.fixture
async def peer() -> AsyncGenerator[Peer]:
    """A peer of the handler, connected."""
    async with connect(echo, timeout=61) as peer:
        yield peer


@pytest.mark.asyncio
async def test_what_is_said_comes_back_a_minute_later(peer: Peer) -> None:
    await peer.send("hi")
    await peer.expect_nothing(within=59)
    await peer.expect("hi")
