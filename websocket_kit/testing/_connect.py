"""Connecting a peer to a handler, and seeing both to their end."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Never
from urllib.parse import quote, unquote

import anyio

from websocket_kit._ending import Ending
from websocket_kit._handshake import check_subprotocols
from websocket_kit._options import check_count, check_timeout
from websocket_kit._serving import failure_watcher
from websocket_kit.closing import HeadersLike, encode_headers
from websocket_kit.errors import shorten

from ._force import abandon
from ._profiles import PROFILES, Profile, ServerName, make_scope
from ._running import LONGEST, Running, calm_down
from ._server import IllegalEventError, Server
from ._target import Target, as_app
from .failures import HandshakeRejected, LeftOver
from .peer import Peer
from .virtual_time import begin_wait

# How many of the messages that nobody read a text shows.
MAX_SHOWN = 3


def connect(  # noqa: PLR0913 - its options are keywords
    target: Any,
    path: str = "/",
    /,
    *,
    headers: HeadersLike = (),
    subprotocols: Sequence[str] = (),
    state: Mapping[str, Any] | None = None,
    timeout: float | None = 1.0,
    buffer: int = 16,
    strict: bool = True,
    server: ServerName = "uvicorn",
    inputs: Mapping[str, Any] | None = None,
    **more_inputs: Any,
) -> AbstractAsyncContextManager[Peer]:
    """Connect a peer to a handler, in memory: on the test's own event loop, with no server.

    Entering does the handshake. Leaving waits until every other task is blocked, closes with 1000
    if the connection is still open, waits for the handler, and then fails the test if anything is
    left: the handler's own exception, which comes out as it is, or what ``strict`` finds. An
    exception of the test's own goes before all that.

    A bare handler is run as on a route, but that a return without a close is not made good by a
    router: the peer sees 1006.

    Args:
        target: A handler function, a route, a router, or any ASGI app. A function whose first
            three parameters are scope, receive and send is an app, any other a handler; one whose
            first parameter is Starlette's ``WebSocket`` gets that.
        path: The path, which may hold a query.
        headers: The handshake's headers, beside those that every client sends.
        subprotocols: The subprotocols to offer.
        state: The lifespan's state, as ``lifespan`` gives it.
        timeout: Seconds that every wait may take; None: for ever.
        buffer: How many messages may wait while the peer is stalled.
        strict: Whether leaving fails the test for a message nobody read, an ASGI event in an
            illegal order, a handler that does not end after its peer has left, and (on asyncio)
            a task it left running.
        server: The server whose habits to take on.
        inputs: A bare handler's inputs by name, where a name is an option's.
        more_inputs: A bare handler's other inputs.

    Raises:
        HandshakeRejected: On entering: the handshake was refused.
        WaitTimeout: On entering: it was not answered in time.
        Exception: The handler's own. On entering, if it came before accept; a note on it says which
            HTTP status the peer saw.
        LeftOver: On leaving: ``strict`` has found something.
        TypeError: An argument is of the wrong type, or the handler has no such input.
        ValueError: One is out of bounds or malformed.

    If cancelled, the handler is cancelled too, and its clean-up waited for, a second at most. A
    handler that goes on though cancelled is cut off.

    Example:
        >>> async def test_echo():
        ...     async with connect(echo) as peer:
        ...         await peer.send("hi")
        ...         await peer.expect("hi")
    """
    _check_types(path=path, state=state, strict=strict, inputs=inputs)
    both = set(inputs or ()) & set(more_inputs)
    if both:
        msg = f"the input {min(both)!r} is there twice: as a keyword and in inputs"
        raise TypeError(msg)
    if server not in list(PROFILES):  # it may not be hashable
        msg = f"there is no server {server!r} (there are {', '.join(PROFILES)})"
        raise ValueError(msg)
    names = sys._getframe(1).f_locals
    app = as_app(target, {**(inputs or {}), **more_inputs}, names, tuple(_OPTIONS))
    scope = _make_scope(
        PROFILES[server], path, encode_headers(headers), check_subprotocols(subprotocols), state
    )
    seconds, waiting = check_timeout(timeout), check_count(buffer, "buffer")
    return _Connection(app, PROFILES[server], scope, seconds, waiting, strict=strict)


_OPTIONS: dict[str, Any] = connect.__kwdefaults__ or {}
_TYPES: dict[str, tuple[type, str]] = {
    "path": (str, "a string"),
    "state": (Mapping, "a mapping, as lifespan() gives it"),
    "strict": (bool, "True or False"),
    "inputs": (Mapping, "a mapping of names to values"),
}


def _check_types(**options: object) -> None:
    for name, value in options.items():
        tp, what = _TYPES[name]
        if not isinstance(value, tp) and not (value is None and tp is Mapping):
            msg = f"{name} is {what}, not {value!r}"
            raise TypeError(msg)


def _make_scope(
    profile: Profile,
    path: str,
    headers: list[tuple[bytes, bytes]],
    subprotocols: tuple[str, ...],
    state: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if not path.startswith("/"):
        meant = re.sub(r"^\w+://[^/]*/?", "", path)  # of a URL
        msg = f"path {path!r} must begin with a slash: write {'/' + meant!r}"
        raise ValueError(msg)
    before, _, query = path.partition("?")
    raw_path = quote(before, safe=_SAFE)
    given = {name for name, _ in headers}
    every = [(b"host", b"testserver"), *_HANDSHAKE]
    if subprotocols:
        every.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
    return make_scope(
        profile,
        path=unquote(raw_path),
        raw_path=raw_path.encode(),
        query_string=quote(query, safe=_SAFE).encode(),
        headers=[*((name, value) for name, value in every if name not in given), *headers],
        subprotocols=list(subprotocols),
        state=None if state is None else dict(state),
    )


# What a test is told of a disconnect that ended a handler whose own peer had not left.
_ANOTHERS = (
    "This is another connection's disconnect: the handler's own peer had not left. Who sends on"
    " behalf of others catches WebSocketDisconnectError."
)
# What may stand in a path or query as it is (RFC 3986, section 3.3), and the percent sign.
_SAFE = "/?:@!$&'()*+,;=-._~%"
# RFC 6455, section 4.1.
_HANDSHAKE = [
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]


class _Connection(AbstractAsyncContextManager[Peer]):
    """What ``connect`` gives."""

    def __init__(
        self,
        app: Target,
        profile: Profile,
        scope: dict[str, Any],
        timeout: float | None,
        buffer: int,
        *,
        strict: bool,
    ) -> None:
        self._app = app
        self._profile = profile
        self._scope = scope
        self._timeout = timeout
        self._buffer = buffer
        self._strict = strict
        self._problems: list[str] = []
        self._failure: BaseException | None = None

    def __enter__(self) -> Never:
        """Refuse: only ``async with`` can wait."""
        msg = 'connect() is for "async with", not for "with"'
        raise TypeError(msg)

    def __exit__(self, *error: object) -> None:
        """Never called; without it Python would not get to the other's text."""

    async def __aenter__(self) -> Peer:
        """Do the handshake."""
        __tracebackhide__ = True
        server = self._server = Server(self._profile, self._scope, buffer=self._buffer)
        server.held = True
        app = self._app
        # The app's task alone is to have this.
        outside = failure_watcher.set(self._note_failure)
        running = self._running = Running(lambda: app(server.scope, server.receive, server.send))
        failure_watcher.reset(outside)
        running.on_end(self._finish)
        peer = self._peer = Peer(server, running, self._timeout, strict=self._strict)
        try:
            rejection = await peer._answered()
            server.held = False
            server.notify()
            if rejection is None:
                return peer
            await self._see_out(self._timeout)
            rejected = HandshakeRejected(*rejection)
            self._raise_what_is_wrong(f"the peer saw HTTP {rejected.status}")
        except BaseException as error:
            await self._running.give_up(error)
            raise
        raise rejected

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, wait for the handler, and say what is wrong."""
        __tracebackhide__ = True
        try:
            if error is None:
                await self._see_out(self._timeout)
            elif isinstance(error, GeneratorExit):
                await self._running.give_up(error)
            else:
                longest = LONGEST if self._timeout is None else min(self._timeout, LONGEST)
                with anyio.CancelScope(shield=True):
                    await self._see_out(longest)
        except BaseException as other:
            await self._running.give_up(other)
            raise
        if error is None:
            self._raise_what_is_wrong()
        elif self._peer._take_crash() is not None:
            error.add_note(f"Beside that, the handler of {self._peer._name} {self._running}")
        elif isinstance(error, LeftOver) and self._strict and self._problems:
            error.add_note(f"Beside that, {self._peer._list_left_over(self._problems)}")

    def _finish(self) -> None:
        """Note that the handler has ended, and what of."""
        running, server = self._running, self._server
        server.finish(crashed=running.error is not None)
        if self._failure is not None and isinstance(running.error, IllegalEventError | None):
            running.error = self._failure

    def _note_failure(self, error: BaseException, ending: Ending) -> None:
        """Keep what the library absorbs or others may swallow, though a test should know of it."""
        if ending.then == "log":
            self._running.absorbed = error
        elif ending.then == "raise":
            self._failure = error
        elif not self._server.has_left:
            error.add_note(_ANOTHERS)
            self._failure = error

    async def _see_out(self, timeout: float | None) -> None:
        """Close if that is still to do, see the handler to its end, and note what is left."""
        running, server = self._running, self._server
        begin_wait()
        await calm_down()
        self._problems += _unread(self._peer._unread())
        if not running.done:
            server.close(1000, "")
            await running.wait(timeout)
            await calm_down()
        if not running.done:
            self._problems.append(
                f"the handler has not ended {timeout:g} s after its peer left; it is {running}"
            )
            running.cancel()
            await running.wait(timeout)
            if not running.done:
                self._problems.append("nor has it when it was cancelled, and had to be cut off")
            await running.cut_off()
        elif running.cancelled_itself:
            self._problems.append("the handler was cancelled, and not by its peer")
        tasks = running.leftover_tasks()
        if not running.cancelled:  # that is excused, with what it causes
            self._problems += [
                f"a task it started goes on: {running.describe(task)}" for task in tasks
            ]
        for task in tasks:
            task.cancel()
        if tasks:
            await calm_down()
            for task in running.leftover_tasks():
                abandon(task)
        self._problems += server.complaints

    def _raise_what_is_wrong(self, *notes: str) -> None:
        """Raise the handler's own exception if the test hasn't met it, else what is left over."""
        __tracebackhide__ = True
        crash = self._peer._take_crash()
        if crash is None or isinstance(crash, IllegalEventError):
            self._peer._raise_left_over(self._problems, crash)
            return
        for note in notes:
            crash.add_note(note)
        raise crash


def _unread(messages: list[str | bytes]) -> list[str]:
    if not messages:
        return []
    shown = ", ".join(shorten(message) for message in messages[:MAX_SHOWN])
    more = ", …" if len(messages) > MAX_SHOWN else ""
    count = "1 message" if len(messages) == 1 else f"{len(messages)} messages"
    return [f"{count} of the handler's nobody read: {shown}{more}"]
