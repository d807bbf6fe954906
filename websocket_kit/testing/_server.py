"""An ASGI server of one connection, in memory, with the peer's end of it.

The app has ``scope``, ``receive`` and ``send``; the peer has what arrived (``inbox``, ``answer``,
``end``) and what it can do (``push``, ``leave``). Which event is legal when is a table, and what
differs between servers is the profile's. An event that is out of order raises, as in a server, and
is a complaint as well: many an app takes the exception for a peer that is gone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint
from starlette.datastructures import Headers

from websocket_kit.closing import MAX_REASON_BYTES, CloseInfo, cut_reason, is_sendable_code
from websocket_kit.errors import shorten

from ._profiles import Profile
from .transcript import Event, Record, Transcript, describe

# How many messages may wait for either end, unless the peer has stalled: as in a server's buffers,
# enough for any dialogue and an end for a handler that sends and sends.
MAX_WAITING = 10_000

# The app's state, and which of its events are legal in it.
_LEGAL: dict[str, set[str]] = {
    "connecting": {"accept", "close", "http.response.start"},
    "open": {"send", "close"},
    "denying": {"http.response.body"},
    "closed": set(),
}
_AFTER = {
    ("connecting", "accept"): "open",
    ("connecting", "close"): "closed",
    ("connecting", "http.response.start"): "denying",
    ("open", "close"): "closed",
    ("denying", "http.response.body"): "closed",
}


class PeerGoneError(OSError):
    """What ``send`` raises when the peer is gone, on servers that say so."""


class IllegalEventError(RuntimeError):
    """What ``send`` raises for an event that ASGI doesn't allow then."""


class Rejection(NamedTuple):
    """An HTTP answer to the handshake; why, where the server gives it rather than the app."""

    status: int
    headers: Headers
    body: bytes
    why: str = ""


