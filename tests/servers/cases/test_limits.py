"""Limits: what a peer over one of them sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import wire
from tests.servers.launch import eventually

if TYPE_CHECKING:
    from tests.servers.conftest import Same
    from tests.servers.launch import Server


@pytest.mark.rule(7)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_a_peer_that_sends_too_often_is_closed_with_1008(
    server: Server, same: Same, way: str
) -> None:
    story = server.story()
    with server.open(f"/{way}/few", story) as peer:
        peer.send(*[wire.text("again")] * 20)
        same((str(peer.end()), story.ended()), ("1008 too many messages", "returned"))


@pytest.mark.rule(10)
@pytest.mark.parametrize(("path", "most", "status"), [("two", 2, 503), ("one-each", 1, 429)])
def test_a_connection_too_many_is_refused_until_another_leaves(
    server: Server, same: Same, path: str, most: int, status: int
) -> None:
    def ask() -> int:
        with server.open(f"/router/{path}", server.story()) as peer:
            if peer.status == 101:
                peer.send(wire.close(1000))
                peer.end()
            return peer.status

    with server.open(f"/router/{path}", server.story()) as first:
        others = [server.open(f"/router/{path}", server.story()) for _ in range(most - 1)]
        for other in others:
            other.__enter__()
        refused = ask()
        for other in others:
            other.__exit__(None, None, None)
        first.send(wire.close(1000))
        first.end()
    welcome = eventually(lambda: ask() == 101)  # a reset may take a moment to be seen
    same((refused, welcome), (status, True))
