"""A handler's inputs: where each comes from, and reading them from a handshake."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import parse_qsl

from starlette.convertors import Convertor
from starlette.requests import cookie_parser
from typing_extensions import is_typeddict

from ._casting import BAD_VALUE, input_caster, list_errors, tells_type_only
from ._signature import MISSING, Header, Parameter, Query, Signature
from .errors import InvalidRouteError, type_name

Scope: TypeAlias = "Mapping[str, Any]"


class Problem(NamedTuple):
    """What is wrong with an input; ``loc`` is where it comes from and its key."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class _Input(NamedTuple):
    parameter: str
    where: str  # "path", "query", "header" or "cookie"
    key: str
    cast: Callable[[Any], Any] | None
    default: Any = MISSING
    many: bool = False  # a list of the values of a repeated key
    model: dict[str, bool] | None = None  # the whole query: its keys, and whether each takes many


class Inputs:
    """The inputs of one route, ready to be read from handshakes."""

    def __init__(self, inputs: Sequence[_Input]) -> None:
        """Take the inputs planned by ``plan_inputs``."""
        self._inputs = inputs
        self._wheres = {item.where for item in inputs}

    def read(self, scope: Scope) -> tuple[dict[str, Any], list[Problem]]:
        """The values by parameter name, and what is wrong with the others."""
        if not self._inputs:
            return {}, []
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        given = {where: _READERS[where](scope) for where in self._wheres}
        for item in self._inputs:
            found = _look_up(item, given[item.where])
            if found is None:
                if item.default is MISSING:
                    problems.append(Problem((item.where, item.key), "Field required", "missing"))
                else:
                    values[item.parameter] = item.default
            elif item.cast is None:
                values[item.parameter] = found
            else:
                try:
                    values[item.parameter] = item.cast(found)
                except BAD_VALUE as error:
                    problems.extend(_problems(item, error))
        return values, problems


def _look_up(item: _Input, given: Mapping[str, Any]) -> Any:
    if item.where == "path":
        return given[item.key]
    if item.model is not None:
        if not given and item.default is not MISSING:
            return None
        return {key: texts if item.model.get(key) else texts[-1] for key, texts in given.items()}
    texts = given.get(item.key)
    if texts is None or item.many:
        return texts
    return texts[-1]


def _problems(item: _Input, error: Exception) -> list[Problem]:
    loc = (item.where,) if item.model is not None else (item.where, item.key)
    known = item.model or {}
    # Nothing of the input is repeated: not by a text that isn't pydantic's own, nor by a key.
    return [
        Problem(
            (*loc, *(part for part in found["loc"] if isinstance(part, int) or part in known)),
            found["msg"] if tells_type_only(found["type"]) else "Input is not valid",
            found["type"],
        )
        for found in list_errors(error)
    ]


def problems_as_json(problems: Iterable[Problem]) -> str:
    """The body of the 400 answer."""
    return json.dumps([problem._asdict() for problem in problems])


def _read_path(scope: Scope) -> Mapping[str, Any]:
    params: Mapping[str, Any] = scope["path_params"]
    return params


