"""The chat of ``python -m websocket_kit``: its pages, its protocol, and who it lets go."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from starlette.types import ASGIApp
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from websocket_kit import testing
from websocket_kit._demo.chat import (
    Joined,
    Left,
    Said,
    Say,
    ServerMessage,
    Welcome,
    app,
    rooms,
    router,
)
from websocket_kit.testing import Peer

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "chat" / "app.py"
WAIT = 5.0

Serve = Callable[[ASGIApp], AbstractContextManager[int]]


@pytest.fixture(scope="module")
def port(on_uvicorn: Serve) -> Iterator[int]:
    """Where the chat is served."""
    with on_uvicorn(app) as port:
        yield port


class Page(NamedTuple):
    """What a GET gives."""

    content_type: str
    policy: str | None
    text: str


def get(port: int, path: str) -> Page:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=WAIT) as response:
        headers = response.headers
        return Page(
            headers.get_content_type(),
            headers["content-security-policy"],
            response.read().decode(),
        )


def enter(port: int, path: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}{path}", open_timeout=WAIT, close_timeout=WAIT, proxy=None
    )


def hear(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=WAIT))


def tell(client: ClientConnection, **message: str) -> None:
    client.send(json.dumps(message))


def refusal(port: int, path: str) -> int:
    """The HTTP status that refuses a handshake."""
    with pytest.raises(InvalidStatus) as refused:
        enter(port, path)
    return refused.value.response.status_code


def close_code_after(port: int, message: str) -> int | None:
    """The code that ends the connection of somebody who sends this."""
    with enter(port, "/rooms/refused") as client:
        hear(client)
        client.send(message)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=WAIT)
    return client.close_code


# ------------------------------------------------------------------------------- the pages


@pytest.mark.parametrize("path", ["/", "/rooms/lobby"])
def test_every_address_gives_the_page(port: int, path: str) -> None:
    page = get(port, path)
    assert page.content_type == "text/html"
    assert page.text.startswith("<!doctype html>")
    assert '<base href="/">' in page.text


def test_the_page_may_load_nothing_from_elsewhere(port: int) -> None:
    policy = get(port, "/").policy
    assert policy is not None
    assert policy.startswith("default-src 'self'; connect-src 'self' ws: wss:;")


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("chat.css", "text/css"),
        ("chat.js", "text/javascript"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
def test_what_the_page_needs_is_served_beside_it(port: int, file: str, content_type: str) -> None:
    assert f"static/{file}" in get(port, "/").text
    assert get(port, f"/static/{file}").content_type == content_type


def test_the_page_names_no_other_site(port: int) -> None:
    texts = [get(port, f"/{path}").text for path in ("", "static/chat.css", "static/chat.js")]
    assert re.findall(r"https?://\w+", "".join(texts)) == []


def test_the_page_starts_from_where_it_is_mounted(
    on_uvicorn: Serve, load_file: Callable[[Path], ModuleType]
) -> None:
    with on_uvicorn(load_file(EXAMPLE).app) as port:
        assert '<base href="/chat/">' in get(port, "/chat/rooms/lobby").text
        assert get(port, "/chat/static/chat.css").content_type == "text/css"
        with enter(port, "/chat/rooms/lobby?name=Ada") as ada:
            assert hear(ada)["you"] == "Ada"
            assert get(port, "/").text == '{"lobby":1}'


# ------------------------------------------------------------------------------- the protocol


def test_whoever_enters_learns_its_name_and_who_is_there(port: int) -> None:
    with enter(port, "/rooms/welcome?name=Ada") as ada:
        hear(ada)
        with enter(port, "/rooms/welcome?name=Grace") as grace:
            assert hear(grace) == {"type": "welcome", "you": "Grace", "here": ["Ada", "Grace"]}


def test_the_others_learn_who_joins_and_who_leaves(port: int) -> None:
    with enter(port, "/rooms/notices?name=Ada") as ada:
        hear(ada)
        with enter(port, "/rooms/notices?name=Grace"):
            assert hear(ada) == {"type": "joined", "name": "Grace"}
        assert hear(ada) == {"type": "left", "name": "Grace"}


def test_everyone_in_the_room_hears_what_is_said(port: int) -> None:
    with (
        enter(port, "/rooms/talk?name=Ada") as ada,
        enter(port, "/rooms/talk?name=Grace") as grace,
    ):
        assert [hear(ada)["type"], hear(ada)["type"]] == ["welcome", "joined"]
        assert hear(grace)["type"] == "welcome"
        tell(ada, type="say", text="hello")
        said = {"type": "said", "name": "Ada", "text": "hello"}
        assert hear(ada) == said
        assert hear(grace) == said


def test_another_room_hears_nothing_of_it(port: int) -> None:
    with enter(port, "/rooms/here?name=Ada") as ada, enter(port, "/rooms/there") as other:
        assert [hear(ada)["type"], hear(other)["type"]] == ["welcome", "welcome"]
        tell(ada, type="say", text="hello")
        hear(ada)
        tell(other, type="say", text="anybody?")
        assert hear(other) == {"type": "said", "name": "guest", "text": "anybody?"}


def test_the_others_learn_who_is_typing_and_who_types_does_not(port: int) -> None:
    with (
        enter(port, "/rooms/typing?name=Ada") as ada,
        enter(port, "/rooms/typing?name=Grace") as grace,
    ):
        assert [hear(ada)["type"], hear(ada)["type"]] == ["welcome", "joined"]
        assert hear(grace)["type"] == "welcome"
        tell(ada, type="typing")
        assert hear(grace) == {"type": "typing", "name": "Ada"}
        tell(grace, type="say", text="go on")
        assert hear(ada) == {"type": "said", "name": "Grace", "text": "go on"}


def test_a_name_that_is_taken_gets_a_number(port: int) -> None:
    path = "/rooms/names?name=Ada"
    with enter(port, path) as first, enter(port, path) as second, enter(port, path) as third:
        names = [hear(client)["you"] for client in (first, second, third)]
    assert names == ["Ada", "Ada 2", "Ada 3"]


def test_whoever_gives_no_name_is_a_guest(port: int) -> None:
    with enter(port, "/rooms/unnamed") as client:
        assert hear(client)["you"] == "guest"


def test_the_spaces_around_a_name_are_dropped(port: int) -> None:
    with enter(port, "/rooms/spaces?name=%20Ada%20") as client:
        assert hear(client)["you"] == "Ada"


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/not%20a%20room",
        f"/rooms/{'x' * 33}",
        "/rooms/lobby?name=",
        "/rooms/lobby?name=%20",
        f"/rooms/lobby?name={'x' * 33}",
    ],
)
def test_a_bad_room_or_name_is_refused_with_400(port: int, path: str) -> None:
    assert refusal(port, path) == 400


@pytest.mark.parametrize(
    "message",
    [
        pytest.param('{"type": "say", "text": "%s"}' % ("x" * 2001), id="too long"),
        pytest.param('{"type": "say", "text": ""}', id="empty"),
        pytest.param('{"type": "shout", "text": "hello"}', id="unknown type"),
        pytest.param("hello", id="no JSON"),
    ],
)
def test_a_message_outside_the_protocol_closes_with_1007(port: int, message: str) -> None:
    assert close_code_after(port, message) == 1007


def test_the_longest_text_allowed_is_said(port: int) -> None:
    with enter(port, "/rooms/long") as client:
        hear(client)
        tell(client, type="say", text="x" * 2000)
        assert hear(client)["text"] == "x" * 2000


# --------------------------------------------------------------- who holds up whom, in memory


def join(name: str, *, buffer: int = 16) -> AbstractAsyncContextManager[Peer]:
    """Somebody in the room "memory"."""
    return testing.connect(router, f"/rooms/memory?name={name}", buffer=buffer)


async def hear_all(peer: Peer, texts: list[str]) -> list[ServerMessage]:
    """What a member hears until it has heard the last of these; it hears each of them, in order."""
    heard: list[ServerMessage] = []
    while heard[-1:] != [Said(name="Ada", text=texts[-1])]:
        heard.append(await peer.receive(ServerMessage))
    assert [message.text for message in heard if isinstance(message, Said)] == texts
    return heard


@pytest.mark.anyio
async def test_a_slow_member_is_let_go_and_holds_up_nobody() -> None:
    texts = [str(number) for number in range(100)]
    async with join("Ada") as ada, join("Slow", buffer=0) as slow:
        await slow.expect(Welcome(you="Slow", here=["Ada", "Slow"]))
        slow.stall()
        for text in texts:
            await ada.send(Say(text=text))
        assert Left(name="Slow") in await hear_all(ada, texts)
        await slow.expect_close(1013, "you read too slowly")


@pytest.mark.anyio
async def test_a_burst_costs_nobody_who_reads_the_connection() -> None:
    texts = [str(number) for number in range(500)]
    async with join("Grace") as grace, join("Ada") as ada:
        for text in texts:
            await ada.send(Say(text=text))
        await hear_all(grace, texts)
        await hear_all(ada, texts)
        await ada.close()
        await grace.expect(Left(name="Ada"))


@pytest.mark.anyio
async def test_a_room_is_gone_when_its_last_member_has_left() -> None:
    async with join("Ada") as ada, join("Grace") as grace:
        await grace.expect(Welcome(you="Grace", here=["Ada", "Grace"]))
        await ada.expect(Welcome(you="Ada", here=["Ada"]))
        await ada.expect(Joined(name="Grace"))
        await ada.close()
        await grace.expect(Left(name="Ada"))
        assert set(rooms["memory"]) == {"Grace"}
    assert "memory" not in rooms
