"""Which call is legal in which state, and the way out of those that aren't.

A connection is answered once and ended once:

    CONNECTING ── accept ──▶ OPEN ── close ──▶ CLOSED
        │                     │
        ├── reject ──▶ REJECTED
        │                     │
        └─────── the peer leaves ─────▶ DISCONNECTED

TRANSITIONS is the whole of it: what isn't listed is illegal. Nothing here does I/O.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a connection stands. The value is how an error describes it."""

    CONNECTING = "the connection is not open yet"
    OPEN = "the connection is already accepted"
    CLOSED = "this end has closed the connection"
    REJECTED = "the handshake was rejected"
    DISCONNECTED = "the peer has left"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python, and slow


class Call(Enum):
    """What can be done to a connection. The value is how an error names it."""

    ACCEPT = "accept"
    REJECT = "reject"
    CLOSE = "close"
    SEND = "send"
    RECEIVE = "receive"
    ENTER = "enter"
    TASK_GROUP = "start a task group"

    __hash__ = object.__hash__


TRANSITIONS: dict[tuple[State, Call], State] = {
    (State.CONNECTING, Call.ACCEPT): State.OPEN,
    (State.CONNECTING, Call.REJECT): State.REJECTED,
    (State.CONNECTING, Call.ENTER): State.OPEN,
    (State.OPEN, Call.CLOSE): State.CLOSED,
    (State.OPEN, Call.SEND): State.OPEN,
    (State.OPEN, Call.RECEIVE): State.OPEN,
    (State.OPEN, Call.ENTER): State.OPEN,
    (State.OPEN, Call.TASK_GROUP): State.OPEN,
}

_ACCEPT_FIRST = 'call accept() first, or use "async with ws"'
_IT_IS_OVER = "it can't be used again; leave the handler, or check ws.open first"

WAYS_OUT: dict[State | tuple[State, Call], str] = {
    State.CONNECTING: _ACCEPT_FIRST,
    (State.CONNECTING, Call.CLOSE): "call reject() to refuse the handshake, or accept() first",
    (State.OPEN, Call.ACCEPT): "accept() is called once; leave this call out",
    (State.OPEN, Call.REJECT): "call close(code, reason) to end it",
    State.CLOSED: _IT_IS_OVER,
    (State.CLOSED, Call.CLOSE): "it is closed once; leave this call out, or check ws.open first",
    State.REJECTED: _IT_IS_OVER,
    State.DISCONNECTED: _IT_IS_OVER,
}


def next_state(state: State, call: Call) -> State | None:
    """The state after a call, or None where the call is illegal."""
    return TRANSITIONS.get((state, call))


def explain(state: State, call: Call, why: str | None = None) -> str:
    """Why a call is illegal in a state, and what to do instead.

    ``why`` says how it came to that state, where the caller can't know.
    """
    way_out = WAYS_OUT.get((state, call)) or WAYS_OUT[state]
    because = f", because {why}" if why else ""
    return f"cannot {call.value}: {state.value}{because} ({way_out})"
