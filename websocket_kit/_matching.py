"""Which route a path belongs to, at a cost that does not grow with the number of routes.

Paths are cut at their slashes into a tree. In it a literal segment is a dictionary look-up, and a
parameter one pattern for all routes that have it there. All the nodes that a path can still lead
to are followed together, literals first, so that a literal wins over a parameter whatever comes
after; what is left is settled by who registered first. A parameter that takes slashes, as
``{rest:path}``, ends the tree: the rest of its route is one pattern.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from starlette.convertors import CONVERTOR_TYPES, Convertor

from .errors import InvalidRouteError

T = TypeVar("T")

_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")

_STR = CONVERTOR_TYPES["str"]


class PathPattern(NamedTuple):
    """A route's path, taken apart.

    Attributes:
        path: As it was written.
        convertors: Each parameter's name and convertor, in order.
        segments: For each segment, a literal, or the pattern of a segment with parameters. The
            last may be the pattern of all that is left.
        has_tail: Whether it is.
    """

    path: str
    convertors: dict[str, Convertor[Any]]
    segments: tuple[str | re.Pattern[str], ...]
    has_tail: bool

    def convert(self, values: Sequence[str]) -> dict[str, Any]:
        """The parameters' values by name.

        Raises:
            ValueError: A convertor refuses one.
        """
        params: dict[str, Any] = {}
        # zip() alone would cost as much as to find the route, and a str needs no call.
        for index, (name, convertor) in enumerate(self.convertors.items()):
            value = values[index]
            params[name] = value if convertor is _STR else convertor.convert(value)
        return params

    def fill_in(self, values: dict[str, Any]) -> str:
        """The path with these values in the place of its parameters."""
        return _PARAMETER.sub(
            lambda match: self.convertors[match[1]].to_string(values[match[1]]), self.path
        )


def parse_path(path: str) -> PathPattern:
    """Take a path in Starlette's syntax apart.

    Raises:
        InvalidRouteError: It doesn't begin with a slash, has a query, an unknown convertor, a
            parameter twice, or a brace that belongs to none.
    """
    if not path.startswith("/"):
        msg = f"path {path!r} must begin with a slash: write {'/' + path!r}"
        raise InvalidRouteError(msg)
    if "?" in path:
        msg = (
            f"path {path!r} has a query, which is no part of a path: leave it out, and give the"
            " handler a parameter for each key"
        )
        raise InvalidRouteError(msg)
    convertors: dict[str, Convertor[Any]] = {}
    for name, kind in _PARAMETER.findall(path):
        if name in convertors:
            msg = f"path {path!r} has the parameter {name!r} twice: give each a name of its own"
            raise InvalidRouteError(msg)
        try:
            convertors[name] = CONVERTOR_TYPES[kind or "str"]
        except KeyError:
            msg = (
                f"path {path!r}: there is no convertor {kind!r} (there are"
                f" {', '.join(CONVERTOR_TYPES)}; starlette.convertors.register_url_convertor"
                " adds one)"
            )
            raise InvalidRouteError(msg) from None
    if set("{}") & set(_PARAMETER.sub("", path)):
        msg = f"path {path!r} has a brace outside a parameter: write {{name}} or {{name:convertor}}"
        raise InvalidRouteError(msg)
    segments: list[str | re.Pattern[str]] = []
    pieces = path.removesuffix("/").split("/")[1:]
    for index, piece in enumerate(pieces):
        kinds = [convertors[name] for name, _ in _PARAMETER.findall(piece)]
        if any(_may_take_slashes(kind.regex) for kind in kinds):
            rest = "/".join(pieces[index:])
            segments.append(_to_regex(rest, convertors))
            return PathPattern(path, convertors, tuple(segments), has_tail=True)
        segments.append(_to_regex(piece, convertors) if kinds else piece)
    return PathPattern(path, convertors, tuple(segments), has_tail=False)


def _may_take_slashes(regex: str) -> bool:
    """Whether a convertor's pattern may match a slash; true also where that is hard to tell."""
    plain = regex.replace(r"\.", "").replace("[^/", "[")
    return re.search(r"/|\.|\[\^|\\[DSW]", plain) is not None


def _to_regex(piece: str, convertors: dict[str, Convertor[Any]]) -> re.Pattern[str]:
    # Groups are numbered by name: routes that name a parameter otherwise share the pattern, and
    # groups of a convertor's own don't count.
    regex, end = "", 0
    for index, match in enumerate(_PARAMETER.finditer(piece)):
        regex += re.escape(piece[end : match.start()])
        regex += f"(?P<p{index}>{convertors[match[1]].regex})"
        end = match.end()
    regex += re.escape(piece[end:])
    return _WHOLE_SEGMENT if regex == _WHOLE_SEGMENT.pattern else re.compile(regex)


# What most parameters are, {name}: no need to match it to a segment, which holds no slash.
_WHOLE_SEGMENT = re.compile("(?P<p0>[^/]+)")


class _End(NamedTuple, Generic[T]):
    """Where a route ends: what it leads to, its parameters, and what settles a draw."""

    target: T
    pattern: PathPattern
    order: int

    def has_literal_from(self, index: int) -> bool:
        return any(isinstance(segment, str) for segment in self.pattern.segments[index:])


class _Node(Generic[T]):
    __slots__ = ("branches", "end", "literals", "tails")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.branches: dict[re.Pattern[str], _Node[T]] = {}
        self.tails: dict[re.Pattern[str], _End[T]] = {}
        self.end: _End[T] | None = None


