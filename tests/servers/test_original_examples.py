"""Every example of the original documentation runs on a real server, against a real client."""

from __future__ import annotations

import functools
import os
import queue
import re
import runpy
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from websocket_kit import WebSocketRouter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from starlette.types import ASGIApp

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "original"
WAIT = 5.0


class Open(Protocol):
    """Connect a client to a path of a served example."""

    def __call__(self, path: str = "/") -> ClientConnection:
        """Wait until it is open; it is closed when the test ends."""
        ...


@pytest.fixture(scope="module")
def port_of(
    on_uvicorn: Callable[[ASGIApp], AbstractContextManager[int]],
    load_file: Callable[[Path], ModuleType],
) -> Iterator[Callable[[str], int]]:
    """Serve an example by its name, from the first test that needs it on."""
    with ExitStack() as servers:

        @functools.cache
        def serve_example(name: str) -> int:
            return servers.enter_context(on_uvicorn(load_file(EXAMPLES / f"{name}.py").app))

        yield serve_example


@pytest.fixture
def serve(port_of: Callable[[str], int]) -> Iterator[Callable[[str], Open]]:
    """Serve an example by its name, and give what connects to it."""
    with ExitStack() as clients:

        def serve_example(name: str) -> Open:
            port = port_of(name)

            def open_path(path: str = "/") -> ClientConnection:
                return clients.enter_context(connect_to(port, path))

            return open_path

        yield serve_example


def connect_to(port: int, path: str = "/") -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}{path}", open_timeout=WAIT, close_timeout=WAIT, proxy=None
    )


def goodbye(client: ClientConnection) -> tuple[int | None, str | None]:
    """Wait for the server's close; its code and reason."""
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=WAIT)
    return client.close_code, client.close_reason


class Program:
    """A Python program in a process of its own, and what it prints."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        """Start it beside the examples, with our package in reach."""
        self._process = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            cwd=EXAMPLES,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Nothing more: it is running."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it if it has not ended."""
        self._process.kill()
        self._process.wait(timeout=WAIT)
        self._reader.join(timeout=WAIT)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def type_line(self, line: str) -> None:
        """Type a line into its terminal."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def line_with(self, text: str) -> str:
        """Wait for a line that it prints."""
        seen: list[str] = []
        while (line := self._lines.get(timeout=WAIT)) is not None:
            if text in line:
                return line
            seen.append(line)
        pytest.fail(f"ended without printing {text!r}: {seen}")

    def stop(self) -> int:
        """End its input, press Ctrl+C, and wait for its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=WAIT)


def port_in(line: str) -> int:
    return int(line.rpartition(":")[2].split("/")[0].split(" ")[0])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_serves_its_app_when_it_is_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[WebSocketRouter] = []

    def run(app: WebSocketRouter, **_: object) -> None:
        served.append(app)

    monkeypatch.setattr(WebSocketRouter, "run", run)
    namespace = runpy.run_path(str(path), run_name="__main__")
    assert served == [namespace["app"]]


def test_a_handler_accepts_and_closes_by_hand(serve: Callable[[str], Open]) -> None:
    client = serve("accept_and_close")()
    assert client.recv(timeout=WAIT) == "hello"
    assert goodbye(client) == (4000, "see you")


def test_async_with_accepts_and_closes_with_1000(serve: Callable[[str], Open]) -> None:
    client = serve("context_manager")()
    assert client.recv(timeout=WAIT) == "hello"
    assert goodbye(client) == (1000, "")


def test_a_chat_goes_both_ways_at_once() -> None:
    program = "import two_way_chat; two_way_chat.app.run(port=0)"
    with Program("-c", program) as server:
        with connect_to(port_in(server.line_with("ws://127.0.0.1:"))) as client:
            server.type_line("typed here")
            assert client.recv(timeout=WAIT) == "typed here"
            client.send("typed there")
            assert server.line_with("typed there") == "typed there"
            server.type_line("again here")
            assert client.recv(timeout=WAIT) == "again here"
        assert server.stop() == 0


def test_a_message_is_received_as_the_type_asked_for(serve: Callable[[str], Open]) -> None:
    client = serve("receive_types")()
    for message in ("Ada", "36", "true", b"\x89PNG", '{"city": "London"}'):
        client.send(message)
    assert client.recv(timeout=WAIT) == (
        '{"name":"Ada","age next year":37,"member":true,"bytes in the photo":4,'
        '"address":{"city":"London"}}'
    )
    assert goodbye(client) == (1000, "")


def test_a_message_of_another_type_ends_the_connection_with_1007(
    serve: Callable[[str], Open],
) -> None:
    client = serve("receive_types")()
    client.send("Ada")
    client.send("many")
    assert goodbye(client)[0] == 1007


def test_pair_sends_a_question_and_receives_its_answer(serve: Callable[[str], Open]) -> None:
    client = serve("pair")()
    assert client.recv(timeout=WAIT) == "How old are you?"
    client.send("36")
    assert client.recv(timeout=WAIT) == "37"


def test_pair_with_recv_first_answers_what_came(serve: Callable[[str], Open]) -> None:
    client = serve("pair_recv_first")()
    with pytest.raises(TimeoutError):
        client.recv(timeout=0)
    client.send("Ada")
    assert client.recv(timeout=WAIT) == "got it"
    assert client.recv(timeout=WAIT) == "hello, Ada"


def test_expect_goes_on_after_the_message_it_wants(serve: Callable[[str], Open]) -> None:
    client = serve("expect")()
    client.send("MYPROTOCOL V1.1")
    assert client.recv(timeout=WAIT) == "ACK"
    assert goodbye(client) == (1000, "")


