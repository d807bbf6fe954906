"""What can be connected to: handlers of every kind, routes, routers, and any framework's app."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import pytest
import quart
from anyio import sleep_forever
from django.core.asgi import get_asgi_application
from fastapi import Depends, FastAPI
from fastapi import WebSocket as FastAPIWebSocket
from litestar import Litestar
from litestar import WebSocket as LitestarWebSocket
from litestar import websocket as litestar_websocket
from litestar.handlers import asgi as litestar_asgi
from litestar.handlers import websocket_listener
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import Mount
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.websockets import WebSocket as StarletteWebSocket

from websocket_kit import (
    Cookie,
    Header,
    WebSocket,
    WebSocketReject,
    WebSocketRouter,
    query,
    websocket,
)
from websocket_kit.starlette import endpoint
from websocket_kit.testing import HandshakeRejected, WaitTimeout, connect

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)


class Point(BaseModel):
    x: int


# --------------------------------------------------------------------------------- bare handlers


async def greet(ws: WebSocket, name: str, greeting: str = "Hello") -> None:
    async with ws:
        await ws.send(f"{greeting}, {name}")


async def greet_unannotated(ws, name, greeting="Hello"):  # type: ignore[no-untyped-def]  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]  # noqa: ANN001, ANN201
    await greet(ws, name, greeting)  # pyright: ignore[reportUnknownArgumentType]


async def greet_in_starlette(
    socket: StarletteWebSocket, name: str, greeting: str = "Hello"
) -> None:
    await socket.accept()
    await socket.send_text(f"{greeting}, {name}")
    await socket.close()


@endpoint
async def greet_at_an_endpoint(ws: WebSocket, name: str, greeting: str = "Hello") -> None:
    await greet(ws, name, greeting)


def passed_on(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(handler)
    async def wrapped(*args: Any, **inputs: Any) -> None:
        await handler(*args, **inputs)

    return wrapped


async def greet_unannotated_in_starlette(socket, name):  # type: ignore[no-untyped-def]  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]  # noqa: ANN001, ANN201
    await greet_in_starlette(socket, name)  # pyright: ignore[reportUnknownArgumentType]


async def test_an_endpoint_of_starlettes_that_does_not_say_so_is_told_to() -> None:
    with pytest.raises(AttributeError) as caught:
        async with connect(greet_unannotated_in_starlette, name="Ada"):
            pass
    assert caught.value.__notes__[0] == (
        "connect() took it for a handler of websocket_kit's; annotate its first parameter as"
        " starlette.websockets.WebSocket if it is an endpoint of Starlette's"
    )


class Greeter:
    async def method(self, ws: WebSocket, name: str, greeting: str = "Hello") -> None:
        await greet(ws, name, greeting)

    @staticmethod
    async def static(ws: WebSocket, name: str, greeting: str = "Hello") -> None:
        await greet(ws, name, greeting)

    @classmethod
    async def of_the_class(cls, ws: WebSocket, name: str, greeting: str = "Hello") -> None:
        await greet(ws, name, greeting)

    async def __call__(self, ws: WebSocket, name: str, greeting: str = "Hello") -> None:
        await greet(ws, name, greeting)


HANDLERS: dict[str, Any] = {
    "function": greet,
    "function without annotations": greet_unannotated,
    "function for Starlette": greet_in_starlette,
    "endpoint": greet_at_an_endpoint,
    "decorated function": passed_on(greet),
    "decorated for Starlette": passed_on(greet_in_starlette),
    "partial": functools.partial(greet),
    "partial of a partial": functools.partial(functools.partial(greet)),
    "bound method": Greeter().method,
    "static method": Greeter.static,
    "class method": Greeter.of_the_class,
    "object": Greeter(),
    "partial of an object": functools.partial(Greeter()),
}
every_handler = pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)


@every_handler
async def test_inputs_go_by_keyword(handler: Any) -> None:
    async with connect(handler, name="Ada", greeting="Hi") as peer:
        await peer.expect("Hi, Ada")
        await peer.expect_close(1000)


@every_handler
async def test_an_input_may_be_left_to_its_default(handler: Any) -> None:
    async with connect(handler, name="Ada") as peer:
        await peer.expect("Hello, Ada")
        await peer.expect_close(1000)


@every_handler
async def test_inputs_may_go_in_a_mapping(handler: Any) -> None:
    async with connect(handler, inputs={"name": "Ada"}, greeting="Hi") as peer:
        await peer.expect("Hi, Ada")
        await peer.expect_close(1000)


@every_handler
def test_an_unknown_input_is_refused(handler: Any) -> None:
    with pytest.raises(TypeError, match="has no input 'nane'"):
        connect(handler, nane="Ada")


@every_handler
def test_a_missing_input_is_refused(handler: Any) -> None:
    with pytest.raises(TypeError, match="needs the input 'name'"):
        connect(handler, greeting="Hi")


async def test_inputs_whose_names_are_options_go_in_the_mapping() -> None:
    async def handler(ws: WebSocket, timeout: int, headers: str, ws_: str = "") -> None:
        async with ws:
            await ws.send([timeout, headers])

    async with connect(handler, inputs={"timeout": 5, "headers": "h"}) as peer:
        await peer.expect([5, "h"])


async def test_what_a_partial_fills_is_no_input() -> None:
    async with connect(functools.partial(greet, name="Ada")) as peer:
        await peer.expect("Hello, Ada")
    with pytest.raises(TypeError, match="has no input 'name'"):
        connect(functools.partial(greet, name="Ada"), name="Bob")


async def test_the_default_of_a_declared_query_counts() -> None:
    @query("name", str, default="guest")
    async def handler(ws: WebSocket, name: str) -> None:
        await greet(ws, name)

    async with connect(handler) as peer:
        await peer.expect("Hello, guest")
    async with connect(handler, name="Ada") as peer:
        await peer.expect("Hello, Ada")


async def test_marked_inputs_go_by_keyword_too() -> None:
    async def handler(
        ws: WebSocket, x_token: Annotated[str, Header()], theme: Annotated[str, Cookie()] = "dark"
    ) -> None:
        async with ws:
            await ws.send([x_token, theme])

    async with connect(handler, x_token="t") as peer:  # noqa: S106 - no secret
        await peer.expect(["t", "dark"])


async def test_the_annotation_sets_the_types_of_messages() -> None:
    async def double(ws: WebSocket[Point, int]) -> None:
        async with ws:
            async for point in ws:
                await ws.send(2 * point.x)

    async with connect(double) as peer:
        assert await peer.pair(Point(x=4), int) == 8
        await peer.send("no point")
        await peer.expect_close(1007)


async def test_annotations_in_quotes_are_looked_up_where_connect_is_called() -> None:
    class Local(BaseModel):
        x: int

    async def handler(ws: WebSocket[Local]) -> None:
        async with ws:
            await ws.send((await ws.receive()).x)

    async with connect(handler) as peer:
        assert await peer.pair(Local(x=4), int) == 4


async def test_a_handler_that_crashes_has_closed_with_1011_as_on_a_route() -> None:
    async def crash(ws: WebSocket) -> None:
        await ws.accept()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(crash) as peer:
            await peer.expect_close(1011)


# ----------------------------------------------------------------------------------- bare ASGI apps


async def echo_in_asgi(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


class AsgiClass:
    """An app in the style of ASGI 2: made of the scope, awaited."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self._running = echo_in_asgi(scope, receive, send)

    def __await__(self) -> Any:
        return self._running.__await__()


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await echo_in_asgi(scope, receive, send)

    async def method(self, scope: Any, receive: Any, send: Any) -> None:
        await echo_in_asgi(scope, receive, send)


