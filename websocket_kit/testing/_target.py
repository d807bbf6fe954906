"""What can be connected to, as an ASGI app: a handler, a route, a router, any other app."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Never, TypeAlias, cast

from starlette.websockets import WebSocket as StarletteWebSocket

from websocket_kit._channel import set_up
from websocket_kit._finishing import foreign_origin, refuse
from websocket_kit._options import settle
from websocket_kit._serving import absorb
from websocket_kit._signature import (
    MISSING,
    check_types,
    handler_name,
    inner_function,
    is_starlettes,
    read_hints,
    read_signature,
)
from websocket_kit.connection import WebSocket

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Target: TypeAlias = Callable[..., Coroutine[Any, Any, None]]

_SETTINGS = settle({})
_ASGI = ["scope", "receive", "send"]


def as_app(
    target: Any, inputs: Mapping[str, Any], names: Mapping[str, Any], options: Collection[str]
) -> Target:
    """The ASGI app that a target is, or that calls the handler that it is.

    Args:
        target: The target.
        inputs: The inputs of a handler, by name.
        names: The names where ``connect`` is called, for annotations that are strings.
        options: What the options of ``connect`` are called, one of which may be misspelt.

    Raises:
        TypeError: It can't be connected to, an input is unknown or missing, or it is an app, which
            takes them from the handshake.
        InvalidRouteError: It is no handler either.
    """
    if _is_useless(target):
        msg = f"connect() takes a handler, a route, a router or an ASGI app, not {target!r}"
        raise TypeError(msg)
    parameters = list(inspect.signature(target).parameters.values())
    if _is_asgi(target, parameters):
        if inputs:
            name = next(iter(inputs))
            msg = (
                f"{name!r} is neither an option of connect(){_did_you_mean(name, options)} nor an"
                " input: only a bare handler, as a route's .handler, takes its inputs by keyword;"
                " write them into the path, the query or the headers"
            )
            raise TypeError(msg)
        return cast("Target", target)
    return _call_handler(target, parameters, inputs, names, options)


def _did_you_mean(name: str, options: Collection[str]) -> str:
    return "".join(f" (did you mean {each!r}?)" for each in get_close_matches(name, options, 1))


def _is_asgi(target: Any, parameters: list[inspect.Parameter]) -> bool:
    """Whether a target is an app, or else a handler."""
    function = inner_function(target)
    # An unused one may be called _scope.
    names = [parameter.name.lstrip("_") for parameter in parameters[:3]]
    if inspect.isroutine(function):
        return names == _ASGI
    # A handler may be an object, too. An app's first is the scope, whatever it calls the others.
    is_async = inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
    named = bool(parameters) and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL
    return not (is_async and named) or names[0] == "scope"


def _is_useless(target: Any) -> bool:
    """Whether it can't be called, or is a class that makes no ASGI app of scope, receive, send."""
    if not isinstance(target, type):
        return not callable(target)
    try:
        inspect.signature(target).bind(*_ASGI)
    except (TypeError, ValueError):
        return True
    return False


def _call_handler(
    handler: Any,
    parameters: list[inspect.Parameter],
    inputs: Mapping[str, Any],
    names: Mapping[str, Any],
    options: Collection[str],
) -> Target:
    name = handler_name(handler)
    hints = read_hints(handler, name, names)
    # @endpoint says what it takes in its signature only: its annotations are the function's.
    if parameters and any(
        map(is_starlettes, (hints.get(parameters[0].name), parameters[0].annotation))
    ):
        known = {parameter.name: parameter.default for parameter in parameters[1:]}
        given = _fill_in(name, known, inputs, options)

        async def call_starlettes(scope: Scope, receive: Receive, send: Send) -> None:
            scope["path_params"] = _NoPathParams()
            await handler(StarletteWebSocket(scope, receive, send), **given)

        return call_starlettes
    signature = read_signature(handler, names)
    types = check_types(name, signature.receives, signature.sends)
    given = _fill_in(
        name, {item.name: item.default for item in signature.parameters}, inputs, options
    )

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        __tracebackhide__ = True
        scope["path_params"] = _NoPathParams()
        ws: WebSocket[Any, Any] = WebSocket.__new__(WebSocket)
        set_up(ws, scope, receive, send, types, _SETTINGS)
        rejection = foreign_origin(ws)
        if rejection is not None:
            await refuse(ws, rejection)
            return
        try:
            await handler(ws, **given)
        except BaseException as error:
            if isinstance(error, AttributeError) and error.obj is ws:
                error.add_note(_NOT_STARLETTES)
            # As on a route. Not so a handler that just returns: the close that only the router
            # would send is missing where there is no router.
            if not await absorb(ws, error, name):
                raise

    return call


_NOT_STARLETTES = (
    "connect() took it for a handler of websocket_kit's; annotate its first parameter as"
    " starlette.websockets.WebSocket if it is an endpoint of Starlette's"
)


class _NoPathParams(dict[str, Any]):
    """What a bare handler finds as its path parameters."""

    def __missing__(self, key: str) -> Never:
        msg = (
            f"no path parameter {key!r}: a bare handler has no route to take it from; connect to"
            " its route, or to its app, with the path"
        )
        raise KeyError(msg)


def _fill_in(
    name: str, known: Mapping[str, Any], inputs: Mapping[str, Any], options: Collection[str]
) -> dict[str, Any]:
    """The inputs given and the defaults of the others."""
    unknown = [key for key in inputs if key not in known]
    if unknown:
        there_are = ", ".join(known) or "none"
        msg = f"handler {name!r} has no input {unknown[0]!r} (there are: {there_are})"
        if meant := _did_you_mean(unknown[0], options):
            msg += f", nor connect() such an option{meant}"
        raise TypeError(msg)
    given = {**known, **inputs}
    missing = [key for key, value in given.items() if value is MISSING]
    if missing:
        msg = f"handler {name!r} needs the input {missing[0]!r}: connect(..., {missing[0]}=...)"
        raise TypeError(msg)
    return given
