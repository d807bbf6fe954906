"""Python values to messages: the table, and what cannot be sent."""

from __future__ import annotations

import math
import re
from collections import UserDict, UserList
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    RootModel,
    SecretStr,
    Tag,
    WrapSerializer,
    model_serializer,
    model_validator,
)
from pydantic import TypeAdapter as Adapter
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType

from tests.messages import (
    ClientMessage,
    Color,
    Join,
    Level,
    Movie,
    Permission,
    Point,
    Priority,
    Say,
    Suit,
    bounded,
    finite,
    json_values,
    texts,
)
from websocket_kit._casting import caster
from websocket_kit._encoding import Sendable, check_text, comparable, encode, encoder

# ------------------------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("héllo", "héllo"),
        ("", ""),
        ('"quoted"', '"quoted"'),
        ("NaN", "NaN"),
        (b"\xff", b"\xff"),
        (b"", b""),
        (bytearray(b"\xff"), b"\xff"),
        (memoryview(b"\xff"), b"\xff"),
        (memoryview(b"abcd")[::2], b"ac"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-42, "-42"),
        (10**30, "1" + "0" * 30),
        (None, "null"),
        (1.5, "1.5"),
        ({}, "{}"),
        ({"a": [1, None, True, "é"]}, '{"a":[1,null,true,"é"]}'),
        ({1: 2}, '{"1":2}'),
        ([], "[]"),
        ((1, "a"), '[1,"a"]'),
        ({1}, "[1]"),
        (range(3), "[0,1,2]"),
        ({"a": range(2)}, '{"a":[0,1]}'),
        (UserList([1]), "[1]"),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ([UserDict(a=MappingProxyType({"b": (1,)}))], '[{"a":{"b":[1]}}]'),
        ({"a": 1}.keys(), '["a"]'),
        ([memoryview(b"abc")], '["abc"]'),
        (frozenset([1]), "[1]"),
        (Join(room="lobby"), '{"type":"join","room":"lobby"}'),
        (Say(txt="hi"), '{"type":"say","txt":"hi"}'),  # by alias
        ([Say(txt="hi")], '[{"type":"say","txt":"hi"}]'),
        (Point(1.0), '{"x":1.0,"y":0.0}'),
        (Movie(title="Brazil"), '{"title":"Brazil"}'),
        (Color.RED, '"red"'),
        (Priority.HIGH, "2"),
        (Level.LOW, "1"),
        (Suit.SPADES, '"s"'),
        (Permission.READ | Permission.WRITE, "3"),
        ({"suit": Suit.SPADES}, '{"suit":"s"}'),
        (date(2020, 2, 29), '"2020-02-29"'),
        (datetime(2020, 2, 29, 12, tzinfo=UTC), '"2020-02-29T12:00:00Z"'),
        (time(12), '"12:00:00"'),
        (timedelta(days=1), '"P1D"'),
        (Decimal("1.10"), '"1.10"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ([b"abc"], '["abc"]'),
        (["\u2028"], '["\u2028"]'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_sent_as(value: Any, message: str | bytes) -> None:
    sent = encode(value)
    assert sent == message
    assert type(sent) is type(message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "null"),
        (math.inf, "null"),
        (-math.inf, "null"),
        ([math.nan, 1.0], "[null,1.0]"),
        ({"a": {"b": math.inf}}, '{"a":{"b":null}}'),
        ({"Infinity": math.nan}, '{"Infinity":null}'),
        (Point(math.nan), '{"x":null,"y":0.0}'),
    ],
    ids=repr,
)
def test_nan_and_infinities_become_null(value: Any, message: str) -> None:
    """``JSON.parse`` reads neither."""
    assert encode(value) == message


class Measurement(BaseModel):
    """Set to write what no browser reads."""

    model_config = ConfigDict(ser_json_inf_nan="constants")
    value: float = math.nan
    note: str = "NaN"


@pytest.mark.parametrize(
    "encode_it", [encode, encoder(Measurement), encoder(Measurement | Join)], ids=str
)
def test_they_do_in_a_model_that_is_set_to_write_them_as_constants(encode_it: Any) -> None:
    assert encode_it(Measurement()) == '{"value":null,"note":"NaN"}'
    assert encode_it(Measurement(value=-math.inf, note="")) == '{"value":null,"note":""}'


@pytest.mark.parametrize("encode_it", [encode, encoder(dict[str, Any])], ids=str)
def test_they_do_in_such_a_model_deep_inside(encode_it: Any) -> None:
    value = {"a": [{"b": Measurement(value=math.inf, note="Nina")}]}
    assert encode_it(value) == '{"a":[{"b":{"value":null,"note":"Nina"}}]}'


