"""Messages to Python values and back, by pydantic where they are JSON.

Scalars have a strict text form of their own, so that ``int`` means digits and nothing else;
everything else is JSON, parsed and validated by pydantic in one go. Whatever a peer sends, the
outcome is a value or a WebSocketCastError.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
)
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import (
    ErrorDetails,
    PydanticKnownError,
    PydanticSerializationError,
    SchemaSerializer,
    core_schema,
    from_json,
)
from typing_extensions import TypeAliasType

from .errors import WebSocketCastError, cut, type_name

MAX_ERRORS = 20
MAX_LISTED = 20_000  # pydantic lists all or none: of a message of 1 MiB that may take it 7 s
MAX_CACHED = 256

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


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

# What is raised on a bad value: by pydantic a ValidationError, by a user's validator, discriminator
# or enum anything. It ran on what the peer sent, so a KeyError too is the bad value's doing: let
# through, it would be a crash and a traceback that any peer could cause.
BAD_VALUE = Exception

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


# ------------------------------------------------------------------------------- receiving


def caster(tp: Any) -> Cast:
    """The function that casts a message to a type.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    # Most types are the very object they were before, and a key takes longer than a cast.
    try:
        return casts_by_id[id(tp)][0]
    except KeyError:
        made = _kept(_casts, tp, _make_cast)
    # The type is held, so that no other object gets its id.
    return _keep(casts_by_id, id(tp), (made, tp))[0]


def _kept(cache: dict[Hashable, T], tp: Any, make: Callable[[Any], T]) -> T:
    """What was made for a type before, or else made now: an adapter takes milliseconds."""
    try:
        key = _key(tp)
        found = cache.get(key)
    except TypeError:  # not hashable, so not kept
        return make(tp)
    return _keep(cache, key, make(tp)) if found is None else found


def _keep(cache: dict[K, T], key: K, value: T) -> T:
    cache[key] = value
    if len(cache) > MAX_CACHED:
        cache.pop(next(iter(cache)), None)
    return value


_casts: dict[Hashable, Cast] = {}
casts_by_id: dict[int, tuple[Cast, Any]] = {}
_encodes: dict[Hashable, Encode] = {}


def _key(tp: Any) -> Hashable:
    """What tells types apart: ``int | str == str | int``, yet they cast differently."""
    if isinstance(tp, type) and not hasattr(tp, "__args__"):
        return tp
    origin = get_origin(tp)
    if origin is None or origin is Literal or not get_args(tp):  # tuple[()] is no typing.Tuple
        return (Literal, tp)
    if origin is Annotated:
        inner, *metadata = get_args(tp)
        return (Annotated, _key(inner), *metadata)
    return (origin, *map(_key, get_args(tp)))


def _make_cast(tp: Any) -> Cast:
    plain = unwrap(tp)
    if plain in _DICTS:
        return _dict_cast(tp)
    scalar = _SCALARS.get(plain) if isinstance(plain, type) else None
    if scalar is not None:
        return _guard(tp, scalar)
    read = _scalar_below(plain)
    if read is not None:
        validate = type_adapter(tp).validator.validate_python
        return _guard(tp, lambda message: validate(read(message)))
    return _json_cast(tp, type_adapter(tp).validator.validate_json)


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


def _json_cast(tp: Any, validate: Callable[[Message], Any]) -> Cast:
    """Cast by pydantic; a text by nothing else, if it can't hold NaN or Infinity."""
    guarded = _guard(tp, _json_reader(validate))

    def cast_json(message: Message) -> Any:
        # One letter is found ten times as fast as a word, and a message is mostly without.
        if type(message) is not str or "N" in message or "I" in message:
            return guarded(message)
        try:
            return validate(message)
        except BAD_VALUE as error:
            problems = list_errors(error)
        raise WebSocketCastError(tp, message, problems)  # out here, as in _guard

    return cast_json


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


def _dict_cast(tp: Any) -> Cast:
    """Cast to a dict: pydantic's parser gives what its validator would, a third faster."""
    guarded = _guard(tp, _read_dict)

    def cast_dict(message: Message) -> Any:
        try:
            value: dict[str, Any] = from_json(message, allow_inf_nan=False)  # if it is an object
        except (ValueError, TypeError):
            return guarded(message)  # which says what is wrong, in the validator's words
        return value if type(value) is dict else guarded(message)

    return cast_dict


def list_errors(error: Exception, *, repeat: bool = True) -> list[dict[str, Any]]:
    """What is wrong with a value, in pydantic's form, bounded and without the value.

    Args:
        error: What was raised on the value.
        repeat: Whether a text may hold some of the value, 100 characters at most; else none.
    """
    if not isinstance(error, ValidationError):
        return [_as_problem(error, repeat=repeat)]
    if error.error_count() > MAX_LISTED:
        text = f"{error.error_count():,} errors, too many to list"
        return [{"type": "too_many_errors", "loc": (), "msg": text}]
    tell = _cut_text if repeat else _text_without_value
    return [
        {
            "type": cut(problem["type"]),
            "loc": tuple(cut(part) if isinstance(part, str) else part for part in problem["loc"]),
            "msg": tell(problem),
        }
        for problem in error.errors(include_input=False)[:MAX_ERRORS]
    ]


def _as_problem(error: Exception, *, repeat: bool) -> dict[str, Any]:
    """What was raised past pydantic, by a reader of ours or by a user's code."""
    name = type(error).__name__
    if not isinstance(error, ValueError):
        kind, text = "unexpected_error", f"{name}: {error}"
    elif "integer string conversion" in str(error):
        kind, text = "value_error", "the number has too many digits"
    else:
        kind, text = "value_error", str(error)
    return {"type": kind, "loc": (), "msg": cut(text) if repeat else f"Input is not valid ({name})"}


