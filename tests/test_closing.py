"""What may go on the wire: close codes, reasons, statuses, headers, tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import MutableHeaders

from websocket_kit.closing import (
    CloseCode,
    CloseInfo,
    check_body,
    check_close,
    check_status,
    code_for_status,
    cut_reason,
    encode_headers,
    is_sendable_code,
    is_token,
)

LEGAL_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}

any_text = st.text(st.characters())  # lone surrogates too
bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --------------------------------------------------------------------------------- close codes


def test_the_codes_that_may_be_sent_are_exactly_these() -> None:
    """RFC 6455, section 7.4: the rest are reserved or never on the wire (1005, 1006, 1015)."""
    assert {code for code in range(-1, 70_000) if is_sendable_code(code)} == LEGAL_CODES


@bounded
@given(st.integers())
def test_no_code_outside_them_may_be_sent(code: int) -> None:
    assert is_sendable_code(code) == (code in LEGAL_CODES)


@pytest.mark.parametrize("code", [None, "1000", 1000.0])
def test_what_is_no_number_is_no_close_code(code: object) -> None:
    assert not is_sendable_code(code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NORMAL_CLOSURE", 1000),
        ("GOING_AWAY", 1001),
        ("PROTOCOL_ERROR", 1002),
        ("UNSUPPORTED_DATA", 1003),
        ("INVALID_DATA", 1007),
        ("POLICY_VIOLATION", 1008),
        ("MESSAGE_TOO_BIG", 1009),
        ("MANDATORY_EXTENSION", 1010),
        ("INTERNAL_ERROR", 1011),
        ("SERVICE_RESTART", 1012),
        ("TRY_AGAIN_LATER", 1013),
        ("BAD_GATEWAY", 1014),
        ("UNAUTHORIZED", 3000),
        ("FORBIDDEN", 3003),
        ("TIMEOUT", 3008),
    ],
)
def test_a_close_code_has_the_registered_number(name: str, code: int) -> None:
    assert CloseCode[name] == code


def test_every_close_code_with_a_name_may_be_sent() -> None:
    assert all(map(is_sendable_code, CloseCode))


def test_close_info_is_a_code_a_reason_and_who_did_it() -> None:
    assert CloseInfo(1000, "bye", "peer") == (1000, "bye", "peer")


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, "", (1000, "")),
        (4999, "bye", (4999, "bye")),
        (1011, "x" * 124, (1011, "x" * 123)),
    ],
)
def test_a_legal_close_passes_with_its_reason_cut(
    code: int, reason: str, expected: tuple[int, str]
) -> None:
    assert check_close(code, reason) == expected


def test_a_code_with_a_name_becomes_a_plain_int() -> None:
    """Servers format it into a frame, a log line or an event; an enum prints otherwise."""
    code, _ = check_close(CloseCode.GOING_AWAY, "")
    assert type(code) is int
    assert code == 1001


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, True])
def test_a_code_that_may_not_be_sent_is_a_value_error(code: int) -> None:
    with pytest.raises(ValueError, match=f"^close code {code} may not be sent") as caught:
        check_close(code, "")
    assert str(caught.value).endswith("(use 1000-1003, 1007-1014 or 3000-4999)")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, "a close code is an int, not NoneType"),
        ("1000", "a close code is an int, not str"),
        (1000.0, "a close code is an int, not float"),
    ],
)
def test_a_code_that_is_no_int_is_a_type_error(code: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        check_close(code, "")
    assert str(caught.value) == text


# ------------------------------------------------------------------------------------- reasons


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("", ""),
        ("x" * 123, "x" * 123),
        ("x" * 124, "x" * 123),
        ("é" * 62, "é" * 61),  # two bytes each: 122 fit, the half of the next does not
        ("x" + "é" * 61, "x" + "é" * 61),
        ("€" * 42, "€" * 41),
        ("xx" + "🎉" * 31, "xx" + "🎉" * 30),
        ("a\ud800b", "a?b"),
        ("x" * 122 + "é", "x" * 122),
    ],
)
def test_a_reason_is_cut_to_123_bytes_between_characters(reason: str, sent: str) -> None:
    assert cut_reason(reason) == sent


@bounded
@given(any_text)
def test_a_short_reason_without_surrogates_is_sent_as_it_is(reason: str) -> None:
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) <= 123:
        assert cut_reason(reason) == encoded.decode()


@bounded
@given(st.text(st.characters(), min_size=30, max_size=200))
def test_what_is_left_of_a_reason_is_the_longest_start_that_fits(reason: str) -> None:
    printable = reason.encode("utf-8", "replace").decode()
    sent = cut_reason(reason)
    assert printable.startswith(sent)
    assert len(sent.encode()) <= 123
    assert sent == printable or len(printable[: len(sent) + 1].encode()) > 123


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, "a close reason is a str, not NoneType"),
        (b"bye", "a close reason is a str, not bytes"),
        ([{"msg": "bad"}], "a close reason is a str, not list"),
    ],
)
def test_a_reason_that_is_no_str_is_a_type_error(reason: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        check_close(1000, reason)
    assert str(caught.value) == text


# ------------------------------------------------------------------------------------ statuses


@pytest.mark.parametrize("status", [400, 403, 499, 500, 599])
def test_a_status_from_400_to_599_refuses_a_handshake(status: int) -> None:
    assert check_status(status) == status


@pytest.mark.parametrize("status", [-1, 0, 101, 200, 302, 399, 600, True])
def test_any_other_status_is_a_value_error(status: int) -> None:
    with pytest.raises(ValueError, match="refuse") as caught:
        check_status(status)
    assert str(caught.value) == f"HTTP status {status} can't refuse a handshake (use 400-599)"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("403", "an HTTP status is an int, not str"),
        (403.0, "an HTTP status is an int, not float"),
        (None, "an HTTP status is an int, not NoneType"),
    ],
)
def test_a_status_that_is_no_int_is_a_type_error(status: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        check_status(status)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1008), (403, 1008), (499, 1008), (500, 1011), (599, 1011)]
)
def test_too_late_for_http_a_status_is_said_by_a_close_code(status: int, code: int) -> None:
    assert code_for_status(status) == code


# ------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("headers", "encoded"),
    [
        ((), []),
        ({}, []),
        ({"X-One": "1"}, [(b"x-one", b"1")]),
        ([("X-One", "1"), ("x-one", "2")], [(b"x-one", b"1"), (b"x-one", b"2")]),
        ([(b"X-One", b"1")], [(b"x-one", b"1")]),
        ([["X-One", "café"]], [(b"x-one", b"caf\xe9")]),
        ([("x", "")], [(b"x", b"")]),
        ([("x", "a\tb")], [(b"x", b"a\tb")]),
        ([("!#$%&'*+-.^_`|~09az", "1")], [(b"!#$%&'*+-.^_`|~09az", b"1")]),
    ],
)
def test_headers_become_pairs_of_bytes_with_names_in_lower_case(
    headers: Any, encoded: list[tuple[bytes, bytes]]
) -> None:
    assert encode_headers(headers) == encoded


def test_a_mapping_that_repeats_a_header_keeps_each() -> None:
    """Two Set-Cookie lines are two headers."""
    headers = MutableHeaders(raw=[(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    assert encode_headers(headers) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_headers_may_come_from_a_generator() -> None:
    assert encode_headers((name, "1") for name in ("a", "b")) == [(b"a", b"1"), (b"b", b"1")]


@pytest.mark.parametrize("name", ["", " x", "x ", "a b", "x:", "a\r\nb", "a\0", "(x)", "é"])
def test_a_header_name_that_is_no_token_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="is not a token") as caught:
        encode_headers([(name, "1")])
    assert str(caught.value) == f"header name {name.encode('latin-1')!r} is not a token"


@pytest.mark.parametrize("character", [*map(chr, range(9)), *map(chr, range(10, 32)), "\x7f"])
def test_a_control_character_in_a_header_value_is_a_value_error(character: str) -> None:
    """Nothing may be injected into the answer."""
    value = f"a{character}b"
    with pytest.raises(ValueError, match="control character") as caught:
        encode_headers({"X": value})
    assert str(caught.value) == (
        f"header b'X' has a control character in its value {value.encode()!r}"
    )


@pytest.mark.parametrize("pair", [("x", "€"), ("€", "x"), ("x", "\ud800")])
def test_a_header_outside_latin_1_is_a_value_error(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="Latin-1") as caught:
        encode_headers([pair])
    assert str(caught.value) == f"a header is Latin-1, and {pair!r} is not"


@pytest.mark.parametrize(
    "pair",
    [5, None, ("x", 1), (1, "x"), ("x", None), b"ab", "ab", "abc", ("a",), ("a", "b", "c")],
)
def test_a_header_that_is_no_pair_of_strings_is_a_type_error(pair: Any) -> None:
    with pytest.raises(TypeError) as caught:
        encode_headers([pair])
    assert str(caught.value) == f"a header is a pair of strings, not {pair!r}"


@pytest.mark.parametrize("headers", [None, 5])
def test_headers_that_are_neither_a_mapping_nor_pairs_are_a_type_error(headers: Any) -> None:
    with pytest.raises(TypeError) as caught:
        encode_headers(headers)
    assert str(caught.value) == (
        f"headers are a mapping or pairs of strings, not {type(headers).__name__}"
    )


@pytest.mark.parametrize("body", ["", "text", b"bytes"])
def test_a_body_is_text_or_bytes(body: str | bytes) -> None:
    assert check_body(body) is body


@pytest.mark.parametrize("body", [None, {"a": 1}, bytearray(b"")])
def test_any_other_body_is_a_type_error(body: Any) -> None:
    with pytest.raises(
        TypeError, match=f"an HTTP body is a str or bytes, not {type(body).__name__}"
    ):
        check_body(body)


@bounded
@given(st.text(st.characters(), max_size=5), st.text(st.characters(), max_size=5))
def test_a_header_is_refused_or_holds_nothing_that_ends_its_line(name: str, value: str) -> None:
    try:
        [(sent_name, sent_value)] = encode_headers([(name, value)])
    except ValueError:
        return
    assert sent_name.decode("ascii") == name.lower()
    assert sent_value.decode("latin-1") == value
    assert not {b"\r", b"\n", b"\0", b":"} & {bytes([byte]) for byte in sent_name}
    assert not {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in sent_value}


# -------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("text", ["chat", "graphql-transport-ws", "v1.2", "a", "!#$%&'*+-.^_`|~"])
def test_a_token_is_one(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a,b", "a\r\n", "a\n", "é", "\ud800", "a;b", '"'])
def test_what_is_no_token_is_none(text: str) -> None:
    assert not is_token(text)
