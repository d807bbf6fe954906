"""Sockets that belong to Starlette or FastAPI."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeAlias, cast, overload

from starlette.types import Message, Receive
from starlette.websockets import WebSocket as StarletteWebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState
from typing_extensions import TypeForm, TypeVar, Unpack

from ._channel import MessageTypes, follow, set_up
from ._draining import Connections
from ._kept_receive import keep
from ._lifecycle import Call, State, explain
from ._limits import gates_of
from ._options import Options, ServingOptions, Settings, settle, settle_serving
from ._reader import Event
from ._serving import Service, serve
from ._signature import (
    check_no_marks,
    check_types,
    handler_name,
    is_websocket,
    message_types,
    names_around,
    read_hints,
)
from .closing import CloseInfo
from .connection import Sendable, WebSocket

__all__ = ["endpoint", "wrap"]

# The defaults, without which mypy infers Never for wrap(socket).
Received = TypeVar("Received", default=str)
Sent = TypeVar("Sent", default=Sendable)

Endpoint: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


def wrap(
    socket: StarletteWebSocket,
    *,
    receives: TypeForm[Received] = str,  # type: ignore[assignment]  # see WebSocket
    sends: TypeForm[Sent] = Sendable,  # type: ignore[assignment]
    **options: Unpack[Options],
) -> WebSocket[Received, Sent]:
    """Wrap a Starlette or FastAPI socket, in whatever state it is.

    It goes through the socket's public ``receive()`` and ``send()`` and keeps up with its state, so
    both objects stay usable side by side; one task may receive at a time, through either. Where a
    send of the socket's own finds the peer gone, Starlette counts that as closed by this end, and
    so does ours.

    Args:
        socket: The socket.
        receives: What the peer sends: the ``tp`` of ``receive`` where none is given.
        sends: What the peer is sent.
        options: See ``Options``.

    Raises:
        TypeError: No Starlette socket, an unknown option, or a type that pydantic doesn't know.
        ValueError: An option out of bounds.
    """
    if not isinstance(cast("object", socket), StarletteWebSocket):
        msg = f"wrap() takes a starlette.websockets.WebSocket, not {type(socket).__name__}"
        raise TypeError(msg)
    return _wrap(socket, MessageTypes.of(receives, sends), settle(options))


class _NotedSend:
    """A socket's way to the server, which notes a close."""

    __slots__ = ("_send", "_socket", "closed")

    def __init__(self, socket: StarletteWebSocket) -> None:
        self._send = socket._send
        self._socket = weakref.ref(socket)  # which holds this
        self.closed: CloseInfo | None = None

    def __call__(self, event: Message) -> Awaitable[None]:
        socket = self._socket()
        gone = socket is not None and socket.client_state is WebSocketState.DISCONNECTED
        if event["type"] == "websocket.close" and not gone:
            code, reason = int(event.get("code", 1000)), event.get("reason") or ""
            self.closed = CloseInfo(code, reason, "server")
        return self._send(event)