def _read_query(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    text = scope.get("query_string", b"").decode("latin-1")
    for key, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(key, []).append(value)
    return found


def _read_headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope.get("headers") or ():
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _read_cookies(scope: Scope) -> dict[str, list[str]]:
    lines = _read_headers(scope).get("cookie", [])
    return {name: [value] for name, value in cookie_parser("; ".join(lines)).items()}


_READERS: dict[str, Callable[[Scope], Mapping[str, Any]]] = {
    "path": _read_path,
    "query": _read_query,
    "header": _read_headers,
    "cookie": _read_cookies,
}


# ------------------------------------------------------------------------------------ planning


def plan_inputs(
    signature: Signature, path: str, convertors: Mapping[str, Convertor[Any]]
) -> Inputs:
    """Find out where each input of a handler comes from.

    Raises:
        InvalidRouteError: A path parameter without a handler's, or a parameter that can't be
            filled from a handshake.
    """
    names = {parameter.name for parameter in signature.parameters}
    lost = [name for name in convertors if name not in names]
    if lost:
        msg = (
            f"handler {signature.name!r} has no parameter for {{{lost[0]}}} of its path {path!r}:"
            f" add one named {lost[0]!r}"
        )
        raise InvalidRouteError(msg)
    return Inputs([_plan(signature.name, item, convertors) for item in signature.parameters])


def _plan(handler: str, item: Parameter, convertors: Mapping[str, Convertor[Any]]) -> _Input:
    what = f"handler {handler!r}: parameter {item.name!r}"
    if item.name in convertors:
        if item.mark is not None or item.declared:
            msg = f"{what} is in the path: it can't come from elsewhere too"
            raise InvalidRouteError(msg)
        return _Input(item.name, "path", item.name, _path_cast(what, item))
    mark = item.mark or Query()
    tp = str if item.tp is MISSING else item.tp
    wants_body = _needs_body(tp)
    if wants_body and not isinstance(item.mark, Query):
        raise InvalidRouteError(_body_text(what, tp))
    key = mark.alias or item.name
    if isinstance(mark, Header):
        key = mark.alias.lower() if mark.alias else item.name.replace("_", "-").lower()
    cast = None if tp is str else _cast_for(what, tp)
    model = _model_keys(tp) if wants_body else None
    return _Input(item.name, mark.where, key, cast, item.default, _holds_many(tp), model)


def _path_cast(what: str, item: Parameter) -> Callable[[Any], Any] | None:
    if item.tp is MISSING:
        return None
    if item.tp is str:
        return str
    if _needs_body(item.tp):
        raise InvalidRouteError(_body_text(what, item.tp))
    return _cast_for(what, item.tp)


def _cast_for(what: str, tp: Any) -> Callable[[Any], Any]:
    try:
        return input_caster(tp)
    except TypeError as error:
        msg = f"{what}: {error}; an input is a type that pydantic can read from text"
        raise InvalidRouteError(msg) from error


def _body_text(what: str, tp: Any) -> str:
    name = type_name(tp)
    return (
        f"{what} is a {name}, which only a body could fill, and a WebSocket handshake has none:"
        f" receive it as the first message, with 'await ws.receive(tp={name})'"
        " (or mark a model Query() to read it from the query)"
    )


def _parts(tp: Any) -> Iterable[Any]:
    """A type, or the members of a union, without what Annotated adds and without None."""
    if get_origin(tp) is Annotated:
        yield from _parts(tp.__origin__)
    elif get_origin(tp) in {Union, UnionType}:
        for member in get_args(tp):
            yield from _parts(member)
    elif tp is not NoneType:
        yield tp


def _needs_body(tp: Any) -> bool:
    return any(
        _is_record(part) or (_is_container(part) and any(map(_needs_body, get_args(part))))
        for part in _parts(tp)
    )


def _is_record(tp: Any) -> bool:
    kind: Any = get_origin(tp) or tp
    return (
        dataclasses.is_dataclass(kind)
        or is_typeddict(kind)
        or hasattr(kind, "model_fields")
        or hasattr(kind, "_fields")
        or _is_subclass(kind, Mapping)
    )


def _is_subclass(kind: object, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)


def _is_container(tp: Any) -> bool:
    kind = get_origin(tp) or tp
    return (
        isinstance(kind, type)
        and issubclass(kind, (Sequence, AbstractSet))
        and not issubclass(kind, (str, bytes, bytearray, memoryview))
    )


def _holds_many(tp: Any) -> bool:
    return any(map(_is_container, _parts(tp)))


def _model_keys(tp: Any) -> dict[str, bool]:
    """The keys of the query that a model reads, and whether each takes all values of its key."""
    kind = next(iter(_parts(tp)))
    kind = get_origin(kind) or kind
    fields: Mapping[str, Any] = getattr(kind, "__pydantic_fields__", {})
    keys: dict[str, bool] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        tp, extras = _without_extras(hint)
        aliases: list[object] = [name]
        for extra in (fields.get(name), *extras):
            other = getattr(extra, "validation_alias", None)
            aliases += [getattr(extra, "alias", None), other, *getattr(other, "choices", ())]
        keys.update({alias: _holds_many(tp) for alias in aliases if isinstance(alias, str)})
    return keys


def _without_extras(hint: Any) -> tuple[Any, list[Any]]:
    """A field's type, and what stands around it: annotations, Required, NotRequired."""
    extras: list[Any] = []
    while get_origin(hint) in {Annotated, Required, NotRequired}:
        hint, *more = get_args(hint)
        extras += more
    return hint, extras
