"""``expect`` of a value, a type, an expression, a function; ``expect_nothing``."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Optional, Union
from unittest.mock import ANY

import anyio
import pytest
from anyio import current_time, sleep
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from websocket_kit import CloseInfo, WebSocket, WebSocketDisconnectError
from websocket_kit.testing import ExpectationFailed, Peer, WaitTimeout, connect

pytestmark = pytest.mark.anyio

# More than a failure shows.
NAMES = [f"user{number}" for number in range(30)]


@dataclass(eq=False)
class Unequal:
    """Never equal to another."""

    names: list[str]


class Point(BaseModel):
    x: int


@dataclass
class Pair:
    left: int
    right: int


class Answer(Enum):
    YES = "yes"


class Matcher:
    """A function that is an object."""

    def __call__(self, message: str) -> bool:
        return message == "hi"


UserId = NewType("UserId", int)
Numbers = TypeAliasType("Numbers", list[int])


async def repeat(scope: Any, receive: Any, send: Any) -> None:
    """An echo that leaves text text, and bytes bytes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


async def say_after(ws: WebSocket, seconds: float, message: str = "now") -> None:
    async with ws:
        await sleep(seconds)
        await ws.send(message)
        await ws.receive()


# ------------------------------------------------------------------------------------- a message


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("hi", "hi"),
        (b"hi", b"hi"),
        (b"hi", bytearray(b"hi")),
        (b"hi", memoryview(b"hi")),
        ("5", 5),
        ("true", True),
        ("null", None),
        ("1.5", 1.5),
        ("[1, 2]", [1, 2]),
        ('{"x": 1}', {"x": 1}),
        ('{"x": 1}', Point(x=1)),
        ('{"left": 1, "right": 2}', Pair(1, 2)),
        ("yes", Answer.YES),
        (Answer.YES, Answer.YES),  # which goes as JSON
    ],
    ids=lambda value: "memoryview" if isinstance(value, memoryview) else repr(value),
)
async def test_a_value_is_equal_to_the_message(message: Any, value: Any) -> None:
    async with connect(repeat) as peer:
        await peer.send(message)
        assert await peer.expect(value) is None


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("hi", "ho"),
        ("5", 6),
        ("five", 5),
        ('{"x": 2}', Point(x=1)),
        ('{"y": 1}', Point(x=1)),
        ("no", Answer.YES),
        ("{}", None),
    ],
    ids=repr,
)
async def test_another_value_fails(message: Any, value: Any) -> None:
    async with connect(repeat) as peer:
        await peer.send(message)
        with pytest.raises(ExpectationFailed) as caught:
            await peer.expect(value)
        assert caught.value.expected is value
        assert caught.value.received == message


TYPES: list[tuple[str, Any, Any]] = [
    ("hi", str, "hi"),
    ("5", int, 5),
    ('{"x": 1}', dict, {"x": 1}),
    ('{"x": 1}', Point, Point(x=1)),
    ('{"x": 1}', Point | Pair, Point(x=1)),
    ('{"x": 1}', Union[Point, Pair], Point(x=1)),  # noqa: UP007 - the old way to write it
    ("null", Optional[int], None),  # noqa: UP045 - the same
    ("[1]", list[int], [1]),
    ("[1]", Numbers, [1]),
    ("yes", Literal["yes"], "yes"),
    ("yes", Answer, Answer.YES),
    ("5", Annotated[int, Field(gt=4)], 5),
    ("5", UserId, 5),
    ("[1, {}]", Any, [1, {}]),
]


@pytest.mark.parametrize(("message", "tp", "result"), TYPES, ids=repr)
async def test_of_a_type_the_cast_message_is_returned(message: str, tp: Any, result: Any) -> None:
    async with connect(repeat) as peer:
        await peer.send(message)
        assert await peer.expect(tp) == result


async def test_a_message_of_another_type_fails_and_says_why() -> None:
    async with connect(repeat) as peer:
        await peer.send('{"x": "north"}')
        with pytest.raises(ExpectationFailed, match="x: Input should be a valid integer") as caught:
            await peer.expect(Point)
        assert caught.value.expected is Point
        assert caught.value.received == '{"x": "north"}'


