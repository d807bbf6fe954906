"""How a figure is made that holds on a noisy machine.

All candidates of a case are measured in one process. Each round measures every candidate once, in
a shuffled order, for some milliseconds of CPU time, with the garbage collector off. So a slow
moment of the machine meets all of them alike; and what is kept is not a time but a ratio within
one round, which ``estimating`` makes. The first candidate is the baseline, and the second is the
baseline once more: the control, whose ratio would be 1 on a machine without noise.
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

# CPU seconds of one sample, and of one when it only has to be shown that all runs.
SAMPLE = 0.006
QUICK_SAMPLE = 0.0003

# The most units that a sample may have.
MOST_UNITS = 1_000_000


class Candidate(NamedTuple):
    """One way to do a case's work.

    Attributes:
        name: As the tables show it.
        measure: Does so many units of the work and says what they cost together, in CPU seconds
            or bytes.
        units: How many units a sample has; None: as many as it takes to fill its time.
    """

    name: str
    measure: Callable[[int], float]
    units: int | None = None


def take_rounds(
    candidates: Sequence[Candidate],
    rounds: int,
    *,
    sample: float = SAMPLE,
    shuffle: Callable[[list[Candidate]], None] = random.shuffle,
) -> dict[str, list[float]]:
    """Measure every candidate once a round.

    The first round is a warm-up, in which also the samples' sizes are found; it is not kept.

    Args:
        candidates: The candidates, each under a name of its own.
        rounds: How many rounds to keep.
        sample: CPU seconds that a sample should take.
        shuffle: Puts the candidates of a round in some order, in place.

    Returns:
        What one unit cost, by candidate, one figure a round.
    """
    costs: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    with _collected_between():
        units = {each.name: each.units or fill(each.measure, sample) for each in candidates}
        for _ in range(rounds):
            order = list(candidates)
            shuffle(order)
            for candidate in order:
                count = units[candidate.name]
                costs[candidate.name].append(_measure(candidate.measure, count) / count)
    return costs


def fill(measure: Callable[[int], float], sample: float) -> int:
    """How many units take about ``sample`` CPU seconds, one at least."""
    units = 1
    while True:
        cost = _measure(measure, units)
        if cost >= sample / 2 or units >= MOST_UNITS:
            return max(1, round(units * sample / cost)) if cost else units
        units = min(MOST_UNITS, units * 4)


@contextlib.contextmanager
def _collected_between() -> Generator[None]:
    """No collector on its own account, and what is there already is none of its business."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _measure(measure: Callable[[int], float], units: int) -> float:
    gc.collect()
    return measure(units)
