"""What we want to stay below, as ratios to the baseline of the case."""

from __future__ import annotations

TARGETS: dict[str, dict[str, float]] = {
    "text": {
        "websocket_kit: receive, send": 2.0,
        "websocket_kit: async for": 2.1,
        "websocket_kit: answer, async function": 1.4,
        "websocket_kit: answer, plain function": 1.4,
    },
    "turn-uvloop": {"websocket_kit: receive, send": 1.32},
    "dict": {"websocket_kit: receive(dict), send": 1.28},
    "union": {"websocket_kit: WebSocket[Event, Event]": 1.20},
    "connect-50": {"websocket_kit": 0.28},
    "inputs-50": {"websocket_kit": 0.12},
    "routes": {"websocket_kit, 10,000 routes": 1.1},
    "memory": {"websocket_kit: receive, send": 1.75},
    "import": {"websocket_kit": 1.15},
    "uvicorn-echo": {"websocket_kit": 1.05},
}
