"""Before accept: who may connect, and in which subprotocol.

A browser sends a page's Origin with every WebSocket handshake and its cookies too, and lets any
page connect anywhere: without a check, a foreign page talks to the server as its visitor
(cross-site WebSocket hijacking). Source: RFC 6455, sections 4.2.2 and 10.2.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from .closing import is_token
from .errors import shorten

# RFC 6454, section 6.2: scheme, host and port, and nothing else: no user, path or query.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\\\s:\[\]]+|\[[0-9a-f:.]+\])(?::([0-9]+))?")
_DEFAULT_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443"}


class Rejection(NamedTuple):
    """How a handshake is refused.

    Attributes:
        status: The HTTP status; 403 where the server offers no HTTP answer.
        body: The HTTP body.
        headers: The HTTP headers.
        text: Why, for the log.
        setting: The option that decides it, if one does.
        level: The level at which it is logged.
    """

    status: int
    body: str | bytes = ""
    headers: Sequence[tuple[bytes, bytes]] = ()
    text: str = ""
    setting: str = ""
    level: int = logging.DEBUG

    @property
    def is_plain(self) -> bool:
        """Whether it says no more than a plain close, which is HTTP 403 on every server."""
        return self.status == 403 and not self.body and not self.headers


def foreign(problem: str) -> Rejection:
    """The refusal of a foreign page."""
    return Rejection(403, text=problem, setting="allowed_origins", level=logging.WARNING)


def check_origins(allowed: Iterable[str]) -> frozenset[str]:
    """Return the option ``allowed_origins`` in the form ``origin_problem`` compares with.

    Raises:
        TypeError: A single string that isn't ``"*"``.
        ValueError: Something that isn't an origin, such as a pattern for several.
    """
    origins = _strings("allowed_origins", ["*"] if allowed == "*" else allowed)
    return frozenset(
        origin if origin in {"*", "null"} else _normalised(origin) for origin in origins
    )


def _strings(option: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        instead = (
            f"; write [{values!r}]" if isinstance(values, str) else f", not {values!r} ([]: none)"
        )
        msg = f"{option} is a list of strings{instead}"
        raise TypeError(msg)
    found = tuple(cast("Iterable[str]", values))
    for value in found:
        if not isinstance(cast("object", value), str):
            msg = f"{option} is a list of strings, and {value!r} is none"
            raise TypeError(msg)
    return found


def _normalised(origin: str) -> str:
    if "*" in origin:
        msg = f"{origin!r} has a wildcard: list every origin, or '*' alone for all there are"
        raise ValueError(msg)
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        msg = f"{origin!r} is not an origin; write it like 'https://example.com', with no path"
        raise ValueError(msg)
    return _without_default_port(*match.groups())


def _without_default_port(scheme: str, host: str, port: str | None) -> str:
    shown = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{host}{shown}"


def origin_problem(headers: Iterable[tuple[bytes, bytes]], allowed: frozenset[str]) -> str | None:
    """Why the handshake's Origin may not connect; None if it may.

    A handshake without an Origin does not come from a browser: it may.
    """
    raw_origins: list[bytes] = []
    raw_hosts: list[bytes] = []
    for name, value in headers:  # once: a browser sends a dozen
        size = len(name)  # costs less than lower()
        if size == 6 and name.lower() == b"origin":
            raw_origins.append(value)
        elif size == 4 and name.lower() == b"host":
            raw_hosts.append(value)
    if not raw_origins or "*" in allowed:
        return None
    if len(raw_origins) == len(raw_hosts) == 1 and _is_same(raw_origins[0], raw_hosts[0]):
        return None
    origins = [origin.decode("latin-1") for origin in raw_origins]
    hosts = [host.decode("latin-1") for host in raw_hosts]
    if len(origins) == 1 and _is_listed(origins[0], allowed):
        return None
    shown = ", ".join(shorten(origin) for origin in origins[:2])
    host = ", ".join(shorten(host) for host in hosts[:2]) or "missing"
    return (
        f"origin {shown} is not the server's own (its host is {host});"
        " the option allowed_origins lets it in"
    )


@lru_cache(128)  # taking an origin apart costs ten times as much, and a server has few
def _is_same(raw_origin: bytes, raw_host: bytes) -> bool:
    origin, host = raw_origin.decode("latin-1"), raw_host.decode("latin-1")
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        return False
    scheme = match[1]
    # Host carries no scheme. Its port is left out by the same rule as the Origin's; the scheme
    # of the connection says nothing, since TLS may end at a proxy.
    host_match = _ORIGIN.fullmatch(f"{scheme}://{host.lower()}")
    return host_match is not None and (
        _without_default_port(*match.groups()) == _without_default_port(*host_match.groups())
    )


def _is_listed(origin: str, allowed: frozenset[str]) -> bool:
    if origin in allowed:
        return True
    match = _ORIGIN.fullmatch(origin.lower())
    return match is not None and _without_default_port(*match.groups()) in allowed


def check_subprotocols(subprotocols: Sequence[str]) -> tuple[str, ...]:
    """Return the option ``subprotocols`` as a tuple.

    Raises:
        TypeError: A single string.
        ValueError: One that isn't a token.
    """
    names = _strings("subprotocols", subprotocols)
    for subprotocol in names:
        if not is_token(subprotocol):
            msg = f"subprotocol {subprotocol!r} is not a token"
            raise ValueError(msg)
    return names


def choose_subprotocol(
    chosen: str | None, ours: tuple[str, ...], offered: Sequence[str]
) -> str | None:
    """The subprotocol to accept with: the one chosen, else the first of ours that was offered.

    Raises:
        ValueError: The chosen one was not offered. Browsers fail a connection that is accepted
            so (RFC 6455, section 4.1), and some servers wedge.
    """
    if chosen is None:
        return next((subprotocol for subprotocol in ours if subprotocol in offered), None)
    if chosen not in offered or not is_token(chosen):
        offer = shorten([name for name in offered if name]) if any(offered) else "none"
        msg = (
            f"cannot accept subprotocol {chosen!r}: the peer did not offer it (it offered {offer})"
        )
        raise ValueError(msg)
    return chosen


def offers_denial(scope: Any) -> bool:
    """Whether the server can answer a handshake with an HTTP response.

    Source: ASGI specification, the Websocket Denial Response extension.
    """
    return "websocket.http.response" in (scope.get("extensions") or ())
