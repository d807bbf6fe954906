"""The servers, each started by a line of one table, and what they and the app on them said.

The app (``app.py``) writes what its handlers see into a file, one JSON object a line, which is
there to be read when the server is not any more.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from tests.servers import wire

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
START_WAIT = 30.0
STOP_WAIT = 5.0
WAIT = 10.0

_UVICORN = (
    "uvicorn tests.servers.app:app --host 127.0.0.1 --port {port} --log-level warning"
    " --no-access-log --timeout-graceful-shutdown 3"
)
_HYPERCORN = "hypercorn tests.servers.app:app --bind 127.0.0.1:{port} --log-level warning"


class Kind(NamedTuple):
    """A server, or one way to set it up.

    Attributes:
        module: What follows ``python -m``, with a place for the port.
        packages: Whose versions count.
        keepalive: Its options for a ping every second, for the few cases about that; None where
            it never pings.
        root_path: Its option for the root path `/base`; None where it has none.
    """

    module: str
    packages: tuple[str, ...]
    keepalive: str | None = None
    root_path: str | None = None


KINDS: dict[str, Kind] = {
    "uvicorn": Kind(
        f"{_UVICORN} --ws websockets-sansio",
        ("uvicorn", "websockets"),
        "--ws-ping-interval 1 --ws-ping-timeout 1",
        "--root-path /base",
    ),
    "uvicorn-websockets": Kind(
        f"{_UVICORN} --ws websockets",
        ("uvicorn", "websockets"),
        "--ws-ping-interval 1 --ws-ping-timeout 1",
        "--root-path /base",
    ),
    "uvicorn-wsproto": Kind(
        f"{_UVICORN} --ws wsproto",
        ("uvicorn", "wsproto"),
        "--ws-ping-interval 1 --ws-ping-timeout 1",
        "--root-path /base",
    ),
    "hypercorn-asyncio": Kind(
        f"{_HYPERCORN} --worker-class asyncio",
        ("hypercorn", "wsproto"),
        "--websocket-ping-interval 1",
        "--root-path /base",
    ),
    "hypercorn-trio": Kind(
        f"{_HYPERCORN} --worker-class trio",
        ("hypercorn", "trio"),
        "--websocket-ping-interval 1",
        "--root-path /base",
    ),
    "daphne": Kind(
        "daphne tests.servers.app:app --bind 127.0.0.1 --port {port} --verbosity 0",
        ("daphne", "autobahn", "twisted"),
        "--ping-interval 1 --ping-timeout 1",
        "--root-path /base",
    ),
    "granian": Kind(
        "granian tests.servers.app:app --interface asgi --host 127.0.0.1 --port {port}"
        " --log-level warning --no-access-log",
        ("granian",),
    ),
    "gunicorn": Kind(
        "gunicorn tests.servers.app:app --worker-class asgi --bind 127.0.0.1:{port}"
        " --log-level warning --graceful-timeout 3 --no-control-socket",
        ("gunicorn",),
        None,
        "--root-path /base",
    ),
    "h2corn": Kind(
        "h2corn tests.servers.app:app --host 127.0.0.1 --port {port} --no-access-log"
        " --timeout-graceful-shutdown 3",
        ("h2corn",),
        "--websocket-ping-interval 1 --websocket-ping-timeout 1",
        "--root-path /base",
    ),
}


# What a router's own ``run()`` does.
RUN = Kind("tests.servers.app {port}", ("uvicorn", "websockets"))


def versions(kind: Kind) -> str:
    """What is installed of it, as ``"uvicorn 0.54.0"``."""
    return ", ".join(f"{package} {version(package)}" for package in kind.packages)


class Story:
    """What one handler told about one connection.

    Attributes:
        key: What it is told under.
    """

    def __init__(self, server: Server, key: str) -> None:
        """Follow a key in what a server's app tells."""
        self._server = server
        self.key = key

    def all(self, what: str) -> list[dict[str, Any]]:
        """Everything told so far under a word."""
        return [note for note in self._server.notes(self.key) if note["what"] == what]

    def wait(self, what: str, timeout: float = WAIT) -> dict[str, Any]:
        """What is told first under a word, once it is."""
        found = eventually(lambda: self.all(what), timeout)
        if not found:
            told = self._server.notes(self.key)
            msg = f"{self._server.name} tells no {what!r} in {timeout:g} s, but {told}"
            raise AssertionError(msg)
        return found[0]

    def ended(self, timeout: float = WAIT) -> str:
        """How the handler ended: the error with its code and reason, or ``"returned"``."""
        return str(self.wait("ended", timeout)["how"])


