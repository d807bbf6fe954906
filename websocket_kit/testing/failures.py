"""What a test can fail with.

HandshakeRejected                the handler refused the handshake; a test may well expect that
AssertionError
└─ ExpectationFailed             something else came
   ├─ HandlerClosed              the handler closed instead (also WebSocketDisconnectError)
   ├─ WaitTimeout                nothing came in time (also TimeoutError)
   └─ LeftOver                   something was left at the end

The handler's own exception is none of these: it comes out as it is.
"""

from __future__ import annotations

from http.client import responses

from starlette.datastructures import Headers

from websocket_kit.closing import CloseInfo
from websocket_kit.errors import WebSocketDisconnectError

from .transcript import Transcript

# How many characters of a response's body a text shows.
MAX_BODY = 500


class HandshakeRejected(Exception):  # noqa: N818 - an answer that a test may expect, no error
    """The handshake was answered with an HTTP status instead of being accepted.

    Raised on entering ``connect``. A plain close before accept is 403, as in every browser.

    Attributes:
        status: The HTTP status.
        headers: The response headers; none where the handler just closed.
        body: The response body.
        why: What the handler did, where it gave no response; else empty.
    """

    def __init__(
        self, status: int, headers: Headers | None = None, body: bytes = b"", why: str = ""
    ) -> None:
        """Make it from the response."""
        phrase = f" {responses[status]}" if status in responses else ""
        because = f" ({why})" if why else ""
        super().__init__(
            f"the handshake was rejected with HTTP {status}{phrase}{because}{_show(body)}"
        )
        self.status = status
        self.headers: Headers = Headers() if headers is None else headers
        self.body = body
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by what it was made from."""
        return type(self), (self.status, self.headers, self.body, self.why)


def _show(body: bytes) -> str:
    """The body, as much of it as tells which inputs were refused."""
    if not body:
        return ""
    text = body[: 4 * MAX_BODY].decode(errors="replace")
    text = text if text.isprintable() else repr(text)
    return ": " + (text if len(text) <= MAX_BODY else text[: MAX_BODY - 1] + "…")


class ExpectationFailed(AssertionError):  # noqa: N818 - reads as what it is: an assertion
    """Something else came than the test expects.

    Attributes:
        what: The failure in a sentence.
        expected: What should have come.
        received: What came instead.
        handler: What the handler is doing: where it is running, or how it ended.
        transcript: All that was said until then.
    """

    def __init__(
        self,
        what: str,
        expected: object,
        received: object,
        handler: str,
        transcript: Transcript,
    ) -> None:
        """Make the failure; ``what`` says it in a sentence."""
        super().__init__(what, expected, received, handler, transcript)
        self.what = what
        self.expected = expected
        self.received = received
        self.handler = handler
        self.transcript = transcript

    def __repr__(self) -> str:
        """What failed, on a line; ``str`` says the rest."""
        return f"{type(self).__name__}({self.what!r})"

    def __str__(self) -> str:
        """What failed, what the handler is doing, and the dialogue so far."""
        said = "\n".join("  " + line for line in str(self.transcript).splitlines())
        return f"{self.what}\nhandler: {self.handler}\ntranscript:\n{said}"


class HandlerClosed(ExpectationFailed, WebSocketDisconnectError):  # noqa: N818 - the same
    """The handler closed where the test waits for a message.

    Attributes:
        received: The ``CloseInfo``.
        code: Its close code.
        reason: Its close reason.
    """

    def __init__(
        self,
        what: str,
        expected: object,
        received: CloseInfo,
        handler: str,
        transcript: Transcript,
    ) -> None:
        """Make the failure of the close that came."""
        super().__init__(what, expected, received, handler, transcript)
        self.code: int | None = received.code
        self.reason: str = received.reason


class WaitTimeout(ExpectationFailed, TimeoutError):  # noqa: N818 - the same
    """Nothing came in time."""


class LeftOver(ExpectationFailed):
    """Something was left when the test was over; ``strict=False`` allows it.

    A message nobody read, an ASGI event in an illegal order, a handler that goes on though its
    peer has left, or a task it left running. ``received`` is the list of them.
    """
