"""``python -m websocket_kit``: a chat, to try the library with."""

from __future__ import annotations

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser

from . import server
from ._demo.chat import app, router


def main() -> None:
    """Serve the chat until it is interrupted."""
    parser = ArgumentParser(
        prog="python -m websocket_kit",
        description="Serve a chat, to try websocket_kit with.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", default=8000, type=int, help="the port to listen on")
    options = parser.parse_args()
    server.run(
        app, host=options.host, port=options.port, drain=router.close_all, log_level="warning"
    )


if __name__ == "__main__":
    main()
