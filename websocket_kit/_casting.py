"""Messages to Python values and back. The only module that validates with pydantic.

Scalars have a strict text form of their own, so that ``int`` means digits and nothing else;
everything else is JSON, parsed and validated by pydantic in one go. Whatever a peer sends, the
outcome is a value or a WebSocketCastError.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import (
    ErrorDetails,
    PydanticSerializationError,
    from_json,
    to_json,
)
from pydantic_core.core_schema import ErrorType
from typing_extensions import TypeAliasType

from .errors import WebSocketCastError, cut, type_name

MAX_ERRORS = 20
MAX_CACHED = 256

T = TypeVar("T")


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

Message: TypeAlias = "str | bytes"
Cast: TypeAlias = "Callable[[Message], Any]"
Encode: TypeAlias = "Callable[[Any], Message]"

# What a validator of pydantic's, or of a user's model, raises on a bad value. A ValidationError
# is a ValueError, and decimal.InvalidOperation an ArithmeticError.
BAD_VALUE = (ValueError, ArithmeticError, RecursionError)

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


# ------------------------------------------------------------------------------- receiving


def caster(tp: Any) -> Cast:
    """The function that casts a message to a type.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    return _kept(_casts, tp, _make_cast)


def _kept(cache: dict[Hashable, T], tp: Any, make: Callable[[Any], T]) -> T:
    """What was made for a type before, or else made now: an adapter takes milliseconds."""
    try:
        key = _key(tp)
        found = cache.get(key)
    except TypeError:  # not hashable, so not kept
        return make(tp)
    if found is None:
        found = cache[key] = make(tp)
        if len(cache) > MAX_CACHED:
            cache.pop(next(iter(cache)), None)
    return found


_casts: dict[Hashable, Cast] = {}
_encodes: dict[Hashable, Encode] = {}


def _key(tp: Any) -> Hashable:
    """What tells types apart: ``int | str == str | int``, yet they cast differently."""
    if isinstance(tp, type) and not hasattr(tp, "__args__"):
        return tp
    origin = get_origin(tp)
    if origin is None or origin is Literal:
        return (Literal, tp)
    if origin is Annotated:
        inner, *metadata = get_args(tp)
        return (Annotated, _key(inner), *metadata)
    return (origin, *map(_key, get_args(tp)))


def _make_cast(tp: Any) -> Cast:
    plain = _unwrap(tp)
    scalar = _SCALARS.get(plain) if isinstance(plain, type) else None
    if scalar is not None:
        return _guard(tp, scalar)
    read = _scalar_below(plain)
    if read is not None:
        validate = _adapter(tp).validator.validate_python
        return _guard(tp, lambda message: validate(read(message)))
    adapter: TypeAdapter[Any] = _adapter(tp)
    return _guard(tp, _json_reader(adapter.validator.validate_json))


def _guard(tp: Any, read: Cast) -> Cast:
    """Turn every way a value can be bad into the one error."""

    def guarded(message: Message) -> Any:
        try:
            return read(message)
        except BAD_VALUE as error:
            problems = list_errors(error)
        # Raised out here, the error carries no __context__, which would hold the whole input.
        raise WebSocketCastError(tp, message, problems)

    return guarded


def _json_reader(validate: Callable[[Message], Any]) -> Cast:
    def read(message: Message) -> Any:
        value = validate(message)
        # pydantic takes the tokens NaN and Infinity, which JSON does not have and JSON.parse
        # refuses. Looking for the words is cheap; they may well stand inside a string.
        if _has_constant(message):
            from_json(message, allow_inf_nan=False)
        return value

    return read


def _has_constant(message: Message) -> bool:
    if isinstance(message, str):
        return "NaN" in message or "Infinity" in message
    return b"NaN" in message or b"Infinity" in message


