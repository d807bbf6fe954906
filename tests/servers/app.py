"""The app on every server: handlers that do one thing each and tell what they see.

Each is there in three ways: ``/router/<name>``, ``/endpoint/<name>`` (a Starlette route) and
``/bare/<name>`` (raw ASGI). What it does is in the query, and so is the key it tells under. Only
public names of the library are used here. ``python -m tests.servers.app PORT`` serves it with the
library's own ``run``.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from random import Random
from typing import Annotated, Any, NamedTuple

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.types import Receive, Scope, Send

from websocket_kit import (
    Header,
    WebSocket,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketHandshakeError,
    WebSocketReject,
    WebSocketRouter,
    WebSocketTimeoutError,
)
from websocket_kit.server import run
from websocket_kit.starlette import endpoint

Socket = WebSocket[str, Any]
Handler = Callable[[Socket], Coroutine[Any, Any, None]]

SECRET = "the-password-is-swordfish"
CHUNK = "x" * 65_536
# The longest that a handler goes on by itself, in seconds.
PATIENCE = 20.0

# ------------------------------------------------------------------------------------- telling

_notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND)


def note(ws: Socket, what: str, **facts: object) -> None:
    """Tell the tests something; the clock is the same in every process."""
    told = {"key": ws.request.query_params["key"], "what": what, "at": time.monotonic(), **facts}
    os.write(_notes, json.dumps(told).encode() + b"\n")


def describe(error: BaseException) -> str:
    """An error's type, and the code and reason of a disconnect."""
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return "cancelled"
    name = type(error).__name__
    if not isinstance(error, WebSocketDisconnectError):
        return name
    return f"{name} {error.code} {error.reason}".strip()


@contextmanager
def telling(ws: Socket) -> Generator[None]:
    """Tell how the handler ends."""
    how = "returned"
    try:
        yield
    except BaseException as error:
        how = describe(error)
        raise
    finally:
        info = ws.close_info
        note(ws, "ended", how=how, info=None if info is None else [info.code, info.reason, info.by])


async def outcome(call: Awaitable[object]) -> str:
    """What a call returns or raises, in a second or else ``"waits"``."""
    with anyio.move_on_after(1):
        try:
            return str(await call)
        except Exception as error:  # noqa: BLE001 - that is what is told
            return describe(error)
    return "waits"


def die_with_the_tests() -> None:
    """Leave no server behind, not even if the tests are killed."""
    while True:
        time.sleep(1)
        try:
            os.kill(int(os.environ["TESTS_PID"]), 0)
        except ProcessLookupError:
            os.killpg(0, signal.SIGKILL)


threading.Thread(target=die_with_the_tests, daemon=True).start()

# -------------------------------------------------------------------------------- three ways in

_waiting: dict[str, anyio.Event] = {}


async def go_ahead(ws: Socket) -> None:
    """Wait until the test says so, through ``/go-ahead``."""
    event = _waiting[ws.request.query_params["key"]] = anyio.Event()
    note(ws, "waits")
    with anyio.move_on_after(PATIENCE):
        await event.wait()


async def say_go_ahead(request: Request) -> PlainTextResponse:
    """Let a handler go on."""
    _waiting[request.query_params["key"]].set()
    return PlainTextResponse("")


async def ready(_request: Request) -> PlainTextResponse:
    """Say that the server is up."""
    return PlainTextResponse("ready")


class Bare(NamedTuple):
    """A handler for raw ASGI."""

    handler: Handler
    options: dict[str, Any]


