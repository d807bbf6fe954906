"""The options, checked in one place: of a socket, an endpoint, a route and the router."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ._handshake import check_origins, check_subprotocols


class Options(TypedDict, total=False):
    """What every connection can be told, by ``WebSocket``, ``wrap`` and all that serves.

    Attributes:
        subprotocols: The subprotocols this end speaks, the preferred one first. The first that
            the peer offered is accepted with. Default: none.
        allowed_origins: The origins of pages, beside the server's own, that may connect, as
            ``["https://example.com"]``; ``"*"`` lets every page of the web connect with its
            visitor's cookies. Default: same origin only.
        max_message_bytes: The largest message taken, a text counted in UTF-8; None: no limit
            but the server's. Default: 1,048,576.
        receive_timeout: The seconds every receive waits at most; None: for ever. Default: None.
        send_timeout: The seconds the server may take to pass a message on, more than 0. A peer
            that doesn't read by then is dropped: ``send`` raises WebSocketDisconnectError. None:
            it is waited for. Default: None.
        messages_per_second: How many messages the peer may send a second, more than 0. As many as
            one second brings may come at once, at least one. Over it the connection is closed
            with 1008. None: any number. Default: None.
    """

    subprotocols: Sequence[str]
    allowed_origins: Iterable[str]
    max_message_bytes: int | None
    receive_timeout: float | None
    send_timeout: float | None
    messages_per_second: float | None


class ServingOptions(Options, total=False):
    """What ``endpoint``, a route and the router can be told: ``Options``, and what counts.

    The two limits of a route hold for the route, those of a router for all its routes together.

    Attributes:
        max_connections: How many connections there may be at a time, handshakes included; more
            are refused with HTTP 503. None: any number. Default: None.
        max_connections_per_client: How many of them one client address may have; more are
            refused with HTTP 429. All whose address the server doesn't tell count as one client.
            None: any number. Default: None.
    """

    max_connections: int | None
    max_connections_per_client: int | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Options checked and in the form they are used in."""

    subprotocols: tuple[str, ...]
    allowed_origins: frozenset[str]
    max_message_bytes: int
    few_characters: int  # a text of so many is below that limit, however it is encoded
    receive_timeout: float | None
    send_timeout: float | None
    messages_per_second: float | None
    max_connections: int | None
    max_connections_per_client: int | None


DEFAULTS: Options = {
    "subprotocols": (),
    "allowed_origins": (),
    "max_message_bytes": 1_048_576,
    "receive_timeout": None,
    "send_timeout": None,
    "messages_per_second": None,
}
SERVING_DEFAULTS: ServingOptions = {
    **DEFAULTS,
    "max_connections": None,
    "max_connections_per_client": None,
}


def settle(options: Options) -> Settings:
    """Check the options of one connection, with the defaults for what is not there.

    Raises:
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of bounds.
    """
    counting = [name for name in options if name in SERVING_DEFAULTS and name not in DEFAULTS]
    if counting:
        msg = (
            f"{counting[0]} counts connections, and this is one: it is an option of a route,"
            " the router and endpoint"
        )
        raise TypeError(msg)
    return _settle({**options}, {**DEFAULTS})


def settle_serving(options: ServingOptions, *also: str) -> Settings:
    """Check the options of what serves connections.

    Args:
        options: The options.
        also: What else can be given by name there, for the error about an unknown one.

    Raises:
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of bounds.
    """
    return _settle({**options}, {**SERVING_DEFAULTS}, also)


def for_routes(options: ServingOptions) -> ServingOptions:
    """A router's options that are its routes' defaults: what it counts, it counts itself."""
    kept: Any = {name: value for name, value in options.items() if name in DEFAULTS}
    found: ServingOptions = kept
    return found


def _settle(
    options: dict[str, Any], defaults: dict[str, Any], also: tuple[str, ...] = ()
) -> Settings:
    unknown = [name for name in options if name not in defaults]
    if unknown:
        msg = f"unknown option {unknown[0]!r} (there are {', '.join((*also, *defaults))})"
        raise TypeError(msg)
    merged: dict[str, Any] = {**SERVING_DEFAULTS, **options}
    max_message_bytes = _check_count_or_none(merged, "max_message_bytes")
    most = sys.maxsize if max_message_bytes is None else max_message_bytes
    return Settings(
        check_subprotocols(merged["subprotocols"]),
        check_origins(merged["allowed_origins"]),
        most,
        most // 4,
        check_timeout(merged["receive_timeout"], "receive_timeout"),
        _check_positive(merged, "send_timeout"),
        _check_positive(merged, "messages_per_second"),
        _check_count_or_none(merged, "max_connections"),
        _check_count_or_none(merged, "max_connections_per_client"),
    )


def check_count(count: object, name: str, kind: str = "an int") -> int:
    """Return a number of things.

    Raises:
        ValueError: It is negative.
        TypeError: It is no int.
    """
    if isinstance(count, bool) or not isinstance(count, int):
        msg = f"{name} is {kind}, not {count!r}"
        raise TypeError(msg)
    if count < 0:
        msg = f"{name} is 0 or more, not {count}"
        raise ValueError(msg)
    return count


def _check_count_or_none(options: dict[str, Any], name: str) -> int | None:
    count = options[name]
    return None if count is None else check_count(count, name, "an int or None")


def _check_positive(options: dict[str, Any], name: str) -> float | None:
    number = options[name]
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        msg = f"{name} is a number or None, not {number!r}"
        raise TypeError(msg)
    if not 0 < number < math.inf:  # NaN is neither
        msg = f"{name} is more than 0, or None for no limit, not {number!r}"
        raise ValueError(msg)
    return number


def check_timeout(timeout: object, name: str = "a timeout") -> float | None:
    """Return a timeout in seconds, 0 or more, or None; ``name`` is what the error calls it.

    Raises:
        TypeError: Not a number.
        ValueError: Negative or NaN.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        msg = f"{name} is a number of seconds or None, not {timeout!r}"
        raise TypeError(msg)
    if not timeout >= 0:  # NaN is neither
        msg = f"{name} is 0 seconds or more, or None for ever, not {timeout!r}"
        raise ValueError(msg)
    return timeout
