"""The four options, checked in one place: of a socket, a route and the router."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ._handshake import check_origins, check_subprotocols


class Options(TypedDict, total=False):
    """What ``WebSocket``, ``wrap``, ``endpoint``, a route and the router can be told.

    Attributes:
        subprotocols: The subprotocols this end speaks, the preferred one first. The first that
            the peer offered is accepted with. Default: none.
        allowed_origins: The origins of pages, beside the server's own, that may connect, as
            ``["https://example.com"]``; ``"*"`` lets every page of the web connect with its
            visitor's cookies. Default: same origin only.
        max_message_bytes: The largest message taken, a text counted in UTF-8; None: no limit
            but the server's. Default: 1,048,576.
        receive_timeout: The seconds every receive waits at most; None: for ever. Default: None.
    """

    subprotocols: Sequence[str]
    allowed_origins: Iterable[str]
    max_message_bytes: int | None
    receive_timeout: float | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Options checked and in the form they are used in."""

    subprotocols: tuple[str, ...]
    allowed_origins: frozenset[str]
    max_message_bytes: int
    receive_timeout: float | None


DEFAULTS: Options = {
    "subprotocols": (),
    "allowed_origins": (),
    "max_message_bytes": 1_048_576,
    "receive_timeout": None,
}


def settle(options: Options) -> Settings:
    """Check options, with the defaults for what is not there.

    Raises:
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of bounds.
    """
    unknown = [name for name in options if name not in DEFAULTS]
    if unknown:
        msg = f"unknown option {unknown[0]!r} (there are {', '.join(DEFAULTS)})"
        raise TypeError(msg)
    merged: dict[str, Any] = {**DEFAULTS, **options}
    limit = merged["max_message_bytes"]
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        msg = f"max_message_bytes is an int or None, not {limit!r}"
        raise TypeError(msg)
    if limit is not None and limit < 0:
        msg = f"max_message_bytes is 0 or more, not {limit}"
        raise ValueError(msg)
    return Settings(
        check_subprotocols(merged["subprotocols"]),
        check_origins(merged["allowed_origins"]),
        sys.maxsize if limit is None else limit,
        check_timeout(merged["receive_timeout"]),
    )


def check_timeout(timeout: object) -> float | None:
    """Return a timeout in seconds, 0 or more, or None.

    Raises:
        TypeError: Not a number.
        ValueError: Negative or NaN.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        msg = f"a timeout is a number of seconds or None, not {timeout!r}"
        raise TypeError(msg)
    if not timeout >= 0:  # NaN is neither
        msg = f"a timeout is 0 seconds or more, or None for ever, not {timeout!r}"
        raise ValueError(msg)
    return timeout
