"""Dialogues written down: what each line does, what is no line, and JSON compared as JSON."""

from __future__ import annotations

import json

import pytest
from anyio import current_time
from hypothesis import given
from hypothesis import strategies as st

from websocket_kit import CloseInfo, WebSocket, WebSocketDisconnectError, WebSocketHandshakeError
from websocket_kit.testing import ExpectationFailed, connect
from websocket_kit.testing._script import same

pytestmark = pytest.mark.anyio


async def echo(ws: WebSocket) -> None:
    async with ws:
        async for message in ws:
            await ws.send(message)


async def greet(ws: WebSocket) -> None:
    """HELLO within five seconds, or a close with 3008."""
    async with ws:
        assert await ws.receive(timeout=5) == "HELLO 1"
        await ws.send("ACK")
        await ws.receive(timeout=5)


async def say(ws: WebSocket, message: str | bytes) -> None:
    async with ws:
        await ws.send(message)
        await ws.receive()


# ------------------------------------------------------------------------------------------- lines


async def test_a_script_runs_line_by_line() -> None:
    async with connect(greet) as peer:
        await peer.play("> HELLO 1\n< ACK\n~ 4.9\n< close 3008")
        assert current_time() == pytest.approx(5)


async def test_indentation_blank_lines_and_comments_do_not_count() -> None:
    async with connect(greet) as peer:
        await peer.play(
            """
            # the handshake
            > HELLO 1

                < ACK
            #~ 99
            """
        )


async def test_what_stands_behind_the_sign_is_the_message() -> None:
    async with connect(echo) as peer:
        await peer.play("> # no comment\n< # no comment\n>   two spaces\n<   two spaces")
        await peer.play(">\n<\n> \n< ")
        await peer.play("> > sign\n< > sign\n> closed\n< closed")


@pytest.mark.parametrize("seconds", ["0", "0.5", "1", "1e-3", ".5"])
async def test_silence_is_a_number_of_seconds(seconds: str) -> None:
    async with connect(echo) as peer:
        await peer.play(f"~ {seconds}")
        assert current_time() == pytest.approx(float(seconds))


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("< close 4001", True),
        ("< close 4001 enough is enough", True),
        ("< close 4001 enough", False),
        ("< close 4002", False),
    ],
)
async def test_a_close_has_a_code_and_may_have_a_reason(line: str, fits: bool) -> None:
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4001, "enough is enough")

    async with connect(close) as peer:
        if fits:
            await peer.play(line)
        else:
            with pytest.raises(ExpectationFailed):
                await peer.play(line)


@pytest.mark.parametrize("code", [1005, 1006])
async def test_a_close_that_nobody_sends_can_be_expected(code: int) -> None:
    async def forget(ws: WebSocket) -> None:
        await ws.accept()

    async with connect(forget) as peer:
        if code == 1006:
            await peer.play("< close 1006")
        else:
            with pytest.raises(ExpectationFailed, match="received close 1006"):
                await peer.play("< close 1005")


@pytest.mark.parametrize(
    ("line", "info"),
    [
        ("> close", CloseInfo(1000, "", "peer")),
        ("> close 4000", CloseInfo(4000, "", "peer")),
        ("> close 4000 that is all", CloseInfo(4000, "that is all", "peer")),
    ],
)
async def test_the_peer_may_close_with_a_code_and_a_reason(line: str, info: CloseInfo) -> None:
    async with connect(say, message="hi") as peer:
        await peer.play(f"< hi\n{line}")
        assert peer.close_info == info


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("hello", "line 1 of the script, 'hello': write '> message' (the peer sends)"),
        (">hello", "line 1 of the script, '>hello': write '> message' (the peer sends)"),
        ("\n\n  ? x", "line 3 of the script, '? x': write '> message' (the peer sends)"),
        ("~ soon", "line 1 of the script, '~ soon': silence is a number of seconds, 0 or more"),
        ("~ -1", "line 1 of the script, '~ -1': silence is a number of seconds, 0 or more"),
        ("~ nan", "line 1 of the script, '~ nan': silence is a number of seconds, 0 or more"),
        ("~ inf", "line 1 of the script, '~ inf': silence is a number of seconds, 0 or more"),
        ("~", "line 1 of the script, '~': silence is a number of seconds, 0 or more"),
        ("< close", "line 1 of the script, '< close': '' is no close code, as in '< close 1000'"),
        ("< close door", "line 1 of the script, '< close door': 'door' is no close code"),
        ("< close 999", "line 1 of the script, '< close 999': '999' is no close code"),
        ("< close 10000", "line 1 of the script, '< close 10000': '10000' is no close code"),
        ("< close 1004", "line 1 of the script, '< close 1004': '1004' is no close code"),
        ("> close door", "line 1 of the script, '> close door': 'door' is no close code, as in '>"),
        ("> close 999", "line 1 of the script, '> close 999': '999' is no close code"),
        ("> close 1006", "line 1 of the script, '> close 1006': '1006' is no close code"),
        ("< close 100²", "line 1 of the script, '< close 100²': '100²' is no close code"),
    ],
)
async def test_anything_else_is_refused_with_its_line(script: str, text: str) -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="line") as caught:
            await peer.play(script)
        assert str(caught.value).startswith(text)


