"""See a body input refused, and receive it as the first message instead.

A WebSocket handshake has no body, so a parameter that only a body could fill is an error at the
moment the route is defined, not when the first client connects.

Try it: ``python body_refused.py`` prints the error; then
``python -m websockets ws://127.0.0.1:8000/orders`` and type ``{"item": "tea", "count": 2}``.
"""

from pydantic import BaseModel

from websocket_kit import InvalidRouteError, WebSocket, WebSocketRouter

app = WebSocketRouter()


class Order(BaseModel):
    """What a client orders."""

    item: str
    count: int


async def refused(ws: WebSocket, order: Order) -> None:
    """Ask for an ``Order`` that no handshake could carry."""
    await ws.send(order)


try:
    app.websocket("/refused")(refused)
except InvalidRouteError as error:
    print(error, flush=True)


@app.websocket("/orders")
async def orders(ws: WebSocket) -> None:
    """Receive the ``Order`` as the first message."""
    async with ws:
        order = await ws.receive(tp=Order)
        await ws.send(f"{order.count} x {order.item}")


if __name__ == "__main__":
    app.run()
