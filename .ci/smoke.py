"""Try the installed wheel: ``python smoke.py bare``, or ``server`` with that extra."""

import socket
import subprocess
import sys
import threading
from importlib.resources import files

import websocket_kit
from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    """Send back what arrives."""
    async with ws:
        async for message in ws:
            await ws.send(message)


def bare() -> None:
    """Find every file in place, and the demo asking for what it needs."""
    package = files(websocket_kit)
    assert "site-packages" in str(package), package
    for name in ("py.typed", "_demo/page/index.html", "_demo/page/chat.js", "_demo/page/chat.css"):
        assert package.joinpath(name).is_file(), name
    demo = subprocess.run(
        [sys.executable, "-m", "websocket_kit"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = demo.stdout + demo.stderr
    assert demo.returncode != 0, said
    assert "pip install" in said, said
    assert "Traceback" not in said, said
    print(said.strip())


def server() -> None:
    """Echo a message over a real socket, on uvicorn, to a client that is not ours."""
    import uvicorn
    from websockets.sync.client import connect

    running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    # Connections queue up here until uvicorn takes them: nothing to wait for.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            port = listener.getsockname()[1]
            with connect(f"ws://127.0.0.1:{port}/echo", open_timeout=30, proxy=None) as ws:
                ws.send("café")
                answer = ws.recv(timeout=30)
                assert answer == "café", answer
        finally:
            running.should_exit = True
            thread.join(timeout=30)
    print(f"echoed {answer!r} on uvicorn {uvicorn.__version__}")


if __name__ == "__main__":
    {"bare": bare, "server": server}[sys.argv[1]]()