async def test_of_an_expression_the_match_is_returned() -> None:
    async with connect(repeat) as peer:
        await peer.send("hello, Ada")
        match = await peer.expect(re.compile(r"hello, (?P<name>\w+)"))
        assert match["name"] == "Ada"


async def test_an_expression_is_searched_in_binary_messages_too() -> None:
    async with connect(repeat) as peer:
        await peer.send(b"hello, Ada")
        await peer.expect(re.compile("Ada$"))
        await peer.send(b"\xff")
        with pytest.raises(ExpectationFailed):
            await peer.expect(re.compile("Ada"))


async def test_an_expression_may_be_of_bytes() -> None:
    async with connect(repeat) as peer:
        await peer.send(b"\xff\x00\x01")
        match = await peer.expect(re.compile(rb"\xff(.)"))
        assert match[1] == b"\x00"
        await peer.send("hello, Ada")
        await peer.expect(re.compile(b"Ada$"))


async def test_of_a_function_the_message_is_returned() -> None:
    async with connect(repeat) as peer:
        await peer.send(b"\x00\x01")
        assert await peer.expect(lambda message: len(message) == 2) == b"\x00\x01"
        await peer.send("hi")
        assert await peer.expect(Matcher()) == "hi"


async def test_what_a_function_raises_is_the_tests_own() -> None:
    def broken(_: str) -> bool:
        raise KeyError

    async with connect(repeat) as peer:
        await peer.send("hi")
        with pytest.raises(KeyError) as caught:
            await peer.expect(broken)
    (note,) = caught.value.__notes__
    what, handler, *transcript = note.splitlines()
    assert what == (
        "expected a message that broken() is true of, received 'hi'; checking it raised this"
    )
    assert handler.startswith("handler: running at ")
    assert transcript[-1] == "    0.000 < hi"


async def test_an_async_function_is_refused() -> None:
    async def check(_: str) -> bool:
        return False

    async with connect(repeat) as peer:
        with pytest.raises(TypeError, match=r"a plain function, and check\(\) is async"):
            await peer.expect(check)


@pytest.mark.parametrize(
    ("message", "value", "where"),
    [
        (
            "a" * 99 + "bc",
            "a" * 99 + "dc",
            ["(the same for 99 characters, then 'dc' expected, 'bc' received)"],
        ),
        ("a" * 99, "a" * 100, ["(the same for 99 characters, then 'a' expected, '' received)"]),
        (b"a" * 99, b"a" * 98, ["(the same for 98 characters, then b'' expected, b'a' received)"]),
        (
            {"users": [*NAMES, "zz"]},
            {"users": [*NAMES, "yy"]},
            ["(different at $.users[30]: 'yy' expected, 'zz' received)"],
        ),
        (NAMES, [*NAMES, "yy"], ["(different at $[30]: 'yy' expected, nothing received)"]),
        (
            {"names": NAMES, "in a room": 1},
            {"names": NAMES, "in a room": 2},
            ["(different at $['in a room']: 2 expected, 1 received)"],
        ),
        (
            {"names": NAMES, "one": 1},
            {"names": NAMES},
            ["(different at $.one: nothing expected, 1 received)"],
        ),
        (
            {"k" * 300: 1},
            {"k" * 300: 2},
            [f"(different at …{'k' * 200}: 2 expected, 1 received)"],
        ),
        # Nothing to tell: it is short, or the same as JSON, or no JSON itself.
        ({"a": 1}, {"a": 2}, []),
        (Unequal(NAMES), Unequal(NAMES), []),
        ({"names": NAMES, "one": 1}, {"names": NAMES, "one": 2, "other": ANY}, []),
        ("a" * 79 + "b", "a" * 79 + "c", []),
        ("a" * 99, b"a" * 98, []),
    ],
)
async def test_long_texts_that_begin_alike_are_told_apart(
    message: Any, value: Any, where: list[str]
) -> None:
    async with connect(repeat) as peer:
        await peer.send(message)
        with pytest.raises(ExpectationFailed) as caught:
            await peer.expect(value)
    assert re.findall(r"\(.*\)", caught.value.what) == where


