# pyright: reportPrivateUsage=false
"""One connection's ASGI side: its state, its events, and its end.

``WebSocket`` is the face that users see; what is here is what every call of its comes down to,
whatever the types of its messages. The file is long because nearly all of it is one class: what it
keeps is only sound as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Protocol, cast
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import checkpoint
from starlette.websockets import WebSocketDisconnect

from ._casting import Cast, caster
from ._encoding import Encode, encoder
from ._handling import Handling, OnAsyncio
from ._handshake import Rejection, foreign, offers_denial, origin_problem
from ._kept_receive import give_up, keep
from ._lifecycle import (
    ACCEPT,
    CLOSED,
    CONNECTING,
    DISCONNECTED,
    OPEN,
    RECEIVE,
    REJECTED,
    SEND,
    TRANSITIONS,
    Call,
    State,
    explain,
)
from ._limits import Bucket
from ._logging import log, log_closed, logger
from ._options import Settings, check_timeout
from ._reader import Event, Reader
from ._time_limit import in_time
from .closing import CloseCode, CloseInfo, code_for_status
from .errors import (
    WebSocketDisconnectError,
    WebSocketDroppedError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketTimeoutError,
)

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import Receive, Scope, Send

# The longest that ending a connection may take, in seconds; CANCELLED_TIMEOUT while its handler has
# to end at once.
CLOSE_TIMEOUT = 5.0
CANCELLED_TIMEOUT = 1.0


# The type of the event that stands for a message over max_message_bytes.
TOO_BIG = "websocket_kit.too_big"

# Of a connection's parts those that few have, for an attribute is memory of all: what counts its
# messages, where messages_per_second is set; and when it was accepted, by the event loop's clock,
# where that will be logged.
_buckets: WeakKeyDictionary[Channel, Bucket] = WeakKeyDictionary()
_opened_at: WeakKeyDictionary[Channel, float] = WeakKeyDictionary()


class Channel:
    """What a WebSocket is made of."""

    __slots__ = (
        "__weakref__",
        "_asgi_receive",
        "_asgi_send",
        "_cast",
        "_close_info",
        "_connect_received",
        "_dropped",
        "_encode",
        "_few_characters",
        "_handling",
        "_leftover",
        "_open",
        "_origin_checked",
        "_owed",
        "_reader",
        "_receive_now",
        "_receiving",
        "_request",
        "_send_now",
        "_settings",
        "_state",
        "_wrapped",
        "scope",
        "subprotocol",
    )
    if TYPE_CHECKING:
        # For __slots__, which set_up() fills.
        scope: Scope
        subprotocol: str | None
        _close_info: CloseInfo | None
        _asgi_receive: Receive
        _asgi_send: Send
        _cast: Cast | None
        _encode: Encode
        _settings: Settings
        # A text of so many is below the limit, however it is encoded; -1 where it isn't open, so
        # that the short way of a receive needs one look for both.
        _few_characters: int
        _state: State
        _open: bool  # whether _state is OPEN: a bool costs less to look at
        # The server's send while nothing special is on: open, no timeout.
        _send_now: Send | None
        # The server's receive while nothing special is on: open, no task receiving, no timeout,
        # limit, task group or leftover.
        _receive_now: Receive | None
        # A task receives the slow way; or any, and the library has ended the connection.
        _receiving: bool
        _connect_received: bool
        _origin_checked: bool
        _request: HTTPConnection | None
        _owed: list[Event] | None  # what ends the connection and the server doesn't have yet
        _reader: Reader | None
        _leftover: deque[Event] | None
        _wrapped: Wrapped | None
        _dropped: str | None  # why the library has ended the connection, if it has
        # The handler, while router or endpoint runs it; on asyncio its task, until it is asked for.
        _handling: Handling | asyncio.Task[Any] | None

    async def _receive_connect(self, call: Call = ACCEPT) -> None:
        if self._connect_received:
            return
        await self._demand(self._check_free)
        event = await self._receive_exclusively(self._asgi_receive)
        if event["type"] == "websocket.disconnect":
            raise self._left(event, call)
        if event["type"] != "websocket.connect":
            msg = f"cannot {call.value}: the server sent {event['type']!r} instead of a handshake"
            raise WebSocketHandshakeError(msg)
        self._connect_received = True

    def _foreign_origin(self) -> Rejection | None:
        self._origin_checked = True
        headers = self.scope.get("headers") or ()
        problem = origin_problem(headers, self._settings.allowed_origins)
        return None if problem is None else foreign(problem)

    async def _end(self, end: Coroutine[Any, Any, None]) -> None:
        """Close or refuse, in a bounded time; what is left of it after a cancellation is owed."""
        await in_time(CLOSE_TIMEOUT, end)
        self._owed = None

    async def _refuse(self, rejection: Rejection, *, code: int | None = None) -> None:
        """Answer with an HTTP status; with a plain close where ``code`` or the server wants it."""
        self._refuse_next(rejection, code)
        try:
            await self._send_owed()
        finally:
            self._log_rejected(rejection, code)

    def _refuse_next(self, rejection: Rejection, code: int | None = None) -> None:
        """Count the handshake as refused, and owe its peer the answer."""
        self._over(REJECTED, CloseInfo(None, "", "server"))
        if not self._answers_http(code):
            plain = code_for_status(rejection.status) if code is None else code
            self._owed = [close_event(plain, "")]
            return
        body = rejection.body
        payload = body.encode("utf-8", "replace") if isinstance(body, str) else body
        fields = [*rejection.headers]
        names = {name for name, _ in fields}
        if b"content-type" not in names and payload:
            fields.append((b"content-type", b"text/plain; charset=utf-8"))
        if b"content-length" not in names:
            fields.append((b"content-length", str(len(payload)).encode()))
        self._owed = [
            {
                "type": "websocket.http.response.start",
                "status": rejection.status,
                "headers": fields,
            },
            {"type": "websocket.http.response.body", "body": payload},
        ]

    def _answers_http(self, code: int | None) -> bool:
        return code is None and offers_denial(self.scope)

    def _log_rejected(self, rejection: Rejection, code: int | None = None) -> None:
        status = rejection.status if self._answers_http(code) else 403
        why = rejection.text
        log(
            rejection.level,
            "rejected",
            self.scope,
            " with HTTP %d: %s" if why else " with HTTP %d",
            *([status, why] if why else [status]),
            status=status,
            setting=rejection.setting or None,
        )

    async def _close(self, code: int, reason: str) -> None:
        self._close_next(CLOSED, code, reason)
        try:
            await self._send_owed()
        finally:
            self._log_closed()

    def _close_next(self, state: State, code: int, reason: str) -> None:
        """Count the connection as over, and owe its peer the close."""
        self._over(state, CloseInfo(int(code), reason, "server"))
        self._owed = [close_event(code, reason)]

    def _log_closed(self) -> None:
        info = self._close_info
        if info is not None and logger.isEnabledFor(logging.DEBUG):
            opened_at = _opened_at.get(self)
            duration = None if opened_at is None else anyio.current_time() - opened_at
            log_closed(self.scope, info, duration)

    def _log_accepted(self) -> None:
        _opened_at[self] = anyio.current_time()
        log(logging.DEBUG, "accepted", self.scope, "")

    # ------------------------------------------------------------- by the library's own decision

    def _drop(self, code: int, reason: str, why: str, *, state: State = CLOSED) -> None:
        """End a connection that its handler doesn't end: a drain, a limit.

        The peer is owed the close, and whatever the handler calls next raises, which counts as a
        goodbye. A ``receive`` that waits meanwhile is woken by the server, or by ``free_receiver``.
        """
        receiving = self._is_receiving()
        self._dropped = why
        if self._open:
            self._close_next(state, code, reason)
        else:
            self._refuse_next(Rejection(503))
        self._leftover = None
        self._receiving = receiving

    async def _drop_for(
        self, setting: str, code: int, reason: str, why: str, *, state: State = CLOSED
    ) -> None:
        """Drop for a limit, and close in a second at most."""
        log(logging.INFO, "dropped", self.scope, ": %s", why, setting=setting)
        self._drop(code, reason, why, state=state)
        with anyio.move_on_after(CANCELLED_TIMEOUT, shield=True):
            await self._send_owed()
        self._owed = None
        self._log_closed()

    async def _send_owed(self) -> None:
        # granian doesn't send a close while a receive is pending.
        if self._reader is not None:
            await self._reader.stop(goodbye=self._dropped is not None)
        wrapped = self._wrapped
        give_up(self._asgi_receive if wrapped is None else wrapped.server_receive)
        # Taken at once: of two tasks that send what is owed, one has it all.
        owed, self._owed = self._owed or [], None
        for number, event in enumerate(owed):
            try:
                await self._asgi_send(event)
            except BaseException as error:
                if not is_from_server(error):
                    self._still_owe(owed[number:])
                    raise
                if self._state is not REJECTED:
                    await self._close_otherwise(event)
                elif isinstance(error, OSError):  # the peer is gone
                    return
                # Else the server may have the rejection's start already, and needs its body.

    def _still_owe(self, events: list[Event]) -> None:
        """Note that a cancellation may have kept these from the server.

        One that had the first refuses the second.
        """
        self._owed = events
        if self._wrapped is not None:
            self._wrapped.send_again()

    async def _close_otherwise(self, refused: Event) -> None:
        """Close with another code; daphne refuses some that it could send, with a bare Exception.

        Its equivalent in the range for applications (1011: 4011), then the one that every server
        takes. Where the peer is gone, none goes out, and the connection counts as closed.
        """
        code, reason = refused["code"], refused["reason"]
        for other in (code + 3000 if code < 3000 else code, 1000):
            if other != code and await self._closes_with(close_event(other, reason)):
                return

    async def _closes_with(self, event: Event) -> bool:
        """Close with a code in another's place; False where the server refuses it too."""
        if self._wrapped is not None:
            self._wrapped.send_again()
        try:
            await self._asgi_send(event)
        except BaseException as error:
            if is_from_server(error):
                return False
            self._still_owe([event])
            self._count_as(event)
            raise
        self._count_as(event)
        return True

    def _count_as(self, event: Event) -> None:
        if self._state is CLOSED:
            self._close_info = CloseInfo(event["code"], event["reason"], "server")

    def _over(self, state: State, info: CloseInfo) -> None:
        self._move_to(state)
        self._close_info = info
        if state is not DISCONNECTED:
            self._leftover = None

    def _left(self, event: Event, call: Call) -> WebSocketDisconnectError:
        """Note that the peer has left, and make the error that says so."""
        self._leave(event)
        return self._disconnect_error(call)

    def _leave(self, event: Event) -> None:
        if self._dropped is not None:
            return
        first = self._close_info is None
        code = event.get("code")
        # 1005 and 1006 say "no code" and "no close frame": servers mix them up at will.
        # uvicorn with wsproto gives an enum of its own.
        known = int(code) if isinstance(code, int) and code not in {1005, 1006} else None
        self._owed = None
        self._over(DISCONNECTED, CloseInfo(known, event.get("reason") or "", "peer"))
        if first:
            self._log_closed()

    def _disconnect_error(self, call: Call | None = None) -> WebSocketDisconnectError:
        doing = "" if call is None else call.value
        if self._dropped is not None:
            return WebSocketDisconnectError(doing=doing, why=self._dropped)
        info = self._close_info or CloseInfo(None, "", "peer")
        return WebSocketDisconnectError(info.code, info.reason, doing=doing)

    async def _demand(self, check: Callable[..., None], *args: Any) -> None:
        """Make a check that raises unless a call is legal now.

        With a turn for the other tasks before it raises: a loop that goes on after every error must
        not stop them.
        """
        try:
            check(*args)
        except (WebSocketHandshakeError, anyio.BusyResourceError):
            await checkpoint()
            raise

    def _check(self, call: Call) -> None:
        """Raise unless the call is legal now."""
        if self._wrapped is not None:
            self._look()
        if (self._state, call) not in TRANSITIONS:
            raise self._illegal(call)

    def _illegal(self, call: Call) -> WebSocketHandshakeError:
        if self._state is DISCONNECTED:
            return self._disconnect_error(call)
        kind = WebSocketHandshakeError if self._dropped is None else WebSocketDroppedError
        return kind(explain(self._state, call, self._dropped))

    def _look(self) -> None:
        """Catch up with a wrapped socket, which others use too."""
        if self._wrapped is None:
            return
        state, connect_received = self._wrapped.state()
        self._connect_received = self._connect_received or connect_received
        if self._state in {CONNECTING, OPEN} and state is not self._state:
            if state in {CONNECTING, OPEN}:
                self._move_to(state)
                self._rest()
            else:
                by: Literal["peer", "server"] = "peer" if state is DISCONNECTED else "server"
                closed = self._wrapped.closed if self._open else None  # else no code goes out
                self._over(state, closed or CloseInfo(None, "", by))
                self._log_closed()

    def _move_to(self, state: State) -> None:
        self._state = state
        self._open = state is OPEN
        self._few_characters = self._settings.few_characters if self._open else -1
        plain = self._open and self._settings.send_timeout is None
        self._send_now = self._asgi_send if plain else None
        self._receive_now = None

    def _is_plain(self) -> bool:
        """Whether a receive may take the short way, another task's receive aside."""
        return (
            self._open
            and self._reader is None
            and not self._leftover
            and self._settings.receive_timeout is None
            and self._settings.messages_per_second is None
        )

    def _rest(self) -> None:
        """No task receives now: open the short way for the next, if it may take that."""
        self._receiving = False
        if not self._is_plain():
            self._receive_now = None
        else:
            wrapped = self._wrapped
            self._receive_now = self._asgi_receive if wrapped is None else wrapped.receive

    async def _outgoing(self, message: object) -> Event:
        await self._demand(self._check, SEND)
        encoded = self._encode(message)
        kind = "text" if isinstance(encoded, str) else "bytes"
        return {"type": "websocket.send", kind: encoded}

    async def _send_event(self, event: Event, call: Call) -> None:
        try:
            await self._asgi_send(event)
        except BaseException as error:  # noqa: BLE001 - servers raise what they like
            self._not_sent(error, call)

    async def _send_message(self, event: Event) -> None:
        """Send a message's event, in ``send_timeout`` if that is set."""
        seconds = self._settings.send_timeout
        if seconds is None:
            return await self._send_event(event, SEND)
        with anyio.move_on_after(seconds):
            return await self._send_event(event, SEND)
        if self._open:
            # Whether the message went out, nobody can tell: nothing sound can follow it.
            why = f"the peer took no message for send_timeout={seconds:g} s"
            reason = "messages were not read in time"
            state = DISCONNECTED
            await self._drop_for("send_timeout", CloseCode.TIMEOUT, reason, why, state=state)
            self._free_receiver()
        cause = TimeoutError(f"the server's send took more than {seconds:g} s")
        raise self._illegal(SEND) from cause

    def _not_sent(self, error: BaseException, call: Call) -> NoReturn:
        """Raise what the caller should see of what ``send`` raised."""
        try:
            if not is_from_server(error):
                raise error
            # Starlette counts its socket closed then.
            if not isinstance(error, WebSocketDisconnect):
                self._look()
            if not self._open:  # closed by another task, or through a wrapped socket
                raise self._illegal(call) from error
            self._leave({})
            if not isinstance(error, OSError):  # ASGI's word for a peer that is gone
                # Or the server refused the message, as daphne does over 1 MiB, and the peer waits.
                self._owed = [close_event(CloseCode.INTERNAL_ERROR, "")]
            if self._reader is not None:
                self._reader.leave(error)
            raise self._disconnect_error(call) from error
        finally:
            del error  # its traceback has this frame: the two would keep the connection alive

    def _free_receiver(self) -> None:
        """Wake the handler of a dropped connection, if it waits for a message that can't come.

        Servers wake it for the close, but not all, and a wrapped socket's other users may wait too.
        """
        handler = self._handler()
        if self._dropped is not None and self._receiving and handler is not None:
            handler.cancel()

    def _handler(self) -> Handling | None:
        """The handler that runs, if router or endpoint runs it. Most are never asked for."""
        if isinstance(self._handling, asyncio.Task):
            self._handling = OnAsyncio(self._handling)
        return self._handling

    async def _receive_slowly(self, timeout: object) -> Event:
        seconds = self._settings.receive_timeout if timeout is ... else check_timeout(timeout)
        await self._demand(self._check_receive)
        if seconds is None:
            return await self._receive_exclusively(self._next_event)
        with anyio.move_on_after(seconds):
            return await self._receive_exclusively(self._next_event)
        raise WebSocketTimeoutError(seconds)

    def _check_receive(self) -> None:
        """Raise unless a receive is legal now, and no other task receives."""
        reader = self._reader
        # What the peer sent before it left is still there, or else the reader has to know who asks.
        if not (self._state is DISCONNECTED and reader is not None and reader.buffer):
            self._check(RECEIVE)
        if reader is not None and not reader.buffer:
            msg = "cannot receive: this task group discards what comes in (give it a buffer)"
            raise WebSocketHandshakeError(msg)
        self._check_free()

    def _check_free(self) -> None:
        """Raise if a task receives."""
        if self._is_receiving():
            action = "receiving from"
            raise anyio.BusyResourceError(action)

    def _is_receiving(self) -> bool:
        """Whether a task receives."""
        return self._receiving or (self._receive_now is None and self._is_plain())

    async def _receive_exclusively(self, receive: Callable[[], Awaitable[Event]]) -> Event:
        self._receiving = True
        self._receive_now = None
        try:
            return await receive()
        except BaseException as error:  # noqa: BLE001 - servers raise what they like
            self._not_received(error)
        finally:
            self._rest()

    async def _next_event(self) -> Event:
        while True:
            if self._leftover:
                return self._leftover.popleft()
            if self._reader is None:
                return await self._from_server()
            event = await self._reader.next()
            if event is not None:
                return event
            if not self._open:
                raise self._illegal(RECEIVE)
            # The task group is ending, and this task is none of it: go on without a reader.
            await checkpoint()

    async def _from_server(self) -> Event:
        """The server's next event; a message too many ends the connection."""
        rate = self._settings.messages_per_second
        if rate is None:
            return await self._asgi_receive()
        asked = anyio.current_time()
        event = await self._asgi_receive()
        if event["type"] != "websocket.receive" or not self._open:
            return event
        if _buckets[self].take(asked, anyio.current_time()):
            return event
        if self._reader is not None:
            self._reader.end()  # it is the one that called
        why = f"the peer sent more than messages_per_second={rate:g}"
        reason = "too many messages"
        await self._drop_for("messages_per_second", CloseCode.POLICY_VIOLATION, reason, why)
        raise self._illegal(RECEIVE)

    def _not_received(self, error: BaseException) -> NoReturn:
        """Raise what the caller should see of what the server's ``receive`` raised."""
        freed = self._dropped is not None and self._receiving
        self._rest()
        try:
            if not is_from_server(error):
                handler = self._handler() if freed else None
                if handler is not None and handler.take_back(error):
                    raise self._illegal(RECEIVE) from None
                raise error
            self._look()
            if self._is_closed():  # by another task, meanwhile
                raise self._illegal(RECEIVE) from error
            raise self._left({}, RECEIVE) from error
        finally:
            del error  # as in _not_sent

    def _message(self, event: Event) -> str | bytes:
        """Take the message out of an event, or raise what the event is instead."""
        if self._is_closed():  # by another task, meanwhile
            self._rest()
            raise self._illegal(RECEIVE)
        if not self._open:  # a send has found out meanwhile that the peer is gone
            self._rest()
        if event["type"] == "websocket.disconnect":
            raise self._left(event, RECEIVE)
        if event["type"] == TOO_BIG:
            raise WebSocketMessageTooBig(event["size_bytes"], self._settings.max_message_bytes)
        if event["type"] != "websocket.receive":
            msg = f"cannot receive: the server sent {event['type']!r} instead of a message"
            raise WebSocketHandshakeError(msg)
        data = message_in(event)
        size_bytes = self._size_over_limit(data)
        if size_bytes is not None:
            raise WebSocketMessageTooBig(size_bytes, self._settings.max_message_bytes)
        return data

    def _is_closed(self) -> bool:
        """Whether this end has ended the connection."""
        if self._wrapped is not None and self._wrapped.closed is not None:
            self._look()
        return self._dropped is not None or self._state in {CLOSED, REJECTED}

    def _size_over_limit(self, data: str | bytes) -> int | None:
        """The size of a message that is over ``max_message_bytes``."""
        size_bytes = len(data)
        if size_bytes <= self._few_characters:
            return None
        if isinstance(data, str) and not data.isascii():
            size_bytes = len(data.encode("utf-8", "surrogatepass"))
        return size_bytes if size_bytes > self._settings.max_message_bytes else None

    async def _read_ahead(self) -> Event | None:
        """Read for the reader: a message's event, or None when the peer has left.

        A message that is too big is not kept: what waits may be many.
        """
        try:
            event = await self._from_server()
        except BaseException as error:
            if self._dropped is not None and isinstance(error, WebSocketHandshakeError):
                return None  # too many messages
            if not is_from_server(error):
                raise
            event = {"type": "websocket.disconnect"}
            reader = cast("Reader", self._reader)
            reader.cause = reader.cause or error
        if event["type"] == "websocket.receive":
            size_bytes = self._size_over_limit(message_in(event))
            return event if size_bytes is None else {"type": TOO_BIG, "size_bytes": size_bytes}
        # Where this end has closed meanwhile, that is how it ended. Where a send has found out
        # first, the goodbye tells the code.
        if not self._is_closed():
            self._leave(event)
        return None


