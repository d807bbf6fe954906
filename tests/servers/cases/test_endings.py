"""Endings: what either end sees of the other's goodbye, and what can be done after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.servers import wire

if TYPE_CHECKING:
    from tests.servers.conftest import Same
    from tests.servers.launch import Server


@pytest.mark.rule(2)
@pytest.mark.parametrize(
    ("code", "reason", "seen"),
    [
        (4000, "café", "WebSocketDisconnectError 4000 café"),
        (1000, "", "WebSocketDisconnectError 1000"),
        (1001, "", "WebSocketDisconnectError 1001"),
        (None, "", "WebSocketDisconnectError None"),
    ],
    ids=["4000", "1000", "1001", "none"],
)
def test_a_handler_sees_the_peers_close_code_and_reason(
    server: Server, same: Same, code: int | None, reason: str, seen: str
) -> None:
    story = server.story()
    with server.open("/router/receive", story) as peer:
        peer.send(wire.close(code, reason))
        peer.end()
        same(story.ended(), seen)


@pytest.mark.rule(1)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_iteration_ends_with_what_was_sent_before_the_goodbye(
    server: Server, same: Same, way: str
) -> None:
    story = server.story()
    with server.open(f"/{way}/iterate", story) as peer:
        peer.send(wire.text("one"), wire.text("two"), wire.close(4000))
        peer.end()
        how = story.ended()
        same(
            ([note["message"] for note in story.all("message")], how), (["one", "two"], "returned")
        )


@pytest.mark.rule(1, 3)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
@pytest.mark.parametrize("how", ["close", "reset", "leave"])
def test_every_call_after_the_peers_goodbye_says_so_at_once(
    server: Server, same: Same, way: str, how: str
) -> None:
    story = server.story()
    with server.open(f"/{way}/receive", story) as peer:
        story.wait("open")
        match how:
            case "close":
                peer.send(wire.close(1000))
                peer.end()
            case "reset":
                peer.reset()
            case _:
                peer.leave()
    calls = story.wait("after")["calls"]
    same([call.split(" ")[0] for call in calls], ["WebSocketDisconnectError"] * 4)


@pytest.mark.rule(8, 9)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_a_peer_sees_every_legal_close_code(server: Server, same: Same, way: str) -> None:
    seen: dict[int, str] = {}
    for code in (1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        with server.open(f"/{way}/close?code={code}&reason=bye", server.story()) as peer:
            peer.send(wire.text("close, please"))
            seen[code] = str(peer.end())
            assert peer.hung_up
    same(seen, {code: f"{code} bye" for code in seen})


@pytest.mark.rule(1)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_every_call_after_a_close_of_ones_own_says_so_at_once(
    server: Server, same: Same, way: str
) -> None:
    story = server.story()
    with server.open(f"/{way}/close?code=4001", story) as peer:
        peer.send(wire.text("close, please"), wire.text("too late"))
        peer.end()
        calls = story.wait("after")["calls"]
        iterated = len(story.wait("iterated")["messages"])
        same((calls, iterated), (["WebSocketHandshakeError"] * 4, 0))


@pytest.mark.rule(8)
def test_a_long_reason_is_cut_between_characters(server: Server, same: Same) -> None:
    with server.open("/router/close?code=4000&reason=" + "%C3%A9" * 100, server.story()) as peer:
        peer.send(wire.text("close, please"))
        same(str(peer.end()), "4000 " + "é" * 61)


@pytest.mark.rule(8)
def test_an_illegal_close_code_is_an_error_and_harms_nothing(server: Server, same: Same) -> None:
    with server.open("/router/bad-codes") as peer:
        same((json.loads(peer.message()), str(peer.end())), (["ValueError"] * 10, "1000"))


ENDINGS = {
    "return": "1000",
    "raise": "1011",
    "raise in a task": "1011",
    "WebSocketClose": "4002 enough",
    "WebSocketReject 4xx": "1008",
    "WebSocketReject 5xx": "1011",
    "not a number": "1007 the message has the wrong form",
    "another message": "1008 another message was expected",
    "too big": "1009 the message is too big",
    "too late": "3008 no message in time",
}


@pytest.mark.rule(5, 7, 9)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_a_handler_that_ends_closes_with_the_code_that_says_how(
    server: Server, same: Same, way: str
) -> None:
    seen: dict[str, str] = {}
    for how in ENDINGS:
        with server.open(f"/{way}/ending?how={how.replace(' ', '+')}", server.story()) as peer:
            if how != "too late":
                peer.send(wire.text("x" * (1_001 if how == "too big" else 3)))
            seen[how] = str(peer.end())
            assert b"swordfish" not in peer.heard
            assert peer.hung_up
    same(seen, ENDINGS)


@pytest.mark.rule(5, 6, 7)
@pytest.mark.parametrize("way", ["router", "endpoint", "bare"])
def test_a_handler_that_is_cancelled_closes_with_1012(server: Server, same: Same, way: str) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for doing in ("receive", "task_group", "sleep"):
        story = server.story()
        with server.open(f"/{way}/cut-short?doing={doing}", story) as peer:
            seen[doing] = (str(peer.end()), story.ended())
    same(seen, dict.fromkeys(seen, ("1012", "cancelled")))


@pytest.mark.rule(7)
def test_a_close_beside_a_pending_receive_goes_out_and_ends_it(server: Server, same: Same) -> None:
    story = server.story()
    with server.open("/router/close-beside", story) as peer:
        server.go_ahead(story)
        seen = str(peer.end())
        how = story.wait("received")["how"]
        same((seen, how), ("4003 from the side", "WebSocketHandshakeError"))
