"""Which route a path belongs to: by tables, by Starlette, by a specification too slow to ship."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from starlette.convertors import CONVERTOR_TYPES, Convertor, register_url_convertor
from starlette.routing import compile_path

from websocket_kit._matching import Matcher, parse_path
from websocket_kit.errors import InvalidRouteError

bounded = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def matcher(*paths: str) -> Matcher[str]:
    """A matcher whose targets are the paths themselves."""
    found: Matcher[str] = Matcher()
    for path in paths:
        found.add(parse_path(path), path)
    return found


def params(route: str, path: str) -> dict[str, Any] | None:
    found = matcher(route).find(path)
    return None if found is None else found[1]


def winner(path: str, *routes: str) -> str | None:
    found = matcher(*routes).find(path)
    return None if found is None else found[0]


# ------------------------------------------------------------------------------------ one route


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("/", "/", {}),
        ("/", "", {}),
        ("//", "//", {}),
        ("/chat//", "/chat//", {}),
        ("/chat", "/chat", {}),
        ("/chat", "/chat/", {}),
        ("/chat/", "/chat", {}),
        ("/chat/", "/chat/", {}),
        ("/a/b/c", "/a/b/c", {}),
        ("/café", "/café", {}),
        ("/a.b+c(d)", "/a.b+c(d)", {}),
        ("/{room}", "/lobby", {"room": "lobby"}),
        ("/{room}", "/lobby/", {"room": "lobby"}),
        ("/{room}/", "/lobby", {"room": "lobby"}),
        ("/{room}", "/é €\n", {"room": "é €\n"}),
        ("/rooms/{room}", "/rooms/lobby", {"room": "lobby"}),
        ("/{room}/users/{user}", "/lobby/users/ada", {"room": "lobby", "user": "ada"}),
        ("/{name:str}", "/5", {"name": "5"}),
        ("/{n:int}", "/5", {"n": 5}),
        ("/{n:int}", "/007", {"n": 7}),
        ("/{x:float}", "/1.5", {"x": 1.5}),
        ("/{x:float}", "/2", {"x": 2.0}),
        (
            "/{id:uuid}",
            "/12345678-1234-5678-1234-567812345678",
            {"id": UUID("12345678-1234-5678-1234-567812345678")},
        ),
        (
            "/{id:uuid}",
            "/1234567812345678123456781234567A",
            {"id": UUID("1234567812345678123456781234567a")},
        ),
        ("/v{n:int}.{m}", "/v1.2", {"n": 1, "m": "2"}),
        ("/v{n:int}.{m}/x", "/v1.beta/x", {"n": 1, "m": "beta"}),
        ("/{a}-{b}", "/1-2-3", {"a": "1-2", "b": "3"}),
        ("/{a:int}{b}", "/12x", {"a": 12, "b": "x"}),
        ("/{name}.json", "/a.json", {"name": "a"}),
        ("/{x:float}/{y:float}", "/1.5/2", {"x": 1.5, "y": 2.0}),
        ("/files/{rest:path}", "/files/a/b", {"rest": "a/b"}),
        ("/files/{rest:path}", "/files/a/b/", {"rest": "a/b/"}),
        ("/files/{rest:path}", "/files/a//b", {"rest": "a//b"}),
        ("/files/{rest:path}", "/files/", {"rest": ""}),
        ("/files/{rest:path}", "/files", {"rest": ""}),
        ("/{rest:path}", "/", {"rest": ""}),
        ("/{rest:path}", "/a/b", {"rest": "a/b"}),
        ("/{rest:path}/edit", "/a/b/edit", {"rest": "a/b"}),
        ("/{rest:path}/edit", "/a/b/edit/", {"rest": "a/b"}),
        ("/{rest:path}/edit", "/edit/edit", {"rest": "edit"}),
        ("/a/{rest:path}/b/{n:int}", "/a/x/y/b/5", {"rest": "x/y", "n": 5}),
        ("/a/{one:path}/b/{two:path}", "/a/x/b/y/z", {"one": "x", "two": "y/z"}),
        ("/a/{one:path}/b/{two:path}", "/a/x/b/", {"one": "x", "two": ""}),
        ("/a/{one:path}/b/{two:path}", "/a/x/b", {"one": "x", "two": ""}),
        ("/v{rest:path}", "/v1/a", {"rest": "1/a"}),
        ("/{n:int}/{rest:path}", "/5/a/b", {"n": 5, "rest": "a/b"}),
        ("/{rest:path}.{ext}", "/a/b.c.txt", {"rest": "a/b.c", "ext": "txt"}),
    ],
)
def test_a_path_matches_whole_with_its_parameters_converted(
    route: str, path: str, expected: dict[str, Any]
) -> None:
    found = params(route, path)
    assert found is not None
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("/", "/a"),
        ("/", "//"),
        ("/{x}/b", "//b"),
        ("/a/{x}", "/a//"),
        ("/a/{x}/{y}", "/a/b//"),
        ("//", "/"),
        ("//", ""),
        ("/chat//", "/chat"),
        ("/chat//", "/chat/"),
        ("/chat", "/"),
        ("/chat", "/chats"),
        ("/chat", "/cha"),
        ("/chat", "/chat/x"),
        ("/chat", "/x/chat"),
        ("/chat", "/Chat"),
        ("/chat", "chat"),
        ("/chat", "/chat//"),
        ("/chat", "//chat"),
        ("/chat", "/chat\n"),
        ("/a.b", "/axb"),
        ("/a/b", "/a//b"),
        ("/{room}", "/"),
        ("/{room}", ""),
        ("/{room}", "/a/b"),
        ("/rooms/{room}", "/rooms"),
        ("/rooms/{room}", "/rooms/"),
        ("/{n:int}", "/-5"),
        ("/{n:int}", "/5.0"),
        ("/{n:int}", "/x"),
        ("/{n:int}", "/5\n"),
        ("/{n:int}", "/٣"),
        ("/{x:float}", "/1e5"),
        ("/{x:float}", "/nan"),
        ("/{x:float}", "/.5"),
        ("/{id:uuid}", "/1234"),
        ("/v{n:int}.{m}", "/v1"),
        ("/v{n:int}.{m}", "/vx.2"),
        ("/v{n:int}.{m}", "/v1x2"),
        ("/{rest:path}/edit", "/a/b"),
        ("/{rest:path}/edit", "/a/b/editor"),
        ("/a/{rest:path}/b", "/a/b/c"),
    ],
)
def test_a_path_that_does_not_match_has_no_route(route: str, path: str) -> None:
    assert matcher(route).find(path) is None


def test_a_number_of_5000_digits_is_no_such_path() -> None:
    """Python refuses to convert it; a server error would be the peer's to cause."""
    assert matcher("/{n:int}").find("/" + "9" * 5000) is None
    assert params("/{n:int}", "/" + "9" * 4300) == {"n": int("9" * 4300)}


