"""The chat, tested below /chat where the app has it: ``pytest docs/examples/chat``."""

from typing import Any

import pytest

from docs.examples.chat.app import app
from websocket_kit import CloseCode
from websocket_kit.testing import HandshakeRejected, backend, connect

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops, in virtual time."""
    return backend(request.param)


async def test_who_comes_is_welcomed() -> None:
    async with connect(app, "/chat/rooms/lobby?name=Ada") as ada:
        await ada.expect({"type": "welcome", "you": "Ada", "here": ["Ada"]})


async def test_two_of_one_name_get_two_names() -> None:
    async with (
        connect(app, "/chat/rooms/lobby?name=Ada", strict=False),
        connect(app, "/chat/rooms/lobby?name=Ada") as second,
    ):
        await second.expect({"type": "welcome", "you": "Ada 2", "here": ["Ada", "Ada 2"]})


async def test_two_talk() -> None:
    async with connect(app, "/chat/rooms/lobby?name=Ada") as ada:
        await ada.expect(dict)
        async with connect(app, "/chat/rooms/lobby?name=Bob") as bob:
            await ada.play('< {"type": "joined", "name": "Bob"}')
            await bob.play("""
                < {"type": "welcome", "you": "Bob", "here": ["Ada", "Bob"]}
                > {"type": "say", "text": "hello"}
                < {"type": "said", "name": "Bob", "text": "hello"}
            """)
            await ada.play('< {"type": "said", "name": "Bob", "text": "hello"}')
        await ada.play('< {"type": "left", "name": "Bob"}')


async def test_a_member_whose_network_fails_leaves_too() -> None:
    async with (
        connect(app, "/chat/rooms/lobby?name=Ada") as ada,
        connect(app, "/chat/rooms/lobby?name=Bob", strict=False) as bob,
    ):
        await ada.expect(dict)
        await ada.expect({"type": "joined", "name": "Bob"})
        bob.drop()
        await ada.expect({"type": "left", "name": "Bob"})


async def test_who_reads_too_slowly_is_let_go_and_the_others_are_not_held_up() -> None:
    async with (
        connect(app, "/chat/rooms/lobby?name=Ada") as ada,
        connect(app, "/chat/rooms/lobby?name=Bob", strict=False) as bob,
    ):
        await ada.expect(dict)
        await ada.expect({"type": "joined", "name": "Bob"})
        bob.stall()
        for number in range(100):
            await ada.send({"type": "say", "text": str(number)})
        heard = [await ada.receive(tp=dict) for _ in range(101)]
        assert {"type": "left", "name": "Bob"} in heard
        bob.resume()
        async for _ in bob:
            pass
        assert bob.close_info is not None
        assert bob.close_info.code == CloseCode.TRY_AGAIN_LATER


async def test_what_is_no_message_closes_with_1007() -> None:
    async with connect(app, "/chat/rooms/lobby?name=Ada") as ada:
        await ada.expect(dict)
        await ada.send({"type": "shout", "text": "hello"})
        await ada.expect_close(1007)


async def test_a_room_with_a_bad_name_is_refused() -> None:
    with pytest.raises(HandshakeRejected) as rejected:
        async with connect(app, "/chat/rooms/a%20b"):
            pass
    assert rejected.value.status == 400
