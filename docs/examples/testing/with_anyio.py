"""A test under anyio's pytest plugin, on both event loops, in virtual time."""

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from websocket_kit import WebSocket
from websocket_kit.testing import Peer, backend, connect

pytestmark = pytest.mark.anyio


async def echo(ws: WebSocket) -> None:
    """Send back what comes, a minute later."""
    async with ws:
        async for message in ws:
            await anyio.sleep(60)
            await ws.send(message)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops, in virtual time."""
    return backend(request.param)


@pytest.fixture
async def peer() -> AsyncGenerator[Peer]:
    """A peer of the handler, connected."""
    async with connect(echo, timeout=61) as peer:
        yield peer


async def test_what_is_said_comes_back_a_minute_later(peer: Peer) -> None:
    await peer.send("hi")
    await peer.expect_nothing(within=59)
    await peer.expect("hi")