@pytest.mark.parametrize("text", ["Nina", "Ivan", "N", "I", "NaN", "Infinity", '"NaN"'])
def test_a_text_inside_json_stays_whatever_letters_it_holds(text: str) -> None:
    assert caster(list[str])(encode([text])) == [text]
    assert caster(dict)(encode({text: text})) == {text: text}


def test_a_serializer_of_a_users_own_that_gives_nan_gives_null() -> None:
    tp: Any = Annotated[int, PlainSerializer(lambda _: math.nan)]
    assert encoder(list[tp])([5]) == "[null]"


def nested(depth: int, innermost: object) -> object:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize(
    ("value", "same_but_for_nan"),
    [
        (nested(220, "NaN"), nested(220, "nan")),
        ([10**5000, "Infinity"], [10**5000, "infinity"]),
    ],
    ids=["deep", "huge"],
)
def test_a_string_that_says_nan_makes_no_difference_to_what_can_be_sent(
    value: Any, same_but_for_nan: Any
) -> None:
    assert str(encode(value)).lower() == encode(same_but_for_nan)


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "a text"


class Number(int):
    def __str__(self) -> str:
        return "a number"


def test_a_str_or_int_of_a_users_own_is_sent_as_one_however_it_shows() -> None:
    assert encode(Text("héllo")) == "héllo"
    assert type(encode(Text("x"))) is str
    assert encode(Number(5)) == "5"


def generate() -> Iterator[int]:
    yield 1


KINDS = (
    "send a str, bytes, int, bool, float, None, dict, list, enum, date, UUID, dataclass or"
    " pydantic model"
)


# A union's member is written by its own serializer, past the union's.


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float = Field(serialization_alias="R")


class Square(BaseModel):
    kind: Literal["square"] = "square"
    side: float


class Cube(Square):
    depth: float = 1


class Unbounded(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    kind: Literal["unbounded"] = "unbounded"
    size: float
    name: str = "NaN"


class Opaque(BaseModel):
    kind: Literal["opaque"] = "opaque"
    content: bytes


SHAPES: Any = Annotated[
    Circle | Square | Unbounded | Opaque,
    Field(discriminator="kind"),
]
TERSE: Any = Annotated[
    Circle | Annotated[Square, PlainSerializer(lambda square: square.side)],
    Field(discriminator="kind"),
]
SHOUTED: Any = Annotated[Circle | Square, PlainSerializer(lambda shape: shape.kind.upper())]


@pytest.mark.parametrize(
    ("tp", "value", "message"),
    [
        (SHAPES, Circle(radius=1), '{"kind":"circle","R":1.0}'),
        (SHAPES, Square(side=2), '{"kind":"square","side":2.0}'),
        (SHAPES, Cube(side=2), '{"kind":"square","side":2.0}'),
        (SHAPES, Unbounded(size=math.inf), '{"kind":"unbounded","size":null,"name":"NaN"}'),
        (SHAPES, Square.model_construct(side="wide"), '{"kind":"square","side":"wide"}'),
        (TERSE, Circle(radius=1), '{"kind":"circle","R":1.0}'),
        (TERSE, Square(side=2), "2.0"),
        (SHOUTED, Square(side=2), '"SQUARE"'),
        (Circle | None, Circle(radius=1), '{"kind":"circle","R":1.0}'),
        (Circle | None, None, "null"),
    ],
)
def test_a_unions_member_is_written_as_the_union_says(tp: Any, value: Any, message: str) -> None:
    assert encoder(tp)(value) == message
    assert encoder(tp)(value) == message


def test_a_unions_member_that_cannot_be_written_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="cannot send this Opaque"):
        encoder(SHAPES)(Opaque(content=b"\xff"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"x": [math.nan, "NaN"]}, '{"x":[null,"NaN"]}'),
        ([-math.inf, {"Infinity": math.inf}], '[null,{"Infinity":null}]'),
        (math.inf, "null"),
        (Unbounded(size=math.nan), '{"kind":"unbounded","size":null,"name":"NaN"}'),
    ],
)
def test_no_constant_is_sent_however_often(value: Any, message: str) -> None:
    assert [encode(value), encode(value)] == [message, message]


def test_a_class_that_was_sent_before_is_asked_nothing_and_its_values_still_are() -> None:
    assert encode(Opaque(content=b"!")) == '{"kind":"opaque","content":"!"}'
    with pytest.raises(ValueError, match="cannot send this Opaque"):
        encode(Opaque(content=b"\xff"))
    with pytest.raises(TypeError, match="cannot send a dict"):
        encode({"x": object()})