class MessageTypes(NamedTuple):
    """How a connection's messages are cast and encoded.

    Attributes:
        cast: What casts to ``Received``; None for ``str``, which needs no casting.
        encode: What encodes a ``Sent``.
    """

    cast: Cast | None
    encode: Encode

    @classmethod
    def of(cls, receives: Any, sends: Any) -> MessageTypes:
        """From the two types."""
        return cls(None if receives is str else caster(receives), encoder(sends))


def set_up(
    ws: Channel,
    scope: Scope,
    receive: Receive,
    send: Send,
    types: MessageTypes,
    settings: Settings,
) -> None:
    """Give a new WebSocket its parts, all checked."""
    ws.scope = scope
    ws.subprotocol = None
    ws._close_info = None
    ws._asgi_receive = keep(receive)
    ws._asgi_send = send
    ws._cast, ws._encode = types
    ws._settings = settings
    if settings.messages_per_second is not None:
        _buckets[ws] = Bucket(settings.messages_per_second)
    ws._receiving = False
    ws._move_to(CONNECTING)
    ws._connect_received = False
    ws._origin_checked = False
    ws._request = None
    ws._owed = None
    ws._reader = None
    ws._leftover = None
    ws._wrapped = None
    ws._dropped = None
    ws._handling = None


class Wrapped(Protocol):
    """A socket that a connection wraps, and that others use too."""

    @property
    def closed(self) -> CloseInfo | None:
        """How this end has closed it, by whichever user's hand."""
        ...

    @property
    def server_receive(self) -> Receive:
        """The server's ``receive``, below the socket's."""
        ...

    def state(self) -> tuple[State, bool]:
        """The socket's state, and whether connect was received."""
        ...

    def receive(self) -> Awaitable[Event]:
        """Receive, which raises if this end has closed."""
        ...

    def send(self, event: Event) -> Awaitable[None]:
        """Send, which raises a WebSocketDisconnect for a message if the peer has left."""
        ...

    def send_again(self) -> None:
        """Take the next event but a message for the last one, which the server may lack."""
        ...


def follow(ws: Channel, wrapped: Wrapped) -> None:
    """Keep up with a socket that others use too."""
    ws._wrapped = wrapped
    ws._asgi_send = wrapped.send
    ws._look()


def is_from_server(error: BaseException) -> bool:
    """Whether an error is the server's word that the peer is gone, whatever its type."""
    if isinstance(error, WebSocketHandshakeError):
        return False
    if isinstance(error, Exception):
        return True
    return not isinstance(
        error,
        (KeyboardInterrupt, SystemExit, GeneratorExit, anyio.get_cancelled_exc_class()),
    )


def message_in(event: Event) -> str | bytes:
    text: str | None = event.get("text")
    return text if text is not None else event.get("bytes") or b""


def close_event(code: int, reason: str) -> Event:
    return {"type": "websocket.close", "code": int(code), "reason": reason}
