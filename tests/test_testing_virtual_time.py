"""Virtual time on both event loops: what takes none, what is refused, what a spinning task does."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any, Literal, cast

import anyio
import anyio.to_thread
import pytest
import trio
from anyio import current_time, sleep
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.concurrency import run_in_threadpool

from websocket_kit import WebSocket
from websocket_kit.testing import (
    ExpectationFailed,
    WaitTimeout,
    backend,
    connect,
    run,
    virtual_time,
)

Name = Literal["asyncio", "trio"]
on_both = pytest.mark.parametrize("name", ["asyncio", "trio"])
REFUSED = (
    "virtual time can't wait for a thread: run this test in real time, with"
    " backend(..., virtual=False) or run(..., virtual=False)"
)


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def impatient(ws: WebSocket) -> None:
    async with ws:
        await ws.receive(timeout=5)


# ---------------------------------------------------------------------------------- takes no time


@on_both
def test_time_begins_at_zero_and_jumps(name: Name) -> None:
    async def test() -> float:
        assert current_time() == 0
        await sleep(3600)
        return current_time()

    before = time.monotonic()
    assert run(test, backend=name) == pytest.approx(3600)
    assert time.monotonic() - before < 60


@on_both
def test_sleeps_end_in_their_order(name: Name) -> None:
    order: list[int] = []

    async def nap(seconds: int) -> None:
        await sleep(seconds)
        order.append(seconds)

    async def test() -> None:
        async with anyio.create_task_group() as tasks:
            for seconds in (30, 10, 20):
                tasks.start_soon(nap, seconds)

    run(test, backend=name)
    assert order == [10, 20, 30]


@on_both
def test_a_protocols_timeout_takes_no_time(name: Name) -> None:
    async def test() -> float:
        async with connect(impatient) as peer:
            await peer.expect_close(3008, timeout=6)
        return current_time()

    assert run(test, backend=name) == pytest.approx(5)


@on_both
def test_each_run_has_a_time_of_its_own(name: Name) -> None:
    async def test() -> float:
        await sleep(1)
        return current_time()

    assert [run(test, backend=name) for _ in range(3)] == [pytest.approx(1)] * 3


@on_both
def test_real_time_is_real(name: Name) -> None:
    async def test() -> None:
        await sleep(0.05)

    before = time.monotonic()
    run(test, backend=name, virtual=False)
    assert time.monotonic() - before >= 0.05


@on_both
def test_in_real_time_a_wait_takes_its_time(name: Name) -> None:
    async def test() -> None:
        async with connect(echo, timeout=None) as peer:
            with pytest.raises(WaitTimeout, match=r"waited 0\.05 s"):
                await peer.receive(timeout=0.05)
            assert await peer.pair("hi") == "hi"

    before = time.monotonic()
    run(test, backend=name, virtual=False)
    assert time.monotonic() - before >= 0.05


def test_the_timers_of_asyncio_itself_are_virtual() -> None:
    async def test() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), timeout=60)
        asyncio.get_running_loop().call_later(30, task_event.set)
        await task_event.wait()
        return asyncio.get_running_loop().time()

    task_event = asyncio.Event()
    assert run(test) == pytest.approx(90)


def test_what_comes_from_outside_wakes_a_test_without_timers() -> None:
    async def test() -> str:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        timer = threading.Timer(0.1, loop.call_soon_threadsafe, (done.set_result, "hi"))
        timer.start()
        return await done

    assert run(test) == "hi"


# --------------------------------------------------------------------------------------- what it is


def test_a_backend_is_what_anyio_takes() -> None:
    name, options = backend("asyncio")
    assert name == "asyncio"
    assert list(options) == ["loop_factory"]
    assert backend("asyncio", virtual=False) == ("asyncio", {})
    assert backend("trio", virtual=False) == ("trio", {})
    name, options = backend("trio")
    assert name == "trio"
    assert isinstance(options["clock"], trio.testing.MockClock)


def test_there_are_two_backends() -> None:
    wrong: Any = "curio"
    with pytest.raises(ValueError, match="there is no backend 'curio'"):
        backend(wrong)
    with pytest.raises(ValueError, match="there is no backend 'curio'"):
        run(sleep, 1, backend=wrong)


def test_the_backend_trio_needs_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trio", None)
    with pytest.raises(ImportError, match="which is not installed: pip install trio"):
        backend("trio")


@on_both
def test_run_passes_arguments_and_the_result_on(name: Name) -> None:
    async def add(left: int, right: int) -> int:
        await sleep(1)
        return left + right

    assert run(add, 2, 3, backend=name) == 5


@on_both
def test_what_the_function_raises_comes_out_as_it_is(name: Name) -> None:
    async def test() -> None:
        async with connect(echo) as peer:
            await peer.send("hi")
            await peer.expect("ho")

    with pytest.raises(ExpectationFailed, match="expected 'ho', received 'hi'"):
        run(test, backend=name)


def test_run_does_not_nest() -> None:
    async def test() -> None:
        with pytest.raises(RuntimeError, match="Already running asyncio"):
            run(sleep, 1)

    run(test)


@on_both
def test_run_is_fit_for_hypothesis(name: Name) -> None:
    examples: list[str] = []

    async def talk(message: str) -> None:
        async with connect(echo) as peer:
            assert await peer.pair(message) == message
        examples.append(message)

    @settings(max_examples=20, database=None, deadline=None)
    @given(message=st.text())
    def check(message: str) -> None:
        run(talk, message, backend=name)

    check()
    assert len(examples) >= 20


# ------------------------------------------------------------------------------ threads are refused


def use_a_thread() -> int:
    return threading.get_ident()


async def by_anyio() -> int:
    return await anyio.to_thread.run_sync(use_a_thread)


async def by_starlette() -> int:
    return await run_in_threadpool(use_a_thread)


async def by_asyncio() -> int:
    return await asyncio.to_thread(use_a_thread)


async def by_trio() -> int:
    return await trio.to_thread.run_sync(use_a_thread)


async def by_the_resolver() -> object:
    return await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)


THREADS: list[tuple[Name, Any]] = [
    ("asyncio", by_anyio),
    ("asyncio", by_starlette),
    ("asyncio", by_asyncio),
    ("asyncio", by_the_resolver),
    ("trio", by_anyio),
    ("trio", by_starlette),
    ("trio", by_trio),
]


@pytest.mark.parametrize(("name", "call"), THREADS)
def test_work_in_a_thread_is_refused(name: Name, call: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        run(call, backend=name)
    assert str(caught.value) == REFUSED


@pytest.mark.parametrize(("name", "call"), THREADS[:3] + THREADS[4:])
def test_in_real_time_work_in_a_thread_is_done(name: Name, call: Any) -> None:
    backend(name)  # which has the refusal in place
    assert run(call, backend=name, virtual=False) != threading.get_ident()


def test_a_function_that_a_module_has_imported_before_is_refused_too() -> None:
    code = """
