"""A dialogue written down, read into steps."""

from __future__ import annotations

import json
import math
from typing import Any, Literal, NamedTuple

from websocket_kit.closing import CloseCode, is_sendable_code

# What a peer may see as a close code, beside those that may be sent.
_UNSENDABLE = {1005, 1006}


class Step(NamedTuple):
    """One line of a script.

    Attributes:
        number: The line's number, from 1.
        line: The line, as it was written.
        does: The peer sends a message, the handler must send one, nothing comes for a while, the
            handler must close, or the peer closes.
        text: The message, or the close reason; None: any reason, or none to send.
        seconds: How long nothing comes.
        code: The close code.
    """

    number: int
    line: str
    does: Literal["send", "expect", "silence", "expect close", "close"]
    text: str | None = None
    seconds: float = 0
    code: int = 0


def parse_script(script: str) -> list[Step]:
    """Read a script.

    A line is ``> message``, ``< message``, ``~ seconds``, ``< close CODE [REASON]`` or
    ``> close [CODE [REASON]]``.

    Raises:
        ValueError: A line is none of these; the text begins with its number.
    """
    steps: list[Step] = []
    for number, written in enumerate(script.splitlines(), 1):
        line = written.strip()
        if line and not line.startswith("#"):
            try:
                steps.append(_parse_line(number, line))
            except ValueError as error:
                msg = f"line {number} of the script, {line!r}: {error}"
                raise ValueError(msg) from None
    return steps


def _parse_line(number: int, line: str) -> Step:
    sign, text = line[0], line[1:]
    if sign not in {">", "<", "~"} or text[:1].strip():
        msg = (
            "write '> message' (the peer sends), '< message' (the handler must),"
            " '~ seconds' (silence), '< close CODE [REASON]' or '> close [CODE [REASON]]'"
        )
        raise ValueError(msg)
    text = text[1:]
    if sign == "~":
        return Step(number, line, "silence", seconds=_read_seconds(text))
    if text == "close" or text.startswith("close "):
        return _read_close(number, line, sign, text.removeprefix("close").lstrip())
    return Step(number, line, "send" if sign == ">" else "expect", text)


def _read_close(number: int, line: str, sign: str, text: str) -> Step:
    code, _, reason = text.partition(" ")
    if sign == ">":
        code = code or str(CloseCode.NORMAL_CLOSURE.value)
        return Step(number, line, "close", reason or None, code=_read_code(code, sign, set()))
    seen = _read_code(code, sign, _UNSENDABLE)
    return Step(number, line, "expect close", reason or None, code=seen)


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        msg = "silence is a number of seconds, 0 or more, as '~ 4.9'"
        raise ValueError(msg)
    return seconds


def _read_code(text: str, sign: str, others: set[int]) -> int:
    code = int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else 0
    if not is_sendable_code(code) and code not in others:
        msg = f"{text!r} is no close code, as in '{sign} close 1000'"
        raise ValueError(msg)
    return code


def same(expected: str, message: str | bytes) -> bool:
    """Whether a message is what a line says: as JSON, if the line is JSON, else as text."""
    if isinstance(message, bytes):
        return False
    if message == expected:
        return True
    try:
        # Compared as text again: 1, 1.0 and true are equal in Python.
        return _canonical(expected) == _canonical(message)
    except ValueError:
        return False


def as_json(text: str) -> Any:
    """What a line holds if it is JSON of more than one value, else the line."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    return value if type(value) in {dict, list} else text


def _canonical(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)
