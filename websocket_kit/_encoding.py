"""Python values to messages, by pydantic where they become JSON.

Text and bytes go as they are, bool and int in the text form that casting reads, and everything else
as JSON. What can't be sent is an error before anything is.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Protocol, TypeAlias, cast, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, SchemaSerializer, core_schema, from_json

from ._casting import Message, caster, has_constant, keep, kept, type_adapter
from .errors import type_name


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Sendable: TypeAlias = (
    str
    | bytes
    | bytearray
    | memoryview
    | bool
    | int
    | float
    | Mapping[Any, Any]
    | Sequence[Any]
    | AbstractSet[Any]
    | BaseModel
    | _Dataclass
    | Enum
    | date
    | time
    | timedelta
    | Decimal
    | UUID
    | None
)
"""What ``send`` takes where a connection names no ``Sent`` type."""

Encode: TypeAlias = "Callable[[Any], Message]"

_encodes: dict[Hashable, Encode] = {}


def encoder(tp: Any) -> Encode:
    """The function that turns what a connection sends into a message.

    Args:
        tp: The connection's ``Sent`` type; Any: whatever can be sent.

    Raises:
        TypeError: pydantic can't serialise the type.
    """
    return encode if tp is Any or tp is Sendable else kept(_encodes, tp, _make_encode)


def _make_encode(tp: Any) -> Encode:
    adapter = type_adapter(tp)
    # A union looks for the member that a value is of; where each is serialised as if it stood
    # alone, the value's class tells in half the time.
    members = {part: type_adapter(part).serializer for part in _plain_members(adapter.core_schema)}

    def serializer_for(kind: type) -> SchemaSerializer:
        _refuse_iterator(kind)
        return members.get(kind, adapter.serializer)

    return _encode_by_class(serializer_for, _as_it_is)


def _plain_members(schema: Any) -> list[type]:
    """The models of a union in which every member is serialised as its own type says.

    Where one has a serializer of a user's own, pydantic may give it the other members' values too.
    """
    members = [*_members(schema, {})]
    if len(members) == 1 or any("serialization" in member for member in members):
        return []
    return [member["cls"] for member in members if member["type"] == "model"]


def _members(schema: Any, definitions: dict[str, Any]) -> Iterator[Any]:
    """The core schemas of a union's members, those of the unions in it too."""
    schema, definitions = _look_through(schema, definitions)
    if "serialization" in schema or schema["type"] not in {"union", "tagged-union"}:
        yield schema
        return
    choices: Any = schema["choices"]
    if schema["type"] == "tagged-union":
        choices = choices.values()
    for choice in choices:
        # Of a plain union's some are pairs of a member and its label.
        yield from _members(choice[0] if isinstance(choice, tuple) else choice, definitions)


