"""The app under test, in a task of its own beside the test's.

The task belongs to no task group: it may be started and awaited from different tasks, as fixtures
are, and what it raises reaches the test unwrapped.
"""

from __future__ import annotations

import asyncio
import contextvars
import linecache
import sys
import sysconfig
import traceback
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias, cast

import anyio

from websocket_kit.errors import cut

from ._force import abandon, pierce

# A line of code, and the module it is in.
Line: TypeAlias = tuple[CodeType, int, str]
# Where each task was started, in the order of that.
Tasks: TypeAlias = weakref.WeakKeyDictionary[asyncio.Task[Any], list[Line]]

# The tasks that the app of this context has started (asyncio; trio's can't outlive their nursery).
_started: contextvars.ContextVar[Tasks | None] = contextvars.ContextVar(
    "websocket_kit_started", default=None
)
# How long it may take until every other task is blocked, and what is shielded may last, in seconds.
LONGEST = 1.0

# The tasks that wait for others to be blocked: they wait for each other too, and count as blocked.
_waiting: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()


class Running:
    """An async call that runs in the background.

    Attributes:
        done: Whether it has ended.
        error: What it raised; None for a cancellation.
        absorbed: What ended its handler, and the library has absorbed as the peer's doing.
        cancelled: Whether it ended because it was cancelled.
        cancelled_itself: Whether that was no cancellation of ours.
    """

    def __init__(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Start it."""
        self.done: bool = False
        self.error: BaseException | None = None
        self.absorbed: BaseException | None = None
        self.cancelled: bool = False
        self.cancelled_itself: bool = False
        self._coroutine: Coroutine[Any, Any, Any] = call()
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._tasks: Tasks = weakref.WeakKeyDictionary()
        self._on_end: list[Callable[[], None]] = []
        if in_trio():
            import trio  # noqa: PLC0415 - optional, and here already

            context = contextvars.copy_context()
            self._task: Any = trio.lowlevel.spawn_system_task(self._run, context=context)
        else:
            _watch_tasks(asyncio.get_running_loop())
            context = contextvars.copy_context()
            context.run(_started.set, self._tasks)
            # Kept, since the loop itself holds its tasks only weakly.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=context)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call this when it has ended."""
        self._on_end.append(callback)

    async def _run(self) -> None:
        __tracebackhide__ = True
        try:
            with self._scope:
                await self._coroutine
            self.cancelled = self._scope.cancelled_caught
        except anyio.get_cancelled_exc_class():
            self.cancelled = self.cancelled_itself = True
            raise
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.error = error
        finally:
            self.done = True
            self._ended.set()
            for callback in self._on_end:
                callback()

    async def wait(self, timeout: float | None) -> None:
        """Wait until it has ended, for so long at most; an end at the deadline is in time."""
        if not self.done:
            with anyio.move_on_after(timeout):
                await self._ended.wait()
        if not self.done:
            await calm_down()

    def cancel(self) -> None:
        """Cancel it."""
        self._scope.cancel()

    async def give_up(self, error: BaseException | None) -> None:
        """Cancel it, and wait for its clean-up, in a second at most.

        Args:
            error: What is being raised. After a GeneratorExit, no loop may be there to wait on.
        """
        self.cancel()
        if not self.done and not isinstance(error, GeneratorExit):
            with anyio.CancelScope(shield=True):
                await self.wait(LONGEST)
                await self.cut_off()

    async def cut_off(self) -> None:
        """End it by force, if it goes on though it was cancelled.

        First what shields it from that is broken. What goes on even so, since it catches every
        exception, is taken from the event loop, which would wait for it for ever.
        """
        for force in (pierce, abandon):
            if not self.done:
                for task in [self._task, *self.leftover_tasks()]:
                    force(task)
                await calm_down()

    def leftover_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks it has started and that go on (asyncio only)."""
        return [task for task in self._tasks if not task.done()]

    def describe(self, task: asyncio.Task[Any]) -> str:
        """One of these tasks: its name, and where it is, or, if that is a library's line, began."""
        now = _lines(task.get_coro())
        start = self._tasks[task]
        if any(map(_is_own, start)) and not any(map(_is_own, now)):
            return f"{task.get_name()!r}, started {_describe(start)}"
        return f"{task.get_name()!r}, {_describe(now)}"

    def __str__(self) -> str:
        """What it is doing, or how it ended."""
        if self.error is not None:
            return f"crashed with {summary(self.error)}{_where_raised(self.error)}"
        if self.cancelled:
            return "cancelled"
        if self.absorbed is not None:
            return f"ended by {summary(self.absorbed)}{_where_raised(self.absorbed)}"
        if self.done:
            return "finished"
        return f"running {_describe(_lines(self._coroutine))}"


def summary(error: BaseException) -> str:
    """An error on one line."""
    text = str(error)
    line = cut(text.strip().partition("\n")[0])
    name = type(error).__name__
    return f"{name}: {line}{'' if line == text else '…'}" if text else name


def in_trio() -> bool:
    """Whether the event loop is trio, which need not be installed."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_task())


class _WatchingFactory:
    """A task factory that keeps the tasks of each app; what was the loop's factory makes them."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, loop: Any, coroutine: Any, **options: Any) -> Any:
        make = self._inner or _make_task
        task = make(loop, coroutine, **options)
        tasks = _started.get()
        if tasks is not None:
            tasks[task] = _who_calls()
        return task


def _who_calls() -> list[Line]:
    """The lines that lead here, within this step of the event loop, innermost last."""
    lines: list[Line] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") != "asyncio.events":
        lines.append(_line(frame, frame.f_lineno))
        frame = frame.f_back
    return lines[::-1]


def _make_task(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coroutine, loop=loop, **options)


def _watch_tasks(loop: asyncio.AbstractEventLoop) -> None:
    factory: Any = loop.get_task_factory()
    if not isinstance(factory, _WatchingFactory):
        loop.set_task_factory(_WatchingFactory(factory))


async def calm_down() -> None:
    """Wait until every other task is blocked: nothing happens before something comes in.

    All that can happen now has happened then, but for tasks that are never blocked.
    """
    if in_trio():
        import trio.testing  # noqa: PLC0415 - optional, and here already

        with trio.move_on_after(LONGEST):
            await trio.testing.wait_all_tasks_blocked()
        return
    # anyio's own sleeps 0.1 s where a task isn't blocked yet, and time is the test's.
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    until = asyncio.get_running_loop().time() + LONGEST
    _waiting.add(task)
    try:
        calm = 0
        # Callbacks of the first round may have woken one.
        while calm < 2 and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0)
            calm = calm + 1 if all(map(_is_blocked, asyncio.all_tasks())) else 0
    finally:
        _waiting.discard(task)