def test_the_same_type_made_anew_casts_the_same() -> None:
    for order in ("int | str", "str | int", "int | str"):
        tp = eval(order)  # noqa: S307 - each time another object
        assert caster(tp)("5") == 5
        assert caster(tp)('"5"') == "5"


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (object(), "cannot send an object: "),
        ([object()], "cannot send a list (Unable to serialize unknown type: <class 'object'>): "),
        (
            {"a": [{"b": object()}]},
            "cannot send a dict (Unable to serialize unknown type: <class 'object'>): ",
        ),
        (int, "cannot send a type: "),
        (
            MappingProxyType({"a": object()}),
            "cannot send a mappingproxy (Unable to serialize unknown type: <class 'object'>): ",
        ),
        (ValueError("x"), "cannot send a ValueError: "),
        (generate(), "cannot send a generator: "),
        (iter([1]), "cannot send a list_iterator: "),
        (map(str, [1]), "cannot send a map: "),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("encode_it", [encode, encoder(list[int])])
def test_anything_else_is_a_type_error_that_names_it(
    encode_it: Any, value: Any, start: str
) -> None:
    with pytest.raises(TypeError) as caught:
        encode_it(value)
    assert str(caught.value) == start + KINDS


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (1j, "cannot send a complex: "),
        (PurePosixPath("/etc"), "cannot send a PurePosixPath: "),
        (re.compile("a"), "cannot send a Pattern: "),
        (SecretStr("s3cret"), "cannot send a SecretStr: "),  # pydantic writes ten asterisks
    ],
    ids=lambda value: type(value).__name__,
)
def test_so_is_what_pydantic_would_write_but_nobody_asked_for(value: Any, start: str) -> None:
    with pytest.raises(TypeError) as caught:
        encode(value)
    assert str(caught.value) == start + KINDS


def test_it_is_written_where_a_type_says_so() -> None:
    assert encoder(PurePosixPath)(PurePosixPath("/etc")) == '"/etc"'


def test_a_generator_that_cannot_be_sent_is_not_used_up() -> None:
    generator = generate()
    with pytest.raises(TypeError):
        encode(generator)
    assert list(generator) == [1]


def test_an_iterator_inside_a_value_is_sent_as_a_list_and_used_up() -> None:
    """It can't be told apart without walking through every value before it is sent."""
    generator = generate()
    assert encode([generator, map(str, [1])]) == '[[1],["1"]]'
    assert list(generator) == []


@pytest.mark.parametrize(
    ("text", "position"), [("\ud800", 0), ("a\udfff", 1), ("é\ud83dé", 1)], ids=ascii
)
def test_a_text_with_a_lone_surrogate_is_a_value_error(text: str, position: int) -> None:
    for send in (encode, encoder(str), encoder(Join), check_text):
        with pytest.raises(ValueError, match="surrogate") as caught:
            send(text)
        assert str(caught.value) == (
            f"cannot send this str: it holds a lone surrogate at position {position}"
        )


