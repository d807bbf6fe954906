"""How a connection ends: from what a handler raised to what the peer sees, row by row."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException, WebSocketException
from starlette.websockets import WebSocketDisconnect

from websocket_kit._ending import Ending, decide, is_goodbye, root
from websocket_kit.closing import is_sendable_code
from websocket_kit.errors import (
    InvalidRouteError,
    WebSocketCastError,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketDroppedError,
    WebSocketError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketReject,
    WebSocketTimeoutError,
)

THEIRS = "hunter2"
GONE = WebSocketDisconnectError(1001)
WRONG_FORM = WebSocketCastError(int, THEIRS, [{"type": "x", "loc": (THEIRS,), "msg": THEIRS}])

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("several", errors)


# -------------------------------------------------------------------------------- the handler...


def test_returns_and_the_peer_sees_1000_or_before_accept_403() -> None:
    assert decide(None) == Ending(1000, "", status=403, then="absorb")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (WebSocketClose(), 1000, ""),
        (WebSocketClose(4000, "bye"), 4000, "bye"),
        (WebSocketClose(1012, "é" * 100), 1012, "é" * 61),
    ],
)
def test_raises_a_close_and_the_peer_sees_that_or_before_accept_403(
    error: WebSocketClose, code: int, reason: str
) -> None:
    assert decide(error) == Ending(code, reason, status=403, then="absorb")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (WebSocketReject(), Ending(1008, status=403)),
        (WebSocketReject(499), Ending(1008, status=499)),
        (WebSocketReject(500), Ending(1011, status=500)),
        (WebSocketReject(503, b"later"), Ending(1011, status=503, body=b"later")),
        (
            WebSocketReject(401, "who?", {"WWW-Authenticate": "Basic"}),
            Ending(1008, status=401, body="who?", headers=[(b"www-authenticate", b"Basic")]),
        ),
    ],
)
def test_raises_a_reject_and_the_peer_sees_its_status_or_after_accept_1008_or_1011(
    error: WebSocketReject, ending: Ending
) -> None:
    assert decide(error) == ending
    assert ending.then == "absorb"


@pytest.mark.parametrize("error", [GONE, WebSocketDisconnect(1000), WebSocketDisconnect(1006)])
def test_meets_a_disconnect_and_it_is_an_ordinary_goodbye(error: Exception) -> None:
    assert decide(error).then == "disconnect"


def test_meets_the_librarys_own_close_and_it_is_as_ordinary_as_a_goodbye() -> None:
    dropped = WebSocketDroppedError("cannot send: the server stops")
    assert decide(dropped) == decide(GONE)
    assert decide(group(dropped, GONE, dropped)) == decide(GONE)
    assert decide(group(dropped, WebSocketClose(4000))).code == 4000


def test_calls_once_too_often_after_its_own_close_and_that_is_a_mistake() -> None:
    error = WebSocketHandshakeError("cannot send: this end has closed the connection")
    assert decide(error).then == "raise"
    assert not is_goodbye(error)


def test_meets_another_connections_disconnect_and_its_own_is_not_left_without_a_close() -> None:
    ending = decide(GONE)
    assert (ending.code, ending.reason, ending.status) == (1011, "", 500)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (WRONG_FORM, 1007, "the message has the wrong form"),
        (WebSocketExpectError(THEIRS, THEIRS), 1008, "another message was expected"),
        (WebSocketMessageTooBig(11, 10), 1009, "the message is too big"),
        (WebSocketTimeoutError(5), 3008, "no message in time"),
    ],
)
def test_meets_the_peers_doing_and_the_peer_sees_a_short_reason_that_repeats_nothing(
    error: WebSocketError, code: int, reason: str
) -> None:
    ending = decide(error)
    assert (ending.code, ending.reason, ending.body, ending.then) == (code, reason, "", "log")
    assert THEIRS not in reason


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (WRONG_FORM, 400),
        (WebSocketExpectError(1, 2), 400),
        (WebSocketMessageTooBig(11, 10), 413),
        (WebSocketTimeoutError(5), 408),
    ],
)
def test_meets_the_peers_doing_before_accept_and_the_peer_sees_a_4xx(
    error: WebSocketError, status: int
) -> None:
    """The error is another connection's then."""
    assert decide(error).status == status


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (WebSocketException(4000, "no"), Ending(4000, "no", status=403)),
        (WebSocketException(1008), Ending(1008, "", status=403)),
        (WebSocketException(1011, "é" * 100), Ending(1011, "é" * 61, status=403)),
    ],
)
def test_raises_starlettes_websocket_exception_and_the_peer_sees_its_code_or_before_accept_403(
    error: WebSocketException, ending: Ending
) -> None:
    assert decide(error) == ending


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 5000, None, "4000", 1000.5])
def test_raises_it_with_a_code_that_may_not_be_sent_and_the_peer_sees_1011(code: Any) -> None:
    assert decide(WebSocketException(code, "no")) == Ending(1011, "no")


