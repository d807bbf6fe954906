"""Messages to Python values: the table, and everything a peer could do to it."""

from __future__ import annotations

import contextlib
import json
import math
import re
import string
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ForwardRef, Literal, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    create_model,
)
from pydantic import TypeAdapter as Adapter
from pydantic_core import PydanticCustomError, ValidationError, from_json
from pydantic_core._pydantic_core import list_all_errors

from tests.messages import (
    ANY_DICT,
    Above3,
    Alias,
    Child,
    ClientMessage,
    Color,
    Join,
    Kind,
    Magic,
    Mixed,
    Movable,
    Movie,
    OtherId,
    Point,
    Priority,
    Say,
    Suit,
    SuperId,
    Switch,
    Unhashable,
    UserId,
    bounded,
    json_values,
)
from websocket_kit._casting import MAX_CACHED, caster, list_errors
from websocket_kit._encoding import encode, encoder
from websocket_kit.errors import WebSocketCastError


def cast_error(tp: Any, message: str | bytes) -> WebSocketCastError:
    with pytest.raises(WebSocketCastError) as caught:
        caster(tp)(message)
    return caught.value


def strings(value: Any) -> Iterator[str]:
    """Every string in an error's attributes."""
    if isinstance(value, str | bytes):
        yield value if isinstance(value, str) else value.decode("latin-1")
    elif isinstance(value, dict | list | tuple):
        for item in cast("Any", [*value.items()] if isinstance(value, dict) else value):
            yield from strings(item)


# ------------------------------------------------------------------- what is received: scalars


@pytest.mark.parametrize(
    ("tp", "message", "value"),
    [
        (str, "héllo", "héllo"),
        (str, "", ""),
        (str, " 5 ", " 5 "),
        (str, '"quoted"', '"quoted"'),
        (str, "NaN", "NaN"),
        (str, "\ufeffbom", "\ufeffbom"),
        (str, "héllo".encode(), "héllo"),
        (str, b"", ""),
        (bytes, b"\xff\x00", b"\xff\x00"),
        (bytes, "héllo", "héllo".encode()),
        (bytes, "", b""),
        (int, "0", 0),
        (int, "42", 42),
        (int, "-42", -42),
        (int, "+42", 42),
        (int, "-0", 0),
        (int, "007", 7),
        (int, b"42", 42),
        (bool, "true", True),
        (bool, "True", True),
        (bool, "TRUE", True),
        (bool, "tRuE", True),
        (bool, "1", True),
        (bool, "false", False),
        (bool, "False", False),
        (bool, "0", False),
        (bool, b"true", True),
        (bool, b"0", False),
        (dict, '{"a": [1, null]}', {"a": [1, None]}),
        (dict, " {}\n", {}),
        (dict, b'{"a": 1}', {"a": 1}),
        (dict, '{"a": 1, "a": 2}', {"a": 2}),  # as every JSON parser: the last one wins
    ],
)
def test_a_scalar_has_a_text_form_of_its_own(tp: type, message: str | bytes, value: Any) -> None:
    received = caster(tp)(message)
    assert received == value
    assert type(received) is tp


DIGITS = "Input should be decimal digits with an optional sign"
TRUE_OR_FALSE = "Input should be true, false, 1 or 0"
NOT_UTF8 = "Input is not valid UTF-8"
OBJECT = "Input should be an object"


