"""What a failing test says: every fault, planted, and the text it gives, in one table."""

from __future__ import annotations

import asyncio
import pickle
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent, fill
from typing import Any, cast

import pytest
from anyio import CancelScope, sleep, sleep_forever
from pydantic import BaseModel
from starlette.datastructures import Headers

from websocket_kit import (
    CloseInfo,
    InvalidRouteError,
    WebSocket,
    WebSocketDisconnectError,
    WebSocketReject,
    WebSocketRouter,
)
from websocket_kit.testing import (
    ExpectationFailed,
    HandlerClosed,
    HandshakeRejected,
    LeftOver,
    Record,
    WaitTimeout,
    connect,
)
from websocket_kit.testing._running import _LIBRARIES

pytestmark = pytest.mark.anyio

on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)

Planted = Callable[[], Awaitable[object]]
# A failure of a test fits on one screen.
SCREEN = 50
HERE = Path(__file__).resolve().parent  # as if this were site-packages


class Point(BaseModel):
    x: int


# ------------------------------------------------------------------------------- faulty handlers


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def silent(ws: WebSocket) -> None:
    await ws.accept()
    await sleep_forever()


async def undecided(ws: WebSocket) -> None:
    await sleep_forever()


async def closing(ws: WebSocket) -> None:
    await ws.accept()
    await ws.close(4001, "enough")
    await sleep_forever()


async def doubling(ws: WebSocket[int, int]) -> None:
    async with ws:
        async for number in ws:
            await ws.send(2 * number)


async def crashing(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        msg = "boom"
        raise ValueError(msg)


async def crashing_at_length(ws: WebSocket) -> None:
    await ws.accept()
    raise ValueError("\n".join(["one line", *(200 * ["another"])]))


async def crashing_without_a_word(ws: WebSocket) -> None:
    await ws.accept()
    raise ValueError


async def returning(ws: WebSocket) -> None:
    await ws.accept()


async def sending_on_and_on(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        while True:
            await ws.send("tick")


async def stubborn(ws: WebSocket) -> None:
    await ws.accept()
    with CancelScope(shield=True):
        await sleep(9)


async def refusing(ws: WebSocket) -> None:
    raise WebSocketReject(401, body="who are you?")


rooms = WebSocketRouter()


@rooms.websocket("/{number:str}")
async def numbered(ws: WebSocket, number: int, size: int) -> None: ...


rooms.websocket("/doubling")(doubling)


async def refusing_with_a_page(ws: WebSocket) -> None:
    raise WebSocketReject(404, body="<html>\n" + 200 * "<br>\n")


async def closing_early(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 4401, "reason": "who are you?"})


async def returning_early(ws: WebSocket) -> None: ...


async def sending_four(ws: WebSocket) -> None:
    async with ws:
        for message in ["a", b"b", "c", "d"]:
            await ws.send(message)


async def talking(ws: WebSocket) -> None:
    async with ws:
        for number in range(1000):
            await ws.send(f"{number} " + 200 * "x")


async def accepting_twice(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.accept"})


async def sending_early(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.send", "text": "hi"})


async def sending_nothing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send"})


async def denying_by_half(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 404})


async def choosing_freely(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "chat"})


async def inventing_events(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "x" * 1000})


# -------------------------------------------------------------------------------- planted faults


async def wait_for_a_message() -> None:
    async with connect(silent) as peer:
        await peer.send("hello")
        await peer.receive()


async def wait_for_a_value() -> None:
    async with connect(silent) as peer:
        await peer.expect({"ready": True}, timeout=5)


async def wait_for_a_close() -> None:
    async with connect(silent) as peer:
        await peer.expect_close(1000, "done")


async def wait_for_the_end() -> None:
    async with connect(silent) as peer:
        await peer.finished()


async def wait_in_a_loop() -> None:
    async with connect(silent) as peer:
        async for message in peer:
            print(message)


async def wait_to_be_accepted() -> None:
    async with connect(undecided):
        pass


async def wait_to_be_cancelled() -> None:
    async with connect(stubborn) as peer:
        await peer.cancel()


async def wait_while_stalled() -> None:
    async with connect(sending_on_and_on, buffer=1) as peer:
        peer.stall()
        await peer.send("go")
        await peer.finished()


