"""Receive a ``str``, an ``int``, a ``bool``, ``bytes`` and a ``dict``.

Try it: ``python receive_types.py``, then ``python -m websockets ws://127.0.0.1:8000/`` and type
``Ada``, ``36``, ``true``, ``anything`` and ``{"city": "London"}``, each on its line. Type ``many``
instead of ``36`` and the connection ends with 1007, the code for a message of the wrong kind.
"""

from websocket_kit import WebSocket, WebSocketRouter

app = WebSocketRouter()


@app.websocket("/")
async def form(ws: WebSocket) -> None:
    """Receive five messages, each as a type of its own, and send back what they were."""
    async with ws:
        name = await ws.receive(tp=str)
        age = await ws.receive(tp=int)
        member = await ws.receive(tp=bool)
        photo = await ws.receive(tp=bytes)
        address: dict[str, object] = await ws.receive(tp=dict)
        await ws.send(
            {
                "name": name,
                "age next year": age + 1,
                "member": member,
                "bytes in the photo": len(photo),
                "address": address,
            },
        )


if __name__ == "__main__":
    app.run()
