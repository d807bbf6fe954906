"""chanx, on Django Channels."""

from __future__ import annotations

import logging
from typing import Any, Literal

import django
import structlog
from channels.routing import URLRouter
from django.conf import settings
from django.urls import path

if not settings.configured:
    settings.configure(INSTALLED_APPS=["channels", "rest_framework", "chanx.channels"])
    django.setup()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

from chanx.channels.websocket import AsyncJsonWebsocketConsumer
from chanx.core.decorators import ws_handler
from chanx.messages.base import BaseMessage

from tests.benchmarks.adapter import App, Library


class PlayerMessage(BaseMessage):
    """The model of five fields, plus the two that chanx asks for."""

    action: Literal["player"] = "player"
    payload: None = None
    id: int
    name: str
    score: float
    online: bool
    tags: list[str]


class Join(BaseMessage):
    action: Literal["join"] = "join"
    payload: None = None
    room: str
    name: str


class Leave(BaseMessage):
    action: Literal["leave"] = "leave"
    payload: None = None
    room: str


class Say(BaseMessage):
    action: Literal["say"] = "say"
    payload: None = None
    room: str
    text: str
    to: list[str]


class Move(BaseMessage):
    action: Literal["move"] = "move"
    payload: None = None
    x: float
    y: float
    running: bool


class Draw(BaseMessage):
    action: Literal["draw"] = "draw"
    payload: None = None
    points: list[tuple[int, int]]
    color: str


class Buy(BaseMessage):
    action: Literal["buy"] = "buy"
    payload: None = None
    item: int
    count: int
    price: float


class Rename(BaseMessage):
    action: Literal["rename"] = "rename"
    payload: None = None
    name: str


class Invite(BaseMessage):
    action: Literal["invite"] = "invite"
    payload: None = None
    room: str
    names: list[str]


class Vote(BaseMessage):
    action: Literal["vote"] = "vote"
    payload: None = None
    question: int
    yes: bool


class Ping(BaseMessage):
    action: Literal["ping"] = "ping"
    payload: None = None
    sent: float


class _Events(AsyncJsonWebsocketConsumer[BaseMessage]):
    @ws_handler(output_type=Join)
    async def join(self, message: Join) -> Join:
        return message

    @ws_handler(output_type=Leave)
    async def leave(self, message: Leave) -> Leave:
        return message

    @ws_handler(output_type=Say)
    async def say(self, message: Say) -> Say:
        return message

    @ws_handler(output_type=Move)
    async def move(self, message: Move) -> Move:
        return message

    @ws_handler(output_type=Draw)
    async def draw(self, message: Draw) -> Draw:
        return message

    @ws_handler(output_type=Buy)
    async def buy(self, message: Buy) -> Buy:
        return message

    @ws_handler(output_type=Rename)
    async def rename(self, message: Rename) -> Rename:
        return message

    @ws_handler(output_type=Invite)
    async def invite(self, message: Invite) -> Invite:
        return message

    @ws_handler(output_type=Vote)
    async def vote(self, message: Vote) -> Vote:
        return message

    @ws_handler(output_type=Ping)
    async def ping(self, message: Ping) -> Ping:
        return message


def _app(consumer: Any) -> App:
    app: App = URLRouter([path("echo", consumer.as_asgi())])
    return app


ADAPTER = Library("chanx", {"union": {"ws_handler": _app(_Events)}})
