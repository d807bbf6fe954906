"""How a connection ends: a pure function from what a handler raised to the close.

``async with ws``, the router and ``endpoint`` all ask ``decide``; ``_finishing.finish`` carries
its answer out, and ``_serving`` adds the log lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import responses
from typing import Any, Literal, NamedTuple

from starlette.exceptions import HTTPException, WebSocketException
from starlette.websockets import WebSocketDisconnect

from .closing import CloseCode, code_for_status, cut_reason, encode_headers, is_sendable_code
from .errors import (
    WebSocketCastError,
    WebSocketClose,
    WebSocketDroppedError,
    WebSocketExpectError,
    WebSocketMessageTooBig,
    WebSocketReject,
    WebSocketTimeoutError,
)

Then = Literal["absorb", "log", "disconnect", "cancel", "raise"]


class Ending(NamedTuple):
    """What the peer sees, and what becomes of the error.

    Attributes:
        code: The close code, after accept.
        reason: The close reason, after accept.
        status: The HTTP status, before accept.
        body: The HTTP body, before accept.
        headers: The HTTP headers, before accept.
        then: ``"absorb"`` it; ``"log"`` it (router and endpoint write a line and absorb it,
            ``async with`` lets it through); it is a ``"disconnect"`` (router and endpoint absorb
            it, ``async with`` lets it through); let a ``"cancel"`` go on; or ``"raise"`` it.
    """

    code: int
    reason: str = ""
    status: int = 403
    body: str | bytes = ""
    headers: list[tuple[bytes, bytes]] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    then: Then = "absorb"


RETURNED = Ending(CloseCode.NORMAL_CLOSURE)
CANCELLED = Ending(CloseCode.SERVICE_RESTART, status=503, then="cancel")
FAILED = Ending(CloseCode.INTERNAL_ERROR, status=500, then="raise")
# A connection whose peer has left needs no close, nor one that the library has closed itself. One
# that is still there, because the error is another connection's (a broadcast), is not left without.
DISCONNECTED = Ending(CloseCode.INTERNAL_ERROR, status=500, then="disconnect")

# The peer's doing: it sees a short reason that repeats nothing of what it sent.
_PEERS_DOING: tuple[tuple[type[BaseException], Ending], ...] = (
    (
        WebSocketCastError,
        Ending(CloseCode.INVALID_DATA, "the message has the wrong form", 400, then="log"),
    ),
    (
        WebSocketExpectError,
        Ending(CloseCode.POLICY_VIOLATION, "another message was expected", 400, then="log"),
    ),
    (
        WebSocketMessageTooBig,
        Ending(CloseCode.MESSAGE_TOO_BIG, "the message is too big", 413, then="log"),
    ),
    (WebSocketTimeoutError, Ending(CloseCode.TIMEOUT, "no message in time", 408, then="log")),
)


def decide(error: BaseException | None, *, cancelled: type[BaseException] | None = None) -> Ending:
    """How a connection ends when its handler ends with this error.

    Args:
        error: What the handler raised; None if it returned.
        cancelled: The exception by which the event loop cancels, if one runs.
    """
    if error is None:
        return RETURNED
    error = root(error, cancelled or ())
    if is_goodbye(error):
        return DISCONNECTED
    if cancelled is not None and isinstance(error, cancelled):
        return CANCELLED
    if isinstance(error, WebSocketClose):
        return Ending(error.code, error.reason)
    if isinstance(error, WebSocketReject):
        return _rejected(error.status, error.body, error.headers)
    if isinstance(error, HTTPException):
        return _http_exception(error)
    if isinstance(error, WebSocketException):
        code = error.code if is_sendable_code(error.code) else CloseCode.INTERNAL_ERROR
        return Ending(code, _text(error.reason))
    for kind, ending in _PEERS_DOING:
        if isinstance(error, kind):
            return ending
    return FAILED


def is_goodbye(error: BaseException) -> bool:
    """Whether an error says only that a connection was over before the call that raised it.

    The peer has left, or else the library itself has closed: a drain, a limit. To call once too
    often after a close of the handler's own is a mistake of its author's, and none.
    """
    return isinstance(error, (WebSocketDisconnect, WebSocketDroppedError))


def root(error: BaseException, cancelled: type[BaseException] | tuple[()] = ()) -> BaseException:
    """The one error that an ExceptionGroup is about, or the error itself.

    When the peer leaves, every task that sends is told; those goodbyes say nothing beside another
    error. Cancellations are alike (trio's nursery groups them). Several other errors have
    no one answer: the group stands for them.
    """
    if not _is_group(error):
        return error
    leaves = list(_leaves(error))
    others = [leaf for leaf in leaves if not is_goodbye(leaf)] or leaves[:1]
    alike = len(others) == 1 or all(isinstance(leaf, cancelled) for leaf in others)
    return others[0] if alike else error


def _is_group(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not _is_group(error):
        yield error
        return
    inner: tuple[BaseException, ...] = getattr(error, "exceptions")  # noqa: B009 - typed so
    for each in inner:
        yield from _leaves(each)


def _rejected(status: int, body: str | bytes, headers: list[tuple[bytes, bytes]]) -> Ending:
    return Ending(code_for_status(status), "", status, body, headers)


def _http_exception(error: HTTPException) -> Ending:
    status: object = error.status_code
    if not isinstance(status, int):
        return _rejected(500, "", [])
    if not 400 <= status <= 599:  # a redirect, say: no browser follows it here
        return _rejected(403 if status < 500 else 500, "", [])
    try:
        headers = encode_headers(error.headers or {})
    except (ValueError, TypeError):
        headers = []
    detail: Any = error.detail
    if not isinstance(detail, str):  # FastAPI's may be anything that JSON can hold
        try:
            body = json.dumps(detail, default=str)
        except (TypeError, ValueError, RecursionError):
            return _rejected(error.status_code, "", headers)
        json_headers = [*headers, (b"content-type", b"application/json")]
        return _rejected(error.status_code, body, json_headers)
    # Starlette fills in the status's phrase, which says nothing the status does not.
    body = "" if detail == responses.get(error.status_code) else detail
    return _rejected(error.status_code, body, headers)


def _text(reason: object) -> str:
    return cut_reason(reason) if isinstance(reason, str) else ""