async def echo_whatever_the_scope(_scope: Any, receive: Any, send: Any) -> None:
    await echo_in_asgi({}, receive, send)


class OddlyNamed:
    async def __call__(self, scope: Any, rcv: Any, snd: Any) -> None:
        await echo_in_asgi(scope, rcv, snd)


class PassingOn:
    async def __call__(self, *args: Any) -> None:
        await echo_in_asgi(*args)


class ReturningAnAwaitable:
    def __call__(self, s: Any, r: Any, e: Any) -> Awaitable[None]:
        return echo_in_asgi(s, r, e)


class EchoEndpoint(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: StarletteWebSocket, data: Any) -> None:
        await websocket.send_text(data)


def middleware(app: Any, *, times: int = 1) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any, times: int = times) -> None:
        await app(scope, receive, send)

    return wrapped


APPS: dict[str, Any] = {
    "function": echo_in_asgi,
    "function that leaves one unused": echo_whatever_the_scope,
    "function with more": middleware(echo_in_asgi),
    "partial": functools.partial(echo_in_asgi),
    "object": AsgiObject(),
    "partial of an object": functools.partial(AsgiObject()),
    "method": AsgiObject().method,
    "class": AsgiClass,
    "object with other names": OddlyNamed(),
    "object that takes anything": PassingOn(),
    "object that is not async": ReturningAnAwaitable(),
    "class of Starlette's": EchoEndpoint,
}


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
async def test_an_asgi_app_of_any_kind(app: Any) -> None:
    async with connect(app) as peer:
        assert await peer.pair("hi") == "hi"
    with pytest.raises(TypeError, match="'room' is neither an option of connect"):
        connect(app, room="lobby")