def eventually(look: Callable[[], T], timeout: float = WAIT) -> T:
    """What ``look`` finds once that is something, or at last; another process is at work."""
    deadline = time.monotonic() + timeout
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return found


class Server:
    """One running server.

    Attributes:
        name: Which line of the table it is.
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self, name: str, options: str = "", *, kind: Kind | None = None) -> None:
        """Start it, and wait until it answers; ``kind`` is for one that the table doesn't hold."""
        self.name = name
        self.port = _free_port()
        self._keys = map("{:04}".format, itertools.count())
        self._told: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._notes = tempfile.NamedTemporaryFile(prefix="notes-")  # noqa: SIM115 - stop() closes
        self._log: list[str] = []
        command = f"{(kind or KINDS[name]).module} {options}".format(port=self.port)
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command.split()],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "NOTES": self._notes.name,
                "TESTS_PID": str(os.getpid()),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        if not eventually(lambda: self.process.poll() is not None or self.answers(), START_WAIT):
            self.stop()
        if self.process.poll() is not None:
            self.stop()
            msg = f"{name} does not start:\n{''.join(self._log)}"
            raise RuntimeError(msg)

    def __enter__(self) -> Self:
        """Nothing more: it is running."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Kill whatever is left of it, its workers too."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=STOP_WAIT)
        self._listener.join(timeout=STOP_WAIT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._notes.close()

    # ------------------------------------------------------------------------------- to it

    def story(self) -> Story:
        """A new key for a handler to tell under."""
        return Story(self, next(self._keys))

    def request(self, path: str) -> tuple[int, str]:
        """An HTTP answer of its app: the status and the body."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with opener.open(url, timeout=WAIT) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return self.request("/ready")[0] == 200
        except OSError:
            return False

    def go_ahead(self, story: Story) -> None:
        """Let the handler go on, once it waits for that."""
        story.wait("waits")
        self.request(f"/go-ahead?key={story.key}")

    @contextmanager
    def ask(
        self,
        path: str,
        story: Story | None = None,
        *,
        receive_buffer: int | None = None,
        **how: Any,
    ) -> Generator[wire.Peer]:
        """Ask for a WebSocket and don't wait for the answer.

        Args:
            path: The path, with a query or without.
            story: What the handler tells; its key is added to the query.
            receive_buffer: See ``wire.Peer``.
            how: See ``wire.handshake``.
        """
        if story is not None:
            path += f"{'&' if '?' in path else '?'}key={story.key}"
        with wire.Peer(self.port, receive_buffer=receive_buffer) as peer:
            peer.send(wire.handshake(self.port, path, **how))
            yield peer

    @contextmanager
    def open(
        self,
        path: str,
        story: Story | None = None,
        *,
        receive_buffer: int | None = None,
        **how: Any,
    ) -> Generator[wire.Peer]:
        """Ask for a WebSocket as ``ask`` does, and wait for the answer."""
        with self.ask(path, story, receive_buffer=receive_buffer, **how) as peer:
            peer.answer()
            yield peer

    # ----------------------------------------------------------------------------- from it

    def notes(self, key: str) -> list[dict[str, Any]]:
        """What the app has told under a key."""
        with self._lock:
            while line := self._notes.readline():
                if not line.endswith(b"\n"):  # half of one that is being written
                    self._notes.seek(-len(line), os.SEEK_CUR)
                    break
                note: dict[str, Any] = json.loads(line)
                self._told.setdefault(note["key"], []).append(note)
            return list(self._told.get(key, ()))

    @property
    def log(self) -> list[str]:
        """The lines that it has printed."""
        return list(self._log)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self._log.extend(iter(self.process.stdout.readline, ""))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
