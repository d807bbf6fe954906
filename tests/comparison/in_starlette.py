import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from tests.comparison.app import app
from tests.comparison.measure import Saw

client = TestClient(app)


def test_a_guest_is_welcomed() -> None:
    with client.websocket_connect("/sums?token=secret") as peer:
        peer.send_text("HELLO Ada")
        assert peer.receive_text() == "WELCOME Ada"


def test_numbers_are_added_up() -> None:
    with client.websocket_connect("/sums?token=secret") as peer:
        peer.send_text("HELLO Ada")
        assert peer.receive_text() == "WELCOME Ada"
        peer.send_text("2")
        assert peer.receive_text() == "2"
        peer.send_text("3")
        assert peer.receive_text() == "5"


def test_nonsense_is_closed_with_4400() -> None:
    with client.websocket_connect("/sums?token=secret") as peer:
        peer.send_text("nonsense")
        with pytest.raises(WebSocketDisconnect) as closed:
            peer.receive_text()
        assert closed.value.code == 4400


def test_silence_is_closed_with_4408() -> None:
    with client.websocket_connect("/sums?token=secret") as peer:
        with pytest.raises(WebSocketDisconnect) as closed:
            peer.receive_text()
        assert closed.value.code == 4408


def test_a_handshake_without_a_token_is_rejected(saw: Saw) -> None:
    with pytest.raises(WebSocketDisconnect) as rejected, client.websocket_connect("/sums"):
        pass
    saw(f"close {rejected.value.code}")


def test_a_banned_guest_is_told(saw: Saw) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as rejected,
        client.websocket_connect("/sums?token=banned"),
    ):
        pass
    saw(f"HTTP {rejected.value.status_code}")


def test_two_clients_talk() -> None:
    with client.websocket_connect("/chat?name=Ada") as ada:
        assert ada.receive_text() == "Ada joined"
        with client.websocket_connect("/chat?name=Bob") as bob:
            assert ada.receive_text() == "Bob joined"
            assert bob.receive_text() == "Bob joined"
            for _ in range(10):
                ada.send_text("hi")
                assert bob.receive_text() == "Ada: hi"
                assert ada.receive_text() == "Ada: hi"
                bob.send_text("hello")
                assert ada.receive_text() == "Bob: hello"
                assert bob.receive_text() == "Bob: hello"
        assert ada.receive_text() == "Bob left"
