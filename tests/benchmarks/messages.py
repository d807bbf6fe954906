"""What the peer sends in the benchmarks: texts, a dict, a model, a union of ten models."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter

TEXTS = ["hello, how are you?"]

ORDER: dict[str, Any] = {
    "id": 4711,
    "name": "Ada Lovelace",
    "tags": ["engine", "notes"],
    "price": 12.5,
    "paid": True,
    "address": {"city": "London"},
}
DICTS = [json.dumps(ORDER)]


class Player(BaseModel):
    """A model of five fields."""

    id: int
    name: str
    score: float
    online: bool
    tags: list[str]


PLAYERS = [
    '{"id":17,"name":"Ada","score":98.5,"online":true,"tags":["chess","go"]}',
]
PLAYER: TypeAdapter[Player] = TypeAdapter(Player)


class Join(BaseModel):
    action: Literal["join"]
    room: str
    name: str


class Leave(BaseModel):
    action: Literal["leave"]
    room: str


class Say(BaseModel):
    action: Literal["say"]
    room: str
    text: str
    to: list[str]


class Move(BaseModel):
    action: Literal["move"]
    x: float
    y: float
    running: bool


class Draw(BaseModel):
    action: Literal["draw"]
    points: list[tuple[int, int]]
    color: str


class Buy(BaseModel):
    action: Literal["buy"]
    item: int
    count: int
    price: float


class Rename(BaseModel):
    action: Literal["rename"]
    name: str


class Invite(BaseModel):
    action: Literal["invite"]
    room: str
    names: list[str]


class Vote(BaseModel):
    action: Literal["vote"]
    question: int
    yes: bool


class Ping(BaseModel):
    action: Literal["ping"]
    sent: float


Event: TypeAlias = Annotated[
    Join | Leave | Say | Move | Draw | Buy | Rename | Invite | Vote | Ping,
    Field(discriminator="action"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)

EVENTS = [
    '{"action":"join","room":"lobby","name":"Ada"}',
    '{"action":"leave","room":"lobby"}',
    '{"action":"say","room":"lobby","text":"hello, how are you?","to":["Grace","Alan"]}',
    '{"action":"move","x":10.5,"y":-3.25,"running":true}',
    '{"action":"draw","points":[[1,2],[3,4],[5,6]],"color":"red"}',
    '{"action":"buy","item":4711,"count":2,"price":12.5}',
    '{"action":"rename","name":"Countess"}',
    '{"action":"invite","room":"lobby","names":["Grace","Alan"]}',
    '{"action":"vote","question":7,"yes":false}',
    '{"action":"ping","sent":1234567.5}',
]
