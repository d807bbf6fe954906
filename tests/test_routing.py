"""The router: what it serves, how it mounts, and what it refuses when a route is defined."""

from __future__ import annotations

import functools
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, NoMatchFound, Router

from tests.asgi import Server, accept, close, noted
from websocket_kit import (
    InvalidRouteError,
    WebSocket,
    WebSocketRoute,
    WebSocketRouter,
    query,
    websocket,
)
from websocket_kit.testing import HandshakeRejected, connect, lifespan, run
from websocket_kit.testing._running import calm_down

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import ASGIApp

pytestmark = pytest.mark.anyio


@websocket("/echo/{times:int}")
async def echo(ws: WebSocket, times: int, sep: str = " ") -> None:
    async with ws:
        async for message in ws:
            await ws.send(sep.join([message] * times))


@websocket("/where")
async def where(ws: WebSocket) -> None:
    async with ws:
        await ws.send(ws.request.url.path)


async def show(ws: WebSocket, **inputs: Any) -> None:
    async with ws:
        await ws.send(inputs)


async def first_message(app: Any, path: str, **options: Any) -> str:
    """What an app says first to a peer that connects."""
    async with connect(app, path, **options) as peer:
        return await peer.receive()


async def refusal(app: Any, path: str, **options: Any) -> HandshakeRejected:
    """How an app refuses a peer that wants to connect."""
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(app, path, **options):
            pass
    return caught.value


def with_scope(app: Any, **changes: Any) -> ASGIApp:
    """An app whose scope is otherwise than the server gives it."""

    async def changed(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, **changes}, receive, send)

    return changed