router = WebSocketRouter()
site = Starlette(routes=[Route("/ready", ready), Route("/go-ahead", say_go_ahead)])
bare: dict[str, Bare] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve all of it."""
    path = str(scope.get("path")).removeprefix(scope.get("root_path") or "")
    if path == "/load/raw":
        await raw_echo(receive, send)
    elif path in bare:
        found = bare[path]
        await found.handler(WebSocket(scope, receive, send, **found.options))
    elif path.startswith("/drained/"):
        await drained(scope, receive, send)
    elif path.startswith(("/endpoint/", "/ready", "/go-ahead", "/drain")):
        await site(scope, receive, send)
    else:
        await router(scope, receive, send)


def handler(**options: Any) -> Callable[[Handler], Handler]:
    """Serve a handler under its name in all three ways."""

    def register(function: Handler) -> Handler:
        name = getattr(function, "__name__").replace("_", "-")  # noqa: B009 - typed so
        router.websocket(f"/router/{name}", **options)(function)
        site.routes.append(StarletteRoute(f"/endpoint/{name}", endpoint(**options)(function)))
        bare[f"/bare/{name}"] = Bare(function, options)
        return function

    return register


def asked(ws: Socket, name: str, default: str = "") -> str:
    """A parameter of the query."""
    return ws.request.query_params.get(name, default)


# ----------------------------------------------------------------------------------- handshakes


@handler()
async def scope_seen(ws: Socket) -> None:
    """Tell what the handshake looks like."""
    request = ws.request
    async with ws:
        await ws.send(
            {
                "url": str(request.url),
                "host": request.headers.get("host"),
                "q": request.query_params.get("q"),
                "client": request.client is not None and type(request.client.port).__name__,
                "server": type((ws.request.scope["server"] or [None, None])[1]).__name__,
                "http": request.scope["http_version"],
                "subprotocols": [name for name in request.scope["subprotocols"] if name],
                "key": "sec-websocket-key" in request.headers,
            }
        )


@router.websocket("/router/rooms/{room}")
async def rooms(
    ws: Socket, room: str, seat: int = 1, x_client: Annotated[str, Header()] = "nobody"
) -> None:
    """Take inputs of every kind."""
    async with ws:
        await ws.send([room, seat, x_client])


@handler()
async def accept_headers(ws: Socket) -> None:
    """Accept with headers."""
    await ws.accept(headers={"X-Hello": "there", "Set-Cookie": "a=b"})


@handler(subprotocols=("chat.v2", "chat.v1"))
async def subprotocol(ws: Socket) -> None:
    """Tell which subprotocol was chosen."""
    async with ws:
        await ws.send(str(ws.subprotocol))


@handler()
async def illegal_accepts(ws: Socket) -> None:
    """Accept in ways that can't be, then as one should."""
    note(
        ws,
        "refused",
        calls=[
            await outcome(ws.accept("never-offered")),
            await outcome(ws.accept("a\r\nb")),
            await outcome(ws.accept(headers={"X-A": "b\r\nSet-Cookie: c=d"})),
            await outcome(ws.accept(headers={"X A": "b"})),
        ],
    )
    async with ws:
        await ws.send("hello")


@handler()
async def reject(ws: Socket) -> None:
    """Reject, then go on as if nothing had happened."""
    with telling(ws):
        headers = {"X-Why": "because"} if asked(ws, "headers") else ()
        await ws.reject(int(asked(ws, "status")), body=asked(ws, "body"), headers=headers)
        note(
            ws,
            "after",
            calls=[
                await outcome(call)
                for call in (ws.receive(), ws.receive(), ws.send("x"), ws.accept(), ws.reject())
            ],
        )


@handler()
async def early(ws: Socket) -> None:
    """End before accepting."""
    with telling(ws):
        match asked(ws, "how"):
            case "raise":
                raise RuntimeError(SECRET)
            case "close":
                raise WebSocketClose(4002, "enough")
            case "reject":
                raise WebSocketReject(401, body="who are you?")
            case _:
                return


@handler()
async def late(ws: Socket) -> None:
    """Accept when told to, and wait for a message."""
    with telling(ws):
        await go_ahead(ws)
        async with ws:
            await ws.receive(timeout=5)


# ------------------------------------------------------------------------------------- messages


@handler()
async def echo(ws: Socket) -> None:
    """Answer text with text."""
    with telling(ws):
        async with ws:
            await ws.answer(lambda message: message)


@handler()
async def echo_bytes(ws: Socket) -> None:
    """Answer anything with bytes."""
    with telling(ws):
        async with ws:
            async for message in ws.iter(bytes):
                await ws.send(message)


@handler(max_message_bytes=1_000)
async def small(ws: Socket) -> None:
    """Take messages of 1,000 bytes, and tell what comes."""
    with telling(ws):
        async with ws:
            while True:
                await ws.send(await ws.receive())


@handler(max_message_bytes=None)
async def sizes(ws: Socket) -> None:
    """Answer with the size of what comes, however large."""
    with telling(ws):
        async with ws:
            while True:
                await ws.send(len(await ws.receive(bytes)))


