"""What each case is about: the words around its table, and no code that needs a peer installed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """A case in words.

    Attributes:
        title: Its heading.
        unit: What the last column counts, and of what.
        scale: What a cost is multiplied by for that column.
        what: What is measured.
        meaning: What a figure means for a person choosing a library.
    """

    title: str
    unit: str
    scale: float
    what: str
    meaning: str


_MICROSECONDS = 1e6

DESCRIPTIONS: dict[str, Description] = {
    "text": Description(
        "Text echo, in memory",
        "µs a message",
        _MICROSECONDS,
        "A text is received and sent back. The server's side is a few lines in memory that never "
        "make the handler wait, so what is left is the library's own work. Two rows of raw ASGI "
        "show what Python takes for it: two coroutines around the server's, with nothing in them, "
        "as `receive` and `send` are; and an async function for each message, as for `answer`.",
        "The upper bound of what a library adds to a message. All else that a message costs, the "
        "socket, the protocol, your handler, comes on top and is the same with each of them.",
    ),
    "turn-asyncio": Description(
        "Text echo, one turn of the event loop a message, asyncio",
        "µs a message",
        _MICROSECONDS,
        "The same, but each receive waits for the event loop to come round once, as it does when "
        "the next message isn't there yet.",
        "What is left of the differences once a message also costs a turn of the event loop.",
    ),
    "turn-uvloop": Description(
        "Text echo, one turn of the event loop a message, uvloop",
        "µs a message",
        _MICROSECONDS,
        "The same on uvloop, whose turns cost less.",
        "The faster the event loop, the more of a message's cost is the library's.",
    ),
    "dict": Description(
        "Dict echo",
        "µs a message",
        _MICROSECONDS,
        "A JSON object of 125 bytes becomes a dict and is sent back as JSON.",
        "For handlers that work with plain dicts. Which JSON parser a library uses matters more "
        "here than the rest of it: pydantic_core for websocket_kit, msgspec for Litestar, the json "
        "module for most others.",
    ),
    "model": Description(
        "A model of five fields",
        "µs a message",
        _MICROSECONDS,
        "JSON is validated as a model, and the model is sent back.",
        "For handlers with one type of message. Where a library has no typed receive, its users "
        "write the validation themselves; the tables have it both ways: parsed by pydantic from "
        "the text, and, as is often seen, through a dict.",
    ),
    "union": Description(
        "A union of ten models",
        "µs a message",
        _MICROSECONDS,
        "As many types of message as a real protocol has, told apart by a discriminator, each "
        "validated and sent back.",
        "The figure to look at for a typed protocol. Litestar's row is on msgspec's own types; it "
        "takes no union of pydantic models.",
    ),
    "connect-1": Description(
        "Connect, accept, close; one route",
        "µs a connection",
        _MICROSECONDS,
        "A handshake is routed to a handler that accepts it and closes.",
        "Matters where connections are many and short, as after a deployment, when every client "
        "comes back at once. raw ASGI has no router: its row is the floor.",
    ),
    "connect-50": Description(
        "Connect, accept, close; the last of 50 routes",
        "µs a connection",
        _MICROSECONDS,
        "The same in an app of 50 routes, for the last of them.",
        "What the size of an app adds to each of its connections.",
    ),
    "inputs-1": Description(
        "Connect with one path and two query inputs; one route",
        "µs a connection",
        _MICROSECONDS,
        "The handler takes a `str` from the path, an `int` and a `str` from the query. Starlette, "
        "Falcon and Quart leave the cast to the handler; the others do it from its annotations.",
        "The cost of declaring inputs rather than reading them by hand.",
    ),
    "inputs-50": Description(
        "Connect with one path and two query inputs; the last of 50 routes",
        "µs a connection",
        _MICROSECONDS,
        "The same in an app of 50 routes, for the last of them.",
        "What people get who declare inputs in an app of some size.",
    ),
    "routes": Description(
        "Finding the last of many routes",
        "µs a look-up",
        _MICROSECONDS,
        "The path is that of the last route, with one parameter, another room each time so that no "
        "cache of results helps. Only the look-up is measured, by the function that the library "
        "itself uses for it. A library is left out where making so many routes takes it long.",
        "Read it downwards: a library whose figures don't grow doesn't mind how many routes there "
        "are.",
    ),
    "memory": Description(
        "Memory of a parked connection",
        "bytes a connection",
        1,
        "What Python allocates for a connection that is accepted and waits for its first message, "
        "the scope and the server's own side left out.",
        "Multiply by the connections you mean to hold. The server's own buffers and, with TLS, the "
        "cipher's state come on top.",
    ),
    "import": Description(
        "Import time",
        "ms an import",
        1000,
        "A fresh interpreter imports the package, compiled before. The baseline is what "
        "websocket_kit cannot do without: starlette.routing, starlette.websockets, anyio and "
        "pydantic's TypeAdapter.",
        "Part of every start of a worker, a command or a test run.",
    ),
    "text-parts": Description(
        "What our share of a text's echo is spent on",
        "µs a message",
        _MICROSECONDS,
        "The same handler on our socket, each time with something left out: all that `receive` "
        "does but await the server's, all that `send` does, and both.",
        "To be awaited twice, the last row, is most of what we add, and two methods can't do "
        "without. The rest is, for `receive`: to take a type and a timeout, to let one task "
        "receive at a time, and to bound what a message weighs; for `send`: to see whether it is "
        "open, and that the text is one that UTF-8 can carry; for both, to turn whatever a server "
        "raises into one error. `answer` owns the loop, and does without the two coroutines.",
    ),
    "dict-parts": Description(
        "What our share of a dict's echo is spent on",
        "µs a message",
        _MICROSECONDS,
        "The same handler on our socket, each time with something left out: what casting does "
        "beyond parsing, what sending does beyond serialising, and both. The row of two coroutines "
        "is raw ASGI with an async `receive` and an async `send` around the server's, and nothing "
        "in them.",
        "Half of what we add can't go: to be awaited twice, and to see on each message whether the "
        "connection is still open and no other task is receiving. Casting then pays for one error "
        "type whatever the text, for an object and nothing else as a `dict`, and for no `NaN`; "
        "sending for aliases, for the kinds that JSON doesn't know, for errors that name what "
        "can't be sent, and again for no `NaN`.",
    ),
    "union-parts": Description(
        "What our share of a union's echo is spent on",
        "µs a message",
        _MICROSECONDS,
        "The same for the union of ten models.",
        "As above. With the longer texts of a real protocol our share is less of the whole.",
    ),
    "inputs-parts": Description(
        "What our share of a connection is spent on",
        "µs a connection",
        _MICROSECONDS,
        "Connect, accept, close on the last of 50 routes, each time with something left out: the "
        "inputs from the query, the one from the path, the handler's own close.",
        "What is left without inputs finds the route, compares the Origin, makes the socket, "
        "accepts, and ends it in any case, even when the handler is cancelled.",
    ),
    "testing": Description(
        "A test: connect, one message, its answer, close",
        "µs a test",
        _MICROSECONDS,
        "The same echo under `websocket_kit.testing` and under Starlette's `TestClient`, which "
        "starts a thread and an event loop for each connection, or one for all of them inside "
        "`with TestClient(app)`.",
        "How many protocol tests fit in a second.",
    ),
}

for _server in ("uvicorn", "hypercorn", "granian"):
    DESCRIPTIONS[f"{_server}-echo"] = Description(
        f"Over loopback: text echo on {_server}",
        "µs a message",
        _MICROSECONDS,
        f"A real client, {_server}, and the CPU time of all the server's processes for a message "
        "and its answer.",
        "What is left of the first table when the message comes from a socket: this is the "
        "difference that shows on a server's bill.",
    )
    DESCRIPTIONS[f"{_server}-connect"] = Description(
        f"Over loopback: connect, accept, close on {_server}",
        "µs a connection",
        _MICROSECONDS,
        f"A real client, {_server}, and the CPU time of all the server's processes for a handshake "
        "that is accepted and closed, in an app of one route.",
        "The handshake itself, with its hashing and parsing, is the greater part.",
    )
