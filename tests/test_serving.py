"""How a handler's end ends its connection: one table, for ``async with``, router and endpoint."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import anyio
import pytest
from anyio import current_time, sleep, sleep_forever
from starlette.applications import Starlette
from starlette.exceptions import HTTPException, WebSocketException
from starlette.routing import WebSocketRoute as StarletteRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

from tests.asgi import Event, Server, accept, close
from websocket_kit import (
    WebSocket,
    WebSocketCastError,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketDroppedError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketReject,
    WebSocketRouter,
    WebSocketTimeoutError,
    endpoint,
    websocket,
)
from websocket_kit.testing import HandshakeRejected, connect
from websocket_kit.testing._running import calm_down

pytestmark = pytest.mark.anyio

Handler = Callable[[WebSocket], Awaitable[None]]


# ------------------------------------------------------------------------------------ three ways


def serve_async_with(handler: Handler) -> ASGIApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with WebSocket(scope, receive, send) as ws:
            await handler(ws)

    return app


def serve_router(handler: Handler) -> ASGIApp:
    app = WebSocketRouter()

    @app.websocket("/")
    async def route(ws: WebSocket) -> None:
        await handler(ws)

    return app


def serve_endpoint(handler: Handler) -> ASGIApp:
    @endpoint
    async def route(ws: WebSocket) -> None:
        await handler(ws)

    return Starlette(routes=[StarletteRoute("/", route)])


Serve = Callable[[Handler], ASGIApp]
WAYS: dict[str, Serve] = {
    "async with": serve_async_with,
    "router": serve_router,
    "endpoint": serve_endpoint,
}
BOTH = pytest.mark.parametrize("serve", [serve_router, serve_endpoint], ids=["router", "endpoint"])
ALL = pytest.mark.parametrize("serve", WAYS.values(), ids=WAYS)


async def refusal(app: ASGIApp, **options: Any) -> HandshakeRejected:
    """How an app refuses a peer that wants to connect."""
    with pytest.raises(HandshakeRejected) as caught:
        async with connect(app, **options):
            pass
    return caught.value


def seen(events: list[Event]) -> Any:
    """What the peer sees at the end: an HTTP status, or a close code and reason."""
    first = events[0]["type"] if events else None
    last: Event = events[-1] if events else {}
    if first == "websocket.http.response.start":
        assert [event["type"] for event in events] == [first, "websocket.http.response.body"]
        return events[0]["status"]
    if first == "websocket.close":  # every server makes that HTTP 403
        return 403
    if last.get("type") == "websocket.close":
        return last["code"], last["reason"]
    return None


# ------------------------------------------------------------------------------------- the table


def error_group(*errors: Exception) -> Exception:
    msg = "several"
    return ExceptionGroup(msg, [*errors])


class Case(NamedTuple):
    """A way for a handler to end.

    ``after`` and ``before`` say what the peer sees of it, after and before accept; ``kept`` says
    which ways absorb the error.
    """

    error: Callable[[], BaseException] | None
    after: tuple[int, str]
    before: int | None
    kept: str


EVERYWHERE, NOT_WITH, NOWHERE = "everywhere", "not by async with", "nowhere"
FORM, OTHER = "the message has the wrong form", "another message was expected"
BIG, LATE = "the message is too big", "no message in time"


def goodbyes_of_others() -> BaseException:
    return error_group(WebSocketDisconnectError(), error_group(WebSocketDisconnect(1001)))


CASES = {
    "returns": Case(None, (1000, ""), 403, EVERYWHERE),
    "raises WebSocketClose": Case(
        lambda: WebSocketClose(4001, "bye"), (4001, "bye"), 403, EVERYWHERE
    ),
    "raises a bare WebSocketClose": Case(WebSocketClose, (1000, ""), 403, EVERYWHERE),
    "raises WebSocketReject": Case(lambda: WebSocketReject(404), (1008, ""), 404, EVERYWHERE),
    "raises WebSocketReject of 403": Case(WebSocketReject, (1008, ""), 403, EVERYWHERE),
    "raises WebSocketReject of 5xx": Case(
        lambda: WebSocketReject(503), (1011, ""), 503, EVERYWHERE
    ),
    "raises WebSocketCastError": Case(
        lambda: WebSocketCastError(int, "s3cret", []), (1007, FORM), None, NOT_WITH
    ),
    "raises WebSocketExpectError": Case(
        lambda: WebSocketExpectError("x", "s3cret"), (1008, OTHER), None, NOT_WITH
    ),
    "raises WebSocketMessageTooBig": Case(
        lambda: WebSocketMessageTooBig(2, 1), (1009, BIG), None, NOT_WITH
    ),
    "raises WebSocketTimeoutError": Case(
        lambda: WebSocketTimeoutError(1), (3008, LATE), None, NOT_WITH
    ),
    "raises Starlette's WebSocketException": Case(
        lambda: WebSocketException(4002, "bye"), (4002, "bye"), 403, EVERYWHERE
    ),
    "raises Starlette's HTTPException": Case(
        lambda: HTTPException(401), (1008, ""), 401, EVERYWHERE
    ),
    "raises Starlette's HTTPException of 5xx": Case(
        lambda: HTTPException(502), (1011, ""), 502, EVERYWHERE
    ),
    "raises anything else": Case(lambda: KeyError("s3cret"), (1011, ""), 500, NOWHERE),
    "raises a group of other errors": Case(
        lambda: error_group(KeyError("s3cret"), OSError("s3cret")), (1011, ""), 500, NOWHERE
    ),
    "raises a BaseException": Case(lambda: BaseException("s3cret"), (1011, ""), 500, NOWHERE),
    "raises the disconnect of another connection": Case(
        WebSocketDisconnectError, (1011, ""), 500, NOT_WITH
    ),
    "raises nothing but disconnects of others": Case(
        goodbyes_of_others,
        (1011, ""),
        500,
        NOT_WITH,
    ),
    "raises an instruction among disconnects": Case(
        lambda: error_group(WebSocketDisconnectError(), WebSocketClose(4003)),
        (4003, ""),
        403,
        EVERYWHERE,
    ),
}
TABLE = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def comes_out(
    serve: Serve, case: Case, *, of_connect: bool = False
) -> AbstractContextManager[object]:
    """Expects that the error is absorbed or comes out, as the case says.

    Another connection's disconnect comes out of the testing kit's ``connect`` in any case.
    """
    goodbye = case.error in {WebSocketDisconnectError, goodbyes_of_others}
    absorbed = case.kept == NOT_WITH and serve is not serve_async_with
    if case.kept == EVERYWHERE or (absorbed and not (goodbye and of_connect)):
        return nullcontext()
    assert case.error is not None
    return pytest.raises(WebSocketDisconnectError if goodbye else type(case.error()))


@ALL
@TABLE
async def test_after_accept_a_handlers_end_is_a_close(serve: Serve, case: Case) -> None:
    async def handler(ws: WebSocket) -> None:
        if not ws.open:
            await ws.accept()
        if case.error is not None:
            raise case.error()

    with comes_out(serve, case, of_connect=True):
        async with connect(serve(handler)) as peer:
            await peer.expect_close(*case.after)
            assert "s3cret" not in repr(peer.transcript)


@BOTH
@TABLE
@pytest.mark.parametrize("offers_denial", [True, False], ids=["denial", "no denial"])
async def test_before_accept_it_is_an_http_status_or_a_plain_close(
    serve: Serve, case: Case, offers_denial: bool
) -> None:
    async def handler(_: WebSocket) -> None:
        if case.error is not None:
            raise case.error()

    server = Server(denial=offers_denial)
    with comes_out(serve, case):
        await serve(handler)(*server.asgi)
    if not offers_denial:
        assert [event["type"] for event in server.sent] == ["websocket.close"]
    elif case.before is not None:
        assert seen(server.sent) == case.before
    assert "s3cret" not in repr(server.sent)


@ALL
@TABLE
async def test_a_connection_that_is_over_is_sent_nothing_more(serve: Serve, case: Case) -> None:
    async def handler(ws: WebSocket) -> None:
        if not ws.open:
            await ws.accept()
        await ws.close(4000, "enough")
        if case.error is not None:
            raise case.error()

    with comes_out(serve, case, of_connect=True):
        async with connect(serve(handler)) as peer:
            await peer.expect_close(4000, "enough")


@ALL
@TABLE
async def test_a_peer_that_has_left_is_sent_nothing(serve: Serve, case: Case) -> None:
    async def handler(ws: WebSocket) -> None:
        if not ws.open:
            await ws.accept()
        async for _ in ws:
            pass
        if case.error is not None:
            raise case.error()

    server = Server()
    server.leave()
    with comes_out(serve, case):
        await serve(handler)(*server.asgi)
    assert server.tried == [accept()]


# ------------------------------------------------------------------------------- ordinary goodbyes


async def receive_for_ever(ws: WebSocket) -> None:
    if not ws.open:
        await ws.accept()
    while True:
        await ws.receive()


@ALL
async def test_a_peer_that_leaves_is_absorbed_but_by_async_with(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("hi")
    server.leave(1001)
    if serve is serve_async_with:
        with pytest.raises(WebSocketDisconnectError):
            await serve(receive_for_ever)(*server.asgi)
    else:
        await serve(receive_for_ever)(*server.asgi)
    assert server.sent == [accept()]
    assert caplog.messages == []


@BOTH
async def test_a_group_of_nothing_but_the_goodbye_is_absorbed(serve: Serve) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive_for_ever, ws)
            await sleep_forever()

    server = Server()
    server.leave()
    await serve(handler)(*server.asgi)
    assert server.sent == [accept()]


@ALL
async def test_an_error_after_the_peer_left_is_still_raised(serve: Serve) -> None:
    async def handler(ws: WebSocket) -> None:
        try:
            await receive_for_ever(ws)
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(serve(handler)) as peer:
            await peer.close()


@BOTH
async def test_a_peer_that_left_before_the_handler_answered_is_sent_nothing(serve: Serve) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    server = Server(connect=False)
    server.leave()
    await serve(handler)(*server.asgi)
    assert server.tried == []


# ------------------------------------------------------------------------------------ cancellation


@ALL
async def test_a_cancelled_handler_says_1012_and_the_cancellation_goes_on(serve: Serve) -> None:
    server = Server()
    with anyio.move_on_after(3) as scope:
        await serve(receive_for_ever)(*server.asgi)
    assert scope.cancelled_caught
    assert seen(server.sent) == (1012, "")


async def wait_for_ever(_: WebSocket) -> None:
    await sleep_forever()


@BOTH
@pytest.mark.parametrize(("offers_denial", "status"), [(True, 503), (False, 403)])
async def test_before_accept_a_cancelled_handler_says_503(
    serve: Serve, offers_denial: bool, status: int
) -> None:
    server = Server(denial=offers_denial)
    with anyio.move_on_after(3) as scope:
        await serve(wait_for_ever)(*server.asgi)
    assert scope.cancelled_caught
    assert seen(server.sent) == status


@BOTH
async def test_a_handler_cancelled_while_it_accepts_says_1012(serve: Serve) -> None:
    server = Server()
    server.stuck.add("websocket.accept")
    with anyio.move_on_after(3):
        await serve(receive_for_ever)(*server.asgi)
    assert server.tried[-1] == {"type": "websocket.close", "code": 1012, "reason": ""}


@ALL
async def test_a_cancelled_handlers_close_takes_one_second_at_most(serve: Serve) -> None:
    server = Server()
    server.stuck.add("websocket.close")
    with anyio.move_on_after(3):
        await serve(receive_for_ever)(*server.asgi)
    assert current_time() == pytest.approx(4, abs=0.5)


@BOTH
async def test_a_cancelled_handler_waits_one_second_for_the_handshake(serve: Serve) -> None:
    server = Server(connect=False)
    with anyio.move_on_after(3):
        await serve(wait_for_ever)(*server.asgi)
    assert server.tried == []
    assert current_time() == pytest.approx(4, abs=0.5)


# --------------------------------------------------------------------------------- what is bounded


@ALL
async def test_a_close_that_blocks_takes_five_seconds_at_most(serve: Serve) -> None:
    async def handler(ws: WebSocket) -> None:
        if not ws.open:
            await ws.accept()

    server = Server()
    server.stuck.add("websocket.close")
    start = current_time()
    await serve(handler)(*server.asgi)
    assert current_time() - start == pytest.approx(5)


@BOTH
async def test_a_rejection_that_blocks_takes_five_seconds_at_most(serve: Serve) -> None:
    async def handler(_: WebSocket) -> None:
        raise WebSocketReject(404)

    server = Server()
    server.stuck.add("websocket.http.response.start")
    start = current_time()
    await serve(handler)(*server.asgi)
    assert current_time() - start == pytest.approx(5)


@BOTH
async def test_a_task_that_a_handler_left_behind_cannot_accept_any_more(serve: Serve) -> None:
    server = Server(connect=False)

    async def accept_late(ws: WebSocket) -> None:
        with pytest.raises(WebSocketHandshakeError, match="rejected"):
            await ws.accept()

    async with anyio.create_task_group() as tasks:

        async def handler(ws: WebSocket) -> None:
            tasks.start_soon(accept_late, ws)
            await calm_down()

        await serve(handler)(*server.asgi)
        server.push({"type": "websocket.connect"})
    assert seen(server.sent) == 403


# ------------------------------------------------------------------------------------------ bodies


@BOTH
async def test_a_rejections_body_and_headers_go_out(serve: Serve) -> None:
    async def handler(_: WebSocket) -> None:
        raise WebSocketReject(401, "who are you?", {"WWW-Authenticate": "Bearer"})

    refused = await refusal(serve(handler))
    assert (refused.status, refused.body) == (401, b"who are you?")
    assert refused.headers["www-authenticate"] == "Bearer"


@BOTH
async def test_a_403_with_a_body_goes_out_as_one(serve: Serve) -> None:
    async def handler(_: WebSocket) -> None:
        raise WebSocketReject(403, "members only")

    refused = await refusal(serve(handler))
    assert (refused.status, refused.body) == (403, b"members only")


@BOTH
async def test_an_http_exceptions_detail_is_the_body(serve: Serve) -> None:
    async def handler(_: WebSocket) -> None:
        raise HTTPException(401, "who are you?", {"WWW-Authenticate": "Bearer"})

    refused = await refusal(serve(handler))
    assert (refused.status, refused.body) == (401, b"who are you?")
    assert refused.headers["www-authenticate"] == "Bearer"


# -------------------------------------------------------------------------------------------- logs


@BOTH
@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.kept == NOT_WITH and case.before is None]
)
async def test_what_the_peer_did_wrong_is_one_line_at_info(
    serve: Serve, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")
    error = CASES[name].error

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        assert error is not None
        raise error()

    async with connect(serve(handler)):
        pass
    assert [(record.levelname, record.name) for record in caplog.records] == [
        ("INFO", "websocket_kit")
    ]
    assert "serve_" in caplog.messages[0]
    assert caplog.records[0].exc_info is None
    assert "\n" not in caplog.messages[0]


@BOTH
async def test_a_handler_that_never_answers_is_named_in_a_warning(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_: WebSocket) -> None:
        pass

    assert (await refusal(serve(handler))).status == 403
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{serve.__name__}.<locals>.route returned without accepting" in caplog.messages[0]


@BOTH
@pytest.mark.parametrize("answer", ["accept", "reject", "raise"])
async def test_a_handler_that_answers_is_not(
    serve: Serve, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(ws: WebSocket) -> None:
        if answer == "accept":
            await ws.accept()
        elif answer == "reject":
            await ws.reject()
        else:
            raise WebSocketReject(404)

    await serve(handler)(*Server().asgi)
    assert caplog.messages == []


@BOTH
async def test_an_error_is_left_to_the_server_to_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with connect(serve(handler)):
            pass
    assert caplog.messages == []


async def accept_and_close(ws: WebSocket) -> None:
    await ws.accept()
    await ws.close()


async def do_nothing(_: WebSocket) -> None: ...


@BOTH
@pytest.mark.parametrize("before", [do_nothing, WebSocket.accept, accept_and_close])
@pytest.mark.parametrize("goodbye", [WebSocketDisconnectError, goodbyes_of_others])
async def test_a_handler_that_another_connections_goodbye_stopped_is_warned_of(
    serve: Serve, before: Handler, goodbye: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(ws: WebSocket) -> None:
        await before(ws)
        raise goodbye()

    await serve(handler)(*Server().asgi)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "another connection's peer left" in caplog.messages[0]


@BOTH
async def test_nothing_the_peer_sent_breaks_a_log_line(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.expect("hi")

    async with connect(serve(handler)) as peer:
        await peer.send("forged\nlog line\x1b[2J")
        await peer.expect_close(1008)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].isprintable()


# ------------------------------------------------------------------------- what a line says


@BOTH
async def test_no_text_of_an_exception_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")
    errors = [
        WebSocketExpectError("s3cret", "s3cret"),
        WebSocketCastError(int, "s3cret", [{"type": "x", "loc": ("s3cret",), "msg": "s3cret"}]),
        WebSocketReject(401, "s3cret", {"WWW-Authenticate": "s3cret"}),
        HTTPException(401, "s3cret"),
        KeyError("s3cret"),
    ]
    for error in errors:

        async def handler(ws: WebSocket, error: Exception = error) -> None:
            await ws.accept()
            raise error

        server = Server(
            headers={"cookie": "s3cret", "authorization": "s3cret"}, query_string=b"token=s3cret"
        )
        with contextlib.suppress(KeyError):
            await serve(handler)(*server.asgi)
    said = [str(vars(record)) + record.getMessage() for record in caplog.records]
    assert len(said) == 12
    assert not any("s3cret" in each for each in said)


@BOTH
@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (
            WebSocketExpectError("a", "b"),
            "another message was expected (WebSocketExpectError)",
            1008,
        ),
        (
            WebSocketMessageTooBig(11, 10),
            (
                "the message has 11 bytes, the limit is 10 (max_message_bytes raises it)"
                " (WebSocketMessageTooBig)"
            ),
            1009,
        ),
        (
            WebSocketTimeoutError(5),
            "no message came within 5 s (WebSocketTimeoutError)",
            3008,
        ),
        (
            error_group(WebSocketTimeoutError(5), WebSocketDisconnectError()),
            "no message came within 5 s (WebSocketTimeoutError)",
            3008,
        ),
    ],
)
async def test_a_line_says_which_handler_ended_how(
    serve: Serve, error: Exception, line: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise error

    await serve(handler)(*Server().asgi)
    (record,) = caplog.records
    name = f"{serve.__name__}.<locals>.route"
    assert record.getMessage() == (
        f"failed '/' from '127.0.0.1': {name} ended its connection: {line}"
    )
    fields = vars(record)
    assert (fields["websocket_handler"], fields["websocket_code"]) == (name, code)


# ------------------------------------------------------------------------------------------ limits


def limited_router(handler: Handler, **options: Any) -> Any:
    app = WebSocketRouter()

    @app.websocket("/", **options)
    async def route(ws: WebSocket) -> None:
        await handler(ws)

    return app


def limited_endpoint(handler: Handler, **options: Any) -> Any:
    @endpoint(**options)
    async def route(ws: WebSocket) -> None:
        await handler(ws)

    return Starlette(routes=[StarletteRoute("/", route)])


LIMITED = pytest.mark.parametrize(
    "limited", [limited_router, limited_endpoint], ids=["router", "endpoint"]
)


async def stay(ws: WebSocket) -> None:
    async with ws:
        await ws.receive()


async def connect_many(app: Any, *clients: Any) -> list[Server]:
    """Let clients connect, one after the other, and leave when all have; their servers."""
    servers = [Server(client=client) for client in clients]
    async with anyio.create_task_group() as tasks:
        for server in servers:
            tasks.start_soon(app, *server.asgi)
            await calm_down()
        for server in servers:
            if seen(server.sent) is None:
                server.leave()
    return servers


@LIMITED
@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        ({}, [None, None, None]),
        ({"max_connections": 2}, [None, None, 503]),
        ({"max_connections_per_client": 1}, [None, 429, None]),
        ({"max_connections": 1, "max_connections_per_client": 1}, [None, 429, 503]),
    ],
)
async def test_a_connection_over_a_limit_never_reaches_the_handler(
    limited: Any, options: Any, statuses: list[int | None]
) -> None:
    called: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        called.append(ws)
        await stay(ws)

    app = limited(handler, **options)
    servers = await connect_many(app, ("a", 1), ("a", 2), ("b", 1))
    assert [seen(server.sent) for server in servers] == statuses
    assert len(called) == statuses.count(None)


@LIMITED
async def test_connections_that_have_ended_make_room(limited: Any) -> None:
    app = limited(stay, max_connections=1, max_connections_per_client=1)
    for _ in range(3):
        (server,) = await connect_many(app, ("a", 1))
        assert server.sent == [accept()]


@LIMITED
async def test_one_whose_handler_fails_makes_room_too(limited: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        raise ZeroDivisionError

    app = limited(handler, max_connections=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await app(*Server().asgi)


@LIMITED
async def test_a_handler_that_changes_its_scope_gives_back_the_place_it_took(limited: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        ws.scope["client"] = ("192.0.2.9", 1)

    app = limited(handler, max_connections_per_client=1)
    for _ in range(2):
        server = Server()
        await app(*server.asgi)
        assert seen(server.sent) == 403  # of a handler that doesn't accept; 429 is of the limit


@LIMITED
async def test_a_handshake_that_is_not_answered_yet_counts(limited: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        await anyio.sleep(5)
        await stay(ws)

    app = limited(handler, max_connections=1)
    assert [seen(server.sent) for server in await connect_many(app, None, None)] == [None, 503]


@LIMITED
async def test_a_foreign_page_is_refused_for_that_and_does_not_count(limited: Any) -> None:
    app = limited(stay, max_connections=1)
    headers = {"host": "example.com", "origin": "https://evil.example"}
    foreign = Server(headers=headers)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, *foreign.asgi)
        (server,) = await connect_many(app, None)
        assert server.sent == [accept()]
    assert seen(foreign.sent) == 403


@LIMITED
async def test_where_no_denial_is_offered_it_is_a_plain_close(limited: Any) -> None:
    server = Server(denial=False)
    await limited(stay, max_connections=0)(*server.asgi)
    assert seen(server.sent) == 403


@LIMITED
async def test_a_refusal_is_logged_with_its_setting(
    limited: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "websocket_kit")
    app = limited(stay, max_connections=0)
    await app(*Server().asgi)
    await app(*Server().asgi)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    for record in caplog.records:
        assert record.getMessage() == (
            "rejected '/' from '127.0.0.1' with HTTP 503:"
            " there are all the connections that max_connections=0 allows"
        )
        fields = vars(record)
        assert fields["websocket_setting"] == "max_connections"
        assert fields["websocket_status"] == 503


# ------------------------------------------------------------------------------------------ origin

HOSTILE: list[tuple[list[str], list[str]]] = [
    (["null"], ["example.com"]),
    (["NULL"], ["example.com"]),
    ([""], ["example.com"]),
    (["https://example.com.evil.org"], ["example.com"]),
    (["https://EXAMPLE.COM.EVIL.ORG"], ["example.com"]),
    (["https://example.com@evil.org"], ["example.com"]),
    (["https://evil.org@example.com"], ["example.com"]),
    (["https://example.com:444"], ["example.com"]),
    (["https://example.com:80"], ["example.com"]),
    (["https://example.com", "https://example.com"], ["example.com"]),
    (["https://example.com", "https://evil.org"], ["example.com"]),
    (["https://example.com, https://evil.org"], ["example.com"]),
    (["https://example.com"], []),
    (["https://example.com"], [""]),
    (["https://example.com"], ["example.com", "example.com"]),
    (["https://evil.org"], ["example.com", "evil.org"]),
    (["https://evil.org"], ["evil.org", "example.com"]),
    (["https://example.com"], ["example.com, evil.org"]),
]


@BOTH
@pytest.mark.parametrize(("origins", "hosts"), HOSTILE)
async def test_a_hostile_origin_or_host_never_reaches_the_handler(
    serve: Serve, origins: list[str], hosts: list[str]
) -> None:
    async def handler(ws: WebSocket) -> None:
        pytest.fail("it ran")

    server = Server()
    server.scope["headers"] = [
        *((b"host", host.encode()) for host in hosts),
        *((b"origin", origin.encode()) for origin in origins),
    ]
    await serve(handler)(*server.asgi)
    assert seen(server.sent) == 403


@pytest.mark.parametrize(("origins", "hosts"), HOSTILE)
async def test_nor_does_a_bare_websocket_accept_one(origins: list[str], hosts: list[str]) -> None:
    server = Server()
    server.scope["headers"] = [
        *((b"host", host.encode()) for host in hosts),
        *((b"origin", origin.encode()) for origin in origins),
    ]
    with pytest.raises(WebSocketDroppedError, match="allowed_origins"):
        await serve_async_with(stay)(*server.asgi)
    assert seen(server.sent) == 403


@BOTH
@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("HTTPS://EXAMPLE.COM", "example.com"),
        ("https://example.com:443", "example.com"),
        ("http://example.com", "Example.com:80"),
        ("https://example.com:8443", "example.com:8443"),
    ],
)
async def test_the_servers_own_page_is_known_in_any_case_and_with_its_default_port(
    serve: Serve, origin: str, host: str
) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    server = Server(headers={"host": host, "origin": origin})
    await serve(handler)(*server.asgi)
    assert seen(server.sent) == (1000, "")


@BOTH
@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_a_foreign_origin_never_reaches_the_handler(
    serve: Serve, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        called.append(ws)

    headers = {"host": "example.com", "origin": "https://evil.example"}
    refused = await refusal(serve(handler), headers=headers, server=server)
    assert called == []
    assert refused.status == 403
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "'https://evil.example'" in caplog.messages[0]
    assert "allowed_origins" in caplog.messages[0]


@BOTH
async def test_a_page_of_the_servers_own_reaches_the_handler(serve: Serve) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    headers = {"host": "example.com", "origin": "https://example.com"}
    async with connect(serve(handler), headers=headers) as peer:
        await peer.expect_close(1000)


async def test_a_handler_that_is_sent_home_is_waited_for_until_its_peer_knows() -> None:
    rooms = WebSocketRouter()

    @rooms.websocket("/")
    async def receive_for_ever(ws: WebSocket) -> None:
        async with ws:
            async for _ in ws:
                pass

    async with connect(rooms) as peer, anyio.create_task_group() as tasks:
        tasks.start_soon(rooms.close_all)
        await peer.expect_close(1012)
    assert rooms.connections == frozenset()


async def test_a_group_of_the_end_and_the_cancellation_that_follows_is_absorbed() -> None:
    async def clean_up_slowly() -> None:
        try:
            await sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await sleep(1)

    app = WebSocketRouter()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        async with ws, anyio.create_task_group() as tasks:
            tasks.start_soon(clean_up_slowly)
            await sleep(0.1)
            await ws.send("tick")

    server = Server()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, *server.asgi)
        await calm_down()
        await app.close_all(grace=0.5)
    assert server.sent == [accept(), close(1012)]


async def test_a_handler_that_cannot_be_called_is_not_and_its_peer_is_refused() -> None:
    called: list[int] = []

    async def handler(_: WebSocket, room: int) -> None:
        called.append(room)

    server = Server(query_string=b"room=lobby")
    await WebSocketRouter(routes=[websocket("/")(handler)])(*server.asgi)
    assert (called, server.sent[0]["status"]) == ([], 400)