def test_without_routes_no_path_matches() -> None:
    assert Matcher[str]().find("/") is None


# --------------------------------------------------------------------------------- several routes


@pytest.mark.parametrize(
    ("path", "routes", "expected"),
    [
        ("/", ["/", "//"], "/"),
        ("//", ["/", "//"], "//"),
        ("/a/", ["/a//", "/a"], "/a"),
        ("/me", ["/{user}", "/me"], "/me"),
        ("/me", ["/me", "/{user}"], "/me"),
        ("/ada", ["/{user}", "/me"], "/{user}"),
        ("/me/", ["/{user}", "/me"], "/me"),
        ("/5", ["/{n:int}", "/{name}"], "/{n:int}"),
        ("/5", ["/{name}", "/{n:int}"], "/{name}"),
        ("/x", ["/{n:int}", "/{name}"], "/{name}"),
        # the literal comes first, whatever comes after
        ("/files", ["/{name}", "/files/{rest:path}", "/files"], "/files"),
        ("/files", ["/{name}", "/files/{rest:path}"], "/files/{rest:path}"),
        ("/a/b", ["/{x}/b", "/a/{y}"], "/a/{y}"),
        ("/a/b", ["/{x}/{y}", "/a/{y}", "/{x}/b"], "/a/{y}"),
        ("/c/b", ["/{x}/{y}", "/a/{y}", "/{x}/b"], "/{x}/b"),
        ("/a/b/c", ["/{x}/b/c", "/a/{y}/{z}"], "/a/{y}/{z}"),
        # unless the literal leads nowhere
        ("/a/c", ["/{x}/c", "/a/b"], "/{x}/c"),
        ("/a/b/d", ["/a/b/c", "/a/{y}/{z}", "/{x}/b/d"], "/a/{y}/{z}"),
        ("/a/x", ["/a/{n:int}", "/{x}/{y}"], "/{x}/{y}"),
        # different parameters side by side lead on together
        ("/5/b", ["/{n:int}/{y}", "/{x}/b"], "/{x}/b"),
        ("/5/c", ["/{n:int}/a", "/{x}/c"], "/{x}/c"),
        ("/v1/x", ["/{x}/{y}", "/v{n:int}/{y}"], "/{x}/{y}"),
        # a parameter that takes slashes is a parameter in every segment
        ("/a/b", ["/{rest:path}", "/a/{y}"], "/a/{y}"),
        ("/a/b", ["/{rest:path}", "/{x}/b"], "/{x}/b"),
        ("/a/b", ["/{rest:path}", "/{x}/{y}"], "/{rest:path}"),
        ("/a/b", ["/{x}/{y}", "/{rest:path}"], "/{x}/{y}"),
        ("/a/b/c", ["/{x}/{y}", "/{rest:path}"], "/{rest:path}"),
        ("/a/b/c", ["/{rest:path}", "/a/{more:path}"], "/a/{more:path}"),
        ("/a/b/c", ["/{rest:path}", "/{x}/{more:path}"], "/{rest:path}"),
        ("/a/b/c", ["/{rest:path}", "/{x}/b/{more:path}"], "/{x}/b/{more:path}"),
        ("/a", ["/{rest:path}", "/a"], "/a"),
        ("/", ["/{rest:path}", "/"], "/"),
        ("/", ["/", "/{rest:path}"], "/"),
        # which gives way where it would be empty
        ("/a", ["/a/{rest:path}", "/a"], "/a"),
        ("/b", ["/{x}/{rest:path}", "/{x}"], "/{x}"),
        ("/b/", ["/{x}/{rest:path}", "/{x}"], "/{x}"),
        # but to a literal
        ("/a", ["/{x}", "/a/{rest:path}"], "/a/{rest:path}"),
        ("/a/", ["/a/{rest:path}", "/{x}"], "/a/{rest:path}"),
        ("/a/b/", ["/a/{x}", "/a/b/{rest:path}"], "/a/b/{rest:path}"),
        ("/a/c/", ["/a/{x}", "/a/b/{rest:path}"], "/a/{x}"),
    ],
)
def test_a_literal_wins_over_a_parameter_else_the_first_registered(
    path: str, routes: list[str], expected: str
) -> None:
    assert winner(path, *routes) == expected


