"""``run()``: what it says, what it needs, and how it ends. uvicorn only pretends to listen."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvicorn

from websocket_kit import WebSocketRouter
from websocket_kit.server import run

if TYPE_CHECKING:
    from collections.abc import Callable

app = WebSocketRouter()


class Socket:
    """A listening socket."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        self.address = address

    def getsockname(self) -> tuple[str, int] | str:
        return self.address


class Listener:
    """One of the servers that uvicorn starts."""

    def __init__(self, *sockets: Socket) -> None:
        self.sockets = sockets


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[uvicorn.Config]:
    """The configurations of the servers that ran; each listens where it was told."""
    ran: list[uvicorn.Config] = []

    async def startup(server: uvicorn.Server, sockets: Any = None) -> None:
        config = server.config
        where = config.uds or (config.host, config.port or 50000)
        server.started = True
        cast("Any", server).servers = [Listener(Socket(where))]

    def serve(server: uvicorn.Server, sockets: Any = None) -> None:
        ran.append(server.config)
        asyncio.run(server.startup(sockets))

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    return ran


# ------------------------------------------------------------------------------- what it serves


def test_it_serves_the_app_on_this_machine_at_port_8000(configs: list[uvicorn.Config]) -> None:
    run(app)
    (config,) = configs
    assert (config.app, config.host, config.port) == (app, "127.0.0.1", 8000)


def test_uvicorns_options_go_to_uvicorn(configs: list[uvicorn.Config]) -> None:
    run(app, host="::1", port=9000, log_level="warning", root_path="/ws")
    (config,) = configs
    assert (config.host, config.port) == ("::1", 9000)
    assert (config.log_level, config.root_path) == ("warning", "/ws")


def test_an_option_that_uvicorn_does_not_have_is_named(configs: list[uvicorn.Config]) -> None:
    with pytest.raises(TypeError) as caught:
        run(app, prot=9000)
    assert str(caught.value) == "run() has no option 'prot', nor has uvicorn.Config"
    assert configs == []


def test_open_connections_hold_a_shutdown_up_for_five_seconds(
    configs: list[uvicorn.Config],
) -> None:
    run(app)
    run(app, timeout_graceful_shutdown=30)
    assert [config.timeout_graceful_shutdown for config in configs] == [5, 30]


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("127.0.0.1", 8000, "Serving on http://127.0.0.1:8000 (Ctrl+C stops it)\n"),
        ("127.0.0.1", 0, "Serving on http://127.0.0.1:50000 (Ctrl+C stops it)\n"),
        ("::1", 8000, "Serving on http://[::1]:8000 (Ctrl+C stops it)\n"),
    ],
)
@pytest.mark.usefixtures("configs")
def test_it_says_where_it_serves(
    host: str, port: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(app, host=host, port=port)
    assert capsys.readouterr().out == line


@pytest.mark.usefixtures("configs")
def test_it_says_so_of_a_socket_that_has_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    run(app, uds="/run/app.sock")
    assert "/run/app.sock" in capsys.readouterr().out


# ------------------------------------------------------------------------------- what it needs


def test_without_uvicorn_it_stops_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit, match=r"pip install 'websocket-kit\[server\]'"):
        run(app)


def test_without_a_websocket_implementation_it_stops_with_the_line_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    monkeypatch.setitem(sys.modules, "wsproto", None)
    with pytest.raises(SystemExit, match="pip install websockets"):
        run(app)


