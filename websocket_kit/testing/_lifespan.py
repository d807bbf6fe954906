"""An app's lifespan around a test."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from websocket_kit._options import check_timeout

from ._running import LONGEST, Running, calm_down

if TYPE_CHECKING:
    from starlette.types import Message


class _Exchange:
    """The lifespan protocol's two questions and the app's answers."""

    def __init__(self, app: Callable[..., Awaitable[object]]) -> None:
        self.state: dict[str, Any] = {}
        self.heard = False
        self._app = app
        self._asked: deque[Message] = deque()
        self._answers: dict[str, Message] = {}
        self._changed = anyio.Event()
        self.running = Running(self._run)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        finally:
            self._notify()

    async def _receive(self) -> Message:
        while not self._asked:
            await self._changed.wait()
        self.heard = True
        return self._asked.popleft()

    async def _send(self, message: Message) -> None:
        self._answers[message["type"].split(".")[1]] = message
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def ask(self, question: str, timeout: float | None) -> Message | None:
        """Ask ``"startup"`` or ``"shutdown"``; None: the app ended without an answer."""
        self._asked.append({"type": f"lifespan.{question}"})
        self._notify()
        with anyio.move_on_after(timeout):
            while not self._is_over(question):
                await self._changed.wait()
        if not self._is_over(question):
            await calm_down()  # an answer at the deadline is in time
        if self._is_over(question):
            return self._answers.get(question)
        msg = f"the app has not answered lifespan.{question} in {timeout:g} s; it is {self.running}"
        raise TimeoutError(msg)

    def _is_over(self, question: str) -> bool:
        return question in self._answers or self.running.done

    async def check(self, answer: Message | None, timeout: float | None) -> None:
        """Raise if the answer is a failure: what the app raises then, if it does."""
        if answer is None or answer["type"].endswith(".failed"):
            await self.running.wait(timeout)
        if self.running.error is not None:
            raise self.running.error
        if answer is not None and answer["type"].endswith(".failed"):
            msg = f"the app answered {answer['type']}: {answer.get('message', '')}"
            raise RuntimeError(msg)

    async def shut_down(self, timeout: float | None) -> None:
        """Have the app shut down."""
        await self.check(await self.ask("shutdown", timeout), timeout)


@asynccontextmanager
async def lifespan(
    app: Callable[..., Awaitable[object]], *, timeout: float | None = 1.0
) -> AsyncGenerator[dict[str, Any]]:
    """Run an app's lifespan around a test, as a server does around serving.

    Args:
        app: A router, or any other ASGI app.
        timeout: Seconds that its startup may take, and its shutdown; None: for ever.

    Yields:
        The state that it sets up, for ``connect(..., state=state)``; ``{}`` for an app that
        speaks no lifespan.

    Raises:
        TimeoutError: It takes longer.
        RuntimeError: It answers that it failed, without raising.
        Exception: What it raises in its startup or shutdown.

    If cancelled, the shutdown is run all the same, in a second at most.
    """
    check_timeout(timeout)
    exchange = _Exchange(app)
    running = exchange.running
    try:
        answer = await exchange.ask("startup", timeout)
        if answer is None and not exchange.heard:  # it knows no lifespan, and raises or returns
            yield {}
            return
        await exchange.check(answer, timeout)
        try:
            yield exchange.state
        except GeneratorExit:  # no loop may be there to wait on
            raise
        except BaseException as error:
            try:
                longest = LONGEST if timeout is None else min(timeout, LONGEST)
                with anyio.CancelScope(shield=True):
                    await exchange.shut_down(longest)
            except Exception as other:  # noqa: BLE001 - what the test raised goes before it
                error.add_note(f"The lifespan's shutdown failed, too: {other!r}")
            raise
        await exchange.shut_down(timeout)
    finally:
        await running.give_up(sys.exception())
