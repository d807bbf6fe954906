"""Texts of a handshake to Python values: an input's type, made to be read from text.

What validates is an adapter of ``_casting``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BeforeValidator

from ._casting import type_adapter, unwrap, value_of
from ._encoding import encode


class InputType(NamedTuple):
    """How an input of some type is read.

    Attributes:
        cast: Casts a text, or a list or dict of texts; raises one of ``BAD_VALUE``.
        default: Makes the default that the type itself has, as ``Field(default=5)`` in Annotated
            sets it; None: it has none.
    """

    cast: Callable[[Any], Any]
    default: Callable[[], Any] | None


def input_type(tp: Any) -> InputType:
    """How to read a handshake input.

    Text is read as pydantic does leniently (``yes`` is true), and unions from left to right, so
    that ``int | str`` gives an int where it can.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    validator: Any = type_adapter(_from_text(tp)).validator
    has_default = validator.get_default_value() is not None
    return InputType(
        validator.validate_python,
        # Made anew each time: it may be mutable, or a default_factory's.
        (lambda: validator.get_default_value().value) if has_default else None,
    )


def _from_text(tp: Any) -> Any:
    """The same type, made to be read from text: pydantic alone keeps ``"5"`` for ``int | str``."""
    tp = unwrap(tp)
    origin: Any = get_origin(tp)
    args = get_args(tp)
    if origin is Annotated:
        return Annotated[(_from_text(args[0]), *args[1:])]
    if origin is Literal:
        return _by_text(tp, args)
    if isinstance(tp, type) and origin is None and issubclass(tp, Enum):
        return _by_text(tp, tp)
    if origin is Union or origin is UnionType:
        members = [_from_text(arg) for arg in args if arg is not type(None)]
        union = members[0]
        if len(members) > 1:
            from pydantic import Field  # noqa: PLC0415 - rarely needed, and 15 ms of an import

            union = Annotated[union_of(members), Field(union_mode="left_to_right")]
        return union if len(members) == len(args) else union_of([union, None])
    if args and isinstance(origin, type):
        generic: Any = origin
        return generic[tuple(arg if arg is ... else _from_text(arg) for arg in args)]
    return tp


def union_of(members: Iterable[Any]) -> Any:
    """The union of some types."""
    return Union[tuple(members)]  # noqa: UP007 - X | Y is for types that stand in the code


def _by_text(tp: Any, values: Iterable[Any]) -> Any:
    """A closed set of values, found by how they are written."""
    written = {_as_text(value_of(value)): value for value in values}
    return Annotated[tp, BeforeValidator(lambda text: written.get(text, text))]


def _as_text(value: Any) -> str:
    text = encode(value)
    return text if isinstance(text, str) else text.decode()