class Server:
    """The server, and the peer's end of the connection.

    Attributes:
        profile: Whose habits it has.
        scope: The scope.
        inbox: The app's messages that the peer hasn't read.
        accepted: The event that accepted the handshake.
        rejection: How the handshake was refused.
        end: How the connection ended, as the peer sees it.
        gone: Whether the peer has left.
        has_left: Whether the app may have been told so, by a fault too.
        buffer: How many messages may wait while the peer is stalled.
        stalled: Whether the peer has stopped reading.
        held: Whether accept waits for the test to have its peer, so that what the test does first
            comes before what the app does next.
        complaints: What the app did that ASGI doesn't allow.
        transcript: All events so far.
    """

    def __init__(self, profile: Profile, scope: dict[str, Any], *, buffer: int) -> None:
        """Set a connection up, which the peer asks for at once."""
        self.profile: Profile = profile
        self.scope = scope
        self.buffer = buffer
        self.inbox: deque[Event] = deque()
        self.accepted: Event | None = None
        self.rejection: Rejection | None = None
        self.end: CloseInfo | None = None
        self.gone: bool = False
        self.has_left: bool = False
        self.stalled: bool = False
        self.held: bool = False
        self.complaints: list[str] = []
        self.transcript: Transcript = Transcript()
        self._hindered = 0
        self._faults: deque[BaseException | None] = deque()
        self._state = "connecting"
        self._start = anyio.current_time()
        self._waiting: list[tuple[Callable[[], bool], anyio.Event]] = []
        self._told_end = False
        self._coming: deque[Event] = deque()
        self._lost = 0  # how many coming messages cancelled receives take with them
        self._bodies = 0
        self._come({"type": "websocket.connect"})

    # ------------------------------------------------------------------------------ the app's end

    async def receive(self) -> Event:
        """ASGI's ``receive``."""
        if self._told_end:
            await checkpoint()  # else one that goes on receiving could not be cancelled
        elif self._coming:  # is had even with no time left, as from a server's queue
            await cancel_shielded_checkpoint()
        try:
            await self.until(lambda: bool(self._coming))
        except anyio.get_cancelled_exc_class():
            if self.profile.loses_cancelled:
                self._lost += 1
            raise
        event = self._coming.popleft()
        if event["type"] == "websocket.disconnect":
            self._told_end = True
            self._coming.extend(self._after_disconnect())
        self.notify()
        return event

    def _after_disconnect(self) -> list[Event]:
        more = self.profile.more_receives
        if more == math.inf:
            return [_disconnect(1005)]
        self.profile = self.profile._replace(more_receives=max(0, more - 1))
        return [_disconnect(1005)] if more else []

    async def send(self, event: Event) -> None:
        """ASGI's ``send``. If cancelled, the event was not sent."""
        kind = str(event.get("type")).removeprefix("websocket.")
        state = self._state
        await checkpoint()
        if kind not in _LEGAL[state]:
            self._refuse(f"{shorten(event.get('type'))} {_WHILE[state]}")
        await self._hinder(event)
        # Another task may have closed meanwhile, which makes a send that was legal none.
        if kind not in _LEGAL[self._state]:
            return
        if self.gone and self._state == "open":
            if self.profile.send_to_gone == "raises":
                msg = "the peer is gone"
                raise PeerGoneError(msg)
            return
        _HANDLERS[kind](self, event)
        self._record("<", event)
        if not event.get("more_body"):
            self._state = _AFTER.get((self._state, kind), self._state)
        self.notify()
        if kind == "accept":
            await self.until(lambda: not self.held)

    async def _hinder(self, event: Event) -> None:
        """Keep a legal event back: a message waits for room, and one that is to fail raises."""
        if event["type"] != "websocket.send":
            return
        self._hindered += 1
        try:
            await self.until(
                lambda: (
                    self.end is not None
                    or len(self.inbox) < (self.buffer if self.stalled else MAX_WAITING)
                )
            )
        finally:
            self._hindered -= 1
        if self._faults and (fault := self._faults.popleft()) is not None:
            self.has_left = True
            raise fault

    @property
    def blocks(self) -> str:
        """That a message of the app's waits for the peer to read, in words; else empty."""
        if not self._hindered:
            return ""
        why = "has stalled" if self.stalled else "reads nothing"
        return f"; its send waits for this peer, which {why} ({len(self.inbox)} waiting)"

    def _refuse(self, what: str) -> None:
        self.complaints.append(f"ASGI does not allow {what}")
        raise IllegalEventError(self.complaints[-1])

    def _accept(self, event: Event) -> None:
        subprotocol = event.get("subprotocol")
        if subprotocol is not None and subprotocol not in self.scope["subprotocols"]:
            what = f"subprotocol {shorten(subprotocol)}, which was not offered"
            if not self.profile.takes_unoffered:
                self._refuse(what)
            self.complaints.append(f"ASGI does not allow {what}")
        self.accepted = event

    def _take(self, event: Event) -> None:
        text, data = event.get("text"), event.get("bytes")
        if (text is None) is (data is None):
            self._refuse(
                f"a message with {'neither text nor' if text is None else 'both text and'} bytes"
            )
        if text or data or self.profile.sends_empty:
            self.inbox.append(event)

    def _close(self, event: Event) -> None:
        if self._state == "connecting":
            why = f"the app sent {describe(event)} before accept"
            self.rejection = Rejection(403, Headers(), b"", why)
            self._end_with(self.profile.rejected_code)
            return
        code, reason = event.get("code", 1000), event.get("reason") or ""
        if self.profile.refuses_reserved and not (code == 1000 or 3000 <= code <= 4999):
            msg = f"invalid close code {code}"
            raise Exception(msg)  # noqa: TRY002 - what daphne raises
        if self.profile.checks_close and not is_sendable_code(code):
            msg = f"invalid close code {code}"
            raise ValueError(msg)
        if self.profile.checks_close and len(reason.encode()) > MAX_REASON_BYTES:
            msg = "the close reason is over 123 bytes"
            raise ValueError(msg)
        self.end = CloseInfo(
            code, cut_reason(reason) if self.profile.closes_with_reason else "", "server"
        )
        own = self.profile.own_close_code
        self._end_with(code if own is None else own)

    def _start_denial(self, event: Event) -> None:
        if not self.profile.offers_denial:
            self._refuse("a denial response, which the scope does not offer")
        headers = Headers(raw=list(event.get("headers", ())))
        self.rejection = Rejection(event["status"], headers, b"")

    def _continue_denial(self, event: Event) -> None:
        rejection = self.rejection
        if rejection is not None and self._bodies < self.profile.body_events:
            self._bodies += 1
            self.rejection = rejection._replace(body=rejection.body + event.get("body", b""))
        if not event.get("more_body"):
            self._end_with(self.profile.rejected_code)

    def _end_with(self, code: int) -> None:
        """Have the next ``receive`` say that it is over; a code of 0: wait for ever."""
        self._coming.clear()
        if code:
            self._coming.append(_disconnect(code))

    # ----------------------------------------------------------------------------- the peer's end

    @property
    def answered(self) -> bool:
        """Whether the handshake is accepted, or wholly refused."""
        return self.accepted is not None or self._state == "closed"

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true that only this object's changes can make true."""
        while not true():
            # Woken for nothing at each turn, it would never be cancelled at its deadline (asyncio).
            waiter = true, anyio.Event()
            self._waiting.append(waiter)
            try:
                await waiter[1].wait()
            finally:
                self._waiting.remove(waiter)

    def notify(self) -> None:
        """Wake those whose wait is over."""
        for true, event in self._waiting:
            if true():
                event.set()

    def has_room(self) -> bool:
        """Whether another message may wait for the app."""
        return len(self._coming) < MAX_WAITING

    def push(self, message: str | bytes) -> None:
        """Send the app a message."""
        event: Event = {"type": "websocket.receive"}
        if isinstance(message, str):
            event["text"] = message
        else:
            event["bytes"] = message
            if self.profile.text_is_none:
                event["text"] = None
        self._come(event)

    def close(self, code: int, reason: str) -> None:
        """Let the peer close."""
        said = reason if self.profile.peer_reason else ""
        event = _disconnect(self.profile.peer_code or code, said)
        self._leave(CloseInfo(code, reason, "peer"), event)

    def drop(self, code: int | None) -> None:
        """Let the peer be gone; the code is what the app is told."""
        known = self.profile.gone_code if code is None else code
        self._leave(CloseInfo(None, "", "peer"), _disconnect(known))

    def shut_down(self) -> None:
        """Let the server close, as one does that stops."""
        self._leave(CloseInfo(1012, "", "server"), _disconnect(1012))

    def _leave(self, end: CloseInfo, event: Event) -> None:
        if self.end is None and self.rejection is None:
            self.end = end
            self.gone = self.has_left = True
            self._come(event)

    def _come(self, event: Event) -> None:
        self._record(">", event)
        if self._lost and event["type"] == "websocket.receive":
            self._lost -= 1
            return
        self._coming.append(event)
        self.notify()

    def fail(self, error: BaseException, after: int) -> None:
        """Have a message of the app's fail, the next but ``after``."""
        self._faults.extend([None] * (after - len(self._faults)))
        self._faults.append(error)

    def finish(self, *, crashed: bool) -> None:
        """Note that the app has ended: what the server does if that was too early."""
        if self._state == "open" and self.end is None:
            self.end = CloseInfo(self.profile.crash_code if crashed else 1006, "", "server")
        elif self._state in {"connecting", "denying"}:
            if self._state == "denying":
                self.complaints.append("ASGI does not allow a denial response without an end")
            status = self.profile.crash_status if crashed else 403
            why = "the handler ended before accept"
            self.rejection = self.rejection or Rejection(status, Headers(), b"", why)
        self._state = "closed"
        self.notify()

    def _record(self, direction: Any, event: Event) -> None:
        self.transcript.append(Record(anyio.current_time() - self._start, direction, event))


_HANDLERS: dict[str, Callable[[Server, Event], None]] = {
    "accept": Server._accept,
    "send": Server._take,
    "close": Server._close,
    "http.response.start": Server._start_denial,
    "http.response.body": Server._continue_denial,
}
_WHILE = {
    "connecting": "before the handshake is answered",
    "open": "after accept",
    "denying": "within a denial response",
    "closed": "after the end",
}


def _disconnect(code: int, reason: str = "") -> Event:
    event: Event = {"type": "websocket.disconnect", "code": code}
    return {**event, "reason": reason} if reason else event


def payload(event: Event) -> str | bytes:
    """The message in an event."""
    text: str | None = event.get("text")
    return text if text is not None else event["bytes"]
