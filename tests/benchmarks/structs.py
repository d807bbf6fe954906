"""The messages of the benchmarks once more, for Litestar, whose own data types are msgspec's."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class PlayerStruct(Struct):
    id: int
    name: str
    score: float
    online: bool
    tags: list[str]


class Join(Struct, tag_field="action", tag="join"):
    room: str
    name: str


class Leave(Struct, tag_field="action", tag="leave"):
    room: str


class Say(Struct, tag_field="action", tag="say"):
    room: str
    text: str
    to: list[str]


class Move(Struct, tag_field="action", tag="move"):
    x: float
    y: float
    running: bool


class Draw(Struct, tag_field="action", tag="draw"):
    points: list[tuple[int, int]]
    color: str


class Buy(Struct, tag_field="action", tag="buy"):
    item: int
    count: int
    price: float


class Rename(Struct, tag_field="action", tag="rename"):
    name: str


class Invite(Struct, tag_field="action", tag="invite"):
    room: str
    names: list[str]


class Vote(Struct, tag_field="action", tag="vote"):
    question: int
    yes: bool


class Ping(Struct, tag_field="action", tag="ping"):
    sent: float


EventStruct: TypeAlias = Join | Leave | Say | Move | Draw | Buy | Rename | Invite | Vote | Ping
