"""Types whose values are sent and received, and strategies for values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)
from typing_extensions import TypeAliasType, TypedDict


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Level(int, enum.Enum):
    LOW = 1


class Suit(enum.StrEnum):
    SPADES = "s"


class Switch(enum.Enum):
    ON = True
    OFF = False


class Magic(enum.Enum):
    PNG = b"\x89PNG"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2


class Join(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["join"] = "join"
    room: str


class Say(BaseModel):
    type: Literal["say"] = "say"
    text: str = Field(alias="txt", default="")


@dataclass
class Point:
    x: float
    y: float = 0.0


class Movie(TypedDict):
    title: str


class Movable(TypedDict):
    speed: float


class Child(BaseModel):
    """Refers to itself."""

    children: list[Child] = []


ClientMessage = Annotated[Join | Say, Field(discriminator="type")]
UserId = NewType("UserId", int)
SuperId = NewType("SuperId", UserId)
Alias = TypeAliasType("Alias", int)
Kind = TypeAliasType("Kind", Literal["a", "b"])
OtherId = TypeAliasType("OtherId", SuperId)
ANY_DICT: Any = dict
Above3 = Annotated[int, Field(gt=3)]

bounded = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Unhashable:
    """Compared by value, so without a hash."""


texts = st.text(max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
