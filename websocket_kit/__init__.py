"""WebSockets for any ASGI app: a clear lifecycle, typed messages, honest errors, a router."""

from ._signature import Cookie, Header, Query, query
from .closing import CloseCode, CloseInfo
from .connection import Sendable, WebSocket
from .errors import (
    InvalidRouteError,
    WebSocketCastError,
    WebSocketClose,
    WebSocketDisconnectError,
    WebSocketDroppedError,
    WebSocketError,
    WebSocketExpectError,
    WebSocketHandshakeError,
    WebSocketMessageTooBig,
    WebSocketReject,
    WebSocketTimeoutError,
)
from .routing import WebSocketRoute, WebSocketRouter, websocket
from .starlette import endpoint, wrap

__all__ = [
    "CloseCode",
    "CloseInfo",
    "Cookie",
    "Header",
    "InvalidRouteError",
    "Query",
    "Sendable",
    "WebSocket",
    "WebSocketCastError",
    "WebSocketClose",
    "WebSocketDisconnectError",
    "WebSocketDroppedError",
    "WebSocketError",
    "WebSocketExpectError",
    "WebSocketHandshakeError",
    "WebSocketMessageTooBig",
    "WebSocketReject",
    "WebSocketRoute",
    "WebSocketRouter",
    "WebSocketTimeoutError",
    "endpoint",
    "query",
    "websocket",
    "wrap",
]