async def wait_for_a_shutdown() -> None:
    async with connect(stubborn) as peer:
        await peer.shutdown(grace=3)


async def expect_another_value() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect("bye")


async def expect_another_type() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect(int)


async def expect_a_model() -> None:
    async with connect(echo) as peer:
        await peer.send({"x": "north"})
        await peer.expect(Point)


async def expect_a_union() -> None:
    async with connect(echo) as peer:
        await peer.send("null")
        await peer.expect(int | bool)


async def expect_a_match() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect(re.compile("^bye"))


async def expect_what_is_true_of_it() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect(str.isdecimal)


async def expect_silence_beside_a_message() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect_nothing(0.5)


async def expect_silence_beside_a_close() -> None:
    async with connect(closing) as peer:
        await peer.expect_nothing()


async def expect_a_close_before_a_message() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        await peer.expect_close()


async def expect_another_close() -> None:
    async with connect(closing) as peer:
        await peer.expect_close(1000)


async def expect_another_reason() -> None:
    async with connect(closing) as peer:
        await peer.expect_close(4001, "too much")


async def expect_another_close_than_its_own() -> None:
    async with connect(echo) as peer:
        await peer.close(4000, "bye")
        await peer.expect_close(1000)


async def expect_a_close_after_a_drop() -> None:
    async with connect(echo) as peer:
        peer.drop()
        await peer.expect_close(1006)


async def expect_a_close_of_a_handler_that_returns() -> None:
    async with connect(returning) as peer:
        await peer.expect_close(1000)


async def expect_a_close_of_a_handler_that_crashes() -> None:
    async with connect(crashing) as peer:
        await peer.send("hello")
        await peer.expect_close(1000)


async def expect_a_close_of_a_handler_that_crashes_at_length() -> None:
    async with connect(crashing_at_length) as peer:
        await peer.expect_close(1000)


async def expect_a_close_of_a_handler_that_crashes_without_a_word() -> None:
    async with connect(crashing_without_a_word) as peer:
        await peer.expect_close(1000)


async def expect_a_message_of_a_handler_that_closes() -> None:
    async with connect(closing) as peer:
        await peer.receive(int)


async def expect_an_answer_to_a_wrong_message() -> None:
    async with connect(doubling) as peer:
        await peer.send("two")
        await peer.expect(4)


async def expect_an_answer_to_a_wrong_message_in_a_script() -> None:
    async with connect(rooms, "/doubling") as peer:
        await peer.play("> two\n< 4")


async def expect_an_answer_in_a_script() -> None:
    async with connect(echo) as peer:
        await peer.play(
            """
            > hello
            < bye
            """
        )


async def expect_silence_in_a_script() -> None:
    async with connect(echo) as peer:
        await peer.play("> hello\n~ 4.9")


async def expect_a_close_in_a_script() -> None:
    async with connect(closing) as peer:
        await peer.play("< close 4001 farewell")


async def expect_a_message_in_a_script() -> None:
    async with connect(silent) as peer:
        await peer.play("< hello")


async def leave_messages() -> None:
    async with connect(sending_four):
        pass


async def leave_one_of_a_thousand() -> None:
    async with connect(talking) as peer:
        for number in range(999):
            await peer.expect(f"{number} " + 200 * "x")


async def leave_a_thousand() -> None:
    async with connect(talking):
        pass


async def leave_a_handler_running() -> None:
    async with connect(silent):
        pass


async def leave_a_handler_stuck() -> None:
    async with connect(stubborn):
        pass


async def leave_an_illegal_event() -> None:
    async with connect(accepting_twice):
        pass


async def meet_an_illegal_event() -> None:
    async with connect(accepting_twice) as peer:
        await peer.receive()


async def enter_with_an_illegal_event() -> None:
    async with connect(sending_early):
        pass


async def leave_an_empty_event() -> None:
    async with connect(sending_nothing):
        pass


async def leave_half_a_denial() -> None:
    async with connect(denying_by_half):
        pass


async def leave_an_unoffered_subprotocol() -> None:
    async with connect(choosing_freely):
        pass


async def leave_an_unknown_event() -> None:
    async with connect(inventing_events):
        pass


async def enter_a_rejection() -> None:
    async with connect(refusing):
        pass