@pytest.mark.parametrize("reason", [[{"msg": THEIRS}], b"no", 5])
def test_raises_it_with_a_reason_that_is_no_str_and_the_peer_sees_none(reason: Any) -> None:
    """FastAPI's validation of a WebSocket's inputs closes with a list."""
    assert decide(WebSocketException(1008, reason)) == Ending(1008, "")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (HTTPException(400, "no"), Ending(1008, status=400, body="no")),
        (HTTPException(499, "no"), Ending(1008, status=499, body="no")),
        (HTTPException(500, "no"), Ending(1011, status=500, body="no")),
        (HTTPException(599, "no"), Ending(1011, status=599, body="no")),
        (
            HTTPException(401, "no", {"WWW-Authenticate": "Basic"}),
            Ending(1008, status=401, body="no", headers=[(b"www-authenticate", b"Basic")]),
        ),
    ],
)
def test_raises_starlettes_http_exception_and_the_peer_sees_its_status_or_1008_or_1011(
    error: HTTPException, ending: Ending
) -> None:
    assert decide(error) == ending


@pytest.mark.parametrize("status", [403, 404, 500])
def test_raises_it_without_a_detail_and_the_answer_has_no_body(status: int) -> None:
    """Starlette fills in the status's phrase, which says nothing the status does not."""
    assert decide(HTTPException(status)).body == ""


@pytest.mark.parametrize(
    ("status", "seen"),
    [(101, 403), (200, 403), (302, 403), (399, 403), (600, 500), (999, 500), (404.0, 500)],
)
def test_raises_it_with_a_status_that_refuses_nothing_and_the_peer_sees_one_that_does(
    status: Any, seen: int
) -> None:
    ending = decide(HTTPException(status, "moved", {"Location": "/"}))
    assert ending == Ending(1008 if seen == 403 else 1011, status=seen)


@pytest.mark.parametrize(
    ("detail", "body"),
    [
        ({"error": "no"}, '{"error": "no"}'),
        ([1, None], "[1, null]"),
        ({"at": object}, '{"at": "<class \'object\'>"}'),
    ],
)
def test_raises_it_with_a_detail_that_is_no_str_and_the_body_is_json(
    detail: Any, body: str
) -> None:
    """FastAPI's HTTPException takes anything that JSON can hold."""
    headers = [(b"x", b"1"), (b"content-type", b"application/json")]
    ending = decide(HTTPException(422, detail, {"X": "1"}))
    assert ending == Ending(1008, status=422, body=body, headers=headers)


def circular() -> dict[str, Any]:
    detail: dict[str, Any] = {}
    detail["itself"] = detail
    return detail


@pytest.mark.parametrize("detail", [{("a", 1): "no"}, circular()], ids=["tuple key", "circular"])
def test_raises_it_with_a_detail_that_json_cannot_hold_and_the_status_stands(detail: Any) -> None:
    """A connection always ends with a legal close, however badly it was meant."""
    ending = decide(HTTPException(422, detail))
    assert (ending.status, ending.code, ending.then) == (422, 1008, "absorb")


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X": "€"}, {"x y": "1"}, {"X": 1}])
def test_raises_it_with_headers_that_may_not_be_sent_and_they_are_left_out(headers: Any) -> None:
    assert decide(HTTPException(401, "no", headers)) == Ending(1008, status=401, body="no")


def test_is_cancelled_and_the_peer_sees_1012_or_503_and_the_cancellation_goes_on() -> None:
    error = asyncio.CancelledError()
    ending = decide(error, cancelled=asyncio.CancelledError)
    assert ending == Ending(1012, "", status=503, then="cancel")


