"""Show the testing kit's servers: ``python docs/profiles.py`` rewrites the table of their habits.

It is the part of ``reference/testing.md`` between two markers. A test fails while it differs from
``websocket_kit.testing._profiles``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from websocket_kit.testing._profiles import PROFILES, Profile

PAGE = Path(__file__).parent / "reference" / "testing.md"
MARKERS = ("<!-- made by docs/profiles.py -->\n", "<!-- until here -->\n")


def _code(code: int | None) -> str:
    return "what was sent" if code is None else str(code)


def _more(profile: Profile) -> str:
    more = profile.more_receives
    if not more:
        return "waits for ever"
    return "1005" if more == math.inf else f"1005 {more:g} time, then waits for ever"


def _body(profile: Profile) -> str:
    if not profile.offers_denial:
        return "not offered"
    return "yes" if profile.body_events == math.inf else "yes, of one body event"


def _scope(profile: Profile) -> str:
    oddities = [f"no `{key}`" for key in sorted(profile.leaves_out)]
    oddities += ["`client` is a list"] * profile.client_is_list
    oddities += ["ports are `str`"] * profile.ports_are_text
    return ", ".join(oddities) or "has every key"


def _version(profile: Profile) -> str:
    version: str = profile.scope["asgi"].get("spec_version", "none")
    return version


# What a row is called, and what a profile has in it.
ROWS: dict[str, Callable[[Profile], str]] = {
    "ASGI's spec_version": _version,
    "the scope": _scope,
    "an HTTP answer to a handshake": _body,
    "headers given to accept": lambda p: "arrive" if p.keeps_headers else "are dropped",
    "a subprotocol that was not offered": lambda p: "sent" if p.takes_unoffered else "raises",
    "the event of a binary message": lambda p: (
        "has `text: None`" if p.text_is_none else "no `text`"
    ),
    "an empty message": lambda p: "arrives" if p.sends_empty else "is dropped",
    "the peer closes: the code received": lambda p: _code(p.peer_code),
    "the peer closes: its reason": lambda p: "arrives" if p.peer_reason else "is dropped",
    "the peer is gone: the code received": lambda p: _code(p.gone_code),
    "a receive after a disconnect": _more,
    "a receive after the app's own close": lambda p: _code(p.own_close_code),
    "a receive after a rejection": lambda p: str(p.rejected_code or "waits for ever"),
    "a send to a peer that is gone": lambda p: (
        "raises `OSError`" if p.send_to_gone == "raises" else "is ignored"
    ),
    "a close code from 1001 to 2999": lambda p: "raises" if p.refuses_reserved else "sent",
    "a close code of 999": lambda p: "raises" if p.checks_close or p.refuses_reserved else "sent",
    "a close reason over 123 bytes": lambda p: "raises" if p.checks_close else "cut",
    "the app's close reason": lambda p: "arrives" if p.closes_with_reason else "is dropped",
    "the app crashes": lambda p: _code(p.crash_code),
    "the app crashes before accept": lambda p: f"HTTP {p.crash_status}",
    "a cancelled receive": lambda p: "loses a message" if p.loses_cancelled else "loses nothing",
}


def tabulate() -> str:
    """The servers and their habits, as a Markdown table."""
    lines = [f"| | {' | '.join(PROFILES)} |", f"|---|{'---|' * len(PROFILES)}"]
    for row, cell in ROWS.items():
        lines.append(f"| {row} | {' | '.join(map(cell, PROFILES.values()))} |")
    return "\n".join(lines) + "\n"


def insert(page: str, table: str) -> str:
    """The page with the table between its markers."""
    before, rest = page.split(MARKERS[0])
    _, after = rest.split(MARKERS[1])
    return f"{before}{MARKERS[0]}\n{table}\n{MARKERS[1]}{after}"


if __name__ == "__main__":
    PAGE.write_text(insert(PAGE.read_text("utf-8"), tabulate()), encoding="utf-8")