async def test_a_message_that_failed_is_used_up() -> None:
    async with connect(repeat) as peer:
        await peer.send("one")
        await peer.send("two")
        with pytest.raises(ExpectationFailed):
            await peer.expect("two")
        await peer.expect("two")


async def test_a_close_is_told_as_to_receive() -> None:
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4001, "enough")

    async with connect(close) as peer:
        with pytest.raises(WebSocketDisconnectError) as caught:
            await peer.expect("hi")
        assert (caught.value.code, caught.value.reason) == (4001, "enough")


# -------------------------------------------------------------------------------------- silence


async def test_silence_is_proved_without_waiting() -> None:
    async with connect(repeat) as peer:
        await peer.expect_nothing()
    assert current_time() == 0


async def test_silence_takes_virtual_time() -> None:
    async with connect(say_after, seconds=5) as peer:
        await peer.expect_nothing(within=4.9)
        assert current_time() == pytest.approx(4.9)
        await peer.expect("now")
        assert current_time() == pytest.approx(5)


async def test_a_message_within_the_time_is_no_silence_and_not_used_up() -> None:
    async with connect(say_after, seconds=0.5) as peer:
        with pytest.raises(ExpectationFailed):
            await peer.expect_nothing(within=1)
        assert current_time() == pytest.approx(0.5)
        await peer.expect("now")


async def test_a_message_at_the_very_end_is_within_the_time() -> None:
    async with connect(say_after, seconds=1) as peer:
        with pytest.raises(ExpectationFailed):
            await peer.expect_nothing(within=1)
        await peer.expect("now")


async def test_a_message_on_its_way_is_no_silence() -> None:
    async def think(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            await ws.send("well")

    async with connect(think) as peer:
        await peer.send("?")
        with pytest.raises(ExpectationFailed):
            await peer.expect_nothing()
        await peer.expect("well")


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_message_behind_callbacks_is_no_silence() -> None:
    loop = asyncio.get_running_loop()
    news: asyncio.Future[str] = loop.create_future()

    async def relay(ws: WebSocket) -> None:
        async with ws:
            await ws.send(await news)

    async with connect(relay) as peer:
        await peer.expect_nothing()
        loop.call_soon(loop.call_soon, news.set_result, "news")
        with pytest.raises(ExpectationFailed):
            await peer.expect_nothing()
        await peer.expect("news")


async def test_the_handlers_close_is_no_silence() -> None:
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        await sleep(0.5)
        await ws.close(4001)

    async with connect(close) as peer:
        await peer.expect_nothing()
        with pytest.raises(ExpectationFailed) as caught:
            await peer.expect_nothing(within=1)
        assert caught.value.received == CloseInfo(4001, "", "server")
        await peer.expect_close(4001)


async def test_after_a_close_that_was_expected_there_is_silence() -> None:
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()

    async with connect(close) as peer:
        await peer.expect_close(1000)
        await peer.expect_nothing(within=1)


async def test_after_its_own_close_a_peer_meets_silence() -> None:
    async with connect(repeat) as peer:
        await peer.close()
        await peer.expect_nothing(within=1)


async def test_a_bad_time_is_refused() -> None:
    async with connect(repeat) as peer:
        with pytest.raises(ValueError, match="0 seconds or more"):
            await peer.expect_nothing(-1)


async def test_two_tasks_may_wait_for_the_same_peer() -> None:
    received: list[str] = []

    async def read(peer: Peer) -> None:
        received.append(await peer.receive())

    async with connect(repeat) as peer, anyio.create_task_group() as tasks:
        tasks.start_soon(read, peer)
        tasks.start_soon(read, peer)
        await peer.send("one")
        await peer.send("two")
    assert sorted(received) == ["one", "two"]


async def test_two_tasks_may_both_prove_silence() -> None:
    async with connect(repeat) as peer, anyio.create_task_group() as tasks:
        tasks.start_soon(peer.expect_nothing)
        tasks.start_soon(peer.expect_nothing)


async def test_a_wait_for_a_value_that_does_not_come_holds_it() -> None:
    async with connect(repeat) as peer:
        with pytest.raises(WaitTimeout) as caught:
            await peer.expect(5)
        assert caught.value.expected == "5"
        assert caught.value.received == "nothing"
