"""Which call is legal in which state: the whole table, state by state, call by call."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit._lifecycle import TRANSITIONS, WAYS_OUT, Call, State, explain

CONNECTING, OPEN, CLOSED, REJECTED, DISCONNECTED = (
    State.CONNECTING,
    State.OPEN,
    State.CLOSED,
    State.REJECTED,
    State.DISCONNECTED,
)
ACCEPT, REJECT, CLOSE, SEND, RECEIVE, ENTER, TASK_GROUP = (
    Call.ACCEPT,
    Call.REJECT,
    Call.CLOSE,
    Call.SEND,
    Call.RECEIVE,
    Call.ENTER,
    Call.TASK_GROUP,
)

LEGAL: dict[tuple[State, Call], State] = {
    (CONNECTING, ACCEPT): OPEN,
    (CONNECTING, REJECT): REJECTED,
    (CONNECTING, ENTER): OPEN,
    (OPEN, CLOSE): CLOSED,
    (OPEN, SEND): OPEN,
    (OPEN, RECEIVE): OPEN,
    (OPEN, ENTER): OPEN,
    (OPEN, TASK_GROUP): OPEN,
}

FIRST = '(call accept() first, or use "async with ws")'
OVER = "(it can't be used again; leave the handler, or check ws.open first)"

ILLEGAL: dict[tuple[State, Call], str] = {
    (CONNECTING, CLOSE): "cannot close: the connection is not open yet"
    " (call reject() to refuse the handshake, or accept() first)",
    (CONNECTING, SEND): f"cannot send: the connection is not open yet {FIRST}",
    (CONNECTING, RECEIVE): f"cannot receive: the connection is not open yet {FIRST}",
    (CONNECTING, TASK_GROUP): f"cannot start a task group: the connection is not open yet {FIRST}",
    (OPEN, ACCEPT): "cannot accept: the connection is already accepted"
    " (accept() is called once; leave this call out)",
    (OPEN, REJECT): "cannot reject: the connection is already accepted"
    " (call close(code, reason) to end it)",
    (CLOSED, ACCEPT): f"cannot accept: this end has closed the connection {OVER}",
    (CLOSED, REJECT): f"cannot reject: this end has closed the connection {OVER}",
    (CLOSED, CLOSE): "cannot close: this end has closed the connection"
    " (it is closed once; leave this call out, or check ws.open first)",
    (CLOSED, SEND): f"cannot send: this end has closed the connection {OVER}",
    (CLOSED, RECEIVE): f"cannot receive: this end has closed the connection {OVER}",
    (CLOSED, ENTER): f"cannot enter: this end has closed the connection {OVER}",
    (CLOSED, TASK_GROUP): f"cannot start a task group: this end has closed the connection {OVER}",
    (REJECTED, ACCEPT): f"cannot accept: the handshake was rejected {OVER}",
    (REJECTED, REJECT): f"cannot reject: the handshake was rejected {OVER}",
    (REJECTED, CLOSE): f"cannot close: the handshake was rejected {OVER}",
    (REJECTED, SEND): f"cannot send: the handshake was rejected {OVER}",
    (REJECTED, RECEIVE): f"cannot receive: the handshake was rejected {OVER}",
    (REJECTED, ENTER): f"cannot enter: the handshake was rejected {OVER}",
    (REJECTED, TASK_GROUP): f"cannot start a task group: the handshake was rejected {OVER}",
    (DISCONNECTED, ACCEPT): f"cannot accept: the peer has left {OVER}",
    (DISCONNECTED, REJECT): f"cannot reject: the peer has left {OVER}",
    (DISCONNECTED, CLOSE): f"cannot close: the peer has left {OVER}",
    (DISCONNECTED, SEND): f"cannot send: the peer has left {OVER}",
    (DISCONNECTED, RECEIVE): f"cannot receive: the peer has left {OVER}",
    (DISCONNECTED, ENTER): f"cannot enter: the peer has left {OVER}",
    (DISCONNECTED, TASK_GROUP): f"cannot start a task group: the peer has left {OVER}",
}

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pair_id(value: object) -> str | None:
    return value.name.lower() if isinstance(value, State | Call) else None


def test_every_state_and_call_is_legal_or_illegal() -> None:
    every = {(state, call) for state in State for call in Call}
    assert LEGAL.keys() | ILLEGAL.keys() == every
    assert not LEGAL.keys() & ILLEGAL.keys()


@pytest.mark.parametrize(("state", "call"), LEGAL, ids=pair_id)
def test_a_legal_call_leads_to_a_state(state: State, call: Call) -> None:
    assert TRANSITIONS[state, call] is LEGAL[state, call]


@pytest.mark.parametrize(("state", "call"), ILLEGAL, ids=pair_id)
def test_an_illegal_call_leads_nowhere(state: State, call: Call) -> None:
    assert (state, call) not in TRANSITIONS


@pytest.mark.parametrize(("state", "call"), ILLEGAL, ids=pair_id)
def test_an_illegal_call_is_explained(state: State, call: Call) -> None:
    assert explain(state, call) == ILLEGAL[state, call]


def test_an_explanation_says_why_where_the_caller_cannot_know() -> None:
    assert explain(CLOSED, SEND, "the server restarts") == (
        f"cannot send: this end has closed the connection, because the server restarts {OVER}"
    )


def test_the_table_is_the_whole_of_what_is_legal() -> None:
    """The diagram in the docs is drawn from it."""
    assert TRANSITIONS == LEGAL


def test_no_way_out_is_written_for_a_legal_call() -> None:
    assert not WAYS_OUT.keys() & LEGAL.keys()


@pytest.mark.parametrize("state", [CLOSED, REJECTED, DISCONNECTED], ids=pair_id)
def test_a_connection_that_is_over_stays_so(state: State) -> None:
    assert not any((state, call) in TRANSITIONS for call in Call)


@bounded
@given(st.lists(st.sampled_from(Call)))
def test_whatever_is_called_a_connection_is_answered_once_and_ended_once(calls: list[Call]) -> None:
    state, history = CONNECTING, list[State]()
    for call in calls:
        after = TRANSITIONS.get((state, call), state)
        if after is not state:
            history.append(after)
        state = after
    assert history in ([], [OPEN], [OPEN, CLOSED], [REJECTED])
