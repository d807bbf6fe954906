"""The WebSocket: one object with a clear lifecycle, typed messages and honest errors.

What may run at once: one task receives, any number send. Which call is legal when is
``_lifecycle``'s to say, how a message is cast ``_casting``'s, and how a handler's error becomes a
close ``_ending``'s; here is the I/O.

The file is long because every method is of one class, and its docstring the reference; the code is
a third of it.

``send`` and ``receive`` are the hot path. One look, at ``_send_now`` or ``_receive_now``, tells
that nothing special is on; ``_outgoing`` and ``_receive_slowly`` sort out the rest. A second
coroutine, a timer or a lock on that path would cost a third of it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from inspect import isawaitable
from types import CoroutineType, EllipsisType, TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Never,
    NoReturn,
    Self,
    cast,
    overload,
)

import anyio
import anyio.abc
from starlette.requests import HTTPConnection
from typing_extensions import TypeForm, TypeVar, Unpack

from . import _casting
from ._channel import (
    CANCELLED_TIMEOUT,
    Channel,
    MessageTypes,
    set_up,
)
from ._encoding import Sendable, comparable
from ._ending import is_goodbye, root
from ._finishing import finish
from ._handshake import Rejection, choose_subprotocol
from ._lifecycle import ACCEPT, CLOSE, ENTER, OPEN, REJECT, SEND
from ._logging import logger
from ._options import Options, check_count, check_timeout, settle
from ._task_group import run_task_group
from .closing import CloseInfo, HeadersLike, check_body, check_close, check_status, encode_headers
from .errors import (
    InvalidRouteError,
    WebSocketDroppedError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    shorten,
)

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["Sendable", "WebSocket"]

T = TypeVar("T")

# A default that every type checker takes for a parameter's own type.
UNSET: Any = ...

Received = TypeVar("Received", covariant=True, default=str)
Sent = TypeVar("Sent", contravariant=True, default=Sendable)


class WebSocket(Channel, Generic[Received, Sent]):
    """One WebSocket connection, on any ASGI server, on asyncio and on trio.

    ``WebSocket[In, Out]`` says what the peer sends and what it is sent. In is ``str`` where nothing
    is said, Out whatever can be sent. Type checkers read it everywhere; at run time ``receive`` and
    ``send`` keep to it where it is the annotation of a handler's parameter, and elsewhere to what
    ``receives`` and ``sends`` say.

    One task may receive at a time; a second gets ``anyio.BusyResourceError``. Any number of tasks
    may send; messages never interleave. An error of a message's (a bad cast, an unexpected or too
    big message, a timeout) leaves the connection open. ``async with ws`` ends it whatever happens.

    Example:
        >>> async def app(scope, receive, send):
        ...     async with WebSocket(scope, receive, send) as ws:
        ...         async for message in ws:
        ...             await ws.send(message)

    Attributes:
        scope: The ASGI scope.
        subprotocol: The subprotocol accepted with; None before accept, or without one.
    """

    __slots__ = ()

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        # mypy fills in the TypeVars' defaults, pyright the types of these.
        receives: TypeForm[Received] = str,  # type: ignore[assignment]
        sends: TypeForm[Sent] = Sendable,  # type: ignore[assignment]
        **options: Unpack[Options],
    ) -> None:
        """Wrap raw ASGI.

        Args:
            scope: The scope of a ``websocket`` connection.
            receive: The server's ``receive``, from which nothing was received yet.
            send: The server's ``send``.
            receives: What the peer sends: the ``tp`` of ``receive`` where none is given.
            sends: What the peer is sent: messages but ``str`` and bytes are serialised as this
                type. Unset or Any: each as what it is.
            options: See ``Options``.

        Raises:
            TypeError: The scope isn't of a WebSocket, an option doesn't exist or has the wrong
                type, or a type is none that pydantic knows.
            ValueError: An option is out of bounds.
        """
        if scope["type"] != "websocket":
            msg = f"a WebSocket wraps a scope of type 'websocket', not {scope['type']!r}"
            raise TypeError(msg)
        settings = settle(options) if options else _DEFAULT_SETTINGS
        set_up(self, scope, receive, send, MessageTypes.of(receives, sends), settings)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> NoReturn:
        """Tell whoever uses it as an input's type, as FastAPI does, what is missing."""
        msg = (
            "a websocket_kit.WebSocket is no input: in a Starlette or FastAPI app put @endpoint,"
            " imported from websocket_kit, between the route decorator and the function; in a"
            " dependency take starlette.requests.HTTPConnection"
        )
        raise InvalidRouteError(msg)

    def __repr__(self) -> str:
        """The path and the state, for logs."""
        return f"<WebSocket {shorten(self.scope.get('path', ''))} {self._state.name}>"

    @property
    def open(self) -> bool:
        """Whether the connection is accepted and not yet over, as far as is known."""
        self._look()
        return self._open

    @property
    def close_info(self) -> CloseInfo | None:
        """How the connection ended; None until it has, as far as is known."""
        self._look()
        return self._close_info

    @property
    def request(self) -> HTTPConnection:
        """The handshake, with its headers, query, cookies, client, URL, session, user and state.

        What the server left out of the scope has a default here, and ports are ints.
        """
        if self._request is None:
            self._request = HTTPConnection(_complete(self.scope))
        return self._request

    # -------------------------------------------------------------------------- handshake

    async def accept(self, subprotocol: str | None = None, headers: HeadersLike = ()) -> None:
        """Wait for the handshake, then accept it.

        Args:
            subprotocol: One that the peer offered. Unset: the first of the option
                ``subprotocols`` that the peer offered, else none.
            headers: More response headers. Some servers (daphne, granian) drop them.

        Raises:
            WebSocketHandshakeError: It is already answered or over.
            WebSocketDroppedError: Its Origin may not connect: it has been rejected with 403.
            WebSocketDisconnectError: The peer left first.
            anyio.BusyResourceError: Another task waits for the handshake.
            ValueError: The subprotocol wasn't offered, or a header is malformed. Nothing was
                sent.
            TypeError: The headers are no pairs of strings. Nothing was sent.

        If cancelled, the connection counts as accepted if the acceptance may have gone out.
        """
        await self._demand(self._check, ACCEPT)
        encoded: list[tuple[bytes, bytes]] = []
        if headers != ():
            encoded = encode_headers(headers)
            if any(name == b"sec-websocket-protocol" for name, _ in encoded):
                msg = "Sec-WebSocket-Protocol is no header to accept with: give accept(subprotocol)"
                raise ValueError(msg)
        ours, chosen = self._settings.subprotocols, None
        if ours or subprotocol is not None:
            chosen = choose_subprotocol(subprotocol, ours, self.scope.get("subprotocols") or ())
        if not self._connect_received:
            await self._receive_connect()
        if not self._origin_checked and (foreign := self._foreign_origin()) is not None:
            await self._end(self._refuse(foreign))
            msg = f"cannot accept: {foreign.text}; it was rejected with HTTP 403"
            raise WebSocketDroppedError(msg)
        self._check(ACCEPT)  # another task may have answered meanwhile
        # Before the await: were it cancelled half-way, a close is legal whether or not the accept
        # went out, and another answer is not.
        self._move_to(OPEN)
        self._rest()
        self.subprotocol = chosen
        try:
            await self._asgi_send(
                {"type": "websocket.accept", "subprotocol": chosen, "headers": encoded}
            )
        except BaseException as error:  # noqa: BLE001 - servers raise what they like
            self._not_sent(error, ACCEPT)
        if logger.isEnabledFor(logging.DEBUG):
            self._log_accepted()

    async def reject(
        self, status: int = 403, *, body: str | bytes = "", headers: HeadersLike = ()
    ) -> None:
        """Refuse the handshake.

        With an HTTP answer where the server offers ASGI's Websocket Denial Response extension;
        else with a plain close, which the peer sees as HTTP 403. A peer that is gone by then counts
        as rejected.

        Args:
            status: The HTTP status, 400 to 599.
            body: The HTTP body; a str goes as UTF-8 text.
            headers: More response headers.

        Raises:
            WebSocketHandshakeError: It is already answered or over.
            WebSocketDisconnectError: The peer left before its handshake was read.
            anyio.BusyResourceError: Another task waits for the handshake.
            ValueError: A bad status or header. Nothing was sent.
            TypeError: The status is no int, the body neither a str nor bytes, or a header no pair.
                Nothing was sent.

        Sending the answer takes 5 seconds at most. If cancelled then, the connection is over; what
        the server may not have yet is sent by router or ``endpoint`` when the handler ends.
        """
        await self._demand(self._check, REJECT)
        check_status(status)
        check_body(body)
        encoded = encode_headers(headers)
        await self._receive_connect(REJECT)
        self._check(REJECT)  # another task may have answered meanwhile
        await self._end(self._refuse(Rejection(status, body, encoded)))

    # --------------------------------------------------------------------------- the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close an open connection.

        Takes 5 seconds at most: a peer that doesn't read by then, or is gone, counts as closed.
        Another task's pending ``receive`` inside ``task_group`` ends with WebSocketHandshakeError.

        Args:
            code: 1000-1003, 1007-1014 or 3000-4999. daphne sends only 1000 and 3000-4999: there
                1011 goes out as 4011, and so on.
            reason: Cut to 123 bytes of UTF-8, on a character's boundary.

        Raises:
            WebSocketHandshakeError: The connection is not open.
            WebSocketDisconnectError: The peer has left before.
            ValueError: The code may not be sent. Nothing was.
            TypeError: The code is no int, or the reason no str. Nothing was sent.

        If cancelled, the connection is over; a close that the server may not have yet is sent at
        the end of ``async with``, by the router or ``endpoint``.
        """
        code, reason = check_close(code, reason)
        await self._demand(self._check, CLOSE)
        await self._end(self._close(code, reason))

    # ----------------------------------------------------------------------------- sending

    async def send(self, message: Sent) -> None:
        """Send one message.

        A ``str`` goes as text, bytes as binary, a bool as ``true`` or ``false``, an int as digits;
        anything else that JSON can hold (dict, list, None, float, enum, date, UUID, dataclass,
        pydantic model) as JSON text, by alias, NaN and infinities as ``null``.

        Args:
            message: The message.

        Raises:
            WebSocketHandshakeError: The connection is not open; nothing was sent.
            WebSocketDisconnectError: The peer has left, or took no message for ``send_timeout`` and
                was dropped with 3008 (in one more second at most); the message may not have
                arrived.
            TypeError: It can't be sent; nothing was.
            ValueError: It holds what can't be sent, as a lone surrogate; nothing was sent.

        If cancelled, the message is sent whole or not at all.
        """
        send = self._send_now
        # The event made in the call and the try written twice: 3 % of an echo each. A second name
        # for the message, which mypy would have: 1 %.
        if send is not None and type(message) is str and message.isascii():  # type: ignore[attr-defined]
            try:
                return await send({"type": "websocket.send", "text": message})
            except BaseException as error:  # noqa: BLE001 - servers raise what they like
                self._not_sent(error, SEND)
        if send is None:  # a limit is on, or it is not open
            return await self._send_message(await self._outgoing(message))
        encoded = self._encode(message)
        kind = "text" if type(encoded) is str else "bytes"
        try:
            await send({"type": "websocket.send", kind: encoded})
        except BaseException as error:  # noqa: BLE001 - servers raise what they like
            self._not_sent(error, SEND)

    # --------------------------------------------------------------------------- receiving

    @overload
    async def receive(self, *, timeout: float | None = ...) -> Received: ...

    # For the bare dict, which nothing is said of: dict[str, int] is no dict[Never, Never].
    @overload
    async def receive(
        self, tp: type[dict[Never, Never]], *, timeout: float | None = ...
    ) -> dict[str, Any]: ...

    @overload
    async def receive(self, tp: TypeForm[T], *, timeout: float | None = ...) -> T: ...

    # timeout is keyword-only for callers, as the overloads say; here it isn't, because filling in
    # a keyword-only default costs 3 % of an echo.
    async def receive(self, tp: Any = ..., timeout: float | EllipsisType | None = ...) -> Any:
        """Receive one message, cast to a type.

        ``str``, ``bytes``, ``int``, ``bool`` and ``dict`` have a form of their own (see the docs
        for the table), every other type is JSON validated by pydantic. Text and binary messages
        both cast to every type.

        Args:
            tp: The type. Unset: the connection's ``Received``.
            timeout: Seconds to wait, 0 or more; None waits for ever. Unset: the option
                ``receive_timeout``.

        Raises:
            WebSocketCastError: The message is not a ``tp``. The connection stays open, and the
                next call gets the next message.
            WebSocketMessageTooBig: It is over ``max_message_bytes``. Likewise.
            WebSocketTimeoutError: None came in time. Likewise.
            WebSocketDisconnectError: The peer has left.
            WebSocketHandshakeError: The connection is not open, or was closed meanwhile.
            WebSocketDroppedError: By the library itself, as where the peer sent more than
                ``messages_per_second``, with 1008.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: pydantic doesn't know the type, or the timeout is no number; no message is
                lost.
            ValueError: The timeout is negative or NaN; likewise.

        If cancelled, no message is lost.
        """
        # From here on tp is what casts to it: each name more in this frame costs 2 % of an echo.
        # Looking a caster up costs more than all the rest; str needs none, and what was looked up
        # before is found without a call: 2 % of a dict's echo.
        if tp is ...:
            tp = self._cast
        elif tp is str:
            tp = None
        else:
            tp = (_KEPT_CASTS.get(id(tp)) or [_casting.caster(tp)])[0]
        receive = self._receive_now
        if receive is None or timeout is not ...:
            event = await self._receive_slowly(timeout)
        else:
            self._receive_now = None  # a second task goes the slow way, and is refused there
            try:
                event = await receive()
            except BaseException as error:  # noqa: BLE001 - servers raise what they like
                self._not_received(error)
            self._receive_now = receive
            text = event.get("text")
            if text is not None and len(text) <= self._few_characters:
                return text if tp is None else tp(text)
            # Where another task has closed meanwhile, no text is so short: _message sees to that.
        return (tp or _READ_TEXT)(self._message(event))

    # ------------------------------------------------------------------------ conversations

    @overload
    async def pair(
        self, message: Sent, *, recv_first: bool = ..., timeout: float | None = ...
    ) -> Received: ...

    @overload
    async def pair(
        self,
        message: Sent,
        *,
        tp: type[dict[Never, Never]],
        recv_first: bool = ...,
        timeout: float | None = ...,
    ) -> dict[str, Any]: ...

    @overload
    async def pair(
        self,
        message: Sent,
        *,
        tp: TypeForm[T],
        recv_first: bool = ...,
        timeout: float | None = ...,
    ) -> T: ...

    async def pair(
        self,
        message: Sent,
        *,
        tp: TypeForm[T] = UNSET,
        recv_first: bool = False,
        timeout: float | None = UNSET,
    ) -> Any:
        """Send one message, then return the peer's answer.

        Args:
            message: Anything ``send`` takes.
            tp: The type to cast what is received to. Unset: the connection's ``Received``.
            recv_first: Receive before sending; what was received is still what is returned.
            timeout: Seconds to wait for what is received, 0 or more; None waits for ever. Unset:
                the option ``receive_timeout``.

        Raises:
            WebSocketCastError: What came is not a ``tp``. The connection stays open; with
                ``recv_first`` nothing was sent.
            WebSocketMessageTooBig: It is over ``max_message_bytes``. Likewise.
            WebSocketTimeoutError: Nothing came in time. Likewise.
            WebSocketDisconnectError: The peer left first; ``message`` may not have arrived.
            WebSocketHandshakeError: The connection is not open.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: ``message`` can't be sent, pydantic doesn't know ``tp``, or the timeout is no
                number; nothing was sent or received.
            ValueError: ``message`` holds what can't be sent, or the timeout is negative or NaN;
                likewise.

        If cancelled, the message is sent whole or not at all.
        """
        # All that can be known to be wrong is found before anything is sent or received.
        if cast("object", tp) is not ...:
            _casting.caster(tp)
        if cast("object", timeout) is not ...:
            check_timeout(timeout)
        event = await self._outgoing(message)
        await self._demand(self._check_receive)
        if recv_first:
            received: Any = await self.receive(tp, timeout=timeout)
            self._check(SEND)
            await self._send_message(event)
            return received
        await self._send_message(event)
        answer: Any = await self.receive(tp, timeout=timeout)
        return answer

    async def expect(self, message: Sendable, *, timeout: float | None = UNSET) -> None:
        """Receive one message, which must be exactly this.

        It is cast to the type of ``message`` and compared with ``==``; where pydantic doesn't know
        that type, what ``send`` would make of ``message`` must come.

        Args:
            message: What must come: anything ``send`` takes.
            timeout: Seconds to wait, 0 or more; None waits for ever. Unset: the option
                ``receive_timeout``.

        Raises:
            WebSocketExpectError: Something else came. The connection stays open.
            WebSocketCastError: What came isn't even of that type. Likewise.
            WebSocketMessageTooBig: It is over ``max_message_bytes``. Likewise.
            WebSocketTimeoutError: Nothing came in time. Likewise.
            WebSocketDisconnectError: The peer has left.
            WebSocketHandshakeError: The connection is not open.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: ``message`` is nothing that can be sent, or the timeout is no number; no
                message is lost.
            ValueError: It holds what can't be sent, or the timeout is negative or NaN; likewise.
        """
        tp, expected = comparable(message)
        received = await self.receive(tp, timeout=timeout)
        if received != expected:
            raise WebSocketExpectError(expected, received)

    def __aiter__(self) -> AsyncIterator[Received]:
        """Messages until the connection is over, whoever ended it; ``close_info`` says how."""
        return _Messages(self, ...)

    @overload
    def iter(self) -> AsyncIterator[Received]: ...

    @overload
    def iter(self, tp: type[dict[Never, Never]]) -> AsyncIterator[dict[str, Any]]: ...

    @overload
    def iter(self, tp: TypeForm[T]) -> AsyncIterator[T]: ...

    def iter(self, tp: Any = ...) -> AsyncIterator[Any]:
        """Messages, each cast to a type, until the connection is over, whoever ended it.

        What ``receive`` raises of a message comes out of the loop, with the connection open; a
        new loop goes on with the next message.

        Args:
            tp: The type. Unset: the connection's ``Received``.

        Raises:
            WebSocketHandshakeError: The connection is not open yet.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: pydantic doesn't know the type.
        """
        return _Messages(self, tp)

    async def answer(  # noqa: C901, PLR0912 - two calls' short ways in one
        self, function: Callable[[Received], Awaitable[Sent | None] | Sent | None], /
    ) -> None:
        """Answer each message with what a function makes of it, until the connection is over.

        Args:
            function: Called with each message, one at a time; async or plain. What it returns is
                sent, unless that is None.

        Raises:
            WebSocketCastError: A message is not of the connection's type. It stays open, as after
                whatever else ``receive`` raises of a message or ``function`` raises itself.
            WebSocketHandshakeError: The connection is not open yet, or ``function`` closed it
                and still returned an answer.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: It can't be called.
        """
        if not callable(function):
            msg = f"answer() takes a function that makes answers, not {function!r}"
            raise TypeError(msg)
        # The short ways of receive and send are written out here: a coroutine for each message and
        # one for each answer make an echo cost half as much again.
        call: Callable[[Any], Any] = function
        slowly: AsyncIterator[Any] = _Messages(self, ...)
        cast_message = self._cast
        while True:
            message: Any
            receive = self._receive_now
            if receive is None:
                try:
                    message = await anext(slowly)
                except StopAsyncIteration:
                    return
            else:
                self._receive_now = None
                try:
                    try:
                        event = await receive()
                    except BaseException as error:  # noqa: BLE001 - servers raise what they like
                        self._not_received(error)
                    self._receive_now = receive
                    message = event.get("text")
                    if message is None or len(message) > self._few_characters:
                        message = (cast_message or _READ_TEXT)(self._message(event))
                    elif cast_message is not None:
                        message = cast_message(message)
                except WebSocketHandshakeError:
                    if self.close_info is None:
                        raise
                    return
            reply: Any = call(message)
            if type(reply) is str:
                send = self._send_now
            else:
                # Asking isawaitable() costs a raw echo.
                if type(reply) is _COROUTINE or isawaitable(reply):
                    reply = await reply
                if reply is None:
                    continue
                send = self._send_now if type(reply) is str else None
            try:
                if send is not None and reply.isascii():
                    try:
                        await send({"type": "websocket.send", "text": reply})
                    except BaseException as error:  # noqa: BLE001 - servers raise what they like
                        self._not_sent(error, SEND)
                else:
                    await self.send(cast("Sent", reply))
            except WebSocketHandshakeError as error:
                if is_goodbye(error):
                    return
                raise

    # -------------------------------------------------------------------------- concurrency

    def task_group(self, buffer: int = 64) -> AbstractAsyncContextManager[anyio.abc.TaskGroup]:
        """A task group beside a reader: other tasks may send while one receives.

        When the peer leaves, what it sent before is still delivered to a task that receives: one
        that waits for a message, or comes back for the next within half a second of the last (in
        a group that has just begun: of the beginning). When none does, every task is cancelled at
        once, the body of the ``async with`` too, and WebSocketDisconnectError is raised, bare
        rather than in an ExceptionGroup. So what must happen then goes around the ``async with``,
        in a ``finally``. Other errors come as an ExceptionGroup, as from any anyio task group.

        A ``send`` that finds the peer gone raises as ever, which ends its task and no other.

        Messages that came in and were not received are there for ``receive`` after the group.

        Args:
            buffer: How many messages may wait to be received. A full buffer stops the reading,
                and so the peer; one that leaves is then noticed at the next send only. 0 discards
                what comes in, for tasks that only send.

        Raises:
            WebSocketDisconnectError: The peer has left.
            WebSocketHandshakeError: The connection is not open.
            anyio.BusyResourceError: A task is receiving, or in a task group of this connection.
            ValueError: ``buffer`` is negative.
            TypeError: It is no int.
        """
        return run_task_group(self, check_count(buffer, "buffer"))

    async def send_each(self, source: AsyncIterable[Sent]) -> None:
        """Send every item of an async iterable, discarding what comes in.

        Inside ``task_group`` its reader goes on, and nothing is discarded.

        Args:
            source: The items. Closed at the end, whichever end it is; that takes one second at
                most.

        Raises:
            WebSocketDisconnectError: The peer has left; raised at once, not at the next item.
            WebSocketHandshakeError: The connection is not open.
            anyio.BusyResourceError: Another task is receiving.
            TypeError: An item can't be sent; those before it were.
            ValueError: It holds what can't be sent, as a lone surrogate; the same.
        """
        items = aiter(source)
        try:
            if self._reader is not None:
                await self._send_items(items)
            else:
                await self._send_alone(items)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                with anyio.move_on_after(CANCELLED_TIMEOUT, shield=True):
                    await close()

    async def _send_alone(self, items: AsyncIterator[Sent]) -> None:
        failure: BaseException | None = None
        try:
            async with self.task_group(buffer=0):
                await self._send_items(items)
        except ExceptionGroup as group:  # of one: only the body can fail
            failure = root(group)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # as in _not_sent

    async def _send_items(self, items: AsyncIterator[Sent]) -> None:
        async for item in items:
            await self.send(item)

    # ------------------------------------------------------------------------------- scope

    async def __aenter__(self) -> Self:
        """Accept, unless it is accepted already."""
        await self._demand(self._check, ENTER)
        if not self._open:
            try:
                await self.accept()
            except anyio.BusyResourceError:
                raise  # another task is about to answer; the connection is its
            except BaseException as error:
                await finish(self, error)  # there will be no __aexit__ to do it
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """End the connection: with 1000, or as the error says, which may be absorbed."""
        ending = await finish(self, error)
        if error is None:
            return None
        if ending.then == "disconnect" and isinstance(error, BaseExceptionGroup):
            raise root(cast("BaseException", error))
        return ending.then == "absorb"


class _Messages(AsyncIterator[T]):
    """The iterator of ``async for message in ws``."""

    __slots__ = ("_cast", "_tp", "_ws")

    def __init__(self, ws: WebSocket[Any, Any], tp: Any) -> None:
        self._ws = ws
        self._tp = tp
        self._cast: Callable[[str | bytes], Any] | None = (
            ws._cast if tp is ... else None if tp is str else _casting.caster(tp)
        )

    async def __anext__(self) -> Any:
        ws = self._ws
        receive = ws._receive_now
        try:
            if receive is None:
                return await ws.receive(self._tp)
            # The short way of receive, written out: a coroutine more costs a third of an echo.
            ws._receive_now = None
            try:
                event = await receive()
            except BaseException as error:  # noqa: BLE001 - servers raise what they like
                ws._not_received(error)
            ws._receive_now = receive
            text = event.get("text")
            if text is not None and len(text) <= ws._few_characters:
                return text if self._cast is None else self._cast(text)
            return (self._cast or _READ_TEXT)(ws._message(event))
        except WebSocketHandshakeError:
            if ws.close_info is None:
                raise
        raise StopAsyncIteration


def _complete(scope: Scope) -> Scope:
    """The scope with a default for each optional key that a server left out, and int ports."""
    missing = {key: value for key, value in _SCOPE_DEFAULTS.items() if key not in scope}
    for key in ("client", "server"):
        address = scope.get(key)
        if address and isinstance(address[1], str) and address[1].isdecimal():
            missing[key] = (address[0], int(address[1]))
    return {**scope, **missing} if missing else scope


# Source: ASGI specification, "WebSocket Connection Scope".
_SCOPE_DEFAULTS: dict[str, Any] = {
    "http_version": "1.1",
    "scheme": "ws",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": None,
    "server": None,
    "subprotocols": [],
}

_DEFAULT_SETTINGS = settle({})
_READ_TEXT = _casting.caster(str)
_KEPT_CASTS = _casting.casts_by_id
_COROUTINE: Any = CoroutineType  # Any: no type checker knows the type arguments
