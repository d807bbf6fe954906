"""Every exception of the library, one tree.

WebSocketError
├─ WebSocketHandshakeError         this end made a call that is illegal now
│  ├─ WebSocketDisconnectError     an ordinary goodbye: the peer or the transport ended it
│  └─ WebSocketDroppedError        likewise: the library ended it, by one of its rules
├─ WebSocketExpectError            the peer sent something else than was expected
│  └─ WebSocketCastError           the peer sent what can't be cast
├─ WebSocketMessageTooBig          the peer sent too much
├─ WebSocketTimeoutError           the peer sent nothing in time
├─ WebSocketClose, WebSocketReject raised by a handler to end its connection
└─ InvalidRouteError               a route can't work as written

What the peer sent stands in a text only shortened and escaped with ``repr``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.websockets import WebSocketDisconnect

from .closing import HeadersLike, check_body, check_close, check_status, encode_headers

__all__ = [
    "InvalidRouteError",
    "WebSocketCastError",
    "WebSocketClose",
    "WebSocketDisconnectError",
    "WebSocketDroppedError",
    "WebSocketError",
    "WebSocketExpectError",
    "WebSocketHandshakeError",
    "WebSocketMessageTooBig",
    "WebSocketReject",
    "WebSocketTimeoutError",
]

MAX_SHOWN = 100

Text = TypeVar("Text", str, bytes, "str | bytes")


class WebSocketError(Exception):
    """The base of every exception the library raises of its own.

    All of them pickle; an attribute that can't be pickled travels as its ``repr``.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes: the constructors take other arguments than the text."""
        attributes = {name: _picklable(value) for name, value in vars(self).items()}
        return _restore, (type(self), self.args, attributes)


class WebSocketHandshakeError(WebSocketError):
    """The call is illegal in the connection's present state.

    The text says which call, in which state, and what to do instead. Nothing was sent, and the
    connection is as it was.
    """


class WebSocketDroppedError(WebSocketHandshakeError):
    """The library has ended the connection, by a rule that its handler could not know of.

    The handshake's Origin may not connect and was rejected with 403, the peer has sent more than
    ``messages_per_second``, or the server closes its connections; the text says which. To meet it
    is as ordinary as a goodbye, and router and ``endpoint`` absorb it as one.
    """


class WebSocketDisconnectError(WebSocketHandshakeError, WebSocketDisconnect):
    """The peer, or the transport, has ended the connection.

    Also a ``starlette.websockets.WebSocketDisconnect``, so existing ``except`` clauses work. What
    the server itself raised, if anything, is the ``__cause__``.

    Attributes:
        code: The peer's close code; None where it is unknown.
        reason: The peer's close reason, ``""`` where there is none.
    """

    code: int | None  # type: ignore[assignment]  # Starlette makes up 1005 or 1006 instead
    reason: str

    def __init__(
        self, code: int | None = None, reason: str = "", *, doing: str = "", why: str = ""
    ) -> None:
        """Make the error; ``doing`` names the call that found out, ``why`` what happened."""
        how = "code unknown" if code is None else f"code {code}"
        said = f", reason {shorten(reason)}" if reason else ""
        what = f"cannot {doing}: " if doing else ""
        why = why or f"the peer has left ({how}{said})"
        text = f"{what}{why}; nothing more can be sent or received"
        Exception.__init__(self, text)
        self.code = code
        self.reason = reason


class WebSocketExpectError(WebSocketError):
    """The peer sent something else than was expected. The connection stays open.

    Attributes:
        expected: What should have come.
        received: What came instead.
    """

    def __init__(self, expected: object, received: object) -> None:
        """Make the error from the two values."""
        super().__init__(f"expected {shorten(expected)}, received {shorten(received)}")
        self.expected = expected
        self.received = received


