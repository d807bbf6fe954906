"""The kit under every plugin and unittest, in tests and fixtures: each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

# docs/examples/testing has the kit under each of them too, and is tested in a plain run.
pytestmark = pytest.mark.slow

HANDLERS = """
    import anyio
    from websocket_kit import WebSocket

    async def echo(ws: WebSocket):
        async with ws:
            async for message in ws:
                await ws.send(message)

    async def silent(ws: WebSocket):
        async with ws:
            await anyio.sleep_forever()

    async def crash(ws: WebSocket):
        async with ws:
            await ws.receive()
            raise ZeroDivisionError
"""

# What every plugin must make of the same tests; {mark} and {fixture} are how it wants them written.
TESTS = """
    import pytest
    from handlers import crash, echo, silent
    from websocket_kit import WebSocketRouter
    from websocket_kit.testing import WaitTimeout, connect, lifespan

    {setup}

    @{fixture}
    async def peer():
        async with connect(echo) as peer:
            yield peer

    @{fixture}
    async def state():
        async with lifespan(WebSocketRouter()) as state:
            yield state

    {mark}
    async def test_in_a_test():
        async with connect(echo) as ada, connect(echo) as bob:
            assert await ada.pair("hi") == "hi"
            assert await bob.pair("ho") == "ho"
            await ada.expect_nothing()

    {mark}
    async def test_in_a_fixture(peer, state):
        assert await peer.pair("hi") == "hi"
        assert state == {{}}

    {mark}
    async def test_a_timeout():
        with pytest.raises(WaitTimeout):
            async with connect(silent, timeout=0.05, strict=False) as peer:
                await peer.receive()

    {mark}
    async def test_a_crash():
        with pytest.raises(ZeroDivisionError):
            async with connect(crash) as peer:
                await peer.send("go")
                await peer.receive()

    {mark}
    async def test_fails_by_its_fixture(peer):
        await peer.send("unread")

    {mark}
    async def test_fails_on_its_own():
        async with connect(echo) as peer:
            assert await peer.pair("hi") == "ho"
"""
ANYIO = """
    from websocket_kit.testing import backend

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return backend(request.param)
"""


# pytest-asyncio warns where its option is missing, and others where they don't know it.
INI = """
[pytest]
filterwarnings =
    error
    ignore:Unknown config option. asyncio_default_fixture_loop_scope