@pytest.mark.parametrize(
    ("tp", "message", "msg"),
    [
        (int, "", DIGITS),
        (int, " 5", DIGITS),
        (int, "5 ", DIGITS),
        (int, "5\n", DIGITS),
        (int, "x", DIGITS),
        (int, "1_000", DIGITS),
        (int, "1.0", DIGITS),
        (int, "1e3", DIGITS),
        (int, "0x10", DIGITS),
        (int, "--5", DIGITS),
        (int, "+", DIGITS),
        (int, "٣", DIGITS),
        (int, "５", DIGITS),  # noqa: RUF001 - likewise
        (int, "true", DIGITS),
        (int, "NaN", DIGITS),
        (int, "\ufeff5", DIGITS),
        (int, '"5"', DIGITS),
        (int, "\ud800", DIGITS),
        (int, b"\xef\xbb\xbf5", DIGITS),
        (int, b"\xff", NOT_UTF8),
        (int, "1" * 4301, "the number has too many digits"),
        (bool, "", TRUE_OR_FALSE),
        (bool, "yes", TRUE_OR_FALSE),
        (bool, "on", TRUE_OR_FALSE),
        (bool, " true", TRUE_OR_FALSE),
        (bool, "true\n", TRUE_OR_FALSE),
        (bool, "01", TRUE_OR_FALSE),
        (bool, "2", TRUE_OR_FALSE),
        (bool, "null", TRUE_OR_FALSE),
        (bool, b"\xff", NOT_UTF8),
        (str, b"\xff", NOT_UTF8),
        (str, "héllo".encode("utf-16"), NOT_UTF8),
        (bytes, "\ud800", "Input holds a lone surrogate, which UTF-8 can't encode"),
        (dict, "[]", OBJECT),
        (dict, "null", OBJECT),
        (dict, '"{}"', OBJECT),
        (dict, "1", OBJECT),
    ],
)
def test_a_message_that_is_no_such_scalar_is_a_cast_error(
    tp: type, message: str | bytes, msg: str
) -> None:
    error = cast_error(tp, message)
    assert [problem["msg"] for problem in error.errors] == [msg]
    assert str(error) == f"cannot cast the message to {tp.__name__}: {msg}"


@bounded
@given(st.text(string.digits + "+- \n_.eE", max_size=6) | st.text(max_size=4))
def test_an_int_is_exactly_ascii_digits_with_an_optional_sign(message: str) -> None:
    if re.fullmatch(r"[+-]?[0-9]+", message):
        assert caster(int)(message) == int(message)
    else:
        cast_error(int, message)


@bounded
@given(st.sampled_from(["true", "false", "1", "0", "yes", ""]), st.data())
def test_a_bool_is_exactly_true_or_false_in_any_case_or_1_or_0(
    word: str, data: st.DataObject
) -> None:
    message = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in word)
    if word in {"true", "false", "1", "0"}:
        assert caster(bool)(message) is (word in {"true", "1"})
    else:
        cast_error(bool, message)


# ----------------------------------------------------- what is received: names around a scalar


@pytest.mark.parametrize(
    ("tp", "message", "value"),
    [
        (Above3, "5", 5),
        (Above3, b"5", 5),
        (Annotated[str, Field(max_length=3)], "abc", "abc"),
        (Annotated[bytes, Field(max_length=3)], "abc", b"abc"),
        (Annotated[bool, "a note"], "TRUE", True),
        (Annotated[ANY_DICT, Field(max_length=1)], '{"a": 1}', {"a": 1}),
        (Annotated[Literal["a"], "a note"], "a", "a"),
        (Literal["a", "b"], "b", "b"),
        (Literal["a"], b"a", "a"),
        (Literal[1, 2], "2", 2),
        (Literal[True], "true", True),
        (Literal[b"x"], b"x", b"x"),
        (Color, "red", Color.RED),
        (Color, b"blue", Color.BLUE),
        (Priority, "2", Priority.HIGH),
        (Suit, "s", Suit.SPADES),
        (Switch, "TRUE", Switch.ON),
        (Switch, "0", Switch.OFF),
        (Magic, b"\x89PNG", Magic.PNG),
        (Literal[Color.RED], "red", Color.RED),
        (Literal[Color.RED, Color.BLUE], b"blue", Color.BLUE),
        (Literal[Color.RED, "blue"], "red", Color.RED),
        (Literal[Color.RED, "blue"], "blue", "blue"),
        (Annotated[Literal[Color.RED], "a note"], "red", Color.RED),
        (Literal[Priority.LOW], "1", Priority.LOW),
        (Literal[Suit.SPADES], "s", Suit.SPADES),
        (Literal[Switch.OFF], "FALSE", Switch.OFF),
        (UserId, "5", 5),
        (SuperId, "-5", -5),
        (Annotated[UserId, Field(gt=3)], "5", 5),
        (Alias, "5", 5),
        (Kind, "a", "a"),
        (OtherId, "5", 5),
    ],
)
def test_a_name_around_a_scalar_is_read_as_the_scalar(
    tp: Any, message: str | bytes, value: Any
) -> None:
    received = caster(tp)(message)
    assert received == value
    assert type(received) is type(value)


