"""Inputs of a handshake: which value a text becomes, by the type that is asked for."""

from __future__ import annotations

import enum
from datetime import date
from typing import Annotated, Any, ForwardRef, Literal, NewType

import pytest
from pydantic import Field, create_model
from typing_extensions import TypeAliasType, TypedDict

from websocket_kit._input_types import input_type


class Color(enum.Enum):
    RED = "red"


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Switch(enum.Enum):
    ON = True
    OFF = False


class Movie(TypedDict):
    title: str


UserId = NewType("UserId", int)
Alias = TypeAliasType("Alias", int)
Above3 = Annotated[int, Field(gt=3)]


@pytest.mark.parametrize(
    ("tp", "text", "value"),
    [
        (str, "5", "5"),
        (int, "5", 5),
        (bool, "yes", True),
        (float, "1.5", 1.5),
        (int | str, "5", 5),
        (int | str, "five", "five"),
        (str | int, "5", "5"),
        (int | None, "5", 5),
        (int | str | None, "5", 5),
        (str | None, "5", "5"),
        (Color, "red", Color.RED),
        (Priority, "2", Priority.HIGH),
        (Priority | None, "2", Priority.HIGH),
        (Switch, "true", Switch.ON),
        (Literal[1, 2], "2", 2),
        (Literal["a", 1], "1", 1),
        (Literal["a", 1], "a", "a"),
        (Literal[True], "true", True),
        (Literal[Color.RED], "red", Color.RED),
        (Literal[Priority.LOW] | str, "1", Priority.LOW),
        (Above3, "5", 5),
        (Annotated[Above3 | str, "a note"], "5", 5),
        (UserId, "5", 5),
        (Alias, "5", 5),
        (date, "2020-02-29", date(2020, 2, 29)),
        (list[int], ["1", "2"], [1, 2]),
        (list[int | str], ["1", "a"], [1, "a"]),
        (list[Literal[1]], ["1"], [1]),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (set[Priority], ["1"], {Priority.LOW}),
        (list, ["1"], ["1"]),
        (Movie, {"title": "Brazil"}, {"title": "Brazil"}),
    ],
    ids=str,
)
def test_an_input_is_cast_from_text(tp: Any, text: Any, value: Any) -> None:
    received = input_type(tp).cast(text)
    assert received == value
    assert type(received) is type(value)


@pytest.mark.parametrize(
    ("tp", "text"),
    [
        (int, "five"),
        (Color, "green"),
        (Priority, "3"),
        (Literal[1], "2"),
        (int | None, "null"),
        (float, "nan"),
        (float, "1e999"),
    ],
    ids=str,
)
def test_an_input_that_cannot_be_cast_is_a_value_error(tp: Any, text: str) -> None:
    with pytest.raises(ValueError, match="Input should be"):
        input_type(tp).cast(text)


@pytest.mark.parametrize(
    ("tp", "default"),
    [
        (Annotated[int, Field(default=5)], 5),
        (Annotated[int | None, Field(default=None)], None),
        (Annotated[Color, Field(default=Color.RED)], Color.RED),
        (Annotated[list[int], Field(default_factory=list)], []),
    ],
    ids=str,
)
def test_a_type_may_bring_a_default(tp: Any, default: Any) -> None:
    make = input_type(tp).default
    assert make is not None
    assert make() == default


@pytest.mark.parametrize("tp", [int, int | None, Annotated[int, Field(gt=3)]], ids=str)
def test_most_types_bring_no_default(tp: Any) -> None:
    assert input_type(tp).default is None


def test_a_default_is_made_anew_each_time() -> None:
    make: Any = input_type(Annotated[list[int], Field(default=[])]).default
    make().append(1)
    assert make() == []


LATER: Any = ForwardRef("Later")
Unfinished: Any = create_model("Unfinished", later=(LATER, ...))


@pytest.mark.parametrize("tp", [range, 5, [int], Unfinished, list[Unfinished], LATER], ids=str)
def test_a_type_pydantic_cannot_validate_is_a_type_error(tp: Any) -> None:
    with pytest.raises(TypeError, match=r"^cannot cast to "):
        input_type(tp)