async def test_of_a_script_that_cannot_be_read_nothing_is_run() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ValueError, match="line 2"):
            await peer.play("> hello\nhello")
        await peer.expect_nothing()


# ----------------------------------------------------------------------------------- what comes out


async def test_the_first_line_that_fails_is_named() -> None:
    async with connect(echo) as peer:
        with pytest.raises(ExpectationFailed, match=r"^line 3 of the script, '< b': ") as caught:
            await peer.play("> a\n> a\n< b\n< c")
        assert (caught.value.expected, caught.value.received) == ("b", "a")
        await peer.expect("a")


async def test_the_handlers_exception_names_the_line_in_a_note() -> None:
    async def crash(ws: WebSocket) -> None:
        async with ws:
            await ws.receive()
            raise ZeroDivisionError

    async with connect(crash) as peer:
        with pytest.raises(ZeroDivisionError) as caught:
            await peer.play("> a\n< b")
        assert caught.value.__notes__ == ["line 2 of the script, '< b'"]


async def test_a_send_to_a_handler_that_has_closed_names_the_line_in_a_note() -> None:
    async with connect(greet) as peer:
        with pytest.raises(WebSocketDisconnectError) as caught:
            await peer.play("> HELLO 1\n< ACK\n> bye\n< close 1000\n> hello?")
        assert caught.value.__notes__ == ["line 5 of the script, '> hello?'"]


async def test_a_script_after_the_peers_own_close_is_refused() -> None:
    async with connect(echo) as peer:
        await peer.close()
        with pytest.raises(WebSocketHandshakeError, match="this end has closed"):
            await peer.play("> a")
    assert peer.close_info == CloseInfo(1000, "", "peer")


# ------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": 1, "b": [2, 3]}', '{"b":[2,3],"a":1}'),
        ("[1,2]", "[1, 2]"),
        ('"caf\\u00e9"', '"café"'),
        ("null", " null "),
        ("NaN", "NaN"),
        ("text", "text"),
        ("", ""),
    ],
)
async def test_a_line_of_json_compares_as_json(line: str, message: str) -> None:
    async with connect(say, message=message) as peer:
        await peer.play(f"< {line}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1", "true"),
        ("1", "1.0"),
        ("[1, 2]", "[2, 1]"),
        ('{"a": 1}', "{a: 1}"),
        ("{a: 1}", '{"a": 1}'),
        ('"text"', "text"),
        ("text", "Text"),
        ("text", b"text"),
        ("1", b"1"),
    ],
)
async def test_anything_else_is_different(line: str, message: str | bytes) -> None:
    async with connect(say, message=message) as peer:
        with pytest.raises(ExpectationFailed):
            await peer.play(f"< {line}")


async def test_a_long_line_of_json_is_told_apart_by_where_it_differs() -> None:
    async with connect(say, message='{"words": "' + "a" * 99 + '", "is": true}') as peer:
        with pytest.raises(ExpectationFailed) as caught:
            await peer.play('< {"is": 1, "words": "' + "a" * 99 + '"}')
    assert "(different at $.is: 1 expected, True received)" in str(caught.value)


async def test_a_long_line_is_told_from_one_that_begins_alike() -> None:
    async with connect(say, message="a" * 99 + "b") as peer:
        with pytest.raises(
            ExpectationFailed, match="the same for 99 characters, then 'c' expected"
        ):
            await peer.play("< " + "a" * 99 + "c")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab\"'é ", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=3), inner),
    max_leaves=8,
)


@given(value=json_values)
def test_any_json_is_the_same_however_it_is_written(value: object) -> None:

    assert same(json.dumps(value, indent=None), json.dumps(value, ensure_ascii=False, indent=1))
