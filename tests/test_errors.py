"""The one tree of exceptions: what each says, what it is, and that it travels."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle
import threading
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from websocket_kit import errors
from websocket_kit._ending import is_goodbye
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
    cut,
    escape,
    shorten,
    type_name,
)

MISSING_FIELD = {"type": "missing", "loc": ("body", 0), "msg": "Field required"}
NOT_JSON = {"type": "json_invalid", "loc": (), "msg": "Invalid JSON"}

# One of each exception, with the text it has.
TEXTS: list[tuple[WebSocketError, str]] = [
    (WebSocketError("it failed"), "it failed"),
    (WebSocketHandshakeError("cannot send: it is closed"), "cannot send: it is closed"),
    (WebSocketDroppedError("cannot send: the server stops"), "cannot send: the server stops"),
    (
        WebSocketDisconnectError(),
        "the peer has left (code unknown); nothing more can be sent or received",
    ),
    (
        WebSocketDisconnectError(1001),
        "the peer has left (code 1001); nothing more can be sent or received",
    ),
    (
        WebSocketDisconnectError(4000, "café"),
        "the peer has left (code 4000, reason 'café'); nothing more can be sent or received",
    ),
    (
        WebSocketDisconnectError(None, "", doing="send"),
        "cannot send: the peer has left (code unknown); nothing more can be sent or received",
    ),
    (
        WebSocketDisconnectError(1000, "a\r\n\x1b[31m", doing="receive"),
        (
            "cannot receive: the peer has left (code 1000, reason 'a\\r\\n\\x1b[31m');"
            " nothing more can be sent or received"
        ),
    ),
    (
        WebSocketDisconnectError(doing="send", why="the peer took no message for 5 s"),
        "cannot send: the peer took no message for 5 s; nothing more can be sent or received",
    ),
    (WebSocketExpectError("hello", b"bye"), "expected 'hello', received b'bye'"),
    (WebSocketExpectError(1, None), "expected 1, received None"),
    (WebSocketCastError(int, "x", []), "cannot cast the message to int: invalid"),
    (WebSocketCastError(dict, "x", [NOT_JSON]), "cannot cast the message to dict: Invalid JSON"),
    (
        WebSocketCastError(list[int], "[]", [MISSING_FIELD, NOT_JSON]),
        "cannot cast the message to list[int]: body.0: Field required (and 1 more errors)",
    ),
    (
        WebSocketCastError(Literal["a"], b"\0", [{**NOT_JSON, "msg": "bad \x00 \ud800 é"}]),
        "cannot cast the message to Literal['a']: bad \\x00 \\ud800 é",
    ),
    (
        WebSocketCastError(int, "x", [{**NOT_JSON, "msg": "it's a \\ \""}]),
        "cannot cast the message to int: it's a \\ \"",
    ),
    (
        WebSocketMessageTooBig(1_048_577, 1_048_576),
        "the message has 1048577 bytes, the limit is 1048576 (max_message_bytes raises it)",
    ),
    (WebSocketTimeoutError(5), "no message came within 5 s"),
    (WebSocketTimeoutError(0.25), "no message came within 0.25 s"),
    (WebSocketClose(), "close with code 1000"),
    (WebSocketClose(4000, "go \n"), "close with code 4000, reason 'go \\n'"),
    (WebSocketReject(), "reject with HTTP status 403"),
    (WebSocketReject(401, "who?", {"WWW-Authenticate": "Basic"}), "reject with HTTP status 401"),
    (InvalidRouteError("path 'a' is bad"), "path 'a' is bad"),
]
ERRORS = [error for error, _ in TEXTS]

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(("error", "text"), TEXTS)
def test_an_error_says(error: WebSocketError, text: str) -> None:
    assert str(error) == text


def test_every_public_exception_has_its_text_in_the_table() -> None:
    public = {vars(errors)[name] for name in errors.__all__}
    assert {type(error) for error in ERRORS} == public


# ------------------------------------------------------------------------------------ the tree


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (WebSocketError, [Exception]),
        (WebSocketHandshakeError, [WebSocketError]),
        (WebSocketDisconnectError, [WebSocketHandshakeError, WebSocketDisconnect]),
        (WebSocketExpectError, [WebSocketError]),
        (WebSocketCastError, [WebSocketExpectError, ValueError]),
        (WebSocketMessageTooBig, [WebSocketError]),
        (WebSocketTimeoutError, [WebSocketError, TimeoutError]),
        (WebSocketClose, [WebSocketError]),
        (WebSocketReject, [WebSocketError]),
        (InvalidRouteError, [WebSocketError]),
    ],
)
def test_an_error_stands_in_the_tree_under(
    error: type[Exception], bases: list[type[Exception]]
) -> None:
    assert list(error.__bases__) == bases


def test_the_module_opens_with_the_tree_of_all_its_errors() -> None:
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_says_what_it_means_in_its_docstring(name: str) -> None:
    assert inspect.getdoc(vars(errors)[name])


# ---------------------------------------------------------------------------------- attributes


def test_a_disconnect_has_the_peers_code_and_reason() -> None:
    error = WebSocketDisconnectError(4000, "bye")
    assert (error.code, error.reason) == (4000, "bye")


def test_an_unknown_code_is_none_rather_than_made_up() -> None:
    error = WebSocketDisconnectError()
    assert (error.code, error.reason) == (None, "")


def test_a_long_reason_is_shortened_in_the_text_and_whole_in_the_attribute() -> None:
    error = WebSocketDisconnectError(1000, "x" * 123)
    assert error.reason == "x" * 123
    assert "x" * 101 not in str(error)


def test_an_expect_error_has_both_values_whole() -> None:
    error = WebSocketExpectError("x" * 200, [1])
    assert (error.expected, error.received) == ("x" * 200, [1])


def test_a_cast_error_has_the_type_the_errors_and_the_start_of_the_message() -> None:
    error = WebSocketCastError(int, "x" * 101, [NOT_JSON])
    assert (error.tp, error.expected, error.errors) == (int, int, [NOT_JSON])
    assert error.received == "x" * 100


def test_a_cast_error_holds_the_start_of_a_binary_message_as_bytes() -> None:
    assert WebSocketCastError(int, b"x" * 101, []).received == b"x" * 100


def test_a_cast_errors_text_holds_at_most_100_characters_of_place_and_cause() -> None:
    """Both may be the peer's: an extra key, or a discriminator's tag."""
    problem = {"type": "value_error", "loc": ("k" * 100, "k" * 100), "msg": "k" * 100}
    assert str(WebSocketCastError(int, "", [problem])).count("k") == 100


def test_a_message_too_big_has_its_size_and_the_limit() -> None:
    error = WebSocketMessageTooBig(11, 10)
    assert (error.size_bytes, error.limit_bytes) == (11, 10)


def test_a_timeout_error_has_the_seconds() -> None:
    assert WebSocketTimeoutError(1.5).timeout == 1.5


def test_a_close_has_a_code_and_a_reason_cut_to_fit() -> None:
    error = WebSocketClose(4000, "é" * 100)
    assert (error.code, error.reason) == (4000, "é" * 61)


@pytest.mark.parametrize("code", [999, 1005, 1006, 5000])
def test_a_close_with_a_code_that_may_not_be_sent_is_a_value_error_at_once(code: int) -> None:
    with pytest.raises(ValueError, match=f"close code {code} may not be sent"):
        WebSocketClose(code)


def test_a_reject_has_a_status_a_body_and_encoded_headers() -> None:
    error = WebSocketReject(401, "who?", {"WWW-Authenticate": "Basic"})
    assert (error.status, error.body) == (401, "who?")
    assert error.headers == [(b"www-authenticate", b"Basic")]


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_reject_with_a_status_that_refuses_nothing_is_a_value_error_at_once(status: int) -> None:
    with pytest.raises(ValueError, match=f"HTTP status {status} can't refuse a handshake"):
        WebSocketReject(status)


def test_a_reject_with_a_header_that_injects_is_a_value_error_at_once() -> None:
    with pytest.raises(ValueError, match="control character"):
        WebSocketReject(403, "", {"X": "a\r\nY: b"})


@pytest.mark.parametrize("body", [None, {"a": 1}])
def test_a_reject_with_a_body_that_is_no_text_is_a_type_error_at_once(body: Any) -> None:
    with pytest.raises(TypeError, match="an HTTP body is a str or bytes"):
        WebSocketReject(400, body)


# ----------------------------------------------------------------------------------- pickling


def travel(error: WebSocketError, protocol: int | None = None) -> Any:
    return pickle.loads(pickle.dumps(error, protocol))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_pickles(error: WebSocketError, protocol: int) -> None:
    twin = travel(error, protocol)
    assert type(twin) is type(error)
    assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_copied_whole(error: WebSocketError) -> None:
    twin = copy.copy(error)
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_what_cannot_be_pickled_of_an_error_travels_as_its_repr() -> None:
    lock = threading.Lock()
    twin = travel(WebSocketExpectError(lock, "x"))
    assert (twin.expected, twin.received) == (repr(lock), "x")
    assert str(twin) == f"expected {lock!r}, received 'x'"


def test_a_type_of_a_function_s_own_travels_as_its_repr() -> None:
    class Local: ...

    twin = travel(WebSocketCastError(Local, "x", [NOT_JSON]))
    assert (twin.tp, twin.received, twin.errors) == (repr(Local), "x", [NOT_JSON])


def test_a_hook_that_raises_does_not_keep_an_error_from_pickling() -> None:
    class Stubborn:
        def __reduce__(self) -> str:
            raise ZeroDivisionError

        def __repr__(self) -> str:
            return "<stubborn>"

    twin = travel(WebSocketExpectError(1, Stubborn()))
    assert twin.received == "<stubborn>"


def test_a_note_travels_along() -> None:
    error = WebSocketTimeoutError(1)
    error.add_note("in the lobby")
    assert travel(error).__notes__ == ["in the lobby"]


def test_an_error_of_a_user_s_own_pickles_by_its_attributes() -> None:
    twin = travel(Kicked("ada"))
    assert (type(twin), twin.name, twin.code) == (Kicked, "ada", 4001)


class Kicked(WebSocketClose):
    """Its constructor takes something else than its text."""

    def __init__(self, name: str) -> None:
        super().__init__(4001, "kicked")
        self.name = name


# -------------------------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "'x'"),
        ("a\n", r"'a\n'"),
        ("x" * 98, "'" + "x" * 98 + "'"),
        ("x" * 99, "'" + "x" * 98 + "…"),
        ("x" * 10_000, "'" + "x" * 98 + "…"),
        (b"x" * 98, "b'" + "x" * 97 + "…"),
        (list(range(100)), str(list(range(100)))[:99] + "…"),
        (None, "None"),
    ],
)
def test_a_value_is_shown_by_its_repr_in_at_most_100_characters(value: object, text: str) -> None:
    assert shorten(value) == text


@bounded
@given(st.text(st.characters()) | st.binary() | st.lists(st.integers()))
def test_no_value_shows_as_more_than_100_characters_or_more_than_a_line(value: object) -> None:
    shown = shorten(value)
    assert len(shown) <= 100
    assert shown.isprintable()


@pytest.mark.parametrize("text", ["", "x", "x" * 100])
def test_a_text_of_100_characters_is_not_cut(text: str) -> None:
    assert cut(text) == text


def test_a_longer_text_is_cut_to_100_characters() -> None:
    assert cut("x" * 99 + "é" * 9) == "x" * 99 + "é"


@pytest.mark.parametrize(
    ("tp", "name"),
    [
        (int, "int"),
        (None, "None"),
        (dict, "dict"),
        (dict[str, int], "dict[str, int]"),
        (int | str, "int | str"),
        (Any, "Any"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Kicked, "Kicked"),
    ],
)
def test_a_type_is_named_as_one_would_write_it(tp: object, name: str) -> None:
    assert type_name(tp) == name


@bounded
@given(st.text(st.characters(), max_size=200), st.text(st.characters(), max_size=200))
def test_no_text_of_an_error_forges_a_log_line(loc: str, msg: str) -> None:
    """A line break or an escape sequence of the peer's would show in the log as our own."""
    problem = {"type": "value_error", "loc": (loc,), "msg": msg}
    error = WebSocketCastError(int, "", [problem])
    record = logging.makeLogRecord({"msg": "%s", "args": (error,)})
    assert record.getMessage().isprintable()


def test_a_reason_of_the_peer_s_forges_no_log_line() -> None:
    assert str(WebSocketDisconnectError(1000, "\r\n\x1b[0m\u2028")).isprintable()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("/rooms/caf\u00e9", "/rooms/caf\u00e9"),
        ("a\r\n\x1b[31m\0", "a\\r\\n\\x1b[31m\\x00"),
        ("\u2028\ud800", "\\u2028\\ud800"),
        ('it\'s "so"', 'it\'s "so"'),
        ("x" * 1000, "x" * 100),
        ("\x00" * 1000, "\\x00" * 25),
        ("", ""),
    ],
)
def test_an_escaped_text_is_printable_and_at_most_100_characters(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_an_end_by_the_library_is_as_ordinary_as_a_goodbye_and_an_illegal_call_is_not() -> None:
    assert issubclass(WebSocketDroppedError, WebSocketHandshakeError)
    assert is_goodbye(WebSocketDroppedError("cannot send"))
    assert not is_goodbye(WebSocketHandshakeError("cannot send"))