async def http(app: Any, path: str) -> httpx.Response:
    """What an app answers to HTTP."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.get(path)


# -------------------------------------------------------------------------------- two decorators


async def test_a_router_registers_at_once() -> None:
    app = WebSocketRouter()

    @app.websocket("/rooms/{room}")
    @query("name", str, default="guest")
    async def chat(ws: WebSocket, room: str, name: str) -> None:
        async with ws:
            await ws.send(f"{name} in {room}")

    assert [route.path for route in app.routes] == ["/rooms/{room}"]
    assert await first_message(app, "/rooms/lobby") == "guest in lobby"
    assert await first_message(app, "/rooms/lobby?name=Ada") == "Ada in lobby"


async def test_a_route_is_registered_later() -> None:
    app = WebSocketRouter()
    app.include(where)
    assert await first_message(app, "/where") == "/where"


async def test_a_router_can_begin_with_routes() -> None:
    app = WebSocketRouter(routes=[where, echo])
    assert [route.path for route in app.routes] == ["/where", "/echo/{times:int}"]
    assert await first_message(app, "/where") == "/where"


async def test_a_route_is_an_asgi_app_on_its_own() -> None:
    assert await first_message(where, "/where") == "/where"
    assert (await refusal(where, "/elsewhere")).status == 404
    assert (await http(where, "/where")).status_code == 426
    assert (await http(where, "/elsewhere")).status_code == 404


async def test_a_route_can_be_made_without_a_decorator() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send("hi")

    assert await first_message(WebSocketRoute("/", handler), "/") == "hi"


@pytest.mark.parametrize("decorator", [websocket, WebSocketRouter().websocket])
def test_both_decorators_return_a_route_that_keeps_the_function(
    decorator: Callable[[str], Callable[[Any], WebSocketRoute]],
) -> None:
    async def handler(ws: WebSocket) -> None: ...

    route = decorator("/")(handler)
    assert isinstance(route, WebSocketRoute)
    assert route.handler is handler
    assert (route.path, route.name) == ("/", "handler")


def test_a_routes_repr_shows_its_path_and_name() -> None:
    assert repr(echo) == "WebSocketRoute('/echo/{times:int}', name='echo')"


def test_the_list_of_routes_is_a_copy() -> None:
    app = WebSocketRouter(routes=[where])
    app.routes.clear()
    assert len(app.routes) == 1


async def test_a_handler_can_be_an_object_or_a_partial() -> None:
    class Greeter:
        async def __call__(self, ws: WebSocket, name: str) -> None:
            async with ws:
                await ws.send(f"hi {name}")

    async def greet(greeting: str, ws: WebSocket) -> None:
        async with ws:
            await ws.send(greeting)

    app = WebSocketRouter()
    app.websocket("/object")(Greeter())
    app.websocket("/partial")(functools.partial(greet, "hello"))
    assert await first_message(app, "/object?name=Ada") == "hi Ada"
    assert await first_message(app, "/partial") == "hello"
    assert [route.name for route in app.routes] == ["Greeter", "greet"]


async def test_what_a_handler_returns_is_ignored() -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        return "ignored"

    async with connect(WebSocketRoute("/", handler)) as peer:
        await peer.expect_close(1000)


async def test_the_annotation_sets_the_types_of_messages() -> None:
    app = WebSocketRouter()

    @app.websocket("/sum")
    async def add(ws: WebSocket[list[int], dict[str, int]]) -> None:
        async with ws:
            async for numbers in ws:
                await ws.send({"sum": sum(numbers)})

    async with connect(app, "/sum") as peer:
        assert await peer.pair("[1, 2]") == '{"sum":3}'


# ------------------------------------------------------------------------------- inputs by any name


@pytest.mark.parametrize("name", ["name", "path", "scope", "self", "receive", "send", "handler"])
async def test_an_input_may_have_any_name(name: str) -> None:
    names: dict[str, Any] = {}
    source = f"async def handler(ws, {name}): await show(ws, **{{'{name}': {name}}})"
    exec(source, {"show": show}, names)  # noqa: S102 - a signature with this name
    by_query = WebSocketRoute("/", names["handler"])
    by_path = WebSocketRoute(f"/{{{name}}}", names["handler"])
    assert await first_message(by_query, f"/?{name}=x") == f'{{"{name}":"x"}}'
    assert await first_message(by_path, "/x") == f'{{"{name}":"x"}}'


async def test_url_path_for_takes_a_parameter_called_name() -> None:
    async def handler(ws: WebSocket, name: str) -> None: ...

    app = WebSocketRouter(routes=[WebSocketRoute("/users/{name}", handler, name="user")])
    assert app.url_path_for("user", name="Ada") == "/users/Ada"


async def test_a_bad_input_is_refused_before_the_handler_runs() -> None:
    app = WebSocketRouter()
    called: list[int] = []

    @app.websocket("/pages")
    async def pages(ws: WebSocket, page: int) -> None:
        called.append(page)

    refused = await refusal(app, "/pages?page=s3cret")
    assert refused.status == 400
    assert refused.headers["content-type"] == "application/json"
    assert b'"loc": ["query", "page"]' in refused.body
    assert b"s3cret" not in refused.body
    assert called == []


async def test_a_bad_input_is_a_plain_close_where_no_denial_is_offered() -> None:
    app = WebSocketRouter()

    @app.websocket("/pages")
    async def pages(ws: WebSocket, page: int) -> None: ...

    refused = await refusal(app, "/pages", server="daphne")
    assert (refused.status, refused.body) == (403, b"")


# -------------------------------------------------------------------------------- unknown and HTTP


@pytest.mark.parametrize(("server", "status"), [("uvicorn", 404), ("daphne", 403)])
async def test_an_unknown_websocket_path_is_refused(server: str, status: int) -> None:
    refused = await refusal(WebSocketRouter([where]), "/nowhere", server=server)
    assert (refused.status, refused.body) == (status, b"")


async def test_http_on_a_websocket_path_is_told_to_upgrade() -> None:
    response = await http(WebSocketRouter([where]), "/where")
    assert response.status_code == 426
    assert response.headers["upgrade"] == "websocket"
    assert response.headers["connection"] == "Upgrade"
    assert response.text == "This path speaks WebSocket."


async def test_http_elsewhere_is_not_found() -> None:
    assert (await http(WebSocketRouter([where]), "/nowhere")).status_code == 404


async def test_a_scope_of_another_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="'mail'"):
        async with connect(with_scope(WebSocketRouter(), type="mail")):
            pass


async def test_a_trailing_slash_makes_no_difference() -> None:
    app = WebSocketRouter([where])
    assert await first_message(app, "/where/") == "/where/"
    assert (await http(app, "/where/")).status_code == 426


# ----------------------------------------------------------------------------------------- mounting


@pytest.mark.parametrize(
    ("root_path", "path"),
    [
        ("", "/where"),
        ("/ws", "/ws/where"),  # as ASGI has it, and uvicorn
        ("/ws", "/where"),  # as the others do
        ("/ws/", "/ws/where"),
        (None, "/where"),
    ],
)
async def test_the_root_path_may_be_in_the_path_or_not(root_path: Any, path: str) -> None:
    app = with_scope(WebSocketRouter([where]), root_path=root_path)
    assert await first_message(app, path) == path


async def test_a_path_that_only_begins_like_the_root_path_is_no_part_of_it() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send("hi")

    app = with_scope(WebSocketRouter([WebSocketRoute("/wsx/where", handler)]), root_path="/ws")
    assert await first_message(app, "/wsx/where") == "hi"
    other = with_scope(WebSocketRouter([where]), root_path="/ws")
    assert (await refusal(other, "/wsx/where")).status == 404


async def test_the_root_path_alone_is_the_root() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await ws.send("hi")

    app = with_scope(WebSocketRouter([WebSocketRoute("/", handler)]), root_path="/ws")
    assert await first_message(app, "/ws") == "hi"
    assert await first_message(app, "/ws/") == "hi"


async def test_without_a_root_path_in_the_scope_the_path_is_the_whole_path() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope["root_path"]
        await WebSocketRouter([where])(scope, receive, send)

    assert await first_message(app, "/where") == "/where"


async def test_a_router_mounts_into_starlette() -> None:
    app = Starlette(routes=[Mount("/ws", WebSocketRouter([where, echo]))])
    assert await first_message(app, "/ws/where") == "/ws/where"
    assert (await refusal(app, "/ws/nowhere")).status == 404
    assert (await http(app, "/ws/where")).status_code == 426


async def test_mounts_nest() -> None:
    inner = Router(routes=[Mount("/b", WebSocketRouter([where]))])
    app = Starlette(routes=[Mount("/a/{team}", inner)])
    assert await first_message(app, "/a/red/b/where") == "/a/red/b/where"


async def test_a_mounts_parameters_are_inputs_only_of_the_routes_that_name_them() -> None:
    app = Starlette(routes=[Mount("/teams/{team}", WebSocketRouter([where]))])
    assert await first_message(app, "/teams/red/where") == "/teams/red/where"


async def test_a_router_mounts_into_a_router_of_starlettes_with_its_own_root_path() -> None:
    app = Starlette(routes=[Mount("/ws", WebSocketRouter([where]))])
    proxied = with_scope(app, root_path="/proxy")
    assert await first_message(proxied, "/proxy/ws/where") == "/proxy/ws/where"


@pytest.mark.parametrize("mounted", [WebSocketRouter([where]), where])
async def test_a_mount_works_where_the_server_keeps_its_root_path_out_of_the_path(
    mounted: WebSocketRouter | WebSocketRoute,
) -> None:
    app = Starlette(routes=[Mount("/ws", mounted)])
    assert await first_message(with_scope(app, root_path="/proxy"), "/ws/where") == "/ws/where"


async def test_a_route_is_a_starlette_route() -> None:
    app = Starlette(routes=[echo, where])
    async with connect(app, "/echo/2?sep=-") as peer:
        assert await peer.pair("hi") == "hi-hi"
    assert await first_message(app, "/where") == "/where"
    assert app.url_path_for("echo", times=2) == "/echo/2"


def test_a_starlette_route_is_not_for_http() -> None:
    app = Starlette(routes=[where])
    # In real time: Starlette 0.46 makes the answer in a thread.
    assert run(http, app, "/where", virtual=False).status_code == 404


async def test_starlette_names_routes_of_a_mounted_router() -> None:
    app = Starlette(routes=[Mount("/ws", WebSocketRouter([echo]), name="ws")])
    assert app.url_path_for("ws:echo", times=2) == "/ws/echo/2"


async def test_the_scope_tells_middleware_which_handler_serves() -> None:
    scopes: list[Any] = []

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await WebSocketRouter([echo])(scope, receive, send)

    async with connect(middleware, "/echo/2"):
        pass
    assert scopes[0]["endpoint"] is echo.handler
    assert scopes[0]["path_params"] == {"times": 2}


# --------------------------------------------------------------------------------------- including


async def show_both(ws: WebSocket, team: str, room: str) -> None:
    await show(ws, team=team, room=room)


async def test_a_router_is_included_under_a_prefix() -> None:
    app = WebSocketRouter()
    app.include(WebSocketRouter([where, echo]), prefix="/v1")
    assert [route.path for route in app.routes] == ["/v1/where", "/v1/echo/{times:int}"]
    assert await first_message(app, "/v1/where") == "/v1/where"
    assert (await refusal(app, "/where")).status == 404


async def test_a_route_is_included_under_a_prefix_and_stays_where_it_was_too() -> None:
    app = WebSocketRouter([where])
    app.include(where, prefix="/v1")
    assert await first_message(app, "/v1/where") == "/v1/where"
    assert await first_message(app, "/where") == "/where"
    assert where.path == "/where"


async def test_a_prefixs_parameters_are_inputs() -> None:
    inner = WebSocketRouter()
    with pytest.raises(InvalidRouteError):
        inner.websocket("/rooms/{other}")(show_both)
    route = WebSocketRoute("/rooms/{room}", show_both)
    app = WebSocketRouter()
    app.include(route, prefix="/teams/{team}")
    assert await first_message(app, "/teams/red/rooms/1") == '{"team":"red","room":"1"}'


async def test_without_the_prefix_they_are_from_the_query() -> None:
    app = WebSocketRouter([WebSocketRoute("/rooms/{room}", show_both)])
    message = await first_message(app, "/rooms/1?team=red")
    assert message == '{"team":"red","room":"1"}'


async def test_a_prefixs_parameter_that_no_handler_takes_is_refused() -> None:
    app = WebSocketRouter()
    with pytest.raises(InvalidRouteError, match="team"):
        app.include(where, prefix="/teams/{team}")
    assert app.routes == []


async def test_a_router_is_included_as_it_is_at_that_moment() -> None:
    inner, app = WebSocketRouter([where]), WebSocketRouter()
    app.include(inner)
    inner.include(echo)
    assert [route.path for route in app.routes] == ["/where"]
    assert (await refusal(app, "/echo/2")).status == 404


async def test_inclusion_nests() -> None:
    inner, middle, app = WebSocketRouter([where]), WebSocketRouter(), WebSocketRouter()
    middle.include(inner, prefix="/b")
    app.include(middle, prefix="/a")
    assert await first_message(app, "/a/b/where") == "/a/b/where"


async def test_of_a_router_with_a_conflict_nothing_is_included() -> None:
    app = WebSocketRouter([where])
    with pytest.raises(InvalidRouteError, match="already routed"):
        app.include(WebSocketRouter([echo, where]))
    assert [route.path for route in app.routes] == ["/where"]
    assert (await refusal(app, "/echo/2")).status == 404
    app.include(echo)
    assert [route.name for route in app.routes] == ["where", "echo"]


async def test_two_routes_of_the_same_shape_are_refused() -> None:
    app = WebSocketRouter([echo])

    async def other(ws: WebSocket, count: int) -> None: ...

    with pytest.raises(InvalidRouteError, match=r"same as '/echo/\{times:int\}'"):
        app.websocket("/echo/{count:int}/")(other)
    assert app.routes[0].name == "echo"
    assert len(app.routes) == 1


@pytest.mark.parametrize("prefix", ["v1", "/v1/", "/"])
def test_a_malformed_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidRouteError, match="must begin with a slash"):
        WebSocketRouter().include(where, prefix=prefix)


@pytest.mark.parametrize("other", [where.handler, "/where", None])
def test_only_routes_and_routers_are_included(other: Any) -> None:
    with pytest.raises(TypeError, match="WebSocketRoute or a WebSocketRouter"):
        WebSocketRouter().include(other)


async def test_a_handler_is_no_route_before_it_is_decorated() -> None:
    app: Any = WebSocketRouter()
    with pytest.raises(TypeError) as caught:
        app.include(show_room)
    assert str(caught.value) == (
        f"include() takes a WebSocketRoute or a WebSocketRouter, not {show_room!r}:"
        " @websocket(path) makes a route of a handler"
    )


async def test_a_function_with_a_query_may_serve_two_routes() -> None:
    @query("n", int, default=1)
    async def handler(ws: WebSocket, n: int, room: str = "none") -> None:
        await show(ws, n=n, room=room)

    app = WebSocketRouter([websocket("/rooms/{room}")(handler), websocket("/")(handler)])
    assert await first_message(app, "/?n=5") == '{"n":5,"room":"none"}'
    assert await first_message(app, "/rooms/a?n=6") == '{"n":6,"room":"a"}'


def test_a_route_is_no_handler() -> None:
    with pytest.raises(InvalidRouteError, match=r"\.handler"):
        websocket("/again")(where)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_message_types_that_pydantic_does_not_know_are_refused_with_the_handlers_name() -> None:
    with pytest.raises(InvalidRouteError, match="handler"):

        @websocket("/")
        async def handler(ws: WebSocket[WebSocketRouter, str]) -> None: ...


@pytest.mark.parametrize("decorator", [websocket, WebSocketRouter().websocket])
def test_a_decorator_without_its_path_says_so(decorator: Any) -> None:
    with pytest.raises(TypeError) as caught:
        decorator(report_limit)
    text = """the path is missing: write @websocket("/path") above 'report_limit'"""
    assert str(caught.value) == text


# ----------------------------------------------------------------------------------------- options


async def limit_of(app: Any) -> str:
    """What max_message_bytes is where an app serves the route ``report``."""
    async with connect(app, "/report") as peer:
        return await peer.pair("x" * 100)


async def report_limit(ws: WebSocket) -> None:
    async with ws:
        try:
            await ws.receive()
        except Exception as error:  # noqa: BLE001 - whatever it is
            await ws.send(f"{error}".rpartition("limit is ")[2].partition(" ")[0])
        else:
            await ws.send("no limit")


@pytest.mark.parametrize(
    ("route", "inner", "outer", "limit"),
    [
        ({}, {}, {}, "no limit"),
        ({}, {}, {"max_message_bytes": 3}, "3"),
        ({}, {"max_message_bytes": 2}, {"max_message_bytes": 3}, "2"),
        ({"max_message_bytes": 1}, {"max_message_bytes": 2}, {"max_message_bytes": 3}, "1"),
        ({"max_message_bytes": None}, {"max_message_bytes": 2}, {}, "no limit"),
        ({"receive_timeout": 9}, {"max_message_bytes": 2}, {"receive_timeout": 8}, "2"),
    ],
)
async def test_a_routes_option_stands_before_its_routers_and_that_before_the_outer_ones(
    route: Any, inner: Any, outer: Any, limit: str
) -> None:
    by_include, by_decorator = WebSocketRouter(**inner), WebSocketRouter(**inner)
    by_include.include(WebSocketRoute("/report", report_limit, **route))
    by_decorator.websocket("/report", **route)(report_limit)
    for router in (by_include, by_decorator, WebSocketRouter(by_include.routes)):
        app = WebSocketRouter(**outer)
        app.include(router)
        assert await limit_of(app) == limit


async def test_including_a_route_leaves_the_route_itself_as_it_was() -> None:
    route = WebSocketRoute("/report", report_limit)
    assert await limit_of(WebSocketRouter([route], max_message_bytes=3)) == "3"
    assert await limit_of(route) == "no limit"
    assert route.options == {}


async def test_a_routers_origins_hold_for_its_routes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"host": "example.com", "origin": "https://app.example"}
    app = WebSocketRouter([where], allowed_origins=["https://app.example"])
    assert await first_message(app, "/where", headers=headers) == "/where"
    refused = await refusal(WebSocketRouter([where]), "/where", headers=headers)
    assert (refused.status, dict(refused.headers)) == (403, {})  # a plain close


@pytest.mark.parametrize(
    ("route", "inner", "outer", "statuses"),
    [
        ({"max_connections": 1}, {}, {}, [None, 503, None, 503]),
        ({}, {"max_connections": 3}, {}, [None, None, None, 503]),
        ({}, {}, {"max_connections": 3}, [None, None, None, 503]),
        ({"max_connections": 1}, {"max_connections": 1}, {}, [None, 503, 503, 503]),
        ({"max_connections": None}, {"max_connections": 1}, {}, [None, 503, 503, 503]),
        (
            {"max_connections": 9},
            {"max_connections": 9},
            {"max_connections": 1},
            [None] + [503] * 3,
        ),
        ({}, {"max_connections": 3, "max_connections_per_client": 1}, {}, [None] + [429] * 3),
    ],
)
async def test_a_route_counts_its_connections_and_a_router_those_of_its_routes_together(
    route: Any, inner: Any, outer: Any, statuses: list[int | None]
) -> None:
    rooms, app = WebSocketRouter(**inner), WebSocketRouter(**outer)
    rooms.websocket("/a", **route)(stay)
    rooms.include(WebSocketRoute("/b", stay, **route))
    app.include(rooms)
    assert await statuses_of((app, "/a"), (app, "/a"), (app, "/b"), (app, "/b")) == statuses


async def test_a_router_counts_its_routes_with_those_of_them_that_others_include() -> None:
    rooms, app = WebSocketRouter(max_connections=1), WebSocketRouter()
    rooms.websocket("/a")(stay)
    app.include(rooms)
    assert await statuses_of((rooms, "/a"), (app, "/a")) == [None, 503]


def test_what_a_router_counts_is_no_option_of_its_routes() -> None:
    app = WebSocketRouter([where], max_connections=1, receive_timeout=5)
    app.websocket("/stay")(stay)
    assert [route.options for route in app.routes] == [{"receive_timeout": 5}] * 2


async def test_a_connection_with_bad_inputs_makes_room() -> None:
    app = WebSocketRouter(max_connections=1)

    @app.websocket("/pages")
    async def pages(ws: WebSocket, page: int) -> None: ...

    for _ in range(3):
        assert (await refusal(app, "/pages?page=x")).status == 400


async def stay(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()


async def statuses_of(*calls: tuple[Any, str]) -> list[int | None]:
    """The statuses with which apps refuse peers that connect one after the other and stay."""
    statuses: list[int | None] = []
    async with AsyncExitStack() as stack:
        for app, path in calls:
            try:
                await stack.enter_async_context(connect(app, path))
            except HandshakeRejected as rejected:
                statuses.append(rejected.status)
            else:
                statuses.append(None)
    return statuses


async def test_what_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")
    app = WebSocketRouter()

    @app.websocket("/pages")
    async def pages(ws: WebSocket, page: int, name: str) -> None: ...

    await refusal(app, "/nowhere")
    await refusal(app, "/pages?page=s3cret")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "rejected '/nowhere' from '127.0.0.1' with HTTP 404: no route has this path"),
        (
            "INFO",
            (
                "rejected '/pages' from '127.0.0.1' with HTTP 400:"
                " bad or missing inputs: query.name, query.page"
            ),
        ),
    ]


async def test_bad_inputs_of_a_handshake_that_never_comes_are_waited_for_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = WebSocketRouter()

    @app.websocket("/")
    async def pages(ws: WebSocket, page: int) -> None: ...

    server = Server(connect=False)
    start = anyio.current_time()
    await app(*server.asgi)
    assert anyio.current_time() - start == pytest.approx(5)
    assert server.tried == []
    assert caplog.records == []


def define_on_a_router(**options: Any) -> object:
    return WebSocketRouter().websocket("/", **options)


def define_for_later(**options: Any) -> object:
    return websocket("/", **options)


def define_by_hand(**options: Any) -> object:
    return WebSocketRoute("/", report_limit, **options)


@pytest.mark.parametrize(
    "define",
    [WebSocketRouter, define_on_a_router, define_for_later, define_by_hand],
    ids=["router", "router.websocket", "websocket", "route"],
)
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_messages": 1}, TypeError),
        ({"subprotocols": "chat"}, TypeError),
        ({"receive_timeout": -1}, ValueError),
        ({"max_connections": -1}, ValueError),
    ],
)
def test_a_bad_option_is_refused_where_it_is_written(
    define: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        define(**options)


@pytest.mark.parametrize(
    ("define", "also"),
    [
        (WebSocketRouter, "routes, lifespan"),
        (define_on_a_router, "name"),
        (define_for_later, "name"),
        (define_by_hand, "name"),
    ],
    ids=["router", "router.websocket", "websocket", "route"],
)
def test_an_unknown_option_is_told_all_there_are(define: Any, also: str) -> None:
    with pytest.raises(TypeError, match=rf"'lifspan' \(there are {also}, subprotocols, "):
        define(lifspan=None)


# ------------------------------------------------------------------------------------ url_path_for


async def show_file(ws: WebSocket, path: str, page: int) -> None: ...


def test_url_path_for_fills_the_parameters_in() -> None:
    app = WebSocketRouter(routes=[where, echo])
    app.websocket("/files/{path:path}/{page:int}", name="file")(show_file)
    assert app.url_path_for("where") == "/where"
    assert app.url_path_for("echo", times=3) == "/echo/3"
    assert app.url_path_for("file", path="a/b.txt", page=2) == "/files/a/b.txt/2"
    assert app.url_path_for("where").protocol == "websocket"


@pytest.mark.parametrize(
    ("name", "params"),
    [("nowhere", {}), ("echo", {}), ("echo", {"times": 1, "more": 2}), ("where", {"x": 1})],
)
def test_url_path_for_raises_where_nothing_matches(name: str, params: dict[str, int]) -> None:
    with pytest.raises(NoMatchFound):
        WebSocketRouter(routes=[where, echo]).url_path_for(name, **params)


def test_url_path_for_finds_the_second_route_of_a_name() -> None:
    app = WebSocketRouter(routes=[where])
    app.include(echo, prefix="/v1")
    app.websocket("/one/{room}", name="where")(show_room)
    assert app.url_path_for("where", room="x") == "/one/x"


async def show_room(ws: WebSocket, room: str) -> None: ...


# --------------------------------------------------------------------------------------------- wrap


async def other_app(scope: Any, receive: Any, send: Any) -> None:
    """An app that speaks HTTP and WebSocket."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
    else:
        assert await receive() == {"type": "websocket.connect"}
        await send(accept("other"))
        await send(close(4000, "the other app"))


