"""The README's example runs unedited, on a real server with a real client."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from websocket_kit import WebSocketRouter
from websocket_kit.testing import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from starlette.types import ASGIApp

README = Path(__file__).parents[1] / "README.md"
WAIT = 5.0


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    """The example, saved under the name that the README gives it."""
    text = README.read_text("utf-8")
    found = re.search(r"Save it as `([\w.]+)`:\n\n```python\n(.*?)```\n", text, re.DOTALL)
    assert found is not None
    file = tmp_path / found[1]
    file.write_text(found[2], encoding="utf-8")
    return file


@pytest.fixture
def port(
    quiz: Path,
    load_file: Callable[[Path], ModuleType],
    on_uvicorn: Callable[[ASGIApp], AbstractContextManager[int]],
) -> Iterator[int]:
    """Where the example is served."""
    with on_uvicorn(load_file(quiz).app) as port:
        yield port


@pytest.fixture
def code(tmp_path: Path) -> dict[str, Any]:
    """All Python of the README, run from the top."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    file = tmp_path / "readme.py"
    file.write_text("\n".join(blocks), encoding="utf-8")
    return runpy.run_path(str(file), run_name="readme")


def open_path(port: int, path: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}{path}", open_timeout=WAIT, close_timeout=WAIT, proxy=None
    )


def receive(client: ClientConnection) -> str:
    message = client.recv(timeout=WAIT)
    assert isinstance(message, str)
    return message


def test_the_readme_has_under_150_lines() -> None:
    assert len(README.read_text("utf-8").splitlines()) < 150


def test_every_file_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_the_readmes_example_serves_its_app_when_it_is_run(
    quiz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[WebSocketRouter] = []

    def run(app: WebSocketRouter) -> None:
        served.append(app)

    monkeypatch.setattr(WebSocketRouter, "run", run)
    namespace = runpy.run_path(str(quiz), run_name="__main__")
    assert served == [namespace["app"]]


def test_the_readmes_example_asks_sums_and_counts_the_right_ones(port: int) -> None:
    with open_path(port, "/quiz/2?rounds=2") as client:
        first, _, second = receive(client).partition(" + ")
        client.send(str(int(first) + int(second)))
        receive(client)
        client.send("0")
        assert json.loads(receive(client)) == {"right": 1, "of": 2}
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=WAIT)
    assert client.close_code == 1000


def test_the_readmes_example_ends_with_1007_at_a_message_that_is_no_number(port: int) -> None:
    with open_path(port, "/quiz/2") as client:
        receive(client)
        client.send("many")
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=WAIT)
    assert client.close_code == 1007


def test_the_readmes_example_refuses_a_bad_input_with_400(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_path(port, "/quiz/2?rounds=few")
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_the_readmes_test_passes(code: dict[str, Any], name: Literal["asyncio", "trio"]) -> None:
    run(code["test_an_order"], backend=name)
