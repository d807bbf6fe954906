"""A property test: Hypothesis looks for a dialogue that breaks the handler."""

from hypothesis import given, settings
from hypothesis import strategies as st

from websocket_kit import WebSocket
from websocket_kit.testing import connect, run


async def add_up(ws: WebSocket[int]) -> None:
    """Answer each number with the sum of all so far."""
    total = 0
    async with ws:
        async for number in ws:
            total += number
            await ws.send(total)


@settings(deadline=None)  # the kit has time limits of its own, of virtual seconds
@given(st.lists(st.integers()))
def test_the_last_answer_is_the_sum_of_all(numbers: list[int]) -> None:
    async def check() -> None:
        async with connect(add_up) as peer:
            answers = [await peer.pair(number, tp=int) for number in numbers]
            assert answers[-1:] == ([sum(numbers)] if numbers else [])

    run(check)
