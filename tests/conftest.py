"""How the tests run: on both event loops, in virtual time, each with a deadline."""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
import signal
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from trio.testing import MockClock

from tests import asgi

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType

# In virtual seconds: longer than any time limit of the library's.
DEADLINE = 60.0
# In real seconds: what stops a test that is busy rather than waiting.
PATIENCE = 10.0


class _JumpingSelector(selectors.SelectSelector):
    """Waits for no timer: when there is nothing else to do, it is its time already."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio with what trio's MockClock does: time jumps to the next timer."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops, in virtual time; a test with real I/O overrides this."""
    name: str = request.param
    if name == "asyncio":
        return name, {"loop_factory": VirtualTimeLoop}
    return name, {"clock": MockClock(autojump_threshold=0)}


def _give_up(_number: int, _frame: FrameType | None) -> None:
    msg = f"the test took more than {PATIENCE:g} real seconds"
    raise TimeoutError(msg)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Bound every async test."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return (yield)

    @functools.wraps(test)
    async def bounded(*args: Any, **kwargs: Any) -> None:
        with anyio.fail_after(DEADLINE):
            await test(*args, **kwargs)

    pyfuncitem.obj = bounded
    if sys.platform == "win32":
        return (yield)
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _servers_are_content() -> Iterator[None]:
    """No app may do to the fake server what ASGI forbids."""
    asgi.complaints.clear()
    yield
    assert asgi.complaints == []