async def test_an_app_that_is_no_coroutine_is_somewhere() -> None:
    class Silent:
        def __init__(self, scope: Any, receive: Any, send: Any) -> None:
            pass

        def __await__(self) -> Any:
            return sleep_forever().__await__()

    with pytest.raises(WaitTimeout, match="handler: running somewhere"):
        async with connect(Silent):
            pass


# ------------------------------------------------------------------------------ routes and routers


@websocket("/rooms/{room:int}")
@query("name", str, default="guest")
async def chat(
    ws: WebSocket,
    room: int,
    name: str,
    x_version: Annotated[str, Header()] = "none",
    theme: Annotated[str, Cookie()] = "light",
) -> None:
    async with ws:
        await ws.send([room, name, x_version, theme])


router = WebSocketRouter(routes=[chat])
ROUTED: dict[str, tuple[Any, str]] = {
    "route": (chat, ""),
    "router": (router, ""),
    "mounted in Starlette": (Starlette(routes=[Mount("/ws", router)]), "/ws"),
    "route in Starlette": (Starlette(routes=[chat]), ""),
}


@pytest.mark.parametrize(("app", "prefix"), ROUTED.values(), ids=ROUTED)
async def test_a_routes_inputs_come_from_the_handshake(app: Any, prefix: str) -> None:
    headers = {"X-Version": "t", "Cookie": "theme=dark"}
    async with connect(app, f"{prefix}/rooms/7?name=Ada", headers=headers) as peer:
        await peer.expect([7, "Ada", "t", "dark"])
    async with connect(app, f"{prefix}/rooms/7") as peer:
        await peer.expect([7, "guest", "none", "light"])


async def test_a_router_rejects_what_it_does_not_know() -> None:
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(router, "/nowhere"):
            pass
    assert caught.value.status == 404


async def test_a_router_rejects_bad_inputs() -> None:
    @websocket("/{age:int}")
    async def handler(ws: WebSocket, age: int, size: int) -> None:
        """Never called."""

    with pytest.raises(HandshakeRejected) as caught:
        async with connect(handler, "/5?size=large"):
            pass
    assert caught.value.status == 400
    assert b'"loc":["query","size"]' in caught.value.body.replace(b" ", b"")


async def greet_the_world(ws: WebSocket) -> None:
    await greet(ws, "world")