@pytest.mark.parametrize(
    ("tp", "message", "msg"),
    [
        (Above3, "3", "Input should be greater than 3"),
        (Above3, "x", DIGITS),
        (Annotated[str, Field(max_length=3)], "abcd", "String should have at most 3 characters"),
        (Annotated[str, Field(pattern="^a$")], "b", "String should match pattern '^a$'"),
        (Annotated[bool, "a note"], "yes", TRUE_OR_FALSE),
        (Literal["a", "b"], "c", "Input should be 'a' or 'b'"),
        (Literal["a"], '"a"', "Input should be 'a'"),
        (Literal[1], "2", "Input should be 1"),
        (Literal[1], "one", DIGITS),
        (Color, "green", "Input should be 'red' or 'blue'"),
        (Color, '"red"', "Input should be 'red' or 'blue'"),
        (Literal[Color.RED], "blue", "Input should be <Color.RED: 'red'>"),
        (Literal[Priority.LOW], "low", DIGITS),
        (Priority, "3", "Input should be 1 or 2"),
        (UserId, "5.0", DIGITS),
        (Alias, '"5"', DIGITS),
    ],
)
def test_what_is_read_as_the_scalar_is_then_validated(tp: Any, message: str, msg: str) -> None:
    assert [problem["msg"] for problem in cast_error(tp, message).errors] == [msg]


@pytest.mark.parametrize(
    ("tp", "message", "value"),
    [
        (Literal[1, "a"], "1", 1),
        (Literal[1, "a"], '"a"', "a"),
        (None, "null", None),
        (Mixed, '"two"', Mixed.TWO),
        (Mixed, "1", Mixed.ONE),
        (int | None, "null", None),
        (int | None, "5", 5),
    ],
)
def test_values_of_several_kinds_are_read_as_json(tp: Any, message: str, value: Any) -> None:
    assert caster(tp)(message) == value


# ----------------------------------------------------------------------- what is received: JSON


@pytest.mark.parametrize(
    ("tp", "message", "value"),
    [
        (Any, "null", None),
        (Any, "[1, 2.5, true]", [1, 2.5, True]),
        (None, "null", None),
        (float, "1.5", 1.5),
        (list[int], "[1, 2]", [1, 2]),
        (set[int], "[1, 1]", {1}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int | str, '"5"', "5"),
        (int | str, "5", 5),
        (Join, '{"type": "join", "room": "lobby"}', Join(room="lobby")),
        (ClientMessage, '{"type": "say", "txt": "hi"}', Say(txt="hi")),
        (Join | Say, '{"type": "join", "room": "lobby"}', Join(room="lobby")),
        (Point, '{"x": 1}', Point(1.0)),
        (Movie, '{"title": "Brazil"}', {"title": "Brazil"}),
        (date, '"2020-02-29"', date(2020, 2, 29)),
        (UUID, '"00000000-0000-0000-0000-000000000001"', UUID(int=1)),
        (list[Color], '["red"]', [Color.RED]),
        (list[Priority], "[2]", [Priority.HIGH]),
        (list[Above3], "[4]", [4]),
        (object, "[1]", [1]),
    ],
)
def test_everything_else_is_json_validated_by_pydantic(tp: Any, message: str, value: Any) -> None:
    assert caster(tp)(message) == value
    assert caster(tp)(message.encode()) == value


@pytest.mark.parametrize(
    ("tp", "message", "problem"),
    [
        (
            list[int],
            '[1, "x"]',
            {
                "type": "int_parsing",
                "loc": (1,),
                "msg": "Input should be a valid integer, unable to parse string as an integer",
            },
        ),
        (Join, '{"type": "join"}', {"type": "missing", "loc": ("room",), "msg": "Field required"}),
        (
            ClientMessage,
            '{"type": "leave"}',
            {
                "type": "union_tag_invalid",
                "loc": (),
                "msg": "Input tag 'leave' found using 'type' does not match any of the expected"
                " tags: 'join', 'say'",
            },
        ),
        (
            Any,
            "{",
            {
                "type": "json_invalid",
                "loc": (),
                "msg": "Invalid JSON: EOF while parsing an object at line 1 column 1",
            },
        ),
    ],
)
def test_what_is_wrong_is_listed_as_pydantic_lists_it_without_the_input(
    tp: Any, message: str, problem: dict[str, Any]
) -> None:
    error = cast_error(tp, message)
    assert error.errors == [problem]
    assert (error.tp, error.received) == (tp, message)