async def django_app(scope: Any, receive: Any, send: Any) -> None:
    """An app that raises on what it doesn't know, as Django's does."""
    if scope["type"] != "http":
        msg = f"Django can only handle ASGI/HTTP connections, not {scope['type']}."
        raise ValueError(msg)
    await other_app(scope, receive, send)


@pytest.mark.parametrize("app", [other_app, django_app])
async def test_wrap_takes_the_websocket_paths_it_knows(app: Any) -> None:
    assert await first_message(WebSocketRouter([where]).wrap(app), "/where") == "/where"


def never(_: object) -> None:
    pytest.fail("it ran")


@pytest.mark.parametrize("path", ["/", "/where"])
@pytest.mark.parametrize("lifespan", [None, never])
async def test_wrap_hands_all_http_to_the_other_app(path: str, lifespan: Any) -> None:
    response = await http(WebSocketRouter([where], lifespan=lifespan).wrap(other_app), path)
    assert (response.status_code, response.text) == (200, path)


def test_wrap_takes_what_can_be_called_only() -> None:
    app: Any = None
    with pytest.raises(TypeError, match=r"wrap\(\) takes an ASGI app, not None"):
        WebSocketRouter().wrap(app)


async def test_wrap_hands_unknown_websocket_paths_to_the_other_app() -> None:
    app = WebSocketRouter([where]).wrap(other_app)
    async with connect(app, "/chat", subprotocols=["other"]) as peer:
        assert peer.subprotocol == "other"
        await peer.expect_close(4000, "the other app")


