"""The library's log lines, all under the name ``websocket_kit``.

DEBUG says what is ordinary, INFO what a peer did wrong, WARNING what an operator has to see to.
What the peer sent is shortened and escaped, in the text and in the fields; queries, headers,
cookies and the texts of exceptions stay out. (The one exception is an Origin that is refused, and
the Host it was held against: who reads the line has to decide on them.)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .closing import CloseInfo
from .errors import escape, shorten

logger = logging.getLogger("websocket_kit")


def client_host(scope: Mapping[str, Any]) -> str | None:
    """The address of the client, as far as the server tells it."""
    client = scope.get("client")
    return client[0] if client else None


def log(
    level: int, event: str, scope: Mapping[str, Any], text: str, *args: object, **fields: object
) -> None:
    """Write one line about a connection, if anybody listens.

    Args:
        level: The level of ``logging``.
        event: What happened, in a word; the first of the line.
        scope: The connection's.
        text: What more there is to say, in ``%`` form.
        args: What to fill in.
        fields: More fields of the record; each name gets the prefix ``websocket_``.
    """
    if not logger.isEnabledFor(level):
        return
    path = str(scope.get("path", ""))
    host = client_host(scope)
    said: dict[str, object] = {
        "event": event,
        "path": escape(path),
        "client": None if host is None else escape(host),
        **fields,
    }
    logger.log(
        level,
        f"%s %s from %s{text}",  # noqa: G004 - text is ours, and its own %s come after
        event,
        shorten(path),
        "an unknown client" if host is None else shorten(host),
        *args,
        extra={f"websocket_{name}": value for name, value in said.items()},
    )


def log_closed(scope: Mapping[str, Any], info: CloseInfo, duration: float | None) -> None:
    """Say how a connection ended, and how many seconds after it was accepted."""
    code = "code unknown" if info.code is None else f"code {info.code}"
    after = "" if duration is None else f" after {duration:.3f} s"
    log(
        logging.DEBUG,
        "closed",
        scope,
        " by the %s%s: %s, reason %s",
        info.by,
        after,
        code,
        shorten(info.reason),
        code=info.code,
        reason=escape(info.reason),
        by=info.by,
        duration=duration,
    )
