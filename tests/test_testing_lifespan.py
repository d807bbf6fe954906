"""An app's lifespan around a test: its state, its failures, its deadlines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio import CancelScope, create_task_group, current_time, sleep, sleep_forever
from fastapi import FastAPI
from litestar import Litestar
from starlette.applications import Starlette

from websocket_kit import WebSocket, WebSocketRouter
from websocket_kit.testing import connect, lifespan

pytestmark = pytest.mark.anyio

Steps = list[str]
Lifespan = Callable[[Any], Any]


def noting(steps: Steps, *, starts: float = 0, stops: float = 0) -> Lifespan:
    """A lifespan that notes its steps, and takes its time for them."""

    @asynccontextmanager
    async def open_and_close(_: Any) -> AsyncGenerator[dict[str, Any]]:
        await sleep(starts)
        steps.append("starts")
        yield {"db": "open"}
        await sleep(stops)
        steps.append("stops")

    return open_and_close


def crashing(*, when: str) -> Lifespan:
    @asynccontextmanager
    async def crash(_: Any) -> AsyncGenerator[None]:
        if when == "startup":
            raise ZeroDivisionError
        yield
        raise ZeroDivisionError

    return crash


async def knows_websockets_only(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket"


async def returns_at_once(scope: Any, receive: Any, send: Any) -> None:
    pass


# ------------------------------------------------------------------------------------- ordinary


async def test_the_app_starts_before_and_stops_after() -> None:
    steps: Steps = []
    async with lifespan(WebSocketRouter(lifespan=noting(steps))) as state:
        assert steps == ["starts"]
        assert state == {"db": "open"}
    assert steps == ["starts", "stops"]


async def test_its_state_is_for_the_connections() -> None:
    router = WebSocketRouter(lifespan=noting([]))

    @router.websocket("/")
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send(ws.request.state.db)

    async with lifespan(router) as state:
        for _ in range(2):
            async with connect(router, state=state) as peer:
                await peer.expect("open")


@pytest.mark.parametrize(
    "app", [knows_websockets_only, returns_at_once], ids=lambda app: app.__name__
)
async def test_an_app_without_lifespan_has_no_state(app: Any) -> None:
    async with lifespan(app) as state:
        assert state == {}


async def test_an_app_that_only_hears_of_it_has_no_state() -> None:
    async def hear(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async with lifespan(hear) as state:
        assert state == {}


@pytest.mark.parametrize("make", [Starlette, FastAPI], ids=lambda make: make.__name__)
async def test_the_lifespan_of_a_framework(make: Any) -> None:
    steps: Steps = []
    async with lifespan(make(lifespan=noting(steps))) as state:
        assert state == {"db": "open"}
    assert steps == ["starts", "stops"]


async def test_the_lifespan_of_litestar() -> None:
    steps: Steps = []
    app = Litestar([], lifespan=[noting(steps)])
    async with lifespan(app):
        assert steps == ["starts"]
    assert steps == ["starts", "stops"]


async def test_a_lifespan_may_hold_a_task_group() -> None:
    ticks: Steps = []

    @asynccontextmanager
    async def with_tasks(_: Any) -> AsyncGenerator[None]:
        async def tick() -> None:
            while True:
                await sleep(1)
                ticks.append("tick")

        async with create_task_group() as tasks:
            tasks.start_soon(tick)
            yield
            tasks.cancel_scope.cancel()

    async with lifespan(WebSocketRouter(lifespan=with_tasks)):
        await sleep(2.5)
    assert ticks == ["tick", "tick"]


# ------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("make", [WebSocketRouter, Starlette], ids=lambda make: make.__name__)
async def test_what_a_startup_raises_comes_out(make: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with lifespan(make(lifespan=crashing(when="startup"))):
            pytest.fail("it has not started")


@pytest.mark.parametrize("make", [WebSocketRouter, Starlette], ids=lambda make: make.__name__)
async def test_what_a_shutdown_raises_comes_out(make: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with lifespan(make(lifespan=crashing(when="shutdown"))):
            pass


async def test_a_startup_that_crashes_without_an_answer_is_no_app_without_lifespan() -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with lifespan(crash):
            pytest.fail("it has not started")


@pytest.mark.parametrize("step", ["startup", "shutdown"])
async def test_an_answer_that_it_failed_is_told(step: str) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if step == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": f"lifespan.{step}.failed", "message": "no database"})

    with pytest.raises(RuntimeError) as caught:
        async with lifespan(fail):
            pass
    assert str(caught.value) == f"the app answered lifespan.{step}.failed: no database"


async def test_a_crash_in_between_comes_out_at_the_end() -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await sleep(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with lifespan(crash):
            await sleep(2)


async def test_the_tests_own_failure_goes_before_the_shutdowns() -> None:
    with pytest.raises(AssertionError) as caught:
        async with lifespan(Starlette(lifespan=crashing(when="shutdown"))):
            raise AssertionError
    assert caught.value.__notes__ == ["The lifespan's shutdown failed, too: ZeroDivisionError()"]


async def test_after_a_failed_test_the_app_is_shut_down() -> None:
    steps: Steps = []
    with pytest.raises(AssertionError):
        async with lifespan(WebSocketRouter(lifespan=noting(steps)), timeout=None):
            raise AssertionError
    assert steps == ["starts", "stops"]


# ------------------------------------------------------------------------------------ deadlines


async def test_a_startup_has_a_second() -> None:
    async with lifespan(WebSocketRouter(lifespan=noting([], starts=1, stops=1))):
        pass
    app = WebSocketRouter(lifespan=noting([], starts=2))
    with pytest.raises(TimeoutError) as caught:
        async with lifespan(app):
            pass
    assert current_time() == pytest.approx(3)
    assert str(caught.value).startswith(
        "the app has not answered lifespan.startup in 1 s; it is running at "
    )


async def test_a_shutdown_has_a_second() -> None:
    with pytest.raises(TimeoutError, match=r"has not answered lifespan\.shutdown in 1 s"):
        async with lifespan(WebSocketRouter(lifespan=noting([], stops=2))):
            pass


@pytest.mark.parametrize("timeout", [3, None])
async def test_or_as_long_as_it_is_told(timeout: float | None) -> None:
    app = WebSocketRouter(lifespan=noting([], starts=2, stops=2))
    async with lifespan(app, timeout=timeout):
        pass


async def test_a_bad_timeout_is_refused() -> None:
    with pytest.raises(ValueError, match="0 seconds or more"):
        async with lifespan(WebSocketRouter(), timeout=-1):
            pass


async def test_a_failed_app_that_goes_on_is_cancelled() -> None:
    ended: Steps = []

    async def go_on(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        try:
            await sleep_forever()
        finally:
            ended.append("app")

    with pytest.raises(RuntimeError, match=r"answered lifespan\.startup\.failed: $"):
        async with lifespan(go_on):
            pass
    await anyio.wait_all_tasks_blocked()
    assert ended == ["app"]


async def test_a_cancelled_test_shuts_the_app_down() -> None:
    steps: Steps = []
    with anyio.move_on_after(1):
        async with lifespan(WebSocketRouter(lifespan=noting(steps, stops=0.5))):
            await sleep_forever()
    assert steps == ["starts", "stops"]


async def test_a_cancelled_test_gives_it_a_second() -> None:
    steps: Steps = []
    with CancelScope() as scope:
        async with lifespan(WebSocketRouter(lifespan=noting(steps, stops=9)), timeout=50):
            scope.cancel()
            await sleep_forever()
    assert steps == ["starts"]
    assert current_time() == pytest.approx(1)


async def test_a_fixture_that_is_dropped_cancels_the_app() -> None:
    steps: Steps = []

    async def fixture() -> AsyncGenerator[None]:
        async with lifespan(WebSocketRouter(lifespan=noting(steps))):
            yield

    dropped = fixture()
    await anext(dropped)
    await dropped.aclose()
    await anyio.wait_all_tasks_blocked()
    assert steps == ["starts"]