def test_is_cancelled_in_several_places_of_a_nursery_and_the_cancellation_goes_on() -> None:
    cancelled = BaseExceptionGroup(
        "trio's",
        [asyncio.CancelledError(), BaseExceptionGroup("", [asyncio.CancelledError(), GONE])],
    )
    ending = decide(cancelled, cancelled=asyncio.CancelledError)
    assert (ending.code, ending.status, ending.then) == (1012, 503, "cancel")


def test_is_cancelled_while_another_error_is_raised_and_it_is_a_failure() -> None:
    both = BaseExceptionGroup("both", [asyncio.CancelledError(), ZeroDivisionError()])
    assert decide(both, cancelled=asyncio.CancelledError).then == "raise"


def test_is_cancelled_together_with_its_tasks_and_the_cancellation_goes_on() -> None:
    error = BaseExceptionGroup("", [asyncio.CancelledError(), GONE])
    assert decide(error, cancelled=asyncio.CancelledError).then == "cancel"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(THEIRS),
        RuntimeError(THEIRS),
        TimeoutError(THEIRS),
        OSError(THEIRS),
        KeyboardInterrupt(THEIRS),
        SystemExit(THEIRS),
        GeneratorExit(),
        asyncio.CancelledError(),  # not how this event loop cancels
        WebSocketHandshakeError(THEIRS),
        InvalidRouteError(THEIRS),
        WebSocketError(THEIRS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_raises_anything_else_and_the_peer_sees_1011_with_no_text_and_it_goes_on(
    error: BaseException,
) -> None:
    assert decide(error) == Ending(1011, "", status=500, body="", headers=[], then="raise")


# -------------------------------------------------------------------------------------- groups


@pytest.mark.parametrize(
    "error",
    [
        group(GONE),
        group(GONE, WebSocketDisconnect(1000)),
        group(group(GONE), group(group(GONE, GONE))),
    ],
)
def test_a_group_of_nothing_but_disconnects_is_one_disconnect(error: Exception) -> None:
    assert decide(error).then == "disconnect"
    assert isinstance(root(error), WebSocketDisconnect)


@pytest.mark.parametrize(
    "wrapped",
    [
        ValueError("x"),
        WebSocketClose(4000, "bye"),
        WebSocketReject(401),
        HTTPException(404),
        WebSocketException(4001),
        WRONG_FORM,
        WebSocketTimeoutError(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_group_about_one_error_ends_as_that_error_does(wrapped: Exception) -> None:
    for error in (
        group(wrapped),
        group(group(wrapped)),
        group(GONE, wrapped, GONE),
        group(group(GONE), group(group(wrapped), GONE)),
    ):
        assert root(error) is wrapped
        assert decide(error) == decide(wrapped)


def test_a_group_of_several_other_errors_ends_as_a_failure_and_stays_whole() -> None:
    error = group(WebSocketClose(4000), ValueError("x"), GONE)
    assert root(error) is error
    assert decide(error) == Ending(1011, status=500, then="raise")


def test_an_error_that_is_no_group_is_its_own_root() -> None:
    error = ValueError("x")
    assert root(error) is error


# --------------------------------------------------------------------------------- in any case


def errors() -> st.SearchStrategy[Exception]:
    text = st.text(st.characters())
    whole = st.integers(-(2**40), 2**40)
    one = st.one_of(
        st.builds(HTTPException, st.integers(100, 999), text),
        st.builds(WebSocketException, whole, text),
        st.builds(WebSocketClose, st.integers(3000, 4999), text),
        st.builds(WebSocketReject, st.integers(400, 599), text),
        st.builds(WebSocketDisconnectError, whole, text),
        st.builds(ValueError, text),
        st.builds(WebSocketExpectError, text, text),
    )
    return st.recursive(one, lambda inner: st.lists(inner, min_size=1, max_size=3).map(_as_group))


def _as_group(several: list[Exception]) -> Exception:
    return ExceptionGroup("", several)


@bounded
@given(errors())
def test_whatever_is_raised_what_goes_out_is_legal(error: Exception) -> None:
    ending = decide(error)
    assert is_sendable_code(ending.code)
    assert len(ending.reason.encode()) <= 123
    assert 400 <= ending.status <= 599
