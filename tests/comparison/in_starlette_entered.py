"""The chat with Starlette's client entered, which gives its connections one event loop."""

from starlette.testclient import TestClient

from tests.comparison.app import app


def test_two_clients_talk() -> None:
    with TestClient(app) as client, client.websocket_connect("/chat?name=Ada") as ada:
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
