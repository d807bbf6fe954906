"""A test under pytest-trio, in virtual time."""

from collections.abc import AsyncGenerator

import anyio
import pytest
from trio.testing import MockClock

from websocket_kit import WebSocket
from websocket_kit.testing import Peer, connect


async def echo(ws: WebSocket) -> None:
    """Send back what comes, a minute later."""
    async with ws:
        async for message in ws:
            await anyio.sleep(60)
            await ws.send(message)


@pytest.fixture
async def peer() -> AsyncGenerator[Peer]:
    """A peer of the handler, connected."""
    async with connect(echo, timeout=61) as peer:
        yield peer


@pytest.mark.trio
async def test_what_is_said_comes_back_a_minute_later(
    peer: Peer, autojump_clock: MockClock
) -> None:
    """``autojump_clock`` is pytest-trio's own virtual time: each test that wants it takes it."""
    await peer.send("hi")
    await peer.expect_nothing(within=59)
    await peer.expect("hi")