@pytest.mark.parametrize("missing", ["websockets", "wsproto"])
def test_either_implementation_will_do(
    missing: str, configs: list[uvicorn.Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    run(app)
    assert len(configs) == 1


def test_an_implementation_of_ones_own_needs_neither(
    configs: list[uvicorn.Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    monkeypatch.setitem(sys.modules, "wsproto", None)
    run(app, ws=asyncio.Protocol)
    assert len(configs) == 1


@pytest.mark.parametrize("options", [{"reload": True}, {"workers": 2}])
def test_what_needs_the_apps_import_path_is_refused(
    options: dict[str, Any], configs: list[uvicorn.Config]
) -> None:
    with pytest.raises(ValueError, match="uvicorn module:app"):
        run(app, **options)
    assert configs == []


@pytest.mark.parametrize("options", [{"reload": False}, {"workers": 1}, {"workers": None}])
def test_one_worker_is_what_there_is(
    options: dict[str, Any], configs: list[uvicorn.Config]
) -> None:
    run(app, **options)
    assert len(configs) == 1


# ------------------------------------------------------------------------------- how it ends


class Stopping:
    """A server that stops: what is done to it, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[Any] = []
        self.server: uvicorn.Server | None = None

        async def shutdown(server: uvicorn.Server, sockets: Any = None) -> None:
            self.steps.append("uvicorn stops")

        def serve(server: uvicorn.Server, sockets: Any = None) -> None:
            server.started = True
            cast("Any", server).servers = [self]
            self.server = server
            asyncio.run(server.shutdown())

        monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
        monkeypatch.setattr(uvicorn.Server, "run", serve)

    def close(self) -> None:
        self.steps.append("nobody new")

    async def drain(self, *, grace: float) -> None:
        self.steps.append(grace)
        await asyncio.sleep(0)
        self.steps.append("drained")

    async def drain_at_length(self, *, grace: float) -> None:
        self.steps.append(grace)
        await asyncio.sleep(60)
        pytest.fail("nothing stopped it")

    async def drain_for_ever(self, *, grace: float) -> None:
        self.steps.append(grace)
        assert self.server is not None
        self.server.force_exit = True
        await asyncio.sleep(grace)
        pytest.fail("nothing stopped it")


@pytest.mark.parametrize(
    ("options", "grace"),
    [
        ({}, 4),
        ({"timeout_graceful_shutdown": 20}, 16),
        ({"timeout_graceful_shutdown": None}, 4),
        ({"timeout_graceful_shutdown": 0}, 0),
    ],
)
def test_it_drains_before_uvicorn_stops_in_less_time_than_there_is(
    options: dict[str, Any], grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = Stopping(monkeypatch)
    run(app, drain=stopping.drain, **options)
    assert stopping.steps == ["nobody new", grace, "drained", "uvicorn stops"]


def test_uvicorns_own_wait_has_what_the_drain_leaves_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping = Stopping(monkeypatch)
    run(app, drain=stopping.drain)
    assert stopping.server is not None
    assert stopping.server.config.timeout_graceful_shutdown == 5


def test_a_drain_takes_no_longer_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = Stopping(monkeypatch)
    run(app, drain=stopping.drain_at_length, timeout_graceful_shutdown=1)
    assert stopping.server is not None
    assert stopping.steps == ["nobody new", 0.8, "uvicorn stops"]
    assert stopping.server.config.timeout_graceful_shutdown == 0


def test_a_second_interrupt_cuts_the_drain_short(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = Stopping(monkeypatch)
    run(app, drain=stopping.drain_for_ever)
    assert stopping.steps == ["nobody new", 4, "uvicorn stops"]


def test_without_a_drain_uvicorn_just_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = Stopping(monkeypatch)
    run(app)
    assert stopping.steps == ["uvicorn stops"]


def ending(error: BaseException | None, *, started: bool) -> Callable[..., None]:
    def serve(server: uvicorn.Server, sockets: Any = None) -> None:
        server.started = started
        if error is not None:
            raise error

    return serve


@pytest.mark.parametrize("started", [True, False])
def test_an_interrupt_is_an_ordinary_end(started: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", ending(KeyboardInterrupt(), started=started))
    run(app)


@pytest.mark.parametrize("error", [None, SystemExit(3)])
def test_a_server_that_could_not_start_is_an_error(
    error: SystemExit | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", ending(error, started=False))
    with pytest.raises(SystemExit) as stopped:
        run(app)
    assert stopped.value.code == (
        "could not serve on 127.0.0.1:8000; uvicorn's log says why (if the port is taken, choose"
        " another: port=, or --port on the command line)"
    )


def test_an_exit_from_a_server_that_serves_goes_on_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", ending(SystemExit(7), started=True))
    with pytest.raises(SystemExit) as stopped:
        run(app)
    assert stopped.value.code == 7


def test_a_server_that_starts_nothing_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def startup(server: uvicorn.Server, sockets: Any = None) -> None:
        server.should_exit = True

    def serve(server: uvicorn.Server, sockets: Any = None) -> None:
        asyncio.run(server.startup(sockets))

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    with pytest.raises(SystemExit, match="could not serve"):
        run(app)
    assert capsys.readouterr().out == ""