@pytest.mark.parametrize(("server", "status"), [("uvicorn", 404), ("daphne", 403)])
async def test_wrap_refuses_a_websocket_that_the_other_app_does_not_speak(
    server: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = WebSocketRouter([where]).wrap(django_app)
    assert (await refusal(app, "/ch\nat", server=server)).status == status
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert r"'/ch\nat'" in caplog.messages[0]
    assert "the wrapped app raised ValueError at it" in caplog.messages[0]


@pytest.mark.parametrize(  # what Django, Starlette's Router and a2wsgi say of an unknown scope
    "error", [ValueError, AssertionError, NotImplementedError]
)
async def test_wrap_knows_each_way_to_say_that_a_protocol_is_unknown(error: Any) -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        raise error

    assert (await refusal(WebSocketRouter([where]).wrap(other), "/chat")).status == 404


async def begin_then_fail(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    msg = "a bug"
    raise ValueError(msg)


async def answer_then_fail(scope: Any, receive: Any, send: Any) -> None:
    await send(accept())
    msg = "a bug"
    raise ValueError(msg)


async def fail_otherwise(scope: Any, receive: Any, send: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("app", "error"),
    [
        (begin_then_fail, ValueError),
        (answer_then_fail, ValueError),
        (fail_otherwise, ZeroDivisionError),
    ],
)
async def test_wrap_lets_every_other_error_of_the_other_app_through(
    app: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with connect(WebSocketRouter([where]).wrap(app), "/chat"):
            pass


async def test_wrap_knows_routes_that_are_registered_later() -> None:
    router = WebSocketRouter()
    app = router.wrap(django_app)
    router.include(where)
    assert await first_message(app, "/where") == "/where"


# ------------------------------------------------------------------------------- connections


async def test_a_router_shows_its_connections_and_closes_them_all() -> None:
    app = WebSocketRouter()
    app.websocket("/a")(stay)
    async with connect(app, "/a") as peer:
        assert [ws.scope["path"] for ws in app.connections] == ["/a"]
        await app.close_all(4000, "bye", grace=0)
        await peer.expect_close(4000, "bye")
    assert app.connections == frozenset()


async def test_a_handler_ends_no_sooner_than_its_close_has_gone_out() -> None:
    async def handler(ws: WebSocket) -> None:
        async with ws:
            await anyio.sleep(0.5)

    app = WebSocketRouter([WebSocketRoute("/", handler)])
    server = Server()
    server.stuck.add("websocket.close")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, *server.asgi)
        await calm_down()
        start = anyio.current_time()
        await app.close_all()
        assert anyio.current_time() - start == pytest.approx(1.5)
        server.freed.set()


# --------------------------------------------------------------------------------------------- run


def test_run_serves_the_router_with_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, dict[str, Any]]] = []

    def serve(app: object, **options: Any) -> None:
        served.append((app, options))

    monkeypatch.setattr("websocket_kit.server.run", serve)
    app = WebSocketRouter()
    usual = {"scheme": "ws", "drain": app.close_all}
    app.run()
    app.run("0.0.0.0", 80, log_level="warning")  # noqa: S104 - nothing listens
    assert served == [
        (app, {"host": "127.0.0.1", "port": 8000, **usual}),
        (app, {"host": "0.0.0.0", "port": 80, "log_level": "warning", **usual}),  # noqa: S104
    ]