async def enter_a_rejection_of_bad_inputs() -> None:
    async with connect(rooms, "/first"):
        pass


async def enter_a_rejection_with_a_page() -> None:
    async with connect(refusing_with_a_page):
        pass


async def enter_a_close() -> None:
    async with connect(closing_early):
        pass


async def enter_a_return() -> None:
    async with connect(returning_early):
        pass


TEXTS: list[tuple[Planted, type[Exception], str]] = [
    (
        expect_a_message_of_a_handler_that_closes,
        HandlerClosed,
        """
        expected a message of type int, received close 4001 'enough'
        handler: running at here:0 in closing: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 4001 enough
        """,
    ),
    (
        expect_an_answer_to_a_wrong_message,
        HandlerClosed,
        """
        expected 4, received close 1007 'the message has the wrong form'
        handler: ended by WebSocketCastError: cannot cast the message to int: Input should be
              decimal digits with an optional sign at here:0 in doubling: async for number in
              ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > two
            0.000 < close 1007 the message has the wrong form
        """,
    ),
    (
        expect_an_answer_to_a_wrong_message_in_a_script,
        HandlerClosed,
        """
        line 2 of the script, '< 4': expected '4', received close 1007 'the message has the
              wrong form'
        handler: ended by WebSocketCastError: cannot cast the message to int: Input should be
              decimal digits with an optional sign at here:0 in doubling: async for number in
              ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > two
            0.000 < close 1007 the message has the wrong form
        """,
    ),
    (
        wait_for_a_message,
        WaitTimeout,
        """
        waited 1 s for a message of type str, and nothing came (pass timeout= to wait longer)
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
        """,
    ),
    (
        wait_for_a_value,
        WaitTimeout,
        """
        waited 5 s for {'ready': True}, and nothing came
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        wait_for_a_close,
        WaitTimeout,
        """
        waited 1 s for a close with code 1000 and reason 'done', and nothing came (pass timeout=
              to wait longer)
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        wait_for_the_end,
        WaitTimeout,
        """
        waited 1 s for the handler's end, and nothing came (pass timeout= to wait longer)
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        wait_in_a_loop,
        WaitTimeout,
        """
        waited 1 s for a message or the end, and nothing came (pass timeout= to wait longer)
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        wait_to_be_accepted,
        WaitTimeout,
        """
        waited 1 s for the handler to answer the handshake, and nothing came (pass timeout= to
              wait longer)
        handler: running at here:0 in undecided: await sleep_forever()
        transcript:
            0.000 > connect
        """,
    ),
    (
        wait_to_be_cancelled,
        WaitTimeout,
        """
        waited 1 s for the end of the cancelled handler, and nothing came (pass timeout= to wait
              longer)
        handler: running at here:0 in stubborn: await sleep(9)
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        wait_while_stalled,
        WaitTimeout,
        """
        waited 1 s for the handler's end, and nothing came (pass timeout= to wait longer)
        handler: running at here:0 in sending_on_and_on: await ws.send("tick"); its send waits
              for this peer, which has stalled (1 waiting)
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > go
            0.000 < tick
        """,
    ),
    (
        wait_for_a_shutdown,
        WaitTimeout,
        """
        waited 1 s for the end of the handler, cancelled after the shutdown's grace of 3 s, and
              nothing came (pass timeout= to wait longer)
        handler: running at here:0 in stubborn: await sleep(9)
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > disconnect 1012
        """,
    ),
    (
        expect_another_value,
        ExpectationFailed,
        """
        expected 'bye', received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_another_type,
        ExpectationFailed,
        """
        expected a message of type int, received 'hello' (WebSocketCastError: cannot cast the
              message to int: Input should be decimal digits with an optional sign)
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_a_model,
        ExpectationFailed,
        """
        expected a message of type Point, received '{"x":"north"}' (WebSocketCastError: cannot
              cast the message to Point: x: Input should be a valid integer, unable to parse
              string as an i…)
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > {"x":"north"}
            0.000 < {"x":"north"}
        """,
    ),
    (
        expect_a_union,
        ExpectationFailed,
        """
        expected a message of type int | bool, received 'null' (WebSocketCastError: cannot cast
              the message to int | bool: int: Input should be a valid integer (and 1 more
              errors))
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > null
            0.000 < null
        """,
    ),
    (
        expect_a_match,
        ExpectationFailed,
        """
        expected a match of '^bye', received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_what_is_true_of_it,
        ExpectationFailed,
        """
        expected a message that isdecimal() is true of, received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_silence_beside_a_message,
        ExpectationFailed,
        """
        expected nothing within 0.5 s, received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_silence_beside_a_close,
        ExpectationFailed,
        """
        expected nothing within 0 s, received close 4001 'enough'
        handler: running at here:0 in closing: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 4001 enough
        """,
    ),
    (
        expect_a_close_before_a_message,
        ExpectationFailed,
        """
        expected a close with any code, received the message 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_another_close,
        ExpectationFailed,
        """
        expected a close with code 1000, received close 4001 'enough'
        handler: running at here:0 in closing: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 4001 enough
        """,
    ),
    (
        expect_another_reason,
        ExpectationFailed,
        """
        expected a close with code 4001 and reason 'too much', received close 4001 'enough'
        handler: running at here:0 in closing: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 4001 enough
        """,
    ),
    (
        expect_another_close_than_its_own,
        ExpectationFailed,
        """
        expected a close with code 1000, received this end's own close 4000 'bye'
        handler: finished
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > disconnect 4000 bye
        """,
    ),
    (
        expect_a_close_after_a_drop,
        ExpectationFailed,
        """
        expected a close with code 1006, received no close, since this end has dropped the
              connection
        handler: finished
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > disconnect 1005
        """,
    ),
    (
        expect_a_close_of_a_handler_that_returns,
        ExpectationFailed,
        """
        expected a close with code 1000, received close 1006
        handler: finished
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        expect_a_close_of_a_handler_that_crashes,
        ExpectationFailed,
        """
        expected a close with code 1000, received close 1011
        handler: crashed with ValueError: boom at here:0 in crashing: raise ValueError(msg)
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < close 1011
        """,
    ),
    (
        expect_a_close_of_a_handler_that_crashes_at_length,
        ExpectationFailed,
        """
        expected a close with code 1000, received close 1011
        handler: crashed with ValueError: one line… at here:0 in crashing_at_length: raise
              ValueError("\\n".join(["one line", *(200 * ["another"])]))
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 1011
        """,
    ),
    (
        expect_a_close_of_a_handler_that_crashes_without_a_word,
        ExpectationFailed,
        """
        expected a close with code 1000, received close 1011
        handler: crashed with ValueError at here:0 in crashing_without_a_word: raise ValueError
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 1011
        """,
    ),
    (
        expect_an_answer_in_a_script,
        ExpectationFailed,
        """
        line 3 of the script, '< bye': expected 'bye', received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_silence_in_a_script,
        ExpectationFailed,
        """
        line 2 of the script, '~ 4.9': expected nothing within 4.9 s, received 'hello'
        handler: running at here:0 in echo: async for message in ws:
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > hello
            0.000 < hello
        """,
    ),
    (
        expect_a_close_in_a_script,
        ExpectationFailed,
        """
        line 1 of the script, '< close 4001 farewell': expected a close with code 4001 and
              reason 'farewell', received close 4001 'enough'
        handler: running at here:0 in closing: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < close 4001 enough
        """,
    ),
    (
        expect_a_message_in_a_script,
        WaitTimeout,
        """
        line 1 of the script, '< hello': waited 1 s for 'hello', and nothing came (pass timeout=
              to wait longer)
        handler: running at here:0 in silent: await sleep_forever()
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        leave_messages,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - 4 messages of the handler's nobody read: 'a', b'b', 'c', …
        handler: finished
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 < a
            0.000 < b'b'
            0.000 < c
            0.000 < d
            0.000 < close 1000
        """,
    ),
    (
        leave_a_handler_running,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - the handler has not ended 1 s after its peer left; it is running at here:0 in silent:
              await sleep_forever()
        handler: cancelled
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > disconnect 1000
        """,
    ),
    (
        leave_a_handler_stuck,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - the handler has not ended 1 s after its peer left; it is running at here:0 in
              stubborn: await sleep(9)
        - nor has it when it was cancelled, and had to be cut off
        handler: cancelled
        transcript:
            0.000 > connect
            0.000 < accept
            0.000 > disconnect 1000
        """,
    ),
    (
        leave_an_illegal_event,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow 'websocket.accept' after accept
        handler: crashed with IllegalEventError: ASGI does not allow 'websocket.accept' after
              accept at here:0 in accepting_twice: await send({"type": "websocket.accept"})
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        meet_an_illegal_event,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow 'websocket.accept' after accept
        handler: crashed with IllegalEventError: ASGI does not allow 'websocket.accept' after
              accept at here:0 in accepting_twice: await send({"type": "websocket.accept"})
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        enter_with_an_illegal_event,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow 'websocket.send' before the handshake is answered
        handler: crashed with IllegalEventError: ASGI does not allow 'websocket.send' before the
              handshake is answered at here:0 in sending_early: await send({"type":
              "websocket.send", "text": "hi"})
        transcript:
            0.000 > connect
        """,
    ),
    (
        leave_an_empty_event,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow a message with neither text nor bytes
        handler: crashed with IllegalEventError: ASGI does not allow a message with neither text
              nor bytes at here:0 in sending_nothing: await send({"type": "websocket.send"})
        transcript:
            0.000 > connect
            0.000 < accept
        """,
    ),
    (
        leave_half_a_denial,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow a denial response without an end
        handler: finished
        transcript:
            0.000 > connect
            0.000 < reject 404
        """,
    ),
    (
        leave_an_unoffered_subprotocol,
        LeftOver,
        """
        something is left of the connection to '/' (strict=False allows it):
        - ASGI does not allow subprotocol 'chat', which was not offered
        handler: finished
        transcript:
            0.000 > connect
            0.000 < accept chat
        """,
    ),
    (
        enter_a_rejection,
        HandshakeRejected,
        """
        the handshake was rejected with HTTP 401 Unauthorized: who are you?
        """,
    ),
    (
        enter_a_rejection_of_bad_inputs,
        HandshakeRejected,
        """
        the handshake was rejected with HTTP 400 Bad Request: [{"loc": ["path", "number"],
              "msg": "Input should be a valid integer, unable to parse string as an integer",
              "type": "int_parsing"}, {"loc": ["query", "size"], "msg": "Field required",
              "type": "missing"}]
        """,
    ),
    (
        enter_a_close,
        HandshakeRejected,
        """
        the handshake was rejected with HTTP 403 Forbidden (the app sent close 4401 who are you?
              before accept)
        """,
    ),
    (
        enter_a_return,
        HandshakeRejected,
        """
        the handshake was rejected with HTTP 403 Forbidden (the handler ended before accept)
        """,
    ),
]