def list_errors(error: Exception) -> list[dict[str, Any]]:
    """What is wrong with a value, in pydantic's form, bounded and without the value."""
    if not isinstance(error, ValidationError):
        text = (
            "the number has too many digits"
            if "integer string conversion" in str(error)
            else str(error)
        )
        return [{"type": "value_error", "loc": (), "msg": cut(text)}]
    found = error.errors(include_url=False, include_input=False)
    return [
        {
            "type": cut(problem["type"]),
            "loc": tuple(cut(part) if isinstance(part, str) else part for part in problem["loc"]),
            "msg": _shown(problem),
        }
        for problem in found[:MAX_ERRORS]
    ]


def _shown(problem: ErrorDetails) -> str:
    """A problem's text with no more than 100 characters of the peer's.

    pydantic's own texts hold what the type wants, however long, and of the value a union's tag at
    the most; a validator's may hold anything.
    """
    text, context = problem["msg"], problem.get("ctx", {})
    if problem["type"] == "union_tag_invalid":
        return text.replace(context["tag"], cut(context["tag"]))
    return text if tells_type_only(problem["type"]) else cut(text)


def tells_type_only(kind: str) -> bool:
    """Whether the text of a kind of error says what the type wants and nothing of the value."""
    return kind in _TELL_TYPE_ONLY


_TELL_TYPE_ONLY = {
    *get_args(ErrorType),
} - {"value_error", "assertion_error", "union_tag_invalid"}


def _read_str(message: Message) -> str:
    if isinstance(message, str):
        return message
    try:
        return message.decode()
    except UnicodeDecodeError:
        text = "Input is not valid UTF-8"
    raise ValueError(text)


def _read_bytes(message: Message) -> bytes:
    if isinstance(message, bytes):
        return message
    try:
        return message.encode()
    except UnicodeEncodeError:
        text = "Input holds a lone surrogate, which UTF-8 can't encode"
    raise ValueError(text)


def _read_int(message: Message) -> int:
    text = _read_str(message)
    if not _INTEGER.fullmatch(text):
        msg = "Input should be decimal digits with an optional sign"
        raise ValueError(msg)
    return int(text)


def _read_bool(message: Message) -> bool:
    try:
        return _BOOLEANS[_read_str(message).lower()]
    except KeyError:
        text = "Input should be true, false, 1 or 0"
    raise ValueError(text)


_read_dict: Cast = _json_reader(TypeAdapter(dict[str, Any]).validator.validate_json)

_SCALARS: dict[type, Cast] = {
    str: _read_str,
    bytes: _read_bytes,
    int: _read_int,
    bool: _read_bool,
    dict: _read_dict,
}


def _unwrap(tp: Any) -> Any:
    """The type behind a NewType or a type alias, which are other names for it."""
    while True:
        if isinstance(tp, NewType):
            tp = tp.__supertype__
        elif isinstance(tp, TypeAliasType):
            tp = tp.__value__
        else:
            return tp


def _scalar_below(tp: Any) -> Cast | None:
    """How to read an Annotated, Literal or enum over one of the scalars; None for the rest."""
    tp = _unwrap(tp)
    if isinstance(tp, type) and issubclass(tp, Enum):
        kinds: set[type] = {type(member.value) for member in tp}
    elif get_origin(tp) is Literal:
        kinds = {type(value) for value in get_args(tp)}
    elif get_origin(tp) is Annotated:
        return _scalar_below(get_args(tp)[0])
    elif isinstance(tp, type):
        kinds = {tp}
    else:
        return None
    return _SCALARS.get(kinds.pop()) if len(kinds) == 1 else None


def _adapter(tp: Any) -> TypeAdapter[Any]:
    try:
        adapter = TypeAdapter(tp)
        # Where a type refers to one that isn't defined, this is what finds out; else it is nothing.
        adapter.rebuild(raise_errors=True)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        msg = f"cannot cast to {type_name(tp)}: pydantic can't validate it ({error.message})"
        raise TypeError(msg) from error
    except (TypeError, AttributeError, RuntimeError) as error:
        msg = f"cannot cast to {tp!r}: it is not a type pydantic can validate"
        raise TypeError(msg) from error
    return adapter


