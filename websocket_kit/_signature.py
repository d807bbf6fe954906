"""A handler's signature: what users write, and what it says before a path is known.

Everything that can be wrong with it is found when the route is defined, and the file is long
because each such thing has a text of its own.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Concatenate,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from starlette.websockets import WebSocket as StarletteWebSocket

from ._casting import unwrap
from ._channel import MessageTypes
from ._input_types import union_of
from .connection import WebSocket
from .errors import InvalidRouteError, type_name

__all__ = ["Cookie", "Header", "Query", "query"]

Handler: TypeAlias = Callable[Concatenate[WebSocket[Any, Any], ...], Coroutine[Any, Any, None]]
HandlerT = TypeVar("HandlerT", bound=Handler)

MISSING: Any = inspect.Parameter.empty
_QUERIES = "__websocket_kit_queries__"


# ---------------------------------------------------------------------------- what users write


@dataclasses.dataclass(frozen=True)
class Query:
    """Marks an input that comes from the query: ``Annotated[str, Query(alias="q")]``.

    On a pydantic model, a dataclass or a TypedDict, the whole query is read into it. Its fields are
    cast by pydantic's own rules for strings then, not by those of an input that stands alone: in a
    field, ``int | str`` leaves ``"5"`` a str, and ``Literal[1]`` takes no text.

    Attributes:
        alias: The key in the query; None: the parameter's name.
    """

    where: ClassVar[str] = "query"
    alias: str | None = None


@dataclasses.dataclass(frozen=True)
class Header:
    """Marks an input that comes from a request header: ``Annotated[str, Header()]``.

    Attributes:
        alias: The header's name, in any case; None: the parameter's name with hyphens for its
            underscores.
    """

    where: ClassVar[str] = "header"
    alias: str | None = None


@dataclasses.dataclass(frozen=True)
class Cookie:
    """Marks an input that comes from a cookie: ``Annotated[str, Cookie()]``.

    Attributes:
        alias: The cookie's name; None: the parameter's name.
    """

    where: ClassVar[str] = "cookie"
    alias: str | None = None


Mark: TypeAlias = Query | Header | Cookie


class _Declared(NamedTuple):
    types: tuple[Any, ...]
    default: Any


def query(name: str, *types: Any, default: Any = MISSING) -> Callable[[HandlerT], HandlerT]:
    """Declare a query input without an annotation; goes between the route and the function.

    Args:
        name: The key in the query, and the name of the handler's parameter.
        types: What to cast it to; several are tried from left to right, none means ``str`` or
            what the parameter's annotation says.
        default: What the handler gets when the key is missing; without one it is required.

    Raises:
        InvalidRouteError: It stands above the route decorator, declares a name twice, or is put
            on a bound method.
    """

    def declare(handler: HandlerT) -> HandlerT:
        if hasattr(handler, "handler"):
            msg = (
                f"@query({name!r}) stands above the route decorator:"
                " put it between the route decorator and the function"
            )
            raise InvalidRouteError(msg)
        declared: dict[str, _Declared] = getattr(handler, _QUERIES, {})
        if name in declared:
            msg = f"@query({name!r}) is there twice: leave one out"
            raise InvalidRouteError(msg)
        try:
            setattr(handler, _QUERIES, {name: _Declared(types, default), **declared})
        except AttributeError as error:
            msg = (
                f"@query({name!r}) can't be kept on {handler!r}: annotate its parameter"
                f" {name!r} instead"
            )
            raise InvalidRouteError(msg) from error
        return handler

    return declare


# ------------------------------------------------------------------------- reading a signature


class Signature(NamedTuple):
    """What a handler's signature says, before a path is known.

    Attributes:
        name: The handler's name, for errors and logs.
        receives: The type of messages received.
        sends: The type of messages sent.
        parameters: The parameters that are inputs, with their types.
    """

    name: str
    receives: Any
    sends: Any
    parameters: tuple[Parameter, ...]


class Parameter(NamedTuple):
    """One parameter that is an input; ``MISSING`` stands for a type or default not given."""

    name: str
    tp: Any
    mark: Mark | None
    default: Any
    declared: bool  # by @query


def names_around() -> Mapping[str, Any]:
    """The local names where a decorator is used: its caller's caller's."""
    return sys._getframe(2).f_locals


def read_signature(handler: Handler, names: Mapping[str, Any]) -> Signature:
    """Read a handler's signature.

    Args:
        handler: The handler.
        names: The names around the handler's definition, for annotations that are strings.

    Raises:
        InvalidRouteError: It can't be a handler, or a parameter no input.
    """
    name = handler_name(handler)
    layers = list(_layers(handler))
    filled = {key for layer in layers if _is_partial(layer) for key in layer.keywords}
    parameters = [
        parameter
        for parameter in inspect.signature(handler).parameters.values()
        if parameter.name not in filled
    ]
    declared: dict[str, _Declared] = {}
    for layer in reversed(layers):
        declared.update(getattr(layer, _QUERIES, {}))
    hints = read_hints(handler, name, names)
    first = next(iter(parameters), None)
    if first is not None and first.kind is inspect.Parameter.KEYWORD_ONLY:
        first = None  # a route gives the WebSocket by position
    # What @endpoint makes asks for Starlette's WebSocket, and the function in it for ours.
    asked = None if first is None else first.annotation
    if first is not None and is_starlettes(asked) and asked is not hints.get(first.name):
        msg = (
            f"handler {name!r} is under @endpoint, which is for routes of Starlette and FastAPI:"
            " leave @endpoint out"
        )
        raise InvalidRouteError(msg)
    receives, sends = message_types(name, first, hints)
    inputs = [_read_parameter(name, parameter, hints, declared) for parameter in parameters[1:]]
    unknown = declared.keys() - filled - {parameter.name for parameter in inputs}
    if unknown:
        lost = min(unknown)
        msg = f"handler {name!r} has no parameter for @query({lost!r}): add one named {lost!r}"
        raise InvalidRouteError(msg)
    return Signature(name, receives, sends, tuple(inputs))


def inner_function(handler: Any) -> Any:
    """The function inside a functools.partial."""
    return inner_function(handler.func) if _is_partial(handler) else handler


def _layers(handler: Any) -> Iterator[Any]:
    """A handler, and what is inside each functools.partial and functools.wraps of it."""
    yield handler
    while _is_partial(handler) or hasattr(handler, "__wrapped__"):
        handler = handler.func if _is_partial(handler) else handler.__wrapped__
        yield handler


def _is_partial(handler: object) -> bool:
    return isinstance(handler, functools.partial)


def handler_name(handler: Any) -> str:
    """A handler's name, for errors and logs.

    Raises:
        InvalidRouteError: It is not an async function.
    """
    function = inner_function(handler)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    # An object with an async __call__ will do; a class, whose __call__ is its instances', won't.
    call = None if isinstance(function, type) else getattr(function, "__call__", None)  # noqa: B004
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)):
        msg = f"handler {name!r} is not async: write 'async def'"
        if inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(call):
            msg = (
                f"handler {name!r} is a generator: send with 'await ws.send(...)', not with 'yield'"
            )
        raise InvalidRouteError(msg)
    return name


def read_hints(handler: Any, name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """A handler's annotations, those that are strings looked up.

    Raises:
        InvalidRouteError: One can't be found.
    """
    *_, function = _layers(handler)
    if not inspect.isroutine(function):
        function = type(function).__call__
    return read_annotations(f"handler {name!r}", function, names)


def read_annotations(
    what: str, owner: Any, names: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The annotations of a function or class, those that are strings looked up.

    Raises:
        InvalidRouteError: One can't be found or read; the text begins with ``what``.
    """
    try:
        return get_type_hints(owner, localns=names and dict(names), include_extras=True)
    except NameError as error:
        msg = (
            f"{what}: the name {error.name!r} in its annotations can't be found when the"
            " route is defined; import it outside 'if TYPE_CHECKING' and define it before"
        )
        raise InvalidRouteError(msg) from error
    except Exception as error:  # an annotation in quotes is code, and raises anything
        msg = f"{what}: an annotation in quotes can't be read: {type(error).__name__}: {error}"
        raise InvalidRouteError(msg) from error