# Many of something, or something long, whose text is cut to a screen.
LONG: list[tuple[Planted, type[Exception], str]] = [
    (leave_an_unknown_event, LeftOver, "- ASGI does not allow 'xxx"),
    (leave_a_thousand, LeftOver, "1000 messages of the handler's nobody read: '0 xxx"),
    (leave_one_of_a_thousand, LeftOver, "1 message of the handler's nobody read: '999 xxx"),
    (
        enter_a_rejection_with_a_page,
        HandshakeRejected,
        r"HTTP 404 Not Found: '<html>\n<br>\n",
    ),
    (
        expect_a_close_of_a_handler_that_crashes_at_length,
        ExpectationFailed,
        "handler: crashed with ValueError: one line… at ",
    ),
]


def without_lines(text: str) -> str:
    """A text with ``here:0`` for wherever this file and the line are."""
    return re.sub(r"\S*test_testing_failures\.py:\d+", "here:0", text)


def wrap(text: str) -> str:
    """A text whose long lines are broken, to fit into this file."""
    wrapped = [fill(line, 88, subsequent_indent="      ") for line in text.splitlines()]
    return "\n".join(wrapped)


def name_of(item: object) -> str:
    """A test's name for a planted fault."""
    return "" if isinstance(item, (str, type)) else str(getattr(item, "__name__", ""))


