"""How the tests run: on both event loops, in virtual time, each with a deadline."""

from __future__ import annotations

import functools
import gc
import inspect
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests import asgi
from websocket_kit.testing import backend

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType

TRIED = pytest.StashKey[Counter[str]]()
# In virtual seconds: longer than any time limit of the library's.
DEADLINE = 60.0
# In real seconds: what stops a test that is busy rather than waiting.
PATIENCE = 10.0


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops, in virtual time; a test with real I/O overrides this."""
    return backend(request.param)


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """What is alive is referred to: no garbage collector breaks a cycle that is left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def tried(pytestconfig: pytest.Config) -> Counter[str]:
    """How much was tried of each kind, which the tests that are marked hostile count."""
    return pytestconfig.stash.setdefault(TRIED, Counter())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how much hostile input was tried, and how often it came to what it must not."""
    counts = [
        f"{count:,} {kind}" for kind, count in config.stash.get(TRIED, Counter[str]()).items()
    ]
    if counts:
        failed = terminalreporter.getreports("failed")
        escapes = sum("hostile" in report.keywords for report in failed)
        terminalreporter.write_line(f"Tried: {', '.join(counts)}. Escapes: {escapes}.")


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
def _servers_are_content(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No app may do to the server what ASGI forbids, nor the library what it promises not to.

    The kit's own tests are about apps that do.
    """
    if not request.path.name.startswith("test_testing"):
        monkeypatch.setattr("websocket_kit.testing._connect.Server", asgi.Watched)
    asgi.servers.clear()
    yield
    assert asgi.complaints() == []
