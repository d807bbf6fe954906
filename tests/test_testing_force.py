"""Handlers that no cancellation ends: the test fails and is over, and so is its event loop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import anyio
import pytest
from anyio import CancelScope, sleep, sleep_forever
from anyio.lowlevel import checkpoint

from websocket_kit import WebSocket
from websocket_kit.testing import LeftOver, WaitTimeout, connect, lifespan, run

Name = Literal["asyncio", "trio"]
on_both = pytest.mark.parametrize("name", ["asyncio", "trio"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_kit.testing.virtual_time.PATIENCE", 0.1)


async def on_and_on() -> None:
    """Goes on, whatever it is told."""
    while True:
        with suppress(BaseException):
            await sleep(1)


async def shielded() -> None:
    with CancelScope(shield=True):
        await sleep_forever()


async def shielded_on_and_on() -> None:
    while True:
        with suppress(BaseException):
            await shielded()


async def spinning_on_and_on() -> None:
    while True:
        with suppress(BaseException):
            await checkpoint()


async def with_children() -> None:
    async with anyio.create_task_group() as tasks:
        for child in (on_and_on, shielded, shielded_on_and_on):
            tasks.start_soon(child)
        await on_and_on()


async def with_children_only() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(on_and_on)
        tasks.start_soon(shielded)


STUBBORN = [
    on_and_on,
    shielded,
    shielded_on_and_on,
    spinning_on_and_on,
    with_children,
    with_children_only,
]


@on_both
@pytest.mark.parametrize("stay", STUBBORN)
def test_a_handler_that_will_not_be_cancelled_fails_the_test(
    name: Name, stay: Callable[[], Awaitable[None]]
) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await stay()

    async def test() -> None:
        async with connect(handler):
            pass

    with pytest.raises(LeftOver) as caught:
        run(test, backend=name)
    problems: Any = caught.value.received
    assert problems[0].startswith(
        "the handler has not ended 1 s after its peer left; it is running"
    )
    assert problems[1] == "nor has it when it was cancelled, and had to be cut off"


@on_both
@pytest.mark.parametrize("stay", STUBBORN)
def test_nor_does_one_that_answers_no_handshake_keep_the_test_up(
    name: Name, stay: Callable[[], Awaitable[None]]
) -> None:
    async def handler(_: WebSocket) -> None:
        await stay()

    async def test() -> None:
        async with connect(handler):
            pass

    with pytest.raises(WaitTimeout, match="for the handler to answer the handshake"):
        run(test, backend=name)


@on_both
def test_nor_does_a_lifespan(name: Name) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await on_and_on()

    async def test() -> None:
        async with lifespan(app):
            pass

    with pytest.raises(TimeoutError, match="the app has not answered lifespan"):
        run(test, backend=name)


@on_both
def test_what_is_shielded_is_cancelled_in_the_end_and_cleans_up(name: Name) -> None:
    steps: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await shielded()
        finally:
            steps.append("cleaned up")

    async def test() -> None:
        async with connect(handler, strict=False):
            pass
        assert steps == ["cleaned up"]

    run(test, backend=name)


@on_both
def test_the_next_connection_is_as_good_as_ever(name: Name) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await on_and_on()

    async def echo(ws: WebSocket) -> None:
        async with ws:
            async for message in ws:
                await ws.send(message)

    async def test() -> None:
        async with connect(handler, strict=False):
            pass
        async with connect(echo) as peer:
            assert await peer.pair("hi") == "hi"
            await peer.expect_nothing(within=5)

    run(test, backend=name)


@on_both
def test_even_the_interpreter_ends(name: Name) -> None:
    code = f"""
import asyncio, anyio
from websocket_kit.testing import LeftOver, connect, run

async def on_and_on():
    while True:
        try:
            await anyio.sleep(1)
        except BaseException:
            pass

async def handler(ws):
    await ws.accept()
    if {name!r} == "asyncio":
        asyncio.create_task(on_and_on())
    else:
        await on_and_on()

async def test():
    async with connect(handler):
        pass

try:
    run(test, backend={name!r})
except LeftOver as error:
    print(error.what.splitlines()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stderr == ""
    assert done.stdout == "something is left of the connection to '/' (strict=False allows it):\n"