@handler()
async def large(ws: Socket) -> None:
    """Send a large message."""
    async with ws:
        await ws.send(b"0123456789abcdef" * (int(asked(ws, "size")) // 16))


@handler()
async def chorus(ws: Socket) -> None:
    """Send from many tasks at once."""

    async def sing(voice: int) -> None:
        for number in range(200):
            await ws.send(f"{voice} {number} {'la' * (voice * 500)}")

    async with ws, ws.task_group() as tasks:
        for voice in range(4):
            tasks.start_soon(sing, voice)


# -------------------------------------------------------------------------------------- endings


async def _task_fails(ws: Socket) -> None:
    async def fail() -> None:
        raise RuntimeError(SECRET)

    async with ws.task_group() as tasks:
        tasks.start_soon(fail)
        await anyio.sleep(PATIENCE)


async def _raise(error: BaseException) -> None:
    raise error


ENDINGS: dict[str, Callable[[Socket], Awaitable[object]]] = {
    "return": lambda ws: ws.send("bye"),
    "raise": lambda ws: _raise(RuntimeError(f"{SECRET} {asked(ws, 'key')}")),
    "raise in a task": _task_fails,
    "WebSocketClose": lambda _: _raise(WebSocketClose(4002, "enough")),
    "WebSocketReject 4xx": lambda _: _raise(WebSocketReject(401)),
    "WebSocketReject 5xx": lambda _: _raise(WebSocketReject(503)),
    "not a number": lambda ws: ws.receive(int),
    "another message": lambda ws: ws.expect("this"),
    "too big": lambda ws: ws.receive(),
    "too late": lambda ws: ws.receive(timeout=0.01),
}


@handler(max_message_bytes=1_000)
async def ending(ws: Socket) -> None:
    """End in a way of the table's."""
    with telling(ws):
        async with ws:
            await ENDINGS[asked(ws, "how")](ws)


@handler()
async def close(ws: Socket) -> None:
    """Close with a code, then go on as if nothing had happened."""
    with telling(ws):
        await ws.accept()
        await ws.receive()
        await ws.close(int(asked(ws, "code")), asked(ws, "reason"))
        calls = [ws.receive(), ws.receive(), ws.send("x"), ws.close()]
        note(ws, "after", calls=[await outcome(call) for call in calls], closed=ws.close_info)
        note(ws, "iterated", messages=[message async for message in ws])


@handler()
async def bad_codes(ws: Socket) -> None:
    """Close with codes that may not be sent, then go on."""
    async with ws:
        codes = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536)
        await ws.send([await outcome(ws.close(code)) for code in codes])


@handler()
async def cut_short(ws: Socket) -> None:
    """Be cancelled by one's own timeout, around all of it."""
    with anyio.move_on_after(0.05), telling(ws):
        async with ws:
            match asked(ws, "doing"):
                case "receive":
                    await ws.receive()
                case "task_group":
                    async with ws.task_group() as tasks:
                        tasks.start_soon(ws.receive)
                        await anyio.sleep(PATIENCE)
                case _:
                    await anyio.sleep(PATIENCE)


@handler()
async def fail_after(ws: Socket) -> None:
    """Fail once the peer has left."""
    async with ws:
        async for _ in ws:
            pass
        await ENDINGS["raise"](ws)


@handler()
async def close_beside(ws: Socket) -> None:
    """Close in one task while another receives."""

    async def receive() -> None:
        note(ws, "received", how=await outcome(ws.receive()))

    with telling(ws):
        async with ws, ws.task_group() as tasks:
            tasks.start_soon(receive)
            await go_ahead(ws)
            await ws.close(4003, "from the side")


# ----------------------------------------------------------------------------- peers that vanish


@handler()
async def receive(ws: Socket) -> None:
    """Receive to the end, and go on after it as if nothing had happened."""
    with telling(ws):
        async with ws:
            note(ws, "open")
            try:
                while True:
                    note(ws, "message", message=await ws.receive())
            finally:
                calls = (ws.receive(), ws.receive(), ws.send("x"), ws.close())
                after: list[str] = []
                with anyio.CancelScope(shield=True):  # the server may say it by cancelling
                    after.extend([await outcome(call) for call in calls])
                note(ws, "after", calls=after)


@handler()
async def iterate(ws: Socket) -> None:
    """Take messages until the connection is over."""
    with telling(ws):
        async with ws:
            note(ws, "open")
            async for message in ws:
                note(ws, "message", message=message)


@handler()
async def send_only(ws: Socket) -> None:
    """Send for two seconds and receive nothing."""
    with telling(ws):
        async with ws:
            note(ws, "open")
            for number in range(100):
                await ws.send(number)
                await anyio.sleep(0.02)


@handler()
async def group(ws: Socket) -> None:
    """Be in a task group, receiving, sending or doing nothing."""

    async def receive() -> None:
        while True:
            note(ws, "message", message=await ws.receive())

    async def send() -> None:
        while True:
            await ws.send("tick")
            await anyio.sleep(0.02)

    with telling(ws):
        async with ws, ws.task_group() as tasks:
            note(ws, "open")
            if "receive" in asked(ws, "do"):
                tasks.start_soon(receive)
            if "send" in asked(ws, "do"):
                tasks.start_soon(send)
            await anyio.sleep(PATIENCE)


@handler()
async def send_each(ws: Socket) -> None:
    """Send every item of a source that goes on for long."""

    async def source() -> AsyncGenerator[str]:
        try:
            yield "first"
            for _ in range(int(PATIENCE / 0.02)):
                if asked(ws, "do") == "idle":
                    await anyio.sleep(PATIENCE)
                await anyio.sleep(0.02)
                yield "tick"
        finally:
            note(ws, "source closed")

    with telling(ws):
        async with ws:
            note(ws, "open")
            await ws.send_each(source())


@handler(receive_timeout=0.2)
async def impatient(ws: Socket) -> None:
    """Wait a fifth of a second for a message."""
    with telling(ws):
        async with ws:
            note(ws, "open")
            await ws.receive()


@handler()
async def clean_up(ws: Socket) -> None:
    """Tidy up after a peer that has left, which takes a moment."""
    with telling(ws):
        try:
            async with ws:
                note(ws, "open")
                await ws.receive()
        finally:
            with anyio.move_on_after(1, shield=True):
                await anyio.sleep(0.01)
                note(ws, "tidied")


# ------------------------------------------------------------------------------------ slow peers


@handler()
async def pour(ws: Socket) -> None:
    """Send to a peer that reads nothing, until the server takes no more for half a second."""
    sent = 0
    with telling(ws):
        async with ws:
            began = time.monotonic()
            while sent < 64 * 1024 * 1024:
                with anyio.move_on_after(0.5) as scope:
                    await ws.send(CHUNK)
                if scope.cancelled_caught:
                    break
                sent += len(CHUNK)
            note(ws, "stuck", sent=sent, seconds=time.monotonic() - began)
            match asked(ws, "then"):
                case "send":
                    with anyio.move_on_after(5):
                        for _ in range(100):
                            await ws.send(CHUNK)
                case "group":
                    async with ws.task_group() as tasks:
                        tasks.start_soon(ws.send, CHUNK)
                        await anyio.sleep(PATIENCE)
                case _:
                    began = time.monotonic()
                    await ws.close(4004)
                    note(ws, "closed", seconds=time.monotonic() - began)


@handler(send_timeout=1)
async def pour_in_time(ws: Socket) -> None:
    """Send to a peer that reads nothing; a message has a second to go out."""
    with telling(ws):
        async with ws:
            for _ in range(1024):
                began = time.monotonic()
                try:
                    await ws.send(CHUNK)
                finally:
                    if time.monotonic() - began > 0.5:
                        note(ws, "waited", seconds=time.monotonic() - began)


@handler()
async def deaf(ws: Socket) -> None:
    """Receive nothing until told to, then everything."""
    with telling(ws):
        async with ws, ws.task_group(buffer=4):
            await go_ahead(ws)
            received = 0
            async for message in ws.iter(bytes):
                received += len(message)
                if message == b"end":
                    break
            note(ws, "received", size=received)


# ----------------------------------------------------------------------------------------- drains


@handler()
async def busy(ws: Socket) -> None:
    """Do something else, for long."""
    with telling(ws):
        async with ws:
            note(ws, "open")
            await anyio.sleep(PATIENCE)


# A router of its own, so that it can be drained while other cases run.
drained = WebSocketRouter()
for served in (iterate, group, send_each, busy, late):
    drained.websocket(f"/drained/{served.__name__.replace('_', '-')}")(served)


async def drain(request: Request) -> JSONResponse:
    """Drain that router; how many were there before and after, and the seconds it took."""
    before, began = len(drained.connections), time.monotonic()
    await drained.close_all(reason="back soon", grace=3)
    return JSONResponse([before, len(drained.connections), time.monotonic() - began])


site.routes.append(Route("/drain", drain))

# ----------------------------------------------------------------------------------------- limits


@handler(messages_per_second=5)
async def few(ws: Socket) -> None:
    """Take five messages a second."""
    with telling(ws):
        async with ws:
            async for message in ws:
                await ws.send(message)


router.websocket("/router/two", max_connections=2)(echo)
router.websocket("/router/one-each", max_connections_per_client=1)(echo)


# ------------------------------------------------------------------------------------------- load


@router.websocket("/load/echo")
async def plain_echo(ws: Socket) -> None:
    """Answer text with text, and tell nothing."""
    async with ws:
        async for message in ws:
            await ws.send(message)


async def raw_echo(receive: Receive, send: Send) -> None:
    """Do the same without the library."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def pour_on(ws: Socket) -> None:
    """Send as fast as the peer reads."""
    with telling(ws):
        async with ws:
            while True:
                await ws.send(CHUNK)


router.websocket("/load/pour")(pour_on)
router.websocket("/load/pour-in-time", send_timeout=1)(pour_on)


@router.websocket("/load/slow")
async def slow(ws: Socket) -> None:
    """Take fifty messages a second."""
    async with ws:
        while True:
            await ws.receive(bytes)
            await anyio.sleep(0.02)


@router.websocket("/load/slow-in-group")
async def slow_in_group(ws: Socket) -> None:
    """Take fifty messages a second, while the library reads ahead."""
    async with ws, ws.task_group():
        while True:
            await ws.receive(bytes)
            await anyio.sleep(0.02)


# --------------------------------------------------------------------------------------- counting


def _tell_count(ws: Socket, got: list[int], timeouts: int) -> None:
    twice = sum(count - 1 for count in Counter(got).values())
    in_order = all(a < b for a, b in itertools.pairwise(got))
    note(ws, "counted", got=len(set(got)), twice=twice, in_order=in_order, timeouts=timeouts)


@handler(max_message_bytes=None)
async def count(ws: Socket) -> None:
    """Count numbered messages, with timeouts that come at any moment; say when none comes."""
    random = Random(asked(ws, "seed"))  # noqa: S311 - no secret
    got: list[int] = []
    timeouts = 0
    idle = False

    async def take(limit: int = 1_000_000) -> bool:
        nonlocal timeouts, idle
        for _ in range(limit):
            try:
                message = await ws.receive(timeout=random.choice((0, 0.0005, 0.001, 0.003)))
            except WebSocketTimeoutError:
                timeouts += 1
                if not idle:
                    idle = True
                    await ws.send("idle")
            else:
                idle = False
                if message == "end":
                    return True
                got.append(int(message))
        return False

    async def chatter() -> None:
        while True:
            await ws.send("meanwhile")
            await anyio.sleep(0.01)

    with telling(ws):
        async with ws:
            match asked(ws, "where"):
                case "group":
                    async with ws.task_group() as tasks:
                        tasks.start_soon(chatter)
                        await take()
                        tasks.cancel_scope.cancel()
                case "groups":  # one after another
                    over = False
                    while not over:
                        async with ws.task_group():
                            over = await take(limit=random.randrange(1, 200))
                case _:
                    await take()
            _tell_count(ws, got, timeouts)
            with suppress(WebSocketHandshakeError):
                await ws.close()


@handler()
async def number(ws: Socket) -> None:
    """Send numbers, from a source or from many tasks."""

    async def numbers() -> AsyncGenerator[int]:
        for number in range(int(asked(ws, "total"))):
            yield number

    async with ws:
        await ws.send_each(numbers())


if __name__ == "__main__":
    run(app, drain=router.close_all, port=int(sys.argv[1]), log_level="warning")