@pytest.mark.parametrize(("fault", "kind", "text"), TEXTS, ids=name_of)
async def test_a_fault_gives_this_text(fault: Planted, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        await fault()
    assert type(caught.value) is kind
    assert wrap(without_lines(str(caught.value))) == dedent(text).strip()


@pytest.mark.parametrize(("fault", "kind", "part"), LONG, ids=name_of)
async def test_a_failure_fits_on_one_screen(
    fault: Planted, kind: type[Exception], part: str
) -> None:
    with pytest.raises(kind) as caught:
        await fault()
    lines = str(caught.value).splitlines()
    assert part in str(caught.value)
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) < 600


async def test_a_handler_that_does_not_receive_gives_this_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("websocket_kit.testing._server.MAX_WAITING", 2)
    with pytest.raises(WaitTimeout) as caught:
        async with connect(silent) as peer:
            await peer.send("one")
            await peer.send("two")
            await peer.send("three")
    assert without_lines(str(caught.value)) == (
        "waited 1 s for the handler to receive, and nothing came (pass timeout= to wait longer)\n"
        "handler: running at here:0 in silent: await sleep_forever()\n"
        "transcript:\n"
        "    0.000 > connect\n"
        "    0.000 < accept\n"
        "    0.000 > one\n"
        "    0.000 > two"
    )