def is_websocket(tp: Any) -> bool:
    """Whether a type is our WebSocket, with or without its two types."""
    tp = _unannotated(tp)
    return tp is WebSocket or get_origin(tp) is WebSocket


def is_starlettes(tp: Any) -> bool:
    """Whether a type is Starlette's WebSocket, which FastAPI's is too."""
    return isinstance(tp, type) and issubclass(tp, StarletteWebSocket)


def _unannotated(tp: Any) -> Any:
    tp = unwrap(tp)
    return unwrap(get_args(tp)[0]) if get_origin(tp) is Annotated else tp


def message_types(
    name: str, parameter: inspect.Parameter | None, hints: Mapping[str, Any]
) -> tuple[Any, Any]:
    """What a handler's WebSocket receives and sends, by the annotation of its parameter.

    Raises:
        InvalidRouteError: There is no such parameter, or it is something else.
    """
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if parameter is None or parameter.kind in several:
        msg = f"handler {name!r} takes no WebSocket: make it the first parameter, 'ws: WebSocket'"
        raise InvalidRouteError(msg)
    tp = hints.get(parameter.name, WebSocket)
    if not is_websocket(tp) and tp is not Any:
        kind = "Starlette's WebSocket" if is_starlettes(tp) else f"a {type_name(tp)}"
        msg = (
            f"handler {name!r}: the first parameter, {parameter.name!r}, is {kind}; the"
            " WebSocket comes first: 'ws: WebSocket', imported from websocket_kit"
        )
        raise InvalidRouteError(msg)
    args = get_args(_unannotated(tp))
    return args or (str, Any)


