"""How many may connect, and how often a peer may send: only counting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit._limits import Bucket, Gate, gates_of
from websocket_kit._options import settle_serving

if TYPE_CHECKING:
    from websocket_kit._handshake import Rejection

ADA, BOB = "192.0.2.1", "192.0.2.2"

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def entered(gate: Gate, *clients: str | None) -> list[int | None]:
    """Let clients in one after the other; the status that refuses each, None for those let in."""
    statuses: list[int | None] = []
    for client in clients:
        rejection = gate.refusal(client)
        if rejection is None:
            gate.enter(client)
        statuses.append(None if rejection is None else rejection.status)
    return statuses


def refused(gate: Gate, client: str | None = ADA) -> Rejection:
    rejection = gate.refusal(client)
    assert rejection is not None
    return rejection


# --------------------------------------------------------------------------------- connections


def test_connections_over_the_limit_are_refused_with_503() -> None:
    assert entered(Gate(2, None), ADA, BOB, ADA, None) == [None, None, 503, 503]


def test_one_that_leaves_makes_room_for_another() -> None:
    gate = Gate(1, None)
    assert entered(gate, ADA, BOB) == [None, 503]
    gate.leave(ADA)
    assert entered(gate, BOB) == [None]


def test_a_clients_connections_over_its_limit_are_refused_with_429() -> None:
    assert entered(Gate(None, 2), ADA, ADA, ADA, BOB) == [None, None, 429, None]


def test_one_of_a_client_that_leaves_makes_room_for_one_of_its_own() -> None:
    gate = Gate(None, 1)
    entered(gate, ADA, BOB)
    gate.leave(BOB)
    assert entered(gate, ADA, BOB) == [429, None]


def test_a_client_over_its_own_limit_is_told_of_that() -> None:
    assert entered(Gate(1, 1), ADA, ADA, BOB) == [None, 429, 503]


def test_clients_whose_address_is_unknown_count_as_one() -> None:
    assert entered(Gate(None, 1), None, None, ADA) == [None, 429, None]


def test_a_limit_of_zero_lets_nobody_in() -> None:
    assert entered(Gate(0, None), ADA) == [503]
    assert entered(Gate(None, 0), ADA) == [429]


def test_a_refusal_says_which_option_decides_it() -> None:
    gate = Gate(1, 1)
    entered(gate, ADA)
    assert refused(gate, ADA) == (
        429,
        "",
        (),
        "the client '192.0.2.1' has all the connections that max_connections_per_client=1 allows",
        "max_connections_per_client",
        logging.INFO,
    )
    assert refused(gate, BOB) == (
        503,
        "",
        (),
        "there are all the connections that max_connections=1 allows",
        "max_connections",
        logging.WARNING,
    )


def test_a_client_without_an_address_is_called_unknown() -> None:
    text = refused(Gate(None, 0), None).text
    assert text.startswith("the client whose address is unknown has all")


def test_an_address_is_shown_escaped_and_shortened() -> None:
    text = refused(Gate(None, 0), "1\n\x1b" + "x" * 1000).text
    assert text.isprintable()
    assert len(text) < 250


def test_an_operator_is_warned_once_until_half_have_left() -> None:
    gate = Gate(4, None)
    entered(gate, *[ADA] * 4)
    levels = [refused(gate).level, refused(gate).level]
    gate.leave(ADA)
    entered(gate, ADA)
    levels.append(refused(gate).level)
    for _ in range(2):
        gate.leave(ADA)
    entered(gate, ADA, ADA)
    levels.append(refused(gate).level)
    assert levels == [logging.WARNING, logging.INFO, logging.INFO, logging.WARNING]


def test_there_is_a_gate_only_where_a_limit_is_set() -> None:
    assert gates_of(settle_serving({"receive_timeout": 5})) == ()
    (gate,) = gates_of(settle_serving({"max_connections": 1}))
    assert entered(gate, ADA, BOB) == [None, 503]
    (gate,) = gates_of(settle_serving({"max_connections_per_client": 1}))
    assert entered(gate, ADA, ADA, BOB) == [None, 429, None]


@bounded
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([ADA, BOB, None]))))
def test_there_are_never_more_than_the_limits_let_in(steps: list[tuple[bool, str | None]]) -> None:
    gate, inside = Gate(3, 2), list[str | None]()
    for comes, client in steps:
        if comes and entered(gate, client) == [None]:
            inside.append(client)
        elif not comes and client in inside:
            inside.remove(client)
            gate.leave(client)
        assert len(inside) <= 3
        assert all(inside.count(each) <= 2 for each in inside)


# ------------------------------------------------------------------------------------- messages


def taken(rate: float, *times: float) -> list[bool]:
    """Whether messages at these times pass, where the receiver always waits for the next."""
    bucket, asked, results = Bucket(rate), 0.0, list[bool]()
    for now in times:
        results.append(bucket.take(asked, now))
        asked = now
    return results


def test_as_many_as_one_second_brings_may_come_at_once() -> None:
    assert taken(3, 0, 0, 0, 0) == [True, True, True, False]


def test_a_rate_below_one_lets_one_message_through_at_once() -> None:
    assert taken(0.5, 0, 0) == [True, False]
    assert taken(0.5, 0, 2, 3) == [True, True, False]


def test_time_brings_room_for_more() -> None:
    assert taken(2, 0, 0, 0.5, 0.5) == [True, True, True, False]


def test_a_long_silence_brings_room_for_no_more_than_one_second() -> None:
    assert taken(2, 0, 3600, 3600, 3600) == [True, True, True, False]


def test_what_came_while_nothing_was_received_is_not_held_against_the_peer() -> None:
    """A handler was busy for ten seconds; the twenty messages may have come one by one."""
    bucket = Bucket(2)
    assert bucket.take(0, 0)
    assert all(bucket.take(10, 10) for _ in range(20))


def test_that_is_forgotten_once_nothing_was_left_to_receive() -> None:
    bucket = Bucket(2)
    assert bucket.take(0, 0)
    assert bucket.take(10, 10)
    assert [bucket.take(10, 10.2) for _ in range(3)] == [True, True, False]


@bounded
@given(
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), max_size=200),
)
def test_no_more_pass_than_the_rate_and_one_burst(
    rate: float, waits: list[tuple[float, float]]
) -> None:
    bucket, now, passed = Bucket(rate), 0.0, 0
    for away, waited in waits:
        asked = now + away
        now = asked + waited
        passed += bucket.take(asked, now)
    assert passed <= rate * now + max(rate, 1) + 0.001


@bounded
@given(st.floats(0.1, 100), st.integers(1, 200))
def test_a_peer_that_keeps_to_the_rate_is_never_refused(rate: float, count: int) -> None:
    assert all(taken(rate, *[number * 1.001 / rate for number in range(count)]))
