from typing import Any

import pytest

from tests.comparison.app import app
from tests.comparison.measure import Saw
from websocket_kit.testing import HandshakeRejected, backend, connect

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return backend("asyncio")


async def test_a_guest_is_welcomed() -> None:
    async with connect(app, "/sums?token=secret") as peer:
        assert await peer.pair("HELLO Ada") == "WELCOME Ada"


async def test_numbers_are_added_up() -> None:
    async with connect(app, "/sums?token=secret") as peer:
        assert await peer.pair("HELLO Ada") == "WELCOME Ada"
        assert await peer.pair("2") == "2"
        assert await peer.pair("3") == "5"


async def test_nonsense_is_closed_with_4400() -> None:
    async with connect(app, "/sums?token=secret") as peer:
        await peer.send("nonsense")
        await peer.expect_close(4400)


async def test_silence_is_closed_with_4408() -> None:
    async with connect(app, "/sums?token=secret") as peer:
        await peer.expect_close(4408, timeout=6)


async def test_a_handshake_without_a_token_is_rejected(saw: Saw) -> None:
    with pytest.raises(HandshakeRejected) as rejected:
        async with connect(app, "/sums"):
            pass
    saw(f"HTTP {rejected.value.status}")


async def test_a_banned_guest_is_told(saw: Saw) -> None:
    with pytest.raises(HandshakeRejected) as rejected:
        async with connect(app, "/sums?token=banned"):
            pass
    saw(f"HTTP {rejected.value.status}")


async def test_two_clients_talk() -> None:
    async with connect(app, "/chat?name=Ada") as ada:
        await ada.expect("Ada joined")
        async with connect(app, "/chat?name=Bob") as bob:
            await ada.expect("Bob joined")
            await bob.expect("Bob joined")
            for _ in range(10):
                await ada.send("hi")
                await bob.expect("Ada: hi")
                await ada.expect("Ada: hi")
                await bob.send("hello")
                await ada.expect("Bob: hello")
                await bob.expect("Bob: hello")
        await ada.expect("Bob left")
