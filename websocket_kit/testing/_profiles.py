"""The habits of real servers, as far as an app can notice them: one table.

Measured with a raw ASGI app on uvicorn 0.54, hypercorn 0.18, daphne 4.2.3 and granian 2.8.7. What
is the same on all of them, or should be, is in ``_server``.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

ServerName: TypeAlias = Literal["uvicorn", "hypercorn", "daphne", "granian"]

_DENIAL: dict[str, dict[str, object]] = {"websocket.http.response": {}}


class Profile(NamedTuple):
    """What one server does. A code of None is the one that was sent.

    Attributes:
        scope: What differs from a scope that has every key.
        leaves_out: The keys that a scope doesn't have.
        client_is_list: Whether ``client`` is a list, rather than a tuple.
        ports_are_text: Whether ports are strings.
        offers_denial: Whether an app may refuse with an HTTP response.
        body_events: How many body events of such a response count.
        keeps_headers: Whether headers given to accept reach the peer.
        takes_unoffered: Whether accept may name a subprotocol that wasn't offered.
        text_is_none: Whether the event of a binary message has a ``text``, which is None.
        sends_empty: Whether an empty message reaches the peer.
        peer_code: The code in the disconnect event after a peer's close.
        peer_reason: Whether that event holds the peer's reason.
        gone_code: The code in it after a peer is gone without a word.
        more_receives: How many more receives answer, with 1005, before one waits for ever.
        own_close_code: The code that ``receive`` gives after the app's own close.
        rejected_code: The same after a rejection; 0: ``receive`` waits for ever.
        send_to_gone: What sending to a peer that is gone does.
        refuses_reserved: Whether a close code below 3000, other than 1000, raises an Exception.
        checks_close: Whether a bad code or a reason over 123 bytes raises.
        closes_with_reason: Whether the peer gets the reason.
        crash_code: The close code where an app raises without having closed.
        crash_status: The HTTP status where an app raises before it accepts.
        loses_cancelled: Whether a cancelled ``receive`` takes the next message with it.
    """

    scope: dict[str, Any]
    leaves_out: frozenset[str] = frozenset()
    client_is_list: bool = False
    ports_are_text: bool = False
    offers_denial: bool = True
    body_events: float = math.inf
    keeps_headers: bool = True
    takes_unoffered: bool = True
    text_is_none: bool = False
    sends_empty: bool = True
    peer_code: int | None = None
    peer_reason: bool = False
    gone_code: int = 1006
    more_receives: float = 0
    own_close_code: int | None = None
    rejected_code: int = 1006
    send_to_gone: Literal["raises", "is ignored"] = "is ignored"
    refuses_reserved: bool = False
    checks_close: bool = False
    closes_with_reason: bool = True
    crash_code: int = 1011
    crash_status: int = 500
    loses_cancelled: bool = False


PROFILES: dict[ServerName, Profile] = {
    "uvicorn": Profile(
        scope={"asgi": {"version": "3.0", "spec_version": "2.4"}, "extensions": _DENIAL},
        peer_reason=True,
        gone_code=1005,
        more_receives=1,
        send_to_gone="raises",
        checks_close=True,
        crash_code=1006,
    ),
    "hypercorn": Profile(
        scope={"asgi": {"version": "3.0", "spec_version": "2.3"}, "extensions": _DENIAL},
        takes_unoffered=False,
        text_is_none=True,
        peer_code=1006,
        own_close_code=1000,
        rejected_code=0,
    ),
    "daphne": Profile(
        scope={"asgi": {"version": "3.0"}},
        leaves_out=frozenset({"http_version", "scheme", "state", "extensions"}),
        client_is_list=True,
        offers_denial=False,
        keeps_headers=False,
        takes_unoffered=False,
        sends_empty=False,
        refuses_reserved=True,
        closes_with_reason=False,
    ),
    "granian": Profile(
        scope={"asgi": {"version": "3.0", "spec_version": "2.3"}, "extensions": _DENIAL},
        ports_are_text=True,
        body_events=1,
        keeps_headers=False,
        gone_code=1005,
        more_receives=math.inf,
        own_close_code=1005,
        rejected_code=1005,
        crash_code=1005,
        crash_status=403,
        loses_cancelled=True,
    ),
}


def make_scope(
    profile: Profile,
    *,
    path: str,
    raw_path: bytes,
    query_string: bytes,
    headers: list[tuple[bytes, bytes]],
    subprotocols: list[str],
    state: dict[str, Any] | None,
) -> dict[str, Any]:
    """A connection's scope, as a server of this profile gives it."""
    port: Any = str if profile.ports_are_text else int
    client = ("127.0.0.1", port(50000))
    scope: dict[str, Any] = {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": raw_path,
        "query_string": query_string,
        "root_path": "",
        "headers": headers,
        "client": list(client) if profile.client_is_list else client,
        "server": ("testserver", port(80)),
        "subprotocols": subprotocols,
        "state": {},
        **profile.scope,
    }
    for key in profile.leaves_out:
        scope.pop(key, None)
    if state is not None:  # given, so it is there on every server
        scope["state"] = dict(state)
    return scope
