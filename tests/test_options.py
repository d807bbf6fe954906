"""The options, checked in one place."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit._options import (
    DEFAULTS,
    SERVING_DEFAULTS,
    Options,
    ServingOptions,
    Settings,
    check_timeout,
    for_routes,
    settle,
    settle_serving,
)

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_without_options_there_are_safe_defaults() -> None:
    assert settle({}) == Settings(
        subprotocols=(),
        allowed_origins=frozenset(),
        max_message_bytes=1_048_576,
        few_characters=262_144,
        receive_timeout=None,
        send_timeout=None,
        messages_per_second=None,
        max_connections=None,
        max_connections_per_client=None,
    )


def test_there_are_six_options_of_a_connection_and_each_has_a_default() -> None:
    assert [*DEFAULTS] == [*Options.__annotations__]
    assert len(DEFAULTS) == 6


def test_what_serves_connections_has_two_more() -> None:
    assert [*SERVING_DEFAULTS] == [*DEFAULTS, "max_connections", "max_connections_per_client"]
    assert {*SERVING_DEFAULTS} == {*Options.__annotations__, *ServingOptions.__annotations__}


def test_options_are_settled_into_the_form_they_are_used_in() -> None:
    options: Options = {
        "subprotocols": ["b", "a"],
        "allowed_origins": ["HTTPS://Example.com:443", "null"],
        "max_message_bytes": 10,
        "receive_timeout": 1.5,
        "send_timeout": 2.5,
        "messages_per_second": 0.5,
    }
    settled = Settings(
        subprotocols=("b", "a"),
        allowed_origins=frozenset({"https://example.com", "null"}),
        max_message_bytes=10,
        few_characters=2,
        receive_timeout=1.5,
        send_timeout=2.5,
        messages_per_second=0.5,
        max_connections=None,
        max_connections_per_client=None,
    )
    assert settle(options) == settled
    serving: ServingOptions = {"receive_timeout": 1.5, "max_connections": 3}
    assert settle_serving(serving) == replace(settle({"receive_timeout": 1.5}), max_connections=3)
    assert settle_serving(cast("ServingOptions", options)) == settled


@pytest.mark.parametrize("name", ["max_connections", "max_connections_per_client"])
def test_one_connection_counts_none(name: str) -> None:
    with pytest.raises(TypeError) as caught:
        settle(cast("Options", {name: 1}))
    assert str(caught.value) == (
        f"{name} counts connections, and this is one:"
        " it is an option of a route, the router and endpoint"
    )


def test_what_a_router_counts_is_no_default_of_its_routes() -> None:
    options: ServingOptions = {
        "receive_timeout": 5,
        "max_connections": 10,
        "max_connections_per_client": 1,
    }
    assert for_routes(options) == {"receive_timeout": 5}


def test_every_origin_is_a_star() -> None:
    assert settle({"allowed_origins": "*"}).allowed_origins == {"*"}


def test_no_limit_is_more_than_any_message() -> None:
    assert settle({"max_message_bytes": None}).max_message_bytes == sys.maxsize


@pytest.mark.parametrize("limit", [0, 1, 2**40])
def test_a_limit_is_a_number_of_bytes(limit: int) -> None:
    assert settle({"max_message_bytes": limit}).max_message_bytes == limit


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        settle({}).max_message_bytes = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_defaults_are_not_changed_by_what_is_set() -> None:
    settle({"max_message_bytes": 1})
    assert settle({}).max_message_bytes == 1_048_576


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"timeout": 5},
            TypeError,
            (
                "unknown option 'timeout' (there are subprotocols, allowed_origins,"
                " max_message_bytes, receive_timeout, send_timeout, messages_per_second)"
            ),
        ),
        (
            {"receive_timeout": 5, "orgins": []},
            TypeError,
            (
                "unknown option 'orgins' (there are subprotocols, allowed_origins,"
                " max_message_bytes, receive_timeout, send_timeout, messages_per_second)"
            ),
        ),
        (
            {"max_message_bytes": "1MB"},
            TypeError,
            "max_message_bytes is an int or None, not '1MB'",
        ),
        (
            {"max_message_bytes": 1e6},
            TypeError,
            "max_message_bytes is an int or None, not 1000000.0",
        ),
        ({"max_message_bytes": True}, TypeError, "max_message_bytes is an int or None, not True"),
        ({"max_message_bytes": -1}, ValueError, "max_message_bytes is 0 or more, not -1"),
        (
            {"receive_timeout": "5"},
            TypeError,
            "receive_timeout is a number of seconds or None, not '5'",
        ),
        (
            {"receive_timeout": -1},
            ValueError,
            "receive_timeout is 0 seconds or more, or None for ever, not -1",
        ),
        ({"send_timeout": "5"}, TypeError, "send_timeout is a number or None, not '5'"),
        ({"send_timeout": True}, TypeError, "send_timeout is a number or None, not True"),
        (
            {"send_timeout": 0},
            ValueError,
            "send_timeout is more than 0, or None for no limit, not 0",
        ),
        (
            {"messages_per_second": math.nan},
            ValueError,
            "messages_per_second is more than 0, or None for no limit, not nan",
        ),
        (
            {"messages_per_second": math.inf},
            ValueError,
            "messages_per_second is more than 0, or None for no limit, not inf",
        ),
        ({"subprotocols": ["a b"]}, ValueError, "subprotocol 'a b' is not a token"),
        (
            {"allowed_origins": ["example.com"]},
            ValueError,
            "'example.com' is not an origin; write it like 'https://example.com', with no path",
        ),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        settle(cast("Options", options))
    assert type(caught.value) is error
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["max_connections", "max_connections_per_client"])
@pytest.mark.parametrize(
    ("count", "error", "text"),
    [
        (-1, ValueError, "is 0 or more, not -1"),
        (1.5, TypeError, "is an int or None, not 1.5"),
        (True, TypeError, "is an int or None, not True"),
    ],
)
def test_a_count_that_cannot_be_is_refused(
    name: str, count: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        settle_serving(cast("ServingOptions", {name: count}))
    assert str(caught.value) == f"{name} {text}"


def test_what_serves_has_no_unknown_option_either() -> None:
    with pytest.raises(TypeError) as caught:
        settle_serving(cast("ServingOptions", {"max_conections": 5}), "name")
    assert str(caught.value) == (
        "unknown option 'max_conections' (there are name, subprotocols, allowed_origins,"
        " max_message_bytes, receive_timeout, send_timeout, messages_per_second,"
        " max_connections, max_connections_per_client)"
    )


@pytest.mark.parametrize("name", ["subprotocols", "allowed_origins"])
def test_an_option_that_is_a_list_is_no_single_string(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name} is .* list.*; write \['https://a\.org'\]$"):
        settle(cast("Options", {name: "https://a.org"}))


@pytest.mark.parametrize("timeout", [None, 0, 0.0, 1, 1.5, 1e9, math.inf])
def test_a_timeout_is_zero_seconds_or_more_or_none(timeout: float | None) -> None:
    assert check_timeout(timeout) == timeout


@pytest.mark.parametrize("timeout", [-1, -0.001, -math.inf, math.nan])
def test_a_timeout_below_zero_or_nan_is_a_value_error(timeout: float) -> None:
    with pytest.raises(ValueError, match=r"^a timeout is 0 seconds or more") as caught:
        check_timeout(timeout)
    assert str(caught.value).endswith(f"or None for ever, not {timeout!r}")


@pytest.mark.parametrize("timeout", [True, False, "1", b"1", [1], 1j, object])
def test_a_timeout_that_is_no_number_is_a_type_error(timeout: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_timeout(timeout)
    assert str(caught.value) == f"a timeout is a number of seconds or None, not {timeout!r}"


@bounded
@given(st.floats() | st.integers())
def test_any_number_is_a_timeout_or_a_value_error(timeout: float) -> None:
    if timeout >= 0:
        assert check_timeout(timeout) == timeout
    else:
        with pytest.raises(ValueError, match="0 seconds or more"):
            check_timeout(timeout)
