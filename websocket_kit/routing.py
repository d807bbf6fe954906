"""A small decorator router, itself an ASGI app that mounts into any other.

Inputs come from the path, the query, headers and cookies, and none from a body: a WebSocket
handshake has none.

The file is long because a route and the router are two sides of one thing, and their docstrings the
reference.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from starlette.datastructures import URLPath
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, NoMatchFound, Router
from typing_extensions import Unpack

from . import server
from ._channel import set_up
from ._draining import Connections
from ._finishing import refuse
from ._handshake import Rejection
from ._inputs import Problem, plan_inputs, problems_as_json
from ._lifespan import draining, run_inside
from ._limits import Gate, gates_of
from ._matching import Matcher, PathPattern, parse_path
from ._options import ServingOptions, for_routes, settle_serving
from ._serving import Service, serve
from ._signature import (
    Cookie,
    Handler,
    Header,
    Query,
    check_types,
    inner_function,
    names_around,
    query,
    read_signature,
)
from .connection import WebSocket
from .errors import InvalidRouteError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

__all__ = ["Cookie", "Header", "Query", "WebSocketRoute", "WebSocketRouter", "query", "websocket"]

P = ParamSpec("P")
T = TypeVar("T")


class WebSocketRoute(BaseRoute):
    """A handler at a path. Made by the decorators ``websocket`` and ``WebSocketRouter.websocket``.

    It is a Starlette route (``Starlette(routes=[route])``) and an ASGI app on its own.

    Attributes:
        path: Its path.
        name: Its name, for ``url_path_for``.
        handler: The function, to be called in a test.
        options: The options set on it.
    """

    def __init__(
        self,
        path: str,
        handler: Handler,
        *,
        name: str | None = None,
        **options: Unpack[ServingOptions],
    ) -> None:
        """Make a route; ``websocket(path)`` does the same as a decorator.

        Args:
            path: The path, in Starlette's syntax: ``/rooms/{room}``, ``/items/{id:int}``.
            handler: An async function that takes a WebSocket, then its inputs by name.
            name: Its name; None: the handler's.
            options: See ``ServingOptions``.

        Raises:
            InvalidRouteError: It can't work as written.
            TypeError: An unknown option, or one of the wrong type.
            ValueError: An option out of bounds.
        """
        self._build(path, handler, name, options, names_around())

    def _build(
        self,
        path: str,
        handler: Handler,
        name: str | None,
        options: ServingOptions,
        names: Mapping[str, Any],
    ) -> None:
        if isinstance(cast("object", handler), WebSocketRoute):
            msg = f"the handler of {path!r} is a route already: use its .handler"
            raise InvalidRouteError(msg)
        self.handler: Handler = handler
        function = inner_function(handler)
        own_name: str = getattr(function, "__name__", type(function).__name__)
        self.name: str = name or own_name
        signature = self._signature = read_signature(handler, names)
        self._types = check_types(signature.name, signature.receives, signature.sends)
        self._place(path, options, gates_of(settle_serving(options, "name")))

    def _place(self, path: str, options: ServingOptions, gates: tuple[Gate, ...]) -> None:
        self.path = path
        self.options = options
        self._settings = settle_serving(options)
        self._service = Service(self._signature.name, self._begin, gates)
        # While it serves on its own:
        self._connections = Connections()
        self._lifespan = draining(None, self._connections.close_all)
        self.pattern: PathPattern = parse_path(path)
        self._inputs = plan_inputs(self._signature, path, self.pattern.convertors)
        self._matcher: Matcher[WebSocketRoute] = Matcher()
        self._matcher.add(self.pattern, self)

    def placed(
        self, prefix: str, defaults: ServingOptions, gates: tuple[Gate, ...] = ()
    ) -> WebSocketRoute:
        """A copy under a prefix, with defaults for the options that are not set.

        It counts with the original where that counts connections, and in ``gates`` too.
        """
        route = copy.copy(self)
        path = prefix + self.path if prefix else self.path
        route._place(path, {**defaults, **self.options}, (*self._service.gates, *gates))
        return route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Starlette's question whether a scope is for this route."""
        if scope["type"] == "websocket":
            found = self._matcher.find(route_path(scope))
            if found is not None:
                params = {**scope.get("path_params", {}), **found[1]}
                return Match.FULL, {"endpoint": self.handler, "path_params": params}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route of that name, its parameters filled in.

        Raises:
            starlette.routing.NoMatchFound: It has another name, or other parameters.
        """
        if name != self.name or path_params.keys() != self.pattern.convertors.keys():
            raise NoMatchFound(name, path_params)
        return URLPath(path=self.pattern.fill_in(path_params), protocol="websocket")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection whose path has matched."""
        await self._serve(self._connections, scope, receive, send)

    def _serve(
        self, connections: Connections, scope: Scope, receive: Receive, send: Send
    ) -> Coroutine[Any, Any, None]:
        ws: WebSocket[Any, Any] = WebSocket.__new__(WebSocket)
        set_up(ws, scope, receive, send, self._types, self._settings)
        return serve(ws, self._service, connections)

    def _begin(self, ws: WebSocket[Any, Any]) -> Awaitable[object] | Rejection:
        """Call the handler, or say what is wrong with its inputs."""
        inputs, problems = self._inputs.read(ws.scope)
        return _bad_inputs(problems) if problems else self.handler(ws, **inputs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI app of one route."""
        await _serve_on_its_own(self, scope, receive, send)

    def __repr__(self) -> str:
        """The path and the name."""
        return f"WebSocketRoute({self.path!r}, name={self.name!r})"


def _bad_inputs(problems: list[Problem]) -> Rejection:
    where = {".".join(map(str, problem.loc)) for problem in problems}
    return Rejection(
        400,
        problems_as_json(problems),
        [(b"content-type", b"application/json")],
        text=f"bad or missing inputs: {', '.join(sorted(where))}",
        level=logging.INFO,
    )


def websocket(
    path: str, *, name: str | None = None, **options: Unpack[ServingOptions]
) -> Callable[[Handler], WebSocketRoute]:
    """Make a route of a handler, to be registered later: ``app.include(route)``.

    Args:
        path: The path, in Starlette's syntax: ``/rooms/{room}``, ``/items/{id:int}``.
        name: The route's name; None: the handler's.
        options: See ``ServingOptions``.

    Raises:
        InvalidRouteError: It can't work as written.
        TypeError: An unknown option, or one of the wrong type.
        ValueError: An option out of bounds.
    """
    _check_path(path)
    settle_serving(options, "name")

    def decorate(handler: Handler) -> WebSocketRoute:
        route = WebSocketRoute.__new__(WebSocketRoute)
        route._build(path, handler, name, options, names_around())
        return route

    return decorate


def _check_path(path: object) -> None:
    """Refuse ``@websocket`` without parentheses, which would register nothing."""
    if not isinstance(path, str):
        given = getattr(path, "__qualname__", repr(path))
        msg = f'the path is missing: write @websocket("/path") above {given!r}'
        raise TypeError(msg)


class WebSocketRouter:
    """Routes, as an ASGI app that runs alone or mounts into any other."""

    def __init__(
        self,
        routes: Iterable[WebSocketRoute] = (),
        *,
        lifespan: Lifespan[Any] | None = None,
        **options: Unpack[ServingOptions],
    ) -> None:
        """Make a router.

        Args:
            routes: Routes to begin with.
            lifespan: What to run around serving, as in Starlette: called with the router, it
                gives an async context manager, and that a dict of state or None.
            options: The defaults of its routes; see ``ServingOptions``.

        Raises:
            InvalidRouteError: Two routes match the same.
            TypeError: An unknown option, or one of the wrong type.
            ValueError: An option out of bounds.
        """
        self._gates = gates_of(settle_serving(options, "routes", "lifespan"))
        self._options = for_routes(options)
        self._connections = Connections()
        self._lifespan = draining(lifespan, self._connections.close_all)
        self._routes: list[WebSocketRoute] = []
        self._matcher: Matcher[WebSocketRoute] = Matcher()
        for route in routes:
            self.include(route)

    @property
    def connections(self) -> frozenset[WebSocket[Any, Any]]:
        """The connections that are open now, through routes of this router.

        A snapshot: it stays as it is while connections come and go, so it can be gone through
        with an ``await`` in the loop. A connection in it may be over by then.
        """
        return self._connections.opened()

    async def close_all(self, code: int = 1012, reason: str = "", grace: float = 5.0) -> None:
        """Close every connection, and wait until their handlers have ended.

        Until it returns, handshakes that go on and new ones are answered with HTTP 503;
        afterwards new ones are welcome again. What a handler calls next raises
        WebSocketHandshakeError, which the router absorbs like a disconnect; a ``task_group`` ends
        as if the peer had left. A handler that waits for a message, and is not told by its server
        within a second, gets the error then (on trio it is cancelled).

        Runs by itself when the router's lifespan ends, and under ``run()`` when it is told to
        stop. Called by a handler, it waits for all others.

        Args:
            code: The close code for those that are open.
            reason: The close reason, cut to 123 bytes of UTF-8.
            grace: Seconds to wait for the handlers; what is left is cancelled, and waited for 2
                seconds more at most.

        Raises:
            ValueError: The code may not be sent, or ``grace`` is negative. None was closed.
            TypeError: ``grace`` is no number. None was closed.

        If cancelled, every connection still gets its close, in one second at most, and those of
        their handlers that wait for a message are woken; the others are not waited for.
        """
        await self._connections.close_all(code, reason, grace)

    @property
    def routes(self) -> list[WebSocketRoute]:
        """The routes, in the order they were registered."""
        return list(self._routes)

    def websocket(
        self, path: str, *, name: str | None = None, **options: Unpack[ServingOptions]
    ) -> Callable[[Handler], WebSocketRoute]:
        """Make a route of a handler and register it at once; else as ``websocket``."""
        _check_path(path)
        settle_serving(options, "name")

        def decorate(handler: Handler) -> WebSocketRoute:
            route = WebSocketRoute.__new__(WebSocketRoute)
            names = names_around()
            route._build(path, handler, name, options, names)
            route = route.placed("", self._options, self._gates)
            self._add(route)
            return route

        return decorate

    def include(self, other: WebSocketRoute | WebSocketRouter, *, prefix: str = "") -> None:
        """Register a route, or the routes another router has at this moment, as copies.

        Args:
            other: The route or router. The options it sets stay; this router's are the defaults
                for the others. Another router's lifespan is not taken along.
            prefix: A path to put before: ``"/v1"``; parameters in it are the handlers' inputs.

        Raises:
            InvalidRouteError: A path matches the same as one that is there, or the prefix is
                malformed. None is registered then.
            TypeError: Neither a route nor a router.
        """
        if not isinstance(cast("object", other), (WebSocketRoute, WebSocketRouter)):
            msg = (
                f"include() takes a WebSocketRoute or a WebSocketRouter, not {other!r}:"
                " @websocket(path) makes a route of a handler"
            )
            raise TypeError(msg)
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            msg = f"prefix {prefix!r} must begin with a slash and not end with one"
            raise InvalidRouteError(msg)
        routes = other.routes if isinstance(other, WebSocketRouter) else [other]
        placed = [route.placed(prefix, self._options, self._gates) for route in routes]
        try:
            for route in placed:
                self._matcher.add(route.pattern, route)
        except InvalidRouteError:  # all or nothing
            self._matcher = Matcher()
            for route in self._routes:
                self._matcher.add(route.pattern, route)
            raise
        self._routes.extend(placed)

    def _add(self, route: WebSocketRoute) -> None:
        self._matcher.add(route.pattern, route)
        self._routes.append(route)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the first route of that name, its parameters filled in.

        Raises:
            starlette.routing.NoMatchFound: None has the name and those parameters.
        """
        for route in self._routes:
            try:
                return route.url_path_for(name, **path_params)
            except NoMatchFound:
                continue
        raise NoMatchFound(name, path_params)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve: WebSocket paths, lifespan, and for HTTP a 426 or 404."""
        await _serve_on_its_own(self, scope, receive, send)

    def wrap(self, app: Callable[..., Awaitable[object]]) -> ASGIApp:
        """An app that takes the WebSocket paths it knows and hands all else to another app.

        The other app's lifespan runs, with the router's own inside it. (Starlette, FastAPI and
        Litestar don't run the lifespan of an app that is mounted in them.) A WebSocket path that
        neither knows is answered with 404, where the other app raises at its sight, as Django
        does.

        Args:
            app: Any ASGI app: Quart's, Django's, a bare function.

        Raises:
            TypeError: It can't be called.
        """
        if not callable(app):
            msg = f"wrap() takes an ASGI app, not {app!r}"
            raise TypeError(msg)

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            route = _find(self._matcher, scope)
            if route is not None:
                await route._serve(self._connections, scope, receive, send)
            elif scope["type"] == "websocket":
                await _serve_elsewhere(app, scope, receive, send)
            elif scope["type"] == "lifespan":
                await run_inside(app, self._lifespan, self, scope, receive, send)
            else:
                await app(scope, receive, send)

        return wrapped

    def run(self, host: str = "127.0.0.1", port: int = 8000, **uvicorn_options: Any) -> None:
        """Serve with uvicorn until interrupted; says where once it listens.

        Told to stop, by SIGTERM or Ctrl+C, it closes its connections as ``close_all`` does, in
        four fifths of ``timeout_graceful_shutdown``.

        Args:
            host: The address to listen on.
            port: The port to listen on; 0: any that is free.
            uvicorn_options: More options of ``uvicorn.Config``. Unless given,
                ``timeout_graceful_shutdown`` is 5 seconds.

        Raises:
            SystemExit: uvicorn is missing, or a WebSocket implementation for it, with the line
                that installs them; or the server could not start.
            ValueError: An option that needs the app's import path: ``reload``, or ``workers``.
            TypeError: An option that uvicorn doesn't have.
        """
        server.run(self, host=host, port=port, scheme="ws", drain=self.close_all, **uvicorn_options)


def route_path(scope: Scope) -> str:
    """The path below where the app is mounted.

    ``path`` holds ``root_path`` in front (ASGI specification, "HTTP Connection Scope"), though not
    on every server. There a mount of Starlette's, which adds its own path to ``root_path`` and
    keeps the server's as ``app_root_path``, stands in ``path`` alone.
    """
    path: str = scope["path"]
    root: str = (scope.get("root_path") or "").rstrip("/")
    if not root:
        return path
    servers: str = (scope.get("app_root_path") or "").rstrip("/")
    for prefix in (root, root.removeprefix(servers)):
        if prefix and (path + "/").startswith(prefix + "/"):
            return path[len(prefix) :]
    return path


def _find(matcher: Matcher[WebSocketRoute], scope: Scope) -> WebSocketRoute | None:
    """The route of a WebSocket's path, its parameters in the scope; None if there is none."""
    if scope["type"] != "websocket":
        return None
    found = matcher.find(route_path(scope))
    if found is None:
        return None
    route, params = found
    if params:
        mounts = scope.get("path_params")
        scope["path_params"] = {**mounts, **params} if mounts else params
    scope["endpoint"] = route.handler
    return route


def _serve_on_its_own(
    app: WebSocketRoute | WebSocketRouter, scope: Scope, receive: Receive, send: Send
) -> Coroutine[Any, Any, None]:
    """Serve as an ASGI app that stands in front."""
    route = _find(app._matcher, scope)
    if route is None:
        return _serve_otherwise(app, scope, receive, send)
    return route._serve(app._connections, scope, receive, send)


async def _serve_otherwise(
    app: WebSocketRoute | WebSocketRouter, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve what goes to no route."""
    if scope["type"] == "websocket":
        ws = WebSocket[str](scope, receive, send)
        await refuse(ws, Rejection(404, text="no route has this path", level=logging.INFO))
    elif scope["type"] == "lifespan":
        await Router(lifespan=app._lifespan).lifespan({**scope, "app": app}, receive, send)
    elif scope["type"] == "http":
        # RFC 9110, section 15.5.22: "Upgrade Required" names the protocol to upgrade to.
        found = app._matcher.find(route_path(scope)) is not None
        answer = PlainTextResponse(
            "This path speaks WebSocket." if found else "Not Found",
            status_code=426 if found else 404,
            headers={"Connection": "Upgrade", "Upgrade": "websocket"} if found else None,
        )
        await answer(scope, receive, send)
    else:
        msg = f"unknown scope type {scope['type']!r}"
        raise ValueError(msg)


# How an app says that it doesn't know a scope's type. It must raise, says the ASGI specification
# under "Applications", and leaves to it what. Another error is a bug, for the server to log.
_NO_SUCH_PROTOCOL = (ValueError, NotImplementedError, AssertionError)  # only caught: others' words


class _Watched(Generic[P, T]):
    """A function that it is known of whether it was called. What it gives is the function's own."""

    __slots__ = ("_function", "called")

    def __init__(self, function: Callable[P, T]) -> None:
        self._function = function
        self.called = False

    def __call__(self, *args: P.args, **options: P.kwargs) -> T:
        self.called = True
        return self._function(*args, **options)


async def _serve_elsewhere(
    app: Callable[..., Awaitable[object]], scope: Scope, receive: Receive, send: Send
) -> None:
    """Hand a WebSocket to another app; one that speaks none (Django's) raises at once."""
    watched_receive, watched_send = _Watched(receive), _Watched(send)
    try:
        await app(scope, watched_receive, watched_send)
    except _NO_SUCH_PROTOCOL as error:
        if watched_receive.called or watched_send.called:
            raise
        # Its text is the app's own, and may hold anything.
        why = f"no route has this path, and the wrapped app raised {type(error).__name__} at it"
        ws = WebSocket[str](scope, receive, send)
        await refuse(ws, Rejection(404, text=why, level=logging.WARNING))
