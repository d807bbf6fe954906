"""A time limit for one call, which costs nothing where the call doesn't wait."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever

from websocket_kit._time_limit import asyncio_task, in_time

pytestmark = pytest.mark.anyio


def check_task_is_as_it_was() -> None:
    task = asyncio_task()
    assert task is None or task.cancelling() == 0


async def test_a_call_that_does_not_wait_is_made() -> None:
    made: list[str] = []

    async def call() -> None:
        made.append("it")

    await in_time(1, call())
    assert made == ["it"]


async def test_a_call_that_waits_and_ends_in_time_is_left_alone() -> None:
    start = current_time()

    async def call() -> None:
        for _ in range(3):
            await sleep(0.1)

    await in_time(1, call())
    assert current_time() - start == pytest.approx(0.3)
    await sleep(2)  # the limit has gone with the call


async def test_a_call_that_takes_longer_is_cancelled_and_its_task_goes_on() -> None:
    start = current_time()
    await in_time(1, sleep_forever())
    check_task_is_as_it_was()
    await sleep(1)
    assert current_time() - start == pytest.approx(2)


async def test_what_a_call_does_about_its_cancellation_is_done() -> None:
    done: list[str] = []

    async def call() -> None:
        try:
            await sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await sleep(1)
            done.append("it")

    await in_time(1, call())
    assert done == ["it"]
    check_task_is_as_it_was()


@pytest.mark.parametrize("seconds", [0, 0.5])
async def test_an_error_of_the_call_comes_out(seconds: float) -> None:
    async def call() -> None:
        if seconds:
            await sleep(seconds)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_time(1, call())


async def test_an_error_in_place_of_the_cancellation_comes_out() -> None:
    async def call() -> None:
        try:
            await sleep_forever()
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_time(1, call())
    check_task_is_as_it_was()
    await sleep(1)


async def test_an_error_in_the_call_can_be_handled_there() -> None:
    async def call() -> None:
        with anyio.move_on_after(0.5):
            await sleep_forever()
        await sleep(0.1)

    start = current_time()
    await in_time(1, call())
    assert current_time() - start == pytest.approx(0.6)


async def test_the_cancellation_of_another_goes_on() -> None:
    with anyio.move_on_after(1) as outer:
        await in_time(5, sleep_forever())
        pytest.fail("it went on")
    assert outer.cancelled_caught
    check_task_is_as_it_was()
    await sleep(10)


async def test_a_scope_that_the_call_has_opened_when_it_waits_ends_before_the_limit_does() -> None:
    async def call() -> None:
        with anyio.move_on_after(3) as inner:
            await sleep_forever()
        assert not inner.cancelled_caught

    await in_time(1, call())
    check_task_is_as_it_was()


async def test_the_cancellation_of_another_at_the_very_moment_is_not_lost() -> None:
    start = current_time()
    with anyio.move_on_after(1) as outer:
        await in_time(1, sleep_forever())
        await sleep(5)
    assert outer.cancelled_caught
    assert current_time() - start == pytest.approx(1)
    check_task_is_as_it_was()
    await sleep(1)


async def test_a_cancellation_of_the_task_at_the_very_moment_is_not_lost() -> None:
    task = asyncio_task()
    if task is not None:
        asyncio.get_running_loop().call_later(1, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await in_time(1, sleep_forever())
        assert task.cancelling() == 1
        task.uncancel()
