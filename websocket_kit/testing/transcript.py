"""What was said on a connection, as a list of records that prints as a dialogue."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Literal, NamedTuple, TypeAlias

Event: TypeAlias = MutableMapping[str, Any]

# A failure with its transcript fits on one screen.
MAX_LINES = 30
MAX_WIDTH = 100


class Record(NamedTuple):
    """One ASGI event.

    Attributes:
        time: Seconds since the connection began.
        direction: ``">"`` from the peer, ``"<"`` from the handler.
        event: The event, as the server passed it on.
    """

    time: float
    direction: Literal[">", "<"]
    event: Event

    def __str__(self) -> str:
        """One line: the time, the direction, and what was said."""
        line = f"{self.time:7.3f} {self.direction} {describe(self.event)}"
        return line if len(line) <= MAX_WIDTH else line[: MAX_WIDTH - 1] + "…"


class Transcript(list[Record]):
    """The records of a connection so far; ``str()`` of it is a dialogue, long ones shortened."""

    def __str__(self) -> str:
        """A line for each record; of a long transcript the beginning and the end."""
        if len(self) <= MAX_LINES:
            return "\n".join(map(str, self))
        half = (MAX_LINES - 1) // 2
        cut = f"        … {len(self) - 2 * half} more …"
        return "\n".join([*map(str, self[:half]), cut, *map(str, self[-half:])])


def describe(event: Event) -> str:
    """An event in the words of a dialogue: a message as it is, anything else by its name."""
    kind = event["type"].removeprefix("websocket.")
    return _WORDS.get(kind, _as_it_is)(event)


def _as_it_is(event: Event) -> str:
    return repr(dict(event))


def _message(event: Event) -> str:
    text = event.get("text")
    return show(text if text is not None else event.get("bytes"))


def show(message: object) -> str:
    """A message on one line: text as it is where all of it can be seen, else its ``repr``."""
    if isinstance(message, (str, bytes)):
        message = message[: MAX_WIDTH + 1]
    plain = isinstance(message, str) and message and message.isprintable()
    return message if plain and isinstance(message, str) else repr(message)


def _ending(event: Event) -> str:
    reason = event.get("reason")
    what = "close" if event["type"] == "websocket.close" else "disconnect"
    return f"{what} {event.get('code', 1000)}" + (f" {show(reason)}" if reason else "")


def _accept(event: Event) -> str:
    subprotocol = event.get("subprotocol")
    return "accept" + (f" {subprotocol}" if subprotocol else "")


_WORDS: dict[str, Callable[[Event], str]] = {
    "connect": lambda _: "connect",
    "accept": _accept,
    "receive": _message,
    "send": _message,
    "close": _ending,
    "disconnect": _ending,
    "http.response.start": lambda event: f"reject {event.get('status')}",
    "http.response.body": lambda event: f"body {show(event.get('body', b''))}",
}
