"""What a test expects of a message: a value, a type, a regular expression or a function."""

from __future__ import annotations

import inspect
import json
import operator
import re
from collections.abc import Callable
from enum import Enum
from itertools import takewhile, zip_longest
from types import UnionType
from typing import Any, NewType, TypeAlias, cast, get_origin

from websocket_kit._casting import caster
from websocket_kit._encoding import comparable, encode
from websocket_kit.errors import shorten, type_name

Check: TypeAlias = Callable[[Any], tuple[object, Any]]

# Two texts that are the same for so many characters look the same in a failure, which cuts them.
ALIKE = 80
# How much of the place where two values differ a failure shows: its end.
MAX_PATH = 200


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
    """Where two differ, if a failure that shows their beginnings doesn't show that."""
    if type(expected) is type(message):
        return _difference_of_texts(expected, message)
    if max(len(repr(expected)), len(message)) <= ALIKE:
        return ""
    try:
        wanted, came = json.loads(encode(expected)), json.loads(message)
        # What is alike for Python, 1 and true, is worth telling where nothing else is.
        found = _find_difference("$", wanted, came, operator.eq) or _find_difference(
            "$", wanted, came, _is_identical
        )
    except (TypeError, ValueError, RecursionError):
        return ""  # it holds what only compares equal, say, or is too deep
    return f" (different at {found})" if found else ""


def _is_identical(one: object, other: object) -> bool:
    return repr(one) == repr(other)


def _find_difference(path: str, wanted: Any, came: Any, is_same: Callable[[Any, Any], Any]) -> str:
    """The first place where two of what JSON can hold differ, and how; empty if nowhere."""
    kinds: set[type] = {type(wanted), type(came)}
    parts: list[tuple[str, Any, Any]]
    if kinds == {dict}:
        keys = dict.fromkeys([*wanted, *came])
        names = {key: f".{key}" if key.isidentifier() else f"[{key!r}]" for key in keys}
        parts = [
            (path + names[key], wanted.get(key, _ABSENT), came.get(key, _ABSENT)) for key in keys
        ]
    elif kinds == {list}:
        both = enumerate(zip_longest(wanted, came, fillvalue=_ABSENT))
        parts = [(f"{path}[{index}]", *pair) for index, pair in both]
    elif is_same(wanted, came):
        return ""
    else:
        place = path if len(path) <= MAX_PATH else f"…{path[-MAX_PATH:]}"
        return f"{place}: {shorten(wanted)} expected, {shorten(came)} received"
    return next(filter(None, (_find_difference(*part, is_same) for part in parts)), "")


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _difference_of_texts(expected: Any, message: Any) -> str:
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