def test_the_winners_parameters_are_its_own() -> None:
    found = matcher("/{n:int}/{y}", "/{x}/b", "/{a}/{b}/{c}")
    assert found.find("/5/b") == ("/{x}/b", {"x": "5"})
    assert found.find("/5/c") == ("/{n:int}/{y}", {"n": 5, "y": "c"})
    assert found.find("/1/2/3") == ("/{a}/{b}/{c}", {"a": "1", "b": "2", "c": "3"})


def test_a_target_may_be_anything_even_false() -> None:
    found: Matcher[int] = Matcher()
    found.add(parse_path("/"), 0)
    assert found.find("/") == (0, {})


# -------------------------------------------------------------------------------------- duplicates


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/", "/"),
        ("/chat", "/chat"),
        ("/chat", "/chat/"),
        ("/{room}", "/{user}"),
        ("/{room}", "/{room:str}"),
        ("/{room}/", "/{user}"),
        ("/{a:int}/{b}", "/{c:int}/{d}"),
        ("/v{a:int}.{b}", "/v{c:int}.{d}"),
        ("/{rest:path}", "/{more:path}"),
        ("/a/{rest:path}/b", "/a/{more:path}/b"),
    ],
)
def test_two_routes_of_the_same_shape_are_refused(one: str, other: str) -> None:
    with pytest.raises(InvalidRouteError) as caught:
        matcher(one, other)
    assert str(caught.value) == (
        f"path {other!r} matches the same as {one!r}, which is already routed:"
        " change one, or leave one out"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/b"),
        ("/a", "/{x}"),
        ("/a", "/a/b"),
        ("/{x}", "/{x:int}"),
        ("/{x:int}", "/{x:float}"),
        ("/{x}", "/{x}/a"),
        ("/{x}", "/{rest:path}"),
        ("/{x}", "/v{x}"),
        ("/{x}.{y}", "/{x}-{y}"),
    ],
)
def test_routes_of_different_shapes_stand_side_by_side(one: str, other: str) -> None:
    matcher(one, other)
    matcher(other, one)