from anyio.to_thread import run_sync
from trio.to_thread import run_sync as trio_run_sync
from websocket_kit.testing import run

for name, run_in_thread in (("asyncio", run_sync), ("trio", run_sync), ("trio", trio_run_sync)):
    try:
        run(run_in_thread, int, backend=name)
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [REFUSED] * 3


@on_both
def test_a_handler_that_works_in_a_thread_says_so(name: Name) -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await run_in_threadpool(use_a_thread)

    async def test() -> None:
        async with connect(handler) as peer:
            await peer.receive()

    with pytest.raises(RuntimeError, match="can't wait for a thread"):
        run(test, backend=name)


# ---------------------------------------------------------------------------------- spinning tasks


async def spin(ws: WebSocket) -> None:
    await ws.accept()
    while True:
        await checkpoint()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_kit.testing.virtual_time.PATIENCE", 0.1)


@on_both
@pytest.mark.usefixtures("_impatient")
def test_a_wait_that_a_spinning_handler_would_stop_ends(name: Name) -> None:
    async def test() -> None:
        async with connect(spin) as peer:
            await peer.receive()

    with pytest.raises(WaitTimeout, match="waited 1 s for a message"):
        run(test, backend=name)


async def receive_on_and_on(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await receive()


@on_both
@pytest.mark.usefixtures("_impatient")
def test_a_wait_that_events_come_by_all_the_time_ends(name: Name) -> None:
    async def test() -> None:
        async with connect(receive_on_and_on, server="granian") as peer:
            peer.drop()
            await peer.finished()

    with pytest.raises(WaitTimeout, match="waited 1 s for the handler's end"):
        run(test, backend=name)


@on_both
@pytest.mark.usefixtures("_impatient")
def test_a_spinning_handler_can_be_cancelled(name: Name) -> None:
    async def test() -> None:
        async with connect(spin, strict=False) as peer:
            await peer.expect_nothing()
            await peer.cancel()

    run(test, backend=name)


class RealTime:
    """The real time as virtual time sees it, which only the test moves: no machine is too slow."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> RealTime:
    real = RealTime()
    monkeypatch.setattr(virtual_time, "time", real)
    return real


@on_both
def test_time_stands_still_while_the_tasks_are_busy_for_a_while_only(
    name: Name, real: RealTime
) -> None:
    async def test() -> list[float]:
        times = [current_time()]
        for _ in range(29):
            real.now += 0.1
            await checkpoint()
        times.append(current_time())
        await sleep(1)
        times.append(current_time())
        return times

    assert run(test, backend=name) == [0, 0, pytest.approx(1)]


@on_both
def test_one_long_step_is_no_spinning(name: Name, real: RealTime) -> None:
    async def test() -> float:
        real.now += 60
        for _ in range(10):
            await checkpoint()
        return current_time()

    assert run(test, backend=name) == 0


@on_both
def test_a_long_test_that_sleeps_is_no_spinning(name: Name, real: RealTime) -> None:
    async def test() -> float:
        for _ in range(100):
            real.now += 1
            await sleep(1)
        for _ in range(10):
            await checkpoint()
        return current_time()

    assert run(test, backend=name) == pytest.approx(100)


@on_both
def test_a_long_test_of_short_waits_is_no_spinning(name: Name, real: RealTime) -> None:
    async def test() -> float:
        async with connect(echo) as peer:
            for _ in range(100):
                real.now += 0.1
                assert await peer.pair("hi") == "hi"
        return current_time()

    assert run(test, backend=name) == 0


@on_both
def test_after_three_real_seconds_time_moves_on(name: Name, real: RealTime) -> None:
    async def test() -> float:
        with anyio.move_on_after(1):
            while True:
                real.now += 0.1
                await checkpoint()
        return real.now

    # 3 s of patience, then 0.1 virtual seconds at each turn.
    assert run(test, backend=name) == pytest.approx(3 + 1, abs=0.25)


def test_run_takes_the_function_and_not_what_it_returns() -> None:
    async def test() -> None:
        """Never run."""

    call: Any = run
    with pytest.raises(TypeError) as caught:
        call(test())
    assert str(caught.value) == (
        "run() takes the function and its arguments, not what it returns: run(test)"
    )


def test_without_trio_the_kit_works_on_asyncio() -> None:
    code = """
import sys
sys.modules["trio"] = None
from websocket_kit.testing import backend, connect, lifespan, run

async def echo(ws):
    async with ws:
        async for message in ws:
            await ws.send(message)

async def test():
    async with lifespan(echo_app), connect(echo) as peer:
        assert await peer.pair("hi") == "hi"
        await peer.expect_nothing(within=60)

async def echo_app(scope, receive, send):
    pass

run(test)
try:
    run(test, backend="trio")
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == (
        "the backend 'trio' needs trio, which is not installed: pip install trio\n"
    )


def test_a_function_is_replaced_once_and_goes_on_in_real_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def start(answer: int) -> int:
        return answer

    owner = SimpleNamespace(start=start)
    monkeypatch.setitem(sys.modules, "their_threads", cast("Any", SimpleNamespace(threads=owner)))
    place = ("their_threads", "threads", "start")
    monkeypatch.setitem(virtual_time.STARTS_THREADS, "asyncio", place)
    backend("asyncio")
    replaced = owner.start
    backend("asyncio")
    assert owner.start is replaced is not start
    assert run(replaced, 42, virtual=False) == 42


@on_both
@pytest.mark.parametrize(
    "place",
    [("anyio.gone", "Gone", "start"), ("anyio", "_gone", "start"), ("anyio", "lowlevel", "gone")],
)
def test_a_version_with_other_private_names_works_without_refusing_threads(
    monkeypatch: pytest.MonkeyPatch, name: Name, place: tuple[str, str, str]
) -> None:
    async def test() -> str:
        async with connect(echo) as peer:
            return await peer.pair("hi")

    monkeypatch.setitem(virtual_time.STARTS_THREADS, name, place)
    assert run(test, backend=name) == "hi"
