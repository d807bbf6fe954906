"""The router's lifespan: with a drain at its end, and inside that of another app."""

from __future__ import annotations

import traceback
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.routing import Router

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.types import Lifespan, Message, Receive, Scope, Send


def draining(lifespan: Lifespan[Any] | None, drain: Callable[[], Awaitable[None]]) -> Lifespan[Any]:
    """A lifespan that drains before it stops, so that handlers still have what it gives them."""

    @asynccontextmanager
    async def run(app: Any) -> AsyncGenerator[Any]:
        if lifespan is None:
            yield
            await drain()
        else:
            async with lifespan(app) as state:
                yield state
                await drain()

    return run


async def run_inside(  # noqa: C901 - the callbacks of one exchange share what they know
    app: Callable[..., Awaitable[object]],
    lifespan: Lifespan[Any],
    owner: object,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Serve the lifespan protocol with another app's lifespan around this one.

    The other app starts first and stops last. An app that raises or returns before it answers
    speaks no lifespan, as servers take it too: then this one runs alone.

    Args:
        app: The other app.
        lifespan: As in Starlette.
        owner: What ``lifespan`` is called with.
        scope: The lifespan scope.
        receive: The server's.
        send: The server's.
    """
    inner = AsyncExitStack()
    received: list[Message] = []
    answered = False

    async def inner_receive() -> Message:
        message = await receive()
        received.append(message)
        if message["type"] == "lifespan.shutdown":
            await inner.aclose()
        return message

    async def inner_send(message: Message) -> None:
        nonlocal answered
        if answered and message["type"] == "lifespan.startup.failed":
            return  # said already, of the inner one
        answered = True
        if message["type"] == "lifespan.startup.complete":
            await start()
        await send(message)

    async def start() -> None:
        try:
            state = await inner.enter_async_context(lifespan(owner))
        except BaseException:
            text = traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": text})
            raise
        if state is not None:
            scope.setdefault("state", {}).update(state)

    async def replay() -> Message:
        return received.pop(0) if received else await receive()

    async with inner:
        try:
            await app(scope, inner_receive, inner_send)
        except Exception:
            if answered:
                raise
        if not answered:
            alone = Router(lifespan=lifespan)
            await alone.lifespan({**scope, "app": owner}, replay, send)