# ---------------------------------------------------------------------------------------- lifespan


async def test_a_router_runs_its_lifespan_with_itself_as_the_app() -> None:
    steps: list[Any] = []

    @asynccontextmanager
    async def stages(app: WebSocketRouter) -> AsyncGenerator[dict[str, str]]:
        steps.append(app)
        yield {"pool": "db"}
        steps.append("stopped")

    router = WebSocketRouter(lifespan=stages)
    async with lifespan(router) as state:
        assert steps == [router]
        assert state == {"pool": "db"}
    assert steps == [router, "stopped"]


@pytest.mark.parametrize("app", [WebSocketRouter(), where])
async def test_without_a_lifespan_there_is_nothing_to_run(app: Any) -> None:
    sent: list[Any] = []
    async with lifespan(noted(app, sent)) as state:
        assert state == {}
    assert [event["type"] for event in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_lifespan_that_fails_to_start_says_so() -> None:
    @asynccontextmanager
    async def stages(_: Any) -> AsyncGenerator[None]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        async with lifespan(WebSocketRouter(lifespan=stages)):
            pytest.fail("it started")


async def test_an_included_routers_lifespan_is_not_taken_along() -> None:
    @asynccontextmanager
    async def stages(_: Any) -> AsyncGenerator[None]:
        pytest.fail("it ran")
        yield

    app = WebSocketRouter()
    app.include(WebSocketRouter(lifespan=stages))
    async with lifespan(app):
        pass


@pytest.mark.parametrize("app", [Starlette(), django_app])
async def test_wrap_runs_the_routers_lifespan_whatever_the_other_app_has(app: Any) -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def stages(_: Any) -> AsyncGenerator[None]:
        steps.append("starts")
        yield
        steps.append("stops")

    async with lifespan(WebSocketRouter(lifespan=stages).wrap(app)):
        pass
    assert steps == ["starts", "stops"]
