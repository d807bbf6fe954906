"""The router's lifespan inside that of the app it wraps, whatever that app makes of lifespans."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from starlette.applications import Starlette

from tests.asgi import Event, noted
from websocket_kit import WebSocketRouter
from websocket_kit.testing import lifespan

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

pytestmark = pytest.mark.anyio

STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


class Run:
    """One run of a server, with what happened in it.

    Attributes:
        steps: What happened, in order.
        sent: What the app answered.
        state: What the app has set up.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.sent: list[Event] = []
        self.state: dict[str, Any] = {}

    def lifespan(self, name: str, *, fail: str = "") -> Callable[[Any], Any]:
        """A lifespan that notes its steps; ``fail`` names the one it raises at."""

        @asynccontextmanager
        async def lifespan(_: Any) -> AsyncGenerator[dict[str, str]]:
            if fail == "start":
                raise ZeroDivisionError(name)
            self.steps.append(f"{name} starts")
            yield {name: "ready"}
            self.steps.append(f"{name} stops")
            if fail == "stop":
                raise ZeroDivisionError(name)

        return lifespan

    async def serve(self, app: Any) -> None:
        """Start the app, and stop it once it has started."""
        async with lifespan(noted(app, self.sent)) as self.state:
            self.steps.append("serves")


async def test_the_other_app_starts_first_and_stops_last() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router"))
    await run.serve(router.wrap(Starlette(lifespan=run.lifespan("app"))))
    assert run.steps == [
        "app starts",
        "router starts",
        "serves",
        "router stops",
        "app stops",
    ]
    assert run.sent == [STARTED, STOPPED]


async def test_the_state_of_both_is_the_servers() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router"))
    await run.serve(router.wrap(Starlette(lifespan=run.lifespan("app"))))
    assert run.state == {"app": "ready", "router": "ready"}


async def test_the_other_app_is_given_the_servers_own_events() -> None:
    given: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(await receive())
        await send(STARTED)
        given.append(await receive())
        await send(STOPPED)

    run = Run()
    await run.serve(WebSocketRouter(lifespan=run.lifespan("router")).wrap(app))
    assert given == [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]


async def test_a_router_without_a_lifespan_leaves_the_other_apps_alone() -> None:
    run = Run()
    await run.serve(WebSocketRouter().wrap(Starlette(lifespan=run.lifespan("app"))))
    assert run.steps == ["app starts", "serves", "app stops"]
    assert run.sent == [STARTED, STOPPED]


async def test_the_lifespan_is_called_with_the_router() -> None:
    run = Run()
    owners: list[Any] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[None]:
        owners.append(app)
        yield

    router = WebSocketRouter(lifespan=lifespan)
    await run.serve(router.wrap(Starlette()))
    await Run().serve(router.wrap(raises_at_once))
    assert owners == [router, router]


# ------------------------------------------------------------------------ apps without a lifespan


async def raises_at_once(scope: Any, receive: Any, send: Any) -> None:
    msg = f"no {scope['type']} here"
    raise ValueError(msg)


async def raises_at_the_first_event(scope: Any, receive: Any, send: Any) -> None:
    event = await receive()
    assert event["type"] == "http.request"


async def returns_at_once(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        pytest.fail("there was no request")


async def returns_at_the_first_event(scope: Any, receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize(
    "app",
    [raises_at_once, raises_at_the_first_event, returns_at_once, returns_at_the_first_event],
)
async def test_beside_an_app_without_a_lifespan_the_routers_runs_alone(app: Any) -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router"))
    await run.serve(router.wrap(app))
    assert run.steps == ["router starts", "serves", "router stops"]
    assert run.sent == [STARTED, STOPPED]
    assert run.state == {"router": "ready"}


# ------------------------------------------------------------------------------------------ errors


async def test_where_the_other_app_fails_to_start_the_routers_never_does() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router"))
    with pytest.raises(ZeroDivisionError, match="app"):
        await run.serve(router.wrap(Starlette(lifespan=run.lifespan("app", fail="start"))))
    assert run.steps == []
    assert [event["type"] for event in run.sent] == ["lifespan.startup.failed"]


async def test_an_app_that_says_it_failed_to_start_is_believed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    run = Run()
    with pytest.raises(RuntimeError, match="no database"):
        await run.serve(WebSocketRouter(lifespan=run.lifespan("router")).wrap(app))
    assert run.steps == []
    assert run.sent == [{"type": "lifespan.startup.failed", "message": "no database"}]


async def test_where_the_routers_fails_to_start_the_server_is_told_once() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router", fail="start"))
    with pytest.raises(ZeroDivisionError, match="router"):
        await run.serve(router.wrap(Starlette(lifespan=run.lifespan("app"))))
    assert [event["type"] for event in run.sent] == ["lifespan.startup.failed"]
    assert "ZeroDivisionError: router" in run.sent[0]["message"]


async def test_where_the_routers_fails_to_start_alone_the_server_is_told_once() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router", fail="start"))
    with pytest.raises(ZeroDivisionError, match="router"):
        await run.serve(router.wrap(raises_at_once))
    assert [event["type"] for event in run.sent] == ["lifespan.startup.failed"]


async def test_where_the_routers_fails_to_stop_the_other_app_stops_all_the_same() -> None:
    run = Run()
    stopped: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        try:
            await receive()
        finally:
            stopped.append(True)

    router = WebSocketRouter(lifespan=run.lifespan("router", fail="stop"))
    with pytest.raises(ZeroDivisionError, match="router"):
        await run.serve(router.wrap(app))
    assert stopped == [True]


async def test_where_the_other_app_fails_to_stop_the_routers_has_stopped() -> None:
    run = Run()
    router = WebSocketRouter(lifespan=run.lifespan("router"))
    with pytest.raises(ZeroDivisionError, match="app"):
        await run.serve(router.wrap(Starlette(lifespan=run.lifespan("app", fail="stop"))))
    assert run.steps == ["app starts", "router starts", "serves", "router stops", "app stops"]


async def test_an_app_that_ends_before_the_shutdown_ends_the_routers_lifespan() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)

    run = Run()
    await run.serve(WebSocketRouter(lifespan=run.lifespan("router")).wrap(app))
    assert run.steps[0] == "router starts"
    assert sorted(run.steps[1:]) == ["router stops", "serves"]  # in no order


async def test_a_server_without_state_still_starts_both() -> None:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        run.steps.append("router starts")
        yield

    run = Run()
    app = WebSocketRouter(lifespan=lifespan).wrap(Starlette())

    async def without_state(scope: Any, receive: Any, send: Any) -> None:
        del scope["state"]
        await app(scope, receive, send)
        assert "state" not in scope

    await run.serve(without_state)
    assert run.steps == ["router starts", "serves"]


async def test_the_lifespan_may_run_tasks() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            await wait_all_tasks_blocked()
            yield
            tasks.cancel_scope.cancel()

    async def work() -> None:
        steps.append("works")
        try:
            await anyio.sleep_forever()
        finally:
            steps.append("stops")

    run = Run()
    await run.serve(WebSocketRouter(lifespan=lifespan).wrap(Starlette(lifespan=lifespan)))
    assert steps == ["works", "works", "stops", "stops"]
