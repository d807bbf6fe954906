"""WebSocket routes serve inside every framework, on a real server with a real client."""

from __future__ import annotations

import functools
import urllib.request
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.websockets import WebSocket as StarletteWebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.asgi import noted
from websocket_kit import WebSocket, WebSocketRouter, websocket
from websocket_kit.testing import lifespan, run

if TYPE_CHECKING:
    from types import ModuleType

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "mounting"
WAIT = 5.0

Serve = Callable[["ASGIApp"], AbstractContextManager[int]]


def open_path(port: int, path: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}{path}", open_timeout=WAIT, close_timeout=WAIT, proxy=None
    )


def first_message(port: int, path: str) -> str | bytes:
    with open_path(port, path) as client:
        return client.recv(timeout=WAIT)


def refusal(port: int, path: str) -> int:
    """The HTTP status that refuses a handshake."""
    with pytest.raises(InvalidStatus) as refused:
        open_path(port, path)
    return refused.value.response.status_code


def get(port: int, path: str = "/") -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=WAIT) as response:
        body: bytes = response.read()
    return body.decode()


# ------------------------------------------------------------------------------- the examples


class Site(NamedTuple):
    """What an example does on the wire."""

    rooms: str
    answer: str  # to HTTP
    unknown: int = 404  # the status that refuses an unknown WebSocket path


SITES = {
    "starlette_mount": Site("/ws/rooms/lobby", "hello, reader"),
    # Starlette's own routing answers, with a plain close.
    "starlette_routes": Site("/rooms/lobby", "/rooms/lobby", unknown=403),
    "fastapi_mount": Site("/ws/rooms/lobby", '"hello, reader"'),
    "fastapi_route": Site("/rooms/lobby", '"hello, reader"', unknown=403),
    "litestar_mount": Site("/ws/rooms/lobby", "hello, reader"),
    "quart_wrap": Site("/rooms/lobby", "hello, reader"),
    "django_wrap": Site("/rooms/lobby", "hello, reader"),
    "bare_wrap": Site("/rooms/lobby", "hello, reader"),
}


@pytest.fixture(scope="module")
def port_of(
    load_file: Callable[[Path], ModuleType], on_uvicorn: Serve
) -> Iterator[Callable[[str], int]]:
    """Serve an example by its name, from the first test that needs it on."""
    with ExitStack() as servers:

        @functools.cache
        def serve_example(name: str) -> int:
            return servers.enter_context(on_uvicorn(load_file(EXAMPLES / f"{name}.py").app))

        yield serve_example


@pytest.fixture(params=SITES)
def served(request: pytest.FixtureRequest, port_of: Callable[[str], int]) -> tuple[Site, int]:
    """An example, and the port it is served on."""
    name: str = request.param
    return SITES[name], port_of(name)


def test_every_example_is_tried() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SITES, "fastapi_endpoint"}


def test_a_route_takes_path_and_query_inputs(served: tuple[Site, int]) -> None:
    site, port = served
    assert first_message(port, f"{site.rooms}?name=Ada") == "hello, Ada in lobby"
    assert first_message(port, site.rooms) == "hello, guest in lobby"


def test_the_sites_own_http_goes_on_beside_the_routes(served: tuple[Site, int]) -> None:
    site, port = served
    assert get(port) == site.answer


def test_an_unknown_websocket_path_is_refused(served: tuple[Site, int]) -> None:
    site, port = served
    assert refusal(port, site.rooms.replace("rooms", "nowhere")) == site.unknown


# --------------------------------------------------------------------------- FastAPI's endpoint


@pytest.fixture
def endpoint_port(port_of: Callable[[str], int]) -> int:
    """The port of the example with ``@endpoint``."""
    return port_of("fastapi_endpoint")


def test_an_endpoint_is_given_what_fastapi_injects(endpoint_port: int) -> None:
    path = "/rooms/lobby?token=ada-secret&limit=1"
    with open_path(endpoint_port, path) as client:
        client.send('{"text": "hi"}')
        assert client.recv(timeout=WAIT) == '{"room":"lobby","user":"Ada","text":"hi"}'


def test_an_endpoint_rejects_with_an_http_status(endpoint_port: int) -> None:
    assert refusal(endpoint_port, "/rooms/lobby") == 401


def test_fastapis_own_http_goes_on_beside_an_endpoint(endpoint_port: int) -> None:
    assert get(endpoint_port) == '"hello, reader"'


# ------------------------------------------------------------------------ lifespans and prefixes


@websocket("/where/{place}")
async def where(ws: WebSocket, place: str) -> None:
    """Say where the connection is, as a handler sees it."""
    async with ws:
        await ws.send(f"{place} at {ws.request.url.path}")


