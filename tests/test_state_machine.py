"""A whole connection, step by step in any order, on each server's habits and both event loops.

A model of forty lines says what may come of each step: a value or one of the library's errors.
Whatever the steps, no message is lost or reordered, and the server never sees what ASGI forbids.
CI takes 20,000 steps at least: `pytest tests/test_state_machine.py --hypothesis-profile=thorough`,
whose last lines say how many. `--hypothesis-profile=long` takes a hundred times as many.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit import (
    CloseInfo,
    WebSocket,
    WebSocketCastError,
    WebSocketDisconnectError,
    WebSocketError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketTimeoutError,
)
from websocket_kit._casting import caster
from websocket_kit.testing import run
from websocket_kit.testing._profiles import PROFILES, ServerName, make_scope
from websocket_kit.testing._server import Server

STEPS = "steps of the state machine"
SHORTEST = 25  # steps of a script
LIMIT_BYTES = 64
PATIENCE = 7.0  # virtual seconds: longer than the five that a close may take

messages = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["1", "true", '{"a": 1}', "NaN", "\ufeff", b"\xff", "x" * (LIMIT_BYTES + 1)]),
)
types = st.sampled_from([str, bytes, int, bool, dict, Any, list[int]])
codes = st.sampled_from([1000, 1001, 1008, 1011, 3000, 4999])

Step = tuple[str, Any]

talks = st.one_of(
    st.tuples(st.sampled_from(["peer sends"]), messages),
    st.tuples(st.sampled_from(["send", "expect"]), messages),
    st.tuples(st.sampled_from(["receive", "pair", "gather"]), types),
    st.tuples(
        st.sampled_from(["accept", "enter", "iterate", "peer stalls", "peer reads"]), st.none()
    ),
)
ends = st.one_of(
    st.tuples(st.sampled_from(["leave", "peer is gone", "a send fails"]), st.none()),
    st.tuples(st.sampled_from(["reject"]), st.sampled_from([400, 403, 503])),
    st.tuples(st.sampled_from(["close", "peer closes"]), codes),
)
# Most of a script is talk: after an end there is little left that can go wrong.
scripts = st.tuples(
    st.lists(talks, min_size=SHORTEST, max_size=60),
    st.lists(ends, max_size=3),
    st.lists(talks | ends, max_size=10),
).map(lambda parts: [step for part in parts for step in part])


@dataclass
class Connection:
    """A connection, and the model of it."""

    server: Server
    ws: WebSocket[Any, Any]
    state: Literal["connecting", "open", "over"] = "connecting"
    gone: bool = False  # the peer has left, whether or not that is known here
    failed_send: bool = False  # a message was made to fail
    coming: deque[str | bytes] = field(default_factory=deque[str | bytes])

    async def take(self, step: Step) -> None:
        """Do one step, and hold its outcome against the model."""
        does, what = step
        was, value = self.state, None
        try:
            with anyio.move_on_after(PATIENCE) as scope:
                value = await getattr(self, does.replace(" ", "_"))(what)
        except (WebSocketError, anyio.BusyResourceError) as error:
            self.check_error(does, was, error)
        else:
            if scope.cancelled_caught:
                assert does in {"send", "pair", "gather"}, "only a stalled peer makes one wait"
                assert self.server.stalled
            elif does in {"receive", "pair"}:
                assert was == "open"
                assert value is not None or what is Any
        self.state = (
            "open" if self.ws.open else "connecting" if self.ws.close_info is None else "over"
        )
        assert _ORDER.index(was) <= _ORDER.index(self.state)
        assert self.server.complaints == []

    def check_error(self, does: str, was: str, error: Exception) -> None:
        """Whether an error is one that may come of a step."""
        if isinstance(error, WebSocketDisconnectError):
            assert self.gone or self.failed_send, (does, was)
            assert self.ws.close_info is not None
            assert self.ws.close_info.by == "peer"
        elif isinstance(error, WebSocketHandshakeError):
            assert (was, does) not in _LEGAL, error
        else:
            assert isinstance(error, _OF_A_MESSAGE[does]), error
            # In a task group the goodbye behind the message may have been met too.
            assert self.ws.open or (does == "gather" and (self.gone or self.failed_send))

    # ------------------------------------------------------------------------------ this end

    async def accept(self, _: None) -> None:
        await self.ws.accept()

    async def enter(self, _: None) -> None:
        await self.ws.__aenter__()

    async def reject(self, status: int) -> None:
        await self.ws.reject(status)
        assert self.ws.close_info == CloseInfo(None, "", "server")

    async def close(self, code: int) -> None:
        await self.ws.close(code, "é" * 100)

    async def leave(self, _: None) -> None:
        await self.ws.__aexit__(None, None, None)
        assert self.ws.close_info is not None

    async def send(self, message: str | bytes) -> None:
        await self.ws.send(message)

    async def receive(self, tp: Any) -> Any:
        return await self.taken(self.ws.receive(tp, timeout=1), tp)

    async def pair(self, tp: Any) -> Any:
        return await self.taken(self.ws.pair("?", tp=tp, timeout=1), tp)

    async def expect(self, message: str | bytes) -> None:
        tp = type(message)
        await self.taken(self.ws.expect(message, timeout=1), tp, equal_to=message)

    async def iterate(self, _: None) -> None:
        with anyio.move_on_after(1):
            await self.taken(anext(self.ws.iter(bytes)), bytes)

    async def gather(self, tp: Any) -> None:
        """Receive in a task group for a while."""
        try:
            async with self.ws.task_group(buffer=4) as tasks:
                tasks.start_soon(self.ws.send, "beside")
                with anyio.move_on_after(1):
                    await self.taken(self.ws.receive(tp), tp)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def taken(self, receiving: Any, tp: Any, equal_to: object = None) -> Any:
        """Receive: what comes must be made of the first message that hasn't come yet."""
        try:
            value = await receiving
        except StopAsyncIteration:
            return None
        except WebSocketMessageTooBig:
            assert len(self.coming.popleft()) > LIMIT_BYTES
            raise
        except WebSocketCastError as error:
            first = self.coming.popleft()
            assert error.received == first[:100]  # noqa: PT017 - it is raised again
            with pytest.raises(WebSocketCastError):
                caster(tp)(first)
            raise
        except WebSocketExpectError:
            assert caster(tp)(self.coming.popleft()) != equal_to
            raise
        except WebSocketTimeoutError:
            assert not self.coming, "it waited with a message there"
            raise
        expected = caster(tp)(self.coming.popleft())
        assert repr(expected) == repr(equal_to if value is None and equal_to is not None else value)
        return value

    # ------------------------------------------------------------------------------ the peer

    async def peer_sends(self, message: str | bytes) -> None:
        if not self.gone and self.server.accepted is not None and self.server.end is None:
            # granian: a cancelled receive takes the next one with it.
            if not self.server._lost:  # noqa: SLF001
                self.coming.append(message)
            self.server.push(message)

    async def peer_closes(self, code: int) -> None:
        self.leaves()
        self.server.close(code, "bye")

    async def peer_is_gone(self, _: None) -> None:
        self.leaves()
        self.server.drop(None)

    def leaves(self) -> None:
        self.gone = self.gone or (self.server.end is None and self.server.rejection is None)

    async def peer_stalls(self, _: None) -> None:
        self.server.stalled = True

    async def peer_reads(self, _: None) -> None:
        self.server.stalled = False
        self.server.inbox.clear()
        self.server.notify()

    async def a_send_fails(self, _: None) -> None:
        self.failed_send = True
        self.server.fail(OSError("gone"), 0)