@pytest.mark.parametrize(
    "target", [greet_the_world, websocket("/")(greet_the_world)], ids=["bare", "route"]
)
async def test_a_foreign_origin_does_not_get_to_the_handler(target: Any) -> None:
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(target, headers={"Origin": "https://evil.example"}):
            pass
    assert caught.value.status == 403
    async with connect(target, headers={"Origin": "http://testserver"}) as peer:
        assert await peer.receive() == "Hello, world"


# -------------------------------------------------------------------------------- frameworks' apps


async def read_a_path_parameter(socket: StarletteWebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.path_params["room"])
    await socket.close()


async def read_a_path_parameter_too(ws: WebSocket) -> None:
    async with ws:
        await ws.send(ws.request.path_params["room"])


@pytest.mark.parametrize("handler", [read_a_path_parameter, read_a_path_parameter_too])
async def test_a_bare_handler_has_no_path_parameters_and_says_so(handler: Any) -> None:
    with pytest.raises(KeyError) as caught:
        async with connect(handler, "/rooms/lobby"):
            pass
    assert caught.value.args == (
        (
            "no path parameter 'room': a bare handler has no route to take it from; connect to"
            " its route, or to its app, with the path"
        ),
    )


async def test_on_its_route_it_has_them() -> None:
    route = StarletteRoute("/rooms/{room}", read_a_path_parameter)
    async with connect(route, "/rooms/lobby") as peer:
        await peer.expect("lobby")
        await peer.expect_close(1000)


