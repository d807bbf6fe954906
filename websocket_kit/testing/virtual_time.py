"""Event loops on which waiting takes no time: when nothing else is to do, it is the next timer's.

Time moves only when every task is blocked. A task that spins without ever being blocked would stop
it, and with it every deadline; after three real seconds of that, within one wait, time moves on at
each turn.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
import time
import weakref
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Literal, NoReturn, TypeVar, TypeVarTuple

import anyio

from ._running import in_trio

T = TypeVar("T")
Args = TypeVarTuple("Args")

# How long all tasks together may be busy, while a peer waits, before time moves on without them, in
# real seconds, and how far it moves at each turn then, in virtual ones.
PATIENCE = 3.0
STEP = 0.1


def backend(
    name: Literal["asyncio", "trio"] = "asyncio", *, virtual: bool = True
) -> tuple[str, dict[str, Any]]:
    """What an ``anyio_backend`` fixture returns.

    With virtual time every deadline and every ``anyio.sleep`` takes no real time. Real sockets and
    threads don't work on it: work in a thread is refused with a RuntimeError. On asyncio a test
    sees the same order of events at each run; trio shuffles what happens at the same moment.

    Args:
        name: The event loop; ``"trio"`` needs trio.
        virtual: Whether its time is virtual.

    Raises:
        ValueError: There is no such event loop.
        ImportError: trio is not installed.

    Example:
        >>> import pytest
        >>> from websocket_kit.testing import backend
        >>> @pytest.fixture(params=["asyncio", "trio"])
        ... def anyio_backend(request):
        ...     return backend(request.param)
    """
    if name not in {"asyncio", "trio"}:
        msg = f"there is no backend {name!r} (there are 'asyncio' and 'trio')"
        raise ValueError(msg)
    if not virtual:
        return name, {}
    if name == "asyncio":
        _refuse_threads(name)
        return name, {"loop_factory": VirtualTimeLoop}
    return name, _trio_options()


def run(
    async_function: Callable[[*Args], Awaitable[T]],
    *args: *Args,
    backend: Literal["asyncio", "trio"] = "asyncio",
    virtual: bool = True,
) -> T:
    """Run an async function to its end, for unittest, Hypothesis or a REPL.

    Args:
        async_function: The function.
        args: Its arguments.
        backend: The event loop.
        virtual: Whether its time is virtual; see ``backend``.

    Returns:
        What the function returns.

    Raises:
        RuntimeError: An event loop runs already in this thread.
        ValueError: There is no such event loop.
        ImportError: trio is not installed.
        TypeError: It is no function but a coroutine.
    """
    if inspect.iscoroutine(async_function):
        async_function.close()
        msg = "run() takes the function and its arguments, not what it returns: run(test)"
        raise TypeError(msg)
    name, options = _make_backend(backend, virtual=virtual)
    if name == "trio":
        import trio  # noqa: PLC0415 - optional

        # anyio's own run, up to 4.11 at least, gives trio no options: time would be real.
        return trio.run(async_function, *args, **options)
    return anyio.run(async_function, *args, backend=name, backend_options=options)


_make_backend = backend  # which the parameter hides


def begin_wait() -> None:
    """Begin to count the time that the tasks are busy, if time is virtual."""
    spinning = _spinning()
    if spinning is not None:
        spinning.rest()


def _spinning() -> _Spinning | None:
    """What watches over the virtual time here; None where time is real."""
    if in_trio():
        import trio  # noqa: PLC0415 - optional, and here already

        return _clocks.get(trio.lowlevel.current_clock())
    loop = asyncio.get_running_loop()
    return loop.spinning if isinstance(loop, VirtualTimeLoop) else None


class _Spinning:
    """Tells whether the tasks have been busy for so long that time must move on."""

    def __init__(self) -> None:
        self._since = self._last = time.monotonic()

    def rest(self) -> None:
        """All tasks were blocked."""
        self._since = self._last = time.monotonic()

    def goes_on(self) -> bool:
        """Whether they have been busy for too long, up to this turn."""
        now = time.monotonic()
        if now - self._last > PATIENCE:  # no loop was running, or one step took that long
            self._since = now
        self._last = now
        return now - self._since > PATIENCE


# ------------------------------------------------------------------------------------ asyncio


class _JumpingSelector(selectors.SelectSelector):
    """Waits for no timer: where nothing is ready, it is the next timer's time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.spinning = _Spinning()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer at all: only something real can come
            ready = super().select(None)
            self.spinning.rest()
            return ready
        ready = super().select(0)
        if timeout > 0 and not ready:
            self.now += timeout
            self.spinning.rest()
        elif self.spinning.goes_on():
            self.now += STEP
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop in virtual time, which begins at 0."""

    def __init__(self) -> None:
        """Make the loop."""
        self._jumping = _JumpingSelector()
        self.spinning: _Spinning = self._jumping.spinning
        super().__init__(self._jumping)

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]  # of any signature: it only refuses
        self,
        executor: Any,  # noqa: ARG002
        func: Any,  # noqa: ARG002
        *args: Any,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse: the result would come in real time."""
        _refuse()


# --------------------------------------------------------------------------------------- trio

_clocks: weakref.WeakKeyDictionary[Any, _Spinning] = weakref.WeakKeyDictionary()  # those of ours


def _trio_options() -> dict[str, Any]:
    try:
        import trio.testing  # noqa: PLC0415 - optional
    except ImportError as error:
        msg = "the backend 'trio' needs trio, which is not installed: pip install trio"
        raise ImportError(msg) from error

    _refuse_threads("trio")
    clock = trio.testing.MockClock(autojump_threshold=0)
    spinning = _clocks[clock] = _Spinning()

    class Guard(trio.abc.Instrument):
        """Moves time on where spinning tasks keep the clock from jumping."""

        def __init__(self) -> None:
            self._busy = False

        def before_task_step(self, task: object) -> None:  # noqa: ARG002 - whichever it is
            self._busy = True

        def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - 0 when the clock jumps
            if not self._busy:
                spinning.rest()
            elif spinning.goes_on():
                clock.jump(STEP)
            self._busy = False

    return {"clock": clock, "instruments": [Guard()]}


# ------------------------------------------------------------------------------------ threads


# What all work in threads goes through, anyio's on trio too: a module, what is in it, and what
# that has. It is below the public run_sync, which a module may have imported long before.
STARTS_THREADS = {
    "asyncio": ("anyio._backends._asyncio", "AsyncIOBackend", "run_sync_in_worker_thread"),
    "trio": ("trio", "_threads", "start_thread_soon"),
}


def _refuse_threads(backend: str) -> None:
    """Have a backend refuse work in a thread, in virtual time only.

    Time would run out there, or stand still, before the work is done. anyio and trio have no hook
    for it; where a version of theirs has other private names, threads are not refused.
    """
    module, holder, name = STARTS_THREADS[backend]
    try:
        owner = getattr(import_module(module), holder)
        call = getattr(owner, name)
    except (ImportError, AttributeError):
        return
    if hasattr(call, "__wrapped__"):
        return

    @functools.wraps(call)
    def refuse_or_call(*args: Any, **options: Any) -> Any:
        if _spinning() is not None:
            _refuse()
        return call(*args, **options)

    setattr(owner, name, refuse_or_call)


def _refuse() -> NoReturn:
    msg = (
        "virtual time can't wait for a thread: run this test in real time, with"
        " backend(..., virtual=False) or run(..., virtual=False)"
    )
    raise RuntimeError(msg)