def _look_through(schema: Any, definitions: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What a core schema is beneath what makes no difference to serialising."""
    while "serialization" not in schema:
        if schema["type"] == "definitions":
            definitions = {part["ref"]: part for part in schema["definitions"]}
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        elif schema["type"] in _TRANSPARENT:
            schema = schema["schema"]
        else:
            break
    return schema, definitions


_TRANSPARENT = {
    "default",
    "definitions",
    "function-after",
    "function-before",
    "function-wrap",
    "nullable",
}


def _encode_by_class(
    serializer_for: Callable[[type], SchemaSerializer], as_it_is: Callable[[Any], Message | None]
) -> Encode:
    """Encode, asking but once for each class how.

    Args:
        serializer_for: Gives what makes JSON of a class, or raises what ``send`` should.
        as_it_is: Gives the message that a value is without JSON; None: it needs that.
    """
    dumps: dict[type, Callable[..., bytes]] = {}

    def encode(value: object) -> Message:
        kind = type(value)
        try:
            dump = dumps[kind]
        except KeyError:
            message = as_it_is(value)
            if message is not None:
                return message
            dump = keep(dumps, kind, serializer_for(kind).to_json)
        try:
            # Whether it is of the type that is set is the type checker's job, so no warnings.
            text = dump(value, by_alias=True, warnings=False, fallback=_plain).decode()
        except PydanticSerializationError as error:
            raise _not_serialised(kind, error) from error
        # One letter is found ten times as fast as a word, and a text is mostly without.
        return _without_constants(text) if "N" in text or "I" in text else text

    return encode


def _as_it_is(value: Any) -> Message | None:
    # An enum over str is an enum: JSON text, which JSON.parse reads, quotes and all.
    if isinstance(value, str) and not isinstance(value, Enum):
        return check_text(str.__str__(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", value))
    return None


def _as_scalar(value: Any) -> Message | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and not isinstance(value, Enum):
        return int.__repr__(value)
    return _as_it_is(value)


# Of Sendable, what becomes JSON; the most frequent first. pydantic knows more kinds (complex, Path,
# re.Pattern), of whose text it says nothing.
_JSON_KINDS: tuple[type, ...] = (
    dict,
    list,
    float,
    types.NoneType,
    BaseModel,
    Enum,
    date,
    time,
    timedelta,
    Decimal,
    UUID,
    Mapping,
    Sequence,
    AbstractSet,
)


def _serializer_for(kind: type) -> SchemaSerializer:
    _refuse_iterator(kind)
    if not issubclass(kind, _JSON_KINDS) and not hasattr(kind, "__dataclass_fields__"):
        raise _cannot_send(kind.__name__)
    return _ANYTHING


def _refuse_iterator(kind: type) -> None:
    if issubclass(kind, Iterator):  # to_json would use it up
        raise _cannot_send(kind.__name__)


# Serialises each value as what it is; NaN, of itself, as null.
_ANYTHING = SchemaSerializer(core_schema.any_schema())

encode: Encode = _encode_by_class(_serializer_for, _as_scalar)
"""Turn any value that can be sent into a message.

Raises:
    TypeError: The value is of a type that can't be sent.
    ValueError: It is of a type that can, but holds what can't: a lone surrogate, itself, a bytes
        that isn't UTF-8.
"""

_UNKNOWN = "Unable to serialize unknown type: "


def _plain(value: object) -> object:
    """A value of a kind that pydantic doesn't know as one of a kind that it does."""
    for kind, make in _KNOWN_KINDS:
        if isinstance(value, kind):
            return make(value)
    msg = f"{_UNKNOWN}{type(value)}"
    raise TypeError(msg)


_KNOWN_KINDS: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (memoryview, bytes),
    (Mapping, dict),
    (Sequence, list),
    (AbstractSet, list),
)


def _not_serialised(kind: type, error: PydanticSerializationError) -> Exception:
    _, unknown, inner = str(error).partition(_UNKNOWN)
    if unknown:
        inside = "" if inner == str(kind) else f" ({unknown}{inner})"
        return _cannot_send(kind.__name__, inside)
    return ValueError(f"cannot send this {kind.__name__}: {error}")


def _without_constants(text: str) -> str:
    """JSON without NaN and Infinity, which a model may be set to write, or a serializer may."""
    if not has_constant(text):
        return text
    return _STRING_OR_CONSTANT.sub(lambda m: m[0] if m[0][:1] == '"' else "null", text)


_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN')


def check_text(text: str) -> str:
    """Return a text that UTF-8 can carry.

    Raises:
        ValueError: It holds a lone surrogate.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            msg = f"cannot send this str: it holds a lone surrogate at position {error.start}"
            raise ValueError(msg) from None
    return text


def _cannot_send(name: str, inside: str = "") -> TypeError:
    return TypeError(
        f"cannot send {_article(name)} {name}{inside}: send a str, bytes, int, bool, float, None,"
        " dict, list, enum, date, UUID, dataclass or pydantic model"
    )


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"


def comparable(value: object) -> tuple[Any, object]:
    """How to tell whether a message is a value: the type to cast it to, and what it equals then.

    Raises:
        TypeError: Such a value can be neither cast to nor sent, or is a type.
        ValueError: It holds what can't be sent.
    """
    # pydantic reads these from a message, too, so that the peer would be blamed.
    if isinstance(value, type) or get_origin(value) is not None:
        msg = f"expect() takes the message itself, not its type: receive(tp={type_name(value)})"
        raise TypeError(msg)
    if isinstance(value, re.Pattern):
        msg = "expect() takes the message itself, not a pattern: receive() it, and match that"
        raise TypeError(msg)
    if not isinstance(value, (bytearray, memoryview)):
        # Not encoded first: it may hold what only compares equal, as unittest.mock.ANY.
        kind: Any = type(value)
        try:
            caster(kind)
        except TypeError:
            pass  # a str's own subclass, say, which pydantic doesn't know
        else:
            return kind, value
    sent = encode(value)
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return type(sent), sent
    return Any, from_json(sent)
