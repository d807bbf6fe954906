"""What may go on the wire when a connection is answered or ended.

RFC 6455 limits close codes (section 7.4) and reasons (section 5.5: a control frame carries
125 bytes, two of them the code); HTTP limits statuses and headers (RFC 9110, section 5).
Servers differ in what they do with an illegal one, from raising to putting it on the wire, so
everything is checked here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Literal, NamedTuple, TypeAlias, cast

__all__ = ["CloseCode", "CloseInfo"]

MAX_REASON_BYTES = 123

HeadersLike: TypeAlias = (
    "Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]"
)

# RFC 9110, section 5.1 and 5.6.2: a header's name and a subprotocol are tokens.
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, section 5.5: a header's value holds no control character but the tab.
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class CloseCode(IntEnum):
    """The close codes a server may send, by name.

    Any code from 3000 to 4999 is legal too: 3000 to 3999 are registered with IANA, 4000 to 4999
    are yours.

    Source: RFC 6455, section 7.4.1, and the IANA WebSocket Close Code registry.
    """

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    UNAUTHORIZED = 3000
    FORBIDDEN = 3003
    TIMEOUT = 3008


class CloseInfo(NamedTuple):
    """How a connection ended.

    Attributes:
        code: The close code; None where it is unknown, as after a lost connection or a
            rejected handshake.
        reason: The close reason, ``""`` where there is none.
        by: ``"peer"`` if the other end or the transport ended it, ``"server"`` if this end did.
    """

    code: int | None
    reason: str
    by: Literal["peer", "server"]


def is_sendable_code(code: object) -> bool:
    """Whether RFC 6455 lets an endpoint put this close code in a close frame."""
    if not isinstance(code, int):
        return False
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def check_close(code: object, reason: object) -> tuple[int, str]:
    """Return the code as a plain int and the reason cut to what fits in a close frame.

    Raises:
        ValueError: The code may not be sent.
        TypeError: The code is not an int, or the reason not a str.
    """
    if not isinstance(code, int):
        msg = f"a close code is an int, not {type(code).__name__}"
        raise TypeError(msg)
    if not is_sendable_code(code):
        msg = f"close code {code} may not be sent (use 1000-1003, 1007-1014 or 3000-4999)"
        raise ValueError(msg)
    return int(code), cut_reason(reason)


def cut_reason(reason: object) -> str:
    """Cut a close reason to 123 bytes of UTF-8, never inside a character.

    A lone surrogate, which UTF-8 can't carry, becomes ``?``.

    Raises:
        TypeError: The reason is not a str.
    """
    if not isinstance(reason, str):
        msg = f"a close reason is a str, not {type(reason).__name__}"
        raise TypeError(msg)
    if len(reason) <= MAX_REASON_BYTES and reason.isascii():
        return reason
    encoded = reason.encode("utf-8", "replace")
    return encoded[:MAX_REASON_BYTES].decode("utf-8", "ignore")


def check_status(status: object) -> int:
    """Return an HTTP status that can refuse a handshake: 400 to 599.

    Raises:
        ValueError: Any other number.
        TypeError: Not a number.
    """
    if not isinstance(status, int):
        msg = f"an HTTP status is an int, not {type(status).__name__}"
        raise TypeError(msg)
    if not 400 <= status <= 599:
        msg = f"HTTP status {status} can't refuse a handshake (use 400-599)"
        raise ValueError(msg)
    return int(status)


def check_body(body: object) -> str | bytes:
    """Return an HTTP body.

    Raises:
        TypeError: Neither a str nor bytes.
    """
    if not isinstance(body, (str, bytes)):
        msg = f"an HTTP body is a str or bytes, not {type(body).__name__}"
        raise TypeError(msg)
    return body


def code_for_status(status: int) -> CloseCode:
    """The close code that says what an HTTP status says, for when it is too late for HTTP."""
    return CloseCode.POLICY_VIOLATION if status < 500 else CloseCode.INTERNAL_ERROR


def encode_headers(headers: HeadersLike) -> list[tuple[bytes, bytes]]:
    """Turn headers into the pairs of bytes ASGI wants, names in lower case.

    Raises:
        ValueError: A name is not a token, or a value holds a control character or a character
            outside Latin-1; nothing may be injected into the answer.
        TypeError: Something that is neither a mapping nor pairs of strings.
    """
    pairs: Iterable[Any] = headers
    if isinstance(headers, Mapping):
        pairs = cast("Mapping[Any, Any]", headers).items()
    elif not isinstance(cast("object", headers), Iterable):
        msg = f"headers are a mapping or pairs of strings, not {type(headers).__name__}"
        raise TypeError(msg)
    encoded: list[tuple[bytes, bytes]] = []
    for pair in pairs:
        try:
            name, value = map(_encode_latin1, () if isinstance(pair, str) else pair)
        except UnicodeEncodeError as error:
            msg = f"a header is Latin-1, and {pair!r} is not"
            raise ValueError(msg) from error
        except (TypeError, ValueError) as error:
            msg = f"a header is a pair of strings, not {pair!r}"
            raise TypeError(msg) from error
        if not _TOKEN.fullmatch(name):
            msg = f"header name {name!r} is not a token"
            raise ValueError(msg)
        if _CONTROL.search(value):
            msg = f"header {name!r} has a control character in its value {value!r}"
            raise ValueError(msg)
        encoded.append((name.lower(), value))
    return encoded


def is_token(text: str) -> bool:
    """Whether text can be a header's name or a subprotocol."""
    return text.isascii() and _TOKEN.fullmatch(text.encode()) is not None


def _encode_latin1(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else str.encode(part, "latin-1")