def test_a_refused_route_leaves_the_others_as_they_were() -> None:
    found = matcher("/{room}", "/a")
    with pytest.raises(InvalidRouteError):
        found.add(parse_path("/{user}"), "another")
    assert found.find("/lobby") == ("/{room}", {"room": "lobby"})
    found.add(parse_path("/b"), "/b")
    assert found.find("/b") == ("/b", {})


# --------------------------------------------------------------------------------- malformed paths

BUILT_IN = "str, path, int, float, uuid"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "path '' must begin with a slash: write '/'"),
        ("chat", "path 'chat' must begin with a slash: write '/chat'"),
        ("{room}", "path '{room}' must begin with a slash: write '/{room}'"),
        (
            "/chat?name=Ada",
            (
                "path '/chat?name=Ada' has a query, which is no part of a path: leave it out, and"
                " give the handler a parameter for each key"
            ),
        ),
        (
            "/{x}/{x}",
            "path '/{x}/{x}' has the parameter 'x' twice: give each a name of its own",
        ),
        (
            "/{x:int}-{x}",
            "path '/{x:int}-{x}' has the parameter 'x' twice: give each a name of its own",
        ),
        (
            "/{x:integer}",
            "path '/{x:integer}': there is no convertor 'integer' (there are "
            + BUILT_IN
            + "; starlette.convertors.register_url_convertor adds one)",
        ),
        *(
            (
                path,
                (
                    f"path {path!r} has a brace outside a parameter:"
                    " write {name} or {name:convertor}"
                ),
            )
            for path in (
                "/{",
                "/}",
                "/{}",
                "/{x",
                "/x}",
                "/{{x}}",
                "/{x y}",
                "/{x:}",
                "/{:int}",
                "/{1}",
                "/{x-y}",
                "/{é}",
                "/{x}}",
                "/{x:int:str}",
            )
        ),
    ],
)
def test_a_path_that_cannot_be_is_refused_and_the_text_says_what_to_write(
    path: str, text: str
) -> None:
    with pytest.raises(InvalidRouteError) as caught:
        parse_path(path)
    assert str(caught.value) == text


# ------------------------------------------------------------------------------ custom convertors


class Upper(Convertor[str]):
    regex = "[A-Z]+"

    def convert(self, value: str) -> str:
        return value.lower()

    def to_string(self, value: str) -> str:
        return value.upper()


class Coordinates(Convertor[tuple[str, str]]):
    """Its regex has groups of its own, nested, and one that is none already."""

    regex = r"((?:[0-9]+)),(([0-9])+)"

    def convert(self, value: str) -> tuple[str, str]:
        x, _, y = value.partition(",")
        return x, y

    def to_string(self, value: tuple[str, str]) -> str:
        return ",".join(value)


class Bracketed(Convertor[str]):
    """Its regex has parentheses that are no groups."""

    regex = r"[(][a-z]+\)"

    def convert(self, value: str) -> str:
        return value[1:-1]

    def to_string(self, value: str) -> str:
        return f"({value})"


class Month(Convertor[str]):
    """Takes a slash, but not just any text."""

    regex = "[0-9]{4}/[0-9]{2}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Even(Convertor[int]):
    """Refuses some of what its regex takes."""

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        if int(value) % 2:
            msg = "odd"
            raise ValueError(msg)
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


