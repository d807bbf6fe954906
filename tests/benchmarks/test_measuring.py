"""The protocol of the rounds."""

from __future__ import annotations

import gc

from tests.benchmarks.measuring import Candidate, fill, take_rounds


def test_every_round_measures_every_candidate_once_in_its_own_order() -> None:
    order: list[str] = []

    def candidate(name: str) -> Candidate:
        def measure(_count: int) -> float:
            order.append(name)
            return 1.0

        return Candidate(name, measure, units=1)

    take_rounds([candidate("a"), candidate("b")], 2, shuffle=lambda these: these.reverse())
    assert order == ["b", "a", "b", "a"]


def test_a_cost_is_that_of_one_unit() -> None:
    def measure(count: int) -> float:
        return 3.0 * count

    costs = take_rounds([Candidate("a", measure, units=4)], 2)
    assert costs == {"a": [3.0, 3.0]}


def test_a_sample_has_as_many_units_as_fill_its_time() -> None:
    assert fill(lambda count: count * 0.001, 0.02) == 20


def test_a_sample_has_one_unit_at_least() -> None:
    assert fill(lambda count: count * 5.0, 0.02) == 1


def test_what_costs_nothing_measurable_is_not_tried_for_ever() -> None:
    assert fill(lambda _count: 0.0, 0.02) == 1_000_000


def test_filling_is_not_among_the_rounds() -> None:
    """It is the warm-up."""
    counts: list[int] = []

    def measure(count: int) -> float:
        counts.append(count)
        return count * 0.001

    assert len(take_rounds([Candidate("a", measure)], 3, sample=0.01)["a"]) == 3
    assert counts == [1, 4, 16, 10, 10, 10][-len(counts) :]


def test_the_collector_is_off_while_measuring_and_on_afterwards() -> None:
    seen: list[bool] = []

    def measure(_count: int) -> float:
        seen.append(gc.isenabled())
        return 1.0

    take_rounds([Candidate("a", measure, units=1)], 1)
    assert (seen, gc.isenabled()) == ([False], True)
