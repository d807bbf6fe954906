"""Reading ahead, seen from the two sides: what reads, and what takes what was read."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from anyio import current_time, sleep, wait_all_tasks_blocked

from websocket_kit._reader import Event, Reader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio


class Source:
    """What a reader reads from: events by name, then nothing until more are pushed."""

    def __init__(self, *names: str | None) -> None:
        self.reads = 0
        self.reading = False
        self._names = deque(names)
        self._more = anyio.Event()

    def push(self, *names: str | None) -> None:
        """Let events come; None is the goodbye."""
        self._names.extend(names)
        self._more.set()
        self._more = anyio.Event()

    async def read(self) -> Event | None:
        self.reads += 1
        self.reading = True
        try:
            while not self._names:
                await self._more.wait()
        finally:
            self.reading = False
        name = self._names.popleft()
        return None if name is None else {"name": name}


@asynccontextmanager
async def running(
    source: Source, buffer: int = 64, goodbyes: list[float] | None = None
) -> AsyncGenerator[Reader]:
    """A reader at work; the times at which it says goodbye are noted."""
    reader = Reader(source.read, buffer)
    noted = [] if goodbyes is None else goodbyes
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader.run, lambda: noted.append(current_time()))
        await wait_all_tasks_blocked()
        yield reader
        await reader.stop()


async def take(reader: Reader) -> str | None:
    event = await reader.next()
    return None if event is None else event["name"]


async def test_it_reads_ahead_of_who_takes() -> None:
    source = Source("one", "two")
    async with running(source) as reader:
        assert source.reads == 3
        assert [await take(reader), await take(reader)] == ["one", "two"]


async def test_who_takes_waits_for_an_event() -> None:
    source = Source()
    taken: list[str | None] = []

    async def wait(reader: Reader) -> None:
        taken.append(await take(reader))

    async with running(source) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, reader)
        await wait_all_tasks_blocked()
        assert taken == []
        source.push("one")
        await wait_all_tasks_blocked()
        assert taken == ["one"]


async def test_what_is_read_is_not_handed_over_once_reading_was_stopped_for_all() -> None:
    source = Source("one")
    taken: list[str | None] = []

    async def wait(reader: Reader) -> None:
        taken.append(await take(reader))

    async with running(source) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, reader)
        await anyio.lowlevel.checkpoint()  # it has seen the event, and lets others run
        await reader.stop(goodbye=True)
    assert taken == [None]


async def test_a_full_buffer_stops_the_reading_and_room_in_it_resumes_it() -> None:
    source = Source("one", "two", "three")
    async with running(source, buffer=1) as reader:
        assert source.reads == 1
        assert await take(reader) == "one"
        await wait_all_tasks_blocked()
        assert source.reads == 2
        assert await take(reader) == "two"
        assert await take(reader) == "three"


async def test_a_buffer_of_zero_keeps_nothing() -> None:
    source = Source("one", "two")
    async with running(source, buffer=0) as reader:
        assert source.reads == 3
        assert not reader.events


async def test_a_goodbye_is_said_at_once_where_nobody_takes() -> None:
    source = Source("one")
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        await sleep(1)
        before = current_time()
        source.push(None)
        await wait_all_tasks_blocked()
        assert goodbyes == [before]
        assert reader.over
        assert not source.reading


async def test_who_waits_hears_the_goodbye_first() -> None:
    source = Source()
    goodbyes: list[float] = []
    heard: list[tuple[str | None, list[float]]] = []

    async def wait(reader: Reader) -> None:
        heard.append((await take(reader), list(goodbyes)))

    async with running(source, goodbyes=goodbyes) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, reader)
        await wait_all_tasks_blocked()
        source.push(None)
    assert heard == [(None, [])]


async def test_the_goodbye_is_said_as_soon_as_who_takes_has_heard_it() -> None:
    source = Source("one")
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        assert await take(reader) == "one"
        source.push("two", None)
        await wait_all_tasks_blocked()
        assert await take(reader) == "two"
        assert goodbyes == []
        heard = current_time()
        assert await take(reader) is None
        await sleep(5)
    assert goodbyes == [heard]


async def test_who_took_one_just_now_is_waited_for_half_a_second() -> None:
    source = Source()
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take, reader)
            await wait_all_tasks_blocked()
            source.push("one")
        taken = current_time()
        await sleep(0.2)
        source.push(None)
        await sleep(5)
    assert goodbyes == [pytest.approx(taken + 0.5)]


async def test_who_took_one_long_ago_is_not_waited_for() -> None:
    source = Source("one", "two")
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        assert await take(reader) == "one"
        await sleep(1)
        left = current_time()
        source.push(None)
        await sleep(5)
    assert goodbyes == [left]


async def test_what_came_is_kept_for_half_a_second_from_the_start() -> None:
    source = Source("one", None)
    goodbyes: list[float] = []
    start = current_time()
    async with running(source, goodbyes=goodbyes) as reader:
        await sleep(0.4)
        assert await take(reader) == "one"
        assert await take(reader) is None
        await sleep(5)
    assert goodbyes == [pytest.approx(start + 0.4)]


async def test_where_nothing_came_the_goodbye_is_said_from_the_start() -> None:
    goodbyes: list[float] = []
    start = current_time()
    async with running(Source(None), goodbyes=goodbyes):
        await sleep(5)
    assert goodbyes == [start]


async def test_a_burst_is_taken_with_a_turn_for_other_tasks_after_each_event() -> None:
    source = Source("one", "two", "three")
    turns: list[int] = []

    async def other() -> None:
        for turn in range(3):
            turns.append(turn)
            await anyio.lowlevel.checkpoint()

    async with running(source) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(3):
            await take(reader)
        assert len(turns) >= 2


async def test_what_came_before_the_goodbye_is_still_taken() -> None:
    source = Source("one", "two", "three")
    goodbyes: list[float] = []
    taken: list[str | None] = []
    async with running(source, goodbyes=goodbyes) as reader:
        taken.append(await take(reader))
        source.push(None)
        await wait_all_tasks_blocked()
        while taken[-1] is not None:
            await sleep(0.4)
            assert goodbyes == []
            taken.append(await take(reader))
    assert taken == ["one", "two", "three", None]


async def test_who_is_cancelled_while_it_waits_loses_no_event() -> None:
    source = Source()
    async with running(source) as reader:
        with anyio.move_on_after(1):
            await take(reader)
        source.push("one")
        assert await take(reader) == "one"


async def test_who_was_cancelled_as_the_peer_left_is_not_waited_for_longer() -> None:
    source = Source()
    goodbyes: list[float] = []
    scope = anyio.CancelScope()

    async def wait(reader: Reader) -> None:
        with scope:
            await take(reader)

    async with running(source, goodbyes=goodbyes) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, reader)
        await wait_all_tasks_blocked()
        start = current_time()
        source.push(None)
        scope.cancel()
        await sleep(5)
        assert goodbyes
        assert goodbyes[0] <= start + 2


async def test_stop_waits_until_the_read_has_ended() -> None:
    source = Source()
    async with running(source) as reader:
        assert source.reading
        await reader.stop()
        assert not source.reading


async def test_stop_ends_a_wait_with_none() -> None:
    source = Source()
    taken: list[str | None] = []

    async def wait(reader: Reader) -> None:
        taken.append(await take(reader))

    async with running(source) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, reader)
        await wait_all_tasks_blocked()
        await reader.stop()
    assert taken == [None]


async def test_after_stop_no_goodbye_is_said() -> None:
    source = Source()
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        await reader.stop()
        source.push(None)
        await wait_all_tasks_blocked()
    assert goodbyes == []


async def test_a_reader_stopped_before_it_runs_reads_nothing() -> None:
    source = Source("one")
    reader = Reader(source.read, 1)
    await reader.stop()
    await reader.run(lambda: pytest.fail("there was no goodbye"))
    assert source.reads == 0


async def test_a_full_buffer_can_be_stopped() -> None:
    source = Source("one", "two")
    async with running(source, buffer=1) as reader:
        await reader.stop()
    assert source.reads == 1


async def test_leave_reads_what_is_there_and_the_goodbye_whatever_the_buffer() -> None:
    source = Source("one", "two", "three", None)
    goodbyes: list[float] = []
    async with running(source, buffer=1, goodbyes=goodbyes) as reader:
        assert source.reads == 1
        reader.leave()
        assert [await take(reader) for _ in range(4)] == ["one", "two", "three", None]
        await wait_all_tasks_blocked()
        assert goodbyes == [current_time()]


async def test_leave_ends_the_reading_a_tenth_of_a_second_later_without_a_goodbye() -> None:
    source = Source()
    gone = OSError("gone")
    goodbyes: list[float] = []
    start = current_time()
    async with running(source, goodbyes=goodbyes) as reader:
        reader.leave(gone)
        await sleep(0.05)
        reader.leave(OSError("again"))
        await sleep(5)
        assert not source.reading
    assert goodbyes == [pytest.approx(start + 0.1)]
    assert reader.cause is gone


async def test_leave_ends_the_reading_at_once_where_nothing_is_kept() -> None:
    goodbyes: list[float] = []
    start = current_time()
    async with running(Source(), buffer=0, goodbyes=goodbyes) as reader:
        reader.leave()
        await sleep(5)
    assert goodbyes == [start]


async def test_stop_ends_the_wait_for_who_stays_away() -> None:
    goodbyes: list[float] = []
    start = current_time()
    async with running(Source("one", None), goodbyes=goodbyes):
        pass
    assert goodbyes == []
    assert current_time() == start


async def test_an_error_in_reading_comes_out_and_frees_who_stops_it() -> None:
    async def fail() -> Event | None:
        raise ZeroDivisionError

    reader = Reader(fail, 1)
    with pytest.raises(ZeroDivisionError):
        await reader.run(lambda: pytest.fail("there was no goodbye"))
    await reader.stop()


async def test_a_stop_that_is_a_goodbye_discards_what_was_read_and_tells_who_takes() -> None:
    goodbyes: list[float] = []
    taken: list[str | None] = []

    async def wait(reader: Reader) -> None:
        taken.append(await take(reader))
        taken.append(await take(reader))

    source = Source("one")
    async with anyio.create_task_group() as tasks:
        reader = Reader(source.read, 64)
        tasks.start_soon(reader.run, lambda: goodbyes.append(current_time()))
        tasks.start_soon(wait, reader)
        await wait_all_tasks_blocked()
        assert taken == ["one"]
        await reader.stop(goodbye=True)
        assert not source.reading
    assert taken == ["one", None]
    assert len(goodbyes) == 1


async def test_a_goodbye_by_stop_is_said_at_once_where_nobody_takes() -> None:
    source = Source("one", "two")
    goodbyes: list[float] = []
    async with running(source, goodbyes=goodbyes) as reader:
        await sleep(1)
        start = current_time()
        await reader.stop(goodbye=True)
        await wait_all_tasks_blocked()
        assert goodbyes == [start]
        assert not reader.events


async def test_what_reads_may_end_the_reading_and_then_stop_waits_for_nothing() -> None:
    source = Source()

    async def read() -> Event | None:
        await source.read()
        reader.end()
        await reader.stop(goodbye=True)  # as a connection does that is closed from in here
        return None

    goodbyes: list[float] = []
    reader = Reader(read, 64)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader.run, lambda: goodbyes.append(current_time()))
        await wait_all_tasks_blocked()
        source.push("one")
    assert reader.over
    assert len(goodbyes) == 1
