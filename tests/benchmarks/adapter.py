"""What a library brings to the benchmarks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

# Each library types scope, receive and send in its own way.
App: TypeAlias = Callable[..., Awaitable[None]]

Job: TypeAlias = Literal["text", "dict", "model", "union"]

# Where the apps with routes are asked for the last of them: literal, with inputs, and what the
# inputs come to, by which a check sees that they were read and cast.
QUERY = "limit=5&name=Ada"
REASON = "lobby 6 Ada"


def literal_path(index: int) -> str:
    """The path of a route without inputs."""
    return f"/section-{index}"


def input_path(index: int, room: str = "{room}") -> str:
    """The path of a route with one input in it."""
    return f"/section-{index}/{room}"


@dataclass(frozen=True)
class Library:
    """A library's apps, each written as its documentation would have it.

    Attributes:
        name: As the tables show it.
        echoes: Apps that send every message back, by what they take it for, then by the way they
            do it.
        with_routes: Makes an app of so many routes; each accepts and closes.
        with_inputs: The same with a path input, an int and a str from the query, which the close
            reason repeats.
        finder: Makes so many routes, and a function from a path to the room that is in it, by way
            of the route it belongs to.
        most_routes: The most routes that it makes within a few seconds.
    """

    name: str
    echoes: Mapping[Job, Mapping[str, App]]
    with_routes: Callable[[int], App] | None = None
    with_inputs: Callable[[int], App] | None = None
    finder: Callable[[int], Callable[[str], object]] | None = None
    most_routes: int = 1_000

    def ways(self, job: Job) -> dict[str, App]:
        """The apps for a job, by the names of their rows."""
        return {f"{self.name}: {way}": app for way, app in self.echoes.get(job, {}).items()}