@pytest.mark.parametrize("text", ["", "abc", "héllo", "🎉"])
def test_a_text_that_utf_8_carries_passes(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (["\ud800"], "cannot send this list: "),
        ({"\ud800": 1}, "cannot send this dict: "),
        ({"a": {"b": ["\ud800"]}}, "cannot send this dict: "),
        (Join(room="lobby").model_copy(update={"room": "\ud800"}), "cannot send this Join: "),
        (Text("\ud800"), "cannot send this str: "),
        ([b"\xff"], "cannot send this list: "),
        (nested(100_000, 1), "cannot send this list: "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_holds_what_cannot_be_sent_is_a_value_error(value: Any, start: str) -> None:
    with pytest.raises(ValueError, match=r"^cannot send this") as caught:
        encode(value)
    assert str(caught.value).startswith(start)


def test_a_value_that_holds_itself_is_a_value_error() -> None:
    numbers: list[Any] = [1]
    numbers.append(numbers)
    with pytest.raises(ValueError, match=r"^cannot send this list: .*Circular reference"):
        encode(numbers)
    table: dict[str, Any] = {"numbers": [1]}
    table["itself"] = {"again": table}
    with pytest.raises(ValueError, match=r"^cannot send this dict: .*Circular reference"):
        encode(table)


# ------------------------------------------------------------------- what is sent, of a set type


@pytest.mark.parametrize("tp", [Any, Sendable], ids=["Any", "Sendable"])
def test_where_no_type_is_set_each_value_is_sent_as_what_it_is(tp: Any) -> None:
    assert encoder(tp) is encode


class Base(BaseModel):
    kind: str = "base"


class Derived(Base):
    hidden: str = "x"


@pytest.mark.parametrize(
    ("tp", "value", "message"),
    [
        (ClientMessage, Say(txt="hi"), '{"type":"say","txt":"hi"}'),
        (Join | Say, Join(room="x"), '{"type":"join","room":"x"}'),
        (list[Say], [Say(txt="hi")], '[{"type":"say","txt":"hi"}]'),
        (Base, Derived(), '{"kind":"base"}'),
        (Point, Point(math.nan), '{"x":null,"y":0.0}'),
        (float, math.inf, "null"),
        (Sequence[int], range(3), "[0,1,2]"),
        (dict[str, int], MappingProxyType({"a": 1}), '{"a":1}'),
        (int, 5, "5"),
        (bool, True, "true"),
        (int | None, None, "null"),
        (Annotated[int, PlainSerializer(hex)], 255, '"0xff"'),
        (Color, Color.RED, '"red"'),
        (Movie, Movie(title="Brazil"), '{"title":"Brazil"}'),
        (list[date], [date(2020, 2, 29)], '["2020-02-29"]'),
    ],
    ids=str,
)
def test_a_value_is_serialised_as_the_type_that_is_set(tp: Any, value: Any, message: str) -> None:
    assert encoder(tp)(value) == message


@pytest.mark.parametrize(
    ("value", "message"), [("hi", "hi"), (b"\xff", b"\xff"), (bytearray(b"\xff"), b"\xff")]
)
def test_a_str_or_bytes_is_sent_as_it_is_whatever_type_is_set(
    value: Any, message: str | bytes
) -> None:
    assert encoder(Join)(value) == message


def test_that_a_value_is_of_the_type_is_left_to_the_type_checker() -> None:
    """No error, and no warning either."""
    assert encoder(Join)({"type": "other"}) == '{"type":"other"}'


class Quiet(BaseModel):
    """Written as its own code says."""

    type: Literal["quiet"] = "quiet"

    @model_serializer
    def write(self) -> str:
        return f"{self.type}!"


class Checked(BaseModel):
    type: Literal["checked"] = "checked"
    children: list[Checked] = []

    @model_validator(mode="after")
    def check(self) -> Self:
        return self


class Loud(Say):
    """A subclass of a union's member, which is no member."""

    volume: int = 11


@pydantic_dataclass
class Place:
    name: str


@dataclass
class Town(Place):
    """It inherits a serializer, which knows nothing of its own field."""

    people: int = 0


class Number5(RootModel[Literal[5]]):
    root: Literal[5] = 5


def shout(say: Say) -> dict[str, Any]:
    return {"type": "say", "txt": say.text.upper()}


TaggedTwice = Annotated[Checked | Join | Say, Field(discriminator="type")]
Shouted = Annotated[Say, PlainSerializer(shout)]
Named = Annotated[Say, PlainSerializer(lambda it: type(it).__name__)]
Aliased = TypeAliasType("Aliased", Movie | Named)


@pytest.mark.parametrize(
    ("tp", "value", "message"),
    [
        (TaggedTwice, Checked(), '{"type":"checked","children":[]}'),
        (TaggedTwice, Say(txt="hi"), '{"type":"say","txt":"hi"}'),
        (TaggedTwice | None, Join(room="x"), '{"type":"join","room":"x"}'),
        (TaggedTwice | None, None, "null"),
        (Join | Checked, Checked(children=[Checked()]), None),
        (Join | Say, Loud(txt="hi"), '{"type":"say","txt":"hi"}'),
        (Base | Derived, Derived(), '{"kind":"base","hidden":"x"}'),
        (Join | Quiet, Quiet(), '"quiet!"'),
        (Join | Shouted, Say(txt="hi"), '{"type":"say","txt":"HI"}'),
        (Annotated[Join | Shouted, Field(discriminator="type")], Say(txt="hi"), None),
        (Annotated[Join | Say, PlainSerializer(type)], Say(), None),
        (Annotated[Join | Say, WrapSerializer(lambda it, dump: [dump(it)])], Say(), None),
        (Join | int | list[Say], [Loud(txt="hi")], '[{"type":"say","txt":"hi"}]'),
        (Join | int | list[Say], Join(room="x"), '{"type":"join","room":"x"}'),
        (Annotated[Join, Tag("j")] | Say, Say(txt="hi"), '{"type":"say","txt":"hi"}'),
        (Join | Point, Point(1.0), '{"x":1.0,"y":0.0}'),
        (Join | Number5, Number5(), "5"),
        (Town, Town("Rye", 9), '{"name":"Rye","people":9}'),
        (Join | Town, Town("Rye", 9), '{"name":"Rye","people":9}'),
        (Join | TaggedTwice, Say(txt="hi"), '{"type":"say","txt":"hi"}'),
        (Join | Say, Movie(title="Brazil"), '{"title":"Brazil"}'),
        (Aliased | Join, Join(room="x"), '"Join"'),
        (Annotated[Named, Field(default_factory=Say)] | Join, Join(room="x"), '"Join"'),
        (
            Annotated[
                Annotated[Join, Tag("j")] | Annotated[Say, Tag("s")],
                Discriminator(lambda it: "s" if hasattr(it, "text") else "j"),
            ],
            Say(txt="hi"),
            '{"type":"say","txt":"hi"}',
        ),
    ],
    ids=str,
)
def test_a_unions_member_is_serialised_as_pydantic_would(
    tp: Any, value: Any, message: str | None
) -> None:
    try:
        expected = Adapter(tp).dump_json(value, by_alias=True, warnings=False).decode()
    except ValueError:
        with pytest.raises((TypeError, ValueError)):
            encoder(tp)(value)
    else:
        assert encoder(tp)(value) == expected
        assert expected == (message or expected)


# -------------------------------------------------------------------------------- there and back

ROUND_TRIPS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "str": (str, texts),
    "bytes": (bytes, st.binary()),
    "int": (int, st.integers()),
    "bool": (bool, st.booleans()),
    "dict": (dict, st.dictionaries(texts, json_values, max_size=3)),
    "any JSON": (Any, json_values.filter(lambda value: not isinstance(value, str))),
    "float": (float, finite),
    "list of str": (list[str], st.lists(texts)),
    "int enum": (Priority, st.sampled_from(Priority)),
    "date": (date, st.dates()),
    "datetime": (datetime, st.datetimes(timezones=st.just(UTC))),
    "timedelta": (timedelta, st.timedeltas(timedelta(-999), timedelta(999))),
    "Decimal": (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    "UUID": (UUID, st.uuids()),
    "model": (ClientMessage, st.builds(Join, room=texts) | st.builds(Say, txt=texts)),
    "dataclass": (Point, st.builds(Point, finite)),
    "TypedDict": (Movie, st.fixed_dictionaries({"title": texts})),
    "set": (set[int], st.sets(st.integers())),
    "optional": (int | None, st.none() | st.integers()),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
@bounded
@given(data=st.data())
def test_what_is_sent_is_received_as_it_was(name: str, data: st.DataObject) -> None:
    tp, values = ROUND_TRIPS[name]
    value = data.draw(values)
    assert caster(tp)(encode(value)) == value
    assert caster(tp)(encoder(tp)(value)) == value


@bounded
@given(json_values)
def test_whatever_is_sent_is_json_without_constants(value: object) -> None:
    message = encode([value, math.nan, "NaN"])
    assert Adapter(list[Any]).validate_json(message)[-2:] == [None, "NaN"]


# ------------------------------------------------------------------------------- what to expect


class Words(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "tp", "comparable_value"),
    [
        ("hi", str, "hi"),
        (5, int, 5),
        ([1], list, [1]),
        (Color.RED, Color, Color.RED),
        (bytearray(b"hi"), bytes, b"hi"),
        (memoryview(b"hi"), bytes, b"hi"),
        # pydantic doesn't know these types, so it is what send makes of them
        (Words("hi"), str, "hi"),
        (MappingProxyType({"a": 1}), Any, {"a": 1}),
        (range(2), Any, [0, 1]),
    ],
    ids=repr,
)
def test_a_value_says_what_its_message_is_cast_to(
    value: Any, tp: Any, comparable_value: Any
) -> None:
    assert comparable(value) == (tp, comparable_value)


@pytest.mark.parametrize("value", [int, Color, list[int], re.compile("hi")])
def test_what_a_message_might_be_like_is_no_message(value: Any) -> None:
    with pytest.raises(TypeError, match="takes the message itself"):
        comparable(value)


def test_what_can_be_neither_cast_to_nor_sent_can_not_be_compared() -> None:
    with pytest.raises(TypeError, match="cannot send"):
        comparable(iter("hi"))
