# mypy: disable-error-code="var-annotated"
from collections.abc import AsyncIterator

import httpx
import pytest
from httpx_ws import WebSocketDisconnect, WebSocketUpgradeError, aconnect_ws
from httpx_ws.transport import ASGIWebSocketTransport

from tests.comparison.app import app
from tests.comparison.measure import Saw

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=ASGIWebSocketTransport(app)) as client:
        yield client


async def test_a_guest_is_welcomed(client: httpx.AsyncClient) -> None:
    async with aconnect_ws("http://test/sums?token=secret", client) as peer:
        await peer.send_text("HELLO Ada")
        assert await peer.receive_text() == "WELCOME Ada"


async def test_numbers_are_added_up(client: httpx.AsyncClient) -> None:
    async with aconnect_ws("http://test/sums?token=secret", client) as peer:
        await peer.send_text("HELLO Ada")
        assert await peer.receive_text() == "WELCOME Ada"
        await peer.send_text("2")
        assert await peer.receive_text() == "2"
        await peer.send_text("3")
        assert await peer.receive_text() == "5"


async def test_nonsense_is_closed_with_4400(client: httpx.AsyncClient) -> None:
    async with aconnect_ws("http://test/sums?token=secret", client) as peer:
        await peer.send_text("nonsense")
        with pytest.raises(WebSocketDisconnect) as closed:
            await peer.receive_text()
        assert closed.value.code == 4400


async def test_silence_is_closed_with_4408(client: httpx.AsyncClient) -> None:
    async with aconnect_ws("http://test/sums?token=secret", client) as peer:
        with pytest.raises(WebSocketDisconnect) as closed:
            await peer.receive_text()
        assert closed.value.code == 4408


async def test_a_handshake_without_a_token_is_rejected(client: httpx.AsyncClient, saw: Saw) -> None:
    with pytest.raises(WebSocketDisconnect) as rejected:
        async with aconnect_ws("http://test/sums", client):
            pass
    saw(f"close {rejected.value.code}")


async def test_a_banned_guest_is_told(client: httpx.AsyncClient, saw: Saw) -> None:
    with pytest.raises(WebSocketUpgradeError) as rejected:
        async with aconnect_ws("http://test/sums?token=banned", client):
            pass
    saw(f"HTTP {rejected.value.response.status_code}")


async def test_two_clients_talk(client: httpx.AsyncClient) -> None:
    async with aconnect_ws("http://test/chat?name=Ada", client) as ada:
        assert await ada.receive_text() == "Ada joined"
        async with aconnect_ws("http://test/chat?name=Bob", client) as bob:
            assert await ada.receive_text() == "Bob joined"
            assert await bob.receive_text() == "Bob joined"
            for _ in range(10):
                await ada.send_text("hi")
                assert await bob.receive_text() == "Ada: hi"
                assert await ada.receive_text() == "Ada: hi"
                await bob.send_text("hello")
                assert await ada.receive_text() == "Bob: hello"
                assert await bob.receive_text() == "Bob: hello"
        assert await ada.receive_text() == "Bob left"
