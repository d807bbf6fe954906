"""Serve WebSocket routes in front of Django.

``router.wrap`` takes the WebSocket paths it knows and hands everything else to Django. Django
speaks no lifespan; the router's own runs all the same.

Try it: ``python django_wrap.py``, then
``python -m websockets 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'`` and
``curl http://127.0.0.1:8000/``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from websocket_kit import WebSocket, WebSocketRouter


async def home(_request: HttpRequest) -> HttpResponse:
    """Answer HTTP beside the WebSocket routes."""
    return HttpResponse("hello, reader")


urlpatterns = [path("", home)]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",  # noqa: S106
)


@asynccontextmanager
async def lifespan(_router: WebSocketRouter) -> AsyncGenerator[dict[str, str]]:
    """Open what the connections share."""
    yield {"greeting": "hello"}


router = WebSocketRouter(lifespan=lifespan)


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket, room: str, name: str = "guest") -> None:
    """Greet whoever joins."""
    async with ws:
        await ws.send(f"{ws.request.state.greeting}, {name} in {room}")


app = router.wrap(get_asgi_application())

if __name__ == "__main__":
    uvicorn.run(app)
