"""What type checkers make of messages. Checked, never run.

A line that must be an error carries the comment that silences it, and a comment that silences
nothing is an error itself, under mypy and pyright alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal, assert_type

from pydantic import BaseModel, Field

from websocket_kit import CloseInfo, Sendable, WebSocket


class Join(BaseModel):
    room: str


class Say(BaseModel):
    text: str


class Event(BaseModel):
    text: str


class Shout(Event):
    """A louder one."""


# ------------------------------------------------------------------------------------ receiving


async def receive(ws: WebSocket) -> None:
    assert_type(await ws.receive(), str)
    assert_type(await ws.receive(int), int)
    assert_type(await ws.receive(tp=int), int)
    assert_type(await ws.receive(Join, timeout=1), Join)
    assert_type(await ws.receive(Join | Say), Join | Say)
    assert_type(await ws.receive(tp=Join | Say), Join | Say)
    assert_type(await ws.receive(list[int]), list[int])
    assert_type(await ws.receive(dict), dict[str, Any])
    assert_type(await ws.receive(dict[str, int]), dict[str, int])
    assert_type(await ws.receive(Literal["yes", "no"]), Literal["yes", "no"])
    assert_type(await ws.receive(Annotated[int, Field(gt=0)]), int)
    assert_type(await ws.receive(None), None)
    assert_type(await ws.receive(str | None), str | None)
    await ws.receive(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await ws.receive(int, 1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await ws.receive(timeout="1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


async def receive_typed(ws: WebSocket[Join | Say, Event]) -> None:
    assert_type(await ws.receive(), Join | Say)
    assert_type(await ws.receive(timeout=None), Join | Say)
    assert_type(await ws.receive(str), str)
    async for message in ws:
        assert_type(message, Join | Say)
    async for message in ws.iter():
        assert_type(message, Join | Say)
    async for number in ws.iter(int):
        assert_type(number, int)
    async for either in ws.iter(int | None):
        assert_type(either, int | None)
    async for record in ws.iter(dict):
        assert_type(record, dict[str, Any])
    async for counts in ws.iter(dict[str, int]):
        assert_type(counts, dict[str, int])


# -------------------------------------------------------------------------------------- sending


async def send(ws: WebSocket) -> None:
    await ws.send("text")
    await ws.send(b"bytes")
    await ws.send(5)
    await ws.send(None)
    await ws.send({"a": [1.5, True, None]})
    await ws.send(Event(text="hi"))
    await ws.send(object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.send(print)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def send_typed(ws: WebSocket[str, Event]) -> None:
    await ws.send(Event(text="hi"))
    await ws.send(Shout(text="hi"))
    await ws.send(Say(text="hi"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.send("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -------------------------------------------------------------------------------- conversations


async def converse(ws: WebSocket[Say, Event], event: Event) -> None:
    assert_type(await ws.pair(event), Say)
    assert_type(await ws.pair(event, tp=int), int)
    assert_type(await ws.pair(event, tp=Join | Say, recv_first=True, timeout=1), Join | Say)
    assert_type(await ws.pair(event, tp=dict), dict[str, Any])
    assert_type(await ws.pair(event, tp=dict[str, int]), dict[str, int])
    assert_type(await ws.expect("hi"), None)
    await ws.expect(5, timeout=None)
    await ws.pair("text")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await ws.pair(event, int)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def plain(message: Say) -> Event | None:
    return Event(text=message.text) if message.text else None


async def slow(message: Say) -> Event:
    return Event(text=message.text)


def wrong_in(message: int) -> Event:
    return Event(text=str(message))


def wrong_out(message: Say) -> int:
    return len(message.text)


async def wrong_later(message: Say) -> int:
    return len(message.text)


async def answer(ws: WebSocket[Say, Event]) -> None:
    await ws.answer(plain)
    await ws.answer(slow)
    await ws.answer(lambda message: Event(text=message.text))
    await ws.answer(wrong_in)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.answer(wrong_out)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.answer(wrong_later)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def feed(
    ws: WebSocket[Say, Event], events: AsyncIterator[Shout], texts: AsyncIterator[str]
) -> None:
    await ws.send_each(events)
    await ws.send_each(texts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------------------------- variance


async def only_sends(ws: WebSocket[Any, Event]) -> None:
    await ws.send(Event(text="hi"))


async def only_sends_shouts(ws: WebSocket[Any, Shout]) -> None:
    await ws.send(Shout(text="hi"))


async def only_receives(ws: WebSocket[Join | Say, Any]) -> None:
    assert_type(await ws.receive(), Join | Say)


async def help_each_other(
    narrow: WebSocket[Say, Shout], wide: WebSocket[Join | Say, Event]
) -> None:
    await only_sends(wide)
    await only_sends_shouts(wide)
    await only_receives(narrow)
    await only_receives(wide)
    await only_sends(narrow)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def only_receives_says(ws: WebSocket[Say, Any]) -> None: ...


async def help_too_narrowly(wide: WebSocket[Join | Say, Event]) -> None:
    await only_receives_says(wide)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# ----------------------------------------------------------------------------------- the rest


def state(ws: WebSocket) -> None:
    assert_type(ws.open, bool)
    assert_type(ws.close_info, CloseInfo | None)
    assert_type(ws.subprotocol, str | None)
    assert_type(ws.request.headers["host"], str)
    if ws.close_info is not None:
        assert_type(ws.close_info.code, int | None)
        assert_type(ws.close_info.by, Literal["peer", "server"])


async def handshake(ws: WebSocket) -> None:
    await ws.accept("chat", headers={"x-room": "lobby"})
    await ws.accept(headers=[("x-room", "lobby")])
    await ws.accept(headers=[(b"x-room", b"lobby")])
    await ws.reject(401, body=b"no")
    await ws.accept(headers=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.reject("401")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.close("1000")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def needs_no_return(ws: WebSocket) -> str:
    """A return inside of it is the function's, though it may absorb an exception."""
    async with ws:
        return await ws.receive()


async def enter(ws: WebSocket[Say, Event]) -> None:
    async with ws as entered:
        assert_type(entered, WebSocket[Say, Event])


def sendable(values: Sequence[Sendable]) -> None: ...


sendable(["text", b"bytes", 5, None, {"a": 1}])
