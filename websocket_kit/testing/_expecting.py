"""What a test expects of a message: a value, a type, a regular expression or a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum
from itertools import takewhile
from types import UnionType
from typing import Any, NewType, TypeAlias, cast, get_origin

from websocket_kit._casting import caster
from websocket_kit._encoding import comparable, encode
from websocket_kit.errors import shorten, type_name

Check: TypeAlias = Callable[[Any], tuple[object, Any]]

# Two texts that are the same for so many characters look the same in a failure, which cuts them.
ALIKE = 80


def make_check(expected: Any) -> tuple[str, Check]:
    """What is expected in words, and what tells whether a message is it, and gives the result."""
    if _is_type(expected):
        cast_message = caster(expected)
        return f"a message of type {type_name(expected)}", lambda m: (True, cast_message(m))
    if isinstance(expected, re.Pattern):
        pattern = cast("re.Pattern[str]", expected)  # or of bytes
        return f"a match of {pattern.pattern!r}", lambda m: _match(pattern, m)
    if callable(expected):
        name = getattr(expected, "__name__", repr(expected))
        if inspect.iscoroutinefunction(expected):
            msg = f"expect() takes a plain function, and {name}() is async"
            raise TypeError(msg)
        return f"a message that {name}() is true of", lambda m: (expected(m), m)
    tp, value = comparable(expected)
    cast_value = caster(tp)
    # An enum over str is received bare, and sent as JSON, with quotes. This is the other end.
    sent = encode(expected) if isinstance(expected, Enum) else None
    return shorten(value), lambda m: (m == sent or cast_value(m) == value, None)


def difference(expected: Any, message: str | bytes) -> str:
    """Where two texts differ, if a failure that shows their beginnings doesn't show that."""
    if type(expected) is not type(message):
        return ""
    pairs = zip(expected, message, strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if alike < ALIKE:
        return ""
    return (
        f" (the same for {alike} characters, then {shorten(expected[alike:])} expected,"
        f" {shorten(message[alike:])} received)"
    )


def _is_type(expected: Any) -> bool:
    return (
        isinstance(expected, (type, UnionType, NewType))
        or type(expected).__name__ == "TypeAliasType"  # typing's, or typing_extensions'
        or expected is Any
        or get_origin(expected) is not None
    )


def _match(pattern: re.Pattern[str], message: str | bytes) -> tuple[object, Any]:
    match = pattern.search(caster(type(pattern.pattern))(message))
    return match, match