@pytest.fixture
def convertors() -> Iterator[None]:
    before = dict(CONVERTOR_TYPES)
    register_url_convertor("upper", Upper())
    register_url_convertor("coordinates", Coordinates())
    register_url_convertor("bracketed", Bracketed())
    register_url_convertor("month", Month())
    register_url_convertor("even", Even())
    yield
    CONVERTOR_TYPES.clear()
    CONVERTOR_TYPES.update(before)


@pytest.mark.usefixtures("convertors")
@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("/{x:upper}", "/ABC", {"x": "abc"}),
        ("/{x:upper}", "/abc", None),
        ("/{x:upper}-{y}", "/ABC-d", {"x": "abc", "y": "d"}),
        ("/{at:coordinates}", "/1,23", {"at": ("1", "23")}),
        ("/{at:coordinates}/{x}", "/1,23/y", {"at": ("1", "23"), "x": "y"}),
        ("/{x}/{at:coordinates}", "/y/1,23/", {"at": ("1", "23"), "x": "y"}),
        ("/{at:coordinates}", "/1,", None),
        ("/{x:bracketed}", "/(abc)", {"x": "abc"}),
        ("/{x:bracketed}/{y}", "/(abc)/d", {"x": "abc", "y": "d"}),
        ("/{x:bracketed}", "/?abc)", None),
        ("/{x:bracketed}", "/:abc)", None),
        ("/{x:month}", "/2020/02", {"x": "2020/02"}),
        ("/in/{x:month}/{y}", "/in/2020/02/z", {"x": "2020/02", "y": "z"}),
        ("/{x:month}", "/2020", None),
        ("/{x:even}", "/4", {"x": 4}),
        ("/{x:even}", "/5", None),
    ],
)
def test_a_convertor_registered_with_starlette_works(
    route: str, path: str, expected: dict[str, Any] | None
) -> None:
    assert params(route, path) == expected


@pytest.mark.usefixtures("convertors")
def test_a_convertor_registered_with_starlette_is_named_among_those_there_are() -> None:
    with pytest.raises(InvalidRouteError, match=f"there are {BUILT_IN}, upper, "):
        parse_path("/{x:lower}")


# ------------------------------------------------------------------------------------ filling in


@pytest.mark.parametrize(
    ("route", "values", "path"),
    [
        ("/", {}, "/"),
        ("/chat/", {}, "/chat/"),
        ("/{room}", {"room": "lobby"}, "/lobby"),
        ("/v{n:int}.{m}/", {"n": 1, "m": "2"}, "/v1.2/"),
        ("/{x:float}", {"x": 1.5}, "/1.5"),
        ("/a/{rest:path}", {"rest": "b/c"}, "/a/b/c"),
        ("/{id:uuid}", {"id": UUID(int=1)}, "/00000000-0000-0000-0000-000000000001"),
        (r"/{a}\1", {"a": r"\g<0>"}, r"/\g<0>\1"),
    ],
)
def test_a_path_is_filled_in_with_values(route: str, values: dict[str, Any], path: str) -> None:
    assert parse_path(route).fill_in(values) == path


def test_values_are_converted_in_order() -> None:
    assert parse_path("/{n:int}/{x}").convert(["5", "6"]) == {"n": 5, "x": "6"}


# ---------------------------------------------------------------------------------- as Starlette

words = st.sampled_from(["a", "b", "ab", "1", "12", "v1", "1.5", "a.b", "x-y"])
literals = st.sampled_from(["a", "b", "1", "v1"])
kinds = st.sampled_from(["", ":str", ":int", ":float", ":path"])


@st.composite
def segments(draw: st.DrawFn, name: str) -> str:
    parameter = f"{{{name}{draw(kinds)}}}"
    shape = draw(st.sampled_from(["literal", "literal", "whole", "whole", "before", "two"]))
    if shape == "literal":
        return draw(literals)
    if shape == "before":
        return f"v{parameter}"
    if shape == "two":
        return f"{parameter}.{{{name}_too}}"
    return parameter