async def leak_tasks(ws: WebSocket, count: int) -> None:
    await ws.accept()
    for number in range(count):
        asyncio.create_task(tick(), name=f"task {number}")  # noqa: RUF006 - the fault


async def tick() -> None:
    while await asyncio.sleep(1, result=True):
        pass


@on_asyncio
async def test_a_task_left_running_gives_this_text() -> None:
    with pytest.raises(LeftOver) as caught:
        async with connect(leak_tasks, count=1):
            pass
    assert without_lines(str(caught.value)) == (
        "something is left of the connection to '/' (strict=False allows it):\n"
        "- a task it started goes on: 'task 0', at here:0 in tick:"
        " while await asyncio.sleep(1, result=True):\n"
        "handler: finished\n"
        "transcript:\n"
        "    0.000 > connect\n"
        "    0.000 < accept"
    )


@on_asyncio
async def test_many_tasks_left_running_are_counted() -> None:
    with pytest.raises(LeftOver) as caught:
        async with connect(leak_tasks, count=100):
            pass
    lines = str(caught.value).splitlines()
    assert [line.partition(",")[0] for line in lines[9:12]] == [
        "- a task it started goes on: 'task 8'",
        "- a task it started goes on: 'task 9'",
        "- and 90 more",
    ]
    assert len(cast("list[str]", caught.value.received)) == 100


@on_asyncio
async def test_a_handler_that_cancels_itself_gives_this_text() -> None:
    async def cancelling_itself(ws: WebSocket) -> None:
        await ws.accept()
        raise asyncio.CancelledError

    with pytest.raises(LeftOver) as caught:
        async with connect(cancelling_itself) as peer:
            await peer.expect_close()
    assert str(caught.value).splitlines()[:3] == [
        "something is left of the connection to '/' (strict=False allows it):",
        "- the handler was cancelled, and not by its peer",
        "handler: cancelled",
    ]


@on_asyncio
async def test_a_task_that_is_a_librarys_is_told_by_the_line_that_started_it() -> None:
    async def leak_a_sleep(ws: WebSocket) -> None:
        await ws.accept()
        asyncio.create_task(asyncio.sleep(9), name="nap")  # noqa: RUF006 - the fault

    with pytest.raises(LeftOver) as caught:
        async with connect(leak_a_sleep):
            pass
    assert without_lines(str(caught.value)).splitlines()[1] == (
        "- a task it started goes on: 'nap', started at here:0 in leak_a_sleep:"
        ' asyncio.create_task(asyncio.sleep(9), name="nap")  # noqa: RUF006 - the fault'
    )


@on_asyncio
async def test_a_task_of_an_app_that_is_installed_is_told_by_its_own_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("websocket_kit.testing._running._LIBRARIES", [HERE, *_LIBRARIES])
    with pytest.raises(LeftOver, match=r"'task 0', at .*\.py:\d+ in tick: while await"):
        async with connect(leak_tasks, count=1):
            pass


async def test_an_app_that_is_installed_is_told_by_its_own_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("websocket_kit.testing._running._LIBRARIES", [HERE, *_LIBRARIES])
    with pytest.raises(WaitTimeout) as caught:
        await wait_for_a_message()
    running = without_lines(caught.value.handler)
    assert running == "running at here:0 in silent: await sleep_forever()"


# ------------------------------------------------------------------- what a failure is and holds