# ---------------------------------------------------------------------------- hostile messages

JSON_TYPES: list[Any] = [
    dict,
    Any,
    list[Any],
    list[int],
    dict[str, Any],
    Join,
    Child,
    ClientMessage,
]
DEEP = 100_000
LONG = 10_000_000

HOSTILE: dict[str, str | bytes] = {
    "deep list": "[" * DEEP + "]" * DEEP,
    "deep object": '{"children":[' * DEEP + "]}" * DEEP,
    "deep and unclosed": "[" * DEEP,
    "deep beside NaN": '["NaN",' + "[" * DEEP,
    "huge integer": "1" * LONG,
    "huge integer in a list": "[" + "1" * LONG + "]",
    "huge negative integer in an object": '{"a":-' + "1" * LONG + "}",
    "huge integer beside NaN": '["NaN",' + "1" * 5000 + "]",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "NaN in a list": "[NaN]",
    "NaN in an object": '{"a": NaN}',
    "NaN after a string of that name": '["NaN", NaN]',
    "-Infinity deep inside": '{"a": [{"b": -Infinity}]}',
    "nan": "nan",
    "raw surrogate": "\ud800",
    "raw surrogate in a string": '"\ud800"',
    "raw surrogate beside NaN": '["NaN", "\ud800"]',
    "raw surrogate beside NaN in an object": '{"NaN": "\udfff"}',
    "escaped surrogate": '"\\ud800"',
    "escaped surrogate in a list": '["\\ud800"]',
    "escaped surrogate as a key": '{"\\udfff": 1}',
    "escaped surrogates the wrong way round": '["\\udc00\\ud800"]',
    "BOM": "\ufeff{}",
    "BOM in bytes": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-16 without BOM": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": "{}".encode("utf-32"),
    "invalid UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "truncated UTF-8": b'"\xe2\x82',
    "invalid UTF-8 beside NaN": b'["NaN", "\xff"]',
    "empty": "",
    "empty bytes": b"",
    "blank": "   ",
    "two values": "{} {}",
    "a comment": "{} // {}",
    "trailing comma": '{"a": 1,}',
    "single quotes": "{'a': 1}",
    "control character in a string": '{"a": "\n"}',
    "NUL": "\0",
    "leading zero": "[01]",
    "bare word": "undefined",
}


SCALARS: list[Any] = [int, bool, Above3, Literal[1], Priority, float, date, UUID]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_a_cast_error_and_no_other(name: str) -> None:
    for tp in [*JSON_TYPES, *SCALARS]:
        error = cast_error(tp, HOSTILE[name])
        assert error.tp == tp
        assert all(len(text) <= 200 for text in strings(vars(error)))


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ('"NaN"', "NaN"),
        ('["Infinity", "-Infinity"]', ["Infinity", "-Infinity"]),
        ('{"NaN": "not NaN: \\"NaN\\""}', {"NaN": 'not NaN: "NaN"'}),
    ],
)
def test_a_string_may_hold_the_words_that_no_number_may(message: str, value: Any) -> None:
    assert caster(Any)(message) == value
    assert caster(Any)(message.encode()) == value


@pytest.mark.parametrize("number", ["1e999", "-1e999", '"NaN"', '"Infinity"', '"-inf"'])
@pytest.mark.parametrize(
    ("tp", "message"),
    [
        (float, "{}"),
        (float | None, "{}"),
        (Annotated[float, Field(gt=-3)], "{}"),
        (list[float], "[1.5, {}]"),
        (dict[str, float], '{{"a": {}}}'),
        (list[Movable], '[{{"speed": {}}}]'),
    ],
    ids=str,
)
def test_a_float_is_a_finite_number(tp: Any, message: str, number: str) -> None:
    error = cast_error(tp, message.format(number))
    assert "Input should be a finite number" in [problem["msg"] for problem in error.errors]
    caster(tp)(message.format("1e308").encode())