class WebSocketCastError(WebSocketExpectError, ValueError):
    """The peer's message can't be cast to the type asked for. The connection stays open.

    Holds at most 100 characters of what the peer sent in any one string, and no more than 20
    errors, so it can be logged.

    Attributes:
        tp: The type asked for; ``expected`` is the same.
        received: The start of the message, 100 characters at most.
        errors: pydantic's list of ``{"type", "loc", "msg"}``, without the input, each string cut
            to 100 characters; where pydantic wasn't asked, a list of one. Its type is
            ``"unexpected_error"`` where a validator raised neither ValueError nor AssertionError,
            and ``"too_many_errors"`` where there were over 20,000.
    """

    def __init__(self, tp: object, received: str | bytes, errors: list[dict[str, Any]]) -> None:
        """Make the error from a message and what is wrong with it."""
        first = errors[0] if errors else {"loc": (), "msg": "invalid", "type": ""}
        where = ".".join(str(part) for part in first["loc"])
        said = cut(f"{where}: {first['msg']}" if where else str(first["msg"]))
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        # The message itself is left out: with the text of the first error it could add up to
        # more than 100 characters of the peer's.
        text = f"cannot cast the message to {type_name(tp)}: {_printable(said)}{more}"
        Exception.__init__(self, text)
        self.tp = tp
        self.expected = tp
        self.received: str | bytes = cut(received)
        self.errors = errors


class WebSocketMessageTooBig(WebSocketError):  # noqa: N818 - the close code's own name
    """The peer's message is over ``max_message_bytes``; it was dropped unparsed.

    The connection stays open, and the next ``receive`` gets the next message.

    Attributes:
        size_bytes: The message's size; a text message counts in UTF-8.
        limit_bytes: The limit.
    """

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        """Make the error from the two sizes."""
        super().__init__(
            f"the message has {size_bytes} bytes, the limit is {limit_bytes}"
            " (max_message_bytes raises it)"
        )
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class WebSocketTimeoutError(WebSocketError, TimeoutError):
    """The peer sent no message in time. The connection stays open.

    Attributes:
        timeout: The seconds waited for.
    """

    def __init__(self, timeout: float) -> None:
        """Make the error from the seconds waited for."""
        super().__init__(f"no message came within {timeout:g} s")
        self.timeout = timeout


class WebSocketClose(WebSocketError):  # noqa: N818 - it is an instruction, as HTTPException is
    """Raise it to end the connection with this close code and reason; HTTP 403 before accept.

    Attributes:
        code: The close code.
        reason: The close reason, cut to 123 bytes of UTF-8 on a character's boundary.
    """

    code: int
    reason: str

    def __init__(self, code: int = 1000, reason: str = "") -> None:
        """Make it; a code that may not be sent is a ValueError here, what is none a TypeError."""
        self.code, self.reason = check_close(code, reason)
        why = f", reason {self.reason!r}" if reason else ""
        super().__init__(f"close with code {self.code}{why}")


class WebSocketReject(WebSocketError):  # noqa: N818 - it is an instruction, as HTTPException is
    """Raise it to refuse the handshake with an HTTP status.

    After accept it is too late for HTTP: the connection is closed with 1008 for a 4xx status and
    1011 for a 5xx.

    Attributes:
        status: The HTTP status, 400 to 599.
        body: The body, sent as UTF-8 text if it is a str.
        headers: More response headers.
    """

    def __init__(
        self, status: int = 403, body: str | bytes = "", headers: HeadersLike = ()
    ) -> None:
        """Make it; a bad status or header is a ValueError here, what is none a TypeError."""
        self.status: int = check_status(status)
        self.body: str | bytes = check_body(body)
        self.headers: list[tuple[bytes, bytes]] = encode_headers(headers)
        super().__init__(f"reject with HTTP status {self.status}")


class InvalidRouteError(WebSocketError):
    """A route can't work as written; raised where it is defined. The text says how to mend it."""


def shorten(value: object) -> str:
    """A value's ``repr``, at most 100 characters of it."""
    if isinstance(value, (str, bytes)):
        # repr of a huge string would be made whole only to be cut; escapes can lengthen it.
        value = value[: MAX_SHOWN + 1]
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def cut(text: Text) -> Text:
    """The text itself, at most 100 characters of it."""
    return text[:MAX_SHOWN]


def escape(text: str) -> str:
    """A text in which nothing but printable characters is left, at most 100 of it."""
    return cut(_printable(cut(text)))


def type_name(tp: object) -> str:
    """A type as one would write it."""
    if isinstance(tp, type) and not hasattr(tp, "__args__"):
        return tp.__qualname__
    return str(tp).replace("typing.", "")


def _printable(text: str | bytes) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def _picklable(value: object) -> object:
    import pickle  # noqa: PLC0415 - rarely needed, and 2 ms of an import

    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - pickle raises whatever the value's own hooks raise
        return repr(value)
    return value


def _restore(
    cls: type[WebSocketError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> WebSocketError:
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(attributes)
    return error