async def test_a_failure_holds_what_it_says() -> None:
    with pytest.raises(ExpectationFailed) as caught:
        await expect_another_value()
    failure = caught.value
    assert failure.expected == "bye"
    assert failure.received == "hello"
    assert without_lines(failure.handler) == "running at here:0 in echo: async for message in ws:"
    assert failure.transcript[-1] == Record(0.0, "<", {"type": "websocket.send", "text": "hello"})


async def test_the_repr_of_a_failure_is_what_failed_alone() -> None:
    with pytest.raises(WaitTimeout) as caught:
        await wait_for_a_value()
    assert repr(caught.value) == (
        """WaitTimeout("waited 5 s for {'ready': True}, and nothing came")"""
    )


def test_a_plain_with_is_told_of_async_with() -> None:
    unchecked: Any = connect(echo)
    with pytest.raises(TypeError, match='is for "async with", not for "with"'), unchecked:
        pass


async def test_a_failure_is_an_assertion_and_a_wait_a_timeout_too() -> None:
    with pytest.raises(AssertionError):
        await expect_another_value()
    with pytest.raises(TimeoutError):
        await wait_for_a_message()


async def test_a_close_instead_of_a_message_is_a_disconnect_too() -> None:
    assert issubclass(HandlerClosed, WebSocketDisconnectError)
    with pytest.raises(HandlerClosed) as caught:
        await expect_a_message_of_a_handler_that_closes()
    copy = pickle.loads(pickle.dumps(caught.value))
    for failure in (caught.value, copy):
        assert (failure.code, failure.reason) == (4001, "enough")
        assert failure.expected is int
        assert failure.received == CloseInfo(4001, "enough", "server")
        assert str(failure) == str(caught.value)


async def test_the_transcript_of_a_failure_is_as_it_was_then() -> None:
    async with connect(echo) as peer:
        await peer.send("hello")
        with pytest.raises(ExpectationFailed) as caught:
            await peer.expect("bye")
    assert len(caught.value.transcript) == 4
    assert len(peer.transcript) == 5


async def test_what_is_left_is_a_list() -> None:
    with pytest.raises(LeftOver) as caught:
        await leave_messages()
    assert caught.value.expected == "nothing left"
    assert caught.value.received == [
        "4 messages of the handler's nobody read: 'a', b'b', 'c', …",
    ]


async def test_a_failure_travels_between_processes() -> None:
    with pytest.raises(ExpectationFailed) as caught:
        await expect_an_answer_in_a_script()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is ExpectationFailed
    assert str(copy) == str(caught.value)


async def test_a_rejection_holds_the_response() -> None:
    with pytest.raises(HandshakeRejected) as caught:
        await enter_a_rejection()
    copy = pickle.loads(pickle.dumps(caught.value))
    for rejected in (caught.value, copy):
        assert rejected.status == 401
        assert rejected.headers["content-type"] == "text/plain; charset=utf-8"
        assert rejected.body == b"who are you?"
        assert str(rejected) == str(caught.value)


def test_a_rejection_with_a_status_of_nobodys_has_no_phrase() -> None:
    rejected = HandshakeRejected(499)
    assert str(rejected) == "the handshake was rejected with HTTP 499"
    assert rejected.headers == Headers()
    assert rejected.body == b""


# ----------------------------------------------------------------------- wrong calls of connect()


async def greet(ws: WebSocket, name: str, greeting: str = "Hello") -> None:
    async with ws:
        await ws.send(f"{greeting} {name}")


def not_async(ws: WebSocket) -> None:
    """No handler."""


async def without_a_socket() -> None:
    """No handler either."""


class Chat:
    async def __call__(self, ws: WebSocket) -> None:
        """A handler; its class is none."""


router = WebSocketRouter()
anything: Any = connect

WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: connect("app:app"),
        TypeError,
        "connect() takes a handler, a route, a router or an ASGI app, not 'app:app'",
    ),
    (
        lambda: connect(Chat),
        TypeError,
        f"connect() takes a handler, a route, a router or an ASGI app, not {Chat!r}",
    ),
    (
        lambda: connect(dict),
        TypeError,
        "connect() takes a handler, a route, a router or an ASGI app, not <class 'dict'>",
    ),
    (
        lambda: connect(not_async),
        InvalidRouteError,
        "handler 'not_async' is not async: write 'async def'",
    ),
    (
        lambda: connect(without_a_socket),
        InvalidRouteError,
        (
            "handler 'without_a_socket' takes no WebSocket: make it the first parameter,"
            " 'ws: WebSocket'"
        ),
    ),
    (lambda: connect(echo, "ws"), ValueError, "path 'ws' must begin with a slash: write '/ws'"),
    (lambda: connect(echo, ""), ValueError, "path '' must begin with a slash: write '/'"),
    (
        lambda: connect(echo, "ws:1"),
        ValueError,
        "path 'ws:1' must begin with a slash: write '/ws:1'",
    ),
    (
        lambda: connect(echo, "ws://testserver/ws?x=1"),
        ValueError,
        "path 'ws://testserver/ws?x=1' must begin with a slash: write '/ws?x=1'",
    ),
    (lambda: anything(echo, b"/ws"), TypeError, "path is a string, not b'/ws'"),
    (
        lambda: anything(echo, headers=5),
        TypeError,
        "headers are a mapping or pairs of strings, not int",
    ),
    (
        lambda: connect(echo, headers={"x y": "z"}),
        ValueError,
        "header name b'x y' is not a token",
    ),
    (
        lambda: connect(echo, subprotocols="chat"),
        TypeError,
        "subprotocols is a list of strings; write ['chat']",
    ),
    (
        lambda: connect(echo, subprotocols=["a b"]),
        ValueError,
        "subprotocol 'a b' is not a token",
    ),
    (
        lambda: anything(echo, state=[]),
        TypeError,
        "state is a mapping, as lifespan() gives it, not []",
    ),
    (
        lambda: connect(echo, timeout=-1),
        ValueError,
        "a timeout is 0 seconds or more, or None for ever, not -1",
    ),
    (
        lambda: anything(echo, timeout="1"),
        TypeError,
        "a timeout is a number of seconds or None, not '1'",
    ),
    (lambda: connect(echo, buffer=-1), ValueError, "buffer is 0 or more, not -1"),
    (lambda: connect(echo, buffer=True), TypeError, "buffer is an int, not True"),
    (lambda: anything(echo, buffer=None), TypeError, "buffer is an int, not None"),
    (lambda: anything(echo, strict="no"), TypeError, "strict is True or False, not 'no'"),
    (
        lambda: anything(echo, server="apache"),
        ValueError,
        "there is no server 'apache' (there are uvicorn, hypercorn, daphne, granian)",
    ),
    (
        lambda: anything(echo, server=[]),
        ValueError,
        "there is no server [] (there are uvicorn, hypercorn, daphne, granian)",
    ),
    (
        lambda: anything(echo, inputs=["room"]),
        TypeError,
        "inputs is a mapping of names to values, not ['room']",
    ),
    (
        lambda: connect(echo, room="lobby"),
        TypeError,
        "handler 'echo' has no input 'room' (there are: none)",
    ),
    (
        lambda: connect(greet, nane="Ada"),
        TypeError,
        "handler 'greet' has no input 'nane' (there are: name, greeting)",
    ),
    (
        lambda: connect(greet),
        TypeError,
        "handler 'greet' needs the input 'name': connect(..., name=...)",
    ),
    (
        lambda: connect(greet, inputs={"name": "Ada"}, name="Bob"),
        TypeError,
        "the input 'name' is there twice: as a keyword and in inputs",
    ),
    (
        lambda: connect(router, room="lobby"),
        TypeError,
        (
            "'room' is neither an option of connect() nor an input: only a bare handler, as a"
            " route's .handler, takes its inputs by keyword; write them into the path, the query or"
            " the headers"
        ),
    ),
    (
        lambda: connect(router, servr="daphne"),
        TypeError,
        (
            "'servr' is neither an option of connect() (did you mean 'server'?) nor an input: only"
            " a bare handler, as a route's .handler, takes its inputs by keyword; write them into"
            " the path, the query or the headers"
        ),
    ),
    (
        lambda: connect(greet, name="Ada", tiemout=5),
        TypeError,
        (
            "handler 'greet' has no input 'tiemout' (there are: name, greeting), nor connect() such"
            " an option (did you mean 'timeout'?)"
        ),
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_call_of_connect_gives_this_text(
    call: Callable[[], object], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert str(caught.value) == text