# --------------------------------------------------------------------------------- sending


def encoder(tp: Any) -> Encode:
    """The function that turns what a connection sends into a message.

    Args:
        tp: The connection's ``Sent`` type; Any: whatever can be sent.

    Raises:
        TypeError: pydantic can't serialise the type.
    """
    return encode if tp is Any or tp is Sendable else _kept(_encodes, tp, _make_encode)


def _make_encode(tp: Any) -> Encode:
    serializer = _adapter(tp).serializer

    def dump(value: Any) -> bytes:
        # Whether the value is of that type is the type checker's job, so no warnings.
        return serializer.to_json(value, by_alias=True, warnings=False)

    return lambda value: _encode(value, dump)


def encode(value: Any) -> Message:
    """Turn any value that can be sent into a message.

    Raises:
        TypeError: The value is of a type that can't be sent.
        ValueError: It is of a type that can, but holds what can't: a lone surrogate, itself, a
            bytes that isn't UTF-8.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and not isinstance(value, Enum):
        return int.__repr__(value)
    return _encode(value, _dump)


def _dump(value: Any) -> bytes:
    return to_json(value, by_alias=True, inf_nan_mode="null")


def _encode(value: Any, dump: Callable[[Any], bytes]) -> Message:
    name = cast("type[object]", type(value)).__name__
    # An enum over str is an enum: JSON text, which JSON.parse reads, quotes and all.
    if isinstance(value, str) and not isinstance(value, Enum):
        return check_text(str.__str__(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", value))
    if isinstance(value, Iterator):  # to_json would use it up
        raise _cannot_send(name)
    try:
        data = dump(value)
    except PydanticSerializationError as error:
        if "unknown type" in str(error):
            raise _cannot_send(name, error) from error
        msg = f"cannot send this {name}: {error}"
        raise ValueError(msg) from error
    # A model may be set to write NaN, and a serializer of a user's own may.
    if _has_constant(data):
        data = _STRING_OR_CONSTANT.sub(lambda m: m[0] if m[0][:1] == b'"' else b"null", data)
    return data.decode()


_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN')


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


def _cannot_send(name: str, error: Exception | None = None) -> TypeError:
    inside = f" ({error})" if error is not None else ""
    return TypeError(
        f"cannot send {_article(name)} {name}{inside}: send a str, bytes, int, bool, float, None,"
        " dict, list, enum, date, UUID, dataclass or pydantic model"
    )


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"


# ---------------------------------------------------------------------------------- inputs


def input_caster(tp: Any) -> Callable[[Any], Any]:
    """The function that casts a handshake input: a text, or a list or dict of texts.

    Text is read as pydantic does leniently (``yes`` is true), and unions from left to right, so
    that ``int | str`` gives an int where it can. Raises one of ``BAD_VALUE``.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    if tp is str:
        return str
    return _adapter(_from_text(tp)).validator.validate_python


def _from_text(tp: Any) -> Any:
    """The same type, made to be read from text: pydantic alone keeps ``"5"`` for ``int | str``."""
    tp = _unwrap(tp)
    origin: Any = get_origin(tp)
    args = get_args(tp)
    if origin is Annotated:
        return Annotated[(_from_text(args[0]), *args[1:])]
    if origin is Literal:
        return _by_text(tp, args)
    if isinstance(tp, type) and origin is None and issubclass(tp, Enum):
        return _by_text(tp, [member.value for member in tp])
    if origin is Union or origin is types.UnionType:
        members = [_from_text(arg) for arg in args if arg is not type(None)]
        union = members[0]
        if len(members) > 1:
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
    written = {_as_text(value): value for value in values}
    return Annotated[tp, BeforeValidator(lambda text: written.get(text, text))]


def _as_text(value: Any) -> str:
    text = encode(value)
    return text if isinstance(text, str) else text.decode()