def check_types(name: str, receives: Any, sends: Any) -> MessageTypes:
    """How messages of a handler's two types are cast and encoded.

    Raises:
        InvalidRouteError: pydantic doesn't know a type.
    """
    try:
        return MessageTypes.of(receives, sends)
    except TypeError as error:
        msg = f"handler {name!r}: {error}"
        raise InvalidRouteError(msg) from error


def _read_parameter(
    name: str,
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    declared: Mapping[str, _Declared],
) -> Parameter:
    what = f"handler {name!r}: parameter {parameter.name!r}"
    if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        msg = f"{what} takes any number of inputs: name each input as a parameter of its own"
        raise InvalidRouteError(msg)
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        msg = f"{what} can't be given by name: move the '/' in the signature before it"
        raise InvalidRouteError(msg)
    if isinstance(parameter.default, (Query, Header, Cookie)):
        kind = type(parameter.default).__name__
        msg = f"{what} has a mark as its default: write '{parameter.name}: Annotated[T, {kind}()]'"
        raise InvalidRouteError(msg)
    hint = hints.get(parameter.name, MISSING)
    if is_websocket(hint):
        msg = (
            f"{what} is a WebSocket, which comes first and once; of a method, give the bound one"
            " (Chat().handler)"
        )
        raise InvalidRouteError(msg)
    foreign = _find_foreign_mark((*_metadata(hint), parameter.default))
    if foreign is not None:
        msg = (
            f"{what} is marked with {foreign}, which a router doesn't know and would read from the"
            " query: import Query, Header or Cookie from websocket_kit; in FastAPI, @endpoint keeps"
            " the framework's own injection"
        )
        raise InvalidRouteError(msg)
    tp, mark = _split_mark(hint)
    default = parameter.default
    said = declared.get(parameter.name)
    if said is not None:
        tp = union_of(said.types) if said.types else tp
        default = said.default if said.default is not MISSING else default
    return Parameter(parameter.name, tp, mark, default, said is not None)


def _split_mark(tp: Any) -> tuple[Any, Mark | None]:
    """A type without its mark, and the mark, which may also stand in an alias or in a union."""
    plain = unwrap(tp)
    if get_origin(plain) in {Union, UnionType}:
        members = [_split_mark(member) for member in get_args(plain)]
        mark = next((mark for _, mark in members if mark is not None), None)
        return (tp if mark is None else union_of(tp for tp, _ in members)), mark
    if get_origin(plain) is not Annotated:
        return tp, None
    inner, mark = _split_mark(plain.__origin__)
    rest: list[Any] = []
    for item in plain.__metadata__:
        own = _as_mark(item)
        if own is None:
            rest.append(item)
        else:
            mark = own
    if mark is None:
        return tp, None
    return (Annotated[(inner, *rest)] if rest else inner), mark


# Frameworks whose marks look like ours, and mean something else.
_FRAMEWORKS = {"fastapi": "FastAPI", "litestar": "Litestar"}


def _find_foreign_mark(marks: Iterable[object]) -> str | None:
    """The name of the first mark that is a framework's."""
    for mark in marks:
        kind = mark if isinstance(mark, type) else type(mark)
        owner = _FRAMEWORKS.get(kind.__module__.partition(".")[0])
        if owner is not None:
            return f"{owner}'s {kind.__name__}"
    return None


def _metadata(tp: Any) -> Iterator[object]:
    """All that Annotated adds to a type, through aliases and unions."""
    plain = unwrap(tp)
    if get_origin(plain) is Annotated:
        yield from plain.__metadata__
        yield from _metadata(plain.__origin__)
    elif get_origin(plain) in {Union, UnionType}:
        for member in get_args(plain):
            yield from _metadata(member)


def check_no_marks(name: str, handler: Any, hints: Mapping[str, Any]) -> None:
    """Refuse our marks on a handler whose inputs a framework reads.

    Raises:
        InvalidRouteError: There is one; the framework would read its input from the query.
    """
    marked = {key: mark for key, tp in hints.items() if (mark := _split_mark(tp)[1]) is not None}
    for layer in _layers(handler):
        marked.update(dict.fromkeys(getattr(layer, _QUERIES, {}), Query()))
    if marked:
        key, mark = next(iter(marked.items()))
        kind = type(mark).__name__
        msg = (
            f"handler {name!r}: parameter {key!r} is marked with websocket_kit's {kind}, and under"
            f" @endpoint the framework reads the inputs: import {kind} from fastapi"
        )
        raise InvalidRouteError(msg)


def _as_mark(item: object) -> Mark | None:
    if isinstance(item, (Query, Header, Cookie)):
        return item
    if isinstance(item, type) and issubclass(item, (Query, Header, Cookie)):
        return item()
    return None
