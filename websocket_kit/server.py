"""Serving an app with uvicorn, behind ``WebSocketRouter.run()``."""

from __future__ import annotations

import inspect
import math
import sys
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import uvicorn
    from starlette.types import ASGIApp

__all__ = ["run"]

# uvicorn itself waits for handlers of open connections for ever.
GRACEFUL_SHUTDOWN_TIMEOUT = 5
# What is left of it after the drain is for what the drain has cancelled.
DRAIN_SHARE = 0.8
# How often to look for a second Ctrl+C, in seconds: as often as uvicorn does.
TICK = 0.1


class Drain(Protocol):
    """What ``WebSocketRouter.close_all`` is."""

    async def __call__(self, *, grace: float) -> None:
        """Close all connections, in so many seconds."""
        ...


def run(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    scheme: Literal["http", "ws"] = "http",
    drain: Drain | None = None,
    **uvicorn_options: Any,
) -> None:
    """Serve an ASGI app until it is interrupted; says where once it listens.

    Args:
        app: The app.
        host: The address to listen on.
        port: The port to listen on; 0: any that is free.
        scheme: What to say it serves, without the "s" that TLS adds.
        drain: A router's ``close_all``, to be called before the server stops; a second Ctrl+C cuts
            it short.
        uvicorn_options: More options of ``uvicorn.Config``. Unless given,
            ``timeout_graceful_shutdown`` is 5 seconds.

    Raises:
        SystemExit: uvicorn is missing, or a WebSocket implementation for it, with the line that
            installs them; or the server could not start.
        ValueError: An option that needs the app's import path: ``reload``, or ``workers``.
        TypeError: An option that uvicorn doesn't have.
    """
    try:
        import uvicorn  # noqa: PLC0415 - optional, in the extra "server"
    except ImportError:
        sys.exit(
            "run() serves with uvicorn, which is not installed. Install it with:\n"
            "    pip install 'websocket-kit[server]'"
        )
    if "ws" not in uvicorn_options and not _speaks_websocket():
        sys.exit(
            "uvicorn needs a WebSocket implementation, and neither websockets nor wsproto is"
            " installed. Install one with:\n    pip install websockets"
        )
    if uvicorn_options.get("reload") or (uvicorn_options.get("workers") or 1) > 1:
        msg = "run() serves in this process: for reload and workers use 'uvicorn module:app'"
        raise ValueError(msg)

    options: dict[str, Any] = {
        "timeout_graceful_shutdown": GRACEFUL_SHUTDOWN_TIMEOUT,
        **uvicorn_options,
    }
    unknown = options.keys() - inspect.signature(uvicorn.Config).parameters.keys()
    if unknown:
        msg = f"run() has no option {min(unknown)!r}, nor has uvicorn.Config"
        raise TypeError(msg)
    server = _make_server(uvicorn.Config(app, host=host, port=port, **options), scheme, drain)
    try:
        server.run()
    except KeyboardInterrupt:  # uvicorn has shut down already, and raises it once more
        return
    except SystemExit:  # uvicorn's way to say that it could not start
        if server.started:
            raise
    if not server.started:
        sys.exit(
            f"could not serve on {host}:{port}; uvicorn's log says why (if the port is taken,"
            " choose another: port=, or --port on the command line)"
        )


def _make_server(config: uvicorn.Config, scheme: str, drain: Drain | None) -> uvicorn.Server:
    """A uvicorn server that says where it listens, and drains before it stops."""
    import uvicorn  # noqa: PLC0415 - optional, and here by now

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for server in getattr(self, "servers", []):
                for listening in server.sockets:
                    secure = "s" if self.config.is_ssl else ""
                    where = _address(scheme + secure, listening.getsockname())
                    print(f"Serving on {where} (Ctrl+C stops it)", flush=True)  # noqa: T201 - its job

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if drain is not None:
                for server in getattr(self, "servers", []):  # nobody new meanwhile
                    server.close()
                timeout = self.config.timeout_graceful_shutdown
                if timeout is None:
                    timeout = GRACEFUL_SHUTDOWN_TIMEOUT
                began = anyio.current_time()
                with anyio.move_on_after(timeout or TICK):
                    await _until(lambda: self.force_exit, drain, grace=timeout * DRAIN_SHARE)
                # uvicorn's own wait gets what is left: a second limit would double the first.
                left = timeout - (anyio.current_time() - began)
                self.config.timeout_graceful_shutdown = max(0, math.ceil(left))
            await super().shutdown(sockets)

        def _log_started_message(self, listeners: Any) -> None:
            """Leave it to the line above, which knows the scheme; the rest of the log stays."""

    return Server(config)


async def _until(is_enough: Callable[[], bool], drain: Drain, *, grace: float) -> None:
    """Drain, unless it is enough before."""
    async with anyio.create_task_group() as tasks:

        async def drain_then_stop() -> None:
            await drain(grace=grace)
            tasks.cancel_scope.cancel()

        tasks.start_soon(drain_then_stop)
        while not is_enough():  # noqa: ASYNC110 - uvicorn sets a flag and no event
            await anyio.sleep(TICK)
        tasks.cancel_scope.cancel()


def _address(scheme: str, name: Any) -> str:
    """A socket's name as a URL, or a Unix socket's path."""
    if isinstance(name, str):
        return f"unix:{name}"
    host, port = name[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _speaks_websocket() -> bool:
    for name in ("websockets", "wsproto"):
        try:
            __import__(name)
        except ImportError:
            continue
        return True
    return False
