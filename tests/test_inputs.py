"""A handler's inputs: where each comes from, what it is cast to, and what a bad one is answered."""

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    RootModel,
    model_validator,
)
from pydantic_core import PydanticCustomError
from starlette.convertors import StringConvertor
from starlette.requests import HTTPConnection, Request
from typing_extensions import TypeAliasType, TypedDict

from websocket_kit import WebSocket
from websocket_kit._inputs import Problem, plan_inputs, problems_as_json
from websocket_kit._matching import parse_path
from websocket_kit._signature import Cookie, Header, Query, query, read_signature
from websocket_kit.errors import InvalidRouteError

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOTHING: Any = object()
ANY_LIST: Any = list
ABOVE_3: Any = Annotated[int, Field(gt=3)]
THEIRS = "Hunter2Hunter2"


def handler_of(tp: Any, default: Any = NOTHING) -> Any:
    """A handler with one input, ``x``, of a type."""

    async def handler(ws: WebSocket, x: object) -> None: ...

    handler.__annotations__["x"] = tp
    handler.__defaults__ = () if default is NOTHING else (default,)
    return handler


def read(
    handler: Any,
    query_string: str = "",
    *,
    path: str = "/",
    path_params: dict[str, Any] | None = None,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> tuple[dict[str, Any], list[Problem]]:
    inputs = plan_inputs(read_signature(handler, {}), path, parse_path(path).convertors)
    return inputs.read(
        {
            "query_string": query_string.encode(),
            "headers": headers,
            "path_params": path_params or {},
        }
    )


def value(*args: Any, **kwargs: Any) -> Any:
    values, problems = read(*args, **kwargs)
    assert problems == []
    assert [*values] == ["x"]
    return values["x"]


def problems(*args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
    values, found = read(*args, **kwargs)
    assert values == {}
    return [tuple(problem) for problem in found]


def refusal(handler: Any, path: str = "/") -> str:
    signature = read_signature(handler, {})
    with pytest.raises(InvalidRouteError) as caught:
        plan_inputs(signature, path, parse_path(path).convertors)
    return str(caught.value)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


Id = TypeAliasType("Id", int)
Ids = TypeAliasType("Ids", list[Id])
NewIds = NewType("NewIds", Ids)
Token = TypeAliasType("Token", Annotated[str, Header("x-token")])


# ------------------------------------------------------------------------------------ from where


def test_a_handler_without_inputs_reads_nothing() -> None:
    async def chat(ws: WebSocket) -> None: ...

    assert read(chat, "x=1") == ({}, [])


def test_each_input_comes_from_its_place() -> None:
    async def chat(
        ws: WebSocket,
        room: str,
        n: int,
        q: Annotated[str, Query()],
        user_agent: Annotated[str, Header()],
        session: Annotated[str, Cookie()],
    ) -> None: ...

    values, found = read(
        chat,
        "n=5&q=hello+w%C3%B6rld",
        path="/{room}",
        path_params={"room": "lobby", "other": "x"},
        headers=[(b"user-agent", b"curl"), (b"cookie", b"session=abc; other=x")],
    )
    assert found == []
    assert values == {
        "room": "lobby",
        "n": 5,
        "q": "hello wörld",
        "user_agent": "curl",
        "session": "abc",
    }


def test_what_no_parameter_asks_for_is_ignored() -> None:
    assert value(handler_of(int), "y=2&x=1&z") == 1


@pytest.mark.parametrize(
    ("mark", "headers", "expected"),
    [
        (Header(), [(b"x", b"1")], "1"),
        (Header(), [(b"X", b"1")], "1"),
        (Header(), [(b"x", b"1"), (b"X", b"2")], "2"),
        (Header(), [(b"x", b"caf\xe9")], "café"),
        (Header("X-Token"), [(b"x-token", b"1"), (b"x", b"2")], "1"),
        (Header("x_token"), [(b"x_token", b"1"), (b"x-token", b"2")], "1"),
        (Cookie(), [(b"cookie", b"x=1")], "1"),
        (Cookie(), [(b"Cookie", b"y=2; x=1")], "1"),
        (Cookie(), [(b"cookie", b"y=2"), (b"cookie", b"x=1")], "1"),
        (Cookie(), [(b"cookie", b'x="a b"')], "a b"),
        (Cookie("y"), [(b"cookie", b"x=1; y=2")], "2"),
    ],
)
def test_a_header_or_cookie_is_looked_up_by_name_or_alias(
    mark: Any, headers: list[tuple[bytes, bytes]], expected: str
) -> None:
    assert value(handler_of(Annotated[str, mark]), headers=headers) == expected


def test_a_headers_underscores_are_hyphens_and_its_case_makes_no_difference() -> None:
    async def chat(ws: WebSocket, X_Api_Key: Annotated[str, Header()]) -> None: ...  # noqa: N803

    assert read(chat, headers=[(b"x-api-key", b"k"), (b"x_api_key", b"no")]) == (
        {"X_Api_Key": "k"},
        [],
    )


def test_a_query_key_may_have_an_alias() -> None:
    assert value(handler_of(Annotated[str, Query(alias="search-for")]), "search-for=a&x=b") == "a"


@pytest.mark.parametrize("tp", [Token, Token | None], ids=str)
def test_a_mark_may_be_part_of_a_type_alias(tp: Any) -> None:
    """Which must not read the query unnoticed."""
    assert value(handler_of(tp), "x=query", headers=[(b"x-token", b"header")]) == "header"


def test_a_mark_alone_leaves_an_input_a_str() -> None:
    """``str`` is what an unmarked input is too."""

    @query("x")
    async def chat(ws: WebSocket, x: object) -> None: ...

    chat.__annotations__.clear()
    assert value(chat, "x=5") == "5"


def test_query_reads_without_annotations() -> None:
    @query("name", str, default="guest")
    @query("n", int, str)
    async def chat(ws: WebSocket, name: object, n: object) -> None: ...

    chat.__annotations__.clear()
    assert read(chat, "n=5") == ({"name": "guest", "n": 5}, [])
    assert read(chat, "n=five&name=Ada") == ({"name": "Ada", "n": "five"}, [])


@pytest.mark.parametrize("scope", [{}, {"headers": None}, {"headers": []}])
def test_a_scope_may_leave_out_what_is_optional(scope: dict[str, Any]) -> None:
    async def chat(
        ws: WebSocket,
        a: int = 1,
        b: Annotated[int, Header()] = 2,
        c: Annotated[int, Cookie()] = 3,
    ) -> None: ...

    inputs = plan_inputs(read_signature(chat, {}), "/", {})
    assert inputs.read(scope) == ({"a": 1, "b": 2, "c": 3}, [])


# ---------------------------------------------------------------------------------- from the path


@pytest.mark.parametrize(
    ("convertor", "tp", "given_as", "expected"),
    [
        ("str", str, "a", "a"),
        ("str", int, "5", 5),
        ("str", Color, "red", Color.RED),
        ("str", Priority, "2", Priority.HIGH),
        ("str", Literal["a", 1], "1", 1),
        ("str", int | str, "5", 5),
        ("str", Annotated[str, Field(max_length=3)], "abc", "abc"),
        ("str", date, "2020-02-29", date(2020, 2, 29)),
        ("int", int, 5, 5),
        ("int", str, 5, "5"),
        ("int", object, 5, 5),
        ("int", Priority, 1, Priority.LOW),
        ("int", Literal[1], 1, 1),
        ("int", bool, 1, True),
        ("int", Annotated[int, Field(gt=3)], 5, 5),
        ("float", float, 1.5, 1.5),
        ("float", Decimal, 1.5, Decimal("1.5")),
        ("uuid", UUID, UUID(int=1), UUID(int=1)),
        ("uuid", str, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("path", Path, "a/b", Path("a/b")),
        # a str is the convertor's text, whatever stands around it
        ("int", Annotated[str, Field(max_length=3)], 5, "5"),
        ("int", str | None, 5, "5"),
        ("int", Literal["5"], 5, "5"),
        ("int", int | str, 5, 5),
        ("float", str, 1e20, "100000000000000000000"),
        ("uuid", str | None, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("str", str | None, "a", "a"),
    ],
    ids=str,
)
def test_a_path_input_is_cast_further_by_its_annotation(
    convertor: str, tp: Any, given_as: Any, expected: Any
) -> None:
    found = value(handler_of(tp), path=f"/{{x:{convertor}}}", path_params={"x": given_as})
    assert found == expected
    assert type(found) is type(expected)


def test_a_path_input_without_an_annotation_is_what_the_convertor_gives() -> None:
    async def chat(ws: WebSocket, x: object) -> None: ...

    chat.__annotations__.clear()
    assert value(chat, path="/{x:int}", path_params={"x": 5}) == 5


def test_a_path_input_that_cannot_be_cast_is_a_problem() -> None:
    found = problems(handler_of(Color), path="/{x}", path_params={"x": THEIRS})
    assert found == [(("path", "x"), "Input should be 'red' or 'blue'", "enum")]


def test_what_is_wrong_with_a_convertors_value_is_said_of_its_text() -> None:
    tp = Annotated[str, Field(max_length=1)]
    assert problems(handler_of(tp), path="/{x:int}", path_params={"x": 12}) == [
        (("path", "x"), "String should have at most 1 character", "string_too_long")
    ]


class CommaList(StringConvertor):
    """Gives a list: a convertor of a user's own may give anything."""

    regex = "[a-z,]+"

    def convert(self, value: str) -> Any:
        return value.split(",")


@pytest.mark.parametrize(
    ("tp", "expected"), [(list[str], ["a", "b"]), (set[str] | str, {"a", "b"}), (Any, ["a", "b"])]
)
def test_a_path_input_may_be_a_list_where_its_convertor_gives_one(tp: Any, expected: Any) -> None:
    inputs = plan_inputs(read_signature(handler_of(tp), {}), "/", {"x": CommaList()})
    assert inputs.read({"path_params": {"x": ["a", "b"]}}) == ({"x": expected}, [])


def test_a_default_does_not_make_a_path_input_optional() -> None:
    found = problems(handler_of(int, 5), path="/{x}", path_params={"x": "a"})
    assert [problem[2] for problem in found] == ["int_parsing"]


# ----------------------------------------------------------------------------------- to what


@pytest.mark.parametrize(
    ("tp", "query_string", "expected"),
    [
        (str, "x=5", "5"),
        (str, "x=", ""),
        (str, "x", ""),
        (str, "x=a&x=b", "b"),
        (str, "x=%ff", "�"),
        (str, "x=a%26b%3Dc", "a&b=c"),
        (int, "x=5", 5),
        (int, "x=-5", -5),
        (int, "x=1&x=2", 2),
        (float, "x=1.5", 1.5),
        (bool, "x=true", True),
        (bool, "x=yes", True),
        (bool, "x=0", False),
        (bytes, "x=abc", b"abc"),
        (Decimal, "x=1.10", Decimal("1.10")),
        (UUID, "x=00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (date, "x=2020-02-29", date(2020, 2, 29)),
        (datetime, "x=2020-02-29T12:00:00", datetime(2020, 2, 29, 12)),  # noqa: DTZ001
        (timedelta, "x=P1D", timedelta(days=1)),
        (Path, "x=a%2Fb", Path("a/b")),
        (object, "x=5", "5"),
        (Any, "x=5", "5"),
        (Color, "x=red", Color.RED),
        (Priority, "x=2", Priority.HIGH),
        (Literal["a", "b"], "x=b", "b"),
        (Literal[1], "x=1", 1),
        (Literal[1, "a"], "x=a", "a"),
        (Literal[True], "x=true", True),
        (int | None, "x=5", 5),
        (str | None, "x=null", "null"),
        (int | str, "x=5", 5),
        (int | str, "x=five", "five"),
        (str | int, "x=5", "5"),
        (bool | int | str, "x=2", 2),
        (Color | int, "x=5", 5),
        (Priority | str, "x=2", Priority.HIGH),
        (Literal[1] | str, "x=2", "2"),
        (Annotated[int, Field(gt=3)], "x=5", 5),
        (Annotated[str, Field(pattern="^a+$")], "x=aa", "aa"),
        (ABOVE_3 | None, "x=5", 5),
        (list[int], "x=1&x=2", [1, 2]),
        (list[int], "x=1", [1]),
        (list[Any], "x=1&x=2", ["1", "2"]),
        (ANY_LIST, "x=1&x=2", ["1", "2"]),
        (list[int | str], "x=1&x=a", [1, "a"]),
        (list[Priority], "x=1&x=2", [Priority.LOW, Priority.HIGH]),
        (list[Literal[1, 2]], "x=2", [2]),
        (list[int] | None, "x=1", [1]),
        (set[int], "x=1&x=1", {1}),
        (frozenset[int], "x=1&x=1", frozenset({1})),
        (tuple[int, ...], "x=1&x=2", (1, 2)),
        (tuple[int, str], "x=1&x=2", (1, "2")),
        (Sequence[int], "x=1&x=2", [1, 2]),
        (Annotated[list[int], Field(max_length=2)], "x=1&x=2", [1, 2]),
        (Annotated[list[int], Query(alias="y")], "y=1&y=2", [1, 2]),
        (list[int] | set[int], "x=1&x=1", [1, 1]),
        (Literal[Color.RED], "x=red", Color.RED),
        (Ids, "x=1&x=2", [1, 2]),
        (Ids | None, "x=1", [1]),
        (list[Id], "x=1&x=2", [1, 2]),
        (NewIds, "x=1&x=2", [1, 2]),
        (Annotated[Ids, Field(max_length=2)], "x=1&x=2", [1, 2]),
    ],
    ids=str,
)
def test_an_input_is_cast_to(tp: Any, query_string: str, expected: Any) -> None:
    found = value(handler_of(tp), query_string)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("mark", "headers", "expected"),
    [
        (Header(), [(b"x", b"1"), (b"x", b"2")], [1, 2]),
        (Cookie(), [(b"cookie", b"x=1")], [1]),
    ],
)
def test_a_list_may_come_from_headers_or_a_cookie(
    mark: Any, headers: list[tuple[bytes, bytes]], expected: list[int]
) -> None:
    assert value(handler_of(Annotated[list[int], mark]), headers=headers) == expected


@pytest.mark.parametrize(
    ("tp", "default", "expected"),
    [
        (int, 5, 5),
        (str, None, None),
        (str, "", ""),
        (list[int], (), ()),
        (int, "not checked", "not checked"),
        (Annotated[str, Header()], "d", "d"),
        (Annotated[str, Cookie()], "d", "d"),
    ],
    ids=str,
)
def test_a_default_makes_an_input_optional(tp: Any, default: Any, expected: Any) -> None:
    assert value(handler_of(tp, default)) == expected


@pytest.mark.parametrize(
    ("tp", "expected"),
    [
        (Annotated[int, Field(default=5)], 5),
        (Annotated[int, Field(default=5, gt=3), Query("y")], 5),
        (Annotated[str, Field(default="d"), Header()], "d"),
        (Annotated[list[int], Field(default_factory=lambda: [1])], [1]),
        (Annotated[int | None, Field(default=None)], None),
    ],
    ids=str,
)
def test_so_does_a_default_in_the_annotation(tp: Any, expected: Any) -> None:
    assert value(handler_of(tp)) == expected
    assert value(handler_of(tp, "the parameter's")) == "the parameter's"


def test_a_default_does_not_stand_in_for_a_bad_input() -> None:
    assert [problem[2] for problem in problems(handler_of(int, 5), "x=a")] == ["int_parsing"]


# ------------------------------------------------------------------------------- the whole query


class Page(BaseModel):
    number: int = 1
    tags: list[str] = []
    search: str = Field("", alias="q")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int = 1


class Generated(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper)
    tags: list[int]


class Choices(BaseModel):
    tags: list[int] = Field(validation_alias=AliasChoices("tag", "label"))


class ByValidationAlias(BaseModel):
    tags: list[int] = Field(validation_alias="tag")


class Kinds(BaseModel):
    priority: Priority
    colors: set[Color]
    at: date | None = None


@dataclass
class Filter:
    number: int
    tags: list[int] = field(default_factory=list[int])


class Range(TypedDict):
    start: int
    stop: NotRequired[int]


class Tagged(TypedDict):
    tags: NotRequired[list[int]]


@dataclass
class Renamed:
    tags: Annotated[list[int], Field(alias="tag")]


class RenamedMovie(TypedDict):
    tags: Annotated[list[int], Field(alias="tag")]


class Everything(RootModel[dict[str, str]]): ...


@pytest.mark.parametrize(
    ("tp", "query_string", "expected"),
    [
        (Page, "", Page.model_validate({})),
        (
            Page,
            "number=5&tags=a&tags=b&q=hi&other=1",
            Page.model_validate({"number": 5, "tags": ["a", "b"], "q": "hi"}),
        ),
        (Page, "number=1&number=2", Page.model_validate({"number": 2})),
        (Page, "tags=a", Page.model_validate({"tags": ["a"]})),
        (Page | None, "number=5", Page.model_validate({"number": 5})),
        (Strict, "number=5", Strict(number=5)),
        (Generated, "TAGS=1&TAGS=2", Generated.model_validate({"TAGS": [1, 2]})),
        (ByValidationAlias, "tag=1&tag=2", ByValidationAlias.model_validate({"tag": [1, 2]})),
        (Choices, "tag=1&tag=2", Choices.model_validate({"tag": [1, 2]})),
        (Choices, "label=1&label=2", Choices.model_validate({"label": [1, 2]})),
        (Kinds, "priority=2&colors=red", Kinds(priority=Priority.HIGH, colors={Color.RED})),
        (Filter, "number=5", Filter(5)),
        (Filter, "number=5&tags=1&tags=2", Filter(5, [1, 2])),
        (Range, "start=1", {"start": 1}),
        (Range, "start=1&stop=2", {"start": 1, "stop": 2}),
        (Renamed, "tag=1&tag=2", Renamed([1, 2])),
        (RenamedMovie, "tag=1&tag=2", {"tags": [1, 2]}),
        (Tagged, "", {}),
        (Tagged, "tags=1&tags=2", {"tags": [1, 2]}),
        (Everything, "a=1&b=2", Everything({"a": "1", "b": "2"})),
        (dict[str, int], "a=1&b=2", {"a": 1, "b": 2}),
    ],
    ids=str,
)
def test_a_model_marked_query_takes_the_whole_query(
    tp: Any, query_string: str, expected: Any
) -> None:
    assert value(handler_of(Annotated[tp, Query()]), query_string) == expected


def test_a_models_annotations_may_be_strings_that_name_locals() -> None:
    class Number(RootModel[int]): ...

    class Local(BaseModel):
        numbers: "list[Number]"
        others: "Annotated[list[Number], Field(alias='n')]"

    found = value(handler_of(Annotated[Local, Query()]), "numbers=1&numbers=2&n=3&n=4")
    assert found.model_dump() == {"numbers": [1, 2], "others": [3, 4]}


class ByField(BaseModel):
    """What an input of its own would be cast to otherwise."""

    either: int | str = ""
    one: Literal[1] = 1
    level: Priority = Priority.LOW


def test_a_models_fields_are_cast_by_pydantics_own_rules() -> None:
    """It reads the whole query at once, with the validators and the settings that it has."""
    chat = handler_of(Annotated[ByField, Query()])
    assert value(chat, "either=5&level=2") == ByField(either="5", level=Priority.HIGH)
    assert problems(chat, "one=1") == [(("query", "one"), "Input should be 1", "literal_error")]
    assert value(handler_of(int | str), "x=5") == 5
    assert value(handler_of(Literal[1]), "x=1") == 1


def test_a_models_default_stands_in_for_an_empty_query() -> None:
    assert value(handler_of(Annotated[Range, Query()], None)) is None
    assert value(handler_of(Annotated[Range, Query()], None), "start=1") == {"start": 1}


@pytest.mark.parametrize(
    ("tp", "query_string", "expected"),
    [
        (Range, "", [(("query", "start"), "Field required", "missing")]),
        (ByValidationAlias, "", [(("query", "tag"), "Field required", "missing")]),
        (Choices, "", [(("query", "tag"), "Field required", "missing")]),
        (Renamed, "", [(("query", "tag"), "Field required", "missing")]),
        (
            Page,
            f"number={THEIRS}",
            [
                (
                    ("query", "number"),
                    "Input should be a valid integer, unable to parse string as an integer",
                    "int_parsing",
                )
            ],
        ),
        (
            Filter,
            f"number=1&tags=1&tags={THEIRS}",
            [
                (
                    ("query", "tags", 1),
                    "Input should be a valid integer, unable to parse string as an integer",
                    "int_parsing",
                )
            ],
        ),
        (
            Strict,
            f"{THEIRS}=1",
            [(("query",), "Extra inputs are not permitted", "extra_forbidden")],
        ),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_model_is_said_by_its_keys(
    tp: Any, query_string: str, expected: list[tuple[Any, ...]]
) -> None:
    assert problems(handler_of(Annotated[tp, Query()]), query_string) == expected


# ---------------------------------------------------------------------------------- bad inputs

NO_INT = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("tp", "query_string", "expected"),
    [
        (str, "", [(("query", "x"), "Field required", "missing")]),
        (int, "y=5", [(("query", "x"), "Field required", "missing")]),
        (list[int], "", [(("query", "x"), "Field required", "missing")]),
        (int | None, "", [(("query", "x"), "Field required", "missing")]),
        (
            Annotated[str, Header("X-Token")],
            "x=1",
            [(("header", "x-token"), "Field required", "missing")],
        ),
        (Annotated[str, Cookie("sid")], "x=1", [(("cookie", "sid"), "Field required", "missing")]),
        (
            Annotated[int, Query(alias="n")],
            "n=a",
            [(("query", "n"), NO_INT, "int_parsing")],
        ),
        (int, "x=", [(("query", "x"), NO_INT, "int_parsing")]),
        (int, "x=1&x=a", [(("query", "x"), NO_INT, "int_parsing")]),
        (
            int,
            "x=" + "1" * 5000,
            [
                (
                    ("query", "x"),
                    "Unable to parse input string as an integer, exceeded maximum size",
                    "int_parsing_size",
                )
            ],
        ),
        (
            Annotated[int, Field(gt=3)],
            "x=3",
            [(("query", "x"), "Input should be greater than 3", "greater_than")],
        ),
        (Color, "x=green", [(("query", "x"), "Input should be 'red' or 'blue'", "enum")]),
        (Literal[1], "x=2", [(("query", "x"), "Input should be 1", "literal_error")]),
        (
            list[int],
            "x=a&x=1&x=b",
            [
                (("query", "x", 0), NO_INT, "int_parsing"),
                (("query", "x", 2), NO_INT, "int_parsing"),
            ],
        ),
        (
            Annotated[list[int], Field(max_length=1)],
            "x=1&x=2",
            [
                (
                    ("query", "x"),
                    "List should have at most 1 item after validation, not 2",
                    "too_long",
                )
            ],
        ),
        (tuple[int, str], "x=1", [(("query", "x", 1), "Field required", "missing")]),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_bad_or_missing_input_is_a_problem_with_its_place(
    tp: Any, query_string: str, expected: list[tuple[Any, ...]]
) -> None:
    assert problems(handler_of(tp), query_string) == expected


def test_every_bad_input_is_a_problem_and_the_good_ones_are_read() -> None:
    async def chat(
        ws: WebSocket, a: int, b: int, c: Annotated[int, Header()], d: int = 4
    ) -> None: ...

    values, found = read(chat, "a=x&b=2")
    assert values == {"b": 2, "d": 4}
    assert [problem.loc for problem in found] == [("query", "a"), ("header", "c")]


def test_thousands_of_bad_items_are_20_problems() -> None:
    assert len(problems(handler_of(list[int]), "&".join(["x=a"] * 5000))) == 20


def test_problems_are_a_json_list_of_place_text_and_type() -> None:
    _, found = read(handler_of(int), "x=a")
    assert json.loads(problems_as_json(found)) == [
        {"loc": ["query", "x"], "msg": NO_INT, "type": "int_parsing"}
    ]


def says(text: Callable[[Any], str]) -> AfterValidator:
    def refuse(value: Any) -> Any:
        raise ValueError(text(value))

    return AfterValidator(refuse)


def custom(value: Any) -> Any:
    kind = "custom"
    text = "{value} is bad"
    raise PydanticCustomError(kind, text, {"value": value})


def custom_by_a_name_of_pydantics(value: Any) -> Any:
    kind = "int_parsing"
    text = "{value} is bad"
    raise PydanticCustomError(kind, text, {"value": value})


def looking_up(value: Any) -> Any:
    raise KeyError(value)


def asserting(value: Any) -> Any:
    raise AssertionError(value)


def dividing(value: Any) -> Any:
    raise ZeroDivisionError(value)


class Checked(BaseModel):
    a: str = ""
    b: str = ""

    @model_validator(mode="after")
    def check(self) -> "Checked":
        msg = f"{self.a} does not go with {self.b}"
        raise ValueError(msg)


class Shape(BaseModel):
    kind: Literal["shape"]


class Line(BaseModel):
    kind: Literal["line"]


@pytest.mark.parametrize(
    ("tp", "query_string"),
    [
        (int, f"x={THEIRS}"),
        (int, f"x=1&x={THEIRS}"),
        (list[int], f"x={THEIRS}"),
        (Color, f"x={THEIRS}"),
        (Literal["a"], f"x={THEIRS}"),
        (Literal["a"] | int, f"x={THEIRS}"),
        (UUID, f"x={THEIRS}"),
        (date, f"x={THEIRS}"),
        (Decimal, f"x={THEIRS}"),
        (ZoneInfo, f"x={THEIRS}"),
        (Annotated[str, Field(pattern="^a$")], f"x={THEIRS}"),
        (Annotated[str, says(lambda value: f"{value} is bad")], f"x={THEIRS}"),
        (Annotated[str, says(lambda value: f"{value!r} is bad")], f"x=%0d%0a{THEIRS}"),
        (Annotated[str, says(lambda value: f"{value} is bad")], "x=" + THEIRS * 100),
        (Annotated[str, says(lambda value: f"{value[:9]}... is bad")], f"x={THEIRS}"),
        (Annotated[str, says(str.lower)], f"x={THEIRS}"),
        (Annotated[str, says(str.strip)], f"x=+{THEIRS}+"),
        (Annotated[str, AfterValidator(custom)], f"x={THEIRS}"),
        (Annotated[str, AfterValidator(custom_by_a_name_of_pydantics)], f"x={THEIRS}"),
        (Annotated[str, AfterValidator(looking_up)], f"x={THEIRS}"),
        (Annotated[str, AfterValidator(asserting)], f"x={THEIRS}"),
        (AnyUrl, f"x={THEIRS}"),
        (Json[int], f"x={THEIRS}"),
        (timedelta, f"x={THEIRS}"),
        (Annotated[str, AfterValidator(dividing)], f"x={THEIRS}"),
        (Annotated[list[str], says(lambda value: f"{value} is bad")], f"x=1&x={THEIRS}"),
        (Annotated[list[Annotated[str, says(str)]], Query()], f"x=1&x={THEIRS}"),
        (Annotated[Strict, Query()], f"{THEIRS}=1"),
        (Annotated[Checked, Query()], f"a={THEIRS}&b=1"),
        (Annotated[Checked, Query()], f"a=1&b={THEIRS}"),
        (Annotated[Shape | Line, Field(discriminator="kind"), Query()], f"kind={THEIRS}"),
        (Annotated[dict[str, int], Query()], f"{THEIRS}=x"),
        (Annotated[dict[str, int], Query()], f"a={THEIRS}"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_the_answer_to_a_bad_input_repeats_no_input(tp: Any, query_string: str) -> None:
    values, found = read(handler_of(tp), query_string)
    assert values == {}
    assert found != []
    assert "hunter" not in problems_as_json(found).lower()


@pytest.mark.parametrize(
    ("tp", "query_string", "problem"),
    [
        (UUID, "x=0g", (("query", "x"), "Input should be a valid UUID, ...", "uuid_parsing")),
        (
            date,
            "x=2020-99-01",
            (
                ("query", "x"),
                "Input should be a valid date or datetime, ...",
                "date_from_datetime_parsing",
            ),
        ),
        (
            Annotated[Shape | Line, Field(discriminator="kind"), Query()],
            "kind=circle",
            (
                ("query",),
                (
                    "Input tag '...' found using 'kind' does not match any of the expected tags:"
                    " 'shape', 'line'"
                ),
                "union_tag_invalid",
            ),
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_pydantic_says_of_the_input_is_left_out(
    tp: Any, query_string: str, problem: tuple[Any, ...]
) -> None:
    assert problems(handler_of(tp), query_string) == [problem]


UUID_PARSING = "uuid_parsing"


@pytest.mark.parametrize("character", "ghijklmnopqrstuvwxyzäß€")
def test_not_even_one_character_is_repeated(character: str) -> None:
    answers = {
        problems_as_json(read(handler_of(UUID), urlencode({"x": text}))[1])
        for text in (character, f"0{character}", character * 32, f"{{{character}}}")
    }
    assert [json.loads(answer) for answer in answers] == [
        [{"loc": ["query", "x"], "msg": "Input should be a valid UUID, ...", "type": UUID_PARSING}]
    ]


def test_an_exception_that_no_validator_should_raise_is_a_problem_too() -> None:
    """The peer chose the input, so it is no crash; the text tells a developer where to look."""
    assert problems(handler_of(Annotated[str, AfterValidator(looking_up)]), "x=1") == [
        (("query", "x"), "Input is not valid (KeyError)", "unexpected_error")
    ]


def test_in_place_of_a_validators_own_text_there_is_a_general_one() -> None:
    """It may repeat the input in whatever shape."""
    tp = Annotated[str, says(lambda value: f"{value} is bad")]
    assert problems(handler_of(tp), "x=1") == [
        (("query", "x"), "Input is not valid", "value_error")
    ]


def test_a_number_that_a_validator_repeats_is_not_repeated_either() -> None:
    tp = Annotated[int, says(lambda value: f"{value} is bad")]
    assert "12345" not in problems_as_json(read(handler_of(tp), "x=0012345")[1])


@bounded
@given(st.text(st.characters(codec="utf-8")))
def test_a_str_is_read_back_as_it_was_written_into_the_query(text: str) -> None:
    assert value(handler_of(str), urlencode({"x": text})) == text


@bounded
@given(st.binary(max_size=60))
def test_any_query_gives_values_or_problems(query_string: bytes) -> None:
    async def chat(
        ws: WebSocket, a: str = "", b: int = 0, c: Annotated[Page | None, Query()] = None
    ) -> None: ...

    inputs = plan_inputs(read_signature(chat, {}), "/", {})
    values, found = inputs.read({"query_string": query_string})
    assert found or values.keys() == {"a", "b", "c"}
    assert json.loads(problems_as_json(found)) is not None


query_pairs = st.tuples(
    st.sampled_from(["a", "a", "b", ""]),
    st.sampled_from(["=", "=", "==", ""]),
    st.text("a+%2;é", max_size=3),
).map("".join)


@bounded
@given(st.lists(query_pairs, max_size=4).map("&".join))
def test_a_query_is_read_as_the_standard_library_reads_it(text: str) -> None:
    expected: dict[str, list[str]] = {}
    for key, given_value in parse_qsl(text, keep_blank_values=True):
        expected.setdefault(key, []).append(given_value)

    async def chat(
        ws: WebSocket,
        lists: Annotated[list[str], Query("a")] = [],  # noqa: B006 - only read
        last: Annotated[str | None, Query("a")] = None,
    ) -> None: ...

    inputs = plan_inputs(read_signature(chat, {}), "/", {})
    values, found = inputs.read({"query_string": text.encode("latin-1")})
    assert found == []
    assert values["lists"] == expected.get("a", [])
    assert values["last"] == expected.get("a", [None])[-1]


@bounded
@given(st.lists(st.integers(), min_size=1))
def test_a_list_is_every_value_of_its_key_and_a_scalar_the_last(numbers: list[int]) -> None:
    query_string = urlencode([("x", number) for number in numbers])
    assert value(handler_of(list[int]), query_string) == numbers
    assert value(handler_of(int), query_string) == numbers[-1]


# ------------------------------------------------------------------ what can't work as written


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Join:
    room: str


class Movie(TypedDict):
    title: str


def body_text(name: str) -> str:
    return (
        f"handler 'chat': parameter 'x' is a {name}, which only a body could fill, and a WebSocket"
        " handshake has none: receive it as the first message, with"
        f" 'await ws.receive(tp={name})' (or mark a model Query() to read it from the query)"
    )


@pytest.mark.parametrize("tp", [Request, HTTPConnection])
def test_the_handshake_itself_is_no_input(tp: Any) -> None:
    chat = handler_of(tp)
    chat.__qualname__ = "chat"
    assert refusal(chat) == (
        f"handler 'chat': parameter 'x' is a {tp.__name__}: leave it out; the handshake is"
        " ws.request"
    )


HERE = __name__
PageAlias = TypeAliasType("PageAlias", Page)
NewPage = NewType("NewPage", Page)


@pytest.mark.parametrize(
    ("tp", "name"),
    [
        (Page, "Page"),
        (Everything, "Everything"),
        (Join, "Join"),
        (Movie, "Movie"),
        (Point, "Point"),
        (dict, "dict"),
        (dict[str, int], "dict[str, int]"),
        (Mapping[str, int], "collections.abc.Mapping[str, int]"),
        (list[Page], f"list[{HERE}.Page]"),
        (list[dict[str, int]], "list[dict[str, int]]"),
        (tuple[Join, ...], f"tuple[{HERE}.Join, ...]"),
        (Page | None, f"{HERE}.Page | None"),
        (int | Page, f"int | {HERE}.Page"),
        (Annotated[Page, "a note"], f"Annotated[{HERE}.Page, 'a note']"),
        (PageAlias, "PageAlias"),
        (list[PageAlias], "list[PageAlias]"),
        (NewPage, f"{HERE}.NewPage"),
        (Annotated[list[Page], Query()], f"list[{HERE}.Page]"),
        (Annotated[Page, Header()], "Page"),
        (Annotated[Page, Cookie()], "Page"),
    ],
    ids=str,
)
def test_an_input_that_only_a_body_could_fill_is_refused(tp: Any, name: str) -> None:
    chat = handler_of(tp)
    chat.__qualname__ = "chat"
    assert refusal(chat) == body_text(name)


def test_a_default_does_not_make_up_for_the_missing_body() -> None:
    chat = handler_of(Page, None)
    chat.__qualname__ = "chat"
    assert refusal(chat) == body_text("Page")


def test_a_path_input_that_only_a_body_could_fill_is_refused() -> None:
    chat = handler_of(Page)
    chat.__qualname__ = "chat"
    assert refusal(chat, "/{x}") == body_text("Page")


OR_A_LIST = (
    ", and one value could be either: leave the list, in which one value is a list of one, or"
    " leave it out"
)


def test_an_input_is_not_a_list_or_a_single_value() -> None:
    chat = handler_of(int | list[int] | None)
    chat.__qualname__ = "chat"
    assert refusal(chat) == (
        f"handler 'chat': parameter 'x' is a int | list[int] | None{OR_A_LIST}"
    )


@pytest.mark.parametrize(
    "tp",
    [
        Literal["a"] | list[str],
        Color | list[Color],
        Annotated[str | set[str], Header()],
        Annotated[int, Field(gt=3)] | list[int],
        Id | Ids,
    ],
    ids=str,
)
def test_nor_is_one_of_another_kind(tp: Any) -> None:
    assert refusal(handler_of(tp)).endswith(OR_A_LIST)


@pytest.mark.parametrize("path", ["/{x}", "/{x:path}", "/{x:int}", "/{x:float}", "/{x:uuid}"])
@pytest.mark.parametrize("tp", [list[int], int | list[int], Ids], ids=str)
def test_a_path_input_is_no_list(tp: Any, path: str) -> None:
    chat = handler_of(tp)
    chat.__qualname__ = "chat"
    text = refusal(chat, path)
    assert text.startswith("handler 'chat': parameter 'x' is a ")
    assert text.endswith(
        ", and its place in the path holds one value: make it a single one, or take the list from"
        " the query"
    )


Tree = NewType("Tree", int)


def test_a_type_that_holds_itself_is_refused() -> None:
    tree: Any = Tree
    tree.__supertype__ = list[tree]  # as "type Tree = list[Tree]" does
    chat = handler_of(tree)
    chat.__qualname__ = "chat"
    assert refusal(chat) == (
        "handler 'chat': parameter 'x' is of a type that holds itself, which no text in a"
        " handshake can be"
    )


def test_a_models_annotation_that_cannot_be_found_is_named() -> None:
    """Of a dataclass pydantic looks for the names where it is used, and finds no locals."""

    class Number(RootModel[int]): ...

    @dataclass
    class Local:
        numbers: "list[Number]"

    chat = handler_of(Annotated[Local, Query()])
    chat.__qualname__ = "chat"
    text = refusal(chat)
    assert text.startswith("handler 'chat': parameter 'x': cannot cast to ")
    assert "'Number' is not defined" in text


async def without(ws: WebSocket, room: str) -> None: ...
async def marked(ws: WebSocket, room: Annotated[str, Query()]) -> None: ...
@query("room", str)
async def declared(ws: WebSocket, room: str) -> None: ...
async def of_range(ws: WebSocket, room: range) -> None: ...


@pytest.mark.parametrize(
    ("handler", "path", "text"),
    [
        (
            without,
            "/{room}/{user}/{n}",
            (
                "handler 'without' has no parameter for {user} of its path '/{room}/{user}/{n}':"
                " add one named 'user'"
            ),
        ),
        (
            marked,
            "/{room}",
            "handler 'marked': parameter 'room' is in the path: it can't come from elsewhere too",
        ),
        (
            declared,
            "/{room}",
            "handler 'declared': parameter 'room' is in the path: it can't come from elsewhere too",
        ),
    ],
)
def test_a_path_and_a_handler_that_do_not_fit_are_refused(
    handler: Any, path: str, text: str
) -> None:
    assert refusal(handler, path) == text


@pytest.mark.parametrize("path", ["/", "/{room}"])
def test_a_type_that_pydantic_cannot_read_from_text_is_refused(path: str) -> None:
    text = refusal(of_range, path)
    assert text.startswith(
        "handler 'of_range': parameter 'room': cannot cast to range: pydantic can't validate it ("
    )
    assert text.endswith("; an input is a type that pydantic can read from text")


def test_a_mark_inside_a_union_counts_or_is_refused() -> None:
    """``Annotated[str, Header()] | None`` must not read the query unnoticed."""
    from_header: Any = Annotated[str, Header()]
    tp: Any = from_header | None
    try:
        found = value(handler_of(tp, None), "x=from-the-query", headers=[(b"x", b"header")])
    except InvalidRouteError:
        return
    assert found == "header"
