"""The peer of a handler under test.

The file is long because every method is of one class, and its docstring the reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, AnyStr, Never, Self, TypeVar, cast, overload

import anyio
from anyio.lowlevel import checkpoint
from starlette import websockets
from starlette.datastructures import Headers
from typing_extensions import TypeForm

from websocket_kit._casting import caster
from websocket_kit._encoding import Sendable, encode
from websocket_kit._options import check_count, check_timeout
from websocket_kit.closing import CloseInfo, check_close
from websocket_kit.errors import (
    WebSocketCastError,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    shorten,
    type_name,
)

from ._expecting import difference, make_check
from ._running import Running, calm_down, summary
from ._script import Step, as_json, parse_script, same
from ._server import IllegalEventError, PeerGoneError, Rejection, Server, payload
from .failures import ExpectationFailed, HandlerClosed, LeftOver, WaitTimeout
from .transcript import Transcript
from .virtual_time import begin_wait

T = TypeVar("T")

_read_text = caster(str)

# A default that every type checker takes for a parameter's own type.
UNSET: Any = ...

_NOTHING = "nothing"
# How many things that are left a text shows.
MAX_PROBLEMS = 10


class Peer:
    """The other end of a handler's connection. Made by ``connect``.

    It speaks as ``WebSocket`` does, from the other side. Every wait has a deadline, the ``timeout``
    of ``connect`` unless the call gives its own (seconds; None: for ever), and fails with a text
    that says what came instead, what the handler is doing and what was said so far.

    The handler's own exception comes out of the first call that meets the end of the connection,
    after the messages before it, or else at the end of the ``async with``; once, as it is.
    """

    def __init__(
        self, server: Server, running: Running, timeout: float | None, *, strict: bool
    ) -> None:
        """Take an end of a connection; ``connect`` does that."""
        self._server = server
        self._running = running
        self._timeout = timeout
        self._strict = strict
        self._crash_told = False
        self._end_told = False
        self._excused: int | None = None  # how many messages were unread when excused

    def __repr__(self) -> str:
        """The path and what the handler is doing."""
        return f"<Peer of {self._name}: handler {self._running}>"

    @property
    def _name(self) -> str:
        """What tells it from another peer: path and query."""
        scope = self._server.scope
        query = scope["query_string"].decode()
        return shorten(scope["path"] + (f"?{query}" if query else ""))

    # ------------------------------------------------------------------------------- what is known

    @property
    def open(self) -> bool:
        """Whether neither end has closed."""
        return self._server.end is None

    @property
    def close_info(self) -> CloseInfo | None:
        """How the connection ended, as a client sees it; None while it is open.

        A handler that ended without a close is 1006, as in a browser.
        """
        return self._server.end

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the handler accepted with."""
        subprotocol: str | None = self._accepted.get("subprotocol")
        return subprotocol

    @property
    def headers(self) -> Headers:
        """The headers that the handler accepted with, as far as the server passes them on."""
        keeps = self._server.profile.keeps_headers
        return Headers(raw=list(self._accepted.get("headers") or ()) if keeps else [])

    @property
    def transcript(self) -> Transcript:
        """All that was said so far, as a list of ``Record``; prints as a dialogue."""
        return self._server.transcript

    @property
    def _accepted(self) -> dict[str, Any]:
        return dict(self._server.accepted or {})

    # ------------------------------------------------------------------------------------ messages

    async def send(self, message: Sendable, *, timeout: float | None = UNSET) -> None:
        """Send the handler one message.

        Args:
            message: What ``WebSocket.send`` takes.
            timeout: Seconds to wait while 10,000 messages wait for the handler already.

        Raises:
            WebSocketDisconnectError: The handler has closed.
            WebSocketHandshakeError: This end has closed.
            WaitTimeout: The handler doesn't receive.
            TypeError: It can't be sent.
        """
        __tracebackhide__ = True
        encoded = encode(message)
        await checkpoint()
        await self._until(
            lambda: self._server.has_room() or not self.open, timeout, "the handler to receive"
        )
        if not self.open:
            await self._meet_the_end("send")
        self._server.push(encoded)

    @overload
    async def receive(self, *, timeout: float | None = ...) -> str: ...

    # For the bare dict, as with WebSocket: dict[str, int] is no dict[Never, Never].
    @overload
    async def receive(
        self, tp: type[dict[Never, Never]], *, timeout: float | None = ...
    ) -> dict[str, Any]: ...

    @overload
    async def receive(self, tp: TypeForm[T], *, timeout: float | None = ...) -> T: ...

    async def receive(self, tp: Any = str, *, timeout: float | None = UNSET) -> Any:
        """Receive one message of the handler's, cast to a type as ``WebSocket.receive`` does.

        Args:
            tp: The type.
            timeout: Seconds to wait.

        Raises:
            WebSocketCastError: The message is not a ``tp``; the next call gets the next message.
            HandlerClosed: The handler has closed; a WebSocketDisconnectError, with its close code
                and reason.
            WebSocketHandshakeError: This end has closed, and no message is left.
            WaitTimeout: None came in time.
            Exception: The handler's own, if that is how it ended.
        """
        __tracebackhide__ = True
        cast_message = caster(tp)
        wanted = f"a message of type {type_name(tp)}"
        return cast_message(await self._receive(timeout, wanted, tp))

    @overload
    async def pair(
        self, message: Sendable, *, recv_first: bool = ..., timeout: float | None = ...
    ) -> str: ...

    @overload
    async def pair(
        self,
        message: Sendable,
        tp: type[dict[Never, Never]],
        *,
        recv_first: bool = ...,
        timeout: float | None = ...,
    ) -> dict[str, Any]: ...

    @overload
    async def pair(
        self,
        message: Sendable,
        tp: TypeForm[T],
        *,
        recv_first: bool = ...,
        timeout: float | None = ...,
    ) -> T: ...

    async def pair(
        self,
        message: Sendable,
        tp: Any = str,
        *,
        recv_first: bool = False,
        timeout: float | None = UNSET,
    ) -> Any:
        """Send one message, then return the handler's answer.

        Args:
            message: What ``send`` takes.
            tp: The type to cast what is received to.
            recv_first: Receive before sending; what was received is still what is returned.
            timeout: Seconds to wait.

        Raises:
            Exception: What ``send`` and ``receive`` raise.
        """
        __tracebackhide__ = True
        if recv_first:
            received: Any = await self.receive(tp, timeout=timeout)
            await self.send(message, timeout=timeout)
            return received
        await self.send(message, timeout=timeout)
        answer: Any = await self.receive(tp, timeout=timeout)
        return answer

    def __aiter__(self) -> Self:
        """The handler's messages as text, until the connection is over."""
        return self

    async def __anext__(self) -> str:
        """The next message; what the handler raised comes out of the loop."""
        __tracebackhide__ = True
        await checkpoint()
        await self._next(UNSET, "a message or the end")
        if not self._server.inbox:
            await self._note_the_end()
            raise StopAsyncIteration
        text: str = _read_text(self._take())
        return text

    # -------------------------------------------------------------------------------- expectations

    @overload
    async def expect(
        self, expected: type[dict[Never, Never]], *, timeout: float | None = ...
    ) -> dict[str, Any]: ...

    @overload
    async def expect(self, expected: type[T], *, timeout: float | None = ...) -> T: ...

    @overload
    async def expect(
        self, expected: re.Pattern[AnyStr], *, timeout: float | None = ...
    ) -> re.Match[AnyStr]: ...

    @overload
    async def expect(
        self, expected: Callable[[Any], object], *, timeout: float | None = ...
    ) -> Any: ...

    @overload
    async def expect(self, expected: Sendable, *, timeout: float | None = ...) -> None: ...

    @overload
    async def expect(self, expected: TypeForm[T], *, timeout: float | None = ...) -> T: ...

    async def expect(self, expected: Any, *, timeout: float | None = UNSET) -> Any:
        """Receive one message of the handler's, which must be as expected.

        Args:
            expected: A value: the message, cast to its type, equals it. Or a type: it can be cast
                to that. Or a compiled regular expression, of text or bytes: it is found in it. Or a
                function: it returns something true of the message as it came, a str or bytes.
            timeout: Seconds to wait.

        Returns:
            For a type the cast value, for an expression the match, for a function the message,
            for a value None.

        Raises:
            ExpectationFailed: Something else came. It is used up.
            HandlerClosed: The handler has closed; also a WebSocketDisconnectError.
            WebSocketHandshakeError: This end has closed, and no message is left.
            WaitTimeout: None came in time.
            Exception: The handler's own, if that is how it ended. What the function raises, with
                the message and the transcript in a note.
        """
        __tracebackhide__ = True
        what, check = make_check(expected)
        message = await self._receive(timeout, what, expected)
        why = ""
        try:
            passed, result = check(message)
        except WebSocketCastError as error:
            passed, result, why = False, None, f" ({summary(error)})"
        except Exception as error:
            text = f"expected {what}, received {shorten(message)}; checking it raised this"
            error.add_note(str(self._failure(text, expected, message)))
            raise
        if not passed:
            why = why or difference(expected, message)
            text = f"expected {what}, received {shorten(message)}{why}"
            raise self._failure(text, expected, message)
        return result

    async def expect_close(
        self,
        code: int | None = None,
        reason: str | None = None,
        *,
        timeout: float | None = UNSET,
    ) -> CloseInfo:
        """Wait for the handler to close, with nothing before it.

        Where this end was the first to close, that is the end: ``by`` is then ``"peer"``.

        Args:
            code: The close code; None: any.
            reason: The close reason; None: any.
            timeout: Seconds to wait.

        Raises:
            ExpectationFailed: It sent a message, which is still there to be received, or closed
                otherwise.
            WaitTimeout: It did neither in time.
        """
        __tracebackhide__ = True
        wanted = f"a close with {'any code' if code is None else f'code {code}'}" + (
            "" if reason is None else f" and reason {reason!r}"
        )
        await self._next(timeout, wanted)
        if self._server.inbox:
            message = payload(self._server.inbox[0])
            text = f"expected {wanted}, received the message {shorten(message)}"
            raise self._failure(text, wanted, message)
        await calm_down()
        self._end_told = True
        info = cast("CloseInfo", self._server.end)
        if code not in {None, info.code} or reason not in {None, info.reason}:
            crash = self._take_crash()
            text = f"expected {wanted}, received {_describe(info)}"
            raise self._failure(text, wanted, info) from crash
        return info

    async def expect_nothing(self, within: float = 0) -> None:
        """Prove that nothing comes: no message and no close. Uses nothing up.

        Waits until every other task is blocked, so that nothing can come any more before time
        goes on; then for ``within`` seconds more, which in virtual time is at once.

        Args:
            within: How long nothing may come, in seconds.

        Raises:
            ExpectationFailed: Something came.
            Exception: The handler's own, if that is what came.
        """
        __tracebackhide__ = True
        check_timeout(within)
        begin_wait()
        await calm_down()
        if within and not self._has_news():
            with anyio.move_on_after(within):
                await self._server.until(self._has_news)
            await calm_down()
        if self._server.inbox:
            message = payload(self._server.inbox[0])
            text = f"expected nothing within {within:g} s, received {shorten(message)}"
            raise self._failure(text, _NOTHING, message)
        if self._has_news():
            self._raise_crash()
            info = cast("CloseInfo", self._server.end)
            text = f"expected nothing within {within:g} s, received {_describe(info)}"
            raise self._failure(text, _NOTHING, info)

    def _has_news(self) -> bool:
        server = self._server
        ended = server.end is not None and server.end.by == "server" and not self._end_told
        return bool(server.inbox) or ended

    # ------------------------------------------------------------------------------------- the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection from this end. What the handler sent before can still be received.

        Args:
            code: 1000-1003, 1007-1014 or 3000-4999.
            reason: Cut to 123 bytes of UTF-8.

        Raises:
            WebSocketDisconnectError: The handler has closed.
            WebSocketHandshakeError: This end has closed.
            ValueError: The code may not be sent.
        """
        __tracebackhide__ = True
        code, reason = check_close(code, reason)
        await checkpoint()
        if not self.open:
            await self._meet_the_end("close")
        self._server.close(code, reason)

    def drop(self, code: int | None = None) -> None:
        """Be gone without a word, as when the network fails.

        The handler's ``receive`` tells it of a disconnect; what its ``send`` does is the
        server's habit: uvicorn raises an OSError.

        Args:
            code: The code in the disconnect event; None: the server's own, 1005 or 1006.
        """
        self._server.drop(code)

    def stall(self) -> None:
        """Stop reading: the handler's ``send`` blocks once ``buffer`` messages wait.

        What waits can be received all the same; each message taken makes room for one more.
        """
        self._server.stalled = True

    def resume(self) -> None:
        """Read again."""
        self._server.stalled = False
        self._server.notify()

    def fail_send(self, error: BaseException, *, after: int = 0) -> None:
        """Have the handler's next message fail: the server's ``send`` raises.

        Args:
            error: What it raises. An OSError is how servers say that the peer is gone.
            after: How many messages go out before.

        Raises:
            ValueError: ``after`` is negative.
            TypeError: It is no int.
        """
        self._server.fail(error, check_count(after, "after"))

    async def shutdown(self, grace: float = 1.0) -> None:
        """Stop the server: the handler hears of a disconnect with 1012, and is then cancelled.

        Messages it sends meanwhile need not be received.

        Args:
            grace: Seconds between the two.

        Raises:
            WaitTimeout: The cancelled handler doesn't end.
        """
        __tracebackhide__ = True
        check_timeout(grace)
        self._excuse()
        self._server.shut_down()
        await self._running.wait(grace)
        if not self._running.done:
            wanted = f"the end of the handler, cancelled after the shutdown's grace of {grace:g} s"
            await self._cancel(UNSET, wanted)

    async def cancel(self, *, timeout: float | None = UNSET) -> None:
        """Cancel the handler, and wait until it has ended.

        Messages it sends meanwhile need not be received.

        Args:
            timeout: Seconds to wait.

        Raises:
            WaitTimeout: It doesn't end.
        """
        __tracebackhide__ = True
        self._excuse()
        await self._cancel(timeout, "the end of the cancelled handler")

    async def _cancel(self, timeout: float | None, wanted: str) -> None:
        __tracebackhide__ = True
        self._running.cancel()
        await self._until(lambda: self._running.done, timeout, wanted)

    async def finished(self, *, timeout: float | None = UNSET) -> None:
        """Wait until the handler has ended, however.

        Args:
            timeout: Seconds to wait.

        Raises:
            WaitTimeout: It hasn't in time.
        """
        __tracebackhide__ = True
        await self._until(lambda: self._running.done, timeout, "the handler's end")

    # ------------------------------------------------------------------------------------- scripts

    async def play(self, script: str) -> None:
        """Run a dialogue that is written down.

        A line each: ``> message`` sends it; ``< message`` expects it, as JSON where the line is
        JSON; ``~ seconds`` expects nothing for so long; ``< close CODE [REASON]`` expects that, and
        ``> close [CODE [REASON]]`` closes from this end. A message of these very words goes by
        ``send`` and ``expect``. Indentation, blank lines and lines that begin with ``#`` don't
        count.

        Args:
            script: The dialogue.

        Raises:
            ValueError: A line is none of these; nothing was run.
            ExpectationFailed: A line failed; the text names it.
            Exception: The handler's own, with a note that names the line.
        """
        __tracebackhide__ = True
        for step in parse_script(script):
            line = f"line {step.number} of the script, {step.line!r}"
            try:
                await self._play(step)
            except ExpectationFailed as failure:
                failure.what = f"{line}: {failure.what}"
                raise
            except Exception as error:
                error.add_note(line)
                raise

    async def _play(self, step: Step) -> None:
        __tracebackhide__ = True
        if step.does == "send":
            await self.send(step.text)
        elif step.does == "silence":
            await self.expect_nothing(step.seconds)
        elif step.does == "expect close":
            await self.expect_close(step.code, step.text)
        elif step.does == "close":
            await self.close(step.code, step.text or "")
        else:
            text = cast("str", step.text)
            message = await self._receive(UNSET, shorten(text), text)
            if not same(text, message):
                what = f"expected {shorten(text)}, received {shorten(message)}"
                what += difference(as_json(text), message)
                raise self._failure(what, text, message)

    # --------------------------------------------------------------------------------------- waits

    async def _receive(self, timeout: float | None, wanted: str, expected: object) -> str | bytes:
        """The next message, or what the end raises."""
        __tracebackhide__ = True
        await checkpoint()
        await self._next(timeout, wanted)
        if not self._server.inbox:
            info = await self._handlers_end("receive")
            text = f"expected {wanted}, received {_describe(info)}"
            raise self._failure(text, expected, info, HandlerClosed)
        return self._take()

    def _take(self) -> str | bytes:
        event = self._server.inbox.popleft()
        self._server.notify()
        return payload(event)

    async def _next(self, timeout: float | None, wanted: str) -> None:
        """Wait until a message or the end is there."""
        __tracebackhide__ = True
        await self._until(lambda: bool(self._server.inbox) or not self.open, timeout, wanted)

    async def _until(self, true: Callable[[], bool], timeout: float | None, wanted: str) -> None:
        """Wait until something is true, or fail; what happens at the deadline is in time."""
        __tracebackhide__ = True
        seconds = self._timeout if cast("object", timeout) is ... else check_timeout(timeout)
        if true():
            return
        begin_wait()
        with anyio.move_on_after(seconds):
            await self._server.until(true)
        if not true():
            await calm_down()
        if not true():
            text = f"waited {seconds:g} s for {wanted}, and nothing came"
            if cast("object", timeout) is ...:
                text += " (pass timeout= to wait longer)"
            raise self._failure(text, wanted, _NOTHING, WaitTimeout)

    async def _meet_the_end(self, doing: str) -> None:
        """Raise what the end of the connection is to a call that needs it open."""
        __tracebackhide__ = True
        info = await self._handlers_end(doing)
        error = WebSocketDisconnectError(info.code, info.reason)
        error.args = (f"cannot {doing}: the handler's end is over: {_describe(info)}",)
        raise error

    async def _handlers_end(self, doing: str) -> CloseInfo:
        """How the handler ended the connection; what it raised, or this end's own end, raises."""
        __tracebackhide__ = True
        await self._note_the_end()
        info = cast("CloseInfo", self._server.end)
        if info.by == "peer":
            msg = f"cannot {doing}: this end has closed the connection"
            raise WebSocketHandshakeError(msg)
        return info

    async def _note_the_end(self) -> None:
        """Learn of the end of the connection, and raise what the handler raised."""
        __tracebackhide__ = True
        await calm_down()
        self._end_told = True
        self._raise_crash()

    def _raise_crash(self) -> None:
        __tracebackhide__ = True
        crash = self._take_crash()
        if isinstance(crash, IllegalEventError):
            self._raise_left_over(self._server.complaints, crash)
        elif crash is not None:
            raise crash

    def _raise_left_over(self, problems: list[str], cause: BaseException | None = None) -> None:
        """Raise what ``strict`` forbids, if there is any."""
        __tracebackhide__ = True
        if problems and self._strict:
            what = self._list_left_over(problems)
            raise self._failure(what, "nothing left", problems, LeftOver) from cause

    def _list_left_over(self, problems: list[str]) -> str:
        shown = problems[:MAX_PROBLEMS]
        if len(problems) > MAX_PROBLEMS:
            shown.append(f"and {len(problems) - MAX_PROBLEMS} more")
        listed = "".join(f"\n- {problem}" for problem in shown)
        return (
            f"something is left of the connection to {self._name} (strict=False allows it):{listed}"
        )

    def _take_crash(self) -> BaseException | None:
        """What the handler raised, if the test hasn't been told and it is worth telling."""
        error = self._running.error
        if error is None or self._crash_told:
            return None
        self._crash_told = True
        return None if self._server.has_left and _is_goodbye(error) else error

    async def _answered(self) -> Rejection | None:
        """Wait until the handshake is answered: how it was refused, or None."""
        __tracebackhide__ = True
        await self._until(
            lambda: self._server.answered, UNSET, "the handler to answer the handshake"
        )
        return self._server.rejection

    def _unread(self) -> list[str | bytes]:
        """The messages that the test should have received."""
        return [payload(event) for event in self._server.inbox][: self._excused]

    def _excuse(self) -> None:
        if self._excused is None:
            self._excused = len(self._server.inbox)

    def _failure(
        self,
        what: str,
        expected: object,
        received: object,
        kind: type[ExpectationFailed] = ExpectationFailed,
    ) -> ExpectationFailed:
        """A failure of the test, with the handler's state and the transcript."""
        so_far = Transcript(self._server.transcript)
        return kind(what, expected, received, f"{self._running}{self._server.blocks}", so_far)


# What a disconnect is raised as. Newer Starlettes have a second name for a call after it.
_GOODBYES = (
    websockets.WebSocketDisconnect,
    PeerGoneError,
    getattr(websockets, "WebSocketDisconnected", PeerGoneError),
)


def _is_goodbye(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return all(map(_is_goodbye, inner))
    return isinstance(error, _GOODBYES)


def _describe(info: CloseInfo) -> str:
    if info.code is None:
        return "no close, since this end has dropped the connection"
    whose = "this end's own " if info.by == "peer" else ""
    return f"{whose}close {info.code}" + (f" {info.reason!r}" if info.reason else "")