@pytest.fixture
def steps() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture
def router(steps: list[str]) -> WebSocketRouter:
    """A router with a lifespan of its own."""

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncGenerator[dict[str, str]]:
        steps.append("router up")
        yield {"router": "r"}
        steps.append("router down")

    router = WebSocketRouter(lifespan=lifespan)

    @router.websocket("/state")
    async def state(ws: WebSocket) -> None:
        async with ws:
            await ws.send(sorted(ws.scope["state"].items()))

    return router


def test_a_wrapped_site_starts_before_the_router_and_stops_after_it(
    on_uvicorn: Serve, router: WebSocketRouter, steps: list[str]
) -> None:
    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncGenerator[dict[str, str]]:
        steps.append("site up")
        yield {"site": "s"}
        steps.append("site down")

    with on_uvicorn(router.wrap(Starlette(lifespan=lifespan))) as port:
        assert first_message(port, "/state") == '[["router","r"],["site","s"]]'
    assert steps == ["site up", "router up", "router down", "site down"]


def test_the_routers_lifespan_runs_around_a_site_that_has_none(
    on_uvicorn: Serve, router: WebSocketRouter, steps: list[str]
) -> None:
    async def site(scope: Scope, _receive: Receive, _send: Send) -> None:
        if scope["type"] == "lifespan":
            raise ValueError  # ASGI: so says an app that it has no lifespan

    with on_uvicorn(router.wrap(site)) as port:
        assert first_message(port, "/state") == '[["router","r"]]'
    assert steps == ["router up", "router down"]


def test_a_wrapped_sites_own_websockets_go_on(on_uvicorn: Serve) -> None:
    async def greet(socket: StarletteWebSocket) -> None:
        await socket.accept()
        await socket.send_text("from the site")
        await socket.close()

    site = Starlette(routes=[StarletteRoute("/greet", greet)])
    with on_uvicorn(WebSocketRouter(routes=[where]).wrap(site)) as port:
        assert first_message(port, "/greet") == "from the site"
        assert first_message(port, "/where/here") == "here at /where/here"


def test_a_site_that_fails_to_start_stops_the_server(
    router: WebSocketRouter, steps: list[str]
) -> None:
    async def site(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def start() -> None:
        async with lifespan(noted(router.wrap(site), sent)):
            pytest.fail("it started")

    sent: list[Message] = []
    with pytest.raises(RuntimeError, match="no database"):
        run(start)
    assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]
    assert steps == []


def test_a_router_alone_runs_its_lifespan(
    on_uvicorn: Serve, router: WebSocketRouter, steps: list[str]
) -> None:
    with on_uvicorn(router) as port:
        assert first_message(port, "/state") == '[["router","r"]]'
        assert refusal(port, "/nowhere") == 404
    assert steps == ["router up", "router down"]


def test_a_connection_behind_mounts_in_mounts_has_its_whole_path(on_uvicorn: Serve) -> None:
    inner = Starlette(routes=[Mount("/b", WebSocketRouter(routes=[where]))])
    with on_uvicorn(Starlette(routes=[Mount("/a", inner)])) as port:
        assert first_message(port, "/a/b/where/here") == "here at /a/b/where/here"
        assert refusal(port, "/a/b/nowhere") == 404
        assert refusal(port, "/a/where/here") == 403


def test_a_mount_with_a_path_parameter_matches_what_is_below_it(on_uvicorn: Serve) -> None:
    site = Starlette(routes=[Mount("/users/{user}", WebSocketRouter(routes=[where]))])
    with on_uvicorn(site) as port:
        assert first_message(port, "/users/ada/where/here") == "here at /users/ada/where/here"


def test_a_wrapped_site_behind_a_mount_has_its_paths_below_the_mount(on_uvicorn: Serve) -> None:
    async def site(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the site"})

    wrapped = WebSocketRouter(routes=[where]).wrap(site)
    with on_uvicorn(Starlette(routes=[Mount("/a", wrapped)])) as port:
        assert first_message(port, "/a/where/here") == "here at /a/where/here"
        assert get(port, "/a/else") == "the site"


def test_the_servers_root_path_is_no_part_of_the_route(
    on_uvicorn: Callable[..., AbstractContextManager[int]],
) -> None:
    with on_uvicorn(WebSocketRouter(routes=[where]), root_path="/proxy") as port:
        assert first_message(port, "/where/here") == "here at /proxy/where/here"


def test_an_included_router_serves_below_its_prefix(on_uvicorn: Serve) -> None:
    outer = WebSocketRouter()
    outer.include(WebSocketRouter(routes=[where]), prefix="/v1")
    with on_uvicorn(outer) as port:
        assert first_message(port, "/v1/where/here") == "here at /v1/where/here"
        assert refusal(port, "/where/here") == 404