_ORDER = ["connecting", "open", "over"]
# What never meets a WebSocketHandshakeError, unless the peer has left.
_LEGAL = {
    ("connecting", "accept"),
    ("connecting", "enter"),
    ("connecting", "reject"),
    ("open", "enter"),
    ("open", "send"),
    ("open", "receive"),
    ("open", "pair"),
    ("open", "expect"),
    ("open", "iterate"),
    ("open", "close"),
    ("open", "gather"),
    *((state, does) for state in _ORDER for does in ("leave", "peer sends", "peer closes")),
}
_CAST = (WebSocketCastError, WebSocketMessageTooBig)
_OF_A_MESSAGE: dict[str, tuple[type[WebSocketError], ...]] = {
    "receive": (*_CAST, WebSocketTimeoutError),
    "pair": (*_CAST, WebSocketTimeoutError),
    "expect": (WebSocketExpectError, WebSocketMessageTooBig, WebSocketTimeoutError),
    "iterate": _CAST,
    "gather": _CAST,
}


async def play(server_name: ServerName, script: list[Step]) -> None:
    profile = PROFILES[server_name]
    scope = make_scope(
        profile,
        path="/",
        raw_path=b"/",
        query_string=b"",
        headers=[],
        subprotocols=[],
        state=None,
    )
    server = Server(profile, scope, buffer=2)
    ws: WebSocket[Any, Any] = WebSocket(
        scope, server.receive, server.send, max_message_bytes=LIMIT_BYTES
    )
    connection = Connection(server, ws)
    for step in [*script, ("peer reads", None), ("leave", None)]:
        await connection.take(step)
    assert ws.close_info is not None
    # A send that failed says that the peer is gone; then nothing is sent to it.
    assert server.end or server.rejection or connection.failed_send


@pytest.mark.hostile
@pytest.mark.parametrize("event_loop", ["asyncio", "trio"])
@pytest.mark.parametrize("server", PROFILES)
def test_whatever_the_steps_the_outcome_is_a_value_or_an_error_of_ours(
    server: ServerName, event_loop: Literal["asyncio", "trio"], tried: Counter[str]
) -> None:
    before = tried[STEPS]

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(scripts, st.lists(talks | ends, max_size=5))
    def play_any(script: list[Step], unaccepted: list[Step]) -> None:
        tried[STEPS] += len(script)
        run(play, server, [("accept", None), *script], backend=event_loop)
        run(play, server, unaccepted, backend=event_loop)

    play_any()
    assert tried[STEPS] - before >= settings().max_examples * SHORTEST