class Probe(BaseModel):
    speed: float


class FiniteProbe(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)
    speed: float


@pytest.mark.parametrize("number", ["1e999", '"Infinity"'])
def test_a_models_own_config_says_whether_its_floats_are_finite(number: str) -> None:
    """By pydantic's default they need not be."""
    message = f'{{"speed": {number}}}'
    assert caster(Probe)(message) == Probe(speed=math.inf)
    assert caster(list[Probe])(f"[{message}]") == [Probe(speed=math.inf)]
    cast_error(FiniteProbe, message)


def test_a_float_can_be_set_to_take_infinity() -> None:
    assert caster(Annotated[float, Field(allow_inf_nan=True)])("1e999") == math.inf


def test_a_number_that_no_type_is_asked_for_may_be_too_large() -> None:
    assert caster(Any)("1e999") == math.inf
    assert caster(dict)('{"a": 1e999}') == {"a": math.inf}


@pytest.mark.parametrize("tp", [int, list[int], Decimal])
def test_a_number_too_large_for_a_float_is_none_of_another_kind_either(tp: Any) -> None:
    cast_error(tp, "1e999")
    cast_error(list[tp], "[1e999]")


def test_a_decimal_that_is_no_number_is_a_cast_error() -> None:
    cast_error(Decimal, '"sNaN"')


def test_a_discriminator_given_twice_is_the_last_one() -> None:
    """And what is then missing for it is an error, not a mixture."""
    error = cast_error(ClientMessage, '{"type": "say", "txt": "hi", "type": "join"}')
    assert error.errors[0]["loc"][0] == "join"


def test_20_000_wrong_items_are_20_errors() -> None:
    error = cast_error(list[int], "[" + ",".join(['"x"'] * 20_000) + "]")
    assert len(error.errors) == 20
    assert [problem["loc"] for problem in error.errors] == [(index,) for index in range(20)]
    assert len(str(error)) < 200
    assert str(error).endswith("(and 19 more errors)")


def test_20_001_wrong_items_are_one_error_that_counts_them() -> None:
    """To list them all, as pydantic would, takes seconds for a message of the default size."""
    error = cast_error(list[int], "[" + ",".join(['"x"'] * 20_001) + "]")
    assert error.errors == [
        {"type": "too_many_errors", "loc": (), "msg": "20,001 errors, too many to list"}
    ]