_Values: TypeAlias = "tuple[str, ...]"


class Matcher(Generic[T]):
    """A set of paths, each leading to a target."""

    def __init__(self) -> None:
        """Start with no path."""
        self._root: _Node[T] = _Node()
        # What most paths are, for one look-up each: literals only, and these with one {name} more.
        self._literal: dict[str, _End[T]] = {}
        self._before_name: dict[str, _End[T]] = {}
        # Where a {rest:path} begins, which may be empty: a literal there wins over a {name}.
        self._before_tail: set[str] = set()
        self._count = 0

    def add(self, pattern: PathPattern, target: T) -> None:
        """Add a path.

        Raises:
            InvalidRouteError: One of the same shape is there already.
        """
        end = _End(target, pattern, self._count)
        parent = node = self._root
        inner = pattern.segments[:-1] if pattern.has_tail else pattern.segments
        for segment in inner:
            parent = node
            if isinstance(segment, str):
                node = node.literals.setdefault(segment, _Node())
            else:
                node = node.branches.setdefault(segment, _Node())
        tail = pattern.segments[-1] if pattern.has_tail else None
        other = node.tails.get(tail) if isinstance(tail, re.Pattern) else node.end
        if other is not None:
            msg = (
                f"path {pattern.path!r} matches the same as {other.pattern.path!r}, which is"
                " already routed: change one, or leave one out"
            )
            raise InvalidRouteError(msg)
        self._count += 1
        if isinstance(tail, re.Pattern):
            node.tails[tail] = end
            self._before_tail.add("".join(f"/{segment}" for segment in inner))
        else:
            node.end = end
        if not pattern.convertors:
            self._literal[pattern.path.removesuffix("/")] = end
        elif (
            len(pattern.convertors) == 1
            and pattern.segments[-1] is _WHOLE_SEGMENT
            # Nothing there was before it, and it wins over what comes later.
            and len(parent.branches) == 1
            and not parent.tails
        ):
            self._before_name[pattern.path.removesuffix("/").rpartition("/")[0]] = end

    def find(self, path: str) -> tuple[T, dict[str, Any]] | None:
        """The target of the route that a path belongs to, and the path's parameters."""
        whole = path.removesuffix("/")
        found = self._literal.get(whole)
        if found is not None:
            return found.target, {}
        if path and not path.startswith("/"):
            return None
        before, _, name = whole.rpartition("/")
        end = self._before_name.get(before)
        values: _Values = (name,)
        if end is None or not name or whole in self._before_tail:
            match = _walk(self._root, whole.split("/")[1:], path)
            if match is None:
                return None
            end, values = match
        try:
            return end.target, end.pattern.convert(values)
        except ValueError:  # a number of 5,000 digits, say: no such path
            return None


def _walk(node: _Node[T], pieces: list[str], path: str) -> tuple[_End[T], _Values] | None:
    """The best end for a path: straight on while there is one way to go, else by a search."""
    values: _Values = ()
    for index, piece in enumerate(pieces):
        child = node.literals.get(piece)
        if node.branches or node.tails:
            if child is not None or node.tails or len(node.branches) > 1:
                return _search([(node, values)], pieces, index, path)
            ((pattern, child),) = node.branches.items()
            if pattern is _WHOLE_SEGMENT:
                found: _Values | None = (piece,) if piece else None
            else:
                match = pattern.fullmatch(piece)
                found = match and tuple(match.groupdict().values())
            if found is None:
                return None
            values += found
        if child is None:
            return None
        node = child
    if node.end is None:
        return _search([(node, values)], pieces, len(pieces), path)
    return node.end, values


def _search(
    live: list[tuple[_Node[T], _Values]], pieces: list[str], index: int, path: str
) -> tuple[_End[T], _Values] | None:
    """The best end that can be reached from these nodes by the pieces from an index on."""
    best: tuple[_End[T], _Values] | None = None
    if index < len(pieces):
        piece = pieces[index]
        literal = [
            (node.literals[piece], values) for node, values in live if piece in node.literals
        ]
        if literal and (best := _search(literal, pieces, index + 1, path)) is not None:
            return best
        branches = [
            (child, values + tuple(match.groupdict().values()))
            for node, values in live
            for pattern, child in node.branches.items()
            if (match := pattern.fullmatch(piece)) is not None
        ]
        if branches:
            best = _search(branches, pieces, index + 1, path)
        if best is not None and best[0].has_literal_from(index + 1):
            return best
    else:
        for node, values in live:
            if node.end is not None and (best is None or node.end.order < best[0].order):
                best = node.end, values
        if best is not None:
            return best
    for node, values in live:
        for tail, end in node.tails.items():
            match = _match_tail(tail, pieces, index, path)
            if match is not None and (best is None or end.order < best[0].order):
                best = end, values + tuple(match.groupdict().values())
    return best


def _match_tail(
    tail: re.Pattern[str], pieces: list[str], index: int, path: str
) -> re.Match[str] | None:
    # A slash at the end makes no difference to the route; a value keeps the one it came with.
    rest = "/".join(pieces[index:])
    slash = "/" if path.endswith("/") and rest else ""
    return (
        tail.fullmatch(rest + slash)
        or tail.fullmatch(rest)
        or (tail.fullmatch(rest + "/") if rest else None)
    )