asyncio_default_fixture_loop_scope = function
"""


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run_pytest(folder: Path, *plugins: str, tests: str, **parts: str) -> str:
    """Run tests in a fresh pytest; returns its report."""
    parts = {name: dedent(part).strip() for name, part in parts.items()}
    (folder / "handlers.py").write_text(dedent(HANDLERS), "utf-8")
    (folder / "test_it.py").write_text(dedent(tests).format(**parts), "utf-8")
    (folder / "pytest.ini").write_text(INI, "utf-8")
    loaded = [part for plugin in plugins for part in ("-p", plugin)]
    done = run_python(folder, "-m", "pytest", "-p", "no:cacheprovider", "-rf", *loaded)
    return done.stdout + done.stderr


PLUGINS = {
    "anyio": {
        "setup": ANYIO,
        "mark": "@pytest.mark.anyio",
        "fixture": "pytest.fixture",
    },
    "pytest_asyncio.plugin": {
        "setup": "import pytest_asyncio",
        "mark": "@pytest.mark.asyncio",
        "fixture": "pytest_asyncio.fixture",
    },
    "pytest_trio.plugin": {
        "setup": "import pytest_trio",
        "mark": "@pytest.mark.trio",
        "fixture": "pytest.fixture",
    },
}
# pytest-trio counts a fixture's failure as its test's, and groups whatever a test raises.
OUTCOMES = {
    "anyio": "2 failed, 10 passed, 2 errors in",
    "pytest_asyncio.plugin": "1 failed, 5 passed, 1 error in",
    "pytest_trio.plugin": "2 failed, 4 passed in",
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_runs_the_kit_in_tests_and_fixtures(tmp_path: Path, plugin: str) -> None:
    report = run_pytest(tmp_path, plugin, tests=TESTS, **PLUGINS[plugin])
    assert OUTCOMES[plugin] in report.splitlines()[-1], report
    assert "1 message of the handler's nobody read: 'unread'" in report
    assert "assert 'hi' == 'ho'" in report


def test_asyncio_itself_can_have_virtual_time(tmp_path: Path) -> None:
    tests = """
        import asyncio, time
        import pytest
        from handlers import silent
        from websocket_kit.testing import connect
        from websocket_kit.testing.virtual_time import VirtualTimeLoop

        def test_it():
            async def main():
                async with connect(silent, strict=False) as peer:
                    await peer.expect_nothing(within=60)
                return asyncio.get_running_loop().time()

            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                assert runner.run(main()) >= 60
    """
    assert "1 passed" in run_pytest(tmp_path, tests=tests)


def test_pytest_trio_has_virtual_time_by_its_own_clock(tmp_path: Path) -> None:
    tests = """
        import pytest, trio
        from handlers import silent
        from websocket_kit.testing import connect

        @pytest.mark.trio
        async def test_it(autojump_clock):
            async with connect(silent, strict=False) as peer:
                await peer.expect_nothing(within=60)
            assert trio.current_time() >= 60
    """
    report = run_pytest(tmp_path, "pytest_trio.plugin", tests=tests)
    assert "1 passed" in report, report


def test_a_fixture_may_outlive_a_test(tmp_path: Path) -> None:
    tests = """
        import pytest
        from handlers import echo
        from websocket_kit.testing import backend, connect

        @pytest.fixture(scope="module", params=["asyncio", "trio"])
        def anyio_backend(request):
            return backend(request.param)

        @pytest.fixture(scope="module")
        async def peer(anyio_backend):
            async with connect(echo) as peer:
                yield peer

        @pytest.mark.anyio
        @pytest.mark.parametrize("message", ["one", "two"])
        async def test_it(peer, message):
            assert await peer.pair(message) == message
    """
    report = run_pytest(tmp_path, "anyio", tests=tests)
    assert "4 passed" in report, report


def test_unittest_runs_the_kit(tmp_path: Path) -> None:
    (tmp_path / "handlers.py").write_text(dedent(HANDLERS), "utf-8")
    (tmp_path / "test_it.py").write_text(
        dedent("""
            import unittest
            from handlers import echo
            from websocket_kit.testing import connect, run

            async def talk():
                async with connect(echo) as peer:
                    await peer.send("hi")
                    await peer.expect("hi")
                    await peer.expect_nothing(within=60)

            class ByRun(unittest.TestCase):
                def test_on_asyncio(self):
                    run(talk)

                def test_on_trio(self):
                    run(talk, backend="trio")

            class ByItself(unittest.IsolatedAsyncioTestCase):
                async def asyncSetUp(self):
                    self.peer = await self.enterAsyncContext(connect(echo))

                async def test_it(self):
                    self.assertEqual(await self.peer.pair("hi"), "hi")
        """),
        "utf-8",
    )
    done = run_python(tmp_path, "-W", "error", "-m", "unittest", "-v")
    assert "Ran 3 tests" in done.stderr, done.stderr
    assert done.stderr.rstrip().endswith("OK")


FAILING = """
    import pytest
    from handlers import crash, echo, silent
    from websocket_kit.testing import backend, connect

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return backend(request.param)

    pytestmark = pytest.mark.anyio

    async def test_waits_in_vain():
        async with connect(silent) as peer:
            await peer.send("a")
            await peer.receive()

    async def test_expects_another():
        async with connect(echo) as peer:
            await peer.send("a")
            await peer.expect(int)

    async def test_meets_a_crash():
        async with connect(crash) as peer:
            await peer.send("a")
            await peer.receive()

    async def test_leaves_a_crash():
        async with connect(crash) as peer:
            await peer.send("a")

    async def test_leaves_a_thousand_messages():
        async with connect(echo) as peer:
            for number in range(1000):
                await peer.send(number)

    async def test_plays():
        async with connect(echo) as peer:
            await peer.play("> a\\n< b")

    async def test_asserts():
        async with connect(echo) as peer:
            assert await peer.pair("a") == "b"
"""


def test_a_failure_in_pytest_fits_on_one_screen(tmp_path: Path) -> None:
    """What is shown is the test's line and the handler's, not the kit's nor the event loop's."""
    report = run_pytest(tmp_path, "anyio", tests=FAILING)
    failures = report.partition("= FAILURES =")[2].partition("= short test summary info =")[0]
    each = failures.split("\n____")[1:]
    assert len(each) == 14
    assert max(len(failure.splitlines()) for failure in each) <= 50
    for line in failures.splitlines():
        assert "_backends" not in line
        assert "contextlib" not in line
        assert not line.startswith("self = ")