def _is_blocked(task: asyncio.Task[Any]) -> bool:
    if task in _waiting:
        return True
    waiter: Any = getattr(task, "_fut_waiter", None)
    return waiter is not None and not waiter.done()


# ------------------------------------------------------------------------------ where it stands

_LIBRARIES = [
    Path(__file__).resolve().parents[1],
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
]
# What nearly every app stands on, and waits in.
_PLUMBING = {"websocket_kit", "anyio", "trio", "starlette"}


def _where_raised(error: BaseException) -> str:
    return " " + _describe([_line(*each) for each in traceback.walk_tb(error.__traceback__)])


def _line(frame: FrameType, line: int) -> Line:
    return frame.f_code, line, str(frame.f_globals.get("__name__"))


def _describe(lines: list[Line]) -> str:
    """The user's innermost line, rather than a library's."""
    if not lines:
        return "somewhere"  # of an awaitable that is no coroutine
    own = list(filter(_is_own, lines))
    # Where the app itself is installed: its own lines rather than those of what it waits with.
    apps = [line for line in lines if not _is_plumbing(line)]
    code, number, _ = (own or apps or lines)[-1]
    path = Path(code.co_filename)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    source = linecache.getline(code.co_filename, number).strip()
    return f"at {path}:{number} in {code.co_name}" + (f": {source}" if source else "")


def _lines(awaited: Any) -> list[Line]:
    """Where a coroutine is, and what it waits for, innermost last."""
    lines: list[Line] = []
    while True:
        for name, inner in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom")):
            frame = getattr(awaited, name, None)
            if frame is not None:
                lines.append(_line(frame, frame.f_lineno))
                awaited = getattr(awaited, inner)
                break
        else:
            return lines


def _is_own(line: Line) -> bool:
    path = Path(line[0].co_filename).resolve()
    return not any(path.is_relative_to(library) for library in _LIBRARIES)


def _is_plumbing(line: Line) -> bool:
    package = line[2].partition(".")[0]
    return package in _PLUMBING or package in sys.stdlib_module_names
