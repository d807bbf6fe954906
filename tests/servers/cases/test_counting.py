"""Ten thousand messages a server: none lost, none twice, none out of order."""

from __future__ import annotations

import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.servers import wire
from tests.servers.launch import eventually

if TYPE_CHECKING:
    from tests.servers.conftest import Same, Together
    from tests.servers.launch import Server

TOTAL = 10_000
SEED = 4


def count(server: Server, where: str, total: int) -> dict[str, object]:
    """Send numbers in bursts, each after the handler's timeouts have begun to come."""
    random = Random(SEED)  # noqa: S311 - no secret
    story = server.story()
    with server.open(f"/router/count?where={where}&seed={SEED}", story) as peer:
        peer.wait_at_most(5 if where == "group" else 0.5)
        number = 0
        while number < total:
            burst = range(number, min(number + random.randrange(1, 100), total))
            for each in (burst[: len(burst) // 2], burst[len(burst) // 2 :]):
                peer.send(*(wire.text(str(number)) for number in each))
            number = burst.stop
            with suppress(TimeoutError):  # where a whole burst is lost, none says so
                while peer.message() != "idle":
                    pass
            time.sleep(random.choice((0, 0.001, 0.004)))

        def over() -> bool:
            with suppress(OSError):  # it has counted and closed
                peer.send(wire.text("end"))
            return bool(story.all("counted"))

        eventually(over, timeout=40)
        counted = story.wait("counted")
    assert counted["timeouts"] > total // 100  # one a burst, and more
    lost = total - counted["got"]
    return {"lost": lost, "twice": counted["twice"], "in order": counted["in_order"]}


def in_one_group(server: Server) -> dict[str, object]:
    return count(server, "group", TOTAL)


def in_many_groups(server: Server) -> dict[str, object]:
    return count(server, "groups", TOTAL // 4)


def without_a_group(server: Server) -> dict[str, object]:
    return count(server, "plain", TOTAL // 4)


NONE_LOST = {"lost": 0, "twice": 0, "in order": True}


@pytest.mark.rule(5)
def test_no_message_is_lost_by_timeouts_in_a_task_group(
    server: Server, same: Same, together: Together
) -> None:
    same(together(in_one_group), NONE_LOST)


@pytest.mark.rule(5)
def test_no_message_is_lost_where_task_groups_come_and_go(
    server: Server, same: Same, together: Together
) -> None:
    same(together(in_many_groups), NONE_LOST)


@pytest.mark.rule(5)
def test_no_message_is_lost_by_timeouts_without_a_task_group(
    server: Server, same: Same, together: Together
) -> None:
    same(together(without_a_group), NONE_LOST)


def test_ten_thousand_messages_go_out_in_order(server: Server, same: Same) -> None:
    with server.open(f"/router/number?total={TOTAL}", server.story()) as peer:
        got = [peer.message() for _ in range(TOTAL)]
        same((got == [str(number) for number in range(TOTAL)], str(peer.end())), (True, "1000"))