@st.composite
def routes(draw: st.DrawFn) -> str:
    count = draw(st.integers(0, 3))
    return "/" + "/".join(draw(segments(f"p{index}")) for index in range(count))


paths = st.lists(words, max_size=4).map(lambda pieces: "/" + "/".join(pieces))


def by_starlette(route: str, path: str) -> dict[str, Any] | None:
    regex, _, convertors = compile_path(route)
    match = regex.match(path)
    if match is None:
        return None
    return {name: convertors[name].convert(text) for name, text in match.groupdict().items()}


def by_starlette_or_with_a_slash(route: str, path: str) -> dict[str, Any] | None:
    """A slash at the end makes no difference to us."""
    found = by_starlette(route, path)
    return by_starlette(route, f"{path}/") if found is None and path != "/" else found


@bounded
@given(routes(), paths)
def test_a_route_matches_what_starlettes_would(route: str, path: str) -> None:
    assert params(route, path) == by_starlette_or_with_a_slash(route, path)


@bounded
@given(routes(), paths)
def test_a_slash_at_the_end_makes_no_difference(route: str, path: str) -> None:
    if "path}" in route:  # what takes slashes takes this one too
        assert (matcher(route).find(f"{path}/") is None) == (matcher(route).find(path) is None)
    else:
        assert params(route, path) == params(route, f"{path}/".replace("//", "/"))
        assert params(route, path) == params(f"{route}/".replace("//", "/"), path)


@bounded
@given(routes(), paths)
def test_a_route_filled_in_with_what_it_matched_leads_back_to_it(route: str, path: str) -> None:
    found = params(route, path)
    if found is not None:
        assert params(route, parse_path(route).fill_in(found)) == found


# ------------------------------------------------------------------------------- as specified


def by_specification(table: list[str], path: str) -> str | None:
    """Try every route; a literal wins segment by segment, else the first registered."""
    matching = [route for route in table if by_starlette_or_with_a_slash(route, path) is not None]

    def rank(route: str) -> tuple[list[bool], int]:
        pieces = route.strip("/").split("/")
        slashes = next((n for n, piece in enumerate(pieces) if ":path}" in piece), len(pieces))
        literal = [n < slashes and "{" not in piece for n, piece in enumerate(pieces)]
        width = 12  # more segments than any route has; past its end there are no literals
        return [not each for each in literal] + [True] * (width - len(literal)), table.index(route)

    return min(matching, key=rank, default=None)


def shape(route: str) -> str:
    return re.sub(r"\{\w+?(:\w+)?\}", lambda match: f"{{{(match[1] or ':str')}}}", route)


tables = st.lists(routes(), min_size=1, max_size=8, unique_by=shape)


@settings(bounded, max_examples=150)
@given(tables, paths)
def test_among_routes_a_literal_wins_segment_by_segment_else_the_first(
    table: list[str], path: str
) -> None:
    found = [by_starlette_or_with_a_slash(route, path) or {} for route in table]
    assume(all("" not in values.values() for values in found))  # see the table above
    assert winner(path, *table) == by_specification(table, path)


@settings(bounded, max_examples=150)
@given(tables, paths.map(lambda path: f"{path}/") | paths)
def test_what_is_found_by_one_look_up_is_what_the_search_finds(table: list[str], path: str) -> None:
    quick = matcher(*table)
    slow = matcher(*table)
    slow._literal.clear()  # noqa: SLF001 - no public way past them
    slow._before_name.clear()  # noqa: SLF001
    assert quick.find(path) == slow.find(path)


@bounded
@given(st.text(st.characters()))
def test_any_path_whatever_gives_an_answer(path: str) -> None:
    found = matcher("/", "/a/{x:int}", "/{x}/b", "/v{n:int}.{m}", "/a/{rest:path}/b")
    assert found.find(path) is None or path == "" or path.startswith("/")


@bounded
@given(st.text("/{}:abint1_", max_size=12))
def test_any_text_is_a_path_or_an_invalid_route(text: str) -> None:
    try:
        pattern = parse_path(text)
    except InvalidRouteError:
        return
    assert pattern.path == text
    assert text.startswith("/")
