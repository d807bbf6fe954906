import pytest
from channels.testing import WebsocketCommunicator

from tests.comparison.app import app
from tests.comparison.measure import Saw

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_guest_is_welcomed() -> None:
    peer = WebsocketCommunicator(app, "/sums?token=secret")
    await peer.connect()
    await peer.send_to("HELLO Ada")
    assert await peer.receive_from() == "WELCOME Ada"
    await peer.disconnect()


async def test_numbers_are_added_up() -> None:
    peer = WebsocketCommunicator(app, "/sums?token=secret")
    await peer.connect()
    await peer.send_to("HELLO Ada")
    assert await peer.receive_from() == "WELCOME Ada"
    await peer.send_to("2")
    assert await peer.receive_from() == "2"
    await peer.send_to("3")
    assert await peer.receive_from() == "5"
    await peer.disconnect()


async def test_nonsense_is_closed_with_4400() -> None:
    peer = WebsocketCommunicator(app, "/sums?token=secret")
    await peer.connect()
    await peer.send_to("nonsense")
    assert (await peer.receive_output())["code"] == 4400
    await peer.wait()


async def test_silence_is_closed_with_4408() -> None:
    peer = WebsocketCommunicator(app, "/sums?token=secret")
    await peer.connect()
    assert (await peer.receive_output(timeout=6))["code"] == 4408
    await peer.wait()


async def test_a_handshake_without_a_token_is_rejected(saw: Saw) -> None:
    peer = WebsocketCommunicator(app, "/sums")
    accepted, code = await peer.connect()
    assert not accepted
    saw(f"close {code}")
    await peer.wait()


async def test_a_banned_guest_is_told(saw: Saw) -> None:
    peer = WebsocketCommunicator(app, "/sums?token=banned")
    with pytest.raises(AssertionError):
        await peer.connect()
    saw("a bare AssertionError")


async def test_two_clients_talk() -> None:
    ada = WebsocketCommunicator(app, "/chat?name=Ada")
    await ada.connect()
    assert await ada.receive_from() == "Ada joined"
    bob = WebsocketCommunicator(app, "/chat?name=Bob")
    await bob.connect()
    assert await ada.receive_from() == "Bob joined"
    assert await bob.receive_from() == "Bob joined"
    for _ in range(10):
        await ada.send_to("hi")
        assert await bob.receive_from() == "Ada: hi"
        assert await ada.receive_from() == "Ada: hi"
        await bob.send_to("hello")
        assert await ada.receive_from() == "Bob: hello"
        assert await bob.receive_from() == "Bob: hello"
    await bob.disconnect()
    assert await ada.receive_from() == "Bob left"
    await ada.disconnect()