class _Wrapped:
    """What a connection has to know of the socket it wraps."""

    __slots__ = ("_before", "_noted", "_sends_again", "_socket")
    _before: WebSocketState  # the socket's own, before the last event but a message

    def __init__(self, socket: StarletteWebSocket) -> None:
        self._socket = socket
        self._sends_again = False
        # Below the socket's own send, which others call; once, however often it is wrapped.
        send = socket._send
        self._noted = send if isinstance(send, _NotedSend) else _NotedSend(socket)
        socket._send = self._noted

    @property
    def closed(self) -> CloseInfo | None:
        """How this end has closed it, by whichever user's hand."""
        return self._noted.closed

    @property
    def server_receive(self) -> Receive:
        """The server's, which Starlette keeps for its own ``receive``."""
        return self._socket._receive

    def state(self) -> tuple[State, bool]:
        """The socket's state in our words, and whether connect was received."""
        theirs = self._socket.client_state
        ours = self._socket.application_state
        if theirs is WebSocketState.DISCONNECTED and self.closed is None:
            state = State.DISCONNECTED
        elif ours is WebSocketState.RESPONSE:
            state = State.REJECTED
        else:
            state = _STATES[ours]
        return state, theirs is not WebSocketState.CONNECTING

    def receive(self) -> Awaitable[Event]:
        """Receive; Starlette's own lets one through after its close."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            raise RuntimeError(explain(State.CLOSED, Call.RECEIVE))
        return self._socket.receive()

    def send(self, event: Event) -> Awaitable[None]:
        """Send; Starlette's own lets a message through after the peer's goodbye."""
        if event["type"] != "websocket.send":
            # Starlette counts an event before it hands it over, and refuses a second like it.
            if self._sends_again:
                self._socket.application_state = self._before
                self._sends_again = False
            self._before = self._socket.application_state
        elif self._socket.client_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnect
        return self._socket.send(event)

    def send_again(self) -> None:
        """Take the next event but a message for the last one, which the server may lack."""
        self._sends_again = True


_STATES = {
    WebSocketState.CONNECTING: State.CONNECTING,
    WebSocketState.CONNECTED: State.OPEN,
    WebSocketState.DISCONNECTED: State.CLOSED,
}


def _wrap(
    socket: StarletteWebSocket, types: MessageTypes, settings: Settings
) -> WebSocket[Any, Any]:
    # There is no other way in: what the socket receives with, so do its other users.
    socket._receive = keep(socket._receive)
    ws: WebSocket[Any, Any] = WebSocket.__new__(WebSocket)
    set_up(ws, socket.scope, socket.receive, socket.send, types, settings)
    follow(ws, _Wrapped(socket))
    return ws


@overload
def endpoint(handler: Endpoint, /) -> Endpoint: ...


@overload
def endpoint(**options: Unpack[ServingOptions]) -> Callable[[Endpoint], Endpoint]: ...


def endpoint(
    handler: Endpoint | None = None, /, **options: Unpack[ServingOptions]
) -> Endpoint | Callable[[Endpoint], Endpoint]:
    """Give a Starlette or FastAPI endpoint our WebSocket; bare, or with options.

    The framework keeps its own routing and injection: ``Depends``, ``Query`` and path parameters
    work as ever. The connection is checked before (its Origin) and ended after the handler as the
    router does it. An error in a dependency never reaches it. It goes below the framework's own
    decorator::

        @app.websocket("/rooms/{room}")
        @endpoint
        async def chat(ws: WebSocket, room: str) -> None: ...

    Args:
        handler: An async function with a parameter annotated as our WebSocket, or else with the
            WebSocket first.
        options: See ``ServingOptions``.

    Raises:
        InvalidRouteError: The handler can't be one.
        TypeError: An unknown option, or one of the wrong type.
        ValueError: An option out of bounds.
    """
    settings = settle_serving(options)
    names = names_around()
    if handler is not None:
        return _make_endpoint(handler, settings, names)
    return lambda handler: _make_endpoint(handler, settings, names)


def _make_endpoint(handler: Endpoint, settings: Settings, names: Mapping[str, Any]) -> Endpoint:
    name = handler_name(handler)
    hints = read_hints(handler, name, names)
    check_no_marks(name, handler, hints)
    signature = inspect.signature(handler)
    parameters = list(signature.parameters.values())
    chosen = next(
        (item for item in parameters if is_websocket(hints.get(item.name))),
        next(iter(parameters), None),
    )
    types = check_types(name, *message_types(name, chosen, hints))
    key = chosen.name if chosen is not None else ""
    by_name = (
        chosen is not None
        and is_websocket(hints.get(key))
        and chosen.kind is not inspect.Parameter.POSITIONAL_ONLY
    )
    gates = gates_of(settings)
    connections = Connections()

    @functools.wraps(handler)
    async def run(*args: Any, **inputs: Any) -> None:
        # Starlette gives the socket by position, FastAPI by name; before it comes a method's self.
        if key in inputs:
            args = (*args, inputs.pop(key))
        sockets: list[Any] = [each for each in args if isinstance(each, StarletteWebSocket)]
        if not sockets:
            msg = (
                f"endpoint {name!r} was called with no WebSocket of Starlette's:"
                " is it on a route for HTTP?"
            )
            raise TypeError(msg)
        socket = sockets[0]
        ws = _wrap(socket, types, settings)

        def begin(ws: WebSocket[Any, Any]) -> Awaitable[object]:
            if by_name:
                others = [each for each in args if each is not socket]
                return handler(*others, **{key: ws}, **inputs)
            return handler(*[ws if each is socket else each for each in args], **inputs)

        await serve(ws, Service(name, begin, gates), connections)

    # What the framework reads: a socket of its own where ours is asked for, and no annotation
    # left a string, which it would look up here.
    run.__dict__["__signature__"] = signature.replace(
        parameters=[
            item.replace(
                annotation=StarletteWebSocket
                if item is chosen
                else hints.get(item.name, item.annotation)
            )
            for item in parameters
        ]
    )
    return run