def test_expect_ends_the_connection_with_1008_at_another_message(
    serve: Callable[[str], Open],
) -> None:
    client = serve("expect")()
    client.send("MYPROTOCOL V2.0")
    assert goodbye(client)[0] == 1008


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/search?term=tea", '{"term":"tea","limit":10,"since":"ever"}'),
        ("/search?term=tea&limit=3&since=1999", '{"term":"tea","limit":3,"since":1999}'),
        ("/search?term=tea&since=yesterday", '{"term":"tea","limit":10,"since":"yesterday"}'),
        ("/plain?term=tea&limit=3", '{"term":"tea","limit":3}'),
    ],
)
def test_inputs_come_from_the_query(serve: Callable[[str], Open], path: str, answer: str) -> None:
    assert serve("query_inputs")(path).recv(timeout=WAIT) == answer


@pytest.mark.parametrize("path", ["/search", "/search?term=tea&limit=many", "/plain?limit=3"])
def test_a_bad_query_input_refuses_the_handshake_with_400(
    serve: Callable[[str], Open], path: str
) -> None:
    open_path = serve("query_inputs")
    with pytest.raises(InvalidStatus) as refused:
        open_path(path)
    assert refused.value.response.status_code == 400


def test_inputs_come_from_the_path(serve: Callable[[str], Open]) -> None:
    client = serve("path_inputs")("/rooms/lobby/seats/3")
    assert client.recv(timeout=WAIT) == "you sit on seat 3 in lobby"


def test_a_path_that_does_not_convert_is_unknown(serve: Callable[[str], Open]) -> None:
    open_path = serve("path_inputs")
    with pytest.raises(InvalidStatus) as refused:
        open_path("/rooms/lobby/seats/front")
    assert refused.value.response.status_code == 404


def test_a_body_input_is_refused_with_the_fix_and_received_instead(
    serve: Callable[[str], Open], capsys: pytest.CaptureFixture[str]
) -> None:
    client = serve("body_refused")("/orders")
    assert "receive(tp=Order)" in capsys.readouterr().out
    client.send('{"item": "tea", "count": 2}')
    assert client.recv(timeout=WAIT) == "2 x tea"


def test_what_a_handler_returns_is_ignored(serve: Callable[[str], Open]) -> None:
    client = serve("return_ignored")()
    assert client.recv(timeout=WAIT) == "hello"
    assert goodbye(client) == (1000, "")


@pytest.mark.parametrize("example", ["standard_decorator", "direct_decorator"])
def test_both_decorators_have_the_same_api(serve: Callable[[str], Open], example: str) -> None:
    open_path = serve(example)
    assert open_path("/rooms/lobby?name=Ada").recv(timeout=WAIT) == "Ada joins lobby"
    assert open_path("/rooms/lobby").recv(timeout=WAIT) == "guest joins lobby"


def test_run_serves_where_it_says_with_the_options_it_is_given() -> None:
    with Program("run.py", PORT="0") as server:
        with connect_to(port_in(server.line_with("ws://127.0.0.1:"))) as client:
            client.send("hello")
            assert client.recv(timeout=WAIT) == "hello"
            client.send("x" * 65_537)
            assert goodbye(client)[0] == 1009
        assert server.stop() == 0


def test_ctrl_c_ends_a_run_and_the_connections_it_serves() -> None:
    with (
        Program("run.py", PORT="0") as server,
        connect_to(port_in(server.line_with("ws://127.0.0.1:"))) as client,
    ):
        assert server.stop() == 0
        assert goodbye(client)[0] == 1012


def test_run_says_once_where_it_serves_and_leaves_the_rest_of_the_log() -> None:
    ended = run_to_the_end(
        """
        import contextlib, signal
        from websocket_kit import WebSocketRouter

        @contextlib.asynccontextmanager
        async def lifespan(app):
            signal.raise_signal(signal.SIGINT)  # it stops as soon as it serves
            yield

        WebSocketRouter(lifespan=lifespan).run(port=0)
        """
    )
    assert ended.returncode == 0
    assert re.findall(r".*127\.0\.0\.1.*", ended.stdout + ended.stderr) == ended.stdout.splitlines()
    assert re.fullmatch(r"Serving on ws://127\.0\.0\.1:\d+ \(Ctrl\+C stops it\)\n", ended.stdout)
    assert "Application startup complete." in ended.stderr


def test_run_on_a_port_that_is_taken_says_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_to_the_end(
            f"from websocket_kit import WebSocketRouter; WebSocketRouter().run(port={port})"
        )
    assert ended.returncode == 1
    assert "address already in use" in ended.stderr  # uvicorn's own line
    assert f"could not serve on 127.0.0.1:{port}" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def run_without(*modules: str) -> subprocess.CompletedProcess[str]:
    """Run an app in a process that can't import these modules."""
    return run_to_the_end(
        f"import sys; sys.modules.update(dict.fromkeys({modules!r}))\n"
        "from websocket_kit import WebSocketRouter; WebSocketRouter().run(port=0)"
    )


def run_to_the_end(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


def test_run_without_uvicorn_stops_with_the_line_to_type() -> None:
    ended = run_without("uvicorn")
    assert ended.returncode == 1
    assert "pip install 'websocket-kit[server]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_without_a_websocket_implementation_stops_with_the_line_to_type() -> None:
    ended = run_without("websockets", "wsproto")
    assert ended.returncode == 1
    assert "pip install websockets" in ended.stderr
    assert "Traceback" not in ended.stderr
