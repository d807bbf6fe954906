"""Handshakes: what the handler sees of them, and how they are answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.conftest import Measured, Same
    from tests.servers.launch import Server


@pytest.mark.rule(13)
def test_a_handler_sees_the_whole_handshake(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/scope-seen?q=%ff", story) as peer:
        message = json.loads(peer.message())
    same(
        message,
        {
            "url": f"ws://127.0.0.1:{server.port}/router/scope-seen?q=%ff&key={story.key}",
            "host": f"127.0.0.1:{server.port}",
            "q": "\N{REPLACEMENT CHARACTER}",
            "client": "int",
            "server": "int",
            "http": "1.1",
            "subprotocols": [],
            "key": True,
        },
    )


@pytest.mark.rule(13)
def test_inputs_come_from_path_query_and_headers(server: Server, same: Same) -> None:
    path = "/router/rooms/caf%C3%A9%20noir?seat=3"
    with server.open(path, headers=[("X-Client", "ada")]) as peer:
        same(peer.message(), '["café noir",3,"ada"]')


@pytest.mark.rule(10)
def test_a_bad_input_is_refused_with_400_and_says_where(server: Server, same: Same) -> None:
    with server.open("/router/rooms/lobby?seat=window") as peer:
        where = json.loads(peer.body)[0]["loc"] if peer.body.startswith(b"[") else None
        same((peer.status, where), (400, ["query", "seat"]))


@pytest.mark.rule(10)
def test_an_unknown_path_is_refused_with_404(server: Server, same: Same) -> None:
    with server.open("/nowhere") as peer:
        same(peer.status, 404)


@pytest.mark.rule(11)
def test_headers_of_the_acceptance_arrive(server: Server, same: Same) -> None:
    with server.open("/router/accept-headers") as peer:
        same((peer.header("x-hello"), peer.header("set-cookie")), ("there", "a=b"))


@pytest.mark.rule(8)
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["chat.v1", "chat.v2"], "chat.v2"),
        (["chat.v1"], "chat.v1"),
        (["other"], None),
        ([], None),
    ],
    ids=["two", "one", "others", "none"],
)
def test_the_first_subprotocol_of_ours_that_was_offered_is_accepted(
    server: Server, same: Same, offered: list[str], chosen: str | None
) -> None:
    with server.open("/router/subprotocol", subprotocols=offered) as peer:
        answered = peer.header("sec-websocket-protocol")
        same((answered, peer.message()), (chosen, str(chosen)))


@pytest.mark.rule(13)
def test_an_empty_offer_of_subprotocols_is_none(server: Server, same: Same) -> None:
    offer = [("Sec-WebSocket-Protocol", "")]
    with server.open("/router/subprotocol", headers=offer) as peer:
        same((peer.status, peer.header("sec-websocket-protocol")), (101, None))


@pytest.mark.rule(8)
def test_an_illegal_acceptance_is_an_error_and_harms_nothing(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/illegal-accepts", story, subprotocols=["offered"]) as peer:
        same((story.wait("refused")["calls"], peer.message()), (["ValueError"] * 4, "hello"))


@pytest.mark.rule(10)
def test_a_rejection_has_its_status_headers_and_body(server: Server, same: Same) -> None:
    with server.open("/router/reject?status=451&body=not+here&headers=1", server.story()) as peer:
        same((peer.status, peer.header("x-why"), peer.body), (451, "because", b"not here"))


@pytest.mark.rule(10)
def test_a_rejection_with_a_large_body_arrives_whole(server: Server, same: Same) -> None:
    with server.open(f"/router/reject?status=400&body={'b' * 3000}", server.story()) as peer:
        same((peer.status, len(peer.body)), (400, 3000))


@pytest.mark.rule(1)
def test_every_call_after_a_rejection_is_an_error_at_once(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/reject?status=403", story) as peer:
        calls = story.wait("after")["calls"]
        same((peer.status, calls), (403, ["WebSocketHandshakeError"] * 5))


@pytest.mark.rule(7)
@pytest.mark.parametrize("way", ["router", "endpoint"])
@pytest.mark.parametrize(
    ("how", "status"), [("return", 403), ("close", 403), ("raise", 500), ("reject", 401)]
)
def test_a_handler_that_ends_before_accepting_refuses(
    server: Server, same: Same, way: str, how: str, status: int
) -> None:
    with server.open(f"/{way}/early?how={how}", server.story()) as peer:
        assert b"swordfish" not in peer.heard
        same(peer.status, status)


HOSTILE = (
    "null",
    "http://evil.example",
    "http://127.0.0.1.evil.example:{port}",
    "http://evil.example:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://evil.example#127.0.0.1:{port}",
    "http://127.0.0.1:1",
    "127.0.0.1:{port}",
    "http://127.0.0.1:{port}/",
    "file://",
)


@pytest.mark.rule(8)
def test_a_foreign_origin_is_refused_with_403(server: Server, same: Same) -> None:
    otherwise: dict[str, int] = {}
    for origin in HOSTILE:
        headers = [("Origin", origin.format(port=server.port))]
        with server.open("/router/echo", server.story(), headers=headers) as peer:
            if peer.status != 403:
                otherwise[origin] = peer.status
    same(otherwise, {})


@pytest.mark.rule(8)
def test_the_servers_own_origin_is_let_in(server: Server, same: Same) -> None:
    headers = [("Origin", f"http://127.0.0.1:{server.port}")]
    with server.open("/router/echo", server.story(), headers=headers) as peer:
        same(peer.status, 101)


@pytest.mark.rule(8)
@pytest.mark.parametrize("matching", ["first", "second"])
def test_an_origin_that_one_of_two_hosts_matches_is_refused(
    server: Server, same: Same, matching: str
) -> None:
    own = f"127.0.0.1:{server.port}"
    hosts = ["evil.example", own] if matching == "first" else [own, "evil.example"]
    headers = [("Origin", "http://evil.example"), ("Host", hosts[1])]
    with server.open("/router/echo", server.story(), headers=headers, host=hosts[0]) as peer:
        same(peer.status, 403)


@pytest.mark.rule(8)
@pytest.mark.parametrize("own", ["first", "second"])
def test_two_origins_are_refused_though_one_is_the_servers_own(
    server: Server, same: Same, own: str
) -> None:
    origins = [f"http://127.0.0.1:{server.port}", "http://evil.example"]
    if own == "second":
        origins.reverse()
    headers = [("Origin", origin) for origin in origins]
    with server.open("/router/echo", server.story(), headers=headers) as peer:
        same(peer.status, 403)


@pytest.mark.rule(3, 6)
def test_a_peer_that_resets_before_the_answer_ends_the_handler(
    server: Server, same: Same, measured: Measured
) -> None:
    story = server.story()
    with server.ask("/router/late", story) as peer:
        story.wait("waits")
        peer.reset()
    server.go_ahead(story)
    at = story.wait("waits")["at"]
    same(story.ended().split(" ", maxsplit=1)[0], "WebSocketDisconnectError")
    measured(story.wait("ended")["at"] - at)


def test_http_on_a_websocket_path_is_answered_with_426(server: Server, same: Same) -> None:
    same(server.request("/router/echo")[0], 426)
