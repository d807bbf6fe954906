"""Messages to Python values, by pydantic where they are JSON.

Scalars have a strict text form of their own, so that ``int`` means digits and nothing else;
everything else is JSON, parsed and validated by pydantic in one go. Whatever a peer sends, the
outcome is a value or a WebSocketCastError.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Hashable
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import (
    ErrorDetails,
    PydanticKnownError,
    from_json,
)
from typing_extensions import TypeAliasType

from .errors import WebSocketCastError, cut, type_name

MAX_ERRORS = 20
MAX_LISTED = 20_000  # pydantic lists all or none: of a message of 1 MiB that may take it 7 s
MAX_CACHED = 256

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


Message: TypeAlias = "str | bytes"
Cast: TypeAlias = "Callable[[Message], Any]"

# What is raised on a bad value: by pydantic a ValidationError, by a user's validator, discriminator
# or enum anything. It ran on what the peer sent, so a KeyError too is the bad value's doing: let
# through, it would be a crash and a traceback that any peer could cause.
BAD_VALUE = Exception

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def caster(tp: Any) -> Cast:
    """The function that casts a message to a type.

    Raises:
        TypeError: pydantic can't validate the type.
    """
    # Most types are the very object they were before, and a key takes longer than a cast.
    try:
        return casts_by_id[id(tp)][0]
    except KeyError:
        made = kept(_casts, tp, _make_cast)
    # The type is held, so that no other object gets its id.
    return keep(casts_by_id, id(tp), (made, tp))[0]


def kept(cache: dict[Hashable, T], tp: Any, make: Callable[[Any], T]) -> T:
    """What was made for a type before, or else made now: an adapter takes milliseconds."""
    try:
        key = _key(tp)
        found = cache.get(key)
    except TypeError:  # not hashable, so not kept
        return make(tp)
    return keep(cache, key, make(tp)) if found is None else found


def keep(cache: dict[K, T], key: K, value: T) -> T:
    cache[key] = value
    if len(cache) > MAX_CACHED:
        cache.pop(next(iter(cache)), None)
    return value


_casts: dict[Hashable, Cast] = {}
casts_by_id: dict[int, tuple[Cast, Any]] = {}


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
        if has_constant(message):
            from_json(message, allow_inf_nan=False)
        return value

    return read


def has_constant(message: Message) -> bool:
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
        why = error.message.partition("\n")[0]  # what follows is for authors of types
        msg = f"cannot cast to {type_name(tp)}: pydantic can't validate it ({why})"
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
