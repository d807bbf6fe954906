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


# By their own names: CPython 3.11 takes as long to look State.OPEN up as to call a function.
CONNECTING, OPEN, CLOSED, REJECTED, DISCONNECTED = State
ACCEPT, REJECT, CLOSE, SEND, RECEIVE, ENTER, TASK_GROUP = Call

TRANSITIONS: dict[tuple[State, Call], State] = {
    (CONNECTING, ACCEPT): OPEN,
    (CONNECTING, REJECT): REJECTED,
    (CONNECTING, ENTER): OPEN,
    (OPEN, CLOSE): CLOSED,
    (OPEN, SEND): OPEN,
    (OPEN, RECEIVE): OPEN,
    (OPEN, ENTER): OPEN,
    (OPEN, TASK_GROUP): OPEN,
}

_ACCEPT_FIRST = 'call accept() first, or use "async with ws"'
_IT_IS_OVER = "it can't be used again; leave the handler, or check ws.open first"

WAYS_OUT: dict[State | tuple[State, Call], str] = {
    CONNECTING: _ACCEPT_FIRST,
    (CONNECTING, CLOSE): "call reject() to refuse the handshake, or accept() first",
    (OPEN, ACCEPT): "accept() is called once; leave this call out",
    (OPEN, REJECT): "call close(code, reason) to end it",
    CLOSED: _IT_IS_OVER,
    (CLOSED, CLOSE): "it is closed once; leave this call out, or check ws.open first",
    REJECTED: _IT_IS_OVER,
    DISCONNECTED: _IT_IS_OVER,
}


def explain(state: State, call: Call, why: str | None = None) -> str:
    """Why a call is illegal in a state, and what to do instead.

    ``why`` says how it came to that state, where the caller can't know.
    """
    way_out = WAYS_OUT.get((state, call)) or WAYS_OUT[state]
    because = f", because {why}" if why else ""
    return f"cannot {call.value}: {state.value}{because} ({way_out})"