async def echo_in_starlette(socket: StarletteWebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


starlette_app = Starlette(routes=[StarletteRoute("/echo", echo_in_starlette)])
fastapi_app = FastAPI()


async def user(name: str = "guest") -> AsyncGenerator[str]:
    yield name


@fastapi_app.websocket("/echo")
async def echo_in_fastapi(
    socket: FastAPIWebSocket, name: Annotated[str, Depends(user)], times: int = 1
) -> None:
    await socket.accept()
    while True:
        await socket.send_text(times * await socket.receive_text())


@fastapi_app.websocket("/rooms/{room}")
@endpoint
async def chat_in_fastapi(ws: WebSocket, room: str, name: Annotated[str, Depends(user)]) -> None:
    if name == "nobody":
        raise WebSocketReject(401)
    async with ws:
        await ws.send([room, name])


@litestar_websocket("/echo")
async def echo_in_litestar(socket: LitestarWebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


@websocket_listener("/listener")
async def listen_in_litestar(data: str) -> str:
    return data


quart_app = quart.Quart(__name__)


@quart_app.websocket("/echo")
async def echo_in_quart() -> None:
    while True:
        await quart.websocket.send(await quart.websocket.receive())


@pytest.fixture(autouse=True, scope="module")
def _django(load_file: Callable[[Path], object]) -> None:
    """Give Django its settings, of which a process has one: those of its example."""
    load_file(Path(__file__).parents[1] / "docs" / "examples" / "mounting" / "django_wrap.py")


async def django(scope: Any, receive: Any, send: Any) -> None:
    await get_asgi_application()(scope, receive, send)


django_router = WebSocketRouter()


@django_router.websocket("/echo")
async def echo_beside_django(ws: WebSocket) -> None:
    async with ws:
        await ws.answer(str)


FRAMEWORKS: dict[str, tuple[Any, str]] = {
    "Starlette": (starlette_app, "/echo"),
    "FastAPI": (fastapi_app, "/echo?name=Ada&times=1"),
    "Litestar": (Litestar([echo_in_litestar]), "/echo"),
    "Litestar's listener": (Litestar([listen_in_litestar]), "/listener"),
    "Django": (django_router.wrap(django), "/echo"),
}
every_framework = pytest.mark.parametrize(
    ("app", "path"), FRAMEWORKS.values(), ids=list(FRAMEWORKS)
)


@every_framework
async def test_an_app_of_a_framework(app: Any, path: str) -> None:
    async with connect(app, path) as peer, connect(app, path) as another:
        assert await peer.pair("hi") == "hi"
        assert await another.pair("ho") == "ho"


async def crash(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()
        raise ZeroDivisionError


def swallowing(app: Any) -> Any:
    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        with suppress(ZeroDivisionError):
            await app(scope, receive, send)

    return middleware


crashing = WebSocketRouter(routes=[websocket("/crash")(crash)])
crashing_in_fastapi = FastAPI()
crashing_in_fastapi.add_api_websocket_route("/crash", endpoint(crash))


@litestar_asgi("/ws", is_mount=True, copy_scope=True)
async def crashing_in_litestar(scope: Any, receive: Any, send: Any) -> None:
    await crashing(scope, receive, send)


CRASHING: dict[str, tuple[Any, str]] = {
    "Starlette": (Starlette(routes=[Mount("/ws", crashing)]), "/ws/crash"),
    "FastAPI": (crashing_in_fastapi, "/crash"),
    "Litestar": (Litestar([crashing_in_litestar]), "/ws/crash"),
    "middleware": (swallowing(crashing), "/crash"),
}


@pytest.mark.parametrize(("app", "path"), CRASHING.values(), ids=CRASHING)
async def test_a_crash_comes_out_whatever_the_app_around_makes_of_it(app: Any, path: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with connect(app, path) as peer:
            await peer.send("hi")
            await peer.expect_close(1011)


@every_framework
async def test_a_framework_takes_every_goodbye(app: Any, path: str) -> None:
    for leave in ("close", "drop", "shutdown", "cancel"):
        async with connect(app, path, strict=False) as peer:
            assert await peer.pair("hi") == "hi"
            await peer.send("ho")
            outcome = getattr(peer, leave)()
            if outcome is not None:
                await outcome
        assert not peer.open


@every_framework
async def test_a_framework_takes_a_send_that_fails(app: Any, path: str) -> None:
    async with connect(app, path) as peer:
        peer.fail_send(ConnectionResetError("reset"), after=1)
        assert await peer.pair("hi") == "hi"
        await peer.send("ho")


@pytest.mark.parametrize(
    ("app", "status"),
    [(starlette_app, 403), (fastapi_app, 403), (Litestar([echo_in_litestar]), 403)],
    ids=["Starlette", "FastAPI", "Litestar"],
)
async def test_a_framework_rejects_an_unknown_path(app: Any, status: int) -> None:
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(app, "/nowhere"):
            pass
    assert caught.value.status == status


async def test_djangos_own_refusal_comes_out() -> None:
    with pytest.raises(ValueError, match="Django can only handle ASGI/HTTP connections"):
        async with connect(get_asgi_application(), "/echo"):
            pass


async def test_an_async_dependency_of_fastapis() -> None:
    async with connect(fastapi_app, "/rooms/lobby?name=Ada") as peer:
        await peer.expect(["lobby", "Ada"])
    with pytest.raises(HandshakeRejected, match="401"):
        async with connect(fastapi_app, "/rooms/lobby?name=nobody"):
            pass


@on_asyncio
async def test_an_app_of_quarts() -> None:
    async with connect(quart_app, "/echo") as peer:
        assert await peer.pair("hi") == "hi"
    async with connect(quart_app, "/echo") as peer:
        assert await peer.pair("hi") == "hi"
        await peer.cancel()
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(quart_app, "/nowhere"):
            pass
    assert caught.value.status == 404
    assert b"Not Found" in caught.value.body


@on_asyncio
async def test_a_handler_that_uses_asyncio_itself() -> None:
    async def relay(ws: WebSocket) -> None:
        messages: asyncio.Queue[str] = asyncio.Queue()

        async def forward() -> None:
            while True:
                await ws.send(await messages.get())

        async with ws:
            task = asyncio.create_task(forward())
            try:
                async for message in ws:
                    await messages.put(message)
            finally:
                task.cancel()

    async with connect(relay) as peer:
        assert await peer.pair("hi") == "hi"