def _cut_text(problem: ErrorDetails) -> str:
    """A problem's text with no more than 100 characters of the peer's.

    pydantic's own texts hold what the type wants, however long, and of the value a union's tag at
    the most; a validator's may hold anything.
    """
    text, context = problem["msg"], problem.get("ctx", {})
    if problem["type"] == "union_tag_invalid" and _is_pydantics(problem):
        return text.replace(context["tag"], cut(context["tag"]))
    return text if _is_pydantics(problem) else cut(text)


def _text_without_value(problem: ErrorDetails) -> str:
    """A problem's text with an ellipsis for what pydantic says about the value."""
    if not _is_pydantics(problem):
        return "Input is not valid"
    context = problem.get("ctx", {})
    about_the_value = _ABOUT_THE_VALUE & context.keys()
    if not about_the_value:
        return problem["msg"]
    context = {**context, **dict.fromkeys(about_the_value, "...")}
    return PydanticKnownError(cast("Any", problem["type"]), context).message()


# In the context of pydantic's errors: a parser's words, which may quote the value, and its tag.
_ABOUT_THE_VALUE = {"error", "encoding_error", "tag"}


def _is_pydantics(problem: ErrorDetails) -> bool:
    """Whether a problem's text is pydantic's own: a page of its documentation explains it.

    A PydanticCustomError has none, though it may bear a name of pydantic's.
    """
    return "url" in problem and problem["type"] not in _SAY_ANYTHING


# The kinds whose text is a validator's, and one that holds a number of the value's.
_SAY_ANYTHING = {"value_error", "assertion_error", "timezone_offset"}


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


def _read_dict(message: Message) -> Any:
    return _dict_reader()(message)


@cache
def _dict_reader() -> Cast:
    # Made when first needed: an import that makes an adapter takes 15 ms longer.
    return _json_reader(TypeAdapter(dict[str, Any]).validator.validate_json)


_DICTS: tuple[Any, ...] = (dict, dict[str, Any])  # which are the same to JSON

_SCALARS: dict[type, Cast] = {
    str: _read_str,
    bytes: _read_bytes,
    int: _read_int,
    bool: _read_bool,
    dict: _read_dict,
}


# Python's own and the backport of typing_extensions are two classes on some Pythons.
_ALIASES = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))


def unwrap(tp: Any) -> Any:
    """The type behind a NewType or a type alias, which are other names for it."""
    while True:
        if isinstance(tp, NewType):
            tp = tp.__supertype__
        elif isinstance(tp, _ALIASES):
            tp = tp.__value__
        else:
            return tp


def _scalar_below(tp: Any) -> Cast | None:
    """How to read an Annotated, Literal or enum over one of the scalars; None for the rest."""
    tp = unwrap(tp)
    if get_origin(tp) is Annotated:
        return _scalar_below(get_args(tp)[0])
    if get_origin(tp) is Literal:
        return _read_one_of(get_args(tp))
    if isinstance(tp, type) and issubclass(tp, Enum):
        return _read_one_of(tuple(tp))
    return _SCALARS.get(tp) if isinstance(tp, type) else None


def _read_one_of(members: tuple[Any, ...]) -> Cast | None:
    """How to read one of some values, if all are of one scalar; enum members go by their values."""
    kinds: set[type] = {type(value_of(member)) for member in members}
    read = _SCALARS.get(kinds.pop()) if len(kinds) == 1 else None
    if read is None:
        return None

    def read_member(message: Message) -> Any:
        value = read(message)
        return next((member for member in members if value_of(member) == value), value)

    return read_member


def value_of(member: Any) -> Any:
    """What an enum member stands for; any other value is itself."""
    return member.value if isinstance(member, Enum) else member


def type_adapter(tp: Any) -> TypeAdapter[Any]:
    """What pydantic validates and serialises a type with.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    # pydantic would call the function with what the peer sent, and take a dict for a schema.
    if inspect.isroutine(tp) or isinstance(tp, (dict, str)):
        msg = f"cannot cast to {tp!r}: it is not a type"
        raise TypeError(msg)
    try:
        adapter = _new_adapter(tp)
        # Where a type refers to one that isn't defined, this is what finds out; else it is nothing.
        adapter.rebuild(raise_errors=True)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        msg = f"cannot cast to {type_name(tp)}: pydantic can't validate it ({error.message})"
        raise TypeError(msg) from error
    except (TypeError, AttributeError, RuntimeError) as error:
        msg = f"cannot cast to {tp!r}: it is not a type pydantic can validate"
        raise TypeError(msg) from error
    return adapter


def _new_adapter(tp: Any) -> TypeAdapter[Any]:
    # JSON has no NaN and no infinities, so "NaN" or 1e999 is no float. In a model, dataclass or
    # TypedDict its own config says what is, and pydantic takes no other.
    try:
        return TypeAdapter(tp, config=ConfigDict(allow_inf_nan=False))
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
    return TypeAdapter(tp)


def comparable(value: object) -> tuple[Any, object]:
    """How to tell whether a message is a value: the type to cast it to, and what it equals then.

    Raises:
        TypeError: Such a value can't be sent.
        ValueError: It holds what can't be sent.
    """
    if not isinstance(value, (bytearray, memoryview)):
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
            dump = _keep(dumps, kind, serializer_for(kind).to_json)
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
    if not _has_constant(text):
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
