"""A handler while it runs, and cancelling it from outside."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import current_time, get_cancelled_exc_class, sleep, sleep_forever

from websocket_kit._handling import Handling, OnAsyncio, OnTrio

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.anyio


@contextmanager
def handling() -> Generator[Handling]:
    """What is inside is a handler, run as the router runs it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        with anyio.CancelScope() as scope:
            yield OnTrio(scope)
        return
    assert task is not None
    running = OnAsyncio(task)
    try:
        yield running
    except BaseException as error:
        if not running.end(error):
            raise
    else:
        running.end(None)


async def cancel_later(running: Handling, seconds: float = 1) -> None:
    await sleep(seconds)
    running.cancel()


def asyncio_only(anyio_backend_name: str) -> bool:
    return anyio_backend_name == "asyncio"


async def test_a_handler_that_ends_by_itself_is_left_alone() -> None:
    with handling():
        await sleep(1)
    assert current_time() > 0


async def test_a_handlers_error_comes_out() -> None:
    with pytest.raises(ZeroDivisionError), handling():
        raise ZeroDivisionError


async def test_a_handler_that_is_cancelled_ends_there_and_its_task_goes_on() -> None:
    start = current_time()
    async with anyio.create_task_group() as tasks:
        with handling() as running:
            tasks.start_soon(cancel_later, running)
            await sleep_forever()
        await sleep(1)
    assert current_time() - start == pytest.approx(2)


async def test_the_task_of_a_handler_that_was_cancelled_is_as_it_was(
    anyio_backend_name: str,
) -> None:
    async with anyio.create_task_group() as tasks:
        with handling() as running:
            tasks.start_soon(cancel_later, running)
            await sleep_forever()
    if asyncio_only(anyio_backend_name):
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_an_error_while_it_is_cancelled_comes_out_and_the_task_is_as_it_was() -> None:
    async with anyio.create_task_group() as tasks:
        with pytest.raises(ZeroDivisionError), handling() as running:
            tasks.start_soon(cancel_later, running)
            try:
                await sleep_forever()
            finally:
                raise ZeroDivisionError
        await sleep(1)


async def test_the_cancellation_of_another_goes_on() -> None:
    with anyio.move_on_after(1) as outer:
        with handling():
            await sleep_forever()
        pytest.fail("it went on")
    assert outer.cancelled_caught


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_servers_cancellation_goes_on_though_this_one_comes_too() -> None:
    async def run(started: asyncio.Future[Handling]) -> None:
        with handling() as running:
            started.set_result(running)
            await sleep_forever()

    started: asyncio.Future[Handling] = asyncio.Future()
    task = asyncio.create_task(run(started))
    running = await started
    running.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_it_knows_the_task_that_runs_it() -> None:
    others: list[bool] = []

    async def look(running: Handling) -> None:
        others.append(running.is_current())

    async with anyio.create_task_group() as tasks:
        with handling() as running:
            assert running.is_current()
            tasks.start_soon(look, running)
            await sleep(1)
    assert others == [False]


async def test_it_does_not_cancel_the_task_that_asks_for_it() -> None:
    went_on = False
    with handling() as running:
        running.cancel()
        await sleep(1)
        went_on = True
    assert went_on


async def end_as(taken: list[bool], running: Handling, error: BaseException) -> None:
    taken.append(running.take_back(error))


async def test_on_asyncio_what_waits_may_take_the_cancellation_back(
    anyio_backend_name: str,
) -> None:
    went_on = False
    async with anyio.create_task_group() as tasks:
        with handling() as running:
            tasks.start_soon(cancel_later, running)
            try:
                await sleep_forever()
            except get_cancelled_exc_class() as error:
                taken = running.take_back(error)
                assert taken is asyncio_only(anyio_backend_name)
                if not taken:
                    raise
            await sleep(1)
            went_on = True
    assert went_on is asyncio_only(anyio_backend_name)


async def test_what_is_no_cancellation_from_here_cannot_be_taken_back() -> None:
    with handling() as running:
        assert not running.take_back(ZeroDivisionError())
        assert not running.take_back(asyncio.CancelledError())


async def test_another_task_cannot_take_it_back() -> None:
    taken: list[bool] = []
    async with anyio.create_task_group() as tasks:
        with handling() as running:
            tasks.start_soon(end_as, taken, running, asyncio.CancelledError())
            await sleep(1)
    assert taken == [False]


async def test_it_can_be_cancelled_twice() -> None:
    async with anyio.create_task_group() as tasks:
        with handling() as running:
            tasks.start_soon(cancel_later, running, 1)
            tasks.start_soon(cancel_later, running, 1)
            await sleep_forever()
        await sleep(1)