@pytest.mark.parametrize(
    ("tp", "message"),
    [
        (int, "~" * 1000),
        (Color, "~" * 1000),
        (Literal["a"], "~" * 1000),
        (Annotated[str, Field(pattern="^a$")], "~" * 1000),
        (ClientMessage, '{"type": "' + "~" * 1000 + '"}'),
        (Join, '{"room": "", "' + "~" * 1000 + '": 1}'),
        (dict[str, int], '{"' + "~" * 1000 + '": "x"}'),
        (dict[str, dict[str, int]], '{"' + "~" * 99 + '": {"' + "~" * 99 + '": "x"}}'),
        (dict[Color, int], '{"' + "~" * 1000 + '": 1}'),
        (UUID, '"' + "~" * 1000 + '"'),
        (date, '"' + "~" * 1000 + '"'),
        (dict, "~" * 1000),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_string_in_an_error_holds_more_than_100_characters_of_the_peers(
    tp: Any, message: str
) -> None:
    error = cast_error(tp, message)
    assert all(text.count("~") <= 100 for text in strings([vars(error), str(error), repr(error)]))
    assert error.received == message[:100]


def test_what_the_type_wants_is_told_whole() -> None:
    error = cast_error(ClientMessage, '{"type": "' + "~" * 1000 + '"}')
    assert [problem["msg"] for problem in error.errors] == [
        "Input tag '" + "~" * 100 + "' found using 'type' does not match any of the expected tags:"
        " 'join', 'say'"
    ]


def test_what_the_peer_sent_is_escaped_in_the_text() -> None:
    error = cast_error(Join, '{"room": "", "a\\r\\n\\u001b[31m": 1}')
    assert str(error) == (
        r"cannot cast the message to Join: a\r\n\x1b[31m: Extra inputs are not permitted"
    )


def test_a_cast_error_drags_no_other_error_along() -> None:
    """One of pydantic's holds the whole message."""
    error = cast_error(list[int], '["x"]')
    assert (error.__cause__, error.__context__) == (None, None)


def raising(error: Exception) -> BeforeValidator:
    def validate(value: object) -> object:
        raise error

    return BeforeValidator(validate)


@pytest.mark.parametrize("tp", [int, str, float, list[int]])
@pytest.mark.parametrize(
    ("error", "msg"),
    [
        (ValueError("no"), "Value error, no"),
        (ValueError("needs 3 digits"), "Value error, needs 3 digits"),
        (AssertionError("no"), "Assertion failed, no"),
        (PydanticCustomError("custom", "no"), "no"),
        (ZeroDivisionError("no"), "ZeroDivisionError: no"),
        (OverflowError("at most 3 digits"), "OverflowError: at most 3 digits"),
        (RecursionError("no"), "RecursionError: no"),
        (InvalidOperation("no"), "InvalidOperation: no"),
        (KeyError("no"), "KeyError: 'no'"),
        (TypeError("no"), "TypeError: no"),
        (AttributeError("no"), "AttributeError: no"),
        (IndexError("no"), "IndexError: no"),
        (RuntimeError("no"), "RuntimeError: no"),
    ],
)
def test_a_validator_that_refuses_a_value_makes_a_cast_error(
    tp: Any, error: Exception, msg: str
) -> None:
    refused = cast_error(Annotated[tp, raising(error)], "1")
    assert [problem["msg"] for problem in refused.errors] == [msg]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("~" * 1000),
        PydanticCustomError("~" * 200, "~" * 200),
        PydanticCustomError("int_parsing", "~" * 200),  # a name of pydantic's
        PydanticCustomError("union_tag_invalid", "~" * 200),
        OverflowError("~" * 1000),
        KeyError("~" * 1000),
    ],
)
def test_what_a_validator_says_is_cut_to_100_characters(error: Exception) -> None:
    refused = cast_error(Annotated[int, raising(error)], "1")
    assert all(len(text) <= 100 for text in strings(refused.errors))


def kind_by_key(value: Any) -> str:
    kind: str = value["type"]
    return kind


ByKey = Annotated[
    Annotated[Join, Tag("join")] | Annotated[Say, Tag("say")], Discriminator(kind_by_key)
]


def test_a_discriminator_that_stumbles_over_a_message_makes_a_cast_error() -> None:
    """The peer chose the message, so the server doesn't crash; the error names what was raised."""
    error = cast_error(ByKey, "{}")
    assert error.errors == [{"type": "unexpected_error", "loc": (), "msg": "KeyError: 'type'"}]
    assert str(error).endswith(": KeyError: 'type'")
    assert (error.__cause__, error.__context__) == (None, None)
    assert caster(ByKey)('{"type": "join", "room": "lobby"}') == Join(room="lobby")


