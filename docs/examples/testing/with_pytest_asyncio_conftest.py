"""The conftest.py that gives tests under pytest-asyncio virtual time."""

from asyncio import AbstractEventLoop
from collections.abc import Callable

from websocket_kit.testing import backend


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """The event loops that each test runs on, by name: here one, with virtual time."""
    _, options = backend("asyncio")
    return {"virtual": options["loop_factory"]}
