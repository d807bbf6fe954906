"""``python -m websocket_kit``, the command."""

from __future__ import annotations

import runpy
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest
from starlette.types import ASGIApp

from websocket_kit import server
from websocket_kit._demo.chat import app

WAIT = 5.0


def test_the_command_says_where_the_chat_is_and_serves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "websocket_kit", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        patience = threading.Timer(WAIT, process.kill)
        patience.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == f"Serving on http://127.0.0.1:{port} (Ctrl+C stops it)\n"
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://127.0.0.1:{port}/", timeout=WAIT) as response:
                assert response.headers.get_content_type() == "text/html"
        finally:
            process.terminate()
            process.wait(WAIT)
            patience.cancel()


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ([], ("127.0.0.1", 8000)),
        (["--host", "0.0.0.0", "--port", "9000"], ("0.0.0.0", 9000)),  # noqa: S104
    ],
)
def test_the_command_serves_on_port_8000_of_this_machine_unless_told_otherwise(
    arguments: list[str], address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[object, tuple[str, int]]] = []

    def run(app: ASGIApp, *, host: str, port: int, **_options: object) -> None:
        served.append((app, (host, port)))

    monkeypatch.setattr(server, "run", run)
    monkeypatch.setattr(sys, "argv", ["websocket_kit", *arguments])
    runpy.run_module("websocket_kit", run_name="__main__")
    assert served == [(app, address)]


def test_importing_the_command_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(server, "run")
    runpy.run_module("websocket_kit.__main__", run_name="imported")