@pytest.mark.parametrize(
    ("tp", "message", "msg"),
    [
        (int, "~", "Input should be a valid integer, unable to parse string as an integer"),
        (UUID, "~", "Input should be a valid UUID, ..."),
        (date, "~", "Input should be a valid date or datetime, ..."),
        (
            ClientMessage,
            {"type": "~"},
            (
                "Input tag '...' found using 'type' does not match any of the expected tags:"
                " 'join', 'say'"
            ),
        ),
        (Annotated[int, raising(ValueError("~"))], "1", "Input is not valid"),
        (Annotated[int, raising(AssertionError("~"))], "1", "Input is not valid"),
        (Annotated[int, raising(PydanticCustomError("int_type", "~"))], "1", "Input is not valid"),
        (Annotated[int, raising(KeyError("~"))], "1", "Input is not valid (KeyError)"),
        (Annotated[int, raising(OverflowError("~"))], "1", "Input is not valid (OverflowError)"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_can_be_listed_without_anything_of_the_value(
    tp: Any, message: Any, msg: str
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any type
        Adapter(tp).validate_python(message)
    assert [problem["msg"] for problem in list_errors(caught.value, repeat=False)] == [msg]


# What pydantic's texts are filled in with, sorted by whose it is.
OF_THE_TYPE = {
    *("attribute", "class", "class_name", "discriminator", "encoding", "expected"),
    *("expected_schemes", "expected_tags", "expected_version", "field_type", "method_name"),
    *("pattern", "tz_expected", "ge", "gt", "le", "lt", "multiple_of", "decimal_places"),
    *("max_digits", "max_length", "min_length", "whole_digits"),
    "actual_length",  # a count
}
OF_THE_VALUE = {"encoding_error": "~", "error": "~", "tag": "~", "tz_actual": 987654321}
EVERY_KIND: list[Any] = list_all_errors()


def test_it_is_known_of_all_that_pydantics_texts_are_filled_in_with_whose_it_is() -> None:
    """Where a new pydantic has more, it is to be sorted in, and left out if it is the value's."""
    names = {name for kind in EVERY_KIND for name in kind["example_context"] or ()}
    assert names <= OF_THE_TYPE | OF_THE_VALUE.keys()


@pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda kind: kind["type"])
def test_no_text_of_pydantics_tells_anything_of_the_value(kind: Any) -> None:
    context: dict[str, Any] = {**(kind["example_context"] or {})}
    context |= {name: OF_THE_VALUE[name] for name in context.keys() & OF_THE_VALUE.keys()}
    if kind["type"] in {"value_error", "assertion_error"}:
        context = {"error": ValueError("~")}
    problem: Any = {"type": kind["type"], "input": "", "ctx": context}
    error = ValidationError.from_exception_data("", [problem])
    (found,) = list_errors(error, repeat=False)
    assert "~" not in found["msg"]
    assert "987654321" not in found["msg"]


ANY_TYPES: list[Any] = [
    *JSON_TYPES,
    *(str, bytes, int, bool, float, None, date, UUID, Decimal, Color, Priority, Magic, Mixed),
    *(Above3, Literal["a", 1], int | str, Point, Movie, UserId, Alias, list[Join | None]),
]


@bounded
@given(
    st.sampled_from(ANY_TYPES),
    st.text(st.characters())
    | st.binary()
    | st.text('[]{}",:NaInfity\\u0189.e- \ud800', max_size=20),
)
def test_any_message_gives_a_value_or_a_cast_error(tp: Any, message: str | bytes) -> None:
    with contextlib.suppress(WebSocketCastError):
        caster(tp)(message)
        return
    error = cast_error(tp, message)
    assert 1 <= len(error.errors) <= 20
    assert all(len(text) <= 200 for text in strings(vars(error)))


@pytest.mark.parametrize("tp", [dict, dict[str, Any]])
@bounded
@given(
    message=st.text() | json_values.map(json.dumps) | st.text('{}[]":,0123456789eE.-NaInfity\\u d8')
)
def test_a_dict_is_cast_as_pydantic_would_but_for_nan(tp: Any, message: str) -> None:
    try:
        value = Adapter(dict[str, Any]).validate_json(message)
        from_json(message, allow_inf_nan=False)
    except ValueError:
        cast_error(tp, message)
    else:
        assert repr(caster(tp)(message)) == repr(value)  # the order of its keys too


@pytest.mark.parametrize(
    "message",
    ['{"a": 1e999}', '{"a": 1, "b": 2, "a": 3}', '{"N": "I"}', '{"a": 12345678901234567890123}'],
)
def test_a_dict_is_the_same_from_text_and_from_bytes(message: str) -> None:
    value = Adapter(dict[str, Any]).validate_json(message)
    assert repr(caster(dict)(message)) == repr(caster(dict)(message.encode())) == repr(value)


@bounded
@given(json_values)
def test_a_cast_of_json_agrees_with_pydantic(value: object) -> None:
    message = encode([value])
    for tp in (list[int], list[str], list[dict[str, Any]], list[Any]):
        try:
            expected = Adapter(tp).validate_json(message)
        except ValueError:
            cast_error(tp, message)
        else:
            assert caster(tp)(message) == expected


# ----------------------------------------------------------------------------- which types cast


@pytest.mark.parametrize("tp", [range, bytearray, 5, [int], Unhashable(), ANY_DICT[int]], ids=str)
@pytest.mark.parametrize("make", [caster, encoder])
def test_a_type_pydantic_does_not_know_is_a_type_error(make: Any, tp: Any) -> None:
    with pytest.raises(TypeError, match=r"^cannot cast to "):
        make(tp)


LATER: Any = ForwardRef("Later")
Unfinished: Any = create_model("Unfinished", later=(LATER, ...))


@pytest.mark.parametrize("tp", [Unfinished, list[Unfinished], LATER], ids=str)
@pytest.mark.parametrize("make", [caster, encoder])
def test_a_type_that_refers_to_one_not_defined_is_a_type_error(make: Any, tp: Any) -> None:
    with pytest.raises(TypeError, match=r"^cannot cast to .*defined"):
        make(tp)


def test_a_type_whose_own_schema_fails_is_a_type_error() -> None:
    class Broken:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
            raise AttributeError

    with pytest.raises(TypeError, match=r"it is not a type pydantic can validate$") as caught:
        caster(Broken)
    assert isinstance(caught.value.__cause__, AttributeError)


@pytest.mark.parametrize("tp", [print, cast_error, {"type": "any"}, {}, "UUID"], ids=str)
def test_what_pydantic_takes_for_more_than_a_type_is_refused(tp: Any) -> None:
    """It would call a function with what the peer sent."""
    with pytest.raises(TypeError, match="it is not a type"):
        caster(tp)


def test_the_text_names_the_type_that_cannot_be_cast_to() -> None:
    with pytest.raises(
        TypeError, match=r"^cannot cast to range: pydantic can't validate it \([^\n]*\)$"
    ):
        caster(range)


# ---------------------------------------------------------------------------------- the cache


@pytest.mark.parametrize("make", [caster, encoder])
def test_what_is_made_for_a_type_is_kept(make: Any) -> None:
    """An adapter takes milliseconds to make."""
    assert make(list[int]) is make(list[int])
    assert make(Join) is make(Join)
    assert make(Above3) is make(Above3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (int | str, str | int),
        (list[int | str], list[str | int]),
        (dict[str, int | str], dict[str, str | int]),
        (Literal[1], Literal[True]),
        (list[int], set[int]),
        (tuple[()], tuple),
    ],
    ids=str,
)
def test_types_that_compare_equal_or_nearly_are_not_mixed_up(one: Any, other: Any) -> None:
    assert caster(one) is not caster(other)


def test_a_union_is_cast_in_the_order_it_is_written_in_whichever_came_first() -> None:
    """``int | str == str | int``, and they hash alike."""
    first = Annotated[float | int, Field(union_mode="left_to_right")]
    second = Annotated[int | float, Field(union_mode="left_to_right")]
    for _ in range(2):
        assert type(caster(first)("1")) is float
        assert type(caster(second)("1")) is int


def test_a_literal_of_1_is_not_a_literal_of_true() -> None:
    """Nor are they mixed up by the cache, though ``1 == True``."""
    assert caster(Literal[1])("1") == 1
    assert caster(Literal[True])("true") is True
    cast_error(Literal[1], "true")


@pytest.mark.parametrize("note", [[1], {}, Unhashable()], ids=str)
def test_an_annotation_that_is_not_hashable_is_cast_all_the_same(note: object) -> None:
    tp: Any = Annotated[int, note]
    assert caster(tp)("5") == 5
    assert encoder(tp)(5) == "5"


def test_the_cache_is_bounded() -> None:
    """A type made for every connection must not be kept for every connection."""
    types: list[Any] = [Annotated[int, f"bounded {n}"] for n in range(MAX_CACHED + 1)]
    casts = [caster(tp) for tp in types]
    assert caster(types[-1]) is casts[-1]
    assert caster(types[0]) is not casts[0]


def test_a_type_that_is_gone_does_not_lend_its_cast_to_another() -> None:
    """Python gives the next object of the same size the same address."""
    items = [int, str, str, int, int, str, float, str]
    generic: Any = list
    values = [caster(generic[item])('["5"]')[0] for item in items]
    assert [type(value) for value in values] == items


def test_the_interpreters_limit_on_digits_is_the_one_the_tests_assume() -> None:
    assert sys.get_int_max_str_digits() == 4300
